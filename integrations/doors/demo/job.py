"""The main job, done in the foreground while the workers of the demo are up: whoever holds a run's lease carries it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from integrations.sync import reconcile
from integrations.sync.models import Flow, Item, Run
from integrations.sync.run import carry_out
from integrations.sync.services import AlreadyRunning, start_run
from integrations.sync.stages import Later
from integrations.wire.errors import TryLater
from plumbing.slices import NotNow, slice_end

UNDER_WAY = (Run.State.QUEUED, Run.State.RUNNING)
LONGEST_LOOK_AWAY = 1.0  # seconds: another worker may end a run at any time
LOOK_EVERY = 0.5
WAIT = timedelta(seconds=120)  # for one answer about totals
AMOUNTS = ("invoice", "credit_note")


@dataclass(frozen=True)
class Result:
    """One flow's part of the job: its run, what the run did with how many records, and both ends' totals over everything."""

    flow: Flow
    run: Run
    did: dict[str, int]
    totals: reconcile.Totals

    @property
    def ties_out(self) -> bool:
        return self.run.colour == Run.Colour.GREEN and self.totals.agree


def do(flow: Flow, *, told: Callable[[Run, int, int], None]) -> Result:
    """Carry a run of the flow to its end; `told` hears how many of how many items are done."""
    run = _run(flow)
    with _watched(run, told):
        while run.state in UNDER_WAY:
            outcome = carry_out(run, until=slice_end())
            with transaction.atomic():
                run.refresh_from_db()
            if isinstance(outcome, Later) and run.state in UNDER_WAY:
                time.sleep(_pause(outcome.at))
    return Result(flow, run, _did(run), _totals(flow))


def faults(results: Sequence[Result], expected: dict[str, Any] | None) -> list[str]:
    """What does not tie out, in sentences; `expected` are the literal figures of the shipped sample, by its maker."""
    found = [
        f"{each.flow}: {each.run.get_colour_display() if each.run.colour else each.run.get_state_display()}. {each.run.words}"
        for each in results
        if not each.ties_out
    ]
    if expected is None:
        return found
    counts = {
        # Who bought without a name is one customer more.
        "customer": expected["customers"] + bool(expected["documents_without_customer"]),
        "item": expected["items"],
        "invoice": expected["invoices"],
        "credit_note": expected["credit_notes"],
    }
    for each in results:
        name, totals = each.flow.source_object, each.totals
        if not totals.source_count == totals.target_count == counts[name]:
            found.append(f"{name}: the sample holds {counts[name]}, the books {totals.target_count}.")
        if name in AMOUNTS:
            sums = {expected["currency"]: Decimal(expected[f"{name}_total"])}
            if not totals.source == totals.target == sums:
                found.append(f"{name}: the sample comes to {_words(sums)}, the books to {_words(totals.target)}.")
    return found


def _words(sums: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in sums.items()) or "nothing"


def _run(flow: Flow) -> Run:
    try:
        return start_run(flow, by="demo")
    except AlreadyRunning as other:
        return other.run


def _pause(at: datetime | None) -> float:
    if at is None:
        return LONGEST_LOOK_AWAY
    return max(0.0, min(LONGEST_LOOK_AWAY, (at - timezone.now()).total_seconds()))


@contextmanager
def _watched(run: Run, told: Callable[[Run, int, int], None]) -> Iterator[None]:
    """Tells how far the run is, by a look at its rows now and then, whoever carries it on."""
    ended = threading.Event()

    def watch() -> None:
        last = False
        while not last:
            last = ended.wait(LOOK_EVERY)
            with transaction.atomic():
                items = Item.objects.filter(run=run)
                told(Run.objects.get(pk=run.pk), items.exclude(ended_at=None).count(), items.count())
        connection.close()

    watcher = threading.Thread(target=copy_context().run, args=(watch,))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _did(run: Run) -> dict[str, int]:
    with transaction.atomic():
        states = list(Item.objects.filter(run=run).values_list("operation", "state"))
    return {
        "created": states.count((Item.Operation.CREATE, Item.State.APPLIED)),
        "changed": states.count((Item.Operation.UPDATE, Item.State.APPLIED)),
        "in place": sum(state == Item.State.SKIPPED for _, state in states),
        "held": sum(state in (Item.State.HELD, Item.State.WAITING) for _, state in states),
    }


def _totals(flow: Flow) -> reconcile.Totals:
    since = timezone.now()
    while True:
        try:
            return reconcile.of_flow(flow, before=lambda: timezone.now() + WAIT, since=since)
        except TryLater as busy:
            time.sleep(min(busy.retry_after or 1.0, LONGEST_LOOK_AWAY))
        except NotNow:  # the vendor's side comes for the question, and brings the answer
            time.sleep(LOOK_EVERY)
