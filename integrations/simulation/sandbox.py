"""The sandbox: every connector's simulated vendor on one port, for the demo and for anybody's client."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # it has no types
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from .control import Control
from .simulator import Simulator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL = "_control"


def simulators() -> dict[str, type[Simulator]]:
    """Slug -> simulator class of every connector that has one."""
    connectors = importlib.import_module("integrations.connectors")
    found = {}
    for package in pkgutil.iter_modules(connectors.__path__, f"{connectors.__name__}."):
        if package.ispkg and importlib.util.find_spec(f"{package.name}.simulator"):
            vendor: type[Simulator] = importlib.import_module(f"{package.name}.simulator").SIMULATOR
            found[vendor.slug] = vendor
    return found


def application(state: Path | None, *, limits: float = 1.0) -> WSGIApplication:
    """All vendors under `/<slug>/…`, each with its control address at `/<slug>/_control/…`.

    `state` is the folder of their files (None: in memory); `limits` makes their rate limits that many times faster, 0 none.
    """
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
    vendors: dict[str, Simulator] = {
        slug: vendor(state=str(state / f"{slug}.sqlite3") if state else ":memory:", limits=limits)
        for slug, vendor in simulators().items()
    }
    mounts: dict[str, Any] = {}
    for slug, vendor in vendors.items():
        mounts[f"/{slug}"] = vendor
        mounts[f"/{slug}/{CONTROL}"] = Control(vendor)
    return DispatcherMiddleware(_index(vendors), mounts)


def serve(
    *,
    port: int,
    state: Path | None,
    host: str = "127.0.0.1",
    threads: int = 8,
    limits: float = 1.0,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serves until it is stopped: one process (the state has one owner), many threads, loopback unless told otherwise."""
    options = {
        "bind": f"{host}:{port}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": threads,
        "keepalive": 30,
        "timeout": 0,  # a vendor told to be slow is not hung
        "graceful_timeout": 2,
        "loglevel": "warning",
        "control_socket_disable": True,  # it would be one for all sandboxes of this user
    }
    _Server(lambda: application(state, limits=limits), options, ready).run()


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn is untyped
    """Gunicorn without a command line; the application is made in the worker, after the fork."""

    def __init__(
        self, make: Callable[[], WSGIApplication], options: Mapping[str, object], ready: Callable[[], None] | None
    ) -> None:
        self._make, self._options, self._ready = make, options, ready
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)
        if self._ready:
            self.cfg.set("when_ready", lambda server: self._ready())

    def load(self) -> WSGIApplication:
        return self._make()


def _index(vendors: Mapping[str, Simulator]) -> WSGIApplication:
    links = "".join(
        f'<li><b>{escape(slug)}</b> at <code>/{escape(slug)}/</code>, <a href="/{slug}/{CONTROL}/">control</a></li>'
        for slug in vendors
    )
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox vendors</title><h1>Sandbox vendors</h1><ul>{links}</ul>'

    def index(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = Request(environ).path == "/"
        answer = Response(page if found else "no such vendor", 200 if found else 404, mimetype="text/html")
        return answer(environ, start_response)

    return index
