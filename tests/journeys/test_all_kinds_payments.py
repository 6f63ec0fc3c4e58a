"""Payments and what they settle: they wait for their documents, go on by themselves, and are exact to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.journeys.ledgers import Body, Company, Move, settled, settling

pytestmark = pytest.mark.django_db(transaction=True)

NEEDED = ("accounts", "tax_codes", "customers", "items")


@pytest.fixture
def alder(old: Company) -> Body:
    """A customer in the old books."""
    return old.customer("Alder & Sons")


def pays(old: Company, customer: Body, amount: str, *lines: Body, **more: object) -> Body:
    """A customer pays, for these documents."""
    body = {"TxnDate": "2026-09-20", "PaymentRefNum": "BACS 77", **more}
    return old.hand("Payment", CustomerRef=customer, TotalAmt=Decimal(amount), Line=list(lines), **body)


def ids(company: Company, entity: str = "Invoice") -> dict[str, str]:
    """Number -> id of the documents there."""
    return {each["DocNumber"]: each["Id"] for each in company.all(entity)}


def test_a_payment_waits_for_its_three_invoices_and_goes_on_by_itself(
    old: Company, new: Company, move: Move, alder: Body
) -> None:
    owed = {number: old.invoice(number, amount, alder)["Id"] for number, amount in SALES.items()}
    parts = {"1001": "120.01", "1002": "79.99", "1003": "50.33"}
    pays(old, alder, "250.33", *(settling(amount, "Invoice", owed[number]) for number, amount in parts.items()))

    waits = move.run(*NEEDED, "payments")["payments"]

    assert (waits.colour, new.all("Payment")) == ("amber", [])
    (words,) = move.waiting("payments")
    assert "invoice" in words

    move.green("invoices", "payments")

    (paid,) = new.all("Payment")
    there = ids(new)
    assert settled(paid) == {("Invoice", there[number]): Decimal(amount) for number, amount in parts.items()}
    assert (paid["TotalAmt"], paid["PaymentRefNum"]) == (Decimal("250.33"), "BACS 77")
    assert new.one("Invoice", DocNumber="1003")["Balance"] == Decimal("49.67")
    assert move.waiting("payments") == []


SALES = {"1001": "120.01", "1002": "79.99", "1003": "100.00"}


def test_a_payment_that_is_partly_for_nothing_yet_keeps_its_rest(
    old: Company, new: Company, move: Move, alder: Body
) -> None:
    owed = old.invoice("1001", "60", alder)
    pays(old, alder, "100", settling("60", "Invoice", owed["Id"]))

    move.green(*NEEDED, "invoices", "payments")

    (paid,) = new.all("Payment")
    assert (paid["TotalAmt"], paid["UnappliedAmt"]) == (100, 40)
    assert new.one("Invoice", DocNumber="1001")["Balance"] == 0


def test_an_allocation_that_overpays_there_is_held_in_the_vendors_words(
    old: Company, new: Company, move: Move, alder: Body
) -> None:
    owed = old.invoice("1001", "60", alder)
    move.green(*NEEDED, "invoices")
    there = new.one("Invoice", DocNumber="1001")
    new.hand("Payment", CustomerRef=there["CustomerRef"], TotalAmt=30, Line=[settling("30", "Invoice", there["Id"])])
    pays(old, alder, "60", settling("60", "Invoice", owed["Id"]))

    run = move.run("payments")["payments"]

    assert run.colour == "amber"
    (issue,) = move.issues("payments")
    assert "more than the open balance 30" in issue.words
    assert len(new.all("Payment")) == 1


def test_a_payment_whose_invoice_is_held_waits_and_goes_on_when_a_person_has_fixed_it(
    old: Company, new: Company, move: Move, alder: Body
) -> None:
    owed = old.invoice("1001", "60", alder)
    pays(old, alder, "60", settling("60", "Invoice", owed["Id"]))
    new.vendor.set_preferences(new.realm, book_close_date="2026-09-15")

    runs = move.run(*NEEDED, "invoices", "payments")

    assert (runs["invoices"].colour, runs["payments"].colour) == ("amber", "amber")
    assert len(move.issues("invoices")) == 1
    assert move.issues("payments") == []
    assert len(move.waiting("payments")) == 1

    new.vendor.set_preferences(new.realm, book_close_date=None)
    move.retry("invoices")
    move.green("invoices", "payments")

    (paid,) = new.all("Payment")
    assert settled(paid) == {("Invoice", ids(new)["1001"]): Decimal(60)}
    assert move.issues("invoices") == []


def test_a_credit_note_is_applied_to_its_invoice(old: Company, new: Company, move: Move, alder: Body) -> None:
    owed = old.invoice("1001", "100", alder)
    credit = old.hand("CreditMemo", DocNumber="C-1", CustomerRef=alder, TxnDate="2026-09-16", Line=[old.sold("25.50")])
    pays(
        old, alder, "0",
        settling("25.50", "Invoice", owed["Id"]), settling("25.50", "CreditMemo", credit["Id"]), PaymentRefNum="",
    )  # fmt: skip

    move.green(*NEEDED, "invoices", "credit_notes", "payments")

    assert new.one("Invoice", DocNumber="1001")["Balance"] == Decimal("74.50")
    assert new.one("CreditMemo", DocNumber="C-1")["RemainingCredit"] == 0
    (applied,) = new.all("Payment")
    assert set(settled(applied).values()) == {Decimal("25.50")}


def test_an_invoice_with_payments_is_voided_with_what_paid_it_let_go(
    old: Company, new: Company, move: Move, alder: Body
) -> None:
    owed = old.invoice("1001", "60", alder)
    pays(old, alder, "60", settling("60", "Invoice", owed["Id"]))
    move.green(*NEEDED, "invoices", "payments")
    old.void("Invoice", owed["Id"])

    runs = move.run("invoices", "payments")

    assert {name: run.colour for name, run in runs.items()} == {"invoices": "green", "payments": "green"}
    assert new.one("Invoice", DocNumber="1001")["TotalAmt"] == 0
    (paid,) = new.all("Payment")
    assert (paid["TotalAmt"], paid["UnappliedAmt"], settled(paid)) == (60, 60, {})
