"""Words for stories with QuickBooks Desktop: its PC, the web connector on it, and a worker that is up while it visits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field

from django.db import connection as database
from django.db import transaction
from django.test import Client

from integrations.connections.callers import invitation, new_password
from integrations.connections.models import Connection
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop, Visit, WebConnector
from integrations.sync.models import Flow, Run
from integrations.sync.services import start_run
from integrations.sync.stages import Done
from tests.conftest import Visitor
from tests.journeys.stories import go_on

ADDRESS = "/polled/quickbooks_desktop/"
ORDER = ("customer", "item", "invoice", "credit_note")
LONGEST = 120.0  # seconds that one run may take here


@dataclass
class Desk:
    """A PC with QuickBooks and its web connector, to which the .qwc file of our connection was added."""

    program: QuickBooksDesktop
    connection: Connection
    client: Client = field(default_factory=Visitor)
    seen: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        password = new_password(self.connection, by=None)
        address = f"https://books.example{ADDRESS}"
        with transaction.atomic():
            qwc = invitation(self.connection, address=address, support="https://books.example/help")
        self.connector = WebConnector.from_qwc(self.program, qwc.body, password, post=self.post)

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Over the real door."""
        answer = self.client.post(
            ADDRESS, body, content_type=headers["Content-Type"], headers={"SOAPAction": headers["SOAPAction"]}
        )
        return answer.status_code, answer.content

    def visit(self) -> Visit:
        self.seen.append(self.connector.visit())
        return self.seen[-1]


def run_one(flow: Flow, *desks: Desk) -> Run:
    """A run of the flow to its end, while the web connectors visit again and again and a worker is up."""
    run = start_run(flow, by="test")
    finish(run, *desks)
    return run


def run_all(flows: dict[str, Flow], *desks: Desk, order: Sequence[str] = ORDER) -> dict[str, Run]:
    """All flows, in the order in which records refer to each other."""
    return {name: run_one(flows[name], *desks) for name in order}


def finish(run: Run, *desks: Desk) -> None:
    """Carries a run on to its end."""
    give_up = time.monotonic() + LONGEST
    with working(run) as ended:
        while not ended.is_set() and time.monotonic() < give_up:
            for desk in desks:
                desk.visit()
            ended.wait(0.05)
    with transaction.atomic():
        run.refresh_from_db()
    assert ended.is_set(), f"the run does not end: {run.stage}, {run.words}"


@contextmanager
def working(run: Run) -> Iterator[threading.Event]:
    """A worker that takes one slice of the run after the other; the event says that the run has ended."""
    ended, stopped, errors = threading.Event(), threading.Event(), []

    def work() -> None:
        try:
            while not stopped.is_set():
                with transaction.atomic():
                    fresh = Run.objects.get(pk=run.pk)
                if isinstance(go_on(fresh), Done):
                    break
                time.sleep(0.02)
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()
            database.close()

    worker = threading.Thread(target=copy_context().run, args=(work,))
    worker.start()
    try:
        yield ended
    finally:
        stopped.set()
        worker.join(LONGEST)
    with suppress(IndexError):
        raise errors[0]
