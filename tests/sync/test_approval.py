"""A plan that a person approves is applied exactly as it was shown; what has moved at the target since is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from integrations.sync.models import Call, Flow, Item, Run
from integrations.sync.services import AlreadyRunning, approve_run, start_run
from integrations.sync.stages import Done, Later
from tests.sync.toys import Toy
from tests.sync.words import document, go_on, items, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def apply(run: Run) -> Done | Later:
    approve_run(run, by=None)
    return go_on(run)


def named(books: Toy) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in books.rows["customer"].values()}


def test_a_preview_is_applied_as_it_was_shown_and_what_changed_since_follows(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    shop.put("customer", "2", name="Bob")
    flow = bring("customer")
    preview = run_one(flow, preview=True)
    with transaction.atomic():
        shown = sorted(Item.objects.filter(run=preview).values_list("wanted", flat=True))

    shop.put("customer", "1", phone="2")
    shop.put("customer", "3", name="Nobody was shown")
    assert apply(preview) == Done("green")

    assert (named(books).keys(), named(books)["Ann"]["phone"]) == ({"Ann", "Bob"}, "1")
    with transaction.atomic():
        applied = Item.objects.filter(run=preview, state=Item.State.APPLIED)
        assert sorted(applied.values_list("wanted", flat=True)) == shown
        preview.refresh_from_db()
    assert (preview.preview, preview.counts["applied"]) == (False, 2)
    assert run_one(flow).colour == "green"
    assert (named(books).keys(), named(books)["Ann"]["phone"]) == ({"Ann", "Bob", "Nobody was shown"}, "2")


def test_a_line_whose_record_moved_at_the_target_is_refused_and_the_others_go(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    for number in range(6):
        shop.put("customer", str(number), name=f"Customer {number}", phone="1")
    flow = bring("customer", policy={"approve": "always"})
    assert apply(planned(flow)) == Done("green")
    for number in range(6):
        shop.put("customer", str(number), phone="2")
    run = planned(flow)

    books.put("customer", "102", email="new@example.test")  # another field, and yet another record than was shown
    sent = len(books.sent)
    assert apply(run) == Done("amber")

    assert [write["id"] for write in books.sent[sent:]] == ["100", "101", "103", "104", "105"]
    assert {write["body"]["phone"] for write in books.sent[sent:]} == {"2"}
    assert books.rows["customer"]["102"]["phone"] == "1"
    assert run.counts["moved"] == 1
    assert items(flow, state="waiting") == [("2", "update", "moved")]
    with transaction.atomic():
        assert "no longer what it was when the plan was shown" in Item.objects.get(state="waiting").words

    assert apply(planned(flow)) == Done("green"), "the next run shows it anew"
    assert books.rows["customer"]["102"] | {"version": ""} == {
        "id": "102", "name": "Customer 2", "email": "new@example.test", "phone": "2", "version": "",
    }  # fmt: skip


def test_one_that_moves_between_the_last_look_and_the_write_is_refused_too(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    flow = bring("customer")
    run_one(flow)
    shop.put("customer", "1", phone="2")
    preview = run_one(flow, preview=True)
    books.answers = [None, lambda: books.put("customer", "100", email="new@example.test")]

    assert apply(preview) == Done("amber")

    assert books.rows["customer"]["100"]["phone"] == "1"
    assert items(flow) == [("1", "update", "stale")]


def test_what_somebody_made_at_the_target_meanwhile_is_not_made_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    shop.put("customer", "2", name="Bob")
    flow = bring("customer", policy={"match": [["name"]], "first_match": "target"})
    preview = run_one(flow, preview=True)
    books.put("customer", "7", name="Ann")

    assert apply(preview) == Done("amber")

    assert sorted(row["name"] for row in books.rows["customer"].values()) == ["Ann", "Bob"]
    assert run_one(flow).colour == "green"
    assert len(books.rows["customer"]) == 2


def test_who_was_recognised_in_the_preview_is_changed_and_linked(shop: Toy, books: Toy, bring: Bring) -> None:
    books.put("customer", "7", name="Ann", phone="1")
    shop.put("customer", "1", name="Ann", phone="2")
    flow = bring("customer", policy={"match": [["name"]]})
    preview = run_one(flow, preview=True)

    assert apply(preview) == Done("green")

    assert (len(books.rows["customer"]), books.rows["customer"]["7"]["phone"]) == (1, "2")


def test_a_preview_is_out_of_date_once_another_run_began(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer", policy={"approve": "always"})
    preview = run_one(flow, preview=True)
    run = planned(flow)

    with pytest.raises(AlreadyRunning):
        approve_run(preview, by=None)
    assert apply(run) == Done("green")
    with pytest.raises(ValueError, match="out of date"):
        approve_run(preview, by=None)
    assert len(books.rows["customer"]) == 1


def test_a_held_line_is_not_part_of_what_is_applied(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    shop.put("customer", "2", name="Twin")
    books.put("customer", "7", name="Twin")
    books.put("customer", "8", name="Twin")
    flow = bring("customer", policy={"match": [["name"]]})
    preview = run_one(flow, preview=True)

    assert apply(preview) == Done("green")

    assert sorted(row["name"] for row in books.rows["customer"].values()) == ["Ann", "Twin", "Twin"]
    assert run_one(flow).colour == "amber"
    assert [code for code, _ in open_issues()] == ["several_candidates"]


def planned(flow: Flow) -> Run:
    run = start_run(flow, by="test")
    assert isinstance(go_on(run), Later)
    assert run.state == Run.State.STOPPED
    return run


def test_a_flow_that_always_asks_tells_what_its_plan_comes_to(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    for number, amount in (("1", "10.00"), ("2", "2.50")):
        shop.put("invoice", number, **document(number, amount=amount, customer={"external_id": "c"}))
    flow = bring("invoice", policy={"approve": "always"})

    run = planned(flow)

    assert run.planned == {"counts": {"create": 2}, "sums": {"GBP": "12.5"}, "largest": {"GBP": "10"}}
    with transaction.atomic():
        assert not Call.objects.filter(run=run).exists()
    assert apply(run) == Done("green")


def test_an_amount_out_of_all_proportion_stops_by_what_the_flow_did_before(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    flow = bring("invoice", policy={"brakes": {"learnt_from_amount": 50}})
    for number in map(str, range(5)):
        shop.put("invoice", number, **document(number, customer={"external_id": "c"}))
        assert run_one(flow).colour == "green"
    shop.put("invoice", "wrong", **document("9", amount="1000.00", customer={"external_id": "c"}))

    run = planned(flow)

    assert [reason["planned"] for reason in run.brake["reasons"]] == ["1,000.00 GBP"] * 2
    assert "10.00 GBP is usual" in run.words
    assert len(books.rows["invoice"]) == 5
    assert apply(run) == Done("green")
    assert sum(Decimal(row["total"]) for row in books.rows["invoice"].values()) == Decimal(1050)


@pytest.mark.parametrize("seed", [1])
def test_any_of_the_lines_may_move_and_just_those_are_refused(shop: Toy, books: Toy, bring: Bring, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(30):
        shop.put("customer", f"{number:02}", name=f"Customer {number:02}", phone="1")
    flow = bring("customer")
    run_one(flow)
    there = {row["name"]: id for id, row in books.rows["customer"].items()}
    changed, moved = (set(chance.sample(sorted(there), 15)) for _ in range(2))
    for name in changed:
        shop.put("customer", name.removeprefix("Customer "), phone="2")
    preview = run_one(flow, preview=True)
    for name in moved:
        books.put("customer", there[name], email="moved@example.test")

    apply(preview)

    assert {row["name"] for row in books.rows["customer"].values() if row["phone"] == "2"} == changed - moved
    assert preview.counts.get("moved", 0) == len(changed & moved)
