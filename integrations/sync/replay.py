"""Replay: what was decided before is decided once more, because a person wants it: a record, an issue, a flow from a date.

A replay is a run like any other, so that links, policy, closed periods and brakes hold as ever: it makes no second
document of what is linked, it changes what differs, or says that both say the same already. What it decides about is
what a person named, and it does so even where nothing is new; how far the flow has come does not move. The mapping is that of
today, or the edition by which a record was brought last, with the value tables of that time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from integrations.mapping.models import MappingEdition
from integrations.records.models import Issue, Record
from integrations.sync import calls
from integrations.sync.decide import Agreed
from integrations.sync.feed import PAGE, read
from integrations.sync.models import Flow, Item, Run
from integrations.sync.services import start_run
from tenants import audit
from tenants.models import Tenant
from tenants.scope import current_tenant_id

TODAY, THEN = "today", "then"
LONGEST_WHY = 500

_NEVER_SAID: Final = object()
"""What no record ever says: whatever the source says now is news against it."""


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is to do once more: these records, or all that changed at the source since.

    `mapping` is "today", "then", or the number of an edition; `why` is the person's own words.
    """

    why: str
    mapping: str = TODAY
    records: list[str] = []
    since: datetime | None = None


# --- what a person wants ---------------------------------------------------------------------------------------------


@transaction.atomic
def replay_record(
    record: Record, *, why: str, by: Any, flow: Flow | None = None, mapping: str = TODAY, preview: bool = False
) -> list[Run]:
    """Run one record again, through one flow or all that bring it anywhere.

    Raises ValidationError where none does or the wish cannot be followed, and AlreadyRunning.
    """
    found = [flow] if flow is not None else _flows_of(record)
    for each in found:
        if (each.source_id, each.source_object) != (record.connection_id, record.object):
            raise ValidationError(f"{each} does not bring {record}: it reads {each.source_object} of {each.source}.")
    if not found:
        raise ValidationError(f"No flow brings {record} anywhere: run it again where it comes from.")
    wish = Replay(why=why, mapping=mapping, records=[str(record.pk)])
    runs = [_begin(each, wish, by=by, preview=preview) for each in found]
    for run in runs:
        _write_down("record.replayed", record, run, wish, by=by)
    return runs


@transaction.atomic
def replay_issue(issue: Issue, *, why: str, by: Any, mapping: str = TODAY, preview: bool = False) -> list[Run]:
    """Run again what an issue is about: its record, or, where it is about none, the flows that met it.

    Raises ValidationError where it is about nothing that could be run, and AlreadyRunning.
    """
    if issue.record is not None and issue.flow is not None:
        return replay_record(issue.record, why=why, by=by, flow=issue.flow, mapping=mapping, preview=preview)
    flows = [issue.flow] if issue.flow is not None else _flows_that_read(issue)
    if not flows:
        raise ValidationError("This issue is about no record and no flow: see what it advises.")
    wish = Replay(why=_checked(why))
    # What could not be read is not known here yet, so everything is read again; else what is new.
    runs = [
        start_run(each, by=audit.Reference.to(by).name, full=issue.code == "unreadable", preview=preview)
        for each in flows
    ]
    for run in runs:
        _write_down("issue.replayed", issue, run, wish, by=by)
    return runs


@transaction.atomic
def replay_flow(flow: Flow, *, since: date, why: str, by: Any, mapping: str = TODAY, preview: bool = False) -> Run:
    """Run again everything of a flow that changed at its source on this day, in the tenant's time zone, or later.

    Where the source does not say when, it counts when the news came here. Raises ValidationError and AlreadyRunning.
    """
    zone = Tenant.objects.get(pk=current_tenant_id()).zone
    wish = Replay(why=why, mapping=mapping, since=datetime.combine(since, time(), zone))
    run = _begin(flow, wish, by=by, preview=preview)
    _write_down("flow.replayed", flow, run, wish, by=by)
    return run


def _begin(flow: Flow, wish: Replay, *, by: Any, preview: bool) -> Run:
    _checked(wish.why)
    _check_mapping(flow, wish.mapping)
    return start_run(flow, by=audit.Reference.to(by).name, preview=preview, replay=msgspec.to_builtins(wish))


def _checked(why: str) -> str:
    if not why.strip():
        raise ValidationError({"why": "Say why it is run again: it stands in the audit trail."})
    if len(why) > LONGEST_WHY:
        raise ValidationError({"why": f"Say it in at most {LONGEST_WHY} characters."})
    return why


def _check_mapping(flow: Flow, mapping: str) -> None:
    if mapping in (TODAY, THEN):
        return
    known = MappingEdition.objects.filter(mapping=flow.mapping_id).order_by("edition")
    editions = [str(number) for number in known.values_list("edition", flat=True)]
    if mapping not in editions:
        raise ValidationError(
            {"mapping": f"The mapping is that of today, of then, or one of its editions: {', '.join(editions)}."}
        )


def _flows_of(record: Record) -> list[Flow]:
    return list(Flow.objects.filter(source=record.connection_id, source_object=record.object, enabled=True))


def _flows_that_read(issue: Issue) -> list[Flow]:
    if issue.connection_id is None or not issue.object:
        return []
    return list(Flow.objects.filter(source=issue.connection_id, source_object=issue.object, enabled=True))


def _write_down(verb: str, subject: Any, run: Run, wish: Replay, *, by: Any) -> None:
    audit.record(
        verb,
        subject=subject,
        actor=by,
        data={
            "flow": str(run.flow_id),
            "run": str(run.pk),
            "mapping": wish.mapping,
            "since": wish.since.isoformat() if wish.since else "",
            "preview": run.preview,
            "words": wish.why,
        },
    )


# --- what a run does about it ----------------------------------------------------------------------------------------


def page(run: Run) -> tuple[Mapping[int | None, Sequence[Record]], int]:
    """The next records to be decided once more, by the edition of the mapping that counts for each, and how far they reach.

    None stands for the mapping of today. What was left half done at the target is taken up where it was. Empty at the end.
    """
    wish = msgspec.convert(run.replay, Replay)
    with transaction.atomic():
        records = read(_meant(run, wish).filter(feed_no__gt=run.position), at_most=PAGE)
        if not records:
            return {}, run.position
        if not run.preview:
            _take_up(run.flow, records)
        editions = _editions(run.flow, records) if wish.mapping == THEN else {}
    fixed = None if wish.mapping in (TODAY, THEN) else int(wish.mapping)
    found: dict[int | None, list[Record]] = defaultdict(list)
    for record in records:
        found[editions.get(record.pk, fixed)].append(record)
    return found, records[-1].feed_no


def in_another_round(run: Run, records: Sequence[Record]) -> Mapping[int | None, Sequence[Record]]:
    """These records, which were overtaken, by the edition with which this run has decided about them; None: that of today."""
    if not run.replay:
        return {None: records}
    with transaction.atomic():
        items = Item.objects.filter(run=run, record__in=[record.pk for record in records])
        editions = dict(items.order_by("pk").values_list("record_id", "edition"))
    found: dict[int | None, list[Record]] = defaultdict(list)
    for record in records:
        found[editions.get(record.pk)].append(record)
    return found


def anew(agreed: Agreed | None, wanted: Mapping[str, Any]) -> Agreed | None:
    """What was agreed, so that all that the source says is news, and what somebody changed at the target still shows."""
    return None if agreed is None else Agreed(dict.fromkeys(wanted, _NEVER_SAID), agreed.target)


def _meant(run: Run, wish: Replay) -> QuerySet[Record]:
    rows = Record.objects.filter(connection=run.flow.source_id, object=run.flow.source_object)
    if wish.since is None:
        return rows.filter(pk__in=wish.records)
    return rows.annotate(said_at=Coalesce("changed_at", "kept_at")).filter(said_at__gte=wish.since)


def _editions(flow: Flow, records: Sequence[Record]) -> dict[UUID, int]:
    """By which edition each was brought to the target last: record → edition."""
    applied = Item.objects.filter(flow=flow, record__in=[record.pk for record in records], state=Item.State.APPLIED)
    last = applied.order_by("record", "-pk").distinct("record")
    return dict(last.values_list("record_id", "edition"))


def _take_up(flow: Flow, records: Sequence[Record]) -> None:
    held = Item.objects.filter(flow=flow, record__in=[record.pk for record in records], state=Item.State.HELD)
    for item in held.select_related("flow"):
        calls.revive(item)
