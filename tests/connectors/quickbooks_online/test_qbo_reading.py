"""Sweeps: pages that miss no row, deletions, tax codes with their rates, and the recorded answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.canonical.laws import broken_laws
from integrations.wire.errors import ContractBroken, TryLater, VendorError
from integrations.wire.stream import FETCHED, Cursor, Gone, Page, Stream
from tests.connectors.quickbooks_online import oracle
from tests.connectors.quickbooks_online.made import DIALECT, STREAMS, UK, US, answer, site

INVOICE = STREAMS["invoice"]
BY_THREE = replace(INVOICE, page_size=3)
NOW = "2026-09-20T10:00:00.300-07:00"


def row(id: str, at: str = "09:00:00", **more: Any) -> dict[str, Any]:
    return {"Id": id, "SyncToken": "0", "MetaData": {"LastUpdatedTime": f"2026-09-19T{at}-07:00"}, **more}


def page(rows: list[dict[str, Any]], cursor: Cursor = Cursor(), *, stream: Stream = BY_THREE) -> Page:  # noqa: B008
    return DIALECT.read(stream, cursor, answer({"QueryResponse": {"Invoice": rows}, "time": NOW}), US)


def query(cursor: Cursor, stream: Stream = BY_THREE) -> str:
    return DIALECT.ask(stream, cursor, US).params["query"]


class Books:
    """A company that answers the sweep's queries from a list of rows, and lets somebody edit them between pages."""

    def __init__(self, rows: dict[str, str]) -> None:
        self.rows = rows

    def answer(self, asked: str) -> list[dict[str, Any]]:
        since = asked.split(">= '")[1][11:19] if ">=" in asked else ""
        start = int(asked.split("startposition ")[1].split()[0])
        most = int(asked.split("maxresults ")[1])
        there = sorted((at, id) for id, at in self.rows.items() if at >= since)
        return [row(id, at) for at, id in there[start - 1 : start - 1 + most]]


def sweep(books: Books, stream: Stream, edits: dict[int, tuple[str, str]]) -> list[str]:
    seen, cursor = [], Cursor()
    for number in range(100):
        rows = books.answer(query(cursor, stream))
        seen += [each["Id"] for each in rows]
        got = page(rows, cursor, stream=stream)
        if got.next is None:
            return seen
        cursor = Cursor(None, got.next)
        if number in edits:
            id, at = edits[number]
            books.rows[id] = at
    raise AssertionError("the sweep does not end")


def test_a_sweep_asks_in_the_order_of_changes_from_the_mark_on() -> None:
    assert query(Cursor("2026-09-13T00:00:00-07:00"), INVOICE) == (
        "select * from Invoice where MetaData.LastUpdatedTime >= '2026-09-13T00:00:00-07:00'"
        " orderby MetaData.LastUpdatedTime startposition 1 maxresults 1000"
    )


def test_lists_are_asked_for_with_their_inactive_rows() -> None:
    assert "where Active in (true, false)" in query(Cursor(), STREAMS["customer"])


def test_a_sweep_sees_every_row_though_rows_are_edited_between_its_pages() -> None:
    books = Books({f"{n:02}": f"09:00:{n // 2:02}" for n in range(20)})
    seen = sweep(books, BY_THREE, {0: ("00", "09:30:00"), 1: ("01", "09:30:01"), 2: ("02", "09:30:02")})
    assert set(seen) == set(books.rows)


def test_a_sweep_sees_every_row_though_more_than_a_page_changed_in_one_second() -> None:
    books = Books({f"{n:03}": "09:00:00" for n in range(45)})
    by_ten = replace(INVOICE, page_size=10)
    assert set(sweep(books, by_ten, {1: ("003", "09:30:00"), 2: ("004", "09:30:00")})) == set(books.rows)


def test_the_mark_is_the_vendors_clock_less_the_overlap() -> None:
    assert page([row("1")]).mark == "2026-09-20T09:55:00-07:00"


def test_an_empty_answer_ends_the_sweep() -> None:
    got = DIALECT.read(INVOICE, Cursor(), answer({"QueryResponse": {}, "time": NOW}), US)
    assert (got.raws, got.next) == ([], None)


def test_a_sweep_since_a_mark_ends_with_the_deletions() -> None:
    since = Cursor("2026-09-13T00:00:00-07:00")
    got = page([row("1")], since)
    request = DIALECT.ask(INVOICE, Cursor(since.mark, got.next), US)
    assert request.path.endswith("/cdc")
    assert (request.params["entities"], request.params["changedSince"]) == ("Invoice", since.mark)
    changes = {
        "CDCResponse": [
            {"QueryResponse": [{"Invoice": [row("1"), {"domain": "QBO", "status": "Deleted", "Id": "7"}]}]}
        ],
        "time": NOW,
    }
    last = DIALECT.read(INVOICE, Cursor(since.mark, got.next), answer(changes), US)
    assert (last.gone, last.next, last.problems) == ([Gone(external_id="7", how="deleted")], None, [])


def test_a_full_change_feed_says_that_deletions_may_be_unseen() -> None:
    changes = {"CDCResponse": [{"QueryResponse": [{"Invoice": [row(str(n)) for n in range(1000)]}]}], "time": NOW}
    got = DIALECT.read(INVOICE, Cursor("2026-09-13T00:00:00-07:00", "deletions"), answer(changes), US)
    assert "reads this object in full" in got.problems[0].advice


@pytest.mark.parametrize(
    ("body", "branch"),
    [
        ({"CDCResponse": [{"Fault": {"type": "SystemFault", "Error": [{"code": "10000", "Message": "-"}]}}]}, TryLater),
        ({"time": NOW}, ContractBroken),
    ],
)
def test_a_change_feed_that_fails_is_not_taken_for_no_deletions(
    body: dict[str, Any], branch: type[VendorError]
) -> None:
    with pytest.raises(branch):
        DIALECT.read(INVOICE, Cursor("2026-09-13T00:00:00-07:00", "deletions"), answer(body), US)


def test_a_mark_older_than_the_change_feed_says_that_deletions_may_be_unseen() -> None:
    got = page([row("1")], Cursor("2026-08-01T00:00:00-07:00"))
    assert got.next is None
    assert "30 days" in got.problems[0].what


def test_a_full_sweep_and_lists_need_no_change_feed() -> None:
    assert page([row("1")]).next is None
    customers = answer({"QueryResponse": {"Customer": [row("1")]}, "time": NOW})
    assert DIALECT.read(STREAMS["customer"], Cursor("2026-09-13T00:00:00-07:00"), customers, US).next is None


def test_records_are_fetched_by_their_ids_in_one_call() -> None:
    request = DIALECT.fetch(INVOICE, ["1", "2"], US)
    assert "where Id in ('1', '2')" in request.params["query"]
    assert len(page([row("1")], FETCHED).raws) == 1


def test_tax_codes_come_with_their_rates_and_inactive_ones_too() -> None:
    rates = [{"Id": "7", "Name": "Standard", "RateValue": 20}]
    code = {"Id": "5", "Name": "S", "SalesTaxRateList": {"TaxRateDetail": [{"TaxRateRef": {"value": "7"}}]}}
    items = [
        {"bId": "rates", "QueryResponse": {"TaxRate": rates}},
        {"bId": "inactive", "QueryResponse": {"TaxCode": [{"Id": "6", "Name": "Old", "Active": False}]}},
        {"bId": "codes", "QueryResponse": {"TaxCode": [code]}},
    ]
    got = DIALECT.read(STREAMS["tax_rate"], Cursor(), answer({"BatchItemResponse": items, "time": NOW}), UK)
    read = [STREAMS["tax_rate"].shape.read(raw) for raw in got.raws]
    assert [(each.code, each.rate_percent, each.active) for each in read] == [("S", 20, True), ("Old", None, False)]


def test_documents_without_a_currency_are_in_the_home_currency() -> None:
    got = page([row("1", CustomerRef={"value": "1"}, TxnDate="2026-09-14", Line=[])])
    assert INVOICE.shape.read(got.raws[0]).currency == "USD"


def test_the_company_tells_its_name_country_and_currency() -> None:
    items = [
        {
            "bId": "preferences",
            "QueryResponse": {"Preferences": [{"CurrencyPrefs": {"HomeCurrency": {"value": "GBP"}}}]},
        },
        {"bId": "company", "QueryResponse": {"CompanyInfo": [{"CompanyName": "Okafor Ltd", "Country": "GB"}]}},
    ]
    company = DIALECT.company(answer({"BatchItemResponse": items, "time": NOW}), UK)
    assert (company.name, company.id, company.country, company.currency) == ("Okafor Ltd", "4620816365291", "GB", "GBP")


def test_a_link_opens_the_document_in_its_own_company() -> None:
    assert DIALECT.link(INVOICE, "266", US) == (
        "https://app.sandbox.qbo.intuit.com/app/invoice?txnId=266&deeplinkcompanyid=4620816365291"
    )
    assert DIALECT.link(STREAMS["item"], "1", site()) is None


@oracle.needs_specs
def test_every_recorded_entity_reads_into_a_lawful_record() -> None:
    by_entity = {stream.at: stream for stream in STREAMS.values()}
    read = 0
    for name, entity in oracle.entities():
        stream = by_entity.get(name)
        if stream is None or entity.get("status") == "Deleted":
            continue
        if "CurrencyRef" not in entity:
            entity = {**entity, "CurrencyRef": {"value": "USD"}}
        record = stream.shape.read(entity)
        assert broken_laws(record) == [], entity
        read += 1
    assert read > 60


@oracle.needs_specs
@pytest.mark.parametrize("name", ["all_customers", "get_display_name"])
def test_recorded_pages_read_row_by_row(name: str) -> None:
    *_, (_, said) = oracle.answers_of(name)
    got = DIALECT.read(STREAMS["customer"], Cursor(), said, US)
    assert got.raws
    assert got.mark
    assert [STREAMS["customer"].shape.read(raw).external_id for raw in got.raws]


@oracle.needs_specs
def test_the_recorded_void_is_read_as_void_and_not_as_paid() -> None:
    (_, before), (_, after) = oracle.answers_of("void_invoice")
    statuses = [INVOICE.shape.read(oracle.EXACT.decode(said.body)["Invoice"]).status for said in (before, after)]
    assert statuses == ["open", "void"]
