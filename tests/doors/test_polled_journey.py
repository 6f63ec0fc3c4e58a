"""Whole stories over a vendor that polls us: read and written in visits, stopped anywhere, and each record once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from integrations.connections.models import Connection, Errand
from integrations.connections.services import save_connection
from integrations.mapping.models import Mapping
from integrations.mapping.services import save_mapping
from integrations.sync.models import Call, Flow, Run
from integrations.sync.services import cancel_run, save_flow, start_run
from integrations.sync.stages import Done
from tests.mount import mounted
from tests.polled import Runner
from tests.sync.toys import ADDRESS, Toy
from tests.sync.words import CUSTOMER, go_on

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[[Connection, Connection], Flow]


@pytest.fixture
def other_end(connectors: dict[str, Any]) -> Iterator[Toy]:
    """A vendor that we call."""
    simulator = Toy()
    with mounted(simulator, f"{ADDRESS}/books"):
        yield simulator


@pytest.fixture
def called(tenant: Any, other_end: Toy) -> Connection:
    """A connection to it."""
    return save_connection(Connection(name="Books", connector="books"), by=None)


@pytest.fixture
def bring() -> Bring:
    """Makes a flow of customers."""

    def made(source: Connection, target: Connection) -> Flow:
        mapping = Mapping(name="m", kind_from="customer", kind_to="customer", changes={"put": CUSTOMER})
        with transaction.atomic():
            mapping = save_mapping(mapping, by=None)
        flow = Flow(name="Customers", source=source, source_object="customer", target=target,
                    target_object="customer", mapping=mapping)  # fmt: skip
        return save_flow(flow, by=None)

    return made


def customers(toy: Toy, number: int) -> None:
    for each in range(number):
        toy.put("customer", f"{each:03}", name=f"Customer {each}")


def names(toy: Toy) -> list[str]:
    return sorted(row["name"] for row in toy.rows["customer"].values())


def carry_out_in_visits(run: Run, runner: Runner, *, most: int = 30) -> int:
    """Slices of the run and visits of the runner by turns, to the run's end; gives how many visits it took."""
    for visits in range(most):
        if isinstance(go_on(run), Done):
            return visits
        runner.visit(patience=1)
    raise AssertionError(f"the run does not end: {run.words}")


def test_a_list_is_read_over_several_visits(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(runner.toy, 10)
    runner.toy.page_size = 4
    run = start_run(bring(known, called), by="test")

    visits = carry_out_in_visits(run, runner)

    assert run.colour == "green"
    assert names(other_end) == [f"Customer {each}" for each in range(10)]
    assert visits >= 3, "a page is asked for when the one before is here"


def test_with_a_worker_at_hand_one_visit_reads_it_all(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(runner.toy, 10)
    runner.toy.page_size = 4
    run = start_run(bring(known, called), by="test")
    go_on(run)

    def work() -> None:
        while not isinstance(go_on(run), Done):
            pass
        database.close()

    worker = threading.Thread(target=copy_context().run, args=(work,))
    runner.sign_in()
    worker.start()
    while (told := runner.ask())["reply"] in ("Take", "NothingNow"):
        if told["reply"] == "Take":
            runner.carry_out(told["request"])
    worker.join(timeout=60)

    with transaction.atomic():
        run.refresh_from_db()
    assert run.colour == "green"
    assert len(names(other_end)) == 10
    assert runner.heard.count("Welcome") == 1


def test_an_answer_wakes_the_run_that_waits_for_it(
    known: Connection, called: Connection, runner: Runner, bring: Bring
) -> None:
    run = start_run(bring(known, called), by="test")
    outcome = go_on(run)
    assert outcome.at > run.created_at
    runner.sign_in()
    runner.carry_out(runner.ask()["request"])
    with transaction.atomic():
        run.refresh_from_db()
        answered = Errand.objects.get().ended_at
    assert run.wake_at <= run.woken_at
    assert run.woken_at >= answered


def test_what_is_written_waits_for_the_next_visit_and_is_written_once(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(other_end, 7)
    run = start_run(bring(called, known), by="test")
    carry_out_in_visits(run, runner)
    assert run.colour == "green"
    assert names(runner.toy) == [f"Customer {each}" for each in range(7)]


def test_who_is_killed_between_fetching_and_answering_makes_nothing_twice(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(other_end, 3)
    run = start_run(bring(called, known), by="test")
    while not (written := _fetch_a_write(run, runner)):
        pass
    runner.done(written)  # it was done there, and then the computer died
    runner.say("Leaving")

    carry_out_in_visits(run, runner)

    assert run.colour == "green"
    assert names(runner.toy) == ["Customer 0", "Customer 1", "Customer 2"]
    with transaction.atomic():
        assert Call.objects.filter(purpose="look_up").exists(), "it was looked up before anything was sent again"


def test_who_is_killed_before_doing_it_does_it_after_the_look_up(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(other_end, 3)
    run = start_run(bring(called, known), by="test")
    while not _fetch_a_write(run, runner):
        pass
    runner.say("Leaving")

    carry_out_in_visits(run, runner)

    assert run.colour == "green"
    assert names(runner.toy) == ["Customer 0", "Customer 1", "Customer 2"]


def test_a_cancelled_run_takes_back_what_nobody_has_fetched(
    known: Connection, called: Connection, runner: Runner, other_end: Toy, bring: Bring
) -> None:
    customers(other_end, 3)
    run = start_run(bring(called, known), by="test")
    while True:
        go_on(run)
        with transaction.atomic():
            if Call.objects.filter(state="waiting").exists():
                break
        runner.visit()
    cancel_run(run, by=None)
    runner.visit()
    assert names(runner.toy) == []
    with transaction.atomic():
        assert Errand.objects.filter(state="withdrawn").count() == 1


def _fetch_a_write(run: Run, runner: Runner) -> dict[str, Any] | None:
    """The runner comes, and answers everything but a write, which it only fetches."""
    go_on(run)
    if not runner.sign_in()["work"]:
        return None
    while (told := runner.ask())["reply"] == "Take":
        if told["request"]["path"].endswith("/write"):
            written: dict[str, Any] = told["request"]
            return written
        runner.carry_out(told["request"])
    runner.say("Leaving")
    return None
