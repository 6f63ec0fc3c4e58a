"""A worker may die at any statement to the database: what it was at is gone on with, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.connections.outstanding import Outstanding
from integrations.records.models import Stream
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import start_run
from integrations.sync.stages import Done
from tests.journeys.stories import Killed
from tests.sync.desk import Desk
from tests.sync.toys import Toy, toy
from tests.sync.words import go_on, time_passes

pytestmark = pytest.mark.django_db(transaction=True)

SLICES = 40  # that a run takes at most
PARTS, EACH = 4, 5  # every fifth statement, spread over tests that run side by side


class Deadly:
    """Lets so many statements through; the next kills the worker, of which nothing runs from then on."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, *statement: Any) -> Any:
        if self.left <= 0:
            raise Killed("before a statement")
        self.left -= 1
        return execute(*statement)


def killed_at(number: int, run: Run, pass_time: Callable[[], Any]) -> bool:
    """Carries the run on with workers of which one is killed before the statement of this number; False where all lived."""
    deadly = Deadly(number)
    for _ in range(SLICES):
        try:
            with connection.execute_wrapper(deadly):
                outcome = go_on(run)
        except Killed:
            connection.close()
            return True
        if isinstance(outcome, Done):
            return False
        pass_time()
    raise AssertionError(f"no end: {run.words}")


def brought_to_its_end(run: Run, pass_time: Callable[[], Any]) -> str:
    """Time passes, and other workers take the run up; gives its colour."""
    past = timezone.now() - timedelta(seconds=1)
    with transaction.atomic():
        for leased in (Run, Stream):
            leased.objects.exclude(leased_until=None).update(leased_until=past)
    for _ in range(SLICES):
        if isinstance(go_on(run), Done):
            break
        pass_time()
    return str(run.colour)


@pytest.fixture(params=["at once", "receipts", "polled"])
def pass_time(request: pytest.FixtureRequest, connectors: dict[str, Any], books: Toy) -> Callable[[], Any]:
    """What happens between two slices, with books that answer at once, on the second look, or when they come to us."""
    if request.param == "at once":
        return lambda: None
    if request.param == "receipts":
        books.looks = 1
        return time_passes
    connectors["books"] = toy("books", driver="polled")
    return Desk(books, request.getfixturevalue("target")).come


@pytest.mark.parametrize("part", range(PARTS))
def test_a_worker_that_is_killed_at_any_statement_does_nothing_twice_and_leaves_nothing_out(
    part: int, shop: Toy, books: Toy, pass_time: Callable[[], Any], bring: Callable[..., Flow]
) -> None:
    flow = bring("customer", policy={"brakes": {"updates_at_least": 1000}})
    shop.put("customer", "first", name="First", phone="0")
    brought_to_its_end(start_run(flow, by="test"), pass_time)
    number, lived = part * EACH, False
    while not lived:
        shop.put("customer", f"{number:03}", name=f"Customer {number}")
        shop.put("customer", "first", phone=f"{number}")
        run = start_run(flow, by="test")

        lived = not killed_at(number, run, pass_time)

        assert brought_to_its_end(run, pass_time) == "green", (number, run.words)
        names = [row["name"] for row in books.rows["customer"].values()]
        assert sorted(names) == sorted(row["name"] for row in shop.rows["customer"].values()), number
        assert books.rows["customer"]["100"]["phone"] == f"{number}"
        number += PARTS * EACH
    assert number > 100
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()
        assert not Call.objects.exclude(state=Call.State.SETTLED).filter(purpose=Call.Purpose.WRITE).exists()
        assert not Outstanding.objects.exists()
        assert not Item.objects.filter(state__in=Item.OPEN).exists()
    creates = [write["body"]["name"] for write in books.sent if write["operation"] == "create"]
    assert len(creates) == len(set(creates))
