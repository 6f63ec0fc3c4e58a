"""A worker may die at any statement to the database: what it was at is gone on with, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.records.models import Stream
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import start_run
from integrations.sync.stages import Done
from tests.journeys.stories import Killed
from tests.sync.toys import Toy
from tests.sync.words import go_on

pytestmark = pytest.mark.django_db(transaction=True)

PARTS, EACH = 4, 3  # every third statement, spread over tests that run side by side


class Deadly:
    """Lets so many statements through; the next kills the worker, of which nothing runs from then on."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, *statement: Any) -> Any:
        if self.left <= 0:
            raise Killed("before a statement")
        self.left -= 1
        return execute(*statement)


def killed_at(number: int, run: Run) -> bool:
    """Carries the run on with a worker that is killed before its statement of this number; False where it lived."""
    try:
        with connection.execute_wrapper(Deadly(number)):
            go_on(run)
    except Killed:
        connection.close()
        return True
    return False


def brought_to_its_end(run: Run) -> str:
    """Time passes, and other workers take the run up; gives its colour."""
    past = timezone.now() - timedelta(seconds=1)
    with transaction.atomic():
        for leased in (Run, Stream):
            leased.objects.exclude(leased_until=None).update(leased_until=past)
    for _ in range(10):
        if isinstance(go_on(run), Done):
            break
    return str(run.colour)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_worker_that_is_killed_at_any_statement_does_nothing_twice_and_leaves_nothing_out(
    part: int, shop: Toy, books: Toy, bring: Callable[..., Flow]
) -> None:
    flow = bring("customer", policy={"brakes": {"updates_at_least": 1000}})
    shop.put("customer", "first", name="First", phone="0")
    go_on(start_run(flow, by="test"))
    number, lived = part * EACH, False
    while not lived:
        shop.put("customer", f"{number:03}", name=f"Customer {number}")
        shop.put("customer", "first", phone=f"{number}")
        run = start_run(flow, by="test")

        lived = not killed_at(number, run)

        assert brought_to_its_end(run) == "green", number
        names = [row["name"] for row in books.rows["customer"].values()]
        assert sorted(names) == sorted(row["name"] for row in shop.rows["customer"].values()), number
        assert books.rows["customer"]["100"]["phone"] == f"{number}"
        number += PARTS * EACH
    assert number > 100
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()
        assert not Call.objects.exclude(state=Call.State.SETTLED).filter(purpose=Call.Purpose.WRITE).exists()
        assert not Item.objects.filter(state__in=Item.OPEN).exists()
    creates = [write["body"]["name"] for write in books.sent if write["operation"] == "create"]
    assert len(creates) == len(set(creates))
