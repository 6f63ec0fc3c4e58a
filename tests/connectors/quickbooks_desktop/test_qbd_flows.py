"""The connector and the simulated QuickBooks: made, found again, changed, voided and deleted, kind by kind."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

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
    Dimension,
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
    SalesOrder,
    SalesReceipt,
    SalesRep,
    TaxRate,
    Vendor,
)
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.wire.connector import Done, Failed
from integrations.wire.errors import (
    ConsentLost,
    Duplicate,
    Missing,
    PeriodClosed,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.locks import Lock
from integrations.wire.stream import Cursor
from tests.connectors.quickbooks_desktop.made import DIALECT, MANY, STREAMS
from tests.connectors.quickbooks_desktop.talking import Talk, all_done

DAY = date(2026, 9, 14)


@pytest.fixture
def talk() -> Talk:
    return Talk()


def ref(external_id: str | None) -> Ref:
    return Ref(external_id=external_id)


class Shop(Talk):
    """A company with a customer, a vendor, and something to sell."""

    def __post_init__(self) -> None:
        super().__post_init__()
        accounts = {each.type: each.external_id for each in self.records("account")}
        self.accounts = accounts
        self.customer = self.made("customer", Customer(name="Okafor Garden Design")).external_id
        self.vendor = self.made("vendor", Vendor(name="Brightwater Supplies")).external_id
        sold = PriceSide(account=ref(accounts["sales"]))
        lantern = Item(name="85123A", item_type="non_inventory", sku="85123A", description="Lantern", sale=sold)
        self.item = self.made("item", lantern).external_id

    def lines(self) -> list[Line]:
        net = Decimal("20.00")
        return [
            Line(item=ref(self.item), description="Lantern", quantity=Decimal(6), unit_price=Decimal("3.39"), key="1"),
            Line(item=ref(self.item), description="By amount", quantity=Decimal(3), net_amount=net, key="2"),
            Line(line_type="text", description="With thanks", key="3"),
        ]

    def invoice(self, number: str | None = "536365") -> Invoice:
        return Invoice(
            customer=ref(self.customer),
            number=number,
            issued_on=DAY,
            currency="USD",
            line_amounts="no_tax",
            lines=self.lines(),
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


# --- lists -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_list_entry_is_made_and_found_again(talk: Talk) -> None:
    income = talk.made("account", Account(name="Garden sales", classification="income", type="sales"))
    code = talk.made("sales_tax_code", TaxRate(code="Exp", name="Export", rate_percent=Decimal(0)))
    assert code.external_id.startswith("code:")
    talk.made("payment_term", PaymentTerm(name="Net 21", due_days=21))
    talk.made("class", Dimension(dimension_type="class", name="Garden"))
    vendor = talk.made("vendor", Vendor(name="Brightwater Supplies", number="C-778", notes="pays early"))
    talk.made("sales_rep", SalesRep(name="Brightwater Supplies", number="BWS"))
    customer = talk.made("customer", Customer(name="Okafor: Garden Design", tax_exempt=True))
    job = talk.made("customer", Customer(name="Back garden", parent=ref(customer.external_id)))
    assert talk.understood("customer", job.raw).name == "Back garden"
    assert talk.understood("customer", customer.raw).name == "Okafor- Garden Design"
    sold = PriceSide(price=Decimal("48.00"), account=ref(income.external_id))
    for item_type, name in (("service", "Planting"), ("non_inventory", "Lantern"), ("charge", "Delivery to the door")):
        talk.made("item", Item(name=name, item_type=item_type, sale=sold))
    talk.made("item", Item(name="Goodwill", item_type="discount", sale=PriceSide(account=ref(income.external_id))))
    assert vendor.version


def test_an_item_in_stock_has_three_accounts_and_both_sides(talk: Talk) -> None:
    accounts = {each.type: each.external_id for each in talk.records("account")}
    can = Item(
        name="Watering can",
        item_type="inventory",
        sku="WC-8",
        sale=PriceSide(price=Decimal("19.95"), account=ref(accounts["sales"])),
        purchase=PriceSide(price=Decimal("7.20"), account=ref(accounts["cost_of_sales"])),
        asset_account=ref(talk.named("account", "Inventory Asset")),
    )
    made = talk.made("item", can)
    read = talk.understood("item", made.raw)
    assert isinstance(read, Item)
    assert (read.item_type, read.sku, read.purchase and read.purchase.price) == ("inventory", "WC-8", Decimal("7.20"))


def test_a_change_touches_only_what_it_names(talk: Talk) -> None:
    made = talk.made("customer", Customer(name="Okafor", phone="217-555-0199", notes="Ring first"))
    wanted = replace(STREAMS["customer"].shape.read(made.raw), email="office@okafor.example", notes=None)
    (changed,) = all_done(talk.write("customer", talk.change("customer", made, wanted, "email", "notes")))
    read = talk.understood("customer", changed.raw)
    assert isinstance(read, Customer)
    assert (read.email, read.notes, read.phone) == ("office@okafor.example", None, "217-555-0199")


def test_a_name_that_is_taken_is_a_duplicate(talk: Talk) -> None:
    talk.made("customer", Customer(name="Okafor"))
    write = talk.creation(Customer(name="Okafor"))
    (found,) = talk.found("customer", write)
    assert isinstance(found, Failed)
    assert isinstance(found.error, Duplicate)
    (outcome,) = talk.write("customer", write)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Duplicate)


def test_a_stale_change_is_told_as_such(talk: Talk) -> None:
    made = talk.made("customer", Customer(name="Okafor"))
    wanted = replace(STREAMS["customer"].shape.read(made.raw), phone="1")
    talk.write("customer", talk.change("customer", made, wanted, "phone"))
    (outcome,) = talk.write("customer", talk.change("customer", made, replace(wanted, phone="2"), "phone"))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Stale)


def test_rates_of_tax_are_rates_and_no_items(talk: Talk) -> None:
    rates = {each.external_id for each in talk.records("tax_rate")}
    assert rates
    assert not rates & {each.external_id for each in talk.records("item")}


# --- documents -------------------------------------------------------------------------------------------------------


def test_an_invoice_comes_to_the_cent(shop: Shop) -> None:
    made = shop.made("invoice", shop.invoice())
    read = shop.understood("invoice", made.raw)
    assert isinstance(read, Invoice)
    assert (read.total, read.number) == (Decimal("40.34"), "536365")
    assert [(line.line_type, line.net_amount) for line in read.lines] == [
        ("item", Decimal("20.34")),
        ("item", Decimal("20.00")),
        ("text", None),
    ]
    assert STREAMS["invoice"].total is not None
    assert STREAMS["invoice"].total(made.raw) == read.total


def test_somebody_elses_invoice_with_our_number_is_not_taken_for_ours(shop: Shop) -> None:
    shop.made("invoice", shop.invoice())
    another = shop.creation(shop.invoice())
    (found,) = shop.found("invoice", another)
    assert isinstance(found, Failed)
    assert isinstance(found.error, Duplicate)


def test_an_invoice_without_a_number_is_found_by_day_and_customer(shop: Shop) -> None:
    first, second = shop.made("invoice", shop.invoice(None)), shop.made("invoice", shop.invoice(None))
    assert first.external_id != second.external_id


def test_lines_that_are_not_named_go_and_those_that_stay_are_named(shop: Shop) -> None:
    made = shop.made("invoice", shop.invoice())
    there = STREAMS["invoice"].shape.read(made.raw)
    assert isinstance(there, Invoice)
    first, _, text = there.lines
    more = Line(item=ref(shop.item), quantity=Decimal(1), unit_price=Decimal("1.50"))
    wanted = replace(there, lines=[replace(first, quantity=Decimal(10), net_amount=None), text, more])
    (changed,) = all_done(shop.write("invoice", shop.change("invoice", made, wanted, "lines")))
    read = shop.understood("invoice", changed.raw)
    assert isinstance(read, Invoice)
    assert [line.net_amount for line in read.lines] == [Decimal("33.90"), None, Decimal("1.50")]
    assert [line.external_id for line in read.lines[:2]] == [first.external_id, text.external_id]


def test_a_changed_memo_leaves_the_lines_alone(shop: Shop) -> None:
    made = shop.made("invoice", shop.invoice())
    wanted = replace(STREAMS["invoice"].shape.read(made.raw), memo="corrected")
    change = shop.change("invoice", made, wanted, "memo")
    assert shop.found("invoice", change) == [None]
    (changed,) = all_done(shop.write("invoice", change))
    assert changed.raw["Lines"] == made.raw["Lines"]
    (again,) = shop.found("invoice", change)
    assert isinstance(again, Done)


def test_an_invoice_is_voided_and_then_deleted(shop: Shop) -> None:
    made = shop.made("invoice", shop.invoice())
    void = shop.end("invoice", made, "void")
    assert shop.found("invoice", void) == [None]
    (voided,) = all_done(shop.write("invoice", void))
    read = shop.understood("invoice", voided.raw)
    assert isinstance(read, Invoice)
    assert (read.status, read.total) == ("void", Decimal("0.00"))
    assert isinstance(shop.found("invoice", void)[0], Done)
    delete = shop.end("invoice", voided, "delete")
    assert shop.found("invoice", delete) == [None]
    all_done(shop.write("invoice", delete))
    assert isinstance(shop.found("invoice", delete)[0], Done)
    (outcome,) = shop.write("invoice", shop.change("invoice", voided, replace(read, memo="x"), "memo"))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Missing)
    mark = "2020-01-01T00:00:00+00:00"
    (page,) = shop.pages("invoice", Cursor(mark=mark))
    assert [gone.external_id for gone in page.gone] == [made.external_id]


def test_one_bad_record_of_a_batch_does_not_stop_the_others(shop: Shop) -> None:
    writes = [
        shop.creation(shop.invoice("1")),
        shop.creation(replace(shop.invoice("2"), customer=ref("80000999-1"))),
        shop.creation(shop.invoice("a number that is too long")),
        shop.creation(shop.invoice("4")),
    ]
    first, second, third, fourth = shop.write("invoice", *writes)
    assert isinstance(first, Done)
    assert isinstance(fourth, Done)
    assert isinstance(second, Failed)
    assert isinstance(second.error, Missing)
    assert isinstance(third, Failed)
    assert isinstance(third.error, Refused)
    assert "25 characters" in third.error.explanation
    assert "memo" in third.error.advice


def test_tax_is_one_rate_for_the_document_and_yes_or_no_for_each_line(shop: Shop) -> None:
    rate = shop.named("tax_rate", "Sales Tax")
    lines = [
        replace(shop.lines()[0], tax_rate=ref(rate)),
        replace(shop.lines()[1], tax_amount=Decimal(0)),
    ]
    made = shop.made("invoice", replace(shop.invoice(), line_amounts="exclusive", lines=lines))
    read = shop.understood("invoice", made.raw)
    assert isinstance(read, Invoice)
    assert [line.tax_rate and line.tax_rate.name for line in read.lines] == ["Tax", "Non"]
    assert read.taxes[0].tax_rate is not None
    assert read.taxes[0].tax_rate.external_id == rate
    assert read.tax_total
    assert read.total == Decimal("40.34") + read.tax_total


def test_several_rates_in_one_document_are_refused(shop: Shop) -> None:
    lines = [replace(shop.lines()[0], tax_rate=ref("8000000A-1")), replace(shop.lines()[1], tax_rate=ref("8000000B-1"))]
    with pytest.raises(Refused, match="one for the whole document"):
        shop.write("invoice", shop.creation(replace(shop.invoice(), lines=lines)))


def test_another_currency_is_refused_with_what_to_do(shop: Shop) -> None:
    with pytest.raises(Refused, match=r"know only USD.*Multiple Currencies"):
        shop.write("invoice", shop.creation(replace(shop.invoice(), currency="GBP")))


@pytest.mark.parametrize("stream", ["quote", "sales_order", "sales_receipt", "credit_note"])
def test_every_document_of_sale_is_made_changed_and_deleted(shop: Shop, stream: str) -> None:
    kinds: dict[str, type[Record]] = {
        "quote": Quote,
        "sales_order": SalesOrder,
        "sales_receipt": SalesReceipt,
        "credit_note": CreditNote,
    }
    there = shop.invoice("D-1")
    members = {
        name: getattr(there, name) for name in ("customer", "number", "issued_on", "currency", "line_amounts", "lines")
    }
    made = shop.made(stream, kinds[stream](**members))
    read = STREAMS[stream].shape.read(made.raw)
    assert STREAMS[stream].total is not None
    assert STREAMS[stream].total(made.raw) == read.total == Decimal("40.34")
    wanted = replace(read, memo="second thoughts", lines=read.lines[:1])
    (changed,) = all_done(shop.write(stream, shop.change(stream, made, wanted, "memo", "lines")))
    assert STREAMS[stream].shape.read(changed.raw).total == Decimal("20.34")
    all_done(shop.write(stream, shop.end(stream, changed, "delete")))
    assert shop.fetched(stream, made.external_id) == []


def test_a_payment_settles_an_invoice_and_uses_up_a_credit(shop: Shop) -> None:
    invoice = shop.made("invoice", shop.invoice())
    there = shop.invoice("C-1")
    credit = shop.made(
        "credit_note",
        CreditNote(
            customer=there.customer,
            number="C-1",
            issued_on=DAY,
            currency="USD",
            line_amounts="no_tax",
            lines=there.lines[:1],
        ),
    )
    payment = Payment(
        customer=ref(shop.customer),
        paid_on=DAY,
        amount=Decimal("25.00"),
        currency="USD",
        reference="77",
        allocations=[
            Allocation(kind="invoice", target=ref(invoice.external_id), amount=Decimal("40.34")),
            Allocation(kind="credit_note", target=ref(credit.external_id), amount=Decimal("20.34")),
        ],
    )
    made = shop.made("payment", payment)
    read = shop.understood("payment", made.raw)
    assert isinstance(read, Payment)
    assert {each.kind for each in read.allocations} >= {"invoice"}
    (paid,) = shop.fetched("invoice", invoice.external_id)
    assert (paid.status, paid.amount_due) == ("paid", Decimal("0.00"))
    assert read.unapplied_amount == Decimal("5.00")


def test_purchases_are_ordered_billed_and_paid(shop: Shop) -> None:
    order = PurchaseOrder(
        vendor=ref(shop.vendor),
        number="PO-31",
        issued_on=DAY,
        currency="USD",
        line_amounts="exclusive",
        lines=shop.lines()[:2],
    )
    assert shop.understood("purchase_order", shop.made("purchase_order", order).raw)
    supplies = next(each.external_id for each in shop.records("account") if each.type == "expense")
    bill = Bill(
        vendor=ref(shop.vendor),
        number="BW-2026-000871-A",
        issued_on=DAY,
        currency="USD",
        line_amounts="exclusive",
        lines=[*shop.lines()[:1], Line(account=ref(supplies), net_amount=Decimal("46.40"), description="Twine")],
    )
    made = shop.made("bill", bill)
    read = shop.understood("bill", made.raw)
    assert isinstance(read, Bill)
    assert read.total == Decimal("66.74")
    wanted = replace(read, lines=[line for line in read.lines if line.account])
    (changed,) = all_done(shop.write("bill", shop.change("bill", made, wanted, "lines")))
    assert STREAMS["bill"].shape.read(changed.raw).total == Decimal("46.40")
    checking = shop.named("account", "Checking")
    payment = BillPayment(
        vendor=ref(shop.vendor),
        paid_on=DAY,
        amount=Decimal("40.00"),
        currency="USD",
        number="2001",
        payment_account=ref(checking),
        allocations=[BillAllocation(kind="bill", target=ref(made.external_id), amount=Decimal("40.00"))],
    )
    paid = shop.made("bill_payment", payment)
    assert shop.understood("bill_payment", paid.raw)
    card = next(each.external_id for each in shop.records("account") if each.type == "credit_card")
    rest = BillAllocation(kind="bill", target=ref(made.external_id), amount=Decimal("6.40"))
    by_card = replace(payment, number=None, amount=Decimal("6.40"), payment_account=ref(card), allocations=[rest])
    assert shop.understood("bill_payment_card", shop.made("bill_payment_card", by_card).raw)
    (settled,) = shop.fetched("bill", made.external_id)
    assert settled.status == "paid"


def test_an_entry_is_posted_changed_and_voided(shop: Shop) -> None:
    cash, sales = shop.named("account", "Checking"), shop.accounts["sales"]
    entry = JournalEntry(
        posted_on=DAY,
        currency="USD",
        number="AJ-9",
        lines=[
            JournalLine(account=ref(cash), debit=Decimal("30.00"), description="Taken"),
            JournalLine(account=ref(sales), credit=Decimal("30.00"), description="Taken"),
        ],
    )
    made = shop.made("journal_entry", entry)
    read = shop.understood("journal_entry", made.raw)
    assert isinstance(read, JournalEntry)
    lines = [replace(line, debit=line.debit and Decimal(31), credit=line.credit and Decimal(31)) for line in read.lines]
    (changed,) = all_done(
        shop.write("journal_entry", shop.change("journal_entry", made, replace(read, lines=lines), "lines"))
    )
    after = shop.understood("journal_entry", changed.raw)
    assert isinstance(after, JournalEntry)
    assert [(line.debit, line.credit) for line in after.lines] == [(Decimal("31.00"), None), (None, Decimal("31.00"))]
    (voided,) = all_done(shop.write("journal_entry", shop.end("journal_entry", changed, "void")))
    assert STREAMS["journal_entry"].shape.read(voided.raw).status == "void"


def test_a_sweep_goes_on_after_its_visit_ended(shop: Shop) -> None:
    all_done(shop.write("invoice", *(shop.creation(shop.invoice(str(number))) for number in range(1, 31))))
    stream = dataclasses.replace(STREAMS["invoice"], page_size=10)
    first = DIALECT.read(stream, Cursor(), shop.say(DIALECT.ask(stream, Cursor(), shop.site)), shop.site)
    assert first.next
    shop.books.end_session()
    shop.books.begin_session()
    seen, token, pages = {raw["TxnID"] for raw in first.raws}, first.next, 0
    while token is not None:
        cursor, pages = Cursor(page=token), pages + 1
        read = DIALECT.read(stream, cursor, shop.say(DIALECT.ask(stream, cursor, shop.site)), shop.site)
        seen |= {raw["TxnID"] for raw in read.raws}
        token = read.next
    assert (len(seen), pages) == (30, 4)


def test_books_with_many_currencies_tell_and_take_their_codes() -> None:
    books = QuickBooksDesktop()
    books.set_preferences(multicurrency=True)
    talk = Talk(books=books, site=MANY)
    euro = talk.made("customer", Customer(name="Lindqvist Gartenbau", currency="EUR"))
    assert talk.understood("customer", euro.raw).currency == "EUR"
    sold = PriceSide(account=ref(talk.named("account", "Sales")))
    item = talk.made("item", Item(name="Lantern", item_type="service", sale=sold))
    invoice = Invoice(
        customer=ref(euro.external_id),
        number="E-1",
        issued_on=DAY,
        currency="EUR",
        exchange_rate=Decimal("1.09"),
        line_amounts="no_tax",
        lines=[Line(item=ref(item.external_id), quantity=Decimal(2), unit_price=Decimal("10.00"))],
    )
    read = talk.understood("invoice", talk.made("invoice", invoice).raw)
    assert isinstance(read, Invoice)
    assert (read.currency, read.total, read.exchange_rate) == ("EUR", Decimal("20.00"), Decimal("1.09"))
    assert [each.currency for each in talk.records("invoice")] == ["EUR"]


def test_what_lies_before_the_closing_date_is_for_a_person(shop: Shop) -> None:
    assert DIALECT.locks(shop.say(DIALECT.whoami(shop.site)), shop.site) == []
    shop.books.set_preferences(closing_date="2026-10-31")
    (outcome,) = shop.write("invoice", shop.creation(shop.invoice()))
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is PeriodClosed
    assert DIALECT.locks(shop.say(DIALECT.whoami(shop.site)), shop.site) == [
        Lock(name="closing date", until=date(2026, 10, 31))
    ]
    assert "closing date" in outcome.error.explanation


@pytest.mark.parametrize(("hresult", "error"), [("0x80040420", ConsentLost), ("0x80040401", TryLater)])
def test_a_quickbooks_that_does_not_let_us_in_is_no_answer(shop: Shop, hresult: str, error: type[VendorError]) -> None:
    shop.books.fail_hresult(hresult)
    with pytest.raises(error):
        shop.pages("invoice")
    assert shop.records("invoice") == []


def test_a_name_in_other_letters_is_found_as_quickbooks_keeps_it(talk: Talk) -> None:
    made = talk.made("account", Account(name="Łukasz’s “Garden”", classification="income", type="sales"))
    assert talk.understood("account", made.raw).name == 'Lukasz\'s "Garden"'
