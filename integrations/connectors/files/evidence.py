"""What the bytes of an export tell about how it was written: each finding with the reason for it, in plain words.

A finding that the data cannot settle has no value; what it could be is then a person's to say.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import charset_normalizer

T = TypeVar("T")

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What exports are written in where they are not UTF-8; from few letters, a free guess would find Chinese in "Tür".
USUAL_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman")
ROWS_LOOKED_AT = 5_000


class Finding(NamedTuple, Generic[T]):
    """What was found (None: it cannot be decided), why, and whether it is only a guess."""

    value: T | None
    reason: str
    is_guess: bool = False


class Numbers(NamedTuple):
    """The signs in numbers."""

    decimal: str
    thousands: str


def encoding(sample: bytes) -> Finding[str]:
    """The encoding, by byte order mark, by being valid UTF-8, or by a guess from the frequency of letters."""
    for mark, name in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return Finding(name, f"The file begins with the byte order mark of {name}.")
    zeros = sample[:4000].count(0)
    if zeros > len(sample[:4000]) // 4:
        name = "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
        return Finding(name, f"Every other byte is zero, as in {name}.", is_guess=True)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError as error:
        guess = charset_normalizer.from_bytes(sample, cp_isolation=list(USUAL_ENCODINGS)).best()
        if guess is None:
            return Finding(None, f"Byte {error.start} is not UTF-8, and no other encoding fits.")
        reason = f"Byte {error.start} is not UTF-8; by its letters the file is probably {guess.encoding}."
        return Finding(guess.encoding, reason, is_guess=True)
    if sample.isascii():
        return Finding("utf-8", "The first rows hold plain ASCII letters only, which are the same in UTF-8.")
    return Finding("utf-8", "The first rows are valid UTF-8.")


def delimiter(text: str) -> Finding[str]:
    """The sign between cells: the one that cuts the most rows into the same number of cells."""
    best: tuple[int, int, int, str] | None = None
    for sign in DELIMITERS:
        widths = Counter(len(row) for row in rows_of(text, sign)[:500])
        rows = sum(widths.values())
        fitting = [(count, width) for width, count in widths.items() if width > 1]
        if fitting:
            count, width = max(fitting)
            if best is None or (count, width) > best[:2]:
                best = (count, width, rows, sign)
    if best is None:
        return Finding(None, "No comma, semicolon, tab or bar cuts the rows into cells.")
    count, width, rows, sign = best
    return Finding(sign, f"Cut at {DELIMITERS[sign]}, {count} of the first {rows} rows have {width} cells.")


def rows_of(text: str, sign: str, *, quote: str | None = '"') -> list[list[str]]:
    """The first rows, blank ones left out, as forgiving as the reader can be."""
    rows: list[list[str]] = []
    lines = text.splitlines(keepends=True)
    try:
        reader = csv.reader(lines, delimiter=sign, quotechar=quote) if quote else (line.split(sign) for line in lines)
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                if len(rows) > ROWS_LOOKED_AT:
                    break
    except csv.Error:
        pass  # what was read till here is enough to judge by
    return rows


def lines_above(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand above the table: those before the first of the usual width."""
    if not rows:
        return 0
    usual = Counter(len(row) for row in rows).most_common(1)[0][0]
    return next(at for at, row in enumerate(rows) if len(row) == usual)


def header(rows: Sequence[Sequence[str]]) -> Finding[bool]:
    """Whether the first row names the columns: distinct texts, no numbers, no dates."""
    first = [cell.strip() for cell in rows[0]]
    if all(first) and len(set(first)) == len(first) and not any(looks_like_data(cell) for cell in first):
        return Finding(True, "The first row holds distinct names and no numbers or dates: it is the header.")
    return Finding(False, "The first row holds values like the others: the file has no header.")


def looks_like_data(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+(]?[\d.,' ]*\d[)-]?", cell) or DATE.match(cell))


# Numbers

_EITHER = re.compile(r"[-+(]?(\d+)([.,])(\d+)[)-]?")
_BOTH = re.compile(r"[-+(]?\d{1,3}(?:([.,' ])\d{3})+([.,])\d+[)-]?")
_GROUPS = re.compile(r"[-+(]?\d{1,3}(?:([.,])\d{3}){2,}[)-]?")


def numbers(cells: Iterable[str]) -> Finding[Numbers]:
    """The decimal and the thousands sign. 1.234 alone could be either; 1.234,5 and 2.55 tell."""
    votes: dict[str, str] = {}  # decimal sign -> the cell that proves it
    thousands: dict[str, str] = {}
    unclear = ""
    for given in cells:
        cell = given.strip().replace("\u00a0", " ")
        if found := _GROUPS.fullmatch(cell):
            thousands.setdefault(found[1], cell)
        elif found := _BOTH.fullmatch(cell):
            votes.setdefault(found[2], cell)
            thousands.setdefault(found[1], cell)
        elif found := _EITHER.fullmatch(cell):
            if len(found[3]) == 3 and len(found[1]) <= 3 and found[1] != "0":
                unclear = unclear or cell
            else:
                votes.setdefault(found[2], cell)
    for sign in (".", ","):
        if sign in thousands and not votes:
            votes["," if sign == "." else "."] = thousands[sign]
    if len(votes) > 1:
        shown = " and ".join(f"“{cell}”" for cell in votes.values())
        return Finding(None, f"Some numbers have a decimal point and others a decimal comma: {shown}.")
    if not votes:
        if unclear:
            return Finding(None, f"“{unclear}” could be a whole number with thousands, or one with three decimals.")
        return Finding(Numbers(".", ""), "No number has decimals.", is_guess=True)
    (decimal, proof), *_ = votes.items()
    other = next((sign for sign in thousands if sign != decimal), "")
    if not other and unclear and ("." if decimal == "," else ",") in unclear:
        other = "." if decimal == "," else ","
    also = f", thousands are parted by “{other}”" if other else ""
    return Finding(Numbers(decimal, other), f"Numbers are written like “{proof}”: decimal sign “{decimal}”{also}.")


# Dates

DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:([ T])(\d{1,2}):(\d{2})(:\d{2})?)?$")


class Dates(NamedTuple):
    """How dates are written: the formats if they are certain, otherwise those with the day first and the month first."""

    formats: tuple[str, ...]
    day_first: tuple[str, ...]
    month_first: tuple[str, ...]


def dates(cells: Iterable[str]) -> Finding[Dates] | None:
    """How the dates of a column are written; None where its cells are no dates.

    The first number above 12 decides between d/m/y and m/d/y; where there is none, nobody can tell.
    """
    parts = []
    for cell in cells:
        if cell.strip():
            found = DATE.match(cell.strip())
            if not found:
                return None
            parts.append(found)
    if not parts:
        return None
    if all(len(found[1]) == 4 for found in parts):
        formats = _formats(parts, "%Y{0}%m{0}%d")
        return _proved(formats, parts, f"Dates are written year, month, day: “{parts[0][0]}”.")
    year = "%Y" if all(len(found[4]) == 4 for found in parts) else "%y"
    day_first, month_first = (_formats(parts, order + year) for order in ("%d{0}%m{0}", "%m{0}%d{0}"))
    day_proof = next((found[0] for found in parts if int(found[1]) > 12), "")
    month_proof = next((found[0] for found in parts if int(found[3]) > 12), "")
    undecided = Dates((), day_first, month_first)
    if day_proof and month_proof:
        return Finding(undecided, f"“{day_proof}” has the day first and “{month_proof}” the month.", is_guess=True)
    if day_proof:
        return _proved(day_first, parts, f"The day stands first, as “{day_proof}” shows.")
    if month_proof:
        return _proved(month_first, parts, f"The month stands first, as “{month_proof}” shows.")
    reason = f"“{parts[0][0]}” could have the day or the month first, and no date in the first rows has a day above 12."
    return Finding(undecided, reason, is_guess=True)


def _formats(parts: Sequence[re.Match[str]], order: str) -> tuple[str, ...]:
    """One format for each way in which the cells are written, the most frequent first."""
    ways: Counter[str] = Counter()
    for found in parts:
        clock = f"{found[5]}%H:%M{':%S' if found[8] else ''}" if found[6] else ""
        ways[order.format(found[2]) + clock] += 1
    return tuple(way for way, _ in ways.most_common())


def _proved(formats: tuple[str, ...], parts: Sequence[re.Match[str]], reason: str) -> Finding[Dates] | None:
    for found in parts:
        if not any(_fits(found[0], pattern) for pattern in formats):
            return None  # 2011-13-45 looks like a date and is none
    return Finding(Dates(formats, (), ()), reason)


def _fits(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return True
