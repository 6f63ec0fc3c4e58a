"""Signs of life: how a supervisor learns that a part still does its work."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.utils import timezone

from plumbing.models import Heartbeat

ANSWER_WITHIN = 5.0  # seconds
LONG_GONE = timedelta(days=1)


def answers(address: str, headers: Mapping[str, str] | None = None) -> Callable[[], bool]:
    """Whether the address answers now with a success."""
    request = urllib.request.Request(address, headers=dict(headers or {}))  # noqa: S310  # an address of our own parts

    def alive() -> bool:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN):  # noqa: S310
                return True
        except (OSError, urllib.error.URLError):
            return False

    return alive


def beats(name: str) -> Callable[[], bool]:
    """Whether the named part has beaten since it was asked last; raises where the database cannot be asked."""
    last = _beat_of(name)

    def alive() -> bool:
        nonlocal last
        before, last = last, _beat_of(name)
        return last is not None and last != before

    return alive


def forget(*names: str) -> None:
    """These parts were ended in order: nobody is to miss them."""
    Heartbeat.objects.filter(name__in=names).delete()


def forget_the_long_gone() -> None:
    """Machines come and go: whoever has not been seen for a day is not missed any more."""
    Heartbeat.objects.filter(at__lt=timezone.now() - LONG_GONE).delete()


def _beat_of(name: str) -> datetime | None:
    close_old_connections()
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
