"""What the vendor's server can deserialise: the properties of every type, and the refusal of all others."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

from .faults import Fault

TYPES: dict[str, dict[str, str]] = {}


def accept(type_name: str, value: Any) -> dict[str, Any]:
    """The object as the server holds it after reading it as `type_name`: unknown properties refused, scalars coerced.

    Like the vendor's Java classes it takes "12.5" for a number, 0 for "0", and leaves out nulls and empty numbers.
    Raises Fault 2010 (unknown property), 2080 (number), 2060 (date), 2170 (enumeration).
    """
    if not isinstance(value, dict):
        raise Fault(
            "2010", f"Property Name:Can not deserialize value as {type_name} specified is unsupported or invalid"
        )
    known = TYPES[type_name]
    taken = {}
    for name, member in value.items():
        kind = known.get(name)
        if kind is None:
            raise _unrecognised(type_name, name)
        if member is None:
            continue
        member = _coerce(name, kind, member)
        if member is not None:
            taken[name] = member
    return taken


def _coerce(name: str, kind: str, value: Any) -> Any:
    if kind.startswith("["):
        if not isinstance(value, list):
            raise Fault("2010", f"Property Name:{name} must be a list specified is unsupported or invalid")
        return [accept(kind[1:-1], member) for member in value]
    if kind[0].isupper():
        return accept(kind, value)
    if isinstance(value, dict | list):
        raise Fault("2010", f"Property Name:Can not deserialize {name} specified is unsupported or invalid")
    return _SCALARS.get(kind, _one_of)(name, kind, value)


def _text(name: str, kind: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(name: str, kind: str, value: Any) -> Decimal | int | None:
    if value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Fault("2080", f"{name} should be a number. Supplied value:{value}", element=name) from None
    if isinstance(value, bool) or not number.is_finite():
        raise Fault("2080", f"{name} should be a number. Supplied value:{value}", element=name)
    if kind == "integer":
        return int(number)
    return number


def _flag(name: str, kind: str, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if value in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[value]
    raise Fault("2010", f"Property Name:{name} should be true or false. Supplied value:{value}")


def _date(name: str, kind: str, value: Any) -> str | None:
    if value == "":
        return None
    # A moment where a day is wanted loses its time, without regard to its zone.
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise Fault("2060", f"Date format is incorrect for {name}. Supplied value:{value}", element=name) from None


def _moment(name: str, kind: str, value: Any) -> str | None:
    if value == "":
        return None
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise Fault("2060", f"DateTime format is incorrect for {name}. Supplied value:{value}", element=name) from None
    return str(value)


def _one_of(name: str, kind: str, value: Any) -> str | None:
    if value == "":
        return None
    if value not in _words(kind):
        raise Fault("2170", f"Enumeration value {value} is not valid for {name}", element=name)
    return str(value)


_SCALARS = {"text": _text, "number": _number, "integer": _number, "flag": _flag, "date": _date, "moment": _moment}


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(kind.strip("{}").replace("~", " ").split("|"))


def _unrecognised(type_name: str, name: str) -> Fault:
    known = ", ".join(f'"{other}"' for other in TYPES[type_name])[:400]
    return Fault(
        "2010",
        f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{type_name}), not marked as '
        f"ignorable ({len(TYPES[type_name])} known properties: {known} [truncated]])\n specified is unsupported or invalid",
    )


def _load(table: str) -> None:
    name = ""
    for line in table.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith(" "):
            for word in line.split():
                prop, _, kind = word.partition(":")
                TYPES[name][prop] = kind or "text"
        else:
            name, _, base = line.partition(" < ")
            TYPES[name] = dict(TYPES[base]) if base else {}


_load(files(__package__).joinpath("properties.txt").read_text(encoding="utf-8"))
