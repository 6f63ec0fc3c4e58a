"""How long a run waits for a vendor that cannot answer: ever longer, spread out, and never less than the vendor asks for."""

from __future__ import annotations

from datetime import timedelta

FIRST, LONGEST = 2, 600  # seconds
# Not all that a vendor sent away come back in the same second: so much is added to what it asked for, at most.
SPREAD = 0.1  # not money
TOLD_AFTER = timedelta(hours=1)  # without getting on, a person is told; it is tried on
GIVEN_UP_AFTER = timedelta(days=1)  # without getting on, the run ends; the next one takes up what it leaves


def pause(tries: int, *, asked: float | None = None, chance: float) -> float:
    """Seconds until the next try after so many in a row, 1 or more; `chance`, from 0 to 1, spreads those that wait."""
    usual = min(LONGEST, FIRST << min(tries, 16)) * (1 + chance) / 2
    if asked is None:
        return usual
    return max(asked * (1 + SPREAD * chance), usual)
