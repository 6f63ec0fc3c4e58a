"""Several processes, each with tenants of its own, on one ledger that is really limited: over sockets, in PostgreSQL, in real time.

Its minute lasts ten seconds. What is claimed here holds on however slow a machine: the limits are never broken, who is
killed gives his place back, postings go first, everybody gets on. How much of a limit is used, and how strangers are learnt,
is shown in simulated time (tests/wire/test_limits_on_a_busy_ledger.py), where a machine's own delays do not count.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections

from integrations.connections import budgets
from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.wire.errors import TryLater
from integrations.wire.limits import Limits, Urgency
from integrations.wire.message import Answer
from tests.wire.strict_ledger import StrictLedger

pytestmark = pytest.mark.django_db(transaction=True)

SPEED = 6
LIMITS = Limits(
    per_minute=60,
    per_day=5000,
    at_once=5,
    remaining={"per_minute": "Minute-Left", "per_day": "Day-Left"},
    ledger=("realmId",),
).faster(SPEED)
SECONDS = 6.0
BOOKS = {"realmId": "9130000000000000001"}

log = logging.getLogger(__name__)  # pytest --log-cli-level=info shows the figures


class Vendor(socketserver.ThreadingTCPServer):
    """The strict ledger on a socket: each line is a call, and how long it takes to answer."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.ledger, self.lock, self.statuses = StrictLedger(speed=SPEED), threading.Lock(), [0, 0]
        self.most_at_once = 0


class Desk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        vendor: Any = self.server
        for line in self.rfile:
            with vendor.lock:
                said = vendor.ledger.arrive(time.monotonic())
                vendor.statuses[said.status == 429] += 1
                vendor.most_at_once = max(vendor.most_at_once, vendor.ledger.under_way)
            if said.status == 200:
                time.sleep(float(line))
                with vendor.lock:
                    vendor.ledger.leave()
            self.wfile.write(json.dumps(asdict(said)).encode() + b"\n")


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    connector("quickbooks_online")  # loaded before the processes are forked, not by each of them
    server = Vendor()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Tenant:
    """One of the tenants that share the ledger: its connection, and how long its calls had to wait."""

    def __init__(self, port: int) -> None:
        self.connection = Connection(
            tenant_id=uuid4(),
            connector="quickbooks_online",
            environment="production",
            settings=BOOKS,
            state=Connection.State.CONNECTED,
        )
        self.line = socket.create_connection(("127.0.0.1", port)).makefile("rw")

    def call(self, urgency: Urgency, *, takes: float = 0.02, timeout: float = 5.0) -> int:
        """One call, tried until there is room: its status."""
        while True:
            try:
                turn = budgets.spent(self.connection, LIMITS, seconds=timeout, urgency=urgency, batch=False)
                with turn as spending:
                    self.line.write(f"{takes}\n")
                    self.line.flush()
                    said = json.loads(self.line.readline())
                    headers = {"Minute-Left": str(said["minute_left"]), "Day-Left": str(said["day_left"])}
                    spending.hear(Answer(status=said["status"], headers=headers))
                return int(said["status"])
            except TryLater as later:
                time.sleep(later.retry_after or 0.1)


def process(work: Callable[[], Any], result: Path) -> Any:
    """A process of its own that does this, with a connection of its own to the database, and leaves what came of it."""

    def run() -> None:
        result.write_text(json.dumps(work()))
        os._exit(0)

    for each in connections.all():
        each.close()
    started = multiprocessing.get_context("fork").Process(target=run)
    started.start()
    return started


def worker(port: int, urgency: Urgency, tenants: int, rest: float, seed: int) -> dict[str, Any]:
    """What a worker does: call for its tenants in turn, with a pause after each, and count."""
    chance, statements = random.Random(seed), 0

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal statements
        statements += "integrations_budget" in sql
        return execute(sql, *rest)

    people, waits, until = [Tenant(port) for _ in range(tenants)], [], time.monotonic() + SECONDS
    served = [0] * tenants
    with connection.execute_wrapper(count):
        while time.monotonic() < until or not all(served):
            asked, number = time.monotonic(), len(waits) % tenants
            served[number] += people[number].call(urgency) == 200
            waits.append(time.monotonic() - asked)
            time.sleep(chance.uniform(0, 2 * rest))
    return {"waits": waits, "served": served, "statements": statements}


def test_thirty_tenants_in_three_processes_never_break_the_limit_and_all_get_on(vendor: Vendor, tmp_path: Path) -> None:
    port = vendor.server_address[1]
    jobs = [(Urgency.POSTING, 15, 0.15), (Urgency.READING, 15, 0.3), (Urgency.BACKFILL, 1, 0.0)]
    results = [tmp_path / f"{number}.json" for number in range(len(jobs))]
    started = [
        process(lambda job=job, number=number: worker(port, *job, seed=number), results[number])
        for number, job in enumerate(jobs)
    ]
    for each in started:
        each.join(60)

    posting, reading, backfill = (json.loads(result.read_text()) for result in results)
    answered, refused = vendor.statuses
    statements = sum(each["statements"] for each in (posting, reading, backfill))
    mean = {
        name: sum(each["waits"]) / len(each["waits"]) for name, each in (("posting", posting), ("backfill", backfill))
    }
    log.info(
        "%s answered, %s refused, at most %s at once, %.2f statements a call, a posting waits %.2f s, "
        "a backfill's call %.2f s, backfill %s calls",
        answered, refused, vendor.most_at_once,
        statements / answered, mean["posting"], mean["backfill"], len(backfill["waits"]),
    )  # fmt: skip
    assert refused == 0
    assert mean["posting"] < mean["backfill"]
    assert vendor.most_at_once <= 5
    assert all(posting["served"] + reading["served"] + backfill["served"])


def test_the_place_of_a_killed_worker_comes_back_by_itself(vendor: Vendor, tmp_path: Path) -> None:
    port = vendor.server_address[1]
    hung = [
        process(lambda: Tenant(port).call(Urgency.POSTING, takes=30, timeout=2.0), tmp_path / str(number))
        for number in range(5)
    ]
    until = time.monotonic() + 20
    while vendor.ledger.under_way < 5 and time.monotonic() < until:
        time.sleep(0.02)
    for each in hung:
        os.kill(each.pid or 0, signal.SIGKILL)
        each.join()
    vendor.ledger.under_way = 0  # their lines are cut, and so the vendor is done with them

    begun = time.monotonic()
    assert Tenant(port).call(Urgency.POSTING) == 200
    assert time.monotonic() - begun < 10
