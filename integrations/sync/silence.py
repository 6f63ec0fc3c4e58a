"""Silence: a connection that was to be asked by now and has not answered since. Deciding it is pure; telling it is below."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.records import issues
from integrations.records.models import Issue
from integrations.sync.models import Flow, Run
from integrations.sync.schedule import next_slot, tenant_zone
from plumbing.roles import dispatch
from tenants.scope import tenant_scope

NOT_HEARD = "not_heard"
PATIENCE = timedelta(hours=1)  # after a slot: a run may take its time, and a vendor may be away for a while

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends that a flow asks whenever its slot comes, the source first; `next_after` gives its slots."""

    source: UUID
    target: UUID
    next_after: Callable[[datetime], datetime | None]


def silent(flows: Iterable[Ends], heard: Mapping[UUID, datetime], *, now: datetime) -> dict[UUID, datetime]:
    """The connections that have not answered since a slot came: connection → the slot.

    `heard` says when each answered last. Of two silent ends of a flow only the one silent for longer is named: a run asks
    one after the other, so that the one that does not answer keeps the other from being asked.
    """
    found: dict[UUID, datetime] = {}
    for flow in flows:
        due = {
            end: slot
            for end in (flow.source, flow.target)
            if (slot := flow.next_after(heard[end])) is not None and slot + PATIENCE <= now
        }
        if due:
            first = min(due, key=lambda end: heard[end])
            found[first] = min(due[first], found.get(first, due[first]))
    return found


def tenants_with_schedules() -> list[UUID]:
    """The tenants that have flows on a schedule."""
    with dispatch():
        scheduled = Flow.everywhere.filter(enabled=True, next_run_at__isnull=False)
        return list(scheduled.order_by().values_list("tenant_id", flat=True).distinct())


def watch(tenant: UUID) -> None:
    """Tell the tenant's people of connections that have fallen silent, and that those which answered are heard again."""
    with tenant_scope(tenant), transaction.atomic():
        flows = _asking()
        connections = {end.pk: end for flow in flows for end in (flow.source, flow.target)}
        heard = {pk: _last_sign(connection) for pk, connection in connections.items()}
        zone = tenant_zone()
        ends = [Ends(flow.source_id, flow.target_id, partial(_slot_after, flow, zone)) for flow in flows]
        found = silent(ends, heard, now=timezone.now())
        standing = Issue.objects.filter(code=NOT_HEARD, state__in=(Issue.State.OPEN, Issue.State.IGNORED))
        known = set(standing.values_list("connection_id", flat=True))
        issues.open_issues(_issue(connections[pk], slot) for pk, slot in found.items() if pk not in known)
        # Also one that a person ignored is over: the next silence is another one.
        over = standing.filter(connection__in=[pk for pk in connections if pk not in found])
        over.update(state=Issue.State.SOLVED, ended_at=timezone.now())


def _slot_after(flow: Flow, zone: ZoneInfo, after: datetime) -> datetime | None:
    return next_slot(flow, after=after, zone=zone)


def _asking() -> Sequence[Flow]:
    """The flows of which a slot means that both ends are asked: of others it is known why they are not."""
    open_ends = (Connection.State.NEW, Connection.State.CONNECTED)
    flows = Flow.objects.filter(enabled=True, source__state__in=open_ends, target__state__in=open_ends)
    stopped = Run.objects.filter(state=Run.State.STOPPED).values("flow")
    flows = flows.exclude(schedule=Flow.Schedule.BY_HAND).exclude(pk__in=stopped).select_related("source", "target")
    # Who is missed where a vendor's side comes to us is another matter.
    return [flow for flow in flows if not any(_is_polled(end) for end in (flow.source, flow.target))]


def _is_polled(connection: Connection) -> bool:
    return connector(connection.connector).driver == "polled"


def _last_sign(connection: Connection) -> datetime:
    """When it answered last, or was made or connected, where that came later: before, nobody could expect an answer."""
    signs = (connection.heard_at, connection.connected_at, connection.created_at)
    return max(sign for sign in signs if sign is not None)


def _issue(connection: Connection, slot: datetime) -> Issue:
    local = slot.astimezone(tenant_zone())
    heard = connection.heard_at.astimezone(tenant_zone()) if connection.heard_at else None
    since = f"since {heard:%A, %-d %B, %H:%M}" if heard else "ever"
    return Issue(
        code=NOT_HEARD,
        about=issues.about(NOT_HEARD, connection.pk),
        connection=connection,
        where=str(connection),
        words=f"No answer came {since}; it was to be asked on {local:%A, %-d %B, at %H:%M}.",
        explanation="A flow's time came and no answer of this system was received since. While that lasts, nothing flows, "
        "and that nothing is shown as wrong means nothing.",
        advice="Test the connection on its page. If it answers, look at the flow's latest run: it says what it waits for.",
        alert=True,
    )
