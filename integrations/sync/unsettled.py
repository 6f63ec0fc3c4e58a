"""What is not settled yet: calls that an earlier worker left, that wait for their answers, or that are lost."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations.sync.models import Call, Run
from plumbing.slices import NotNow

MOST_WAITING = 100  # calls of a run whose answers come later, before it waits for one of them
STATES = (Call.State.PREPARED, Call.State.SENT, Call.State.WAITING, Call.State.ANSWERED, Call.State.LOST)


@transaction.atomic
def left_behind(run: Run) -> Call | None:
    """The oldest call into this run's target object that was left before it was settled, and that can go on now.

    Those of another run count only once that run has ended: else its own worker takes them up.
    """
    now = timezone.now()
    is_quiet = ~Q(state=Call.State.LOST) | Q(quiet_at__lte=now)
    is_due = Q(ask_at=None) | Q(ask_at__lte=now)
    call = (
        _unsettled(run)
        .filter(is_quiet, is_due)
        .select_related("run__flow__source", "run__flow__target", "run__flow__mapping")
        .first()
    )
    if call is not None and call.run_id == run.pk:
        call.run = run
    return call


@transaction.atomic
def many_wait(run: Run) -> bool:
    """Whether so many calls of the run wait for their answers that no more are to be sent."""
    return _unsettled(run).filter(run=run, state=Call.State.WAITING)[MOST_WAITING - 1 : MOST_WAITING].exists()


def look_at_once(run: Run) -> None:
    """Something came that the run may be waiting for: its calls are due now. Inside a transaction."""
    _unsettled(run).filter(run=run).update(ask_at=None)


@transaction.atomic
def wait_for_answers(run: Run) -> None:
    """Raises NotNow while a call of this run waits for its answer, or is lost and may still take effect."""
    ours = _unsettled(run).filter(run=run, state__in=(Call.State.WAITING, Call.State.LOST))
    due = [
        (max(filter(None, (ask_at, quiet_at if state == Call.State.LOST else None)), default=timezone.now()), state)
        for state, ask_at, quiet_at in ours.values_list("state", "ask_at", "quiet_at")
    ]
    if due:
        at, state = min(due)
        raise NotNow(at, WHY[state])


WHY: dict[str, str] = {
    Call.State.WAITING: "the vendor has not fetched or finished a request yet",
    Call.State.LOST: "an answer was lost; it is looked up when the vendor can no longer be at it",
}


def _unsettled(run: Run) -> QuerySet[Call]:
    own, ended = Q(run=run), Q(run__state__in=Run.ENDED)
    return Call.objects.filter(
        own | ended,
        connection=run.flow.target_id,
        object=run.flow.target_object,
        purpose=Call.Purpose.WRITE,
        state__in=STATES,
    ).order_by("pk")
