"""Lines have names at both ends: an update says which line it means, by the name that the line has there now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from integrations.crosswalk.models import Link
from integrations.sync.models import Flow
from tests.sync.toys import Toy
from tests.sync.words import document, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)


def lines(*keys: str, text: str = "A mug") -> list[dict[str, Any]]:
    return [{"id": key, "key": key, "text": text, "quantity": "1", "price": "5.00", "amount": "5.00"} for key in keys]


def invoice(shop: Toy, *keys: str, **more: Any) -> None:
    amount = f"{5 * len(keys)}.00"
    body = document("1001", amount=amount, customer={"external_id": "c"})
    shop.put("invoice", "1", **{**body, "lines": lines(*keys, **more)})


@pytest.fixture
def flow(shop: Toy, books: Toy, bring: Callable[..., Flow]) -> Flow:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    invoice(shop, "a", "b")
    made = bring("invoice", policy={"conflicts": "source"})
    run_one(made)
    return made


@transaction.atomic
def linked(flow: Flow) -> list[str]:
    """The names of the lines at the target, as we know them."""
    rows = Link.objects.filter(connection=flow.target, object="invoice.line")
    return sorted(name.rpartition("/")[2] for name in rows.values_list("external_id", flat=True))


def there(books: Toy) -> list[str]:
    (row,) = books.rows["invoice"].values()
    return sorted(line["id"] for line in row["lines"])


def sent(books: Toy) -> list[str | None]:
    """The ids with which the lines of the last write went."""
    return list(books.sent[-1]["lines"])


def test_lines_that_the_target_rebuilds_are_known_by_their_new_names(shop: Toy, books: Toy, flow: Flow) -> None:
    books.rebuilt = lambda version, place: f"{version}-{place}"
    invoice(shop, "a", "b", text="A cup")

    run_one(flow)

    assert sent(books) == ["1", "2"]
    assert linked(flow) == there(books) == ["1-1", "1-2"]
    invoice(shop, "a", "b", text="A jug")
    run_one(flow)
    assert sent(books) == ["1-1", "1-2"]


def test_a_name_that_passes_to_another_line_is_no_longer_that_of_the_first(shop: Toy, books: Toy, flow: Flow) -> None:
    books.rebuilt = lambda version, place: str(place)
    invoice(shop, "b")
    run_one(flow)
    assert sent(books) == ["2"]
    assert linked(flow) == there(books) == ["1"]

    invoice(shop, "b", "c")
    run_one(flow)

    assert sent(books) == ["1", None]
    assert linked(flow) == there(books) == ["1", "2"]


def test_lines_that_somebody_rebuilt_there_are_known_again_by_what_they_say(shop: Toy, books: Toy, flow: Flow) -> None:
    (row,) = books.rows["invoice"].values()
    books.put("invoice", row["id"], lines=[{**line, "id": f"new {line['id']}"} for line in row["lines"]])
    invoice(shop, "a", "b", text="A cup")

    run_one(flow)

    assert sent(books) == ["new 1", "new 2"]


def test_lines_that_cannot_be_told_apart_are_written_anew_as_a_whole(shop: Toy, books: Toy, flow: Flow) -> None:
    (row,) = books.rows["invoice"].values()
    books.put("invoice", row["id"], lines=[{**line, "id": f"new {line['id']}", "text": "?"} for line in row["lines"]])
    invoice(shop, "a", "b", text="A cup")

    run_one(flow)

    assert sent(books) == [None, None]


def edit_there(books: Toy, place: int, **members: Any) -> None:
    """Somebody edits one line at the target."""
    (row,) = books.rows["invoice"].values()
    lines = [{**line, **(members if at == place else {})} for at, line in enumerate(row["lines"])]
    books.put("invoice", row["id"], lines=lines)


def texts(books: Toy) -> list[str]:
    (row,) = books.rows["invoice"].values()
    return [line["text"] for line in row["lines"]]


def test_edits_of_two_lines_on_two_sides_merge(shop: Toy, books: Toy, flow: Flow) -> None:
    edit_there(books, 1, text="A saucer")
    shop.put("invoice", "1", lines=[*lines("a", text="A cup"), *lines("b")])

    run = run_one(flow)

    assert (run.counts["update"], texts(books)) == (1, ["A cup", "A saucer"])


def test_a_line_added_there_stays_and_a_line_dropped_here_goes(shop: Toy, books: Toy, flow: Flow) -> None:
    (row,) = books.rows["invoice"].values()
    own = {"id": "9", "text": "Rounding", "quantity": "1", "price": "0", "amount": "0"}
    books.put("invoice", row["id"], lines=[own, *row["lines"]])
    shop.put("invoice", "1", lines=lines("b"), total="5.00")

    run_one(flow)

    assert sent(books) == ["9", "2"]
    assert texts(books) == ["Rounding", "A mug"]


def test_the_same_lines_in_another_order_are_no_news(shop: Toy, books: Toy, flow: Flow) -> None:
    before = len(books.sent)
    shop.put("invoice", "1", lines=lines("b", "a"))

    run = run_one(flow)

    assert (run.counts["skipped"], len(books.sent)) == (1, before)


def test_the_same_field_of_a_line_edited_on_both_sides_is_named(shop: Toy, books: Toy, flow: Flow) -> None:
    with transaction.atomic():
        flow.policy = {"conflicts": "ask"}
        flow.save()
    edit_there(books, 0, text="A saucer")
    shop.put("invoice", "1", lines=[*lines("a", text="A cup"), *lines("b")])

    run_one(flow)

    ((code, words),) = open_issues()
    assert (code, "lines[1].description" in words) == ("both_changed", True)
    assert texts(books) == ["A saucer", "A mug"]


def test_lines_of_documents_that_were_there_already_are_known_from_their_first_match(
    shop: Toy, books: Toy, bring: Callable[..., Flow]
) -> None:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    (customer,) = books.rows["customer"].values()
    body = document("1001", customer={"external_id": customer["id"]})
    books.put(
        "invoice",
        "7",
        **{**body, "amount": "5.00", "total": "5.00", "lines": [{**lines("a")[0], "id": "71", "key": None}]},
    )
    invoice(shop, "a")
    flow = bring("invoice", policy={"match": [["number"]]})
    assert run_one(flow).colour == "green"

    invoice(shop, "a", text="A cup")
    run_one(flow)

    assert sent(books) == ["71"]
