"""Closed periods as a vendor tells them: up to which day nothing may be booked any more, and for what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Nothing is booked on `until` or before. `name` is the vendor's word for it.

    `kinds` names the kinds of record that it binds; empty: all that stand in the ledger. `taxed`: only those with tax.
    `learned`: nobody told it, a record of that day was refused, so that the first open day is not known.
    """

    name: str
    until: date
    kinds: frozenset[str] = frozenset()
    taxed: bool = False
    learned: bool = False

    def binds(self, kind: str, *, taxed: bool) -> bool:
        """Whether it is about records of this kind."""
        return (not self.kinds or kind in self.kinds) and (taxed or not self.taxed)

    def __str__(self) -> str:
        return f"{self.name} {self.until.isoformat()}"


def to_plain(locks: Iterable[Lock]) -> list[dict[str, Any]]:
    """Locks as they are kept, in an order of their own."""
    rows = [
        {
            "name": lock.name,
            "until": lock.until.isoformat(),
            "kinds": sorted(lock.kinds),
            "taxed": lock.taxed,
            "learned": lock.learned,
        }
        for lock in locks
    ]
    return sorted(rows, key=lambda row: (row["name"], row["until"], row["kinds"]))


def from_plain(rows: Iterable[dict[str, Any]]) -> list[Lock]:
    """Locks as they were kept."""
    return [
        Lock(**{**row, "until": date.fromisoformat(row["until"]), "kinds": frozenset(row["kinds"])}) for row in rows
    ]
