"""The calls by which something is done in Odoo: each is a transaction of its own, and each may be lost.

    create     load as a draft, with external ids → read, compare figures → post → read
    update     (posted: reset to draft) → write → read, compare figures → post → read
    void       (posted: reset to draft) → cancel → read; or load the opposite → post that → read
    payments   load as a draft → post → read → apply to what it pays → read
    lists      load → read

How far a document came is told by two rows: `write.raw`, as it stood before this step, and what a look-up shows now.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical.documents import Document
from integrations.wire.connector import Done, Failed, Outcome, Write
from integrations.wire.errors import Duplicate, Refused
from integrations.wire.site import Site
from integrations.wire.stream import Operation, Stream

from .bodies import HARMLESS, gone, prepared, says_all
from .booking import net_of
from .faults import no_rate
from .payments import is_applied, misapplied
from .quirks import figure
from .reversal import reversal_in, reverses, standing

Row = dict[str, Any]

_TELLING = Decimal(1)
"""Smaller amounts may come to the same by any rate near one, once they are rounded."""

LISTS: Mapping[Operation, tuple[str, ...]] = {"create": ("load", "read"), "update": ("load", "read")}
MOVES: Mapping[Operation, tuple[str, ...]] = {
    "create": ("load", "read", "post", "read"),
    "update": ("reopen", "write", "read", "post", "read"),
    "void": ("reset", "cancel", "read"),
    "credit": ("reset", "cancel", "read"),
}
ORDERS: Mapping[Operation, tuple[str, ...]] = {
    "create": ("load", "read", "post", "read"),
    "update": ("write", "read"),
    "void": ("cancel", "read"),
}

PAYMENTS: Mapping[Operation, tuple[str, ...]] = {
    "create": ("load", "post", "read", "apply", "read"),
    "void": ("reset", "cancel", "read"),
}


def plan_of(stream: Stream, operation: Operation) -> tuple[str, ...]:
    """The steps of an operation, by name."""
    plan: tuple[str, ...] = stream.facts["steps"].get(operation, ("read",))
    return plan


def wants_posting(write: Write) -> bool:
    """Whether the document shall stand in the ledger; what its source calls a draft stays one."""
    return getattr(write.record, "status", None) != "draft"


def wants_reopening(write: Write) -> bool:
    """Whether a posted document has to be a draft for this change, as Odoo's own pages demand."""
    return is_posted(write.raw) and bool(write.only - HARMLESS)


def is_posted(row: Mapping[str, Any] | None) -> bool:
    """Whether a move is in the ledger."""
    return row is not None and row.get("state") == "posted"


def is_cancelled(row: Mapping[str, Any] | None) -> bool:
    """Whether a move, a payment or an order was taken back."""
    return row is not None and row.get("state") in ("cancel", "canceled")


def is_draft(row: Mapping[str, Any] | None) -> bool:
    """Whether a move or an order is only begun."""
    return row is not None and row.get("state") in ("draft", "sent")


# --- what a row that was read says -----------------------------------------------------------------------------------


def outcome_of(
    stream: Stream, write: Write, row: Row | None, site: Site, *, before_posting: bool, before_applying: bool
) -> Outcome:
    """What became of a write whose record Odoo shows. Raises Forbidden where its currency has no rate."""
    if row is None:
        return Failed(error=gone())
    if reverses(site, write) and (against := standing(row)) is not None:
        return Failed(error=against)
    if stream.facts["steps"] is PAYMENTS:
        against = None if before_applying or write.operation == "void" else misapplied(write, row)
        return done(row) if against is None else Failed(error=against)
    if stream.facts["steps"] is not LISTS and write.operation not in ("void", "credit"):
        against = _before_posting(write, row, site) if before_posting else _after_posting(write, row)
        if against is not None:
            return Failed(error=against)
    return done(row)


def done(row: Row) -> Done:
    """A record as it stands in Odoo."""
    return Done(external_id=str(row["id"]), version=row.get("write_date"), raw=row)


def _before_posting(write: Write, row: Row, site: Site) -> Refused | None:
    """Why the draft shall not be posted. Raises Forbidden where its currency has no rate."""
    _check_rate(row)
    if row.get("move_type") == "in_invoice" and row.get("duplicated_ref_ids"):
        return Duplicate(
            str(row.get("ref") or ""),
            explanation="Odoo has another bill of this vendor with this number, and would not post a second one.",
            advice="Link the bill that is there and delete the draft in Odoo, or correct the number.",
        )
    record = prepared(write, site)
    if not isinstance(record, Document) or "amount_total" not in row:
        return None
    wanted = _told(record)
    there = {"subtotal": figure(row["amount_untaxed"]), "total": figure(row["amount_total"])}
    for name, amount in wanted.items():
        if there[name] != amount:
            return Refused(
                code="figures",
                explanation=f"Odoo makes a {name} of {there[name]} of this document, and its source says {amount}: "
                "it was left as a draft.",
                advice="Look at the draft in Odoo: its taxes or the rounding differ. Correct the mapping of the taxes, "
                "delete the draft, unlink the record here, and release it.",
            )
    return None


def _told(record: Document) -> dict[str, Decimal]:
    """The figures that the source states, or that its booked lines come to."""
    told = {"subtotal": net_of(record)}
    if record.total is not None:
        told["total"] = record.total
    elif record.tax_total is not None:
        told["total"] = told["subtotal"] + record.tax_total
    return told


def _check_rate(row: Mapping[str, Any]) -> None:
    currency, home = ((row.get(name) or {}).get("name") for name in ("currency_id", "company_currency_id"))
    if not currency or not home or currency == home:
        return
    total, converted = (abs(figure(row.get(name) or 0)) for name in ("amount_total", "amount_total_signed"))
    if total >= _TELLING and total == converted:
        raise no_rate(currency, home)


def _after_posting(write: Write, row: Row) -> Refused | None:
    """What is not as it was meant, now that the document stands in the ledger."""
    if not wants_posting(write) or "move_type" not in row:
        return None
    if is_draft(row):
        return Refused(
            code="draft",
            explanation="Odoo left this document as a draft.",
            advice="Look at the draft in Odoo and post it, or correct what keeps it from being posted.",
        )
    return None


# --- was it done? ----------------------------------------------------------------------------------------------------


def how_far(stream: Stream, write: Write, row: Row | None, site: Site) -> Outcome | None:
    """Whether the step that was lost is done, by the row before it and the row now."""
    if row is None:
        return Failed(error=gone())
    if reverses(site, write):
        reversed_before = reversal_in(write.raw or {}) is not None
        return done(row) if (standing(row) is None if reversed_before else reversal_in(row)) else None
    if write.operation in ("void", "credit"):  # a draft stands in no ledger: cancelled, it is credited as well
        # Of a document that still stood before this step, it is done once that stands no longer.
        if is_cancelled(row) or (is_draft(row) and not is_draft(write.raw)):
            return done(row)
        return None
    if stream.facts["steps"] is LISTS:
        return done(row) if write.operation == "create" or says_all(stream, write, row, site) else None
    if write.operation == "update":
        if stream.facts["steps"] is MOVES and wants_reopening(write):
            return done(row) if is_draft(row) else None
        if not says_all(stream, write, write.raw or {}, site):
            return done(row) if says_all(stream, write, row, site) else None
        if stream.facts["steps"] is ORDERS:
            return done(row)
    if stream.facts["steps"] is PAYMENTS and write.raw is not None and not is_draft(write.raw):
        return done(row) if is_applied(write, row) else None
    # From here on nothing is open but the posting; what was not read before its posting has no row before it.
    if stream.facts["steps"] is PAYMENTS:
        return None if is_draft(row) else done(row)
    if is_draft(write.raw) and wants_posting(write):
        return None if is_draft(row) else done(row)
    return done(row)
