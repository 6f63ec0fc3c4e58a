"""What is usual for a flow at this weekday and hour, learnt from its own past; and whether what came is less than that. Pure.

A day is judged against the same weekday of the weeks before: the median of what had come by that hour, and the spread around
it. So a weekly pattern is no surprise, one odd day in the past changes nothing, and a change that stays is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import dropwhile
from math import sqrt
from statistics import median

Hours = Sequence[int]
"""What came in each of the 24 hours of a day, by the clocks of the tenant."""

WEEKS = 8  # that are looked at, at the most
LEAST_WEEKS = 4  # before that nothing is said
LOOK_BACK = timedelta(weeks=12)  # how far the past is of any use
LEAST_A_DAY = 3  # less than this is no volume that could be missed
HARDLY = 4  # a day is silent if at most a quarter of the usual came
SELDOM = 4  # where a quarter of the weeks before were silent, every second week for instance, another one is no news
SIGMAS = 3  # by how many spreads what is missing has to stand out
TO_SIGMA = 1.4826  # not money: from the median distance to the standard deviation, for what is spread evenly
LONGEST_EPISODE = timedelta(days=35)


class Verdict(StrEnum):
    """What a flow's volume looks like."""

    UNKNOWN = "unknown"  # too little of the past is known, or nothing is expected
    USUAL = "usual"
    SHORT = "short"  # on one day: that may be a holiday, so it is shown
    MISSING = "missing"  # on more than one day: that is told to people


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What came on one day up to an hour, and what had come by then on the same weekdays before, the latest first."""

    day: date
    came: int
    before: Sequence[int]
    # The median of the weeks before.
    usual: float

    @property
    def spread(self) -> float:
        """How far from the usual such days lie, one with another: at least what chance alone does."""
        return max(TO_SIGMA * median(abs(each - self.usual) for each in self.before), sqrt(self.usual))

    @property
    def is_expected(self) -> bool:
        """Whether so much is usual that it can be missed, and such days are not silent now and then."""
        return self.usual >= LEAST_A_DAY and self._was_silent_and_came_back * SELDOM < len(self.before)

    @property
    def is_silent(self) -> bool:
        """Whether hardly anything of the usual came."""
        return self._is_hardly_any(self.came)

    @property
    def _was_silent_and_came_back(self) -> int:
        """How many of the weeks before were silent, without those of a silence that still lasts."""
        return sum(map(self._is_hardly_any, dropwhile(self._is_hardly_any, self.before)))

    def _is_hardly_any(self, came: int) -> bool:
        return came * HARDLY <= self.usual


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, with the silent days it stands on, the latest first."""

    verdict: Verdict
    days: Sequence[Day] = field(default=())

    @property
    def since(self) -> date:
        """The first of the silent days."""
        return self.days[-1].day

    @property
    def came(self) -> int:
        """What came on these days."""
        return sum(day.came for day in self.days)

    @property
    def usual(self) -> float:
        """What is usual on such days."""
        return sum(day.usual for day in self.days)


def judge(past: Mapping[date, Hours], *, today: date, through: int) -> Judgement:
    """What the volume up to and with the hour `through` of today looks like (-1: today says nothing yet).

    `past` holds the days on which the source was asked and answered, today among them; of others nothing is known, and they
    count neither way.
    """
    silent: list[Day] = []
    judged = False
    for day in _expected(past, today=today, through=through):
        judged = True
        if not day.is_silent:
            break
        silent.append(day)
    if not _stands_out(silent):
        return Judgement(Verdict.USUAL if judged else Verdict.UNKNOWN)
    # No single day decides: it may be a holiday.
    biggest = max(silent, key=lambda day: day.usual)
    repeated = _stands_out([day for day in silent if day is not biggest])
    return Judgement(Verdict.MISSING if repeated else Verdict.SHORT, silent)


def _expected(past: Mapping[date, Hours], *, today: date, through: int) -> Iterator[Day]:
    """The days on which something was to be expected, the latest first."""
    day = today
    while day >= today - LONGEST_EPISODE:
        hour = through if day == today else 23
        if day in past and hour >= 0:
            before = list(_same_weekdays(past, day, hour))
            if len(before) >= LEAST_WEEKS:
                found = Day(day=day, came=sum(past[day][: hour + 1]), before=before, usual=median(before))
                if found.is_expected:
                    yield found
        day -= timedelta(days=1)


def _same_weekdays(past: Mapping[date, Hours], day: date, hour: int) -> Iterator[int]:
    """What had come by that hour on the same weekdays before, of the latest weeks that are known."""
    found = 0
    week = day - timedelta(weeks=1)
    while week >= day - LOOK_BACK and found < WEEKS:
        if week in past:
            found += 1
            yield sum(past[week][: hour + 1])
        week -= timedelta(weeks=1)


def _stands_out(days: Sequence[Day]) -> bool:
    """Whether what is missing on these days is more than chance takes away."""
    missing = sum(day.usual - day.came for day in days)
    return bool(days) and missing >= SIGMAS * sqrt(sum(day.spread**2 for day in days))
