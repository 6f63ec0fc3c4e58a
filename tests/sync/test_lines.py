"""Lines have names at both ends: an update says which line it means, by the name that the line has there now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from integrations.crosswalk.models import Link
from integrations.sync.models import Flow
from tests.sync.toys import Toy
from tests.sync.words import document, run_one

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


def test_lines_that_somebody_rebuilt_there_are_not_called_by_names_that_are_gone(
    shop: Toy, books: Toy, flow: Flow
) -> None:
    (row,) = books.rows["invoice"].values()
    books.put("invoice", row["id"], lines=[{**line, "id": f"new {line['id']}"} for line in row["lines"]])
    invoice(shop, "a", "b", text="A cup")

    run_one(flow)

    assert sent(books) == [None, None]
