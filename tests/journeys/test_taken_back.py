"""A document that is gone at its source is voided or credited by policy, found missing where nobody tells, and never deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync.models import Item
from tests.journeys.ledgers import Company, Move
from tests.journeys.stories import run_one

pytestmark = pytest.mark.django_db(transaction=True)

NEEDED = ("accounts", "tax_codes", "customers", "items")


def calls_that_wrote(simulator: Any) -> int:
    return len(simulator.journal.calls(wrote=True))


def preview_is_silent(move: Move, name: str, *simulators: Any) -> None:
    """A preview of the flow plans something, and by the vendors' own journals it writes nothing."""
    before = [calls_that_wrote(each) for each in simulators]
    preview = run_one(move.flows[name], preview=True)
    with transaction.atomic():
        assert Item.objects.filter(run=preview, state=Item.State.PREVIEWED).exists()
    assert [calls_that_wrote(each) for each in simulators] == before


def test_quickbooks_voids_or_credits_as_the_flow_says_and_does_it_once(
    old: Company, new: Company, move: Move, quickbooks: QuickBooksOnline
) -> None:
    alder = old.customer("Alder & Sons")
    sold = {number: old.invoice(number, amount, alder) for number, amount in (("1001", "60"), ("1002", "12.34"))}
    move.green(*NEEDED)
    preview_is_silent(move, "invoices", quickbooks)
    move.green("invoices")

    old.void("Invoice", sold["1001"]["Id"])
    preview_is_silent(move, "invoices", quickbooks)
    move.green("invoices")
    move.policy("invoices", source_gone="void", gone_by="credit")
    old.delete("Invoice", sold["1002"]["Id"])
    preview_is_silent(move, "invoices", quickbooks)
    move.green("invoices")
    move.run("invoices", full=True)
    move.green("invoices")

    amounts = {each["DocNumber"]: each["TotalAmt"] for each in new.all("Invoice")}
    assert amounts == {"1001": 0, "1002": Decimal("12.34")}
    assert {each["DocNumber"]: each["TotalAmt"] for each in new.all("CreditMemo")} == {"CR1002": Decimal("12.34")}
    assert "delete Invoice" not in {
        f"{deed.operation} {deed.kind}" for call in written_by_us(quickbooks) for deed in call.did
    }


def written_by_us(quickbooks: QuickBooksOnline) -> list[Any]:
    return [call for call in quickbooks.journal.calls(wrote=True) if call.method == "POST"]
