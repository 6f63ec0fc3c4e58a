"""How something was paid: QuickBooks Online names an entry of a list that each company makes for itself.

The entries' usual names tell which of our words is meant. Which entry is meant by our word is for the company to say:
its setting `payment_methods` holds the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.wire.nested import member
from integrations.wire.shape import F
from integrations.wire.site import Site

from .shapes import Payload

REF = "PaymentMethodRef"

_WORDS = {
    "cash": "cash",
    "check": "check",
    "cheque": "check",
    "card": "card",
    "credit card": "card",
    "debit card": "card",
    "visa": "card",
    "mastercard": "card",
    "american express": "card",
    "direct debit": "direct_debit",
    "direct_debit": "direct_debit",
    "bank transfer": "bank_transfer",
    "bank_transfer": "bank_transfer",
    "wallet": "wallet",
    "credit": "credit",
    "other": "other",
}


def method(where: str = "") -> F:
    """The method of a document, or of a line in its member `where`; the company's entry stays in extra as it is."""

    def read(payload: Payload) -> str | None:
        return _WORDS.get(str(member(payload, f"{where}.{REF}.name" if where else f"{REF}.name")).lower())

    def write(record: Any) -> Payload:
        # Our word; `with_method_ids` puts the company's id in its place.
        named = {REF: {"name": record.method}} if record.method else {}
        return {where: named} if where and named else named

    return F("method", "", read=read, write=write)


def with_method_ids(value: Any, site: Site) -> Any:
    """A body with the company's ids for our words; a method for which it has none is left out."""
    if isinstance(value, list):
        return [with_method_ids(each, site) for each in value]
    if not isinstance(value, Mapping):
        return value
    kept: Payload = {}
    for name, each in value.items():
        if name != REF or not isinstance(each, Mapping):
            kept[name] = with_method_ids(each, site)
        elif id := _ids(site).get(str(each.get("name"))):
            kept[name] = {"value": id}
        elif each.get("value"):
            kept[name] = each  # as it stands there; only the id counts
    return kept


def with_method_name(row: Payload, site: Site) -> Payload:
    """A document whose method has an id but no name, with our word for that id."""
    method = row.get(REF)
    if not isinstance(method, Mapping) or method.get("name"):
        return row
    words = {id: word for word, id in _ids(site).items()}
    word = words.get(str(method.get("value")))
    return {**row, REF: {**method, "name": word}} if word else row


def _ids(site: Site) -> dict[str, str]:
    """Our word -> the company's id."""
    told = site.settings.get("payment_methods") or {}
    return {str(word): str(id) for word, id in told.items()} if isinstance(told, Mapping) else {}
