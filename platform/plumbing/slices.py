"""Slices: long work is done in pieces of a minute, and each piece says when the next is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

SLICE = timedelta(seconds=55)
LEASE = (
    180  # seconds for which a worker holds what it works on at a time: as long as the longest call and what it writes
)


class NotNow(Exception):
    """This piece of work ends here, and goes on at `at`."""

    def __init__(self, at: datetime, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


def slice_end() -> datetime:
    """When a slice that begins now has to end."""
    return timezone.now() + SLICE


def check_time(until: datetime) -> None:
    """Raises NotNow, to go on at once in another slice, when this one has lasted long enough."""
    if timezone.now() >= until:
        raise NotNow(timezone.now(), "the slice is over")


def after(seconds: float, why: str) -> NotNow:
    """NotNow, but in so many seconds."""
    return NotNow(timezone.now() + timedelta(seconds=seconds), why)
