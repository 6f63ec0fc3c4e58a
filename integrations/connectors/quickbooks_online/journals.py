"""QuickBooks Online's journal entries as a two-way table; each line is a debit or a credit of a positive amount.

Members after the vendor's schema (Finance.xsd) and derived/samples_from_xml/journal_entry.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import JournalEntry, JournalLine
from integrations.wire.nested import member
from integrations.wire.shape import F, Fixed, Lines, Shape

from .dimensions import tags
from .documents import is_void, put_lines
from .quirks import without_mark
from .shapes import ENTITY, NOISE, Payload, ref, refers, to_ref

_DETAIL = "JournalEntryLineDetail"
_SIDES = {"debit": "Debit", "credit": "Credit"}
_PARTIES = {"customer": "Customer", "vendor": "Vendor"}


def _side(ours: str) -> F:
    """The amount of a line on one side; whichever side a line of ours has is the one that is written."""

    def read(raw: Payload) -> Decimal | None:
        is_it = member(raw, f"{_DETAIL}.PostingType") == _SIDES[ours]
        return Decimal(raw.get("Amount") or 0) if is_it else None

    def write(line: JournalLine) -> Payload:
        amount = getattr(line, ours)
        return {} if amount is None else {"Amount": amount, _DETAIL: {"PostingType": _SIDES[ours]}}

    return F(ours, "", read=read, write=write, uses=("Amount", f"{_DETAIL}.PostingType"))


def _party(ours: str) -> F:
    """The customer or vendor of a line, which lines of receivable and payable accounts must name."""

    def read(raw: Payload) -> Payload | None:
        entity = member(raw, f"{_DETAIL}.Entity") or {}
        return ref(entity["EntityRef"]) if entity.get("Type") == _PARTIES[ours] else None

    def write(line: JournalLine) -> Payload:
        party = getattr(line, ours)
        return {_DETAIL: {"Entity": {"Type": _PARTIES[ours], "EntityRef": to_ref(party)}}} if party else {}

    return F(ours, "", read=read, write=write)


def _status(payload: Payload) -> str:
    return "void" if is_void(payload) else "posted"


def debits_of(payload: Mapping[str, Any]) -> Decimal:
    """An entry's debits straight from the payload, for control totals: its TotalAmt is not always told (recorded)."""
    lines = (line for line in payload.get("Line", ()) if line.get(_DETAIL, {}).get("PostingType") == "Debit")
    return sum((Decimal(line["Amount"]) for line in lines), start=Decimal(0))


JOURNAL_ENTRY = Shape(
    JournalEntry,
    **ENTITY,
    edition=2,
    ignore=(*NOISE, "TotalAmt", "HomeTotalAmt"),
    fields=(
        F("number", "DocNumber"),
        F("posted_on", "TxnDate"),
        F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
        F("exchange_rate", "ExchangeRate"),
        F("memo", "PrivateNote", read=without_mark),
        F("is_adjusting", "Adjustment"),
        Lines(
            "lines",
            "Line",
            key="Id",
            fits=lambda line: (line.debit is None) != (line.credit is None),
            put=put_lines,
            fields=(
                Fixed("DetailType", _DETAIL),
                _side("debit"),
                _side("credit"),
                refers("account", f"{_DETAIL}.AccountRef"),
                F("description", "Description"),
                _party("customer"),
                _party("vendor"),
                refers("tax_rate", f"{_DETAIL}.TaxCodeRef"),
                F("tax_amount", f"{_DETAIL}.TaxAmount"),
                tags(_DETAIL, "class", "location"),
            ),
        ),
        F("status", "", read=_status, write=None),
    ),
)
