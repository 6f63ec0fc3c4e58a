"""Closed periods, purely: whether a record may be booked on its day, on which day instead, or not without a person.

the period is open                                   nothing to say
it stands behind a lock already                      Shut: nobody changes what is closed, whatever the rule
its day is behind a lock, rule "next_open_day"       Moved to the first day that no lock binds
                          rule "approve"             Shut, until a person approves that day
                          rule "hold"                Shut, until the period is opened or the source says another day
nobody tells up to when it is closed                 Shut: there is no day to move it to
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from integrations.wire.locks import Lock

Rule = Literal["hold", "next_open_day", "approve"]
Operation = Literal["create", "update", "void"]


@dataclass(frozen=True, slots=True)
class Moved:
    """It is booked on another day than was meant, because of this lock."""

    meant: date
    day: date
    lock: Lock


@dataclass(frozen=True, slots=True)
class Shut:
    """Nothing is sent. `opens`: the first open day, where it could be booked then; None where it cannot be moved."""

    meant: date
    lock: Lock
    opens: date | None = None


def judge(
    operation: Operation,
    *,
    wanted: date | None,
    stands: date | None,
    locks: Sequence[Lock],
    rule: Rule,
    approved: date | None = None,
) -> Moved | Shut | None:
    """Whether a record may be written; None where no lock binds it.

    `wanted` is the day on which it shall stand in the ledger, `stands` the one on which it does; `locks` are those that
    are about it; `approved` is the day to which a person let it be moved.
    """
    if operation != "create" and stands is not None and (lock := barring(stands, locks)) is not None:
        return Shut(stands, lock)
    if operation == "void" or wanted is None or wanted == stands:
        return None
    lock = barring(wanted, locks)
    if lock is None:
        return None
    if approved is not None and barring(approved, locks) is None:
        return Moved(wanted, approved, lock)
    if lock.learned:
        return Shut(wanted, lock)
    opens = next_open(wanted, locks)
    return Moved(wanted, opens, lock) if rule == "next_open_day" else Shut(wanted, lock, opens)


def barring(day: date, locks: Iterable[Lock]) -> Lock | None:
    """The lock behind which a day lies, the one that reaches furthest; None where the day is open."""
    bars = [lock for lock in locks if day <= lock.until]
    return max(bars, key=lambda lock: (lock.until, not lock.learned), default=None)


def next_open(day: date, locks: Iterable[Lock]) -> date:
    """The first day, from this one on, that is behind no lock."""
    lock = barring(day, locks)
    return day if lock is None else lock.until + timedelta(days=1)


def is_taxed(fields: Mapping[str, Any]) -> bool:
    """Whether a record bears tax or names a rate, be it of nothing."""
    lines = fields.get("lines") or ()
    named = ("tax_rate", "tax_amount", "tax_percent")
    return bool(fields.get("taxes") or fields.get("tax_total")) or any(
        line.get(name) for line in lines for name in named
    )


# --- in words --------------------------------------------------------------------------------------------------------


def said(verdict: Moved | Shut, rule: Rule, *, at: str, by: str = "") -> tuple[dict[str, str], str]:
    """Both days and the reason: as they are kept with the item, and as a sentence."""
    lock = verdict.lock
    kept = {"meant": verdict.meant.isoformat(), "lock": lock.name, "until": lock.until.isoformat(), "rule": rule}
    closed = f"{at} is closed up to {lock.until} ({lock.name})"
    if isinstance(verdict, Moved):
        why = f"approved by {by}" if by else "by the rule for closed periods"
        kept |= {"booked": verdict.day.isoformat(), "by": by}
        return kept, f"dated {verdict.meant}, booked on {verdict.day}: {closed}; {why}"
    if lock.learned:
        return kept, f"dated {verdict.meant}, which {at} refused as closed; it does not say up to when"
    if verdict.opens is None:
        return kept, f"it stands there on {verdict.meant}, and {closed}: nothing in a closed period is changed"
    kept |= {"opens": verdict.opens.isoformat()}
    return kept, f"dated {verdict.meant}, and {closed}; the next open day is {verdict.opens}"
