"""Money that moves, through our driver against the simulated server: payments, refunds, credits, and what they settle."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as changed

from integrations.canonical import (
    Allocation,
    CreditNote,
    CreditUse,
    ExchangeRate,
    Invoice,
    Payment,
    Ref,
    Refund,
    RefundAllocation,
)
from integrations.wire.connector import Done, Failed
from integrations.wire.errors import Refused, TryLater
from tests.connectors.odoo.books import Books, about, after, creating


def test_a_payment_is_made_and_pays_its_invoice(books: Books, sale: Invoice) -> None:
    invoice = books.make("invoice", sale)
    payment = Payment(
        customer=sale.customer,
        paid_on=date(2026, 9, 20),
        amount=Decimal("14.57"),
        currency="USD",
        reference="CHK 4410",
        allocations=[Allocation(kind="invoice", target=Ref(external_id=invoice.external_id), amount=Decimal("14.57"))],
    )
    made = books.make("payment", payment)
    (there,) = books.fetch("payment", made.external_id)
    assert (there.amount, there.status, there.reference) == (Decimal("14.57"), "posted", "CHK 4410")
    assert [(each.kind, each.target.external_id, each.amount) for each in there.allocations] == [
        ("invoice", invoice.external_id, Decimal("14.57"))
    ]
    (paid,) = books.fetch("invoice", invoice.external_id)
    assert (paid.status, paid.amount_due) == ("paid", 0)
    with pytest.raises(Refused, match="attached"):
        books.carry_out("invoice", about(replace(invoice, raw={**invoice.raw, "payment_state": "paid"}), "void"))


def paid(sale: Invoice, *parts: tuple[Done, str], amount: str, **more: Any) -> Payment:
    """A payment for these parts of these invoices."""
    allocations = [
        Allocation(kind="invoice", target=Ref(external_id=invoice.external_id), amount=Decimal(part))
        for invoice, part in parts
    ]
    fields = {"customer": sale.customer, "paid_on": date(2026, 9, 20), "currency": "USD", "amount": Decimal(amount)}
    return Payment(**{**fields, "reference": "CHK 4410", "allocations": allocations, **more})


def shares(record: Payment | Refund) -> dict[str, Decimal]:
    return {str(each.target.external_id): each.amount for each in record.allocations}


def test_a_payment_for_several_invoices_settles_each_with_its_part(books: Books, sale: Invoice) -> None:
    first, second, third = (books.make("invoice", changed(sale, number=f"P-{n}")) for n in range(3))
    made = books.make("payment", paid(sale, (first, "14.57"), (second, "14.57"), (third, "4.00"), amount="33.14"))
    (there,) = books.fetch("payment", made.external_id)
    assert shares(there) == {
        first.external_id: Decimal("14.57"), second.external_id: Decimal("14.57"), third.external_id: Decimal("4.00"),
    }  # fmt: skip
    left = [books.fetch("invoice", each.external_id)[0].amount_due for each in (first, second, third)]
    assert left == [0, 0, Decimal("10.57")]


def test_a_payment_on_account_is_for_no_document(books: Books, sale: Invoice) -> None:
    made = books.make("payment", paid(sale, amount="50"))
    (there,) = books.fetch("payment", made.external_id)
    assert (there.amount, there.status, there.allocations) == (50, "posted", [])


def test_a_payment_that_odoo_applies_otherwise_than_meant_is_told(books: Books, sale: Invoice) -> None:
    first, second = (books.make("invoice", changed(sale, number=f"M-{n}")) for n in range(2))
    (outcome,) = books.carry_out("payment", creating(paid(sale, (first, "5"), (second, "5"), amount="10")))
    assert isinstance(outcome, Failed)
    assert "10.0 instead of 5" in outcome.error.explanation


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
def test_a_lost_reply_at_any_step_makes_no_second_payment(books: Books, sale: Invoice, lost: int) -> None:
    first, second = (books.make("invoice", changed(sale, number=f"L-{n}")) for n in range(2))
    write = creating(paid(sale, (first, "14.57"), (second, "14.57"), amount="29.14"), "pay-once")
    for step in range(1, 6):
        if step == lost:
            books.vendor.misbehave(what="drop", on="any", moment="after")
            with pytest.raises(TryLater):
                books.step("payment", [write], step)
            (outcome,) = books.look_up("payment", write)
            if outcome is None:  # only a part of it came about: the same call goes again
                (outcome,) = books.step("payment", [write], step)
        else:
            (outcome,) = books.step("payment", [write], step)
        write = after(write, outcome)
    payments = books.read("payment")
    assert [shares(each) for each in payments.values()] == [
        {first.external_id: Decimal("14.57"), second.external_id: Decimal("14.57")}
    ]
    assert [books.fetch("invoice", each.external_id)[0].status for each in (first, second)] == ["paid", "paid"]


def test_a_voided_payment_lets_its_invoice_be_open_again(books: Books, sale: Invoice) -> None:
    invoice = books.make("invoice", sale)
    payment = books.make("payment", paid(sale, (invoice, "14.57"), amount="14.57"))
    (done,) = books.carry_out("payment", about(payment, "void"))
    assert isinstance(done, Done), done
    (there,) = books.fetch("payment", payment.external_id)
    assert (there.status, there.allocations) == ("void", [])
    (again,) = books.fetch("invoice", invoice.external_id)
    assert (again.status, again.amount_due) == ("open", Decimal("14.57"))


def credit_of(sale: Invoice, invoice: Done | None) -> CreditNote:
    first, *_ = sale.lines
    applies_to = [CreditUse(invoice=Ref(external_id=invoice.external_id))] if invoice else []
    return CreditNote(
        number="C536379",
        customer=sale.customer,
        issued_on=date(2026, 9, 15),
        currency="USD",
        line_amounts="exclusive",
        lines=[changed(first, quantity=Decimal(2))],
        applies_to=applies_to,
    )


def test_a_credit_note_for_an_invoice_reverses_it_and_settles_a_part(books: Books, sale: Invoice) -> None:
    invoice = books.make("invoice", sale)
    made = books.make("credit_note", credit_of(sale, invoice))
    (there,) = books.fetch("credit_note", made.external_id)
    assert [use.invoice.external_id for use in there.applies_to] == [invoice.external_id]
    (left,) = books.fetch("invoice", invoice.external_id)
    if books.vendor.version >= 15:
        assert (left.status, left.amount_due) == ("partially_paid", Decimal("7.79"))


def test_a_refund_gives_back_what_a_credit_note_says(books: Books, sale: Invoice) -> None:
    credit = books.make("credit_note", credit_of(sale, None))
    refund = Refund(
        customer=sale.customer,
        refunded_on=date(2026, 9, 21),
        amount=Decimal("6.78"),
        currency="USD",
        reference="Returned lanterns",
        allocations=[
            RefundAllocation(kind="credit_note", target=Ref(external_id=credit.external_id), amount=Decimal("6.78"))
        ],
    )
    made = books.make("refund", refund)
    (there,) = books.fetch("refund", made.external_id)
    assert (there.amount, shares(there)) == (Decimal("6.78"), {credit.external_id: Decimal("6.78")})
    (used,) = books.fetch("credit_note", credit.external_id)
    assert (used.status, used.amount_due) == ("paid", 0)


def test_a_rate_is_made_and_is_what_documents_are_converted_by(books: Books, sale: Invoice) -> None:
    books.vendor.activate_currency("GBP")
    rate = ExchangeRate(currency="GBP", home_currency="USD", rate=Decimal("1.25"), effective_on=date(2026, 1, 1))
    made = books.make("exchange_rate", rate)
    (there,) = books.fetch("exchange_rate", made.external_id)
    assert (there.currency, there.rate, there.effective_on) == ("GBP", Decimal("1.25"), date(2026, 1, 1))
    invoice = books.make("invoice", changed(sale, currency="GBP"))
    assert invoice.raw["amount_total_signed"] == Decimal("18.21")
