"""The words by which a record is found: its number, names, codes and amounts, in the form in which they are compared."""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache

from integrations.canonical.record import Record

LONGEST = 200
# Each is the column `by_…` of a record in the store.
WORDS = ("number", "name", "legal_name", "sku", "code", "email", "reference", "po_number")
FIGURES = ("total", "amount")
_EXACT = Context(prec=1000)  # the usual context would round what is longer than 28 digits


@cache
def words_of(kind: type[Record]) -> tuple[str, ...]:
    """The words that records of this kind can have."""
    return tuple(name for name in (*WORDS, *FIGURES) if name in kind.__struct_fields__)


def terms(record: Record) -> list[str | None]:
    """A record's words as they are compared, in the order of `words_of`; None for those that it does not have."""
    return [term(getattr(record, name)) for name in words_of(type(record))]


def term(value: str | Decimal | None) -> str | None:
    """A word as it is compared: case, the width of blanks and idle zeros do not count. None where it says nothing."""
    if isinstance(value, Decimal):
        return digits(value)[:LONGEST]
    return " ".join(_storable(value).casefold().split())[:LONGEST] or None if value else None


def digits(value: Decimal) -> str:
    """An amount with every digit that counts, and no others: 12.50 is 12.5, 1E+3 is 1000, -0.00 is 0."""
    return f"{value.normalize(_EXACT):f}" if value else "0"


def title(record: Record) -> str:
    """What a person calls the record: its number, else its name, else their id."""
    for name in ("number", "name", "code"):
        if value := getattr(record, name, None):
            return _storable(value)[:300]
    return (record.external_id or "")[:300]


def _storable(value: str) -> str:
    """A text as PostgreSQL takes it: it has no place for the null character."""
    return str(value).replace("\0", "\ufffd")
