"""QuickBooks Desktop's journal entries as a two-way table; each line is a debit or a credit of a positive amount."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from integrations.canonical import JournalEntry, JournalLine
from integrations.wire.shape import F, Lines, Shape
from integrations.wire.xml import KIND

from .documents import CURRENCY, TXN, put_lines, void_or
from .shapes import Payload, ref, refers, tags, to_ref

_SIDES = {"debit": "JournalDebitLine", "credit": "JournalCreditLine"}


def _side(ours: str) -> F:
    """The amount of a line on one side; whichever side a line of ours has is the one that is written."""

    def read(raw: Payload) -> Decimal | None:
        return Decimal(raw.get("Amount") or 0) if raw.get(KIND) == _SIDES[ours] else None

    def write(line: JournalLine) -> Payload:
        amount = getattr(line, ours)
        return {} if amount is None else {KIND: _SIDES[ours], "Amount": amount}

    return F(ours, "", read=read, write=write, uses=("Amount", KIND))


# A line names somebody of any list, and does not tell of which: customers are told where the account is receivable by
# its name in a new company (memory), vendors where it is payable; anybody else stays in the line's extra.
def _is_receivable(raw: Payload) -> bool:
    return "receivable" in str(raw.get("AccountRef", {}).get("FullName", "")).lower()


def _is_payable(raw: Payload) -> bool:
    return "payable" in str(raw.get("AccountRef", {}).get("FullName", "")).lower()


def _party(ours: str, is_meant: Any) -> F:
    def read(raw: Payload) -> Payload | None:
        return ref(raw["EntityRef"]) if raw.get("EntityRef") and is_meant(raw) else None

    def write(line: JournalLine) -> Payload:
        party = getattr(line, ours)
        return {"EntityRef": to_ref(party)} if party else {}

    return F(ours, "", read=read, write=write)


def _entry_memo(payload: Payload) -> str | None:
    """An entry has no memo of its own: people write it into its lines."""
    memos = {line.get("Memo") for line in payload.get("Lines", ())}
    only = memos.pop() if len(memos) == 1 else None
    return str(only) if only else None


def debits_of(payload: Mapping[str, Any]) -> Decimal:
    """An entry's debits straight from the payload, for control totals."""
    lines = (line for line in payload.get("Lines", ()) if line.get(KIND) == "JournalDebitLine")
    return sum((Decimal(line["Amount"]) for line in lines if line.get("Amount")), start=Decimal(0))


class JournalShape(Shape[JournalEntry]):
    """A shape that writes an entry's memo into those of its lines that say nothing themselves."""

    def write(self, record: JournalEntry, *, only: Collection[str] | None = None) -> Payload:
        return super().write(_with_memos(record), only=only)

    def patch(self, raw: Payload, record: JournalEntry, *, only: Collection[str], whole: bool = False) -> Payload:
        more = {"lines"} if "memo" in only else set()
        return super().patch(raw, _with_memos(record), only={*only, *more}, whole=whole)


def _with_memos(entry: JournalEntry) -> JournalEntry:
    lines = [replace(line, description=line.description or entry.memo) for line in entry.lines]
    return replace(entry, lines=lines)


JOURNAL_ENTRY = JournalShape(
    JournalEntry,
    **TXN,
    fields=(
        F("number", "RefNumber"),
        F("posted_on", "TxnDate"),
        *CURRENCY,
        F("memo", "", read=_entry_memo, write=None),
        F("is_adjusting", "IsAdjustment"),
        Lines(
            "lines",
            "Lines",
            key="TxnLineID",
            fits=lambda line: (line.debit is None) != (line.credit is None),
            put=put_lines,
            fields=(
                _side("debit"),
                _side("credit"),
                refers("account", "AccountRef"),
                F("description", "Memo"),
                _party("customer", _is_receivable),
                _party("vendor", _is_payable),
                tags(),
            ),
        ),
        void_or(lambda payload: "posted"),
    ),
)
