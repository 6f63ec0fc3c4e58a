"""A vendor's limits, and the pure arithmetic of obeying them before the vendor enforces them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a vendor takes from us on behalf of one ledger; None = it names no such limit.

    `at_once` is how many requests may be under way together. `batches_per_minute` counts calls that carry several
    records, in addition to the others.
    """

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    batches_per_minute: int | None = None
    at_once: int = 1
