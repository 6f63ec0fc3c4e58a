"""Tables in text files (CSV, TSV): rows with their line numbers, one at a time, and what is wrong with the bad ones.

A bad row never stops the good ones, and an opening quote that nobody closed costs its own row only: the lines
that it swallowed are read again. Only a file that is no table at all raises.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO, Literal, NamedTuple

import msgspec

from integrations.wire.cells import tidy

LONGEST_LINE = 1_000_000  # characters; a longer one is no table and would fill the memory
MOST_LINES_A_ROW = 100  # a quoted cell may hold line breaks, but not half the file
SHOWN = 200  # characters of a bad row that are shown to a person

# What cannot stand in a cell: NUL, and what the decoder left where bytes were not text.
DAMAGE = re.compile("[\x00\ufffd\udc80-\udcff]")


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a table is written down."""

    delimiter: str = ","
    quote: str | None = '"'  # None: no cell is quoted, as in most tab-separated files
    encoding: str = "utf-8"
    header: bool = True  # the first row names the columns
    names: tuple[str, ...] = ()  # the columns by position, where no row names them
    skip: int = 0  # lines above the header
    ends_with_line_break: bool = True  # a file that does not was cut short; false where a system never writes it


class LeaveOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rows that are not meant to be read, and the reason under which they are counted."""

    column: str
    test: Literal["equals", "starts", "ends", "contains", "blank", "not_blank"]
    value: str = ""
    because: str

    def applies(self, cell: str) -> bool:
        cell = cell.strip()
        match self.test:
            case "equals":
                return cell == self.value
            case "starts":
                return cell.startswith(self.value)
            case "ends":
                return cell.endswith(self.value)
            case "contains":
                return self.value in cell
            case "blank":
                return not cell
            case "not_blank":
                return bool(cell)


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a table becomes documents: rows with the same key are one document."""

    format: Format = Format()
    columns: tuple[str, ...] = ()  # those that must be there
    key: str
    key_transforms: tuple[str, ...] = ("strip",)
    leave_out: tuple[LeaveOut, ...] = ()

    def key_of(self, cell: str) -> str:
        return tidy(cell, self.key_transforms)


class Row(NamedTuple):
    """A good row."""

    line: int  # of the file, from 1; where it begins
    last: int  # where it ends
    cells: list[str]


class BadRow(NamedTuple):
    """A row that cannot be trusted. Its cells are a guess, good enough to tell whose row it was."""

    line: int
    last: int
    cells: list[str]
    what: str
    advice: str
    raw: str
    cut: bool = False  # the file ends in the middle of it
    swallows: bool = False  # it has so many cells that the next row may be among them


class TableError(Exception):
    """This file cannot be read as this table at all."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} {advice}")
        self.what = what
        self.advice = advice


class Table:
    """The rows of one open file; `columns` are known before the first of them is read.

    Raises TableError where the file is empty, is in another encoding, or its header is not the one expected.
    """

    def __init__(self, file: BinaryIO, format: Format, *, expected: tuple[str, ...] = ()) -> None:
        self._format = format
        self.columns: tuple[str, ...] = ()
        self._lines = _Lines(_text_of(file, format.encoding))
        for _ in range(format.skip):
            if next(self._lines, None) is None:
                raise TableError(
                    f"The file ends within the {format.skip} lines that stand above its header.",
                    "Check the number of lines to skip in the layout, or ask for the file again.",
                )
        self._reader = csv.reader(
            self._lines,
            delimiter=format.delimiter,
            quotechar=format.quote,
            quoting=csv.QUOTE_MINIMAL if format.quote else csv.QUOTE_NONE,
            strict=True,
        )
        self.columns = self._header() if format.header else format.names
        _check_columns(self.columns, expected)

    def _header(self) -> tuple[str, ...]:
        for row in self._rows(width=None):
            if isinstance(row, BadRow):
                raise TableError(f"The header (line {row.line}) cannot be read: {row.what}", row.advice)
            # Spreadsheets leave empty columns behind, which have no name.
            return tuple(cell.strip() or f"column {place}" for place, cell in enumerate(row.cells, 1))
        raise TableError(
            "The file is empty.", "Ask the sender for the file again; an export that failed often leaves an empty one."
        )

    def __iter__(self) -> Iterator[Row | BadRow]:
        return self._rows(width=len(self.columns))

    def _rows(self, *, width: int | None) -> Iterator[Row | BadRow]:
        lines, reader = self._lines, self._reader
        while True:
            first = lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _TooManyLines:
                yield self._broken(first, _UNCLOSED.format(self._format.quote))
                continue
            except csv.Error as error:
                if lines.at_end and "end of data" in str(error):
                    yield self._broken(first, _UNCLOSED.format(self._format.quote))
                else:
                    yield self._broken(first, f"A quote stands where none may stand ({error}).")
                continue
            if not any(cells) or not any(cell.strip() for cell in cells):
                continue
            if lines.damaged:
                yield self._damaged(first, cells)
            elif width is not None and len(cells) != width:
                yield self._wrong_width(first, cells, width)
            elif lines.is_unended and width is not None and self._format.ends_with_line_break:
                yield BadRow(first, lines.number, cells, _UNENDED, _UNENDED_ADVICE, _shown(lines.first), cut=True)
            elif width is not None and lines.number > first and self._swallowed_a_row(width):
                yield self._broken(first, _SWALLOWED.format(self._format.quote))
            else:
                yield Row(first, lines.number, cells)

    def _broken(self, first: int, what: str) -> BadRow:
        raw = self._lines.hand_back_all_but_the_first()
        cells = raw.rstrip("\r\n").split(self._format.delimiter)
        cut = self._lines.at_end and not self._lines.waiting
        advice = "Double the quotes inside a cell, or close the cell with a quote, and send the file again."
        if cut:
            what, advice = f"The file ends in the middle of this row. {what}", _CUT_ADVICE
        swallows = bool(self.columns) and len(cells) >= 2 * len(self.columns) - 1
        return BadRow(first, first, cells, what, advice, _shown(raw), cut, swallows)

    def _swallowed_a_row(self, width: int) -> bool:
        """Whether a line within a quoted cell is a whole row by itself: then the quote was a stray one."""
        delimiter, quote = self._format.delimiter, self._format.quote
        for line in self._lines.others:
            try:
                alone = next(csv.reader([line], delimiter=delimiter, quotechar=quote, strict=True), [])
            except csv.Error:
                continue
            if len(alone) == width:
                return True
        return False

    def _wrong_width(self, first: int, cells: list[str], width: int) -> BadRow:
        if self._lines.number > first:  # it spans lines: more likely a stray quote than a cell with line breaks
            return self._broken(first, _SWALLOWED.format(self._format.quote))
        raw = self._lines.first
        if len(cells) < width and self._lines.is_unended:
            what = f"The file ends in the middle of this row: {len(cells)} of {width} cells."
            return BadRow(first, first, cells, what, _CUT_ADVICE, _shown(raw), True)
        what = f"The row has {len(cells)} cells, the header has {width}."
        many = f"A {_name(self._format.delimiter)} inside a cell needs quotes around the cell."
        advice = many if len(cells) > width else "A cell is missing: complete the row and send the file again."
        return BadRow(first, first, cells, what, advice, _shown(raw), swallows=len(cells) >= 2 * width - 1)

    def _damaged(self, first: int, cells: list[str]) -> BadRow:
        raw = self._lines.first
        sign = DAMAGE.search("".join(cells))
        if sign is None or sign.group() == "\x00":
            what = "The row holds NUL bytes, which are no text."
            advice = "The file was damaged on its way or is not plain text: send it again."
        else:
            byte = f" (byte 0x{ord(sign.group()) - 0xDC00:02X})" if sign.group() != "\ufffd" else ""
            what = f"The row is not written in {self._format.encoding}{byte}."
            advice = "Choose the file's true encoding in the layout (Excel often writes cp1252), or save it as UTF-8."
        return BadRow(first, self._lines.number, cells, what, advice, _shown(raw))


def _shown(raw: str) -> str:
    """The beginning of a bad row, as it can be kept and shown."""
    return DAMAGE.sub("?", raw[:SHOWN].rstrip("\r\n"))


_UNCLOSED = "A quote ({}) is opened here and never closed."
_SWALLOWED = "A quote ({}) opened here swallows the lines below."
_UNENDED = "The file ends without a line break: this row may be cut off, in the middle of a figure even."
_UNENDED_ADVICE = (
    "Send the file again, whole. If the sending system never ends its files with a line break, say so in the layout "
    "(format.ends_with_line_break: false)."
)
_CUT_ADVICE = "The file was cut short while it was written or sent: send it again, whole."


class _TooManyLines(Exception):
    """A row that does not end."""


class _Lines:
    """The file's lines, numbered, for the CSV reader; those of the current row can be handed back."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._readline = text.readline
        self._back: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0  # of the line taken last
        self.at_end = False
        self.damaged = False
        self.is_unended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._back:
            line = self._back.popleft()
        else:
            line = self._readline(LONGEST_LINE)
            if len(line) == LONGEST_LINE:
                raise TableError(
                    f"Line {self.number + 1} is longer than {LONGEST_LINE:,} characters.",
                    "This is not a table in text form, or its line breaks were lost: export it again.",
                )
        if not line:
            self.at_end = True
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        if len(self._taken) > MOST_LINES_A_ROW:
            raise _TooManyLines
        if line[-1] not in "\r\n":
            self.is_unended = True
        if "\x00" in line or (not line.isascii() and DAMAGE.search(line)):
            self.damaged = True
        return line

    def begin_row(self) -> int:
        self._taken.clear()
        self.damaged = self.is_unended = False
        return self.number + 1

    @property
    def first(self) -> str:
        return self._taken[0]

    @property
    def others(self) -> list[str]:
        return self._taken[1:]

    @property
    def waiting(self) -> bool:
        return bool(self._back)

    def hand_back_all_but_the_first(self) -> str:
        first, *others = self._taken
        self._back.extendleft(reversed(others))
        self.number -= len(others)
        return first


def _text_of(file: BinaryIO, encoding: str) -> TextIOWrapper:
    """The file as text in which bytes that are no text stay visible; a byte order mark is not part of it."""
    plain = encoding.lower().replace("_", "-")
    if plain in ("utf-8", "utf8"):
        plain = "utf-8-sig"
    # UTF-16 knows no escapes for what it cannot read.
    errors = "replace" if plain.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        return TextIOWrapper(file, encoding=plain, errors=errors, newline="")
    except LookupError:
        raise TableError(
            f"The encoding {encoding!r} is not known.", "Choose utf-8, cp1252, iso-8859-15 or utf-16 in the layout."
        ) from None


def _check_columns(columns: tuple[str, ...], expected: tuple[str, ...]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise TableError(
            f"The header names {_listed(twice)} more than once.",
            "Rename the columns in the export so that each has its own name.",
        )
    missing = [name for name in expected if name not in columns]
    if missing:
        there = _listed(columns) if columns else "none"
        raise TableError(
            f"The header lacks {_listed(missing)}; its columns are {there}.",
            "Check that the layout's delimiter and column names are those of the file.",
        )


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(f"“{name[:60]}”" for name in names[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown


def _name(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, repr(delimiter))
