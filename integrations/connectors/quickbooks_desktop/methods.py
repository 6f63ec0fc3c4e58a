"""How something was paid: QuickBooks names an entry of a list that each company keeps for itself.

The entries' usual names tell which of our words is meant. Which entry is meant by our word is for the company to say:
its setting `payment_methods` holds their names. A method for which it has none is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.wire.nested import member
from integrations.wire.shape import F

from .shapes import Payload

REF = "PaymentMethodRef"

_WORDS = {
    "cash": "cash",
    "check": "check",
    "cheque": "check",
    "credit card": "card",
    "debit card": "card",
    "visa": "card",
    "mastercard": "card",
    "master card": "card",
    "american express": "card",
    "discover": "card",
    "e-check": "direct_debit",
    "eft": "bank_transfer",
    "bank transfer": "bank_transfer",
}


def method() -> F:
    """The method of a receipt or a payment; the company's entry stays in extra as it is."""

    def read(payload: Payload) -> str | None:
        return _WORDS.get(str(member(payload, f"{REF}.FullName")).lower())

    def write(record: Any) -> Payload:
        return {REF: {"word": record.method}} if record.method else {}

    return F("method", "", read=read, write=write)


def with_method_name(body: Payload, settings: Mapping[str, Any]) -> Payload:
    """A body with the company's name for our word; without a method where it has none."""
    told = body.get(REF)
    if told is None or "word" not in told:
        return body
    names = settings.get("payment_methods") or {}
    named = names.get(told["word"]) if isinstance(names, Mapping) else None
    rest = {name: value for name, value in body.items() if name != REF}
    return {**rest, REF: {"FullName": str(named)}} if named else rest
