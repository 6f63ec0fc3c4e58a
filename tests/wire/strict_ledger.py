"""A vendor that limits each ledger as the manuals of such vendors say, and a clock that costs nothing. Shares nothing with ours."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MINUTE, DAY = 60.0, 86400.0


@dataclass(frozen=True)
class Verdict:
    """What the ledger answers to a call: its status, and what it tells of its limits."""

    status: int
    minute_left: int
    day_left: int
    retry_after: float | None = None


@dataclass
class StrictLedger:
    """So many calls in any 60 seconds and in any 24 hours, and so many at once; refused ones do not count.

    `speed` is how many times faster its clock for limits runs than the seconds it is told.
    """

    minute: int = 60
    day: int = 5000
    at_once: int = 5
    speed: float = 1.0
    under_way: int = 0
    _times: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> Verdict:
        """A call reaches the ledger; one that is let in has to `leave`."""
        while self._times and self._times[0] <= now - DAY / self.speed:
            self._times.popleft()
        in_minute = 0
        for time in reversed(self._times):
            if time <= now - MINUTE / self.speed:
                break
            in_minute += 1
        left = self.minute - in_minute, self.day - len(self._times)
        if self.under_way >= self.at_once:
            return Verdict(429, *left, retry_after=1 / self.speed)
        if not left[0] or not left[1]:
            first, seconds = (self._times[-in_minute], MINUTE) if not left[0] else (self._times[0], DAY)
            return Verdict(429, *left, retry_after=first + seconds / self.speed - now)
        self._times.append(now)
        self.under_way += 1
        return Verdict(200, left[0] - 1, left[1] - 1)

    def leave(self) -> None:
        """The call is answered."""
        self.under_way -= 1


class Clock:
    """Runs what is to be done in the order of its time; what is to be done yields the seconds until it goes on."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Generator[float, Any, None]]] = []
        self._numbers = count()

    def begin(self, work: Generator[float, Any, None], after: float = 0.0) -> None:
        heapq.heappush(self._due, (self.now + after, next(self._numbers), work))

    def run(self, until: Callable[[], bool]) -> None:
        """Goes on until that holds, or nothing is left to do."""
        while self._due and not until():
            self.now, _, work = heapq.heappop(self._due)
            if (pause := next(work, None)) is not None:
                self.begin(work, pause)
