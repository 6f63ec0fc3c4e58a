"""From records to the rows of a published file, by a sheet: pure functions over plain values."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from .cells import tidy
from .sheets import LINE, PLACE, Column, Sheet

Fields = Mapping[str, Any]
Refer = Mapping[tuple[str, str], Fields]
"""What is referred to: (path of the reference, its external id) → the fields of that record."""

OFFSET = Decimal(10) ** 15
MARKED = {
    "utf-8-sig": ("utf-8", codecs.BOM_UTF8),
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-32": ("utf-32-le", codecs.BOM_UTF32_LE),
}


class LeftOut(Exception):
    """A record that cannot stand in the file as it is; the words say why."""


@dataclass(slots=True)
class Rows:
    """The rows of one record, as bytes with their line ends, by what they are sorted, and what was cut."""

    data: bytes
    number: int
    sort: str
    cut: list[str] = field(default_factory=list)  # names of columns


def rows_of(record: Fields, sheet: Sheet, refer: Refer) -> Rows:
    """The rows of a record (as `canonical.codec.to_plain` gives it). Raises LeftOut."""
    cut: list[str] = []
    made = [_row(cells, sheet, cut) for cells in _cells_of(record, sheet, refer)]
    order = sheet.order or (sheet.columns[0].source,)
    sort = "\x1f".join(_sortable(_at(record, source, refer)) for source in order)
    return Rows(data=b"".join(made), number=len(made), sort=sort, cut=cut)


def beginning(sheet: Sheet) -> bytes:
    """What stands before the first row: the mark of encodings that begin with one."""
    return _codec(sheet.encoding)[1]


def heading(sheet: Sheet) -> bytes:
    """The row with the columns' names; empty where the file has none."""
    if not sheet.header:
        return b""
    named = (*sheet.columns, *sheet.line_columns) if not sheet.line_columns else sheet.columns
    return _encoded(sheet.delimiter.join(_quoted(column.name, sheet) for column in named), sheet)


def edge(text: str, sheet: Sheet, *, rows: int, number: int, today: date) -> bytes:
    """The sheet's first or last row; empty where it has none."""
    if not text:
        return b""
    known = {"rows": str(rows), "number": str(number), "date": f"{today:%Y%m%d}"}
    return _encoded(PLACE.sub(lambda place: known[place[1]], text), sheet)


def is_in(record: Fields, sheet: Sheet) -> bool:
    """Whether a record belongs into the file: one that is not active only where a column tells it apart."""
    return record.get("active") is not False or sheet.shows_inactive


def references(sheet: Sheet) -> set[str]:
    """Sources that may lead through a reference: `customer.number`, `line.item.sku`."""
    sources = [column.source for column in (*sheet.columns, *sheet.line_columns)] + list(sheet.order)
    return {source for source in sources if "." in source.removeprefix(LINE)}


Cells = list[tuple[Column, Any]]


def _cells_of(record: Fields, sheet: Sheet, refer: Refer) -> Iterator[Cells]:
    """The cells of each row: the record's own, and those of its lines."""
    lines: Sequence[Fields] = record.get("lines") or []
    if not sheet.has_rows_of_lines:
        yield [(column, _value(column, record, None, refer)) for column in sheet.columns]
    elif sheet.line_columns:
        yield [(column, _value(column, record, None, refer)) for column in sheet.columns]
        for position, line in enumerate(lines, 1):
            numbered = {**line, "position": position}
            yield [(column, _value(column, record, numbered, refer)) for column in sheet.line_columns]
    else:
        for position, line in enumerate(lines, 1):
            numbered = {**line, "position": position}
            yield [(column, _value(column, record, numbered, refer)) for column in sheet.columns]


def _value(column: Column, record: Fields, line: Fields | None, refer: Refer) -> Any:
    if column.constant is not None:
        return column.constant
    if column.source.startswith(LINE):
        return _at(line or {}, column.source.removeprefix(LINE), refer, within="lines[].")
    return _at(record, column.source, refer)


def _at(fields: Fields, source: str, refer: Refer, *, within: str = "") -> Any:
    """The value at a dotted path; where it leads into a reference, that record's."""
    value: Any = fields
    gone: list[str] = []
    for step in source.split("."):
        if not isinstance(value, Mapping):
            return None
        found = value.get(step)
        if found is None and "external_id" in value:
            whose = refer.get((within + ".".join(gone), str(value["external_id"])))
            found = whose.get(step) if whose else None
        value = found
        gone.append(step)
    return value


def _row(cells: Cells, sheet: Sheet, cut: list[str]) -> bytes:
    said = [_cell(column, value, sheet, cut) for column, value in cells]
    return _encoded(("" if sheet.form == "fixed" else sheet.delimiter).join(said), sheet)


def _cell(column: Column, value: Any, sheet: Sheet, cut: list[str]) -> str:
    called = column.name or column.source
    text = tidy(_written(value, column.format, called), column.transforms)
    if sheet.form == "fixed" or sheet.quote == "none":
        text = text.translate(_blanks(sheet.delimiter if sheet.form == "delimited" else ""))
    text = text.replace("\x00", " ")
    if column.required and not text.strip():
        raise LeftOut(f"{called} is empty, and the file needs it")
    if column.width is not None and len(text) > column.width:
        if not column.cut:
            raise LeftOut(f"{called} has {len(text)} characters, and the file takes {column.width}: “{text[:60]}”")
        text = text[: column.width]
        cut.append(called)
    if sheet.form == "fixed" and column.width is not None:
        justify = text.ljust if column.align == "left" else text.rjust
        return justify(column.width, column.fill)
    return _quoted(text, sheet)


@cache
def _blanks(delimiter: str) -> dict[int, str]:
    """What becomes a blank where no quotes keep a value together."""
    return {ord(sign): " " for sign in "\t\r\n\v\f" + delimiter}


@cache
def _codec(encoding: str) -> tuple[str, bytes]:
    """The encoding of a single row, and the mark that stands once before all of them."""
    return MARKED.get(codecs.lookup(encoding).name, (encoding, b""))


def _written(value: Any, form: str, called: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            yes, _, no = (form or "Y/N").partition("/")
            return yes if value else no
        case Decimal() | int():
            return _number(Decimal(value), form)
        case datetime():
            return _date(value, form or "YYYY-MM-DD HH:NN:SS")
        case date():
            return _date(value, form or "YYYY-MM-DD")
        case str():
            return value
        case list():
            return " ".join(_written(each, form, called) for each in value)
    raise LeftOut(f"{called} is no single value: name one that it holds")


def _number(value: Decimal, form: str) -> str:
    if not form.startswith("0"):
        return f"{value + 0:f}"
    sign = "," if "," in form else "."
    exact = value.quantize(Decimal(1).scaleb(-len(form.partition(sign)[2])), ROUND_HALF_UP)
    return f"{exact + 0:f}".replace(".", sign)


def _date(value: date, form: str) -> str:
    for sign, code in (
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("HH", "%H"),
        ("NN", "%M"),
        ("SS", "%S"),
    ):
        form = form.replace(sign, code)
    return value.strftime(form)


def _quoted(text: str, sheet: Sheet) -> str:
    if sheet.form == "fixed" or sheet.quote == "none":
        return text
    needs = sheet.quote == "all" or any(sign in text for sign in (sheet.delimiter, '"', "\r", "\n"))
    return '"' + text.replace('"', '""') + '"' if needs else text


def _encoded(text: str, sheet: Sheet) -> bytes:
    try:
        return (text + sheet.newline).encode(
            _codec(sheet.encoding)[0], "replace" if sheet.unsayable == "replace" else "strict"
        )
    except UnicodeEncodeError as error:
        sign = text[error.start]
        raise LeftOut(
            f"{sheet.encoding} has no “{sign}” (in “{text[max(0, error.start - 20) : error.end + 20]}”)"
        ) from None


def _sortable(value: Any) -> str:
    """The value as a text that sorts as the value does: numbers by size, texts without case."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{Decimal(value) + OFFSET:030.10f}"
    return _written(value, "", "").casefold() if not isinstance(value, Mapping) else ""
