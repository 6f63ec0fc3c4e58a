"""The closed list of named transforms: what a person may do to a value between its source and its target.

Each is a plain function of one value and typed arguments; its docstring's first line is the help a person reads, and the
value it takes is declared by the type of its first parameter. The same list serves the rules of a mapping and, as
functions and filters, its expressions.
"""

from __future__ import annotations

import inspect
import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, DecimalException
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from integrations.canonical import round_to_minor as canonical_round
from integrations.canonical.countries import code_of
from integrations.mapping.values import (
    CONVERT,
    EXACT,
    MAX_TEXT,
    QUOTIENT,
    ROUNDING,
    Type,
    UnfitValue,
    as_number,
    as_text,
    is_empty,
    shown,
)

Length = Annotated[int, Meta(ge=0, le=4000)]
Count = Annotated[int, Meta(ge=-40_000, le=40_000)]
Text = Annotated[str, Meta(max_length=4000)]
Filled = Annotated[str, Meta(min_length=1, max_length=4000)]


class CannotTransform(ValueError):
    """A value that a transform cannot take; the message names the transform, the value and the reason."""


class UnknownTransform(ValueError):
    """A transform, or an argument of one, that does not exist or is not of its type; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument as a form asks for it."""

    name: str
    type: Type
    required: bool
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One entry of the list: what it is called, what it takes and what it does."""

    name: str
    label: str
    help: str
    takes: Type
    function: Callable[..., Any] = field(repr=False)
    takes_empty: bool = False
    arguments: tuple[Argument, ...] = ()
    checked: type[msgspec.Struct] = field(repr=False)

    def bind(self, arguments: Mapping[str, Any]) -> Callable[[Any], Any]:
        """The transform with its arguments filled in, ready for many values; UnknownTransform names a bad argument."""
        return self._bound(self.check(arguments))

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments in their types, defaults filled in."""
        types = {known.name: known.type for known in self.arguments}
        try:
            given = {name: CONVERT[types.get(name, "anything")](value) for name, value in arguments.items()}
            return msgspec.structs.asdict(msgspec.convert(given, self.checked))
        except (UnfitValue, msgspec.ValidationError) as error:
            raise UnknownTransform(f"{self.name}: {_in_words(error)}") from error

    def call(self, value: Any, *arguments: Any) -> Any:
        """The transform as a function of an expression, with its arguments in their order."""
        if len(arguments) > len(self.arguments):
            raise CannotTransform(f"{self.name} takes at most {len(self.arguments)} arguments after the value")
        named = {known.name: argument for known, argument in zip(self.arguments, arguments, strict=False)}
        try:
            return self._bound(self.check(named))(value)
        except UnknownTransform as error:
            raise CannotTransform(str(error)) from error

    def _bound(self, arguments: Mapping[str, Any]) -> Callable[[Any], Any]:
        function, takes_empty, convert = self.function, self.takes_empty, CONVERT[self.takes]

        def apply(value: Any) -> Any:
            if not takes_empty and is_empty(value):
                return value
            try:
                result = function(convert(value), **arguments)
            except (UnfitValue, DecimalException, OverflowError) as error:
                reason = str(error) if isinstance(error, UnfitValue) else f"{shown(value)} leads out of bounds"
                raise CannotTransform(f"{self.name}: {reason}") from error
            if isinstance(result, str) and len(result) > MAX_TEXT:
                raise CannotTransform(f"{self.name}: the text becomes longer than {MAX_TEXT} characters")
            return result

        return apply


def _in_words(error: Exception) -> str:
    said = str(error).replace("`", "'").replace("Object missing required field", "an argument is missing:")
    return said.replace("Object contains unknown field", "there is no argument").replace(" - at '$.", ", in '")


_FOUND: dict[str, Transform] = {}
TRANSFORMS: Mapping[str, Transform] = MappingProxyType(_FOUND)

_TYPES: dict[Any, Type] = {
    str: "text",
    Decimal: "number",
    int: "whole",
    bool: "yes_no",
    date: "date",
    list[Any]: "list",
    Any: "anything",
}


def transform(label: str, *, takes_empty: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function into the list under its own name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        hints, bare = get_type_hints(function, include_extras=True), get_type_hints(function)
        value, *parameters = inspect.signature(function).parameters.values()
        optional = [(p.name, hints[p.name], p.default) for p in parameters if p.default is not p.empty]
        required = [(p.name, hints[p.name]) for p in parameters if p.default is p.empty]
        _FOUND[function.__name__] = Transform(
            name=function.__name__,
            label=label,
            help=inspect.getdoc(function) or "",
            takes=_TYPES[bare[value.name]],
            function=function,
            takes_empty=takes_empty,
            arguments=tuple(
                Argument(
                    name=p.name,
                    type=_TYPES[bare[p.name]],
                    required=p.default is p.empty,
                    default=None if p.default is p.empty else p.default,
                )
                for p in parameters
            ),
            checked=msgspec.defstruct(
                function.__name__, [*required, *optional], kw_only=True, forbid_unknown_fields=True
            ),
        )
        return function

    return enter


def transform_called(name: str) -> Transform:
    """The transform of this name; UnknownTransform names what there is instead."""
    if found := TRANSFORMS.get(name):
        return found
    near = get_close_matches(name, list(TRANSFORMS), n=3)
    there = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(TRANSFORMS))}"
    raise UnknownTransform(f"there is no transform '{name}'; {there}")


# Text


@transform("Trim blanks")
def strip(text: str) -> str:
    """Takes blanks off both ends."""
    return text.strip()


@transform("Single blanks")
def single_blanks(text: str) -> str:
    """Makes every run of blanks, tabs and line ends one blank, and takes them off both ends."""
    return " ".join(text.split())


@transform("UPPER CASE")
def upper(text: str) -> str:
    """Makes all letters capitals."""
    return text.upper()


@transform("lower case")
def lower(text: str) -> str:
    """Makes all letters small."""
    return text.lower()


@transform("Title Case")
def title(text: str) -> str:
    """Makes the first letter of each word a capital and the others small."""
    return re.sub(r"[^\W\d_][\w'’]*", lambda word: word[0][0].upper() + word[0][1:].lower(), text)


@transform("Cut to a length")
def truncate(text: str, length: Length) -> str:
    """Keeps the first characters, without a blank at the end."""
    return text if len(text) <= length else text[:length].rstrip()


@transform("Keep the end")
def keep_end(text: str, length: Length) -> str:
    """Keeps the last characters."""
    return text[-length:] if length else ""


@transform("Replace text")
def replace(text: str, find: Filled, by: Text = "") -> str:
    """Puts another text in place of every occurrence of one."""
    if len(text) + text.count(find) * (len(by) - len(find)) > MAX_TEXT:
        raise UnfitValue(f"the text becomes longer than {MAX_TEXT} characters")
    return text.replace(find, by)


@transform("Put before")
def prefix(text: str, text_before: Text) -> str:
    """Puts a text before the value."""
    return text_before + text


@transform("Put after")
def suffix(text: str, text_after: Text) -> str:
    """Puts a text after the value."""
    return text + text_after


@transform("Fill up on the left")
def pad(text: str, length: Length, fill: Annotated[str, Meta(min_length=1, max_length=1)] = "0") -> str:
    """Fills the value up to a length with a character on the left, as in 00042."""
    return text.rjust(length, fill)


@transform("Digits only")
def digits(text: str) -> str:
    """Keeps the digits 0 to 9 and nothing else."""
    return "".join(letter for letter in text if letter in "0123456789")


@transform("Take one part")
def part(text: str, separator: Filled, number: Annotated[int, Meta(ge=-100, le=100)] = 1) -> str:
    """Splits the text at a separator and takes one part: 1 is the first, -1 the last; nothing where there is none."""
    parts = text.split(separator)
    position = number - 1 if number > 0 else len(parts) + number
    return parts[position].strip() if number and 0 <= position < len(parts) else ""


@transform("Name that ledgers accept")
def display_name(text: str, length: Length = 100) -> str:
    """Makes a name of one line without colons, quotes, angle brackets and double blanks, cut to a length."""
    name = " ".join(re.sub(r'[:"<>\x00-\x1f\x7f]', " ", text).split())
    return name[:length].rstrip()


@transform("Country code")
def country_code(text: str) -> str:
    """Gives the ISO code of two letters for a country's English name or code; a name not known is an error."""
    if code := code_of(text):
        return code
    raise UnfitValue(f"{shown(text)} is no country that is known; use a value table for names of your own")


# Numbers


@transform("Read a number")
def number(text: str, decimal_mark: Annotated[str, Meta(pattern=r"^[.,]$")] = ".") -> Decimal:
    """Reads a number written with thousands marks, a currency sign, a minus or brackets: (1,234.50) is -1234.50."""
    kept = re.sub(r"[\s'’_\u00a0$€£¥]", "", text)
    negative = kept.startswith("(") and kept.endswith(")")
    kept = kept.strip("()").replace("," if decimal_mark == "." else ".", "").replace(",", ".")
    try:
        found = as_number(kept)
    except UnfitValue as error:
        raise UnfitValue(f"{shown(text)} is not a number") from error
    return -found if negative else found


@transform("Round")
def round_to(value: Decimal, decimals: Annotated[int, Meta(ge=0, le=12)] = 2) -> Decimal:
    """Rounds to a number of decimals, a half away from zero."""
    return value.quantize(Decimal(1).scaleb(-decimals), context=ROUNDING)


@transform("Round to the currency's smallest unit")
def round_to_minor(value: Decimal, currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]) -> Decimal:
    """Rounds to the decimals of a currency, a half away from zero: 2 for GBP, 0 for JPY."""
    try:
        return canonical_round(value, currency)
    except ValueError as error:
        raise UnfitValue(str(error)) from error


@transform("Change the sign")
def negate(value: Decimal) -> Decimal:
    """Makes plus minus and minus plus."""
    return EXACT.minus(value)


@transform("Without sign")
def absolute(value: Decimal) -> Decimal:
    """Takes the minus off."""
    return EXACT.abs(value)


@transform("Multiply")
def multiply(value: Decimal, by: Decimal) -> Decimal:
    """Multiplies by a constant, exactly."""
    return EXACT.multiply(value, as_number(by))


@transform("Divide")
def divide(value: Decimal, by: Decimal) -> Decimal:
    """Divides by a constant, to 28 digits."""
    return QUOTIENT.divide(value, as_number(by))


# Days


@transform("Move by days")
def shift_days(day: date, days: Count) -> date:
    """Moves a date by days, back where the number is negative."""
    return day + timedelta(days=days)


@transform("Move by months")
def shift_months(day: date, months: Annotated[int, Meta(ge=-1200, le=1200)]) -> date:
    """Moves a date by months; the 31st becomes the last day of a shorter month."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not date.min.year <= years <= date.max.year:
        raise UnfitValue(f"{day} moved by {months} months is no date")
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


@transform("First day of the month")
def start_of_month(day: date) -> date:
    """Gives the first day of the date's month."""
    return day.replace(day=1)


@transform("Last day of the month")
def end_of_month(day: date) -> date:
    """Gives the last day of the date's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


DATE_PARTS = re.compile(r"YYYY|YY|MM|M|DD|D")


@transform("Write a date")
def date_text(day: date, pattern: Annotated[str, Meta(min_length=1, max_length=40)] = "YYYY-MM-DD") -> str:
    """Writes a date by a pattern of YYYY, YY, MM, M, DD, D, as in DD/MM/YYYY."""
    written = {
        "YYYY": f"{day.year:04}",
        "YY": f"{day.year % 100:02}",
        "MM": f"{day.month:02}",
        "M": str(day.month),
        "DD": f"{day.day:02}",
        "D": str(day.day),
    }
    return DATE_PARTS.sub(lambda found: written[found[0]], pattern)


@transform("Read a date")
def read_date(text: str, pattern: Annotated[str, Meta(min_length=1, max_length=40)]) -> date:
    """Reads a date written by a pattern of YYYY, MM or M, DD or D, as in DD/MM/YYYY; what follows it is ignored."""
    widths = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{2})", "DD": r"(?P<day>\d{2})"}
    widths |= {"M": r"(?P<month>\d{1,2})", "D": r"(?P<day>\d{1,2})"}
    pieces = re.split(r"(YYYY|MM|M|DD|D)", pattern)
    if sorted(piece[0] for piece in pieces if piece in widths) != ["D", "M", "Y"]:
        raise UnfitValue(f"the pattern '{pattern}' needs YYYY, MM or M, and DD or D, once each")
    found = re.match("".join(widths.get(piece) or re.escape(piece) for piece in pieces), text.strip())
    if found is None:
        raise UnfitValue(f"{shown(text)} is not written as {pattern}")
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError as error:
        raise UnfitValue(f"{shown(text)} is no date: {error}") from error


# Lists, and nothing


@transform("First of a list")
def first(values: list[Any]) -> Any:
    """Takes the first value of a list that is not empty."""
    return next((value for value in values if not is_empty(value)), None)


@transform("Join a list")
def join(values: list[Any], separator: Text = ", ") -> str:
    """Writes the values of a list one after the other, leaving out the empty ones."""
    texts = [as_text(value) for value in values if not is_empty(value)]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_TEXT:
        raise UnfitValue(f"the text becomes longer than {MAX_TEXT} characters")
    return separator.join(texts)


@transform("Sum of a list", takes_empty=True)
def sum_of(values: Any) -> Decimal:
    """Adds the numbers of a list, as in lines[].net_amount; nothing adds up to 0."""
    total = Decimal(0)
    for value in CONVERT["list"](values or []):
        if not is_empty(value):
            total = EXACT.add(total, as_number(value))
    return total


@transform("Number of values", takes_empty=True)
def count(values: Any) -> Decimal:
    """Counts the values of a list that are not empty."""
    return Decimal(sum(not is_empty(value) for value in CONVERT["list"](values or [])))


@transform("Where empty, take", takes_empty=True)
def default(value: Any, instead: Any) -> Any:
    """Takes another value where there is none."""
    return instead if is_empty(value) else value
