"""The whole connector through our driver against the simulated server: log in, write, lose answers, read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as changed

from integrations.canonical import (
    Bill,
    CreditNote,
    Customer,
    Dimension,
    Invoice,
    JournalEntry,
    JournalLine,
    Line,
    PurchaseOrder,
    Ref,
    SalesOrder,
    Tag,
    Vendor,
    broken_laws,
)
from integrations.connectors.odoo import versions
from integrations.connectors.odoo.connector import CONNECTOR
from integrations.wire import http
from integrations.wire.connector import Done, Failed, Outcome
from integrations.wire.errors import ConsentLost, Duplicate, Forbidden, Refused, TryLater
from integrations.wire.locks import Lock
from tests.connectors.odoo.books import BASE, Books, about, account, after, creating


def test_the_company_says_who_it_is(books: Books) -> None:
    company = books.company()
    assert company.name
    assert (company.id, company.currency) == ("books/1", "USD")


def test_a_revoked_key_asks_for_a_new_connection(books: Books) -> None:
    books.vendor.revoke_consent()
    with pytest.raises(ConsentLost):
        books.company()


@pytest.mark.parametrize("name", [stream.name for stream in CONNECTOR.streams])
def test_everything_that_is_there_can_be_read(books: Books, sale: Invoice, name: str) -> None:
    books.make("invoice", sale)
    for record in books.read(name).values():
        assert broken_laws(record) == []


def test_an_invoice_is_made_posted_and_read_back_to_the_cent(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    (there,) = books.fetch("invoice", made.external_id)
    assert (there.reference, there.due_on, there.issued_on) == ("536365", sale.due_on, sale.issued_on)
    assert (there.status, there.total, there.amount_due) == ("open", Decimal("14.57"), Decimal("14.57"))
    assert [line.net_amount for line in there.lines] == [Decimal("20.34"), Decimal("-6.78"), Decimal("1.01"), None]
    assert there.number
    assert CONNECTOR.stream("invoice").total(made.raw) == there.total
    assert books.vendor.totals("out_invoice")["sums"] == {"USD": Decimal("14.57")}


def test_a_tax_of_a_line_is_the_one_that_was_meant(books: Books, sale: Invoice) -> None:
    tax = next(key for key, each in books.read("tax_rate").items() if each.applies_to == "sales")
    first, *_ = sale.lines
    made = books.make("invoice", changed(sale, lines=[changed(first, tax_rate=Ref(external_id=tax))]))
    (there,) = books.fetch("invoice", made.external_id)
    assert (there.subtotal, there.tax_total) == (Decimal("20.34"), Decimal("3.05"))
    assert there.lines[0].tax_rate.external_id == tax


def test_fifty_invoices_take_four_steps_and_are_read_by_pages(books: Books, sale: Invoice) -> None:
    levels = 1 if books.vendor.version >= 17 else 2  # heads and lines; there are no taxes here
    before = len(books.vendor.asked())
    writes = [creating(changed(sale, number=f"R-{n}"), key=f"i{n}") for n in range(50)]
    outcomes = books.carry_out("invoice", *writes)
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(books.vendor.asked()) == before + 2 + 2 * levels
    assert len(books.read("invoice", page_size=7)) == 50


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_lost_reply_at_any_step_makes_no_second_invoice(books: Books, sale: Invoice, lost: int) -> None:
    writes = [creating(changed(sale, number=f"L-{n}"), key=f"l{n}") for n in range(3)]
    for step in range(1, 5):
        if step == lost:
            books.vendor.misbehave(what="drop", on="any", moment="after")
            with pytest.raises(TryLater) as error:
                books.step("invoice", writes, step)
            assert error.value.may_have_acted
            outcomes: list[Outcome | None] = books.look_up("invoice", *writes)
        else:
            outcomes = [*books.step("invoice", writes, step)]
        writes = [after(write, outcome) for write, outcome in zip(writes, outcomes, strict=True) if outcome]
    assert len(writes) == 3
    assert books.vendor.totals("out_invoice")["count"] == len(books.read("invoice")) == 3


def test_a_user_who_may_not_see_external_ids_is_told_which_right_is_missing(books: Books, sale: Invoice) -> None:
    books.vendor.add_user("clerk", "secret")
    site = replace(books.site, settings={**books.site.settings, "login": "clerk"})
    tokens = http.log_in(CONNECTOR.auth, site=site, secrets={"api_key": "secret"}, allow=(BASE,))
    clerk = replace(books, site=site, secrets={**tokens.secrets(), "api_key": "secret"})
    assert isinstance(clerk.make("invoice", sale), Done)
    with pytest.raises(Forbidden, match="Administration/Access Rights"):
        clerk.look_up("invoice", creating(sale))


def test_a_load_that_never_came_is_not_there(books: Books, sale: Invoice) -> None:
    assert books.look_up("invoice", creating(sale)) == [None]


def test_an_inactive_currency_is_one_clear_refusal_and_leaves_nothing(books: Books, sale: Invoice) -> None:
    writes = [creating(changed(sale, currency="GBP", number=f"G-{n}"), key=f"g{n}") for n in range(50)]
    with pytest.raises(Forbidden, match="GBP") as error:
        books.carry_out("invoice", *writes)
    assert "Activate the currency" in error.value.advice
    assert books.read("invoice") == {}


def test_a_currency_without_a_rate_is_not_posted(books: Books, sale: Invoice) -> None:
    (gbp,) = books.vendor.documents("res.currency", [["name", "=", "GBP"]], ["name"])
    books.vendor.change("res.currency", gbp["id"], {"active": True})
    with pytest.raises(Forbidden, match="no rate"):
        books.carry_out("invoice", creating(changed(sale, currency="GBP")))
    assert books.vendor.totals("out_invoice")["count"] == 0
    rate = {"name": "2026-01-01", "currency_id": gbp["id"], "rate": Decimal("0.8")}
    books.vendor.by_hand("res.currency.rate", "create", rate)
    made = books.make("invoice", changed(sale, currency="GBP", number="G-2"))
    assert CONNECTOR.stream("invoice").total(made.raw) == Decimal("14.57")


@pytest.mark.parametrize("vendor", [15, 18], indirect=True)
def test_lock_dates_are_read_as_the_version_has_them(books: Books) -> None:
    assert books.locks() == []
    books.vendor.lock("2025-12-31")
    books.vendor.lock("2026-01-31", kind="tax_lock_date")
    told = {
        "fiscalyear lock date": Lock(name="fiscalyear lock date", until=date(2025, 12, 31)),
        "tax lock date": Lock(name="tax lock date", until=date(2026, 1, 31), taxed=True),
    }
    if versions.of(books.site) == 18:
        for day, kind in (("2026-02-28", "sale_lock_date"), ("2026-03-31", "purchase_lock_date")):
            books.vendor.lock(day, kind=kind)
        sales, purchases = frozenset(("invoice", "credit_note")), frozenset(("bill", "vendor_credit"))
        told["sale lock date"] = Lock(name="sale lock date", until=date(2026, 2, 28), kinds=sales)
        told["purchase lock date"] = Lock(name="purchase lock date", until=date(2026, 3, 31), kinds=purchases)
    assert {lock.name: lock for lock in books.locks() or ()} == told


def test_a_day_that_a_locked_period_moves_is_read_back(books: Books, sale: Invoice) -> None:
    books.vendor.change("res.company", 1, {"fiscalyear_lock_date": "2026-09-30"})
    made = CONNECTOR.stream("invoice").shape.read(books.make("invoice", sale).raw)
    assert isinstance(made, Invoice)
    assert made.issued_on == sale.issued_on
    assert made.posted_on is not None
    assert made.posted_on > date(2026, 9, 30)


def test_a_credit_note_is_made_with_positive_amounts(books: Books, customer: Ref, item: Ref) -> None:
    credit = CreditNote(
        number="C536379",
        customer=customer,
        issued_on=date(2026, 9, 15),
        currency="USD",
        line_amounts="exclusive",
        lines=[Line(item=item, quantity=Decimal(1), unit_price=Decimal("27.50"))],
    )
    made = books.make("credit_note", credit)
    (there,) = books.fetch("credit_note", made.external_id)
    assert (there.total, there.status) == (Decimal("27.50"), "open")


def test_a_posted_invoice_is_left_alone_unless_the_connection_allows_it(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    wanted = changed(CONNECTOR.stream("invoice").shape.read(made.raw), due_on=date(2026, 12, 1))
    before = books.vendor.documents("account.move")
    with pytest.raises(Refused, match="posted"):
        books.carry_out("invoice", about(made, "update", wanted, "due_on"))
    assert books.vendor.documents("account.move") == before


def test_lines_of_a_posted_invoice_change_and_it_is_posted_again(books: Books, sale: Invoice) -> None:
    books.site = replace(books.site, settings={**books.site.settings, "change_posted": True})
    made = books.make("invoice", sale)
    read = CONNECTOR.stream("invoice").shape.read(made.raw)
    first, *_, note = read.lines
    lines = [changed(first, quantity=Decimal(5), net_amount=None, gross_amount=None), note]
    wanted = changed(read, lines=lines, total=None, tax_total=None, status="unknown")
    (done,) = books.carry_out("invoice", about(made, "update", wanted, "lines"))
    assert isinstance(done, Done), done
    (there,) = books.fetch("invoice", made.external_id)
    assert (there.total, there.status, there.number) == (Decimal("16.95"), "open", read.number)
    assert [line.external_id for line in there.lines] == [first.external_id, note.external_id]


def test_a_voided_invoice_stays_as_cancelled(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    (done,) = books.carry_out("invoice", about(made, "void"))
    assert isinstance(done, Done), done
    (there,) = books.fetch("invoice", made.external_id)
    assert there.status == "void"


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_void_by_reversal_leaves_the_invoice_and_takes_it_back_once(books: Books, sale: Invoice, lost: int) -> None:
    books.site = replace(books.site, settings={**books.site.settings, "void_by": "reverse"})
    made = books.make("invoice", sale)
    write = about(made, "void")
    for step in range(1, 4):
        if step == lost:
            books.vendor.misbehave(what="drop", on="any", moment="after")
            with pytest.raises(TryLater):
                books.step("invoice", [write], step)
            (outcome,) = books.look_up("invoice", write)
        else:
            (outcome,) = books.step("invoice", [write], step)
        write = after(write, outcome)
    (there,) = books.vendor.documents("account.move", [["id", "=", int(made.external_id)]])
    (opposite,) = books.vendor.documents("account.move", [["move_type", "=", "out_refund"]])
    assert (there["state"], there["payment_state"], there["amount_residual"]) == ("posted", "reversed", 0)
    assert (opposite["state"], opposite["amount_total"]) == ("posted", Decimal("14.57"))
    assert opposite["reversed_entry_id"][0] == there["id"]


def test_a_bill_of_the_same_number_is_not_posted_twice(books: Books, item: Ref) -> None:
    vendor = books.make("vendor", Vendor(name="Brightwick Candles", number="V-7"))
    bill = Bill(
        number="BW-88",
        vendor=Ref(external_id=vendor.external_id),
        issued_on=date(2026, 9, 10),
        currency="USD",
        line_amounts="exclusive",
        lines=[Line(item=item, quantity=Decimal(40), unit_price=Decimal("2.5"))],
    )
    assert CONNECTOR.stream("bill").total(books.make("bill", bill).raw) == 100
    if books.vendor.version < 16:  # older servers say so only when it is posted
        with pytest.raises(Refused, match="Duplicated vendor reference"):
            books.carry_out("bill", creating(bill, "second"))
    else:
        (outcome,) = books.carry_out("bill", creating(bill, "second"))
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, Duplicate)
    assert books.vendor.totals("in_invoice")["count"] == 1


def test_an_entry_is_made_and_posted(books: Books) -> None:
    lines = [
        JournalLine(account=account(books, "bank"), debit=Decimal("120.50"), description="Accrual"),
        JournalLine(account=account(books, "sales"), credit=Decimal("120.50"), description="Accrual"),
    ]
    made = books.make(
        "journal_entry", JournalEntry(posted_on=date(2026, 9, 30), currency="USD", number="J-4", lines=lines)
    )
    (there,) = books.fetch("journal_entry", made.external_id)
    assert (there.status, there.reference, there.posted_on) == ("posted", "J-4", date(2026, 9, 30))
    assert CONNECTOR.stream("journal_entry").total(made.raw) == Decimal("120.50")


def test_orders_are_made_and_confirmed(books: Books, customer: Ref, item: Ref) -> None:
    lines = [Line(item=item, description="Lantern", quantity=Decimal(10), unit_price=Decimal("3.39"))]
    ordered: dict[str, Any] = {
        "issued_on": date(2026, 9, 13), "currency": "USD", "line_amounts": "exclusive", "lines": lines,
    }  # fmt: skip
    sold = books.make("sales_order", SalesOrder(customer=customer, po_number="OK-100", **ordered))
    (there,) = books.fetch("sales_order", sold.external_id)
    assert (there.status, there.po_number, there.total) == ("open", "OK-100", Decimal("33.90"))
    bought = books.make("purchase_order", PurchaseOrder(vendor=customer, number="PO-7", **ordered))
    (there,) = books.fetch("purchase_order", bought.external_id)
    assert (there.status, there.total, there.issued_on) == ("open", Decimal("33.90"), date(2026, 9, 13))


def test_a_bill_knows_the_lines_of_the_purchase_order_that_it_bills(books: Books, customer: Ref, item: Ref) -> None:
    lines = [Line(item=item, description="Lantern", quantity=Decimal(10), unit_price=Decimal("3.39"))]
    document: dict[str, Any] = {"issued_on": date(2026, 9, 13), "currency": "USD", "line_amounts": "exclusive"}
    order = books.make("purchase_order", PurchaseOrder(vendor=customer, number="PO-7", lines=lines, **document))
    (ordered,) = books.fetch("purchase_order", order.external_id)
    of_order = Ref(external_id=f"{order.external_id}/{ordered.lines[0].external_id}")
    billed = [changed(lines[0], quantity=Decimal(4), purchase_order_line=of_order)]
    bill = books.make("bill", Bill(vendor=customer, number="BW-9", lines=billed, **document))
    (there,) = books.fetch("bill", bill.external_id)
    assert there.lines[0].purchase_order_line == of_order
    assert [each.external_id for each in there.purchase_orders] == [order.external_id]
    (ordered,) = books.fetch("purchase_order", order.external_id)
    assert ordered.lines[0].quantity_invoiced == 4


def test_a_line_is_tagged_with_an_analytic_account(books: Books, sale: Invoice) -> None:
    plan = "Project" if books.vendor.version >= 16 else None
    wanted = Dimension(dimension_type="custom", dimension_name=plan, name="Spring market", number="SM-26")
    made = books.make("dimension", wanted)
    (there,) = books.fetch("dimension", made.external_id)
    assert (there.name, there.number, there.dimension_name) == ("Spring market", "SM-26", plan)
    tag = Tag(type="custom", value=Ref(external_id=made.external_id))
    lines = [changed(sale.lines[0], dimensions=[tag]), *sale.lines[1:]]
    invoice = books.make("invoice", changed(sale, lines=lines))
    (there,) = books.fetch("invoice", invoice.external_id)
    assert [line.dimensions for line in there.lines] == [[tag], [], [], []]


def test_a_customer_changed_and_archived_is_still_seen(books: Books, customer: Ref) -> None:
    (read,) = books.fetch("customer", str(customer.external_id))
    raw = books.pages("customer")[0].raws[0]
    wanted = changed(read, email="new@okafor.example", active=False)
    made = Done(external_id=str(customer.external_id), raw=raw)
    (done,) = books.carry_out("customer", about(made, "update", wanted, "email", "active"))
    assert isinstance(done, Done), done
    there = books.read("customer")[str(customer.external_id)]
    assert (there.email, there.active) == ("new@okafor.example", False)


def test_what_changed_since_the_mark_is_read_again(books: Books, customer: Ref) -> None:
    mark = books.pages("customer")[0].mark
    assert str(customer.external_id) in books.read("customer", mark)
    assert books.read("customer", "2099-01-01 00:00:00") == {}


def test_what_was_deleted_is_missing_from_a_direct_read(books: Books) -> None:
    made = books.make("customer", Customer(name="Deleted soon"))
    books.vendor.by_hand("res.partner", "unlink", [int(made.external_id)])
    assert books.fetch("customer", made.external_id) == []
