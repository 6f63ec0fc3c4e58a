"""What a published file looks like: cells, widths, quotes, encodings, and what a layout may not say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from integrations.wire.rendering import LeftOut, beginning, edge, heading, is_in, references, rows_of
from integrations.wire.sheets import BadSheet, Sheet, in_words, path_of, sheet_of

RECORD: dict[str, Any] = {
    "external_id": "1",
    "name": 'Tin "Mug", large',
    "number": "c-7",
    "balance": Decimal("1234.505"),
    "issued_on": date(2026, 2, 3),
    "active": True,
    "notes": "two\nlines\tand a tab",
    "billing_address": {"city": "Köln"},
    "customer": {"external_id": "9"},
    "lines": [
        {"quantity": Decimal(6), "item": {"external_id": "5"}, "description": "one"},
        {"quantity": Decimal("2.5"), "description": "two"},
    ],
}


def sheet(*columns: str | dict[str, Any], **more: Any) -> Sheet:
    told = [{"source": each, "name": each} if isinstance(each, str) else {"name": "c", **each} for each in columns]
    return sheet_of({"file": "list.csv", "header": False, "newline": "\n", "columns": told, **more})


def row(*columns: str | dict[str, Any], refer: Any = None, **more: Any) -> str:
    made = sheet(*columns, **more)
    return rows_of(RECORD, made, refer or {}).data.decode(made.encoding)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"source": "balance"}, "1234.505"),
        ({"source": "balance", "format": "0.00"}, "1234.51"),
        ({"source": "balance", "format": "0,00"}, "1234,51"),
        ({"source": "balance", "format": "0"}, "1235"),
        ({"source": "issued_on"}, "2026-02-03"),
        ({"source": "issued_on", "format": "MM/DD/YYYY"}, "02/03/2026"),
        ({"source": "issued_on", "format": "DD.MM.YY"}, "03.02.26"),
        ({"source": "active"}, "Y"),
        ({"source": "active", "format": "1/0"}, "1"),
        ({"source": "number", "transforms": ["upper"]}, "C-7"),
        ({"source": "billing_address.city"}, "Köln"),
        ({"source": "shipping_address.city"}, ""),
        ({"source": "customer.number"}, "K9"),
        ({"source": "customer.billing_address.city"}, "Ulm"),
        ({"constant": "X"}, "X"),
        ({"source": "name", "width": 3, "cut": True}, 'Tin'),
    ],
)  # fmt: skip
def test_a_cell_says_a_value_as_the_layout_wants_it(column: dict[str, Any], said: str) -> None:
    refer = {("customer", "9"): {"number": "K9", "billing_address": {"city": "Ulm"}}}
    assert row(column, delimiter=";", refer=refer) == f"{said}\n"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, '"Tin ""Mug"", large",c-7\n'),
        ({"quote": "all"}, '"Tin ""Mug"", large","c-7"\n'),
        ({"delimiter": ";"}, '"Tin ""Mug"", large";c-7\n'),
        ({"quote": "none"}, 'Tin "Mug"  large,c-7\n'),
        ({"quote": "none", "delimiter": "\t"}, 'Tin "Mug", large\tc-7\n'),
    ],
)
def test_no_delimiter_stands_in_a_value(more: dict[str, Any], said: str) -> None:
    assert row("name", "number", **more) == said


def test_line_breaks_become_blanks_where_nothing_is_quoted() -> None:
    notes = {"source": "notes", "transforms": []}
    assert row(notes, quote="none", delimiter="\t") == "two lines and a tab\n"
    assert row(notes) == '"two\nlines\tand a tab"\n'


def test_columns_of_fixed_width_are_filled_at_either_side() -> None:
    columns = (
        {"source": "number", "width": 5},
        {"source": "balance", "format": "0.00", "width": 10, "align": "right", "fill": "0"},
    )
    assert row(*columns, form="fixed") == "c-7  0001234.51\n"


def test_a_value_that_is_too_long_is_cut_only_where_the_layout_says_so() -> None:
    with pytest.raises(LeftOut, match="16 characters, and the file takes 3"):
        row({"source": "name", "width": 3})
    cut = rows_of(RECORD, sheet({"source": "name", "name": "N", "width": 3, "cut": True}), {})
    assert cut.cut == ["N"]


def test_a_record_without_what_is_required_or_sayable_is_left_out() -> None:
    with pytest.raises(LeftOut, match="email is empty"):
        row({"source": "email", "name": "email", "required": True})
    with pytest.raises(LeftOut, match="ascii has no “ö”"):
        row("billing_address.city", encoding="ascii")
    assert row("billing_address.city", encoding="ascii", unsayable="replace") == "K?ln\n"
    with pytest.raises(LeftOut, match="no single value"):
        row("billing_address")


def test_a_document_has_a_row_for_each_line_or_rows_of_two_kinds() -> None:
    refer = {("lines[].item", "5"): {"sku": "MUG"}}
    assert row("number", "line.position", "line.item.sku", "line.quantity", refer=refer) == "c-7,1,MUG,6\nc-7,2,,2.5\n"
    lines = [{"constant": "L"}, {"source": "line.description"}]
    assert row({"constant": "H"}, "number", line_columns=lines) == "H,c-7\nL,one\nL,two\n"


def test_rows_are_sorted_by_size_and_not_by_their_digits() -> None:
    made = sheet("number", order=["balance"])
    sorts = [rows_of({"balance": Decimal(amount)}, made, {}).sort for amount in ("-5", "0", "9.99", "10", "1000")]
    assert sorts == sorted(sorts)


def test_the_first_and_the_last_row_count_the_others() -> None:
    made = sheet("number", first="HDR<date>", last="TRL<rows>/<number>")
    day = date(2026, 2, 3)
    assert edge(made.first, made, rows=3, number=7, today=day) == b"HDR20260203\n"
    assert edge(made.last, made, rows=3, number=7, today=day) == b"TRL3/7\n"
    assert heading(made) == b""
    assert heading(sheet("number", "name", header=True)) == b"number,name\n"


def test_inactive_records_are_in_the_file_only_where_a_column_tells_them_apart() -> None:
    assert not is_in({"active": False}, sheet("number"))
    assert is_in({"active": False}, sheet("number", "active"))
    assert is_in({}, sheet("number"))


def test_what_columns_lead_through_is_known() -> None:
    assert references(sheet("number", "customer.number", "line.item.sku", "line.quantity")) == {
        "customer.number",
        "line.item.sku",
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf_32", "cp1252"])
def test_a_mark_stands_once_at_the_beginning_and_not_before_each_row(encoding: str) -> None:
    made = sheet("number", header=True, encoding=encoding)
    file = beginning(made) + heading(made) + rows_of(RECORD, made, {}).data * 2
    assert file.decode(encoding) == "number\nc-7\nc-7\n"


def test_moments_are_told_in_their_own_form() -> None:
    made = sheet({"source": "changed_at", "format": "YYYY-MM-DD HH:NN"})
    assert rows_of({"changed_at": datetime(2026, 2, 3, 4, 5, tzinfo=UTC)}, made, {}).data == b"2026-02-03 04:05\n"


# What a layout may not say

COLUMN = {"name": "a", "source": "number"}


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"columns": []}, "at least one column"),
        ({"columns": [{"name": "a"}]}, "either a source or a constant"),
        ({"columns": [{"source": "number"}]}, "needs a name"),
        ({"columns": [{**COLUMN, "transforms": ["shout"]}]}, "no transform “shout”"),
        ({"columns": [{**COLUMN, "format": "0.0.0"}]}, "is none like"),
        ({"columns": [{**COLUMN, "fill": "xx"}]}, "one character"),
        ({"columns": [{**COLUMN, "width": 0}]}, "must be 1 at least"),
        ({"columns": [COLUMN], "form": "fixed", "header": False}, "needs a width"),
        ({"columns": [COLUMN], "form": "fixed"}, "no header row"),
        ({"columns": [COLUMN], "delimiter": "x"}, "comma, a semicolon"),
        ({"columns": [COLUMN], "encoding": "rot13"}, "not known"),
        ({"columns": [COLUMN], "file": "../list.csv"}, "below the folder"),
        ({"columns": [COLUMN], "file": "/list.csv"}, "below the folder"),
        ({"columns": [COLUMN], "mode": "new"}, "needs <number>"),
        ({"columns": [COLUMN], "file": "list<number>.csv"}, "leave <number>"),
        ({"columns": [COLUMN], "last": "<sum>"}, "not sum"),
        ({"columns": [COLUMN], "colour": "red"}, "unknown field"),
        ({"columns": [{**COLUMN, "source": "line.item"}], "line_columns": [COLUMN]}, "columns of their own"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_used_names_its_fault(told: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadSheet, match=fault):
        sheet_of({"file": "list.csv", **told})


@pytest.mark.parametrize("word", ["", "..", "a/b", "a\nb", "a\\b"])
def test_a_word_never_leads_a_file_elsewhere(word: str) -> None:
    made = sheet("number", file="latest<cust_id>/customer.fil")
    assert path_of(made, {"cust_id": 1042}, number=1, today=date(2026, 2, 3)) == "latest1042/customer.fil"
    with pytest.raises(BadSheet, match="cust_id"):
        path_of(made, {"cust_id": word}, number=1, today=date(2026, 2, 3))


def test_a_layout_says_what_it_does() -> None:
    said = " ".join(
        in_words(sheet({"source": "number", "name": "KEY", "required": True}, quote="none", delimiter="\t"))
    )
    assert "replaced each time" in said
    assert "A record without KEY is left out" in said
    assert "become blanks" in said
