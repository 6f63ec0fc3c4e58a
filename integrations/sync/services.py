"""What may be done with flows and runs: verbs that own their transaction and their entry in the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from integrations.canonical import rank
from integrations.connections.models import Connection
from integrations.mapping.expression import BadExpression, compile_expression
from integrations.records import absence, issues
from integrations.sync import approval, calls
from integrations.sync.envelope import facts_of
from integrations.sync.models import Flow, Item, Run
from integrations.sync.policy import policy_of
from integrations.sync.schedule import check_schedule, next_slot
from tenants import audit


class AlreadyRunning(Exception):
    """The flow has a run that has not ended; `run` is that one."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"{run.flow} is running already, since {run.created_at:%Y-%m-%d %H:%M} UTC.")
        self.run = run


def start_run(
    flow: Flow, *, by: str, full: bool = False, preview: bool = False, replay: dict[str, Any] | None = None
) -> Run:
    """Begin a run of the flow, to be carried out by whoever takes it up. Raises AlreadyRunning.

    `full` plans everything the source holds, not only what changed; a `preview` plans and sends nothing; what a
    `replay` names is decided once more, and nothing else.
    """
    while True:
        try:
            with transaction.atomic():
                return Run.objects.create(
                    flow=flow, started_by=by, full=full, preview=preview, replay=replay or {}, wake_at=timezone.now()
                )
        except IntegrityError:
            with transaction.atomic():
                under_way = Run.objects.filter(flow=flow, state__in=Run.OPEN).select_related("flow").first()
                if under_way is not None:  # else it has ended in this moment
                    raise AlreadyRunning(under_way) from None


@transaction.atomic
def save_flow(flow: Flow, *, by: Any) -> Flow:
    """Save a flow. Raises ValidationError where its schedule, policy or condition cannot be followed."""
    check_schedule(flow)
    check_policy(flow)
    check_condition(flow)
    flow.next_run_at, flow.rank = next_slot(flow), rank(flow.mapping.kind_to)
    flow.save()
    audit.record(
        "flow.saved",
        subject=flow,
        actor=by,
        data={
            "schedule": flow.schedule,
            "every_minutes": flow.every_minutes,
            "cron": flow.cron,
            "enabled": flow.enabled,
            "condition": flow.condition,
            "policy": flow.policy,
        },
    )
    return flow


@transaction.atomic
def approve_run(run: Run, *, by: Any) -> Run:
    """Let a run go on by a person's word: what it has planned, a preview too, is applied exactly as it was shown.

    Where it stopped because so much is missing, it goes on reading, and each of those is asked for by itself. Raises
    ValueError where that can no longer be done, and AlreadyRunning.
    """
    before, brake = run.state, run.brake
    missing = brake.get("what") == approval.VANISHED and before == Run.State.STOPPED
    if before == Run.State.PREVIEWED:
        under_way = Run.objects.filter(flow=run.flow_id, state__in=Run.OPEN).select_related("flow").first()
        if under_way is not None:
            raise AlreadyRunning(under_way)
        approval.reopen(run)
        run.preview, run.finished_at = False, None
    if missing:
        absence.allow(approval.stream_of(brake), brake["missing"])
    else:
        run.approved_by, run.approved_at = str(by), timezone.now()
    _move(run, (Run.State.STOPPED, Run.State.PREVIEWED), Run.State.QUEUED, wake=True)
    issues.solve([issues.about("brake", run.flow_id)])
    audit.record("run.approved", subject=run, actor=by, data={"was": before, "planned": run.planned, "brake": brake})
    return run


@transaction.atomic
def cancel_run(run: Run, *, by: Any) -> Run:
    """End a run early: what was sent stays, what was only planned is decided anew by the next run."""
    run.finished_at = timezone.now()
    was_stopped = run.state == Run.State.STOPPED
    _move(run, Run.OPEN, Run.State.CANCELLED, wake=False)
    calls.withdraw(run)
    if was_stopped and run.brake.get("what") == approval.VANISHED:
        absence.disregard(approval.stream_of(run.brake))
    issues.solve([issues.about("brake", run.flow_id)])
    audit.record("run.cancelled", subject=run, actor=by)
    return run


@transaction.atomic
def wake_runs(connection: Connection) -> list[UUID]:
    """Let the runs that may be waiting for this connection go on at once: it has answered, or somebody came to.

    Gives their ids, to be handed out without waiting for the next tick.
    """
    now = timezone.now()
    flows = Flow.objects.filter(Q(source=connection) | Q(target=connection)).values("pk")
    under_way = Run.objects.filter(flow__in=flows, state=Run.State.RUNNING).order_by("pk").select_for_update()
    asleep = dict(under_way.values_list("pk", "wake_at"))
    # One that is at it just now may have looked a moment too early: it goes on at once when this slice ends.
    Run.objects.filter(pk__in=asleep).update(woken_at=now)
    woken = [run for run, wake_at in asleep.items() if wake_at is not None and wake_at > now]
    Run.objects.filter(pk__in=woken).update(wake_at=now)
    return woken


@transaction.atomic
def retry(item: Item, *, by: Any) -> None:
    """Let the next run decide a held record again, or finish it where it was begun at the target already."""
    held = Item.objects.filter(pk=item.pk, state=Item.State.HELD)
    if not (held.exists() and calls.revive(item)):
        held.update(state=Item.State.WAITING, reason="retried")
    audit.record("record.retried", subject=item.record, actor=by, data={"flow": str(item.flow_id)})


def check_policy(flow: Flow) -> None:
    """Raises ValidationError where a flow's policy is not understood, or asks the target for what it cannot do."""
    policy = policy_of(flow.policy)
    target = facts_of(flow)
    if policy.gone_by == "credit" and "credit" not in target.writes:
        raise ValidationError(f"{flow.target} has no document that credits a {target.label.lower()}: choose to void.")


def check_condition(flow: Flow) -> None:
    """Raises ValidationError where a flow's condition is no expression over what it brings."""
    if not flow.condition:
        return
    try:
        compile_expression(flow.condition, kind=flow.mapping.kind_from)
    except BadExpression as error:
        raise ValidationError({"condition": str(error)}) from error


def _move(run: Run, before: tuple[str, ...], to: str, *, wake: bool) -> None:
    run.state, run.wake_at = to, timezone.now() if wake else None
    moved = Run.objects.filter(pk=run.pk, state__in=before).update(
        state=to,
        wake_at=run.wake_at,
        approved_by=run.approved_by,
        approved_at=run.approved_at,
        preview=run.preview,
        finished_at=run.finished_at,
    )
    if not moved:
        run.refresh_from_db()
        raise ValueError(f"The run is {run.get_state_display()}, so this cannot be done any more.")
