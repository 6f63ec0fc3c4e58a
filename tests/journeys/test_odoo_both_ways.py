"""Odoo and QuickBooks both ways: sales made in Odoo, money that comes in at either end, and nothing that echoes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.connectors.odoo.simulator import Odoo
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from tests.journeys import test_all_kinds_odoo as kinds
from tests.journeys.ledgers import Company, Move, settling

pytestmark = pytest.mark.django_db(transaction=True)

back, here, move, odoo, there = kinds.back, kinds.here, kinds.move, kinds.odoo, kinds.there

FORTH = ("customers", "items", "invoices", "payments")


def sold_in_odoo(odoo: Odoo, partner: int, amount: str) -> int:
    """What a person does in Odoo: an invoice without tax, posted."""
    line = {"name": "Garden work", "price_unit": Decimal(amount), "tax_ids": [[6, 0, []]], "account_id": income(odoo)}
    body = {"move_type": "out_invoice", "partner_id": partner, "invoice_date": "2026-09-14"}
    made = odoo.by_hand("account.move", "create", {**body, "invoice_line_ids": [[0, 0, line]]})
    odoo.by_hand("account.move", "action_post", [made])
    return int(made)


def income(odoo: Odoo) -> int:
    return int(kinds.id_of(odoo, "account.account", code="400000"))


def paid_in_odoo(odoo: Odoo, invoice: int, amount: str) -> None:
    """The wizard, as a person uses it."""
    context = {"active_model": "account.move", "active_ids": [invoice]}
    values = {"amount": Decimal(amount), "payment_date": "2026-09-20"}
    wizard = odoo.by_hand("account.payment.register", "create", values, context=context)
    odoo.by_hand("account.payment.register", "action_create_payments", [wizard])


def owed(here: Company) -> dict[str, Any]:
    """What QuickBooks says is still owed: number -> balance."""
    return {each["DocNumber"]: Decimal(each["Balance"]) for each in here.all("Invoice")}


def state(odoo: Odoo, invoice: int) -> tuple[str, Decimal]:
    (found,) = odoo.documents("account.move", [["id", "=", invoice]], ["payment_state", "amount_residual"])
    return found["payment_state"], found["amount_residual"]


def written(odoo: Odoo, quickbooks: QuickBooksOnline) -> tuple[int, int]:
    return len(odoo.journal.calls(wrote=True)), len(quickbooks.journal.calls(wrote=True))


def test_sales_and_payments_of_odoo_reach_quickbooks_and_payments_of_quickbooks_come_back(
    here: Company, move: Move, back: Move, odoo: Odoo, quickbooks: QuickBooksOnline
) -> None:
    for direction in (move, back):  # a document is kept where it was made: what came from there does not go back
        for name in ("invoices", "payments"):
            direction.policy(name, first_match="target")
    elm = odoo.by_hand("res.partner", "create", {"name": "Elm Ltd", "customer_rank": 1})
    first, second = sold_in_odoo(odoo, elm, "120.50"), sold_in_odoo(odoo, elm, "80.00")
    paid_in_odoo(odoo, first, "100.00")

    back.green(*FORTH)

    numbers = {each["id"]: each["name"] for each in odoo.documents("account.move", [["move_type", "=", "out_invoice"]])}
    assert owed(here) == {numbers[first]: Decimal("20.50"), numbers[second]: Decimal("80.00")}

    open_there = here.one("Invoice", DocNumber=numbers[second])
    here.hand(
        "Payment", CustomerRef=open_there["CustomerRef"], TotalAmt=Decimal("80.00"), TxnDate="2026-09-25",
        Line=[settling("80.00", "Invoice", open_there["Id"])],
    )  # fmt: skip
    move.green("customers", "items", "invoices", "payments")

    assert state(odoo, first) == ("partial", Decimal("20.50"))
    assert state(odoo, second) == ("paid", Decimal(0))
    assert owed(here) == {numbers[first]: Decimal("20.50"), numbers[second]: Decimal(0)}

    before = written(odoo, quickbooks)
    for _ in range(2):
        back.green(*FORTH)
        move.green(*FORTH)
    assert written(odoo, quickbooks) == before
    assert len(odoo.documents("account.payment")) == len(here.all("Payment")) == 2
