"""A vendor's limits, and the pure arithmetic of obeying them before the vendor enforces them.

    budget, turn = ask(limits, budget, now, seconds=60, asker=asker)   # may a call go, and when?
    budget = end(limits, budget, ended, turn, heard)                   # it is over, and this is what the vendor said of limits

Who keeps the budget, and sees to it that one asks at a time, is not our matter. A window slides: calls are counted in slices
of it, a slice counts until all of it is older than the window, so that no window, wherever the vendor begins to count, ever
holds more. A call reaches the vendor somewhere between its beginning and its end, so it counts until its end is older than
the window. Other programs that use the same limit are known from what the vendor says is left, and from its refusals.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import IntEnum
from math import floor, sqrt
from operator import itemgetter

import msgspec

LONGEST_PAUSE = 24 * 3600.0
"""Seconds that we stay away at most, whatever a vendor says."""

LONGEST_OWN_PAUSE = 300.0
"""Seconds that we stay away at most where the vendor names no time."""

AGE = 30.0
"""Seconds of waiting that count as one urgency more, so that nobody waits for ever."""

CAUTION = 0.5
"""How much more than is expected of strangers is left for them: so many times the root of what is expected."""

FADES_AFTER = 10
"""Windows after which a stranger that was met by a refusal, and never since, is believed to be gone."""


class Urgency(IntEnum):
    """What goes first. The less urgent, the more of a window is left for what may come."""

    POSTING = 0
    READING = 1
    BACKFILL = 2

    @property
    def leaves(self) -> float:
        """The part of a limit that stays free, on the average, for the more urgent and for strangers till the window ends."""
        return (0.0, 0.5, 0.75)[self]

    @property
    def cushion(self) -> float:
        """The part of a limit that stays free at any moment, so that a burst of the more urgent finds room."""
        return 0.005 * self


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a vendor takes from us on behalf of one ledger; None = it names no such limit.

    `at_once` is how many requests may be under way together. `batches_per_minute` counts calls that carry several records,
    in addition to the other windows. `remaining` names for each window the header in which the vendor says what is left of
    it. `ledger` names the settings that tell one ledger from another; without any it is the company that the vendor names.
    `app` is what the vendor takes from our registration there, over all ledgers together. `speed` is how many times faster
    than ours the vendor's clock for its limits runs.
    """

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    batches_per_minute: int | None = None
    at_once: int | None = None
    remaining: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[str, ...] = ()
    app: Limits | None = None
    speed: float = 1.0

    def faster(self, times: float) -> Limits:
        """These limits of a vendor whose clock for them runs so many times faster; 0: a vendor without limits."""
        if not times:
            return Limits()
        return replace(self, speed=self.speed * times, app=self.app and self.app.faster(times))

    @property
    def are_named(self) -> bool:
        """Whether the vendor names any limit of its ledgers."""
        unlimited = Limits()
        counts = (each.name for each in fields(self) if each.name not in ("ledger", "app", "speed"))
        return any(getattr(self, name) != getattr(unlimited, name) for name in counts)


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """Somebody who was sent away: since when it waits, and when it was told to come back."""

    who: str
    urgency: int
    since: float
    back_at: float


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A call under way: when it begins, by when it is over at the latest, and whether it carries several records."""

    begins: float
    over_by: float
    batch: bool = False


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was spent of the limits, as plain values that can be kept anywhere; moments are seconds since 1970.

    `ours` and `strangers` hold for each window pairs of (slice, calls), oldest first; `told_at` when the vendor last said
    what is left of it, `assumed` how many calls of strangers a refusal made us believe in, and when. `under_way` are calls
    that count already and are not over; one whose worker died frees its place when it must be over. `refusals` are those
    in a row, `takes` the seconds that a call usually takes.
    """

    ours: dict[str, Sequence[tuple[int, int]]] = {}
    strangers: dict[str, Sequence[tuple[int, int]]] = {}
    told_at: dict[str, float] = {}
    assumed: dict[str, tuple[int, float]] = {}
    under_way: list[Call] = []
    waiting: list[Waiting] = []
    closed_until: float = 0.0
    refusals: int = 0
    takes: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who wants to call, how urgently, whether the call carries several records, and for how many seconds it can wait.

    Of those who want the same, `who` takes turns.
    """

    who: str = ""
    urgency: Urgency = Urgency.POSTING
    batch: bool = False
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a call may go. It is taken, and goes then without another question; or it is not, and is to be asked for again."""

    at: datetime
    taken: bool
    over_by: float = 0.0
    batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an answer said of limits: what is left of each window, whether it was "too many requests", and for how long.

    `sent`: whether the call went at all.
    """

    sent: bool = True
    remaining: Mapping[str, int] = field(default_factory=dict)
    refused: bool = False
    retry_after: float | None = None


NOTHING = Heard()


@dataclass(frozen=True, slots=True)
class _Window:
    name: str
    limit: int
    seconds: float
    slice: float  # seconds; the finer, the less of the limit is left unused

    def number(self, moment: float) -> int:
        return int(moment // self.slice)

    def drops_at(self, slice_: int) -> float:
        """When all of a slice is older than the window."""
        return (slice_ + 1) * self.slice + self.seconds

    def counting(self, used: Sequence[tuple[int, int]], now: float) -> Sequence[tuple[int, int]]:
        """The slices that count now."""
        gone = floor((now - self.seconds) / self.slice) - 1
        return used[bisect_right(used, gone, key=itemgetter(0)) :]

    def calls(self, used: Sequence[tuple[int, int]], now: float) -> int:
        """The calls that count now."""
        return sum(calls for _, calls in self.counting(used, now))


BATCHES = "batches_per_minute"
_WINDOWS = (
    ("per_second", 1.0, 480),
    ("per_minute", 60.0, 480),
    ("per_hour", 3600.0, 240),
    ("per_day", 86400.0, 240),
)


def ask(limits: Limits, budget: Budget, now: datetime, *, seconds: float, asker: Asker) -> tuple[Budget, Turn]:
    """Whether a call that takes at most `seconds` may go, and when: the budget with what came of it, and the turn.

    A turn within the asker's patience is taken: the call counts from then on. Where it is farther off, or where it depends
    on calls that are under way, the asker is noted as waiting, and finds its place in the line when it comes back then.
    """
    start = now.timestamp()
    budget = _without_what_is_over(limits, budget, start)
    mine = next((each for each in budget.waiting if (each.who, each.urgency) == (asker.who, asker.urgency)), None)
    since = mine.since if mine else start
    before = sum(
        each is not mine and each.back_at <= start + asker.patience and _comes_before(limits, each, asker, since, start)
        for each in budget.waiting
        if start <= each.back_at + 2 * asker.patience
    )
    at, sure = _earliest(limits, budget, start, asker, before)
    others = [each for each in budget.waiting if each is not mine]
    if sure and at <= start + asker.patience:
        call = Call(max(at, start), max(at, start) + seconds, asker.batch)
        turn = Turn(now if at <= start else datetime.fromtimestamp(at, UTC), True, call.over_by, asker.batch)
        return msgspec.structs.replace(budget, waiting=others, under_way=[*budget.under_way, call]), turn
    waiting = [*others, Waiting(asker.who, asker.urgency, since, at)]
    turn = Turn(datetime.fromtimestamp(at, UTC), False)
    return msgspec.structs.replace(budget, waiting=waiting), turn


def end(limits: Limits, budget: Budget, now: datetime, turn: Turn, heard: Heard = NOTHING) -> Budget:
    """The budget when a call is over: it counts by this moment from now on, and what the vendor said is learnt."""
    over = now.timestamp()
    call = next((call for call in budget.under_way if call.over_by == turn.over_by), None)
    if call is not None:
        busy = [each for each in budget.under_way if each is not call]
        budget = msgspec.structs.replace(budget, under_way=busy)
        if heard.sent:
            takes = budget.takes + 0.1 * (max(0.0, over - call.begins) - budget.takes)
            budget = _count(limits, msgspec.structs.replace(budget, takes=takes), call, over)
        for window in _windows(limits, turn.batch):
            if window.name in heard.remaining and call.begins >= budget.told_at.get(window.name, 0.0):
                budget = _learn(window, budget, call.begins, over, window.limit - heard.remaining[window.name])
    if heard.refused:
        if not heard.remaining:
            budget = _assume(limits, budget, over, turn.batch)
        budget = _slow_down(budget, over, heard.retry_after)
    return budget


def finish(
    limits: Limits, budget: Budget, now: datetime, *, calls: int, seconds_each: float, urgency: Urgency
) -> datetime:
    """When so many more calls will be over, one after the other, as far as can be told from what is used now."""
    start = now.timestamp()
    at = max(start, budget.closed_until) + calls * seconds_each
    for window in _windows(limits, batch=False):
        room = max(1, window.limit - int(window.limit * urgency.cushion) - _strange(window, budget, start))
        # What finds no room goes when what is counted now leaves the window, and then a window after its own forerunners.
        rounds, last = divmod(max(calls, 1) - 1, room)
        leaves = [drop for drop, number, _ in _drops(window, budget, start) for _ in range(number)]
        waits = last - (room - len(leaves))
        there_at = leaves[min(waits, len(leaves) - 1)] if waits >= 0 and leaves else start + last * seconds_each
        at = max(at, there_at + rounds * window.seconds)
    return datetime.fromtimestamp(at, UTC)


def _windows(limits: Limits, batch: bool) -> Iterator[_Window]:
    for name, seconds, slices in _WINDOWS:
        limit: int | None = getattr(limits, name)
        if limit is not None:
            yield _Window(name, limit, seconds / limits.speed, seconds / limits.speed / slices)
    if batch and limits.batches_per_minute is not None:
        yield _Window(BATCHES, limits.batches_per_minute, 60.0 / limits.speed, 0.125 / limits.speed)


def _without_what_is_over(limits: Limits, budget: Budget, start: float) -> Budget:
    lost = [call for call in budget.under_way if call.over_by <= start]
    for call in lost:  # its worker died: it may have reached the vendor at any moment till then
        budget = _count(limits, budget, call, call.over_by)
    windows = list(_windows(limits, batch=True))
    return msgspec.structs.replace(
        budget,
        ours={each.name: each.counting(budget.ours.get(each.name, []), start) for each in windows},
        strangers={each.name: each.counting(budget.strangers.get(each.name, []), start) for each in windows},
        under_way=[call for call in budget.under_way if call.over_by > start],
        waiting=[each for each in budget.waiting if each.back_at + LONGEST_OWN_PAUSE > start],
    )


def _comes_before(limits: Limits, other: Waiting, asker: Asker, since: float, start: float) -> bool:
    """Whether another who waits goes before the asker: the more urgent first, then who waits longest."""
    age = AGE / limits.speed
    theirs = other.urgency - int((start - other.since) / age), other.since
    return theirs < (asker.urgency - int((start - since) / age), since)


def _earliest(limits: Limits, budget: Budget, start: float, asker: Asker, before: int) -> tuple[float, bool]:
    """The earliest moment for a call with so many others before it, and whether that is sure."""
    at, sure = max(start, budget.closed_until), True
    for window in _windows(limits, asker.batch):
        there_at, there_sure = _room_at(window, budget, start, asker.urgency, before)
        at, sure = max(at, there_at), sure and there_sure
    if limits.at_once is not None:
        places = limits.at_once - (asker.urgency > Urgency.POSTING and limits.at_once > 2)
        usual = sorted(call.begins + budget.takes for call in budget.under_way)
        if (ahead := len(usual) + before - places) >= 0:
            at, sure = max(at, usual[min(ahead, len(usual) - 1)] if usual else start), False
    # What is not sure is asked again when it usually would be so.
    return (at, True) if sure else (max(at, start + budget.takes / 4), False)


def _room_at(window: _Window, budget: Budget, start: float, urgency: Urgency, before: int) -> tuple[float, bool]:
    """When the window has room for a call and for what has to stay free, and whether that is sure."""
    drops = _drops(window, budget, start)
    free = window.limit - sum(calls for _, calls, _ in drops) - 1 - before - int(window.limit * urgency.cushion)
    free -= max(0, _strange(window, budget, start) - window.calls(budget.strangers.get(window.name, []), start))
    rate = _rate_of_strangers(window, budget)
    at, sure, passed = start, True, 0
    while passed < len(drops) and free < _may_come(window, budget, rate, at):
        at, calls, known = drops[passed]
        sure = sure and known
        free += calls
        passed += 1
    # From then on, room for the more urgent comes at least as fast as is left for them.
    if urgency.leaves:
        every = window.seconds / window.limit / urgency.leaves
        for drop, calls, _ in drops[passed:]:
            at = max(at, drop - (free + 1) * every)
            free += calls
    return at, sure


def _drops(window: _Window, budget: Budget, start: float) -> list[tuple[float, int, bool]]:
    """When calls leave the window, how many, and whether that is sure: nobody knows when one under way will be over."""
    known = [
        *window.counting(budget.ours.get(window.name, []), start),
        *window.counting(budget.strangers.get(window.name, []), start),
    ]
    under_way = (
        (max(call.begins + budget.takes, start) + window.seconds, 1, False)
        for call in budget.under_way
        if call.batch or window.name != BATCHES
    )
    return sorted([*((window.drops_at(slice_), calls, True) for slice_, calls in known), *under_way])


def _rate_of_strangers(window: _Window, budget: Budget) -> float:
    """Calls a second, when the vendor last told of them."""
    told_at = budget.told_at.get(window.name, 0.0)
    return window.calls(budget.strangers.get(window.name, []), told_at) / window.seconds


def _may_come(window: _Window, budget: Budget, rate: float, at: float) -> float:
    """How many calls of strangers may have come since the vendor last said what is left."""
    expected = rate * min(max(0.0, at - budget.told_at.get(window.name, at)), window.seconds / 4)
    return expected + CAUTION * sqrt(expected)


def _strange(window: _Window, budget: Budget, now: float) -> int:
    """How many calls of strangers the window holds."""
    count, met_at = budget.assumed.get(window.name, (0, now))
    faded = 1 - (now - met_at) / (FADES_AFTER * window.seconds)
    return max(window.calls(budget.strangers.get(window.name, []), now), int(count * max(0.0, faded)))


def _count(limits: Limits, budget: Budget, call: Call, over: float) -> Budget:
    """The call is over: until the end of each window that begins with that moment it counts."""
    ours = dict(budget.ours)
    for window in _windows(limits, call.batch):
        ours[window.name] = sorted((Counter(dict(ours.get(window.name, []))) + Counter([window.number(over)])).items())
    return msgspec.structs.replace(budget, ours=ours)


def _learn(window: _Window, budget: Budget, began: float, over: float, counted: int) -> Budget:
    """What the vendor counts beyond our own calls is strangers'. Ours leave its count earlier than they leave ours."""
    ours = window.calls(budget.ours.get(window.name, []), over + budget.takes)
    ours += sum(call.begins < began for call in budget.under_way)
    known = list(window.counting(budget.strangers.get(window.name, []), over))
    new = max(0, counted - ours) - sum(calls for _, calls in known)
    if new > 0:
        known = sorted((Counter(dict(known)) + Counter({window.number(over): new})).items())
    while new < 0:  # the oldest have left it already
        slice_, calls = known.pop(0)
        if calls > -new:
            known.insert(0, (slice_, calls + new))
        new += calls
    return msgspec.structs.replace(
        budget,
        strangers={**budget.strangers, window.name: known},
        told_at={**budget.told_at, window.name: (began + over) / 2},
    )


def _assume(limits: Limits, budget: Budget, now: float, batch: bool) -> Budget:
    """Refused without a word on what is left: strangers have what is missing in the window that was fullest, at most half."""
    ours = {window: window.calls(budget.ours.get(window.name, []), now) for window in _windows(limits, batch)}
    if not ours:
        return budget
    fullest = max(ours, key=lambda window: ours[window] / window.limit)
    met = (min(fullest.limit // 2, max(0, fullest.limit - ours[fullest] + 1)), now)
    return msgspec.structs.replace(budget, assumed={**budget.assumed, fullest.name: met})


def _slow_down(budget: Budget, now: float, retry_after: float | None) -> Budget:
    """Closed as long as the vendor says, else longer each time in a row: within some minutes of the pause before."""
    refusals = budget.refusals + 1 if now - budget.closed_until < LONGEST_OWN_PAUSE else 1
    if retry_after is None:
        pause = min(2.0 ** min(refusals, 10), LONGEST_OWN_PAUSE)
    else:
        pause = min(max(retry_after, 0.0), LONGEST_PAUSE)
    return msgspec.structs.replace(budget, refusals=refusals, closed_until=max(budget.closed_until, now + pause))
