"""The words by which a record is found: `number:inv-1042`, `name:acme ltd`, `total:12.5`."""

from __future__ import annotations

from decimal import Context, Decimal

from integrations.canonical.record import Record

LONGEST = 200
WORDS = ("number", "name", "legal_name", "sku", "code", "email", "reference", "po_number")
FIGURES = ("total", "amount")
_EXACT = Context(prec=1000)  # the usual context would round what is longer than 28 digits


def terms(record: Record) -> set[str]:
    """Every term that leads to this record."""
    found = {term(word, getattr(record, word, None)) for word in WORDS}
    found |= {figure(word, getattr(record, word, None)) for word in FIGURES}
    found.add(term("id", record.external_id))
    return {each for each in found if each}


def term(word: str, value: str | None) -> str:
    """One term: case and the width of blanks do not count."""
    text = " ".join(_storable(value).casefold().split()) if value is not None else ""
    return f"{word}:{text}"[:LONGEST] if text else ""


def figure(word: str, value: Decimal | None) -> str:
    """One amount as a term: 12.50 and 12.5 are the same."""
    return f"{word}:{digits(value)}" if value is not None else ""


def digits(value: Decimal) -> str:
    """An amount with every digit that counts, and no others: 12.50 is 12.5, 1E+3 is 1000, -0.00 is 0."""
    return f"{value.normalize(_EXACT):f}" if value else "0"


def title(record: Record) -> str:
    """What a person calls the record: its number, else its name, else their id."""
    for word in ("number", "name", "code"):
        if value := getattr(record, word, None):
            return _storable(value)[:300]
    return (record.external_id or "")[:300]


def _storable(value: str) -> str:
    """A text as PostgreSQL takes it: it has no place for the null character."""
    return str(value).replace("\0", "\ufffd")
