"""The time that a simulated vendor lives in."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The real time, unless it is moved or stopped; moments are aware and in UTC."""

    def __init__(self, at: datetime | None = None) -> None:
        """Runs with the real time; with `at` it stands still at that moment."""
        self.offset = timedelta()
        self.stopped_at = at

    def now(self) -> datetime:
        return self.stopped_at or datetime.now(UTC) + self.offset

    def ticks(self) -> float:
        """Seconds for measuring rates: they go on while the clock is stopped, and jump when it is moved."""
        return time.monotonic() + self.offset.total_seconds()

    def move(self, by: timedelta) -> None:
        """Jumps ahead (or back), stopped or not."""
        self.offset += by
        if self.stopped_at is not None:
            self.stopped_at += by

    def stop(self, at: datetime | None = None) -> None:
        """Stands still, at `at` or where it is."""
        self.stopped_at = at or self.now()

    def go(self) -> None:
        """Runs on from where it stands."""
        if self.stopped_at is not None:
            self.offset = self.stopped_at - datetime.now(UTC)
            self.stopped_at = None
