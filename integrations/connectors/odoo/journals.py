"""Odoo's journal entries (`account.move` of type entry) as a two-way table; each line is a debit or a credit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import JournalEntry, JournalLine
from integrations.wire.shape import F, Lines, Shape

from .documents import CODED, NAMED, Spec, dimension, number_of, put_commands
from .quirks import figure, id_of, ref
from .shapes import ENTITY, Payload, refers

_LINES: Spec = {
    "fields": {
        **{
            name: {} for name in ("display_type", "name", "debit", "credit", "amount_currency", "analytic_distribution")
        },
        "account_id": NAMED,
        "partner_id": NAMED,
        "currency_id": CODED,
    }
}
ENTRY_SPEC: Spec = {
    **{
        name: {}
        for name in (
            "name",
            "ref",
            "move_type",
            "state",
            "date",
            "amount_total",
            "amount_total_signed",
            "reversal_move_id",
        )
    },
    "write_date": {},
    "create_date": {},
    "currency_id": CODED,
    "company_currency_id": CODED,
    "journal_id": NAMED,
    "line_ids": _LINES,
}


_NOISE = ("move_type", "amount_total", "amount_total_signed", "currency_id", "reversal_move_id")


def _side(ours: str) -> F:
    """The amount of a line on one side: Odoo tells both, of which one is zero; a line of zeros is a debit of zero."""
    other = {"debit": "credit", "credit": "debit"}[ours]

    def read(raw: Payload) -> Decimal | None:
        amount, against = figure(raw.get(ours) or 0), figure(raw.get(other) or 0)
        return amount if amount or (ours == "debit" and not against) else None

    def write(line: JournalLine) -> Payload:
        amount = getattr(line, ours)
        return {} if amount is None else {ours: amount, other: Decimal(0)}

    return F(ours, "", read=read, write=write, uses=(ours,))


def _party(ours: str) -> F:
    """Odoo has partners only: whether a customer or a vendor is meant nobody can tell, so it stays in extra."""

    def write(line: JournalLine) -> Payload:
        party = getattr(line, ours)
        return {"partner_id": id_of(party)} if party else {}

    return F(ours, "", read=None, write=write, uses=("display_type",))


def _status(payload: Payload) -> str:
    return {"draft": "draft", "posted": "posted", "cancel": "void"}.get(str(payload.get("state")), "unknown")


def _to_reference(record: JournalEntry) -> Payload:
    ours = record.number or record.reference or record.memo
    return {"ref": ours} if ours else {}


def debits_of(payload: Mapping[str, Any]) -> Decimal:
    """An entry's debits straight from the payload, for control totals."""
    return sum((figure(line.get("debit") or 0) for line in payload.get("line_ids") or ()), start=Decimal(0))


JOURNAL_ENTRY = Shape(
    JournalEntry,
    **{**ENTITY, "ignore": (*ENTITY["ignore"], *_NOISE)},
    fields=(
        F("number", "", read=number_of, write=_to_reference, uses=("name",)),
        F("reference", "ref", write=None),
        F("posted_on", "date"),
        F("currency", "company_currency_id", read=lambda value: value.get("name"), write=None),
        F("journal", "journal_id", read=lambda value: (ref(value) or {}).get("name"), write=None),
        Lines(
            "lines",
            "line_ids",
            key="id",
            when=lambda raw: raw.get("display_type") not in ("line_note", "line_section"),
            put=put_commands,
            fields=(
                refers("account", "account_id"),
                F("description", "name"),
                _side("debit"),
                _side("credit"),
                _party("customer"),
                _party("vendor"),
                dimension(),
            ),
        ),
        F("status", "", read=_status, write=None, uses=("state",)),
    ),
)
