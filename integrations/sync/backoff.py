"""How long a run waits for a vendor that cannot answer: ever longer, spread out, and never less than the vendor asks for."""

from __future__ import annotations

from datetime import timedelta

FIRST, LONGEST = 2.0, 600.0  # seconds
SPREAD = 0.1  # of what the vendor asked for, on top of it: else all that it sent away come back in the same second
TOLD_AFTER = timedelta(hours=1)  # without getting on, a person is told; it is tried on
GIVEN_UP_AFTER = timedelta(days=1)  # without getting on, the run ends; the next one takes up what it leaves


def pause(tries: int, *, asked: float | None = None, chance: float) -> float:
    """Seconds until the next try after so many in a row, 1 or more; `chance`, from 0 to 1, spreads those that wait."""
    usual: float = min(LONGEST, FIRST * 2.0 ** min(tries, 16)) * (0.5 + chance / 2)
    if asked is None:
        return usual
    return max(asked * (1 + SPREAD * chance), usual)
