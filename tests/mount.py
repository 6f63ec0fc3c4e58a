"""Simulators in process: what a connector sends to a vendor's address goes to a WSGI application, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.test import EnvironBuilder, run_wsgi_app

from integrations.simulation.simulator import ConnectionCut, ReplyTooLate
from integrations.wire import http

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@contextmanager
def mounted(simulator: WSGIApplication, base_url: str) -> Iterator[None]:
    """Let `simulator` answer everything below `base_url`: to our driver, and to any client of `http.session()`."""
    http.mount(base_url, InProcess(simulator, base_url))
    try:
        yield
    finally:
        http.unmount(base_url)


class InProcess(BaseAdapter):
    """A transport that calls a WSGI application; mount it on any requests session to let another client drive it."""

    def __init__(self, app: WSGIApplication, base_url: str) -> None:
        super().__init__()
        self.app = app
        self.base_url = base_url.rstrip("/")
        self._builder = HTTPAdapter()

    def send(
        self, request: requests.PreparedRequest, *args: Any, timeout: Any = None, **kwargs: Any
    ) -> requests.Response:
        try:
            chunks, status, headers = run_wsgi_app(self.app, self._environ(request, timeout), buffered=True)
        except ConnectionCut as error:
            raise requests.ConnectionError(str(error)) from error
        except ReplyTooLate as error:
            raise requests.ReadTimeout(str(error)) from error
        body = HTTPResponse(
            BytesIO(b"".join(chunks)),
            headers=HTTPHeaderDict(headers),
            status=int(status.split()[0]),
            reason=status.partition(" ")[2],
            preload_content=False,
            request_method=request.method,
        )
        return self._builder.build_response(request, body)

    def close(self) -> None:
        self._builder.close()

    def _environ(self, request: requests.PreparedRequest, timeout: Any) -> dict[str, Any]:
        url = str(request.url)
        path, _, query = url[len(self.base_url) :].partition("?")
        root = urlsplit(self.base_url)
        body = request.body or b""
        environ = EnvironBuilder(
            method=request.method or "GET",
            base_url=f"{root.scheme}://{root.netloc}{root.path}/",
            path=path or "/",
            query_string=query,
            headers=[(name, str(value)) for name, value in request.headers.items()],
            data=body.encode() if isinstance(body, str) else body,
        ).get_environ()
        # How long the caller waits for the answer; a simulator told to be slow uses it instead of sleeping.
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        if patience is not None:
            environ["simulation.timeout"] = patience
        return environ
