"""A sheet: what a published file looks like, as data that a person can read, change and keep.

sheet_of(data)       from JSON values to a Sheet; raises BadSheet that names every fault
path_of(sheet, …)    the file's path, its places filled in
in_words(sheet)      what it does, as sentences for the person who confirms it

`rendering` makes the rows.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from .cells import TRANSFORMS
from .folders import is_plain

DELIMITERS = (",", ";", "\t", "|")
PLACE = re.compile(r"<(\w+)>")
LINE = "line."  # the beginning of a source that stands in each line of a document
NUMBER_FORMAT = re.compile(r"0([.,]0+)?")
DATE_FORMAT = re.compile(r"(YYYY|YY|MM|DD|HH|NN|SS|[^A-Za-z])+")


class BadSheet(ValueError):
    """A sheet that cannot be used; `faults` names everything that is wrong with it."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("The layout of the outgoing file cannot be used: " + " ".join(self.faults))


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a sheet."""


class Column(Part, frozen=True, kw_only=True):
    """One cell of a row.

    `source` is a field of the record, dotted into what it holds and on into what it refers to (billing_address.city,
    customer.number); `line.` begins a field of a line, `line.position` counts the lines. `constant` is the same in
    each row. `format`: 0.00 or 0,00 for numbers, MM/DD/YYYY and the like for dates, Y/N for yes and no.
    """

    name: str = ""
    source: str = ""
    constant: str | None = None
    width: int | None = None  # characters: all of them in a file of fixed width, at most so many in another
    cut: bool = False  # whether a longer value is cut; else its record is left out
    align: Literal["left", "right"] = "left"
    fill: str = " "
    required: bool = False  # a record without it is left out of the file, and a person is told
    transforms: tuple[str, ...] = ("one_space",)  # see `cells.TRANSFORMS`
    format: str = ""


class Sheet(Part, frozen=True, kw_only=True):
    """What a published file looks like, where it lies and when it is replaced.

    `file` may hold <places>: the words of the connection's settings, <date> (YYYYMMDD) and <number> (of this
    publication). `whole` replaces the file each time by all records; `new` writes a further file with those that are
    new or changed. `lines`: with columns that begin with `line.`, a document has one row for each line; with
    `line_columns` it has a row of its own, and one of another form for each line.
    """

    file: str
    mode: Literal["whole", "new"] = "whole"
    form: Literal["delimited", "fixed"] = "delimited"
    delimiter: str = ","
    quote: Literal["none", "needed", "all"] = "needed"
    encoding: str = "utf-8"
    unsayable: Literal["report", "replace"] = "report"  # characters that the encoding does not know
    newline: Literal["\r\n", "\n", "\r"] = "\r\n"
    header: bool = True  # a row with the columns' names
    columns: tuple[Column, ...]
    line_columns: tuple[Column, ...] = ()
    order: tuple[str, ...] = ()  # sources to sort by; without them, the first column's
    first: str = ""  # a row before everything, with <rows>, <date>, <number>
    last: str = ""  # a row after everything

    @property
    def has_rows_of_lines(self) -> bool:
        """Whether each line of a document makes a row."""
        return bool(self.line_columns) or any(column.source.startswith(LINE) for column in self.columns)

    @property
    def shows_inactive(self) -> bool:
        """Whether a column tells active from inactive; without one, inactive records are not in the file."""
        return any(column.source == "active" for column in self.columns)


def sheet_of(data: Any) -> Sheet:
    """The sheet that these JSON values describe. Raises BadSheet that names every fault and what to do."""
    try:
        sheet = msgspec.convert(data, Sheet)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        where = place.strip("`").removeprefix("$").lstrip(".") or "the top"
        raise BadSheet([f"At {where}: {message}."]) from None
    if faults := [*_form_faults(sheet), *_file_faults(sheet), *_column_faults(sheet)]:
        raise BadSheet(faults)
    return sheet


def _form_faults(sheet: Sheet) -> Iterator[str]:
    if sheet.form == "delimited" and sheet.delimiter not in DELIMITERS:
        yield f"The delimiter {sheet.delimiter!r} must be a comma, a semicolon, a tab or a bar."
    try:
        if not codecs.lookup(sheet.encoding)._is_text_encoding:
            raise LookupError
    except LookupError:
        yield f"The encoding {sheet.encoding!r} is not known: use utf-8, cp1252, iso-8859-15 or cp437."
    if sheet.header and sheet.form == "fixed":
        yield "A file of fixed width has no header row: set header to false."
    for name in ("first", "last"):
        unknown = set(PLACE.findall(getattr(sheet, name))) - {"rows", "date", "number"}
        if unknown:
            yield f"{name} may hold <rows>, <date> and <number>, not {', '.join(sorted(unknown))}."


def _file_faults(sheet: Sheet) -> Iterator[str]:
    shown = PLACE.sub("x", sheet.file)
    if not all(map(is_plain, shown.split("/"))):
        yield f"The file “{sheet.file}” must stay below the folder, like “latest<cust_id>/customer.fil”."
    places = PLACE.findall(sheet.file)
    if sheet.mode == "new" and "number" not in places:
        yield "A file that is new each time needs <number> in its name."
    if sheet.mode == "whole" and {"number", "date"} & set(places):
        yield "A file that is always replaced has the same name each time: leave <number> and <date> out of it."


def _column_faults(sheet: Sheet) -> Iterator[str]:
    if not sheet.columns:
        yield "Name at least one column."
    for place, column in enumerate((*sheet.columns, *sheet.line_columns), 1):
        called = f"The column “{column.name or column.source or place}”"
        if bool(column.source) == (column.constant is not None):
            yield f"{called} needs either a source or a constant."
        if sheet.header and not column.name:
            yield f"{called} needs a name, since the file has a header row."
        if sheet.form == "fixed" and not column.width:
            yield f"{called} needs a width, since the file is of fixed width."
        if column.width is not None and column.width < 1:
            yield f"{called} has a width of {column.width}: it must be 1 at least."
        if len(column.fill) != 1:
            yield f"{called} needs one character to fill with."
        for name in column.transforms:
            if name not in TRANSFORMS:
                yield f"{called}: there is no transform “{name}”; there are {', '.join(TRANSFORMS)}."
        if column.format and not is_format(column.format):
            yield f"{called}: the format “{column.format}” is none like 0.00, MM/DD/YYYY or Y/N."
    if sheet.line_columns and any(column.source.startswith(LINE) for column in sheet.columns):
        yield "Where lines have columns of their own, the others must not begin with “line.”."


def is_format(text: str) -> bool:
    """Whether this says how a number, a date or a yes and no is written."""
    return bool(NUMBER_FORMAT.fullmatch(text) or (text.count("/") == 1 and text[0] != "/") or _is_date(text))


def _is_date(text: str) -> bool:
    return bool(DATE_FORMAT.fullmatch(text)) and "DD" in text and "MM" in text and "YY" in text


def path_of(sheet: Sheet, words: Mapping[str, Any], *, number: int, today: date) -> str:
    """The file's path below the folder. Raises BadSheet where a word is missing or would lead elsewhere."""
    given = {str(name): str(value) for name, value in words.items()}
    known = given | {"date": f"{today:%Y%m%d}", "number": str(number)}
    faults = []
    for name in dict.fromkeys(PLACE.findall(sheet.file)):
        if not known.get(name):
            faults.append(f"The file “{sheet.file}” needs the word <{name}>: fill it in under the words in file names.")
        elif not is_plain(known[name]):
            faults.append(f"The word <{name}> cannot be part of a file's name: {known[name][:60]!r}.")
    if faults:
        raise BadSheet(faults)
    return PLACE.sub(lambda place: known[place[1]], sheet.file)


def in_words(sheet: Sheet) -> list[str]:
    """What this sheet does, as sentences for the person who confirms it."""
    names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
    said = [
        f"The file “{sheet.file}” is replaced each time by all records."
        if sheet.mode == "whole"
        else f"Each time a further file “{sheet.file}” holds what is new or changed.",
        "Each column has its own width."
        if sheet.form == "fixed"
        else f"Columns are parted by {names[sheet.delimiter]}.",
    ]
    if sheet.form == "fixed" or sheet.quote == "none":
        said.append("Line breaks and the signs that part columns become blanks within values.")
    said.append(
        "A document has one row for each of its lines." if sheet.has_rows_of_lines else "Each record has one row."
    )
    if needed := [column.name or column.source for column in sheet.columns if column.required]:
        said.append(f"A record without {', '.join(needed)} is left out, and a person is told.")
    if not sheet.shows_inactive:
        said.append("Inactive records are not in the file, because no column tells them apart.")
    return said
