"""The vendor's rate limits, counted over sliding windows."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .clock import Clock


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` requests with the same `key` in `seconds`."""

    key: str
    most: int
    seconds: float


class Limits:
    """Counts requests; `speed` makes the windows that many times shorter in real time, 0 switches them off."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self.speed = speed
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: defaultdict[str, deque[float]] = defaultdict(deque)
        self._in_flight: defaultdict[str, int] = defaultdict(int)

    def admit(self, windows: Sequence[Window]) -> bool:
        """Whether a request fits into all windows; only then it is counted."""
        if not self.speed:
            return True
        with self._lock:
            now = self._clock.ticks()
            for window in windows:
                seen = self._seen[window.key]
                while seen and seen[0] <= now - window.seconds / self.speed:
                    seen.popleft()
                if len(seen) >= window.most:
                    return False
            for window in windows:
                self._seen[window.key].append(now)
            return True

    @contextmanager
    def at_once(self, key: str, most: int) -> Iterator[bool]:
        """Whether no more than `most` requests with this key, this one included, are under way."""
        with self._lock:
            self._in_flight[key] += 1
            fits = not self.speed or self._in_flight[key] <= most
        try:
            yield fits
        finally:
            with self._lock:
                self._in_flight[key] -= 1
