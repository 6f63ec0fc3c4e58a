"""Approval: a plan stops for a person, and is applied exactly as it was shown, or not at all.

Nothing is decided anew under an approval. What the target says is read once more; a line whose record there is another one
than when the plan was shown is refused, and the others go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, DecimalField, JSONField, Max, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Abs, Cast, Coalesce
from django.utils import timezone

from integrations.canonical import codec
from integrations.crosswalk.models import Link
from integrations.records import absence, issues
from integrations.records.models import Record, Stream
from integrations.sync import match
from integrations.sync.brakes import PAST, Figures, Reason, unusual, usual
from integrations.sync.decide import Fields
from integrations.sync.fields import comparable
from integrations.sync.models import Flow, Item, Run
from integrations.sync.policy import policy_of
from integrations.sync.recognised import link_recognised
from plumbing.slices import check_time

PAGE = 500
MOVED = "moved"  # the reason of a line that was refused
PLAN, VANISHED, LIST = "plan", "vanished", "list"  # what a run stops for
# What was sent already by an earlier slice belongs to the plan as well.
MEANT = (Item.State.PLANNED, Item.State.PREVIEWED, Item.State.APPLYING, Item.State.APPLIED)
SENDS = (Item.Operation.CREATE, Item.Operation.UPDATE, Item.Operation.VOID, Item.Operation.CREDIT)


# What a plan comes to


def note_figures(run: Run) -> tuple[Figures, list[Reason]]:
    """What the run's plan comes to, kept with it; and why a person should look at it first. Inside a transaction."""
    planned, brakes = figures_of(run), policy_of(run.flow.policy).brakes
    linked = Link.objects.filter(connection=run.flow.target_id, object=run.flow.target_object).count()
    reasons = unusual(planned, linked=linked, usual=usual(_past(run.flow)), brakes=brakes)
    run.planned = planned.as_json()
    Run.objects.filter(pk=run.pk).update(planned=run.planned)
    return planned, reasons


def figures_of(run: Run) -> Figures:
    """What the run means to send, counted and added up by the database."""
    meant = Item.objects.filter(run=run, state__in=MEANT, operation__in=SENDS).order_by()
    counts = dict(meant.values_list("operation").annotate(number=Count("pk")))
    said: Any = Cast("wanted", JSONField())
    amount = Cast(
        Coalesce(KeyTextTransform("total", said), KeyTextTransform("amount", said)),
        DecimalField(max_digits=40, decimal_places=10),
    )
    by_currency = (
        meant.exclude(wanted="")
        .annotate(currency=KeyTextTransform("currency", said), amount=Abs(amount))
        .exclude(amount=None)
        .values("currency")
        .annotate(sum=Sum("amount"), largest=Max("amount"))
    )
    rows = {row["currency"] or "": row for row in by_currency}
    return Figures(
        counts,
        {code: row["sum"].normalize() for code, row in rows.items()},
        {code: row["largest"].normalize() for code, row in rows.items()},
    )


def _past(flow: Flow) -> list[Figures]:
    """What the flow's last runs came to that sent something."""
    done = Run.objects.filter(flow=flow, state=Run.State.DONE, preview=False).exclude(planned={})
    kept = done.order_by("-pk").values_list("planned", flat=True)[: PAST * 5]
    past = [Figures.from_json(each) for each in kept]
    return [each for each in past if any(each.counts.values())][:PAST]


def plan_brake(reasons: Sequence[Reason]) -> dict[str, Any]:
    """What a run that stops before its plan is sent keeps of why."""
    return {"what": PLAN, "reasons": [asdict(reason) for reason in reasons]}


def vanished_brake(vanished: absence.Vanished) -> dict[str, Any]:
    """What a run that stops because too much is missing keeps of why."""
    reason = Reason(
        vanished.explanation,
        f"{vanished.missing:,} of {vanished.of:,} missing",
        "what the flow's brakes say of records that are no longer listed",
    )
    place = {"connection": str(vanished.connection.pk), "object": vanished.object}
    return {"what": VANISHED, "missing": vanished.missing, **place, "reasons": [asdict(reason)]}


# What a person decides


def stream_of(brake: Mapping[str, Any]) -> Stream:
    """The stream from which so much is missing that a run stopped."""
    return Stream.objects.get(connection=brake["connection"], object=brake["object"])


def reopen(run: Run) -> None:
    """Make the plan of a preview one that is to be sent, as it stands. Inside a transaction.

    Raises ValueError where another run of the flow has decided something since: what the preview shows is out of date.
    """
    if Run.objects.filter(flow=run.flow_id, preview=False, created_at__gt=run.created_at).exists():
        raise ValueError("Another run of this flow was started since, so this preview is out of date. Preview anew.")
    if not run.flow.enabled:
        raise ValueError("The flow is switched off.")
    shown = Item.objects.filter(run=run, state=Item.State.PREVIEWED, operation__in=SENDS)
    records = list(shown.values_list("record_id", flat=True))
    standing = Item.objects.filter(flow=run.flow_id, state__in=Item.OPEN, record__in=records)
    busy = set(standing.filter(state=Item.State.APPLYING).values_list("record_id", flat=True))
    now = timezone.now()
    standing.exclude(record__in=busy).update(state=Item.State.SUPERSEDED, ended_at=now)
    shown.filter(record__in=busy).update(state=Item.State.SUPERSEDED, words=MOVED_WORDS, reason=MOVED, ended_at=now)
    shown.update(state=Item.State.PLANNED)
    issues.solve([issues.about("held", run.flow_id, record) for record in records])


MOVED_WORDS = (
    "At the target this record is no longer what it was when the plan was shown, so nothing was sent. "
    "The next run decides it anew."
)


def refuse_moved(run: Run, *, until: datetime) -> None:
    """Refuse those lines of an approved plan whose record at the target is another one than when the plan was shown.

    Raises NotNow at the end of the slice, and LeaseLost.
    """
    last = None
    while True:
        check_time(until)
        with transaction.atomic():
            run.hold()
            planned = Item.objects.filter(run=run, state=Item.State.PLANNED).exclude(reason=Item.ALONE)
            items = list((planned.filter(pk__gt=last) if last else planned).order_by("pk")[:PAGE])
            if not items:
                return
            _refuse_moved(run, items)
        last = items[-1].pk


def _refuse_moved(run: Run, items: Sequence[Item]) -> None:
    records = {record.pk: record for record in Record.objects.filter(pk__in=[item.record_id for item in items])}
    wanted = {records[item.record_id].external_id: _wanted(run.flow, item) for item in items if item.wanted}
    found = match.find(run.flow, list(records.values()), wanted)
    moved = []
    for item in items:
        now = found.matches[records[item.record_id].external_id]
        stands = (now.target_id or "", now.seen, bool(now.candidates), bool(now.gone))
        if stands != (item.target_id, item.target_seen, False, False):
            moved.append(item.pk)
    Item.objects.filter(pk__in=moved).update(state=Item.State.WAITING, reason=MOVED, words=MOVED_WORDS)
    if moved:
        run.count({MOVED: len(moved)})
    kept = {records[item.record_id].external_id for item in items if item.pk not in moved}
    link_recognised(run.flow, [record for record in records.values() if record.external_id in kept], found)


def _wanted(flow: Flow, item: Item) -> Fields:
    return comparable(codec.to_plain(codec.decode(flow.mapping.kind_to, item.wanted.encode())))
