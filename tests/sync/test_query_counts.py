"""Work is done by the page: ten records and two hundred cost the same number of statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.records import intake
from integrations.sync import plan, reconcile, settle
from integrations.sync.models import Flow
from integrations.wire.stream import Stream
from tests.sync.toys import STREAMS, WRITES, Toy, toy
from tests.sync.words import document, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def counted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, counts: list[int]) -> None:
    """Notes how many statements each call of `place.name` takes."""
    real = getattr(place, name)

    def noting(*args: Any, **options: Any) -> Any:
        with CaptureQueriesContext(connection) as captured:
            try:
                return real(*args, **options)
            finally:
                counts.append(len(captured))

    monkeypatch.setattr(place, name, noting)


def invoices(shop: Toy, numbers: range, **more: Any) -> None:
    for number in numbers:
        shop.put("invoice", f"{number:04}", **document(f"{number:04}", customer={"external_id": "c"}, **more))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(plan, "propose", id="planning"),
        pytest.param(settle, "settle", id="settling"),
        pytest.param(intake, "keep", id="keeping"),
        pytest.param(reconcile, "_target_names", id="adding-up"),
    ],
)
def test_a_page_costs_the_same_however_many_records_it_holds(
    place: Any,
    name: str,
    shop: Toy,
    books: Toy,
    bring: Bring,
    connectors: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = STREAMS["invoice"]
    whole = Stream("invoice", shape=plain.shape, writes=WRITES, batch=500, fetch_batch=500, total=plain.total)
    connectors["books"] = toy("books", invoice=whole)
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    flow = bring("invoice", policy={"match": [["number"]]})
    costs: dict[int, int] = {}
    for start, number in ((0, 5), (500, 10), (1000, 200)):  # the first, because some things are read once a process
        invoices(shop, range(start, start + number))
        with monkeypatch.context() as patch:
            counts: list[int] = []
            counted(patch, place, name, counts)
            assert run_one(flow).counts["applied"] == number
        costs[number] = max(counts)

    assert costs[200] <= costs[10]


def test_updates_cost_the_same_however_many_there_are(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = STREAMS["invoice"]
    whole = Stream("invoice", shape=plain.shape, writes=WRITES, batch=500, fetch_batch=500, total=plain.total)
    connectors["books"] = toy("books", invoice=whole)
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    flow = bring("invoice", policy={"brakes": {"updates_at_least": 1000}})
    invoices(shop, range(300))
    run_one(flow)
    costs: dict[int, int] = {}
    for number in (10, 200):
        invoices(shop, range(number), memo=f"changed {number}")
        with monkeypatch.context() as patch:
            counts: list[int] = []
            for place, name in ((plan, "propose"), (settle, "settle")):
                counted(patch, place, name, counts)
            run = run_one(flow)
        assert run.counts["update"] == run.counts["applied"] == number
        costs[number] = sum(counts)

    assert costs[200] <= costs[10]


def test_held_records_cost_the_same_however_many_there_are(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = bring("customer", rules=[{"to": "name", "from": "number", "required": True}])
    costs: dict[int, int] = {}
    for number in (10, 200):
        for each in range(number):
            shop.put("customer", f"{number}-{each}", name="Nobody")
        with monkeypatch.context() as patch:
            counts: list[int] = []
            counted(patch, plan, "propose", counts)
            run_one(flow)
        costs[number] = max(counts)

    assert costs[200] <= costs[10]
