"""How a single value crosses between a vendor's JSON and a canonical field, by the type of the field.

Their numbers are int or Decimal, never float. Each `read_…` raises ValueError in words that follow "cannot be read:".
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec


def reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a value of theirs becomes a field of type `kind`; None = as it is."""
    return _READERS.get(kind)


def fitting(kind: Any) -> type | None:
    """The class of values of theirs that are a field of type `kind` as they stand; None = none are."""
    return kind if kind in _FITTING else None


def writer(kind: Any) -> Callable[[Any], Any] | None:
    """How a field of type `kind` becomes a value of theirs; None = as it is."""
    return _WRITERS.get(kind)


def text(value: Any) -> str:
    """Text; a number becomes its digits, as many vendors number what we name."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"text was expected, not {_shown(value)}")


def number(value: Any) -> Decimal:
    """An exact number, from a JSON number or from text such as "12.50"."""
    if isinstance(value, Decimal):
        exact = value
    elif isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            exact = Decimal(value)
        except InvalidOperation:
            raise ValueError(f"a number was expected, not {_shown(value)}") from None
    else:
        raise ValueError(f"a number was expected, not {_shown(value)}")
    if not exact.is_finite():
        raise ValueError(f"a number was expected, not {_shown(value)}")
    return exact


def whole(value: Any) -> int:
    """A whole number, from a JSON number or from text."""
    exact = number(value)
    if exact != exact.to_integral_value():
        raise ValueError(f"a whole number was expected, not {_shown(value)}")
    return int(exact)


def day(value: Any) -> date:
    """A calendar day from YYYY-MM-DD. A moment is refused: whose day it is, only the vendor's manual knows."""
    if isinstance(value, str) and len(value) == 10:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f"a day such as 2026-09-14 was expected, not {_shown(value)}")


def moment(value: Any) -> datetime:
    """A moment in UTC from ISO 8601 with a zone; one without is refused, as nobody can tell when it was."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"a moment such as 2026-09-14T10:31:02Z was expected, not {_shown(value)}") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"a moment with its zone was expected, not {_shown(value)}")
    return value.astimezone(UTC)


def yes_or_no(value: Any) -> bool:
    """A JSON boolean, or the words true and false of XML."""
    if isinstance(value, bool):
        return value
    if value == "true":
        return True
    if value == "false":
        return False
    raise ValueError(f"true or false was expected, not {_shown(value)}")


def day_text(value: date) -> str:
    """YYYY-MM-DD."""
    return value.isoformat()


def moment_text(value: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: text,
    Decimal: number,
    int: whole,
    date: day,
    datetime: moment,
    bool: yes_or_no,
}
_FITTING = (str, Decimal, bool)  # JSON tells no infinite Decimals, and a record takes none
_WRITERS: dict[Any, Callable[[Any], Any]] = {date: day_text, datetime: moment_text}


def leaf_type(struct: type[msgspec.Struct], path: str) -> Any:
    """The type at a dotted path of a record, without Optional and Annotated. Raises TypeError where there is none."""
    kind: Any = struct
    for name in path.split("."):
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            raise TypeError(f"{struct.__name__} has no field {path!r}: nothing lies below {name!r}")
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        if name not in fields:
            raise TypeError(f"{struct.__name__} has no field {path!r}: {kind.__name__} has {', '.join(fields)}")
        kind = _bare(fields[name])
    return kind


def element_type(struct: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The record type of a list field's elements. Raises TypeError where the field is no list of records."""
    kind = leaf_type(struct, path)
    if typing.get_origin(kind) in (list, tuple):
        element = _bare(typing.get_args(kind)[0])
        if isinstance(element, type) and issubclass(element, msgspec.Struct):
            return element
    raise TypeError(f"{struct.__name__}.{path} is no list of records")


def _bare(kind: Any) -> Any:
    """A type without its Annotated and Optional wrappings; other unions stay as they are."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            options = [option for option in typing.get_args(kind) if option is not type(None)]
            if len(options) != 1:
                return kind
            kind = options[0]
        else:
            return kind


def _shown(value: Any) -> str:
    shown = repr(str(value)) if isinstance(value, (str, Decimal)) else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
