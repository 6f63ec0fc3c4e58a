"""What the connector sends: every document is one that the vendor's grammar allows, whatever the records hold."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from integrations.canonical import (
    Address,
    Allocation,
    Customer,
    Item,
    JournalEntry,
    JournalLine,
    Line,
    Payment,
    PriceSide,
    Record,
    Ref,
    Vendor,
)
from integrations.connectors.quickbooks_desktop.grammar import (
    CHANGED_LINES,
    CHANGED_LISTS,
    CHANGED_TRANSACTIONS,
    LINES,
    LISTS,
    TRANSACTIONS,
    Part,
)
from integrations.wire import xml
from integrations.wire.connector import Write
from integrations.wire.errors import Refused, ShapeError, VendorError
from integrations.wire.message import Request
from integrations.wire.stream import Cursor, Stream
from tests.connectors.quickbooks_desktop import made, oracle
from tests.connectors.quickbooks_desktop.made import DIALECT, KEY, MANY, STREAMS, US, create, ending, invoice, line

pytestmark = oracle.needs_specs

SITES = pytest.mark.parametrize("site", [US, MANY], ids=["one currency", "many currencies"])
MARK = "2026-09-13T00:00:00-05:00"


def judged(request: Request) -> None:
    assert oracle.problems(request.body) == [], request.body.decode()


def sent(stream: str, *writes: Write, site: Any = US) -> xml.Element:
    """The message set of the one document."""
    request = DIALECT.compose(STREAMS[stream], writes, KEY, site)
    judged(request)
    return xml.parse(request.body)[0]


@SITES
@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda each: each.name)
def test_every_question_is_one_that_the_grammar_allows(stream: Stream, site: Any) -> None:
    for page in (None, "2|0|", "4|0|", "1|300|{1-2}"):
        if stream.facts["entity"].iterates or page is None:
            judged(DIALECT.ask(stream, Cursor(page=page), site))
            judged(DIALECT.ask(stream, Cursor(mark=MARK, page=page), site))
    judged(DIALECT.fetch(stream, ["80000001-1", "80000002-1"], site))
    judged(DIALECT.whoami(site))


def _created(stream: Stream) -> list[Write]:
    writes = []
    for name in made.samples_of(stream):
        record = stream.shape.read(made.sample(name))
        writes.append(create(replace(record, external_id=None, version=None), key=f"{name:0<32}"[:32]))
    return writes


@SITES
@pytest.mark.parametrize(
    "stream", [each for each in STREAMS.values() if "create" in each.writes], ids=lambda each: each.name
)
def test_every_sample_can_be_made_and_looked_up_in_the_grammar(stream: Stream, site: Any) -> None:
    writes = _created(stream)
    judged(DIALECT.compose(stream, writes, KEY, site))
    judged(DIALECT.look_up(stream, writes, site))


def _changes(stream: Stream, name: str) -> list[Write]:
    """One change of each field that a sample has."""
    raw = made.sample(name)
    record = stream.shape.read(raw)
    return [
        Write(
            key=KEY,
            operation="update",
            record=record,
            external_id=record.external_id,
            version=record.version,
            only=frozenset([field]),
            raw=raw,
        )
        for field in type(record).__struct_fields__
        if field not in ("external_id", "version", "created_at", "changed_at", "url") and getattr(record, field)
    ]


@pytest.mark.parametrize(
    "stream", [each for each in STREAMS.values() if "update" in each.writes], ids=lambda each: each.name
)
def test_every_field_of_every_sample_can_be_changed_in_the_grammar(stream: Stream) -> None:
    composed = 0
    for name in made.samples_of(stream):
        for write in _changes(stream, name):
            try:
                judged(DIALECT.compose(stream, [write], KEY, US))
            except VendorError:
                continue  # said clearly, and not sent
            composed += 1
            judged(DIALECT.look_up(stream, [write], US))
    assert composed > 2


@pytest.mark.parametrize("operation", ["void", "delete"])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda each: each.name)
def test_every_ending_is_one_that_the_grammar_allows(stream: Stream, operation: Any) -> None:
    if operation not in stream.writes:
        return
    for name in made.samples_of(stream):
        write = ending(stream.name, operation, name=name)
        judged(DIALECT.compose(stream, [write], KEY, US))
        judged(DIALECT.look_up(stream, [write], US))


# --- the tables against the vendor's listing --------------------------------------------------------------------------


def _declared(name: str) -> list[tuple[str, int | None]]:
    """The elements of one of the vendor's, in their order, each with its length where it has one."""
    space = "{http://www.w3.org/2001/XMLSchema}"
    root = oracle.listing()
    types = {each.get("name"): each for each in root}
    element = next(each for each in root.iter(f"{space}element") if each.get("name") == name)
    inside = types[element.get("type")] if element.get("type") else element[0]
    found: list[tuple[str, int | None]] = []

    def walk(node: Any) -> None:
        for child in node:
            if child.tag == f"{space}element":
                simple = types.get(child.get("type"))
                most = simple.find(f".//{space}maxLength") if simple is not None else None
                found.append((child.get("name"), None if most is None else int(most.get("value"))))
            elif child.tag in (f"{space}sequence", f"{space}choice"):
                walk(child)

    walk(inside)
    return found


def _tables() -> list[Any]:
    named = {f"{name}Add": parts for name, parts in {**LISTS, **TRANSACTIONS, **LINES}.items()}
    changed = {
        f"{name}Mod": parts for name, parts in {**CHANGED_LISTS, **CHANGED_TRANSACTIONS, **CHANGED_LINES}.items()
    }
    for one_sided in ("StandardTermsMod", "BillPaymentCreditCardMod", "JournalDebitLineMod", "JournalCreditLineMod"):
        del changed[one_sided]  # QuickBooks knows no such change
    for side in ("JournalDebitLine", "JournalCreditLine"):
        named[side] = named.pop(f"{side}Add")
    return [pytest.param(name, parts, id=name) for name, parts in {**named, **changed}.items()]


@pytest.mark.parametrize(("name", "parts"), _tables())
def test_every_table_has_the_vendors_order_and_lengths(name: str, parts: tuple[Part, ...]) -> None:
    declared = _declared(name)
    order = [each for each, _ in declared]
    lengths = dict(declared)
    places = [order.index(part.name) for part in parts if not part.kinds]
    assert places == sorted(places), name
    assert {part.name: part.most for part in parts if part.most} == {
        part.name: lengths[part.name] for part in parts if part.most
    }


# --- whatever the records hold ----------------------------------------------------------------------------------------

ODD = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",))
    | st.sampled_from("&<>\"'\u2019\u2013€éßŁ\x00\x07\x85\u200b日😀:\t\n\r "),
    max_size=130,
)
LONG = ODD | st.builds(lambda text, times: text * times, ODD, st.sampled_from([1, 40, 90]))
FIGURE = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**11), max_value=10**11, places=7)
CENTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**11), max_value=10**11, places=2)
MAYBE = st.none()
REF = st.builds(Ref, external_id=st.sampled_from(["80000005-1789470001", "code:80000001-1"]))


def _address() -> st.SearchStrategy[Address]:
    return st.builds(Address, line1=MAYBE | LONG, city=MAYBE | ODD, region=MAYBE | ODD, country_name=MAYBE | ODD)


RECORDS: dict[str, st.SearchStrategy[Any]] = {
    "customer": st.builds(
        Customer,
        name=LONG,
        number=MAYBE | LONG,
        legal_name=MAYBE | ODD,
        email=MAYBE | LONG,
        phone=MAYBE | ODD,
        notes=MAYBE | LONG,
        credit_limit=MAYBE | CENTS,
        billing_address=MAYBE | _address(),
        parent=MAYBE | REF,
        tax_exempt=MAYBE | st.booleans(),
    ),
    "vendor": st.builds(Vendor, name=LONG, notes=MAYBE | LONG, billing_address=MAYBE | _address()),
    "item": st.builds(
        Item,
        name=LONG,
        item_type=st.sampled_from(["service", "non_inventory", "inventory", "charge", "discount", "bundle", "other"]),
        sku=MAYBE | ODD,
        description=MAYBE | LONG,
        sale=MAYBE | st.builds(PriceSide, price=MAYBE | FIGURE, account=MAYBE | REF, description=MAYBE | LONG),
        purchase=MAYBE | st.builds(PriceSide, price=MAYBE | FIGURE, account=MAYBE | REF),
        asset_account=MAYBE | REF,
    ),
    "invoice": st.builds(
        invoice,
        number=MAYBE | ODD,
        memo=MAYBE | LONG,
        po_number=MAYBE | ODD,
        customer_note=MAYBE | ODD,
        reference=MAYBE | ODD,
        line_amounts=st.sampled_from(["exclusive", "inclusive", "no_tax"]),
        issued_on=st.dates(date(1990, 1, 1), date(2060, 1, 1)),
        billing_address=MAYBE | _address(),
        lines=st.lists(
            st.builds(
                Line,
                line_type=st.sampled_from(["item", "text", "discount", "shipping", "subtotal"]),
                item=MAYBE | REF,
                description=MAYBE | LONG,
                quantity=MAYBE | FIGURE,
                unit_price=MAYBE | FIGURE,
                net_amount=MAYBE | CENTS,
                tax_amount=MAYBE | CENTS,
                tax_rate=MAYBE | REF,
                unit=MAYBE | ODD,
            ),
            max_size=4,
        ),
    ),
}


PARTS = st.lists(
    st.builds(
        Allocation,
        kind=st.sampled_from(["invoice", "credit_note", "journal_entry"]),
        target=REF,
        amount=CENTS,
        discount_amount=MAYBE | CENTS,
    ),
    max_size=3,
)
DAYS = st.dates(date(1990, 1, 1), date(2060, 1, 1))
RECORDS |= {
    "payment": st.builds(
        Payment,
        customer=REF,
        paid_on=DAYS,
        amount=CENTS,
        currency=st.just("USD"),
        reference=MAYBE | ODD,
        memo=MAYBE | LONG,
        method=MAYBE | st.sampled_from(["cash", "check", "wallet"]),
        allocations=PARTS,
    ),
    "journal_entry": st.builds(
        JournalEntry,
        posted_on=DAYS,
        currency=st.just("USD"),
        number=MAYBE | ODD,
        memo=MAYBE | LONG,
        lines=st.lists(
            st.builds(JournalLine, account=REF, debit=MAYBE | CENTS, credit=MAYBE | CENTS, description=MAYBE | LONG),
            max_size=3,
        ),
    ),
}


@settings(max_examples=120)
@pytest.mark.parametrize("stream", RECORDS)
@given(data=st.data())
def test_whatever_a_record_holds_is_sent_in_the_grammar_or_refused_in_words(stream: str, data: st.DataObject) -> None:
    records: list[Record] = data.draw(st.lists(RECORDS[stream], min_size=1, max_size=3))
    writes = [create(record, key=f"{place:032}") for place, record in enumerate(records)]
    judged(DIALECT.look_up(STREAMS[stream], writes, US))
    try:
        request = DIALECT.compose(STREAMS[stream], writes, KEY, US)
    except (Refused, ShapeError):
        return  # in words, and nothing is sent
    judged(request)


# --- what is odd ------------------------------------------------------------------------------------------------------


def test_each_write_carries_its_key_and_the_document_a_short_one() -> None:
    keys = [f"{place:032x}" for place in range(3)]
    messages = sent("invoice", *(create(invoice(), key=key) for key in keys))
    assert [each.get("requestID") for each in messages] == keys
    assert messages.get("onError") == "continueOnError"
    assert messages.get("newMessageSetID") == KEY[:23]


def test_a_line_goes_with_its_rate_where_that_gives_its_amount_and_with_the_amount_where_not() -> None:
    lines = [
        line(net_amount=Decimal("21.00")),
        line(net_amount=Decimal("20.00")),
        line(quantity=None, unit_price=None, net_amount=Decimal("5.00")),
        line(quantity=Decimal(3), unit_price=Decimal("0.3333333"), net_amount=Decimal("1.00")),
    ]
    messages = sent("invoice", create(invoice(lines=lines)))
    told = [
        [(xml.local(each), each.text) for each in found if xml.local(each) in ("Quantity", "Rate", "Amount")]
        for found in messages.iter("InvoiceLineAdd")
    ]
    assert told == [
        [("Quantity", "2"), ("Rate", "10.50")],
        [("Quantity", "2"), ("Amount", "20.00")],
        [("Amount", "5.00")],
        [("Quantity", "3"), ("Amount", "1.00")],
    ]


def test_free_text_is_cut_and_says_so_while_a_name_is_refused() -> None:
    messages = sent("invoice", create(invoice(memo="x" * 5000)))
    memo = messages.findtext(".//Memo") or ""
    assert len(memo) == 4095
    assert memo.endswith(" [cut]")
    with pytest.raises(VendorError, match=r"Name.*41 characters.*42"):
        sent("customer", create(made.customer(name="n" * 42)))


def test_a_group_that_stays_is_listed_with_its_parts() -> None:
    name = "invoice.group_and_subtotal"
    record = STREAMS["invoice"].shape.read(made.sample(name))
    kept = replace(record, lines=[line for line in record.lines if line.line_type != "subtotal"])
    messages = sent("invoice", made.update("invoice", {"lines"}, name=name, lines=kept.lines))
    group = messages.find(".//InvoiceLineGroupMod")
    assert group is not None
    assert [each.text for each in group.iter("TxnLineID")] == ["5D2C-1789478413", "5D2D-1789478413", "5D2E-1789478413"]


@pytest.mark.parametrize(
    ("rate", "element"), [("8000000A-1", "ItemSalesTaxRef"), ("code:80000002-1", "SalesTaxCodeRef")]
)
def test_a_customers_tax_is_a_rate_or_a_code(rate: str, element: str) -> None:
    messages = sent("customer", create(made.customer(tax_rate=Ref(external_id=rate))))
    assert messages.findtext(f".//{element}/ListID") == rate.removeprefix("code:")
