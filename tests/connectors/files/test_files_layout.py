"""Layouts as data: both ways, checked with every fault named, and told in words."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, strategies

from integrations.canonical.laws import broken_laws
from integrations.canonical.money import minor_units
from integrations.connectors.files import records
from integrations.connectors.files.connector import CONNECTOR
from integrations.connectors.files.layout import TARGETS, BadLayout, in_words, layout_of, plain
from integrations.connectors.files.ready import ONLINE_RETAIL, READY
from integrations.wire.errors import Refused

from .conftest import HEADER

GOOD = plain(ONLINE_RETAIL)


def without(target):
    return [column for column in GOOD["columns"] if column["to"] != target]


@pytest.mark.parametrize("layout", READY.values(), ids=lambda layout: layout.name)
def test_a_ready_layout_goes_through_json_unchanged_and_is_told_in_words(layout):
    assert layout_of(msgspec.json.decode(msgspec.json.encode(plain(layout)))) == layout
    assert all(sentence.endswith(".") for sentence in in_words(layout))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"decimal": ";"}, "At decimal"),
        ({"decimal": ",", "thousands": ","}, "must differ"),
        ({"dates": []}, "at least one date format"),
        ({"dates": ["%Y-%m"]}, "must hold day, month and year"),
        ({"format": {"delimiter": "::"}}, "must be one character"),
        ({"format": {"quote": ","}}, "other than the delimiter"),
        ({"format": {"encoding": "klingon"}}, "'klingon' is not known"),
        ({"format": {"encoding": "hex"}}, "'hex' is not known"),
        ({"format": {"header": False}}, "format.names must name the columns"),
        ({"format": {"header": False, "names": ["a"]}}, "The column “StockCode” is used but not among"),
        ({"columns": without("document.issued_on")}, "No column goes to document.issued_on"),
        ({"columns": without("customer.key")}, "No column goes to customer.key"),
        ({"columns": without("line.quantity")}, "The lines need an amount"),
        ({"columns": [*GOOD["columns"], {"column": "X", "to": "item.colour"}]}, "“item.colour”, which does not exist"),
        ({"columns": [*GOOD["columns"], {"column": "X", "to": "item.key"}]}, "More than one column goes to item.key"),
        ({"key_transforms": ["shout"]}, "there is no transform “shout”"),
        ({"kinds": [{"starts": "X", "becomes": "reject"}]}, "needs a reason"),
        ({"kinds": [{"starts": "", "becomes": "invoice"}]}, "needs the beginning of the key"),
        ({"leave_out": [{"column": "Country", "test": "equals", "because": "x"}]}, "needs a value"),
        ({"currency": "Pound"}, "“Pound” is no currency"),
        ({"country_codes": {"EIRE": "Ireland"}}, "two capital letters"),
        ({"customer_name": "Customer"}, "must hold {key} once"),
        ({"pattern": "../*.csv"}, "must stay below the folder"),
    ],
)
def test_a_fault_in_a_layout_is_named_in_plain_words(change, words):
    with pytest.raises(BadLayout) as bad:
        layout_of({**GOOD, **change})
    assert words in str(bad.value)


def test_all_faults_are_named_at_once():
    with pytest.raises(BadLayout) as bad:
        layout_of({**GOOD, "dates": [], "currency": "X", "columns": []})
    assert len(bad.value.faults) == 5


def test_every_place_that_a_column_can_fill_reaches_a_record(inbox):
    layout = {
        "name": "everything",
        "key": "document.number",
        "dates": ["%Y-%m-%d"],
        "columns": [{"column": target, "to": target} for target in TARGETS],
    }
    values = {target: target.replace(".", " ") for target in TARGETS} | {
        "document.number": "1",
        "document.issued_on": "2025-01-06",
        "document.due_on": "2025-02-05",
        "document.expected_on": "2025-01-20",
        "document.currency": "eur",
        "customer.country": "Japan",
        "line.quantity": "2",
        "line.unit_price": "4.50",
        "line.net_amount": "8.10",
    }
    inbox.put("a.csv", ",".join(values) + "\n" + ",".join(values.values()) + "\n")
    inbox = inbox.with_settings(layout=layout)
    invoice, customer, item = (inbox.sweep(name).records[0] for name in ("invoice", "customer", "item"))
    assert (invoice.number, str(invoice.issued_on), str(invoice.due_on)) == ("1", "2025-01-06", "2025-02-05")
    assert (invoice.currency, invoice.total) == ("EUR", Decimal("8.10"))
    for name in ("po_number", "reference", "memo", "customer_note"):
        assert getattr(invoice, name) == f"document {name}"
    line = invoice.lines[0]
    assert (line.description, line.unit, line.item.external_id) == ("line description", "item unit", "item key")
    assert (line.quantity, line.unit_price, line.net_amount) == (2, Decimal("4.50"), Decimal("8.10"))
    assert (customer.name, customer.email, customer.phone) == ("customer name", "customer email", "customer phone")
    address = customer.billing_address
    assert (address.line1, address.line2, address.city) == ("customer line1", "customer line2", "customer city")
    assert (address.region, address.postal_code, address.country) == ("customer region", "customer postal_code", "JP")
    assert (item.external_id, item.sku, item.name, item.unit) == ("item key", "item key", "item name", "item unit")


def test_rows_that_the_layout_leaves_out_are_counted_and_make_nothing(inbox):
    rule = {"column": "Description", "test": "starts", "value": "Total", "because": "sums of the export"}
    inbox = inbox.with_settings(layout={**GOOD, "leave_out": [rule]})
    good = "1,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n"
    inbox.put("a.csv", HEADER + good + ",,Total of the day,,,9.00,,\n" + "2" + good + "2" + good[:9] + "\n")
    sweep = inbox.sweep()
    assert sweep.keys == ["1"]
    assert [problem.where for problem in sweep.problems] == ["a.csv, line 5"]
    assert inbox.sweep("item").keys == ["31A"]
    assert inbox.sweep("customer").keys == ["20001"]
    assert inbox.left_out() == {"sums of the export": 1}


@pytest.mark.parametrize(
    ("choice", "name"), [("first", "MUG"), ("latest", "CUP"), ("longest", "BIG MUG"), ("most_frequent", "POT")]
)
def test_the_layout_says_which_of_several_names_counts(inbox, choice, name):
    inbox = inbox.with_settings(layout={**GOOD, "item_name": choice})
    names = ["MUG", "POT", "BIG MUG", "", "POT", "CUP", " "]
    rows = (f"{n},31A,{name},2,2025-01-06 10:00:00,4.50,20001.0,France\n" for n, name in enumerate(names, 1))
    inbox.put("a.csv", HEADER + "".join(rows))
    assert inbox.sweep("item")["31A"].name == name


def test_zero_prices_are_kept_or_rejected_as_the_layout_says(inbox):
    inbox.put("a.csv", HEADER + "1,31A,MUG,-2,2025-01-06 10:00:00,0,20001.0,France\n")
    kept = inbox.sweep()["1"]
    assert (kept.total, str(kept.total), kept.lines[0].quantity) == (0, "0.00", -2)
    rejected = inbox.with_settings(layout={**GOOD, "zero_prices": "reject"}).sweep()
    assert rejected.records == []
    assert "A price is zero" in rejected.problems[0].what


def test_a_layout_without_items_says_so_when_items_are_asked_for(inbox):
    layout = {**GOOD, "columns": without("item.key")}
    inbox.put("a.csv", HEADER + "1,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n")
    with pytest.raises(Refused, match=r"no column for item\.key"):
        inbox.with_settings(layout=layout).sweep("item")


@given(
    rows=strategies.lists(
        strategies.tuples(
            strategies.integers(1, 10_000), strategies.decimals(0, 1000, allow_nan=False, places=4).map(str)
        ),
        min_size=1,
        max_size=20,
    ),
    currency=strategies.sampled_from(["GBP", "JPY", "BHD"]),
    is_credit=strategies.booleans(),
)
def test_the_control_total_agrees_with_the_record_to_the_last_unit(rows, currency, is_credit):
    layout = layout_of({**GOOD, "currency": currency})
    key = "C1" if is_credit else "1"
    cells = [
        {"InvoiceNo": key, "StockCode": "A", "Description": "", "Quantity": str(-quantity if is_credit else quantity),
         "InvoiceDate": "2025-01-06", "UnitPrice": price, "CustomerID": "7", "Country": ""}
        for quantity, price in rows
    ]  # fmt: skip
    found = {"key": key, "path": "a.csv", "digest": "", "lines": [(n, n) for n in range(len(rows))], "rows": cells}
    raw = records.document(found, layout, default_customer="", home_currency="")
    stream = CONNECTOR.stream("credit_note" if is_credit else "invoice")
    record = stream.shape.read(raw)
    assert stream.total(raw) == record.total
    assert -record.total.as_tuple().exponent == minor_units(currency)
    assert broken_laws(record) == []
