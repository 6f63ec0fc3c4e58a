"""What the tests of this connector are about: its streams, a company in the sandbox, and lawful records to send."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from integrations.canonical import (
    Account,
    Address,
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
    RefundAllocation,
    SalesReceipt,
    Tag,
    Vendor,
    VendorCredit,
)
from integrations.connectors.quickbooks_online.connector import CONNECTOR
from integrations.wire.connector import Write
from integrations.wire.message import Answer, json_body
from integrations.wire.site import Site

DIALECT = CONNECTOR.dialect
STREAMS = {stream.name: stream for stream in CONNECTOR.streams}
KEY = "0198f2c4-6a51-7d2e-9a41-5a3d1be0d001"


def site(**settings: Any) -> Site:
    """A company in the sandbox."""
    return Site(
        environment="sandbox",
        addresses=CONNECTOR.environments["sandbox"],
        settings={"realmId": "4620816365291", **settings},
    )


US = site(country="US", home_currency="USD", payment_methods={"cash": "1", "check": "2"})
UK = site(country="GB", home_currency="GBP")


def invoice(*lines: Line, **fields: Any) -> Invoice:
    """An invoice that can be sent, with the fields that a test is about."""
    return Invoice(
        **{
            "number": "536365",
            "customer": Ref(external_id="812"),
            "issued_on": date(2026, 9, 14),
            "currency": "USD",
            "line_amounts": "exclusive",
            "lines": list(lines) or [line()],
            **fields,
        }
    )


def line(**fields: Any) -> Line:
    """A line that can be sent."""
    given: dict[str, Any] = {"item": Ref(external_id="51"), "quantity": Decimal(6), "unit_price": Decimal("3.39")}
    return Line(**{**given, **fields})


def create(record: Record, key: str = KEY) -> Write:
    """The wish to make a record."""
    return Write(key=key, operation="create", record=record)


def answer(body: Any, status: int = 200) -> Answer:
    """An answer with that JSON."""
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=json_body(body))


# --- any record within the model -------------------------------------------------------------------------------------

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\t\n:'\\&"), max_size=40
)
NAMES = WORDS.filter(str.strip)
IDS = st.integers(1, 99999).map(str)
REFS = st.builds(Ref, external_id=IDS)
AMOUNTS = st.decimals(-100000, 100000, places=2)
PRICES = st.decimals(0, 10000, places=4)
QUANTITIES = st.decimals(-500, 500, places=3)
DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
ADDRESSES = st.builds(
    Address,
    line1=WORDS,
    line2=st.none() | WORDS,
    city=st.none() | WORDS,
    country=st.none() | st.sampled_from(["US", "GB"]),
    country_name=st.none() | WORDS,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


METHODS = st.sampled_from(["cash", "check", "card", "bank_transfer", "other"])
CLASSES = st.lists(
    st.builds(Tag, type=st.just("class"), value=st.builds(Ref, external_id=IDS.map("class:{}".format))), max_size=1
)
LOCATIONS = st.lists(
    st.builds(
        Tag,
        type=st.sampled_from(["location", "location", "project"]),
        value=st.builds(Ref, external_id=IDS.map("location:{}".format)),
    ),
    max_size=1,
)
BOTH = st.builds(lambda first, second: [*first, *second], CLASSES, LOCATIONS)

SALES_LINES = st.one_of(
    st.builds(
        Line,
        line_type=st.sampled_from(["item", "charge", "shipping", "discount"]),
        item=REFS,
        description=maybe(WORDS),
        quantity=maybe(QUANTITIES),
        unit_price=PRICES,
        price_base_quantity=maybe(st.sampled_from([Decimal(1), Decimal(100)])),
        discount_percent=maybe(st.decimals(0, 100, places=1)),
        net_amount=maybe(AMOUNTS),
        tax_rate=maybe(REFS),
        tax_percent=st.sampled_from([Decimal(0), Decimal(20), Decimal("8.25")]),
        service_on=maybe(DAYS),
        dimensions=CLASSES,
    ),
    st.builds(Line, line_type=st.just("text"), description=WORDS),
    st.builds(Line, line_type=st.just("discount"), net_amount=st.decimals(-100, 0, places=2)),
    st.builds(Line, line_type=st.just("shipping"), net_amount=st.decimals(0, 100, places=2)),
)
DOCUMENT: dict[str, st.SearchStrategy[Any]] = {
    "number": maybe(st.text("ABC-0123456789", min_size=1, max_size=21)),
    "customer": REFS,
    "issued_on": DAYS,
    "currency": st.sampled_from(["USD", "GBP", "JPY"]),
    "exchange_rate": maybe(st.decimals(Decimal("0.001"), 1000, places=6)),
    "line_amounts": st.sampled_from(["exclusive", "inclusive", "no_tax"]),
    "lines": st.lists(SALES_LINES, min_size=1, max_size=6),
    "memo": maybe(WORDS),
    "customer_note": maybe(WORDS),
    "payment_term": maybe(REFS),
    "billing_address": maybe(ADDRESSES),
    "shipping_address": maybe(ADDRESSES),
    "discount_total": maybe(st.decimals(0, 100, places=2)),
    "total": maybe(AMOUNTS),
    "status": st.just("open"),
    "dimensions": BOTH,
}
PURCHASE: dict[str, st.SearchStrategy[Any]] = {
    **{name: DOCUMENT[name] for name in ("number", "issued_on", "currency", "line_amounts", "memo", "payment_term")},
    "vendor": REFS,
    "lines": st.lists(
        st.builds(
            Line,
            item=maybe(REFS),
            account=maybe(REFS),
            description=maybe(WORDS),
            quantity=maybe(QUANTITIES),
            unit_price=PRICES,
            tax_rate=maybe(REFS),
            tax_percent=st.just(Decimal(20)),
            customer=maybe(REFS),
            billable=maybe(st.booleans()),
            dimensions=CLASSES,
        ),
        min_size=1,
        max_size=4,
    ),
    "dimensions": LOCATIONS,
}
ALLOCATED: dict[str, st.SearchStrategy[Any]] = {
    "target": REFS,
    "amount": st.decimals(0, 1000, places=2),
    "discount_amount": maybe(st.decimals(0, 1, places=2)),
}
RECORDS: dict[str, st.SearchStrategy[Any]] = {
    "invoice": st.builds(Invoice, **DOCUMENT, due_on=maybe(DAYS)),
    "credit_note": st.builds(CreditNote, **DOCUMENT),
    "sales_receipt": st.builds(SalesReceipt, **DOCUMENT, deposit_account=maybe(REFS), method=maybe(METHODS)),
    "quote": st.builds(
        Quote,
        **{**DOCUMENT, "status": st.sampled_from(["draft", "sent", "accepted", "declined", "invoiced", "unknown"])},
        expires_on=maybe(DAYS),
    ),
    "refund": st.builds(
        Refund,
        **{
            name: DOCUMENT[name]
            for name in (
                "number",
                "customer",
                "currency",
                "exchange_rate",
                "line_amounts",
                "lines",
                "memo",
                "dimensions",
            )
        },
        refunded_on=DAYS,
        amount=st.decimals(0, 1000, places=2),
        payment_account=maybe(REFS),
        method=maybe(METHODS),
        method_reference=maybe(WORDS),
        allocations=st.lists(
            st.builds(
                RefundAllocation,
                kind=st.sampled_from(["credit_note", "sales_receipt", "other"]),
                target=REFS,
                amount=st.decimals(0, 1000, places=2),
            ),
            max_size=1,
        ),
    ),
    "bill_payment": st.builds(
        BillPayment,
        vendor=REFS,
        paid_on=DAYS,
        amount=st.decimals(0, 100000, places=2),
        currency=st.sampled_from(["USD", "EUR"]),
        exchange_rate=maybe(st.decimals(Decimal("0.001"), 1000, places=6)),
        number=maybe(st.text("0123456789", max_size=22)),
        method=maybe(METHODS),
        memo=maybe(WORDS),
        payment_account=maybe(REFS),
        payable_account=maybe(REFS),
        fee_amount=maybe(st.decimals(0, 1, places=2)),
        allocations=st.lists(
            st.builds(
                BillAllocation,
                kind=st.sampled_from(["bill", "vendor_credit", "journal_entry", "other"]),
                **ALLOCATED,
            ),
            max_size=3,
        ),
    ),
    "deposit": st.builds(
        Deposit,
        deposit_account=REFS,
        deposited_on=DAYS,
        amount=st.decimals(0, 1000, places=2),
        currency=st.sampled_from(["USD", "EUR"]),
        number=maybe(st.text("0123456789", max_size=22)),
        memo=maybe(WORDS),
        fee_total=maybe(st.decimals(0, 10, places=2)),
        fee_account=maybe(REFS),
        dimensions=LOCATIONS,
        lines=st.lists(
            st.builds(
                DepositLine,
                kind=st.sampled_from(["payment", "sales_receipt", "refund", "journal_entry", "fee", "other"]),
                target=maybe(REFS),
                amount=AMOUNTS,
                account=maybe(REFS),
                customer=maybe(REFS),
                vendor=st.none(),
                description=maybe(WORDS),
                method=maybe(METHODS),
                method_reference=maybe(st.text("0123456789", max_size=21)),
                dimensions=CLASSES,
            ),
            max_size=4,
        ),
    ),
    "class": st.builds(
        Dimension,
        dimension_type=st.sampled_from(["class", "class", "location"]),
        name=NAMES,
        parent=maybe(st.builds(Ref, external_id=IDS.map("class:{}".format))),
        active=st.booleans(),
    ),
    "location": st.builds(Dimension, dimension_type=st.just("location"), name=NAMES, active=st.booleans()),
    "exchange_rate": st.builds(
        ExchangeRate,
        currency=st.sampled_from(["EUR", "JPY"]),
        home_currency=st.sampled_from(["USD", "GBP"]),
        rate=st.decimals(Decimal("0.001"), 1000, places=6),
        effective_on=DAYS,
    ),
    "payment": st.builds(
        Payment,
        customer=REFS,
        paid_on=DAYS,
        amount=st.decimals(Decimal("0.01"), 100000, places=2),
        currency=st.sampled_from(["USD", "GBP"]),
        reference=maybe(st.text(max_size=21)),
        memo=maybe(WORDS),
        method=maybe(METHODS),
        deposit_account=maybe(REFS),
        allocations=st.lists(
            st.builds(
                Allocation,
                kind=st.sampled_from(["invoice", "credit_note", "journal_entry", "other"]),
                **ALLOCATED,
            ),
            max_size=3,
        ),
        unapplied_amount=maybe(AMOUNTS),
    ),
    "bill": st.builds(
        Bill,
        **PURCHASE,
        due_on=maybe(DAYS),
        payable_account=maybe(REFS),
        purchase_orders=st.lists(REFS, max_size=2),
    ),
    "vendor_credit": st.builds(VendorCredit, **PURCHASE, payable_account=maybe(REFS)),
    "purchase_order": st.builds(
        PurchaseOrder, **PURCHASE, vendor_note=maybe(WORDS), status=st.sampled_from(["draft", "open", "closed"])
    ),
    "journal_entry": st.builds(
        JournalEntry,
        posted_on=DAYS,
        currency=st.sampled_from(["USD", "GBP"]),
        number=maybe(st.text("J-0123456789", max_size=21)),
        memo=maybe(WORDS),
        is_adjusting=maybe(st.booleans()),
        lines=st.lists(
            st.builds(
                JournalLine,
                account=REFS,
                debit=maybe(st.decimals(Decimal("0.01"), 1000, places=2)),
                credit=maybe(st.decimals(Decimal("0.01"), 1000, places=2)),
                description=maybe(WORDS),
                customer=maybe(REFS),
                dimensions=BOTH,
            ),
            min_size=1,
            max_size=4,
        ),
    ),
    "vendor": st.builds(
        Vendor,
        name=NAMES,
        number=maybe(st.text(max_size=15)),
        billing_address=maybe(ADDRESSES),
        payment_term=maybe(REFS),
        reportable=maybe(st.booleans()),
        active=st.booleans(),
    ),
    "customer": st.builds(
        Customer,
        name=NAMES,
        number=maybe(WORDS),
        legal_name=maybe(WORDS),
        given_name=maybe(WORDS),
        family_name=maybe(WORDS),
        email=maybe(st.just("ines@okafor.example")),
        phone=maybe(st.just("+1 206 555 0142")),
        website=maybe(st.just("https://okafor.example")),
        billing_address=maybe(ADDRESSES),
        shipping_address=maybe(ADDRESSES),
        currency=maybe(st.sampled_from(["USD", "GBP"])),
        tax_exempt=maybe(st.booleans()),
        payment_term=maybe(REFS),
        parent=maybe(REFS),
        notes=maybe(WORDS),
        balance=maybe(AMOUNTS),
        active=st.booleans(),
    ),
    "item": st.builds(
        Item,
        name=NAMES,
        item_type=st.sampled_from(["service", "non_inventory", "charge"]),
        sku=maybe(WORDS),
        description=maybe(WORDS),
        sale=st.builds(PriceSide, price=maybe(PRICES), account=REFS, tax_rate=maybe(REFS)),
        purchase=maybe(st.builds(PriceSide, price=PRICES, description=maybe(WORDS))),
        active=st.booleans(),
    ),
    "account": st.builds(
        Account,
        name=NAMES,
        number=maybe(st.just("4010")),
        classification=st.just("income"),
        type=st.sampled_from(["sales", "bank", "inventory", "tax_liability", "expense"]),
        description=maybe(WORDS),
        parent=maybe(REFS),
        balance=maybe(AMOUNTS),
    ),
    "payment_term": st.builds(PaymentTerm, name=st.just("Net 30"), due_days=maybe(st.integers(0, 120))),
}
