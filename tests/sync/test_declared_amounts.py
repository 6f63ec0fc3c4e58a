"""A mapping that changes amounts on purpose ties out to what a person declared, figured from the raw source, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.mapping.models import Mapping
from integrations.mapping.services import save_mapping
from integrations.sync.models import Flow
from tests.sync.toys import Toy
from tests.sync.words import INVOICE, document, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


@pytest.fixture
def sold(shop: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    for number in ("1001", "1002"):
        shop.put("invoice", number, **document(number, customer={"external_id": "c"}))


def raised(bring: Bring, factor: str) -> Flow:
    """A flow of invoices that multiplies totals."""
    rule = {"to": "total", "expression": f"record.total * {factor}"}
    return bring("invoice", rules=[*(each for each in INVOICE if each["to"] not in ("total", "lines")), rule, LINES])


LINES: dict[str, Any] = {"to": "lines", "from": "lines", "each": [{"to": "description", "from": "description"}]}


@transaction.atomic
def declare(flow: Flow, comes_to: str) -> None:
    mapping = Mapping.objects.get(pk=flow.mapping_id)
    mapping.changes = {**mapping.changes, "comes_to": comes_to}
    save_mapping(mapping, by=None)


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(
    ("factor", "declared", "colour"),
    [
        pytest.param("1.2", "", "red", id="undeclared-is-red"),
        pytest.param("1.2", "round(context.total * 1.2, 2)", "green", id="as-declared-is-green"),
        pytest.param("1.3", "round(context.total * 1.2, 2)", "red", id="otherwise-than-declared-is-red"),
    ],
)
def test_a_deliberate_change_of_amounts(bring: Bring, books: Toy, factor: str, declared: str, colour: str) -> None:
    flow = raised(bring, factor)
    if declared:
        declare(flow, declared)

    run = run_one(flow)

    assert (run.colour, run.totals["declared"]) == (colour, declared)
    assert len(books.rows["invoice"]) == 2
    if colour == "green":
        assert [{code: Decimal(sum) for code, sum in run.totals[end].items()} for end in ("source", "target")] == [
            {"GBP": Decimal(24)},
            {"GBP": Decimal(24)},
        ]


@pytest.mark.usefixtures("sold")
def test_a_declaration_that_cannot_be_reckoned_is_refused_when_it_is_saved(bring: Bring, books: Toy) -> None:
    with pytest.raises(ValidationError, match="what a document comes to"):
        declare(raised(bring, "1.2"), "context.total ** 2")
