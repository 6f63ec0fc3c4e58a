"""Reconcile: do both ends agree? The target is asked afresh; the source is added up from its raw payloads by other code.

No amount here comes from a shape, a mapping's rules or an agreement, so that an error in those shows; only the name of its
currency is what the shapes read. Where a mapping changes amounts on purpose, `declared` says to what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.records.keep import exact
from integrations.records.models import Record
from integrations.sync import credited, declared, published
from integrations.sync.match import target_identities
from integrations.sync.models import Flow, Item, Run
from integrations.wire.errors import ShapeError
from integrations.wire.message import Pending
from integrations.wire.stream import FETCHED
from integrations.wire.stream import Stream as Facts
from plumbing.slices import LEASE, after, check_time

PAGE = 500
SHOWN = 50  # differences that are listed one by one
COUNTS = ("source_count", "target_count", "differing", "differences", "declared")
SO_FAR = "so_far"  # where a run stands while it is being added up


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a document comes to at the target, in which currency ("" where it does not say)."""

    amount: Decimal
    currency: str


@dataclass
class Totals:
    """Both ends side by side: documents and amounts by currency, and each document on which they differ."""

    source: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    target: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    source_count: int = 0
    target_count: int = 0
    differing: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    declared: str = ""  # how the mapping changes amounts on purpose: the source's are those that it is to come to

    @property
    def agree(self) -> bool:
        """Whether both ends say the same, record by record."""
        return not self.differing and self.source_count == self.target_count

    def note(self, record: Record, target_id: str | None, ours: Decimal | None, there: _Standing | None) -> None:
        """Take one record in; `there` is None where it does not stand at the target."""
        currency = _currency(record)
        self.source_count += 1
        self.source[currency] += ours or 0
        if there is not None:
            self.target_count += 1
            self.target[there.currency or currency] += there.amount
        strange = there is not None and bool(there.currency and currency) and there.currency != currency
        if there is None or ours != there.amount or strange:
            self.differing += 1
            if len(self.differences) < SHOWN:
                self.differences.append(
                    {
                        "record": str(record.pk),
                        "source": f"{record}",
                        "target_id": target_id or "",
                        "source_amount": f"{ours} {currency}" if strange else str(ours),
                        "target_amount": "not there"
                        if there is None
                        else f"{there.amount} {there.currency if strange else ''}".rstrip(),
                    }
                )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Totals:
        """The totals as an earlier slice left them."""
        totals = cls(**{name: kept[name] for name in COUNTS if name in kept})
        for side in ("source", "target"):
            getattr(totals, side).update({code: Decimal(amount) for code, amount in kept.get(side, {}).items()})
        return totals

    def as_json(self) -> dict[str, Any]:
        """The totals as they are kept with a run."""
        return {
            "agree": self.agree,
            "source_count": self.source_count,
            "target_count": self.target_count,
            "source": {currency: str(amount) for currency, amount in sorted(self.source.items())},
            "target": {currency: str(amount) for currency, amount in sorted(self.target.items())},
            "differing": self.differing,
            "differences": self.differences,
            "declared": self.declared,
        }


def of_run(run: Run, *, until: datetime) -> Totals:
    """The totals over what this run applied or left as it is.

    How far it came is kept with the run, so that it goes on there in the next slice. Raises NotNow at the end of this
    one, LeaseLost, and VendorError.
    """
    items = Item.objects.filter(run=run, state__in=(Item.State.APPLIED, Item.State.SKIPPED))
    items = items.exclude(reason__in=NOT_THERE).order_by("pk")
    so_far = _begun(run)
    totals = Totals.from_json(run.totals)
    while True:
        check_time(until)
        with transaction.atomic():
            run.renew(seconds=LEASE)
            rest = items.filter(pk__gt=so_far.last) if so_far.last else items
            page = list(rest.only("pk", "record_id")[:PAGE])
            last = _decided_last(run.flow, [item.record_id for item in page])
        if not page:
            return totals
        standing = [item for item in page if last.get(item.record_id) == item]
        try:
            for number in _add(
                totals, run.flow, [item.record_id for item in standing], lambda: run.leased_until, so_far.since
            ):
                so_far.last = str(standing[number - 1].pk)
                check_time(until)
            so_far.last = str(page[-1].pk)
        finally:  # also where an answer comes later: those that came need not be asked for again
            _keep(run, totals, so_far)


@dataclass(kw_only=True)
class _SoFar:
    """How far a run has been added up: the last item that is in, the newest there was, and since when its target is asked."""

    last: str = ""
    newest: str
    since: datetime


def _begun(run: Run) -> _SoFar:
    """Where to go on with adding up: at the beginning, if something was done since it began."""
    with transaction.atomic():
        newest = str(Item.objects.filter(run=run).order_by("pk").values_list("pk", flat=True).last() or "")
    if SO_FAR in run.totals:
        so_far = msgspec.convert(run.totals[SO_FAR], _SoFar)
        if so_far.newest == newest:
            return so_far
    run.totals = {}
    return _SoFar(newest=newest, since=timezone.now())


def _keep(run: Run, totals: Totals, so_far: _SoFar) -> None:
    with transaction.atomic():
        run.hold()
        run.totals = totals.as_json() | {SO_FAR: msgspec.to_builtins(so_far)}
        run.save(update_fields=("totals",))


def of_flow(flow: Flow, *, before: Callable[[], datetime | None], since: datetime) -> Totals:
    """The totals over everything that the flow has ever brought to the target and that lives at the source.

    The target is asked after `since`. Raises NotNow where it answers later: asked again for the same `since`, it goes on.
    """
    totals = Totals()
    for ids in _everything(flow):
        for _ in _add(totals, flow, ids, before, since):
            pass
    return totals


# Reasons for which a record is rightly not at the target.
NOT_THERE = ("not_wanted", "gone_before", "no_creates", "gone_left", "void_already")


def _decided_last(flow: Flow, records: Sequence[UUID]) -> dict[UUID, Item]:
    """What was decided last about each of a page of records: record → item.

    Asked a page at a time: as a condition of one statement the database would weigh all items against each other.
    """
    items = Item.objects.filter(flow=flow, record__in=records).exclude(state=Item.State.PREVIEWED)
    last = items.order_by("record", "-pk").distinct("record").only("pk", "record_id", "state", "reason")
    return {item.record_id: item for item in last}


def _everything(flow: Flow) -> Iterator[list[UUID]]:
    """Pages of the records that live at the source and that were not rightly left out when they were decided last."""
    rows = Record.objects.filter(connection=flow.source_id, object=flow.source_object, state__in=Record.THERE)
    after_no = 0
    while True:
        with transaction.atomic():
            page = list(rows.filter(feed_no__gt=after_no).order_by("feed_no").values_list("pk", "feed_no")[:PAGE])
            last = _decided_last(flow, [pk for pk, _ in page])
        if not page:
            return
        after_no = page[-1][1]
        left_out = {pk for pk, item in last.items() if item.state == Item.State.SKIPPED and item.reason in NOT_THERE}
        yield [pk for pk, _ in page if pk not in left_out]


def _add(
    totals: Totals, flow: Flow, ids: Sequence[UUID], before: Callable[[], datetime | None], since: datetime
) -> Iterator[int]:
    """Take a page of records into the totals, the target asked afresh for each; gives how many are in after each answer."""
    source_total = connector(flow.source.connector).stream(flow.source_object).total
    with transaction.atomic():
        meant, totals.declared = declared.meant(flow), declared.declaration(flow)
    target = connector(flow.target.connector).stream(flow.target_object)
    with transaction.atomic():
        found = Record.objects.in_bulk(ids)
        names = _target_names(flow, list(found.values()))
    number = 0
    for records in _askable([found[pk] for pk in ids], names, target.fetch_batch):
        standing = _ask(
            flow.target,
            target,
            [names[each.external_id] for each in records if each.external_id in names],
            before=before(),
            since=since,
        )
        gone = [
            names[each.external_id] for each in records if each.state not in Record.THERE and each.external_id in names
        ]
        back = _taken_back(flow, target, {id: standing[id] for id in gone if id in standing}, before(), since)
        for record in records:
            target_id = names.get(record.external_id)
            raw = standing.get(target_id or "")
            there = None if raw is None else _Standing(_amount(target.total, raw), _currency_there(target, raw))
            if record.state in Record.THERE:
                totals.note(record, target_id, meant(record, _amount(source_total, exact(record.raw))), there)
            elif there and there.amount != (taken := back.get(target_id or "", Decimal(0))):
                # What is gone at the source may stand there at zero, be taken back to the last cent, or not be there.
                totals.note(record, target_id, taken, there)
        number += len(records)
        yield number


def _taken_back(
    flow: Flow, target: Facts, standing: Mapping[str, dict[str, Any]], before: datetime | None, since: datetime
) -> dict[str, Decimal]:
    """How much of these documents is taken back by others, as the target says it now: id → amount."""
    by_itself = target.is_taken_back
    found = {id: _amount(target.total, raw) for id, raw in standing.items() if by_itself is not None and by_itself(raw)}
    with transaction.atomic():
        credits = credited.credits_of(flow, target, standing.keys() - found.keys())
    if target.credits is None or not credits:
        return found
    made = _ask(flow.target, target.credits, sorted(credits.values()), before=before, since=since)
    amounts = {id: _amount(target.credits.total, made[credit]) for id, credit in credits.items() if credit in made}
    return found | amounts


def _askable(records: Sequence[Record], names: Mapping[str, str], at_once: int) -> Iterator[list[Record]]:
    """The records in pieces of which the target can tell in one answer."""
    piece: list[Record] = []
    asked = 0
    for record in records:
        if record.external_id in names:
            if asked == at_once:
                yield piece
                piece, asked = [], 0
            asked += 1
        piece.append(record)
    if piece:
        yield piece


def _target_names(flow: Flow, records: Sequence[Record]) -> Mapping[str, str]:
    known = who.identities([record.external_id for record in records], at=flow.source, object=flow.source_object)
    identities = target_identities(flow, known)
    names = who.names(set(identities.values()), at=flow.target, object=flow.target_object)
    return {name: names[identity] for name, identity in identities.items() if identity in names}


def _ask(
    connection: Connection, facts: Facts, ids: Sequence[str], *, before: datetime | None, since: datetime
) -> dict[str, dict[str, Any]]:
    """What the target says of these now: external id → raw payload, for those that are there."""
    if not ids:
        return {}
    dialect = connector(connection.connector).dialect
    if dialect.sheet(facts, site_of(connection)) is not None:
        return published.standing(connection, facts, ids, before=before, since=since)
    request = dialect.fetch(facts, ids, site_of(connection))
    answer = line.send(connection, request, before=before, not_before=since)
    if isinstance(answer, Pending):
        raise after(answer.after, f"{connection} has not answered yet")
    with line.heard(connection):
        page = dialect.read(facts, FETCHED, answer, site_of(connection))
    return {facts.shape.external_id(raw): raw for raw in page.raws}


def _amount(total: Callable[[dict[str, Any]], Decimal] | None, raw: dict[str, Any]) -> Decimal:
    """A document's total; records without amounts count as nothing, so that only their number is compared."""
    return total(raw) if total is not None else Decimal(0)


def _currency(record: Record) -> str:
    return str(msgspec.json.decode(record.canonical).get("currency", "")) if record.canonical else ""


def _currency_there(target: Facts, raw: dict[str, Any]) -> str:
    """The currency of a document at the target; "" for what has no amounts, or where it cannot be read."""
    if target.total is None:
        return ""
    try:
        return getattr(target.shape.read(raw), "currency", None) or ""
    except ShapeError:
        return ""
