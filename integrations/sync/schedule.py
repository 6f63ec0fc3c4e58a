"""Schedules: when a flow is next due, in the tenant's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations.sync.models import Flow
from tenants.models import Tenant
from tenants.scope import current_tenant_id

SHORTEST = 1  # minutes
FIELDS = 5  # of an expression: minute, hour, day, month, weekday
EVERY_HOUR = set(range(24))
PRECISION = timedelta(milliseconds=100)  # to which the moment of a jump is looked for; clocks jump on a full second


def next_slot(flow: Flow, *, after: datetime | None = None, zone: ZoneInfo | None = None) -> datetime | None:
    """The first slot of the flow after that moment (now); None where it runs by hand or is switched off.

    A slot that was missed is not made up for twice: what counts is the next one after now. `zone` is the tenant's,
    where it is known already.
    """
    if not flow.enabled or flow.schedule == Flow.Schedule.BY_HAND:
        return None
    now = after or timezone.now()
    if flow.schedule == Flow.Schedule.INTERVAL:
        return now + timedelta(minutes=flow.every_minutes or SHORTEST)
    return next_at(flow.cron, zone=zone or tenant_zone(), after=now)


def tenant_zone() -> ZoneInfo:
    """The time zone of the tenant in scope."""
    return Tenant.objects.only("time_zone").get(pk=current_tenant_id()).zone


def next_at(cron: str, *, zone: ZoneInfo, after: datetime) -> datetime:
    """The next moment, in UTC, that a cron expression of five fields names on the clocks of a zone.

    On a night when clocks jump, a slot that does not exist runs once, just after; one that comes twice runs once. What
    runs in every hour of the day goes on by the hours that pass, whatever clocks show. Raises CronSimError, and
    StopIteration where it never comes.
    """
    if len(cron.split()) != FIELDS:
        raise CronSimError("Wrong number of fields")
    local = after.astimezone(zone)
    slots = CronSim(cron, local.replace(tzinfo=None, fold=0))
    if slots.hours == EVERY_HOUR:
        return next(CronSim(f"0 {cron}", local)).astimezone(UTC)  # with seconds, it leaves clocks that jump alone
    # Each slot on the wall is one moment, so that none is left out and none comes twice.
    while True:
        moment = _moment(next(slots), zone)
        if moment > after:
            return moment


def _moment(on_the_wall: datetime, zone: ZoneInfo) -> datetime:
    """When clocks of the zone first show this, in UTC; where they never do, when they have jumped over it."""
    told = on_the_wall.replace(tzinfo=zone)
    moment = told.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == on_the_wall:
        return moment
    # By the offset before the jump it comes out after it, and by the one after the jump before it.
    before, after = told.replace(fold=1).astimezone(UTC), moment
    while after - before > PRECISION:
        middle = before + (after - before) / 2
        jumped = middle.astimezone(zone).replace(tzinfo=None) > on_the_wall
        before, after = (before, middle) if jumped else (middle, after)
    return after.replace(microsecond=0)


def check_schedule(flow: Flow) -> None:
    """Raises ValidationError where a flow's schedule cannot be followed."""
    if flow.schedule == Flow.Schedule.INTERVAL and (flow.every_minutes or 0) < SHORTEST:
        raise ValidationError({"every_minutes": f"Say every how many minutes it runs, {SHORTEST} at the least."})
    if flow.schedule == Flow.Schedule.CRON:
        try:
            next_at(flow.cron, zone=ZoneInfo("UTC"), after=timezone.now())
        except (CronSimError, StopIteration) as error:
            raise ValidationError(
                {
                    "cron": f"{flow.cron!r} is no schedule: write minute, hour, day, month and weekday, as in '0 6 * * 1'."
                }
            ) from error
