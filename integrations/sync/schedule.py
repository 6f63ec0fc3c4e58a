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


def next_slot(flow: Flow, *, after: datetime | None = None) -> datetime | None:
    """The first slot of the flow after that moment (now); None where it runs by hand or is switched off.

    A slot that was missed is not made up for twice: what counts is the next one after now.
    """
    if not flow.enabled or flow.schedule == Flow.Schedule.BY_HAND:
        return None
    now = after or timezone.now()
    if flow.schedule == Flow.Schedule.INTERVAL:
        return now + timedelta(minutes=flow.every_minutes or SHORTEST)
    zone = Tenant.objects.only("time_zone").get(pk=current_tenant_id()).zone
    return next_at(flow.cron, zone=zone, after=now)


def next_at(cron: str, *, zone: ZoneInfo, after: datetime) -> datetime:
    """The next moment, in UTC, that a cron expression names on the clocks of a zone.

    On a night when clocks jump, a slot that does not exist runs once, just after; one that comes twice runs once.
    """
    return next(CronSim(cron, after.astimezone(zone))).astimezone(UTC)


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
