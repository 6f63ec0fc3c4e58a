"""When a run will be over, as far as its pace and the vendor's limits tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.budgets import expected_finish
from integrations.sync.calls import urgency_of
from integrations.sync.models import Call, Item, Run

LATELY = 100  # calls from which the pace is told
LONGEST_STEP = timedelta(minutes=1)  # between two calls of a run that goes on; where it is longer, it had to wait


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a run will be over, and how many calls a minute that takes."""

    at: datetime
    calls_a_minute: int

    def __str__(self) -> str:
        at = timezone.localtime(self.at)
        day = "" if at.date() == timezone.localdate() else f" on {at:%d %B}"
        return f"about {at:%H:%M}{day} at {self.calls_a_minute:,} calls a minute"


def outlook(run: Run) -> Outlook | None:
    """When a run that applies its plan will be over; None where nothing is left, or nothing can be told yet."""
    applied = run.counts.get("applied", 0)
    if run.stage != "applying" or run.state not in (Run.State.QUEUED, Run.State.RUNNING) or not applied:
        return None
    with transaction.atomic():
        left = Item.objects.filter(run=run, state__in=(Item.State.PLANNED, Item.State.APPLYING)).count()
        sent = Call.objects.filter(run=run, purpose=Call.Purpose.WRITE, sent_at__isnull=False)
        made, lately = sent.count(), sent.order_by("-pk").values_list("sent_at", flat=True)[:LATELY]
        moments = sorted(moment for moment in lately if moment is not None)
    steps = [later - earlier for earlier, later in pairwise(moments) if later - earlier <= LONGEST_STEP]
    if not steps or not left:
        return None
    calls = max(1, round(left * made / applied))
    target = run.flow.target
    at = expected_finish(
        target,
        line.limits_of(target),
        calls=calls,
        each=sum(steps, timedelta()).total_seconds() / len(steps),
        urgency=urgency_of(run),
    )
    return Outlook(at, max(1, round(calls / max(1.0, (at - timezone.now()).total_seconds()) * 60)))  # not money
