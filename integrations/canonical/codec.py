"""Records as bytes, as plain values and as fingerprints: exact, strict, and the same every time.

Decimals are written as JSON strings, but within `extra` as JSON numbers: there, nothing else tells them from text.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Context, Decimal
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from integrations.canonical.kinds import KINDS
from integrations.canonical.record import Record, only_plain

_TEXT = msgspec.json.Encoder(order="sorted")
_NUMBERS = msgspec.json.Encoder(order="sorted", decimal_format="number")
_PLAIN = (Decimal, date, datetime)
_NOT_TOLD = ("version", "created_at", "changed_at", "url")
_EXACT = Context(prec=1000)


class BadRecord(ValueError):
    """What was given is no record of the kind: `path` says where, `message` what is wrong there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def encode(record: Record) -> bytes:
    """The record as JSON with sorted keys; what is None or empty is left out."""
    return _TEXT.encode(_extras_as_numbers(record))


def decode(kind: str, data: bytes | str) -> Record:
    """The record that JSON tells; numbers are read exactly. Raises BadRecord."""
    try:
        return _decoder(kind).decode(data)
    except msgspec.MsgspecError as error:
        raise _bad(error) from error
    except UnicodeDecodeError as error:
        raise BadRecord("", "not UTF-8") from error


def to_plain(record: Record) -> dict[str, Any]:
    """The record as dict, list, str, int, bool, Decimal, date and datetime; what is None or empty is left out."""
    plain: dict[str, Any] = msgspec.to_builtins(record, builtin_types=_PLAIN)
    return plain


def from_plain(kind: str, plain: dict[str, Any]) -> Record:
    """The record that plain values tell. Raises BadRecord.

    Decimals and dates may be given as the text that `encode` writes; floats never.
    """
    record_type = KINDS[kind]
    try:
        return msgspec.convert(plain, record_type, builtin_types=_PLAIN)
    except msgspec.MsgspecError:
        pass  # perhaps only because of texts: read again, with patience but without floats
    try:
        only_plain(plain, also=(date, datetime))
        return msgspec.convert(plain, record_type)
    except TypeError as error:
        raise BadRecord("", str(error)) from error
    except msgspec.MsgspecError as error:
        raise _bad(error) from error


def fingerprint(record: Record) -> str:
    """SHA-256 (hex) over what a record tells others: all but its version, moments and address there.

    Equal records have equal fingerprints, 12.5 and 12.50 being equal.
    """
    told = msgspec.to_builtins(record, builtin_types=_PLAIN)
    for name in _NOT_TOLD:
        told.pop(name, None)
    return sha256(_NUMBERS.encode(_in_shortest_form(told))).hexdigest()


@cache
def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `encode` writes for a kind."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(KINDS[kind])}


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Record]:
    return msgspec.json.Decoder(KINDS[kind], float_hook=Decimal)


def _extras_as_numbers(record: Record) -> Record:
    changes: dict[str, Any] = {}
    if record.extra:
        changes["extra"] = msgspec.Raw(_NUMBERS.encode(record.extra))
    lines = getattr(record, "lines", ())
    if any(getattr(line, "extra", None) for line in lines):
        changes["lines"] = [
            replace(line, extra=msgspec.Raw(_NUMBERS.encode(line.extra))) if line.extra else line for line in lines
        ]
    return replace(record, **changes) if changes else record


def _in_shortest_form(value: Any) -> Any:
    """Plain values with equal numbers written alike: 12.50 as 12.5, 1000 as 1E+3, no negative zero."""
    kind = value.__class__
    if kind is dict:
        return {name: each if each.__class__ is str else _in_shortest_form(each) for name, each in value.items()}
    if kind is list:
        return [_in_shortest_form(each) for each in value]
    if kind is Decimal or kind is int:
        return Decimal(value).normalize(_EXACT) if value else 0
    return value


def _bad(error: msgspec.MsgspecError) -> BadRecord:
    message, _, path = str(error).partition(" - at `$")
    return BadRecord(path.rstrip("`").lstrip("."), message)
