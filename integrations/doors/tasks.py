"""The tasks of the background: each opens a tenant's scope, calls one service, and returns nothing. They take ids only.

What is true about a run stands in its row: a task that is lost, repeated or late does no harm.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction
from django_q.tasks import async_task

from integrations.connections import grants
from integrations.connections import knocks as bells
from integrations.doors import alerts
from integrations.records import consents, knocks
from integrations.sync import due, erased, polled, silence
from integrations.sync.models import Run
from integrations.sync.run import carry_out
from integrations.sync.stages import Later
from plumbing.slices import slice_end
from tenants.audit import seals
from tenants.scope import tenant_scope

log = logging.getLogger(__name__)


def run_flow(tenant_id: str, run_id: str) -> None:
    """One slice of a run; what is left is handed out again by the tick when its time has come."""
    with tenant_scope(tenant_id):
        with transaction.atomic():
            run = Run.objects.get(pk=run_id)
        outcome = carry_out(run, until=slice_end())
        if isinstance(outcome, Later):
            log.info("run %s goes on at %s: %s", run_id, outcome.at or "a person's word", outcome.why)
        else:
            log.info("run %s ended %s", run_id, outcome.colour or "as a preview")


def look() -> None:
    """One look at what is due, over all tenants: begin flows, and hand out slices, grants and bells whose time has come."""
    due.start_due_flows()
    due_runs = due.take_due_runs()
    with transaction.atomic():  # a commit for each of a thousand would take longer than all the rest
        for tenant, run in due_runs:
            enqueue(tenant_id=str(tenant), run_id=str(run))
    renew_grants()
    for tenant, bell in bells.take_due():
        async_task("integrations.doors.tasks.answer_knocks", str(tenant), str(bell), task_name=f"bell {bell}")


def renew_grants() -> None:
    """One look at the grants that are to be refreshed though nobody needs them, over all tenants: workers do it."""
    for tenant, connection in grants.take_due():
        async_task(
            "integrations.doors.tasks.renew_grant", str(tenant), str(connection), task_name=f"grant {connection}"
        )


def renew_grant(tenant_id: str, connection_id: str) -> None:
    """Refresh a grant, and warn the people of its end where no refreshing puts that off."""
    with tenant_scope(tenant_id):
        connection = grants.keep_alive(connection_id)
        with transaction.atomic():
            consents.warn(connection)


def enqueue(*, tenant_id: str, run_id: str) -> None:
    """Hand a run's next slice to the workers."""
    async_task("integrations.doors.tasks.run_flow", tenant_id, run_id, task_name=f"run {run_id}"[:100])


def answer_knocks(tenant_id: str, bell_id: str) -> None:
    """One slice of looking at what a vendor has told of."""
    with tenant_scope(tenant_id):
        knocks.answer(bell_id, until=slice_end())


def seal_audits() -> None:
    """One look at whose audit trail has grown, over all tenants: each is sealed by a worker."""
    for tenant in seals.due():
        async_task("integrations.doors.tasks.seal_audit", str(tenant), task_name=f"seal {tenant}")


def seal_audit(tenant_id: str) -> None:
    """Seal what was appended to a tenant's audit trail."""
    with tenant_scope(tenant_id):
        seals.seal_all()


def watch_all() -> None:
    """One look at all who have flows on a schedule: whether a connection of theirs has fallen silent is for workers to say."""
    for tenant in silence.tenants_with_schedules():
        async_task("integrations.doors.tasks.watch", str(tenant), task_name=f"watch {tenant}")


def watch(tenant_id: str) -> None:
    """Find out which of a tenant's connections have fallen silent, and who was read again though they were erased."""
    silence.watch(UUID(tenant_id))
    with tenant_scope(tenant_id), transaction.atomic():
        erased.look_for_returned()


def alert_all() -> None:
    """One look at whom there is something to tell, over all tenants: each one's people are told by a worker."""
    for tenant in alerts.tenants_to_tell():
        async_task("integrations.doors.tasks.alert", str(tenant), task_name=f"alert {tenant}")


def alert(tenant_id: str) -> None:
    """Tell a tenant's people what they could not see without looking."""
    try:
        alerts.tell(UUID(tenant_id))
    except OSError as error:  # the next look tries again
        log.warning("the mail server did not take what the people of tenant %s are to be told: %s", tenant_id, error)


def miss_callers() -> None:
    """One look at the vendors that poll us, over all tenants: who has not come for long is missed."""
    polled.miss_who_does_not_come()
