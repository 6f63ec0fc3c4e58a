"""Reconcile: do both ends agree? The target is asked afresh; the source is added up from its raw payloads by other code.

Nothing here uses a shape, a mapping or an agreement, so that an error in those shows.
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

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.records.keep import exact
from integrations.records.models import Record
from integrations.sync.match import target_identities
from integrations.sync.models import Flow, Item, Run
from integrations.wire.message import Pending
from integrations.wire.stream import FETCHED
from integrations.wire.stream import Stream as Facts
from plumbing.slices import after, check_time

PAGE = 500
LEASE = 180  # seconds
SHOWN = 50  # differences that are listed one by one
COUNTS = ("source_count", "target_count", "differing", "differences")
SO_FAR = "so_far"  # the last item that was taken in, while a run is being added up


@dataclass
class Totals:
    """Both ends side by side: documents and amounts by currency, and each document on which they differ."""

    source: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    target: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    source_count: int = 0
    target_count: int = 0
    differing: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether both ends say the same, record by record."""
        return not self.differing and self.source_count == self.target_count

    def note(self, record: Record, target_id: str | None, ours: Decimal | None, theirs: Decimal | None) -> None:
        """Take one record in; an amount of None means that the record is not there."""
        currency = _currency(record)
        self.source_count += 1
        self.source[currency] += ours or 0
        if theirs is not None:
            self.target_count += 1
            self.target[currency] += theirs
        if theirs is None or ours != theirs:
            self.differing += 1
            if len(self.differences) < SHOWN:
                self.differences.append(
                    {
                        "record": str(record.pk),
                        "source": f"{record}",
                        "target_id": target_id or "",
                        "source_amount": str(ours),
                        "target_amount": "not there" if theirs is None else str(theirs),
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
        }


def of_run(run: Run, *, until: datetime) -> Totals:
    """The totals over what this run applied or left as it is.

    How far it came is kept with the run, so that it goes on there in the next slice. Raises NotNow at the end of this
    one, LeaseLost, and VendorError.
    """
    items = Item.objects.filter(run=run, state__in=(Item.State.APPLIED, Item.State.SKIPPED))
    items = items.exclude(reason__in=NOT_THERE).order_by("pk")
    totals, last = Totals.from_json(run.totals), run.totals.get(SO_FAR)
    while True:
        check_time(until)
        with transaction.atomic():
            run.renew(seconds=LEASE)
            page = list((items.filter(pk__gt=last) if last else items).values_list("pk", "record_id")[:PAGE])
        if not page:
            return totals
        _add(totals, run.flow, [record for _, record in page], before=lambda: run.leased_until)
        last = str(page[-1][0])
        with transaction.atomic():
            run.hold()
            run.totals = totals.as_json() | {SO_FAR: last}
            run.save(update_fields=("totals",))


def of_flow(flow: Flow, *, before: Callable[[], datetime | None]) -> Totals:
    """The totals over everything that the flow has ever brought to the target and that lives at the source."""
    totals = Totals()
    for ids in _everything(flow):
        _add(totals, flow, ids, before=before)
    return totals


# Reasons for which a record is rightly not at the target.
NOT_THERE = ("not_wanted", "gone_before", "no_creates", "gone_left", "void_already")


def _everything(flow: Flow) -> Iterator[list[UUID]]:
    with transaction.atomic():
        left_out = set(
            Item.objects.filter(flow=flow, state=Item.State.SKIPPED, reason__in=NOT_THERE).values_list(
                "record_id", flat=True
            )
        )
    after_no = 0
    while True:
        rows = Record.objects.filter(connection=flow.source_id, object=flow.source_object, feed_no__gt=after_no)
        with transaction.atomic():
            page = list(rows.order_by("feed_no").values_list("pk", "feed_no", "state")[:PAGE])
        if not page:
            return
        after_no = page[-1][1]
        yield [pk for pk, _, state in page if pk not in left_out and state == Record.State.LIVE]


def _add(totals: Totals, flow: Flow, ids: Sequence[UUID], *, before: Callable[[], datetime | None]) -> None:
    """Take a page of records into the totals, the target asked afresh for each of them."""
    source_total = connector(flow.source.connector).stream(flow.source_object).total
    target = connector(flow.target.connector).stream(flow.target_object)
    with transaction.atomic():
        records = list(Record.objects.filter(pk__in=ids).order_by("feed_no"))
        names = _target_names(flow, records)
    standing = _ask(flow.target, target, list(names.values()), before)
    for record in records:
        target_id = names.get(record.external_id)
        raw = standing.get(target_id or "")
        theirs = None if raw is None else _amount(target.total, raw)
        if record.state == Record.State.LIVE:
            totals.note(record, target_id, _amount(source_total, exact(record.raw)), theirs)
        elif theirs:  # what is gone at the source may stand there at zero, or not at all
            totals.note(record, target_id, Decimal(0), theirs)


def _target_names(flow: Flow, records: Sequence[Record]) -> Mapping[str, str]:
    known = who.identities([record.external_id for record in records], at=flow.source, object=flow.source_object)
    identities = target_identities(flow, known)
    names = who.names(set(identities.values()), at=flow.target, object=flow.target_object)
    return {name: names[identity] for name, identity in identities.items() if identity in names}


def _ask(
    connection: Connection, facts: Facts, ids: Sequence[str], before: Callable[[], datetime | None]
) -> dict[str, dict[str, Any]]:
    """What the target says of these now: external id → raw payload, for those that are there."""
    dialect, site = connector(connection.connector).dialect, site_of(connection)
    found = {}
    for start in range(0, len(ids), facts.fetch_batch):
        request = dialect.fetch(facts, ids[start : start + facts.fetch_batch], site)
        answer = line.send(connection, request, before=before())
        if isinstance(answer, Pending):
            raise after(answer.after, f"{connection} has not answered yet")
        with line.heard(connection):
            page = dialect.read(facts, FETCHED, answer, site)
        found.update({facts.shape.external_id(raw): raw for raw in page.raws})
    return found


def _amount(total: Callable[[dict[str, Any]], Decimal] | None, raw: dict[str, Any]) -> Decimal:
    """A document's total; records without amounts count as nothing, so that only their number is compared."""
    return total(raw) if total is not None else Decimal(0)


def _currency(record: Record) -> str:
    return str(msgspec.json.decode(record.canonical).get("currency", "")) if record.canonical else ""
