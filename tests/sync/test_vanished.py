"""Too much is missing at one end: the run stops for a person with both figures, and nothing at all is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from werkzeug.wrappers import Response

from integrations.records.models import Record
from integrations.sync.models import Flow, Run
from integrations.sync.services import approve_run, cancel_run, start_run
from integrations.sync.stages import Done, Later
from tests.sync.toys import STREAMS, Toy, toy
from tests.sync.words import go_on, items, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


@pytest.fixture(autouse=True)
def lists_are_full(connectors: dict[str, Any]) -> None:
    """Both toys list everything in a full sweep, and tell nobody what was deleted."""
    for slug in ("shop", "books"):
        connectors[slug] = toy(slug, customer=replace(STREAMS["customer"], full_list=True))


@pytest.fixture
def flow(shop: Toy, bring: Bring) -> Flow:
    """Twelve customers, brought once."""
    for number in range(12):
        shop.put("customer", f"{number:02}", name=f"Customer {number}")
    flow = bring("customer", policy={"source_gone": "void"})
    assert run_one(flow).colour == "green"
    return flow


def lose(shop: Toy, *ids: str) -> dict[str, Any]:
    return {id: shop.rows["customer"].pop(id) for id in ids}


def stopped(flow: Flow) -> Run:
    run = start_run(flow, by="test", full=True)
    assert isinstance(go_on(run), Later)
    assert run.state == Run.State.STOPPED
    return run


def states() -> dict[str, str]:
    with transaction.atomic():
        shop = Record.objects.filter(connection__name="Shop")
        return dict(shop.exclude(state="live").values_list("external_id", "state"))


def test_an_empty_list_stops_the_run_and_nothing_is_applied(flow: Flow, shop: Toy, books: Toy) -> None:
    lose(shop, *list(shop.rows["customer"]))
    shop.put("customer", "new", name="Somebody new")
    sent = len(books.sent)

    run = stopped(flow)

    assert run.words == "12 of 12 records are no longer listed by Shop (customer)."
    assert run.brake["reasons"][0]["planned"] == "12 of 12 missing"
    assert {code for code, _ in open_issues()} == {"vanished", "brake"}
    assert len(books.sent) == sent, "what is new waits as well"
    assert states() == {}


def test_a_filter_that_is_put_right_ends_it_without_a_trace(flow: Flow, shop: Toy, books: Toy) -> None:
    hidden = lose(shop, "01", "02", "03", "04", "05")
    run = stopped(flow)

    shop.rows["customer"].update(hidden)
    with transaction.atomic():
        cancel_run(run, by=None)

    assert run_one(flow).colour == "green"
    assert states() == {}
    assert open_issues() == []


def test_while_it_lasts_every_run_stops_again(flow: Flow, shop: Toy) -> None:
    lose(shop, "01", "02", "03", "04", "05")
    cancel_run(stopped(flow), by=None)

    run = start_run(flow, by="test")

    assert isinstance(go_on(run), Later)
    assert run.state == Run.State.STOPPED


def test_by_a_persons_word_each_is_asked_for_and_only_what_is_gone_is_taken_back(
    flow: Flow, shop: Toy, books: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(shop, "01", "02", "03", "04", "05")
    hidden = {"06", "07"}  # listed no longer, and still there
    real = Toy._list

    def listing(self: Toy, name: str, visit: Any) -> Any:
        told = real(self, name, visit)
        if not visit.args.get("ids"):
            told["rows"] = [row for row in told["rows"] if row["id"] not in hidden]
        return told

    monkeypatch.setattr(Toy, "_list", listing)
    run = stopped(flow)
    assert run.words.startswith("7 of 12")

    approve_run(run, by=None)
    assert isinstance(go_on(run), Later), "so many voids are a question of their own"

    assert states() == {f"0{number}": "deleted" for number in range(1, 6)}
    assert run.brake["reasons"][0]["planned"] == "5 of 12"
    assert not [write for write in books.sent if write["operation"] == "void"]
    approve_run(run, by=None)
    assert go_on(run) == Done("green")
    assert len([write for write in books.sent if write["operation"] == "void"]) == 5


def test_what_share_is_too_much_is_for_the_flow_to_say(flow: Flow, shop: Toy) -> None:
    lose(shop, "01", "02", "03", "04", "05", "06")
    with transaction.atomic():
        flow.policy = {"source_gone": "leave", "brakes": {"vanish_share": 60}}
        flow.save()

    run = run_one(flow, full=True)

    assert run.colour == "green"
    assert set(states().values()) == {"deleted"}
    assert [reason for _, _, reason in items(flow)].count("gone_left") == 6


@pytest.mark.parametrize("answer", [Response("down", 503), {"error": "forbidden", "words": "no right to list"}])
def test_from_an_error_nothing_is_concluded(flow: Flow, shop: Toy, answer: Any) -> None:
    lose(shop, "01", "02")
    shop.answers = [None, answer]  # the list comes, and the direct read of what it does not show fails

    run = start_run(flow, by="test", full=True)
    go_on(run)

    assert run.state in (Run.State.RUNNING, Run.State.FAILED)
    assert states() == {}


def test_what_vanishes_at_the_target_stops_as_well(flow: Flow, shop: Toy, books: Toy) -> None:
    books.rows["customer"].clear()
    shop.put("customer", "new", name="Somebody new")
    with transaction.atomic():
        flow.target.stream_set.update(mark="")  # its next sweep is a full one
    sent = len(books.sent)

    run = start_run(flow, by="test")

    assert isinstance(go_on(run), Later)
    assert run.words == "12 of 12 records are no longer listed by Books (customer)."
    assert len(books.sent) == sent


def test_where_not_all_deletions_could_be_told_the_next_run_compares_by_itself(
    flow: Flow, shop: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(shop, "01")
    real = Toy._list
    unsure = iter([True])
    monkeypatch.setattr(
        Toy, "_list", lambda self, name, visit: real(self, name, visit) | {"unsure": next(unsure, False)}
    )

    run_one(flow)
    assert states() == {}

    run_one(flow)
    assert states() == {"01": "deleted"}
