"""What is due: flows whose slot has come, and runs whose next slice has; looked for over all tenants."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.sync.models import Flow, Run
from integrations.sync.schedule import next_slot
from plumbing.pages import update_page
from plumbing.roles import dispatch
from tenants.models import Tenant
from tenants.scope import tenant_scope

log = logging.getLogger(__name__)

MOST = 2000  # taken at one look
HAND_OUT_AGAIN = timedelta(seconds=60)


def start_due_flows() -> int:
    """Begin a run of every flow whose slot has come, and set its next slot; gives how many were begun.

    Each flow's row is locked while its slot moves, and nobody waits for a lock: two ticks never begin the same slot,
    and a slot that was missed runs once.
    """
    begun = 0
    due = _due_flows()
    zones = _zones(due) if due else {}
    for tenant, flows in due.items():
        try:
            with tenant_scope(tenant):
                begun += _start(flows, zone=ZoneInfo(zones[tenant]))
        except Exception:  # one tenant's trouble is no reason to keep the others waiting
            log.exception("The flows of tenant %s that are due could not be begun", tenant)
    return begun


def take_due_runs() -> list[tuple[UUID, UUID]]:
    """(tenant, run) of every run whose next slice is due and that no worker has: also of those whose worker died.

    Whoever takes them hands them to a worker; one that is lost on the way is due again in a minute.
    """
    _wake_reconnected()
    now = timezone.now()
    asleep = Q(state__in=(Run.State.QUEUED, Run.State.RUNNING), wake_at__lte=now)
    on_its_way = Q(handed_at__gte=F("wake_at"), handed_at__gt=now - HAND_OUT_AGAIN)
    abandoned = Q(state=Run.State.RUNNING, wake_at=None, leased_until__lte=now)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    with dispatch():
        due = (
            Run.everywhere.filter(asleep | abandoned)
            .filter(free)
            .exclude(on_its_way)
            .order_by("wake_at")
            .select_for_update(skip_locked=True)
        )
        rows = list(due.values_list("tenant_id", "id")[:MOST])
        Run.everywhere.filter(id__in=[run for _, run in rows]).update(handed_at=now)
    return rows


def _wake_reconnected() -> None:
    """Let the runs go on that waited for a connection and whose connections both stand again."""
    with dispatch():
        waiting = Run.everywhere.filter(state=Run.State.RUNNING, wake_at=None, leased_until=None)
        rows = list(waiting.order_by("id").values_list("tenant_id", "id")[:MOST])
    usable = Connection.State.CONNECTED
    for tenant, runs in _by_tenant(rows).items():
        with tenant_scope(tenant), transaction.atomic():
            asleep = Run.objects.filter(pk__in=runs, state=Run.State.RUNNING, wake_at=None, leased_until=None)
            ready = asleep.filter(flow__source__state=usable, flow__target__state=usable)
            ready.update(wake_at=timezone.now())


def _due_flows() -> Mapping[UUID, Sequence[UUID]]:
    with dispatch():
        due = Flow.everywhere.filter(enabled=True, next_run_at__lte=timezone.now())
        return _by_tenant(list(due.order_by("next_run_at").values_list("tenant_id", "id")[:MOST]))


def _zones(tenants: Collection[UUID]) -> dict[UUID, str]:
    with dispatch():
        return dict(Tenant.objects.filter(pk__in=list(tenants)).values_list("pk", "time_zone"))


def _by_tenant(rows: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, Sequence[UUID]]:
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for tenant, each in rows:
        by_tenant[tenant].append(each)
    return by_tenant


def _start(flows: Sequence[UUID], *, zone: ZoneInfo) -> int:
    """Begin a run of each of these that is still due and has none under way: a handful of statements for all of them."""
    with transaction.atomic():
        now = timezone.now()
        due = Flow.objects.filter(pk__in=flows, enabled=True, next_run_at__lte=now).select_for_update(skip_locked=True)
        taken = list(due.order_by("rank", "pk"))
        begun = [Run(flow=flow, started_by="schedule", wake_at=now) for flow in taken]
        # A flow has one open run: where there is one, it brings what this slot would have brought.
        Run.objects.bulk_create(begun, ignore_conflicts=True)
        for flow in taken:
            flow.next_run_at = next_slot(flow, after=now, zone=zone)
        update_page(taken, "next_run_at")
        return Run.objects.filter(pk__in=[run.pk for run in begun]).count()
