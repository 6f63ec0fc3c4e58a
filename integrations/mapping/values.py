"""The few types a value can have while it is mapped, and how one becomes another without loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Literal, TypeAlias

Type: TypeAlias = Literal[
    "text", "number", "whole", "yes_no", "date", "moment", "reference", "group", "list", "anything"
]

# What one value may grow to while it is mapped: far above any field of any vendor, far below what hurts.
MAX_TEXT = 65_536
MAX_DIGITS = 30

# Sums and products are exact or refused; a quotient has 28 digits; roundings have room for every number that fits.
EXACT = Context(prec=4 * MAX_DIGITS, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
QUOTIENT = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])
ROUNDING = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
YES, NO = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})

IN_WORDS: dict[Type, str] = {
    "text": "text",
    "number": "a number",
    "whole": "a whole number",
    "yes_no": "yes or no",
    "date": "a date",
    "moment": "a date with time",
    "reference": "a reference to another record",
    "group": "a group of fields",
    "list": "a list",
    "anything": "anything",
}


class UnfitValue(ValueError):
    """A value cannot be what it has to be; the message names the value and says why."""


def type_of(value: object) -> Type:
    """The type of a value as it stands in a plain record; `None` has none and is called `anything`."""
    for python, name in _TYPES:
        if isinstance(value, python):
            return name
    return "anything"


# The order matters: a bool is an int and a datetime is a date.
_TYPES: tuple[tuple[type, Type], ...] = (
    (str, "text"),
    (bool, "yes_no"),
    (Decimal, "number"),
    (int, "number"),
    (datetime, "moment"),
    (date, "date"),
    (list, "list"),
    (tuple, "list"),
    (dict, "group"),
)


def is_empty(value: object) -> bool:
    """Whether there is nothing to carry over: no value, empty text, an empty list or group (zero and no are values)."""
    return value is None or value == "" or value == [] or value == {}


def shown(value: object) -> str:
    """A value in one short line, for a message."""
    text = f"'{value}'" if isinstance(value, str) else _plain(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _plain(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case date() | int():
            return str(value)
        case Decimal():
            return as_text(value) if _fits(value) else "a number of too many digits"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return ", ".join(f"{name} {shown(part)}" for name, part in list(value.items())[:3])
        case _:
            return type(value).__name__


def as_text(value: object) -> str:
    """Text: numbers without exponent, days as YYYY-MM-DD, moments in UTC with Z."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format(as_number(value), "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
    raise _unfit(value, "text")


def as_number(value: object) -> Decimal:
    """An exact number, from a number or from text such as `-12.50`; at most 30 digits on either side of the point."""
    match value:
        case bool():
            raise _unfit(value, "number")
        case Decimal():
            number = value
        case int():
            # Checked before it is converted: turning a giant integer into digits takes quadratic time.
            if value.bit_length() > 4 * MAX_DIGITS:
                raise UnfitValue(f"the number has more than {MAX_DIGITS} digits")
            number = Decimal(value)
        case str() if len(value) <= 4 * MAX_DIGITS and NUMBER.fullmatch(value.strip()):
            number = Decimal(value.strip())
        case _:
            raise _unfit(value, "number")
    if not _fits(number):
        raise UnfitValue(f"the number has more than {MAX_DIGITS} digits")
    return number


def _fits(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DIGITS and number.adjusted() < MAX_DIGITS


def as_whole(value: object) -> int:
    """A whole number: 3 and 3.00 are, 3.5 is not."""
    number = as_number(value)
    if number != number.to_integral_value():
        raise _unfit(value, "whole")
    return int(number)


def as_yes_no(value: object) -> bool:
    """Yes or no, also from text such as `true`, `no`, `1`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | Decimal):
        word = as_text(value).strip().lower()
        if word in YES or word in NO:
            return word in YES
    raise _unfit(value, "yes_no")


def as_date(value: object) -> date:
    """A calendar day, from a day or from text YYYY-MM-DD; a moment becomes its day in UTC."""
    match value:
        case datetime():
            return value.astimezone(UTC).date()
        case date():
            return value
        case str() if DAY.fullmatch(value.strip()):
            try:
                return date.fromisoformat(value.strip())
            except ValueError as error:
                raise UnfitValue(f"{shown(value)} is not a date: {error}") from error
    raise _unfit(value, "date", advice="dates are written YYYY-MM-DD")


def as_moment(value: object) -> datetime:
    """A moment with its zone, from a moment or from text such as 2026-01-31T10:00:00Z."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise _unfit(value, "moment") from error
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise _unfit(value, "moment", advice="a moment needs its zone, as in 2026-01-31T10:00:00Z")


def as_list(value: object) -> list[Any]:
    """A list as it is; one value is no list."""
    if isinstance(value, list | tuple):
        return list(value)
    raise _unfit(value, "list")


def as_group(value: object) -> Mapping[str, Any]:
    """A group of fields (an address, a price with its account) as it is."""
    if isinstance(value, dict):
        return value
    raise _unfit(value, "group")


def _anything(value: object) -> object:
    return value


CONVERT: dict[Type, Callable[[Any], Any]] = {
    "text": as_text,
    "number": as_number,
    "whole": as_whole,
    "yes_no": as_yes_no,
    "date": as_date,
    "moment": as_moment,
    "reference": as_group,
    "group": as_group,
    "list": as_list,
    "anything": _anything,
}


def _unfit(value: object, wanted: Type, *, advice: str = "") -> UnfitValue:
    hint = advice
    if not hint and isinstance(value, list | tuple):
        hint = "take one of its values first (first, join, sum_of)"
    return UnfitValue(f"{shown(value)} is not {IN_WORDS[wanted]}{f'; {hint}' if hint else ''}")
