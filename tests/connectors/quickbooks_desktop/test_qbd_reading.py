"""What QuickBooks answers: recorded and made-up pages, iterators, deletions, marks, failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.canonical import Invoice
from integrations.wire.errors import (
    ConsentLost,
    ContractBroken,
    Refused,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer
from integrations.wire.stream import FETCHED, Cursor
from tests.connectors.quickbooks_desktop import made, oracle
from tests.connectors.quickbooks_desktop.made import DIALECT, MANY, STREAMS, US, answer, failed, told

MARK = "2026-09-13T00:00:00-05:00"
FIRST = Cursor()
ROW = (
    "<CustomerRet><ListID>8000001B-1</ListID><TimeCreated>2026-09-14T10:31:02-05:00</TimeCreated>"
    "<TimeModified>2026-09-14T10:31:02-05:00</TimeModified><EditSequence>7</EditSequence><Name>Okafor</Name>"
    "<FullName>Okafor</FullName><IsActive>true</IsActive><Sublevel>0</Sublevel></CustomerRet>"
)


def page(*inside: str, cursor: Cursor = FIRST, stream: str = "customer", site: Any = US) -> Any:
    return DIALECT.read(STREAMS[stream], cursor, answer(*inside), site)


@oracle.needs_specs
def test_the_recorded_customer_and_item_are_read() -> None:
    customer = oracle.recorded("customer_add_rs").replace(b"CustomerAddRs", b'CustomerQueryRs requestID="rows"', 1)
    customer = customer.replace(b"</CustomerAddRs>", b"</CustomerQueryRs>")
    item = oracle.recorded("item_query_rs_iterator_end").replace(b'requestID="Retrieve items"', b'requestID="rows"')
    for stream, body, name in (("customer", customer, "mrjoecustomer"), ("item", item, "let's get intuit")):
        read = DIALECT.read(STREAMS[stream], Cursor(), Answer(status=200, body=body, received_at=made.NOW), US)
        (raw,) = read.raws
        assert STREAMS[stream].shape.read(raw).name == name
        assert read.next is None


@oracle.needs_specs
def test_the_recorded_company_is_named_with_its_edition() -> None:
    body = oracle.recorded("host_company_preferences_rs")
    company = DIALECT.company(Answer(status=200, body=body), made.CONNECTOR.site("production", {}))
    assert (company.name, company.currency, company.country) == ("myCompany", "USD", "US")


@oracle.needs_specs
@pytest.mark.parametrize("name", ["customer_query_rs_error_3120", "customer_query_rs_warn_500"])
def test_a_direct_read_of_what_is_not_there_is_an_empty_page(name: str) -> None:
    body = oracle.recorded(name).replace(b"<CustomerQueryRs", b'<CustomerQueryRs requestID="rows"')
    assert DIALECT.read(STREAMS["customer"], FETCHED, Answer(status=200, body=body), US).raws == []


# --- pages -----------------------------------------------------------------------------------------------------------


def paged(rows: int, left: int, *, id: str = "rows") -> str:
    return told("CustomerQuery", id, inside=ROW * rows, more=f'iteratorID="{{a}}" iteratorRemainingCount="{left}"')


def asked(cursor: Cursor) -> bytes:
    return DIALECT.ask(STREAMS["customer"], cursor, US).body


def test_a_page_token_is_the_iterator_and_what_it_has_left() -> None:
    assert page(paged(2, 3)).next == "1|3|{a}"
    assert page(paged(2, 1, id="rows-3"), cursor=Cursor(page="1|3|{a}")).next == "1|1|{a}"
    assert page(paged(1, 0, id="rows-1"), cursor=Cursor(page="1|1|{a}")).next is None
    assert b'iterator="Continue" iteratorID="{a}"' in asked(Cursor(page="1|3|{a}"))


def test_no_two_pages_are_asked_for_in_the_same_words() -> None:
    assert asked(Cursor(page="1|3|{a}")) != asked(Cursor(page="1|1|{a}"))


def test_an_answer_that_was_lost_on_the_way_is_noticed_and_the_sweep_begins_again() -> None:
    skipped = page(paged(2, 96, id="rows-300"), cursor=Cursor(mark=MARK, page="1|300|{a}"))
    assert (len(skipped.raws), skipped.next) == (2, "2|0|")
    assert asked(Cursor(mark=MARK, page=skipped.next)) == asked(Cursor(mark=MARK))


@pytest.mark.parametrize("code", [3000, 3120, 3150])
def test_a_sweep_whose_iterator_is_gone_begins_again(code: int) -> None:
    lost = page(told("CustomerQuery", "rows-9", code=code), cursor=Cursor(mark=MARK, page="1|9|{a}"))
    assert (lost.raws, lost.next) == ([], "2|0|")


def test_a_sweep_that_began_too_often_asks_for_everything_at_once() -> None:
    lost = page(told("CustomerQuery", "rows-9", code=3000), cursor=Cursor(page="3|9|{a}"))
    body = asked(Cursor(page=lost.next))
    assert b"iterator" not in body
    assert b"MaxReturned" not in body
    assert page(told("CustomerQuery", "rows", inside=ROW), cursor=Cursor(page=lost.next)).next is None


def test_a_question_that_fails_from_its_beginning_fails() -> None:
    for cursor in (Cursor(mark=MARK), Cursor(mark=MARK, page="2|0|")):
        with pytest.raises(Refused):
            page(told("CustomerQuery", "rows", code=3030), cursor=cursor)
    with pytest.raises(TryLater):
        page(told("CustomerQuery", "rows-9", code=3175), cursor=Cursor(page="1|9|{a}"))


def test_the_mark_is_our_clock_in_the_zone_of_the_pc_less_the_overlap() -> None:
    read = page(told("CustomerQuery", "rows", inside=ROW))
    assert made.NOW.isoformat() == "2026-09-15T18:00:00+00:00"
    assert STREAMS["customer"].overlap_seconds == timedelta(hours=2).total_seconds()
    assert read.mark == "2026-09-15T11:00:00-05:00"


def test_an_empty_page_leaves_the_mark_where_it_is() -> None:
    read = page(told("CustomerQuery", "rows", code=1), cursor=Cursor(mark=MARK))
    assert (read.raws, read.mark, read.next) == ([], None, None)


def test_deletions_come_with_the_first_page() -> None:
    gone = (
        "<ListDeletedRet><ListDelType>SalesTaxCode</ListDelType><ListID>80000009-1</ListID>"
        "<TimeCreated>2026-09-01T10:00:00-05:00</TimeCreated><TimeDeleted>2026-09-14T10:00:00-05:00</TimeDeleted>"
        "<FullName>Old</FullName></ListDeletedRet>"
    )
    inside = (told("SalesTaxCodeQuery", "rows", code=1), told("ListDeletedQuery", "gone", inside=gone))
    read = page(*inside, cursor=Cursor(mark=MARK), stream="sales_tax_code")
    assert [(each.external_id, each.how) for each in read.gone] == [("code:80000009-1", "deleted")]


def test_a_mark_from_before_the_deletions_reach_says_so() -> None:
    inside = (told("CustomerQuery", "rows", inside=ROW), told("ListDeletedQuery", "gone", code=1))
    read = page(*inside, cursor=Cursor(mark="2026-05-01T00:00:00-05:00"))
    assert "90 days" in read.problems[0].what


def test_an_answer_without_the_rows_is_broken() -> None:
    with pytest.raises(ContractBroken):
        page(told("CustomerQuery", "another"))


# --- figures ---------------------------------------------------------------------------------------------------------


def test_an_entry_of_books_with_many_currencies_has_its_code() -> None:
    row = (
        "<InvoiceRet><TxnID>1-1</TxnID><TimeCreated>2026-09-14T10:31:02-05:00</TimeCreated>"
        "<TimeModified>2026-09-14T10:31:02-05:00</TimeModified><EditSequence>7</EditSequence>"
        "<CustomerRef><ListID>8-1</ListID></CustomerRef><TxnDate>2026-09-14</TxnDate><Subtotal>5.00</Subtotal>"
        "<CurrencyRef><ListID>C-1</ListID><FullName>Euro</FullName></CurrencyRef><ExchangeRate>1.1</ExchangeRate>"
        "<InvoiceLineRet><TxnLineID>1-2</TxnLineID><ItemRef><ListID>5-1</ListID></ItemRef><Amount>5.00</Amount>"
        "</InvoiceLineRet></InvoiceRet>"
    )
    euro = "<CurrencyRet><ListID>C-1</ListID><Name>Euro</Name><CurrencyCode>EUR</CurrencyCode></CurrencyRet>"
    inside = (told("InvoiceQuery", "rows", inside=row), told("CurrencyQuery", "currencies", inside=euro))
    (raw,) = page(*inside, stream="invoice", site=MANY).raws
    invoice = STREAMS["invoice"].shape.read(raw)
    assert (invoice.currency, invoice.exchange_rate, invoice.total) == ("EUR", Decimal("1.1"), Decimal("5.00"))


def test_a_subtotal_is_known_by_what_the_document_counts() -> None:
    record = STREAMS["invoice"].shape.read(made.sample("invoice.group_and_subtotal"))
    assert isinstance(record, Invoice)
    assert [line.line_type for line in record.lines] == ["item", "subtotal", "item"]


def test_a_voided_document_is_known_by_its_memo_and_zeros() -> None:
    assert STREAMS["invoice"].shape.read(made.sample("invoice.void")).status == "void"
    not_void = {**made.sample("invoice"), "Memo": "Void where prohibited"}
    assert STREAMS["invoice"].shape.read(not_void).status == "partially_paid"


# --- a whole document ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error", "may_have_acted"),
    [
        ("0x80040400", Refused, False),
        ("0x80040420", ConsentLost, False),
        ("0x80040401", TryLater, False),
        ("0x80040402", TryLater, True),
        ("0x8004040D", TryLater, False),
        ("0x80040416", TryLater, False),
        ("0x80049999", TryLater, True),
    ],
)
def test_a_document_that_fails_as_a_whole_tells_by_its_code(
    code: str, error: type[VendorError], may_have_acted: bool
) -> None:
    with pytest.raises(error) as raised:
        DIALECT.read(STREAMS["customer"], Cursor(), failed(code), US)
    assert raised.value.may_have_acted is may_have_acted


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<QBXML/>", b'<!DOCTYPE a [<!ENTITY b "c">]><QBXML/>'])
def test_what_is_no_answer_of_quickbooks_is_broken(body: bytes) -> None:
    with pytest.raises(ContractBroken):
        DIALECT.read(STREAMS["customer"], Cursor(), Answer(status=200, body=body), US)


def test_control_characters_that_people_pasted_do_not_stop_a_page() -> None:
    row = ROW.replace("<Name>Okafor</Name>", "<Name>Oka&#11;for&#x1E; &#233;</Name>")
    (raw,) = page(told("CustomerQuery", "rows", inside=row)).raws
    assert raw["Name"] == "Oka for  \xe9"


def test_an_answer_that_lay_waiting_speaks_of_when_it_was_fetched() -> None:
    waited = replace(answer(told("CustomerQuery", "rows", inside=ROW)), asked_at=made.NOW - timedelta(hours=5))
    assert DIALECT.read(STREAMS["customer"], FIRST, waited, US).mark == "2026-09-15T06:00:00-05:00"
