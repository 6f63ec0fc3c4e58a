"""The life of a record of every stream that is written: made, changed, voided, deleted, each once though the reply is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as other
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from integrations.canonical import (
    Account,
    Allocation,
    Bill,
    BillAllocation,
    BillPayment,
    CreditNote,
    Customer,
    Deposit,
    DepositLine,
    Dimension,
    ExchangeRate,
    Invoice,
    Item,
    JournalEntry,
    JournalLine,
    Line,
    Payment,
    PaymentTerm,
    PriceSide,
    PurchaseOrder,
    Quote,
    Record,
    Ref,
    Refund,
    SalesReceipt,
    Vendor,
    VendorCredit,
    broken_laws,
)
from integrations.connectors.quickbooks_online.connector import CONNECTOR
from integrations.wire.connector import Done, Write
from integrations.wire.errors import TryLater

from .driven import Books, a_customer, an_item, creating, updating

DAY = date(2026, 9, 14)


@dataclass
class World:
    """A company with somebody to sell to, somebody to buy from, and something owed."""

    books: Books

    def account(self, kind: str) -> Ref:
        found = next(each for each in self.books.read("account").values() if each.type == kind)
        return Ref(external_id=found.external_id)

    def vendor(self) -> Ref:
        return self.made("vendor", Vendor(name="Ashby"))

    def made(self, stream: str, record: Record) -> Ref:
        return Ref(external_id=self.books.make(stream, record).external_id)

    def sold(self, **more: Any) -> dict[str, Any]:
        """What every document of sale says."""
        line = Line(item=an_item(self.books), quantity=Decimal(2), unit_price=Decimal("3.39"))
        head = {"customer": a_customer(self.books), "currency": "USD", "line_amounts": "exclusive", "lines": [line]}
        return {"number": "N-1", "memo": "As agreed", **head, **more}

    def bought(self, **more: Any) -> dict[str, Any]:
        """What every document of purchase says."""
        line = Line(account=self.account("expense"), net_amount=Decimal(70))
        head = {
            "vendor": self.vendor(),
            "currency": "USD",
            "line_amounts": "exclusive",
            "lines": [line],
            "issued_on": DAY,
        }
        return {"number": "N-1", "memo": "As agreed", **head, **more}


def a_payment(world: World) -> Record:
    invoice = Invoice(**world.sold(issued_on=DAY))
    owed = world.made("invoice", invoice)
    part = Allocation(kind="invoice", target=owed, amount=Decimal("6.78"))
    paid = {"customer": invoice.customer, "paid_on": DAY, "amount": Decimal(10), "currency": "USD", "memo": "As agreed"}
    return Payment(**paid, allocations=[part], reference="W-1")


def a_bill_payment(world: World) -> Record:
    bill = Bill(**world.bought())
    part = BillAllocation(kind="bill", target=world.made("bill", bill), amount=Decimal(70))
    paid = {"vendor": bill.vendor, "paid_on": DAY, "amount": Decimal(70), "currency": "USD", "memo": "As agreed"}
    return BillPayment(**paid, payment_account=world.account("bank"), allocations=[part], number="131")


def a_deposit(world: World) -> Record:
    payment = Payment(customer=a_customer(world.books), paid_on=DAY, amount=Decimal(100), currency="USD")
    line = DepositLine(kind="payment", target=world.made("payment", payment), amount=Decimal(100))
    head: dict[str, Any] = {"deposited_on": DAY, "amount": Decimal(100), "currency": "USD", "memo": "As agreed"}
    return Deposit(deposit_account=world.account("bank"), lines=[line], **head)


def an_entry(world: World) -> Record:
    sides = [
        JournalLine(account=world.account("expense"), debit=Decimal(5)),
        JournalLine(account=world.account("bank"), credit=Decimal(5)),
    ]
    return JournalEntry(number="J-1", posted_on=DAY, currency="USD", lines=sides, memo="As agreed")


def an_item_of(world: World) -> Record:
    side = PriceSide(price=Decimal(3), account=world.account("sales"))
    return Item(name="Lamp", item_type="service", sale=side, description="A lamp")


def a_rate(world: World) -> Record:
    realm = world.books.site.settings["realmId"]
    world.books.vendor.set_preferences(realm, multicurrency=True)
    world.books.vendor.by_hand("CompanyCurrency", {"Code": "EUR"}, realm=realm)
    return ExchangeRate(currency="EUR", home_currency="USD", rate=Decimal("1.08"), effective_on=DAY)


MAKERS: dict[str, tuple[Callable[[World], Record], dict[str, Any]]] = {
    "account": (
        lambda world: Account(name="Seeds", classification="expense", type="expense"),
        {"description": "For beds"},
    ),
    "payment_term": (lambda world: PaymentTerm(name="Net 45", due_days=45), {"due_days": 44}),
    "customer": (lambda world: Customer(name="Elm Ltd", notes="New"), {"notes": "Known"}),
    "vendor": (lambda world: Vendor(name="Birch", notes="New"), {"notes": "Known"}),
    "item": (an_item_of, {"description": "A bright lamp"}),
    "class": (lambda world: Dimension(dimension_type="class", name="Garden"), {"name": "Gardens"}),
    "location": (lambda world: Dimension(dimension_type="location", name="North"), {"name": "Norths"}),
    "exchange_rate": (a_rate, {"rate": Decimal("1.09")}),
    "quote": (lambda world: Quote(**world.sold(issued_on=DAY)), {"memo": "As changed"}),
    "invoice": (lambda world: Invoice(**world.sold(issued_on=DAY)), {"memo": "As changed"}),
    "sales_receipt": (lambda world: SalesReceipt(**world.sold(issued_on=DAY)), {"memo": "As changed"}),
    "credit_note": (lambda world: CreditNote(**world.sold(issued_on=DAY)), {"memo": "As changed"}),
    "refund": (
        lambda world: Refund(
            **world.sold(refunded_on=DAY, amount=Decimal("6.78"), payment_account=world.account("bank"))
        ),
        {"memo": "As changed"},
    ),
    "purchase_order": (lambda world: PurchaseOrder(**world.bought()), {"memo": "As changed"}),
    "bill": (lambda world: Bill(**world.bought()), {"memo": "As changed"}),
    "vendor_credit": (lambda world: VendorCredit(**world.bought()), {"memo": "As changed"}),
    "journal_entry": (an_entry, {"memo": "As changed"}),
    "payment": (a_payment, {"memo": "As changed"}),
    "bill_payment": (a_bill_payment, {"memo": "As changed"}),
    "deposit": (a_deposit, {"memo": "As changed"}),
}


def test_no_stream_that_is_written_is_left_out() -> None:
    assert MAKERS.keys() == {stream.name for stream in CONNECTOR.streams if stream.writes}


def lost(books: Books, name: str, write: Write) -> Done:
    """A write whose reply never comes, as a look-up finds it; asked for under another key it is not ours."""
    before = len(books.read(name))
    books.vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater):
        books.write(name, write)
    (found,) = books.look_up(name, write)
    assert isinstance(found, Done)
    assert len(books.read(name)) - before == (1 if write.operation == "create" else 0)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_made_changed_and_taken_back_once_though_every_reply_is_lost(books: Books, name: str) -> None:
    make, change = MAKERS[name]
    wanted = make(World(books))
    begin = books.pages(name)[0].mark

    made = lost(books, name, creating(wanted))
    (there,) = books.fetch(name, made.external_id)
    assert broken_laws(there) == []
    assert made.external_id in books.read(name, begin), "what is new comes with the next read"

    (field,) = change
    done = lost(books, name, updating(made, replace(wanted, **change), field))
    (there,) = books.fetch(name, made.external_id)
    assert getattr(there, field) == change[field]

    for operation in ("void", "delete"):
        if operation not in CONNECTOR.stream(name).writes:
            continue
        again = Write(key=operation, operation=operation, external_id=made.external_id, version=done.version)
        found = gone(books, name, again)
        done = other(done, version=found.version or done.version)
    if "delete" in CONNECTOR.stream(name).writes:
        assert made.external_id in {each.external_id for page in books.pages(name, begin) for each in page.gone}


def gone(books: Books, name: str, write: Write) -> Done:
    """A void or deletion whose reply never comes, as a look-up finds it."""
    books.vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater):
        books.write(name, write)
    (found,) = books.look_up(name, write)
    assert isinstance(found, Done)
    if write.operation == "void":
        (there,) = books.fetch(name, str(write.external_id))
        assert there.status == "void"
    return found


@pytest.mark.parametrize("name", [name for name in MAKERS if CONNECTOR.stream(name).facts.get("list")])
def test_what_cannot_be_deleted_is_made_inactive_and_still_read(books: Books, name: str) -> None:
    make, _ = MAKERS[name]
    wanted = make(World(books))
    made = books.make(name, wanted)

    books.write(name, updating(made, replace(wanted, active=False), "active"))

    assert books.read(name)[made.external_id].active is False
