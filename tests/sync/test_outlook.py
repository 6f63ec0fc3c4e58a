"""When a run will be over is told from its pace and from the vendor's limits, and not before anything can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.sync.models import Call, Flow, Item, Run
from integrations.sync.outlook import Outlook, outlook
from integrations.sync.services import start_run
from integrations.wire.limits import Limits
from tests.sync.toys import Toy
from tests.sync.words import go_on

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def customers(shop: Toy, number: int) -> None:
    for each in range(number):
        shop.put("customer", f"{each:03}", name=f"Customer {each}")


@pytest.fixture
def half_way(shop: Toy, books: Toy, bring: Bring) -> Run:
    """A run as it stands when ten records have gone in two calls, six seconds apart, and five more are planned."""
    customers(shop, 10)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    with transaction.atomic():
        for number, call in enumerate(Call.objects.filter(run=run, purpose=Call.Purpose.WRITE).order_by("pk")):
            Call.objects.filter(pk=call.pk).update(sent_at=timezone.now() - timedelta(seconds=6 * (2 - number)))
        again = Item.objects.filter(run=run).order_by("pk").values("pk")[:5]
        Item.objects.filter(pk__in=list(again.values_list("pk", flat=True))).update(state=Item.State.PLANNED)
        Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING, stage="applying")
        return Run.objects.select_related("flow__target").get(pk=run.pk)


def seconds_left(run: Run) -> float:
    told = outlook(run)
    assert told is not None
    return (told.at - timezone.now()).total_seconds()


def test_a_run_goes_on_at_the_pace_it_had(half_way: Run) -> None:
    assert 5 < seconds_left(half_way) < 6.5


def test_where_the_limits_are_slower_they_tell_when_it_is_over(half_way: Run, connectors: dict[str, Any]) -> None:
    connectors["books"] = replace(connectors["books"], limits=Limits(per_minute=1, app=Limits(per_hour=1)))
    told = outlook(half_way)
    assert told is not None
    assert seconds_left(half_way) < 6.5  # the budget is empty as yet
    with transaction.atomic():
        Run.objects.filter(pk=half_way.pk).update(counts=half_way.counts | {"applied": 2})
        half_way.refresh_from_db(fields=("counts",))
    assert seconds_left(half_way) > 3600  # five calls, one an hour


def test_nothing_is_told_of_a_run_that_applies_nothing(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    assert outlook(run) is None
    go_on(run)
    assert outlook(run) is None


def test_the_words_name_the_day_where_it_is_another() -> None:
    now = timezone.now()
    assert str(Outlook(now, 42)).startswith("about ")
    assert str(Outlook(now, 42)).endswith(" at 42 calls a minute")
    assert str(Outlook(datetime(2031, 5, 4, 12, 30, tzinfo=UTC), 1000)).endswith(" on 04 May at 1,000 calls a minute")
