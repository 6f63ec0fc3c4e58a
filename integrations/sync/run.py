"""The whole order, and the only place that knows it.

A page of records leaves one system and is kept; from there each record is matched to who it already is elsewhere, its
values are mapped into the other side's words, planned, applied once, and audited. Every piece ends when it is told to
and goes on from what is written down, in whichever process.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import OperationalError
from django.utils import timezone

from integrations.mapping.services import renew
from integrations.records.absence import Vanished
from integrations.records.intake import freshen
from integrations.sync import (
    approval,
    calls,
    closing,
    compose,
    feed,
    lookups,
    pick_up,
    plan,
    publish,
    reconcile,
    replay,
    settle,
    stages,
    unsettled,
)
from integrations.sync.compose import Unfit
from integrations.sync.models import Call, Run
from integrations.sync.policy import policy_of
from integrations.sync.stages import Done, Later
from integrations.wire.errors import VendorError
from plumbing.leases import LeaseLost
from plumbing.slices import NotNow, check_time

MOST_ROUNDS = 3  # what is overtaken more often than this waits for the next run

log = logging.getLogger(__name__)


def carry_out(run: Run, *, until: datetime) -> Later | Done:
    """Carry a run as far as it gets until then, and say when it goes on. Safe to be called twice, late, or again."""
    if not_now := stages.begin(run):
        return not_now
    try:
        if run.approved_by:  # what a person has approved is applied as it was shown, or not at all
            refuse_moved(run, until)
        else:
            read_both_ends(run, until)
            plan_changes(run, until)
            if run.preview:
                return stages.end_preview(run)
            stages.check_safe(run)
        know_closed_periods(run, since=timezone.now() - closing.FRESH)
        apply(run, until)
        while decide_again(run, until):
            apply(run, until)
        publish.publish_list(run, until=until)
        pick_up.pick_up(run)
        stages.enter(run, "adding up")
        return stages.finish(run, reconcile.of_run(run, until=until))
    except Exception as error:  # whatever it is, it is written down with the run: nothing stops silently
        return what_now(run, error)


def read_both_ends(run: Run, until: datetime) -> None:
    """Bring in what is new at the source, and what the target says now."""
    flow, limit = run.flow, policy_of(run.flow.policy).brakes.vanishing
    for connection, object in ((flow.source, flow.source_object), (flow.target, flow.target_object)):
        stages.enter(run, "reading", f"{connection}: {object}")
        full = run.full and connection == flow.source
        freshen(connection, object, since=run.created_at, until=until, full=full, told=stages.counter(run), limit=limit)
    closing.look(run, since=run.created_at)


def refuse_moved(run: Run, until: datetime) -> None:
    """Read the target once more since the approval, and refuse what has moved there: the rest goes as it was shown."""
    stages.enter(run, "reading", f"{run.flow.target}: {run.flow.target_object}")
    told, limit = stages.counter(run), policy_of(run.flow.policy).brakes.vanishing
    since = run.approved_at or run.created_at
    freshen(run.flow.target, run.flow.target_object, since=since, until=until, told=told, limit=limit)
    approval.refuse_moved(run, until=until)


def know_closed_periods(run: Run, *, since: datetime) -> None:
    """Know up to when the target's books are closed, and decide anew what lies behind a lock since it was planned."""
    closing.look(run, since=since)
    closing.take_back(run)


def plan_changes(run: Run, until: datetime) -> None:
    """Decide what is to be done about everything that waited and everything that changed, a page at a time."""
    stages.enter(run, "planning")
    renew(run.flow.mapping)
    if run.replay:
        plan_once_more(run, until)
        return
    while not run.preview and (records := feed.left_over(run)):
        check_time(until)
        plan.propose(run, records)
    while True:
        check_time(until)
        records, position = feed.changes(run)
        if not records:
            return
        plan.propose(run, records, position=position)


def plan_once_more(run: Run, until: datetime) -> None:
    """Decide what a person named once more, a page at a time, with the mapping of today or of then."""
    while True:
        check_time(until)
        editions, position = replay.page(run)
        if not editions:
            return
        for number, (edition, records) in enumerate(editions.items(), start=1):
            plan.propose(run, records, edition=edition, position=position if number == len(editions) else None)


def apply(run: Run, until: datetime) -> None:
    """Send what is planned, a batch a call; what an earlier worker left half done comes first."""
    stages.enter(run, "applying")
    while call := unsettled.left_behind(run) or next_call(run):
        check_time(until)
        conclude(run, call)
    unsettled.wait_for_answers(run)


def decide_again(run: Run, until: datetime) -> bool:
    """Read the target once more and decide anew what was changed there while ours was on its way; False: nothing was."""
    know_closed_periods(run, since=run.created_at)
    if run.approved_by:  # what was overtaken since is refused, and the next run decides it
        return False
    records = feed.overtaken(run)
    if not records or run.counts.get("decided_again", 0) >= MOST_ROUNDS:
        return False
    since = stages.begin_round(run)
    freshen(run.flow.target, run.flow.target_object, since=since, until=until, told=stages.counter(run))
    for edition, some in replay.in_another_round(run, records).items():
        plan.propose(run, some, edition=edition)
    stages.end_round(run)
    return True


def next_call(run: Run) -> Call | None:
    """The next call to make: first the next step of what is half done, then the next batch of the plan."""
    while True:
        try:
            if unsettled.many_wait(run):
                return None
            if call := compose.next_step(run):
                return call
            items = compose.next_items(run)
            if not items:
                return None
            if call := compose.prepare(run, items):
                return call
        except Unfit as unfit:
            settle.hold_unfit(run, unfit.item, unfit.error)


def conclude(run: Run, call: Call) -> None:
    """Bring one call as far as it gets, from wherever it stands; one that waits or is lost is come back to in its time."""
    match call.state:
        case Call.State.PREPARED:
            calls.send(run, call)
        case Call.State.WAITING:
            calls.ask_again(run, call)
        case Call.State.SENT:
            calls.pick_up(run, call)
        case Call.State.LOST:
            if answer := lookups.look_up(run, call):
                settle.settle_lost(run, call, answer)
    if call.state == Call.State.ANSWERED:
        settle.settle(run, call)


def what_now(run: Run, error: Exception) -> Later | Done:
    """What it means for a run that something came up: later, wait for a person, or the end."""
    try:
        match error:
            case LeaseLost():
                raise error
            case Vanished():
                return stages.stop_for_vanished(run, error)
            case NotNow():
                return stages.put_off(run, at=error.at, why=error.why)
            case VendorError():
                return stages.interrupted(run, error)
            case OperationalError():  # the database's own trouble passes; the sweep finds the run again
                raise error
        log.error("run %s failed", run.pk, exc_info=error)
        return stages.broken(run, error)
    except LeaseLost as lost:
        return Later(None, str(lost))
