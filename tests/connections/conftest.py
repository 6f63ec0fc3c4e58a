"""A company at QuickBooks whose vendor is reached over a real socket of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection, transaction
from werkzeug.serving import WSGIRequestHandler, make_server

from integrations.connections import authorise
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.connectors.registry import connector
from integrations.wire import http
from integrations.wire.message import Request
from tenants.models import Tenant
from tests.polled import connectors, counter_connection, known, runner

__all__ = ("connectors", "counter_connection", "known", "runner")  # the toy that polls us

CALLBACK = "http://localhost/connections/callback"


class Quiet(WSGIRequestHandler):
    """A server that writes no log."""

    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        pass


@pytest.fixture
def speed() -> float:
    """How fast the vendor's rate limits run; 0: it has none."""
    return 0.0


@pytest.fixture
def quickbooks(settings: Any, speed: float) -> Iterator[QuickBooksOnline]:
    simulator = QuickBooksOnline(limits=speed)
    server = make_server("127.0.0.1", 0, lambda environ, start: _below(simulator, environ, start), threaded=True, request_handler=Quiet)  # fmt: skip
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = f"http://127.0.0.1:{server.server_port}", int(speed)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    yield simulator
    server.shutdown()
    serving.join()


def _below(simulator: QuickBooksOnline, environ: dict[str, Any], start: Any) -> Any:
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/quickbooks_online")
    environ["SCRIPT_NAME"] = "/quickbooks_online"
    return simulator(environ, start)


@pytest.fixture
def books(tenant: Tenant, quickbooks: QuickBooksOnline) -> Connection:
    """A connection that a person has consented to."""
    quickbooks.auto_consent = next(iter(quickbooks.companies))
    VendorApp.objects.create(
        connector="quickbooks_online", environment="simulator", client_id="client", client_secret="sandbox"
    )
    made = Connection(name="QuickBooks", connector="quickbooks_online", environment="simulator")
    save_connection(made, by=None)
    consent(made)
    return made


def consent(books: Connection) -> None:
    """What the person's browser does: go to the vendor, agree, come back."""
    from django.conf import settings

    with transaction.atomic():
        url, kept = authorise.begin(books, redirect_uri=CALLBACK)
    with http.under_way(10, [settings.SANDBOX_URL]):
        answer = http.session().get(url, allow_redirects=False)
    params = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    authorise.complete(books, params, kept, by=None)


def question(books: Connection) -> Request:
    """A small thing to ask."""
    kind = connector(books.connector)
    from integrations.connections.site import site_of

    return kind.dialect.fetch(kind.stream("customer"), ["1"], site_of(books))


@transaction.atomic
def fresh(books: Connection) -> Connection:
    """The connection as another worker loads it."""
    return Connection.objects.get(pk=books.pk)


def at_once(number: int, work: Callable[[], Any]) -> list[Any]:
    """What this gives, or raises, in so many threads at the same moment."""
    ready, outcomes = threading.Barrier(number), []

    def one() -> None:
        ready.wait()
        try:
            outcomes.append(work())
        except Exception as error:
            outcomes.append(error)
        connection.close()

    threads = [threading.Thread(target=copy_context().run, args=(one,)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
