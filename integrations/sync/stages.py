"""How a run begins, is put off, stops for a person, and ends: the states of its row, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.records import consents, issues
from integrations.records.absence import Vanished
from integrations.records.keep import Kept
from integrations.records.models import Issue
from integrations.sync import approval, arrivals, backoff, calls, unsettled
from integrations.sync.models import Flow, Item, Run
from integrations.sync.policy import policy_of
from integrations.sync.reconcile import Totals
from integrations.wire.errors import ConsentLost, Forbidden, NoRoom, OutOfLimits, TryLater, VendorError
from plumbing.slices import LEASE, NotNow, after
from tenants import audit

FORBIDDEN = "forbidden"  # the code of an issue about books that are not ready
TURN = 2  # seconds until a run that waits for another looks again
# A run that was handed out twice begins no sooner than it is due, but for what clocks of several machines differ.
EARLY = timedelta(seconds=5)
# What a run counts of the records about which it decided.
DECIDED = (*Item.Operation.values, Item.State.SKIPPED, Item.State.WAITING, Item.State.HELD)


@dataclass(frozen=True, slots=True)
class Later:
    """The run goes on at `at`; None where it waits for a person, or where another worker has it."""

    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """The run has ended, in this colour."""

    colour: str


def begin(run: Run) -> Later | None:
    """Take the run's lease and mark it as running; else when it goes on, and why not now: it is not its turn yet."""
    with transaction.atomic():
        if not run.claim(seconds=LEASE):
            return Later(None, "another worker is at it")
        run.refresh_from_db()
        run.flow = Flow.objects.select_related("source", "target", "mapping").get(pk=run.flow_id)
        if run.state not in (Run.State.QUEUED, Run.State.RUNNING):
            run.release()
            return Later(None, f"it is {run.get_state_display()}")
        if run.wake_at is not None and run.wake_at > timezone.now() + EARLY:
            run.release()
            return Later(run.wake_at, run.words)
        if earlier := _must_end_first(run):
            run.wake_at, run.words = timezone.now() + timedelta(seconds=TURN), f"waits for {earlier}"
            run.save(update_fields=("wake_at", "words"))
            run.release()
            return Later(run.wake_at, run.words)
        if run.started_at is None:
            run.started_at = timezone.now()
            run.position = 0 if run.full or run.replay else run.flow.position
            audit.record("run.started", subject=run, data={"flow": str(run.flow_id), "by": run.started_by})
        if run.woken_at is not None:
            unsettled.look_at_once(run)
        run.state, run.words, run.woken_at = Run.State.RUNNING, "", None
        run.save(update_fields=("state", "words", "started_at", "position", "woken_at"))
    return None


def _must_end_first(run: Run) -> Run | None:
    """A run under way between the same two ends that brings what this one refers to: customers before invoices."""
    under_way = Run.objects.filter(
        flow__source=run.flow.source_id,
        flow__target=run.flow.target_id,
        flow__rank__lt=run.flow.rank,
        state__in=(Run.State.QUEUED, Run.State.RUNNING),
        preview=False,
        # Only those that came first: else one that runs every minute would keep this one from ever beginning.
        created_at__lt=run.created_at,
    )
    return under_way.order_by("flow__rank").first()


def enter(run: Run, stage: str, words: str = "") -> None:
    """Say what the run is at, keep its lease, and stop where it was cancelled."""
    with transaction.atomic():
        run.renew(seconds=LEASE)
        run.check_wanted()
        run.stage, run.words = stage, words
        run.save(update_fields=("stage", "words"))


def counter(run: Run) -> Callable[[Kept], None]:
    """Adds what a page of intake brought to the run's counts."""

    def told(kept: Kept) -> None:
        with transaction.atomic():
            run.renew(seconds=LEASE)
            run.count({f"read_{name}": number for name, number in kept.counts.items()})

    return told


def begin_round(run: Run) -> datetime:
    """Since when the target has to have been read, to decide anew what was overtaken: the same in every slice of a round."""
    enter(run, "deciding again")
    if run.again_at is None:
        run.again_at = timezone.now()
        with transaction.atomic():
            run.hold()
            run.save(update_fields=("again_at",))
    return run.again_at


def end_round(run: Run) -> None:
    """What was overtaken is decided anew; what is overtaken from now on takes another round."""
    run.again_at = None
    with transaction.atomic():
        run.hold()
        run.save(update_fields=("again_at",))
        run.count({"decided_again": 1})


def check_safe(run: Run) -> None:
    """Stop for a person where the plan looks like an accident, or where the flow asks always. Raises NotNow with no time."""
    with transaction.atomic():
        planned, reasons = approval.note_figures(run)
        always = policy_of(run.flow.policy).approve == "always" and any(planned.counts.values())
        if not reasons and not always:
            return
        words = (
            " ".join(reason.words for reason in reasons) or "The flow asks before it sends anything: look at its plan."
        )
        about = "The plan looks unusual, so nothing of it was sent." if reasons else "Nothing of the plan was sent yet."
        stop(run, words, about, brake=approval.plan_brake(reasons))
    raise NotNow(timezone.now(), words)


def stop_for_vanished(run: Run, vanished: Vanished) -> Later:
    """So much is missing at one end that nothing is concluded and nothing applied until a person has looked."""
    with transaction.atomic():
        stop(run, vanished.explanation, vanished.usual_explanation, brake=approval.vanished_brake(vanished))
    return Later(None, vanished.explanation)


def stop(run: Run, words: str, explanation: str, *, brake: dict[str, Any] | None = None) -> None:
    """Let a run wait until a person has looked at it. Inside a transaction, after which the run's slice ends."""
    run.hold()
    run.brake = brake or {"what": approval.LIST}
    run.save(update_fields=("brake",))
    _leave(run, Run.State.STOPPED, words=words)
    issues.open_issues([_stopped(run, words, explanation)])
    audit.record("run.stopped", subject=run, data={"words": words})


def put_off(run: Run, *, at: datetime, why: str) -> Later:
    """Give the run back, to go on at `at`, or at once where something came that it may be waiting for."""
    with transaction.atomic():
        run.hold()
        run.refresh_from_db(fields=("state", "woken_at"))
        if run.state == Run.State.RUNNING:
            run.wake_at, run.words = at if run.woken_at is None else timezone.now(), why
            run.save(update_fields=("wake_at", "words"))
        run.release()
    return Later(run.wake_at if run.state == Run.State.RUNNING else None, why)


def interrupted(run: Run, error: VendorError) -> Later | Done:
    """What an error of a vendor means for the run as a whole: later, wait for a person, or the end."""
    if isinstance(error, NoRoom):  # nothing is wrong with the vendor: it is our turn soon
        return put_off(run, at=timezone.now() + timedelta(seconds=error.retry_after or TURN), why=error.explanation)
    if isinstance(error, TryLater | OutOfLimits):
        return _back_off(run, error)
    if isinstance(error, ConsentLost):
        return _wait_for_consent(run, error)
    return _fail(run, error)


class OurFault(VendorError):
    """The run met a fault of this product. Its words may hold anything, so only its kind is told; the log has the rest."""

    usual_explanation = "The run met a fault of this product, so it stopped; nothing was lost."


def broken(run: Run, error: Exception) -> Done:
    """A fault of our own ends the run."""
    advice = f"Tell your operator: the log has the details under run {run.pk}. The next run tries again."
    return _fail(run, OurFault(code=type(error).__name__, advice=advice))


def _fail(run: Run, error: VendorError) -> Done:
    with transaction.atomic():
        run.hold()
        issues.open_issues([_failure(run, error)])
        run.finished_at, run.colour = timezone.now(), Run.Colour.RED
        _leave(run, Run.State.FAILED, words=str(error))
        calls.withdraw(run)
        audit.record("run.failed", subject=run, data={"words": error.words, "explanation": error.explanation})
    return Done(Run.Colour.RED)


def _back_off(run: Run, error: TryLater | OutOfLimits) -> Later | Done:
    """Wait as long as the vendor says, else twice as long each time; tell a person after an hour, and end after a day."""
    now, until = timezone.now(), getattr(error, "until", None)
    run.tries, run.stalled_at = run.tries + 1, run.stalled_at or now
    wait = backoff.pause(run.tries, asked=getattr(error, "retry_after", None), chance=random.random())  # noqa: S311  # not money
    at = max(until or now, now + timedelta(seconds=wait))
    with transaction.atomic():
        run.hold()
        Run.objects.filter(pk=run.pk).update(tries=run.tries, stalled_at=run.stalled_at)
        if max(now, until or now) - run.stalled_at >= backoff.TOLD_AFTER:
            issues.open_issues([_stalled(run, error)])
    if until is None and now - run.stalled_at >= backoff.GIVEN_UP_AFTER:
        return _fail(run, error)
    return put_off(run, at=at, why=str(error))


def _wait_for_consent(run: Run, error: ConsentLost) -> Later:
    """Keep everything as it stands until a person has connected again: then the tick wakes the run."""
    with transaction.atomic():
        run.hold()
        ends = Connection.objects.filter(pk__in=(run.flow.source_id, run.flow.target_id))
        for connection in ends.order_by("pk").select_for_update():
            if connection.state == Connection.State.CONSENT_LOST:
                consents.tell(connection)
        _leave(run, Run.State.RUNNING, words=f"{error.explanation} {error.advice}")
    return Later(None, error.explanation)


def end_preview(run: Run) -> Done:
    """A preview ends with its plan."""
    with transaction.atomic():
        run.hold()
        run.finished_at = timezone.now()
        _, reasons = approval.note_figures(run)
        run.brake = approval.plan_brake(reasons)
        run.save(update_fields=("brake",))
        _leave(run, Run.State.PREVIEWED, words=" ".join(reason.words for reason in reasons))
        audit.record("run.previewed", subject=run, data={"counts": run.counts})
    return Done(Run.Colour.NONE)


def finish(run: Run, totals: Totals) -> Done:
    """End the run: green only if both ends agree and nothing is held."""
    with transaction.atomic():
        run.hold()
        if Item.objects.filter(run=run, state__in=(Item.State.PLANNED, Item.State.APPLYING)).exists():
            raise after(TURN, "something was planned and not brought to its end")
        held = Item.objects.filter(flow=run.flow_id, state__in=Item.OPEN).count()
        unreadable = Issue.objects.filter(
            state=Issue.State.OPEN, connection=run.flow.source_id, object=run.flow.source_object, code="unreadable"
        ).count()
        run.totals, run.finished_at = totals.as_json(), timezone.now()
        run.colour, words = _verdict(run, totals, held=held, unreadable=unreadable, missing=arrivals.note(run))
        _leave(run, Run.State.DONE, words=words)
        issues.solve([issues.about("brake", run.flow_id), issues.about("flow", run.flow_id)])
        issues.solve([issues.about(consents.LOST, end) for end in (run.flow.source_id, run.flow.target_id)])
        issues.solve_met(FORBIDDEN, flow=run.flow)
        audit.record(
            "run.finished", subject=run, data={"colour": run.colour, "counts": run.counts, "totals": run.totals}
        )
    return Done(run.colour)


def _verdict(run: Run, totals: Totals, *, held: int, unreadable: int, missing: str) -> tuple[str, str]:
    """The colour, and in words what happened: also that there was nothing to do, which is not the same as nothing coming."""
    if not totals.agree:
        return Run.Colour.RED, f"{totals.differing} records do not tie out; they are listed with the totals."
    if held or unreadable:
        waiting = f"{held} records are held or wait, {unreadable} could not be read."
        return Run.Colour.AMBER, f"{waiting} {missing}".strip()
    if missing:
        return Run.Colour.AMBER, missing
    if run.counts.get("applied"):
        return Run.Colour.GREEN, ""
    looked_at = sum(run.counts.get(name, 0) for name in DECIDED)
    found = f"of {looked_at} changed records none asks for anything" if looked_at else "nothing had changed there"
    return Run.Colour.GREEN, f"Nothing to do: {run.flow.source} was asked, and {found}."


def _leave(run: Run, state: str, *, words: str = "") -> None:
    """Write down how the run stands, unless a person has cancelled it meanwhile: then raises LeaseLost."""
    run.check_wanted()
    run.state, run.words, run.stage, run.wake_at, run.leased_until = state, words, "", None, None
    run.save(
        update_fields=(
            "state", "words", "stage", "wake_at", "leased_until", "finished_at", "colour", "totals",
        )
    )  # fmt: skip


def _stopped(run: Run, words: str, explanation: str) -> Issue:
    return Issue(
        code="brake",
        about=issues.about("brake", run.flow_id),
        flow=run.flow,
        where=run.flow.name,
        words=words,
        explanation=explanation,
        advice="Look at the run's items; approve the run if they are right, or cancel it.",
    )


def _stalled(run: Run, error: VendorError) -> Issue:
    return Issue(
        code="vendor_in_trouble",
        about=issues.about("flow", run.flow_id),
        flow=run.flow,
        where=f"{run.flow.name}: {run.stage}",
        words=str(error),
        explanation=f"It has not got on since {run.stalled_at:%Y-%m-%d %H:%M} UTC. It is tried again by itself, and nothing is lost.",
        advice="Look at the vendor's status page; where it lasts, ask the vendor with the words above.",
        alert=True,
    )


def _failure(run: Run, error: VendorError) -> Issue:
    about = issues.about("flow", run.flow_id)
    if isinstance(error, Forbidden):  # it is the books that are not ready: other flows into them meet the same
        about = issues.about(FORBIDDEN, run.flow.target_id, error.code or run.flow_id)
    return Issue(
        code=_code(error),
        about=about,
        flow=run.flow,
        where=f"{run.flow.name}: {run.stage}",
        words=str(error),
        explanation=error.explanation,
        advice=error.advice,
        alert=True,
    )


def _code(error: VendorError) -> str:
    """The class of an error in words: `contract_broken`."""
    name = type(error).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
