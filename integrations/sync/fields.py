"""Field values in the one form in which both ends, and what was agreed before, can be compared and stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from integrations.records.terms import digits


def comparable(value: Any) -> Any:
    """The value with amounts as texts without idle zeros (12.50 → "12.5") and days and moments in ISO 8601."""
    kind = value.__class__
    if kind is str:
        return value
    if kind is Decimal:
        return digits(value)
    if kind is dict:
        return {name: comparable(each) for name, each in value.items()}
    if kind is list or kind is tuple:
        return [comparable(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def store(fields: Mapping[str, Any]) -> str:
    """Comparable fields as they are kept in a text column."""
    return msgspec.json.encode(fields, order="deterministic").decode()


def restore(text: str) -> dict[str, Any]:
    """Comparable fields from a text column."""
    return msgspec.json.decode(text) if text else {}
