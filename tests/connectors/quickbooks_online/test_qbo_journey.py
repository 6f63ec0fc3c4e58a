"""The whole connector through our driver against the simulated vendor: connect, write, lose answers, read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from msgspec.structs import replace as changed

from integrations.canonical import (
    Allocation,
    Bill,
    BillAllocation,
    BillPayment,
    CreditNote,
    Customer,
    Deposit,
    DepositLine,
    Invoice,
    JournalEntry,
    JournalLine,
    Line,
    Payment,
    Record,
    Ref,
    Refund,
    SalesReceipt,
    Vendor,
    broken_laws,
)
from integrations.connectors.quickbooks_online.connector import CONNECTOR
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.wire import oauth
from integrations.wire.auth import Client
from integrations.wire.connector import Done, Failed, Write
from integrations.wire.errors import ConsentLost, ContractBroken, Duplicate, PeriodClosed, Stale, TryLater
from integrations.wire.locks import Lock
from integrations.wire.site import Site
from tests.mount import InProcess, mounted

from .driven import BASE, Books, a_customer, an_item, creating, updating


@pytest.fixture
def customer(books: Books) -> Ref:
    return a_customer(books)


@pytest.fixture
def item(books: Books) -> Ref:
    return an_item(books)


@pytest.fixture
def sale(customer: Ref, item: Ref) -> Invoice:
    return Invoice(
        number="536365",
        customer=customer,
        issued_on=date(2026, 9, 14),
        due_on=date(2026, 10, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[
            Line(item=item, description="Lantern", quantity=Decimal(6), unit_price=Decimal("3.39")),
            Line(item=item, description="Returned", quantity=Decimal(-2), unit_price=Decimal("3.39")),
            Line(item=item, description="Gift", quantity=Decimal(1), unit_price=Decimal(0)),
            Line(line_type="text", description="Thank you"),
        ],
        memo="Order 88",
    )


def test_the_company_says_who_it_is(books: Books) -> None:
    company = books.company()
    assert company.name
    assert (company.id, company.country, company.currency) == (books.site.settings["realmId"], "US", "USD")


def test_the_closing_date_is_read_and_its_refusal_is_told_from_others(
    books: Books, vendor: QuickBooksOnline, sale: Invoice
) -> None:
    assert books.locks() == []
    vendor.set_preferences(books.site.settings["realmId"], book_close_date="2026-12-31")
    assert books.locks() == [Lock(name="closing date", until=date(2026, 12, 31))]
    assert type(books.refused("invoice", creating(sale))) is PeriodClosed


def test_an_invoice_is_made_and_read_back_as_it_was_meant(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    (there,) = books.fetch("invoice", made.external_id)
    assert (there.number, there.memo, there.due_on) == (sale.number, sale.memo, sale.due_on)
    assert there.total == Decimal("13.56")
    counted = [(line.line_type, line.quantity, line.net_amount) for line in there.lines if line.line_type != "subtotal"]
    assert counted == [
        ("item", 6, Decimal("20.34")),
        ("item", -2, Decimal("-6.78")),
        ("item", 1, 0),
        ("text", None, None),
    ]
    assert CONNECTOR.stream("invoice").total(made.raw) == there.total


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
    assert (there.total, there.remaining_credit, there.status) == (Decimal("27.50"), Decimal("27.50"), "open")


def test_thirty_invoices_are_made_in_one_call_and_a_page_of_them_is_read_by_pages(books: Books, sale: Invoice) -> None:
    writes = [creating(changed(sale, number=f"R-{n}"), key=f"i{n}") for n in range(30)]
    outcomes = books.write("invoice", *writes)
    made = {outcome.external_id for outcome in outcomes if isinstance(outcome, Done)}
    assert len(made) == 30
    assert made <= set(books.read("invoice", page_size=7))


def test_a_lost_reply_does_not_make_a_second_invoice(books: Books, vendor: QuickBooksOnline, sale: Invoice) -> None:
    write = creating(sale)
    vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater) as lost:
        books.write("invoice", write, key="the-call")
    assert lost.value.may_have_acted
    (found,) = books.look_up("invoice", write)
    assert isinstance(found, Done)
    (again,) = books.write("invoice", write, key="the-call")
    assert again == Done(external_id=found.external_id, version=found.version, raw=again.raw)
    assert [each.number for each in books.read("invoice").values()].count(sale.number) == 1


def test_a_lost_batch_is_found_record_by_record(books: Books, vendor: QuickBooksOnline, sale: Invoice) -> None:
    writes = [creating(changed(sale, number=f"L-{n}"), key=f"l{n}") for n in range(5)]
    vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater):
        books.write("invoice", *writes)
    assert all(isinstance(found, Done) for found in books.look_up("invoice", *writes))
    assert books.look_up("invoice", creating(changed(sale, number="L-99"))) == [None]


def test_a_lost_customer_is_found_by_name_and_values(books: Books, vendor: QuickBooksOnline) -> None:
    write = creating(Customer(name="O'Neil & Sons", email="office@oneil.example", phone="(206) 555-0142"))
    vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater):
        books.write("customer", write)
    assert isinstance(books.look_up("customer", write)[0], Done)
    (held,) = books.look_up("customer", creating(Customer(name="O'Neil & Sons", email="other@oneil.example")))
    assert isinstance(held, Failed)
    assert isinstance(held.error, Duplicate)


def test_the_name_of_a_customer_cannot_be_taken_twice(books: Books, customer: Ref) -> None:
    assert isinstance(books.refused("customer", creating(Customer(name="Okafor- Garden"))), Duplicate)


def test_a_change_leaves_alone_what_it_does_not_name(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    shape = CONNECTOR.stream("invoice").shape
    read = shape.read(made.raw)
    first, *rest = read.lines
    wanted = changed(read, lines=[changed(first, quantity=Decimal(5), net_amount=None), *rest])
    (done,) = books.write("invoice", updating(made, wanted, "lines"))
    assert isinstance(done, Done)
    after = shape.read(done.raw)
    assert (after.total, after.number, after.memo, after.due_on) == (
        Decimal("10.17"),
        read.number,
        read.memo,
        read.due_on,
    )
    assert [line.external_id for line in after.lines] == [line.external_id for line in read.lines]


@pytest.mark.parametrize(
    ("mode", "price", "net"),
    [("exclusive", Decimal("12.75"), Decimal("25.50")), ("inclusive", Decimal("12.75"), Decimal("21.25"))],
)
def test_a_british_invoice_is_taxed_as_it_was_meant(british: Books, mode: Any, price: Decimal, net: Decimal) -> None:
    standard = next(code for code in british.read("tax_rate").values() if code.rate_percent == 20)
    sold = Line(
        item=an_item(british),
        quantity=Decimal(2),
        unit_price=price,
        tax_rate=Ref(external_id=standard.external_id),
        tax_percent=standard.rate_percent,
    )
    made = british.make(
        "invoice",
        Invoice(
            number="UK-77",
            customer=a_customer(british),
            issued_on=date(2026, 9, 14),
            currency="GBP",
            line_amounts=mode,
            lines=[sold],
        ),
    )
    (there,) = british.fetch("invoice", made.external_id)
    assert (there.line_amounts, there.lines[0].unit_price, there.lines[0].net_amount) == (mode, price, net)
    assert (there.tax_total, there.total) == (net / 5, net * 6 / 5)


def test_a_payment_settles_an_invoice_and_its_void_opens_it_again(
    books: Books, vendor: QuickBooksOnline, sale: Invoice, customer: Ref
) -> None:
    owed = books.make("invoice", sale)
    paid = Payment(
        customer=customer,
        paid_on=date(2026, 9, 20),
        amount=Decimal("13.56"),
        currency="USD",
        reference="CHK 4410",
        allocations=[
            Allocation(kind="invoice", target=Ref(external_id=owed.external_id), amount=Decimal("13.56")),
        ],
    )
    vendor.drop_reply_after_next_write()
    with pytest.raises(TryLater):
        books.write("payment", creating(paid))
    (made,) = books.look_up("payment", creating(paid))
    assert isinstance(made, Done)
    assert books.look_up("payment", creating(paid, key="another")) == [None]
    assert books.fetch("invoice", owed.external_id)[0].status == "paid"
    assert books.fetch("payment", made.external_id)[0].allocations == paid.allocations
    void = Write(key="void", operation="void", external_id=made.external_id, version=made.version)
    (voided,) = books.write("payment", void)
    assert isinstance(voided, Done)
    assert isinstance(books.look_up("payment", void)[0], Done)
    assert books.fetch("invoice", owed.external_id)[0].amount_due == Decimal("13.56")


def test_a_bill_is_made_for_items_and_accounts_and_told_from_another_vendors(books: Books, item: Ref) -> None:
    vendors = [Ref(external_id=books.make("vendor", Vendor(name=name)).external_id) for name in ("Ashby", "Birch")]
    freight = next(each for each in books.read("account").values() if each.type == "expense")
    bill = Bill(
        number="AD-9981",
        vendor=vendors[0],
        issued_on=date(2026, 9, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[
            Line(item=item, quantity=Decimal(100), unit_price=Decimal("1.725")),
            Line(account=Ref(external_id=freight.external_id), description="Carriage", net_amount=Decimal(20)),
        ],
    )
    made = books.make("bill", bill)
    (there,) = books.fetch("bill", made.external_id)
    assert (there.total, there.amount_due, there.status) == (Decimal("192.50"), Decimal("192.50"), "open")
    assert books.look_up("bill", creating(changed(bill, vendor=vendors[1]))) == [None]


def account(books: Books, kind: str) -> Ref:
    return Ref(external_id=next(each.external_id for each in books.read("account").values() if each.type == kind))


def test_what_was_lost_on_its_way_back_is_found_and_voided_or_deleted(
    books: Books, vendor: QuickBooksOnline, customer: Ref, item: Ref
) -> None:
    """A bill is paid, a sale given back, and the rest taken to the bank: each once, though every reply is lost."""
    bank, expense = account(books, "bank"), account(books, "expense")
    supplier = Ref(external_id=books.make("vendor", Vendor(name="Ashby")).external_id)
    known: dict[str, Any] = {"currency": "USD"}
    owed = books.make(
        "bill",
        Bill(
            vendor=supplier,
            issued_on=date(2026, 9, 14),
            line_amounts="exclusive",
            lines=[Line(account=expense, net_amount=Decimal(70))],
            **known,
        ),
    )
    received = books.make(
        "payment", Payment(customer=customer, paid_on=date(2026, 9, 20), amount=Decimal(100), **known)
    )
    allocated = BillAllocation(kind="bill", target=Ref(external_id=owed.external_id), amount=Decimal(70))
    waiting = DepositLine(kind="payment", target=Ref(external_id=received.external_id), amount=Decimal(100))
    wanted: dict[str, Record] = {
        "bill_payment": BillPayment(
            vendor=supplier,
            paid_on=date(2026, 9, 21),
            amount=Decimal(70),
            payment_account=bank,
            allocations=[allocated],
            **known,
        ),
        "refund": Refund(
            customer=customer,
            refunded_on=date(2026, 9, 22),
            amount=Decimal("3.39"),
            payment_account=bank,
            lines=[Line(item=item, quantity=Decimal(1), unit_price=Decimal("3.39"))],
            **known,
        ),
        "deposit": Deposit(
            deposit_account=bank,
            deposited_on=date(2026, 9, 24),
            amount=Decimal("97.10"),
            fee_total=Decimal("2.90"),
            fee_account=expense,
            lines=[waiting],
            **known,
        ),
    }
    for name, record in wanted.items():
        vendor.drop_reply_after_next_write()
        with pytest.raises(TryLater):
            books.write(name, creating(record))
        (made,) = books.look_up(name, creating(record))
        assert isinstance(made, Done)
        assert books.look_up(name, creating(record, key="another")) == [None]
        assert len(books.read(name)) == 1
        assert broken_laws(books.read(name)[made.external_id]) == []
        operation = "void" if name == "bill_payment" else "delete"
        over = Write(key="over", operation=operation, external_id=made.external_id, version=made.version)
        assert isinstance(books.write(name, over)[0], Done)
        assert isinstance(books.look_up(name, over)[0], Done)
    assert books.fetch("bill", owed.external_id)[0].status == "open"
    assert "Checking" not in vendor.trial()["accounts"]


def test_a_journal_entry_balances_there_as_here(books: Books) -> None:
    accounts = list(books.read("account").values())
    bank, sales = (next(each for each in accounts if each.type == kind) for kind in ("bank", "sales"))
    entry = JournalEntry(
        number="J-7",
        posted_on=date(2026, 9, 14),
        currency="USD",
        lines=[
            JournalLine(account=Ref(external_id=bank.external_id), debit=Decimal("120.50")),
            JournalLine(account=Ref(external_id=sales.external_id), credit=Decimal("120.50")),
        ],
    )
    made = books.make("journal_entry", entry)
    (there,) = books.fetch("journal_entry", made.external_id)
    assert [(line.debit, line.credit) for line in there.lines] == [(Decimal("120.50"), None), (None, Decimal("120.50"))]
    assert CONNECTOR.stream("journal_entry").total(made.raw) == Decimal("120.50")


def test_a_walk_in_sale_needs_no_customer(books: Books, item: Ref) -> None:
    receipt = SalesReceipt(
        number="POS-881",
        issued_on=date(2026, 9, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[Line(item=item, quantity=Decimal(2), unit_price=Decimal("0.85"))],
    )
    made = books.make("sales_receipt", receipt)
    (there,) = books.fetch("sales_receipt", made.external_id)
    assert (there.total, there.status) == (Decimal("1.70"), "paid")


def test_a_vendor_may_not_have_a_customers_name(books: Books, customer: Ref) -> None:
    assert isinstance(books.refused("vendor", creating(Vendor(name="Okafor- Garden"))), Duplicate)


def test_a_change_behind_our_back_is_stale(books: Books, sale: Invoice) -> None:
    made = books.make("invoice", sale)
    books.write("invoice", updating(made, changed(sale, customer_note="Theirs"), "customer_note"))
    late = updating(made, changed(sale, customer_note="Ours"), "customer_note")
    assert isinstance(books.refused("invoice", late), Stale)


def test_a_void_is_seen_as_void_and_a_deletion_as_gone(books: Books, vendor: QuickBooksOnline, sale: Invoice) -> None:
    voided, deleted = books.make("invoice", sale), books.make("invoice", changed(sale, number="536366"))
    mark = books.pages("invoice")[0].mark
    vendor.move_clock(timedelta(minutes=10))
    for made, operation in ((voided, "void"), (deleted, "delete")):
        write = Write(key=operation, operation=operation, external_id=made.external_id, version=made.version)
        (done,) = books.write("invoice", write)
        assert isinstance(done, Done)
        assert isinstance(books.look_up("invoice", write)[0], Done)
    pages = books.pages("invoice", mark)
    assert [gone.external_id for page in pages for gone in page.gone] == [deleted.external_id]
    assert books.read("invoice", mark)[voided.external_id].status == "void"


def test_an_entry_made_inactive_is_still_read(books: Books, customer: Ref) -> None:
    (there,) = books.fetch("customer", str(customer.external_id))
    made = Done(external_id=str(there.external_id), version=there.version)
    (done,) = books.write("customer", updating(made, changed(there, active=False), "active"))
    assert isinstance(done, Done)
    again = books.read("customer")[str(customer.external_id)]
    assert (again.name, again.active) == ("Okafor- Garden", False)


def test_tax_codes_and_terms_are_read(books: Books) -> None:
    assert books.read("tax_rate")
    assert all(term.name for term in books.read("payment_term").values())


def test_a_customer_connects_refreshes_and_disconnects(vendor: QuickBooksOnline) -> None:
    realm = next(iter(vendor.companies))
    nowhere = Site(environment="simulator", addresses=CONNECTOR.environments["sandbox"].on(BASE))
    client, back = Client(id="our-app", secret="our-secret"), "http://localhost:8000/back"
    known: dict[str, Any] = {"site": nowhere, "client": client, "allow": (BASE,)}
    with mounted(vendor, BASE):
        url = oauth.authorize_url(CONNECTOR.auth, site=nowhere, client=client, redirect_uri=back, state="the-state")
        sent_back = consent(vendor, url, realm)
        callback = oauth.read_callback(CONNECTOR.auth, sent_back, state="the-state")
        assert callback.fields == {"realmId": realm}
        tokens = oauth.exchange(CONNECTOR.auth, callback, redirect_uri=back, **known)
        fresh = oauth.refresh(CONNECTOR.auth, tokens, **known)
        assert fresh.refresh_expires_at
        assert fresh.consent_expires_at
        opened = Books(vendor, replace(nowhere, settings=callback.fields), fresh.access)
        assert opened.company().id == realm
        oauth.revoke(CONNECTOR.auth, fresh, **known)
        with pytest.raises(ConsentLost):
            oauth.refresh(CONNECTOR.auth, fresh, **known)


def consent(vendor: QuickBooksOnline, url: str, realm: str) -> dict[str, str]:
    """The person chooses the company on the vendor's page; what the vendor adds to our callback."""
    browser = requests.Session()
    browser.mount(BASE, InProcess(vendor, BASE))
    asked = dict(parse_qsl(urlsplit(url).query))
    form = {**asked, "realm": realm, "answer": "connect"}
    answer = browser.post(url.partition("?")[0], data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_a_throttle_waits_a_minute(books: Books, vendor: QuickBooksOnline) -> None:
    vendor.throttle()
    with pytest.raises(TryLater) as error:
        books.pages("customer")
    assert error.value.retry_after == 60


def test_a_web_page_instead_of_json_breaks_the_contract(books: Books, vendor: QuickBooksOnline) -> None:
    vendor.html_next()
    with pytest.raises(ContractBroken):
        books.pages("customer")


def test_a_token_that_no_longer_counts_is_consent_lost(books: Books) -> None:
    books.token = "no longer"
    with pytest.raises(ConsentLost):
        books.pages("customer")
