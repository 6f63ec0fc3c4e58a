"""A vendor's limits, and the pure arithmetic of obeying them before the vendor enforces them.

    at = next_call(limits, budget, now)            # the earliest moment; `now` = it may go
    budget = begin(limits, budget, now, over_by)   # it goes
    budget = end(limits, budget, now, over_by)     # its answer is here
    budget = slow_down(budget, now, retry_after)   # ... and it was "too many requests"

Who keeps the budget and locks it is not our matter. A window slides: calls are counted in slices of it, a slice counts
until all of it is older than the window, so that no window, wherever the vendor begins to count, ever holds more. A call
reaches the vendor somewhere between its beginning and its end, so it counts until its end is older than the window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import msgspec

LONGEST_PAUSE = 24 * 3600.0
"""Seconds that we stay away at most, whatever a vendor says."""

LONGEST_OWN_PAUSE = 300.0
"""Seconds that we stay away at most where the vendor names no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a vendor takes from us on behalf of one ledger; None = it names no such limit.

    `at_once` is how many requests may be under way together. `batches_per_minute` counts calls that carry several
    records, in addition to the other windows.
    """

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    batches_per_minute: int | None = None
    at_once: int = 1

    def faster(self, times: int) -> Limits:
        """These limits of a vendor whose clock for them runs so many times faster; 0: a vendor without limits."""
        if not times:
            return Limits()
        rates = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "at_once"}
        return replace(self, **{name: rate * times for name, rate in rates.items() if rate is not None})


class Budget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was spent of the limits, as plain values that can be kept anywhere; moments are seconds since 1970.

    `used` holds for each window pairs of (slice, calls), oldest first. `under_way` holds for each call when it began and
    by when it is over at the latest: one whose worker died frees its place then. `refusals` are those in a row, see
    `slow_down`.
    """

    used: dict[str, list[tuple[int, int]]] = {}
    under_way: list[tuple[float, float]] = []
    closed_until: float = 0.0
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class _Window:
    name: str
    limit: int
    seconds: float
    slice: float  # seconds; the finer, the less of the limit is left unused


_WINDOWS = (
    ("per_second", 1.0, 0.125),
    ("per_minute", 60.0, 5.0),
    ("per_hour", 3600.0, 300.0),
    ("per_day", 86400.0, 3600.0),
)


def next_call(limits: Limits, budget: Budget, now: datetime, *, batch: bool = False) -> datetime:
    """The earliest moment at which the next call may go; `now` where it may go at once."""
    start = now.timestamp()
    at = max(start, budget.closed_until)
    for window in _windows(limits, batch):
        at = max(at, _free_at(window, [*budget.used.get(window.name, []), *_long_ones(window, budget, start)], start))
    busy = sorted(over_by for _, over_by in budget.under_way if over_by > at)
    if len(busy) >= limits.at_once:
        at = busy[len(busy) - limits.at_once]
    return now if at <= start else datetime.fromtimestamp(at, UTC)


def begin(limits: Limits, budget: Budget, now: datetime, over_by: datetime, *, batch: bool = False) -> Budget:
    """The budget when a call goes now that is over by `over_by` at the latest."""
    start = now.timestamp()
    used = dict(budget.used)
    for window in _windows(limits, batch):
        kept = [pair for pair in used.get(window.name, []) if _drops_at(window, pair[0]) > start]
        current = int(start // window.slice)
        calls = dict(kept)
        calls[current] = calls.get(current, 0) + 1
        used[window.name] = sorted(calls.items())
    busy = [call for call in budget.under_way if call[1] > start]
    return msgspec.structs.replace(budget, used=used, under_way=[*busy, (start, over_by.timestamp())])


def end(limits: Limits, budget: Budget, now: datetime, over_by: datetime, *, batch: bool = False) -> Budget:
    """The budget when the call that was to be over by `over_by` is over: from now on it counts by this moment."""
    call = next((call for call in budget.under_way if call[1] == over_by.timestamp()), None)
    if call is None:
        return budget
    busy, used = list(budget.under_way), dict(budget.used)
    busy.remove(call)
    for window in _windows(limits, batch):
        calls = Counter(dict(used.get(window.name, [])))
        calls[int(call[0] // window.slice)] -= 1
        calls[int(now.timestamp() // window.slice)] += 1
        used[window.name] = sorted((+calls).items())
    return msgspec.structs.replace(budget, used=used, under_way=busy)


def slow_down(budget: Budget, now: datetime, retry_after: float | None = None) -> Budget:
    """The budget after "too many requests": closed as long as the vendor says, else longer each time in a row.

    A refusal is in a row with the one before where it comes within some minutes of that pause.
    """
    start = now.timestamp()
    refusals = budget.refusals + 1 if start - budget.closed_until < LONGEST_OWN_PAUSE else 1
    if retry_after is None:
        pause = min(2.0 ** min(refusals, 10), LONGEST_OWN_PAUSE)
    else:
        pause = min(max(retry_after, 0.0), LONGEST_PAUSE)
    return msgspec.structs.replace(budget, refusals=refusals, closed_until=max(budget.closed_until, start + pause))


def _windows(limits: Limits, batch: bool) -> Iterator[_Window]:
    for name, seconds, slice_ in _WINDOWS:
        limit: int | None = getattr(limits, name)
        if limit is not None:
            yield _Window(name, limit, seconds, slice_)
    if batch and limits.batches_per_minute is not None:
        yield _Window("batches_per_minute", limits.batches_per_minute, 60.0, 5.0)


def _long_ones(window: _Window, budget: Budget, start: float) -> list[tuple[int, int]]:
    """Calls under way that began longer ago than the window: they may reach the vendor only now."""
    began = [int(begun // window.slice) for begun, over_by in budget.under_way if over_by > start]
    long = sum(_drops_at(window, slice_) <= start for slice_ in began)
    return [(int(start // window.slice), long)] if long else []


def _free_at(window: _Window, used: list[tuple[int, int]], start: float) -> float:
    """When the window holds fewer calls than its limit."""
    counting = [pair for pair in used if _drops_at(window, pair[0]) > start]
    calls = sum(count for _, count in counting)
    at = start
    for slice_, count in counting:
        if calls < window.limit:
            break
        calls -= count
        at = _drops_at(window, slice_)
    return at


def _drops_at(window: _Window, slice_: int) -> float:
    """When all of a slice is older than the window."""
    return (slice_ + 1) * window.slice + window.seconds
