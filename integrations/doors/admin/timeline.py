"""The life of a record at both ends, as one list in the order in which it happened.

It is the same from whichever end one asks: a sales line's invoice and the invoice in the ledger tell one story.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations.crosswalk.models import Link, Origin
from integrations.doors.admin.base import badge, to_page
from integrations.doors.admin.calls import exchange
from integrations.records.models import Issue, Record
from integrations.sync.models import CallIntent, Item
from tenants.audit.models import Event, with_asides

MOST = 100  # of each sort, the latest
IN_FULL = 10  # calls whose request and answer are shown on the spot; the others are a click away
OWN_ECHO = timedelta(minutes=1)  # a change this close before we kept it is the one that we made


@dataclass(order=True)
class Moment:
    """One thing that happened: when, in one line, and what belongs to it."""

    at: datetime
    rank: int
    icon: str = field(compare=False)
    title: Any = field(compare=False)
    words: str = field(compare=False, default="")
    end: str = field(compare=False, default="")
    url: Any = field(compare=False, default="")
    differences: list[dict[str, Any]] = field(compare=False, default_factory=list)
    exchange: dict[str, str] | None = field(compare=False, default=None)


@dataclass
class Family:
    """A record with its identity, what it was made from or became, and all their names and records."""

    record: Record
    identities: set[UUID]
    links: list[Link]
    records: list[Record]

    @property
    def others(self) -> list[Record]:
        """Who it is at the other ends."""
        return [each for each in self.records if each.pk != self.record.pk]


def family(record: Record) -> Family:
    """Everybody a record is elsewhere: by links, and one step of origin."""
    own = Link.objects.filter(
        connection=record.connection_id, object=record.object, external_id=record.external_id
    ).values_list("identity_id", flat=True)
    identities = set(own)
    for source, target in Origin.objects.filter(Q(source__in=identities) | Q(target__in=identities)).values_list(
        "source_id", "target_id"
    )[:MOST]:
        identities |= {source, target}
    links = list(Link.objects.filter(identity__in=identities).select_related("connection").order_by("made_at")[:MOST])
    names = Q(pk=record.pk)
    for each in links:
        names |= Q(connection=each.connection_id, object=each.object, external_id=each.external_id)
    records = list(Record.objects.filter(names).select_related("connection").order_by("first_kept_at"))
    return Family(record, identities, links, records)


def timeline(of: Family) -> list[Moment]:
    """Everything that happened to them, in order."""
    keys = [record.pk for record in of.records]
    items = list(
        Item.objects.filter(record__in=keys)
        .select_related("flow", "run__flow", "record__connection")
        .order_by("-pk")[:MOST]
    )
    parts = (
        _kept(of.records), _decided(items), _linked(of.links), _sent(of.identities), _issues(keys), _audited(keys),
    )  # fmt: skip
    return list(heapq.merge(*(sorted(part) for part in parts)))


def _kept(records: Iterable[Record]) -> Iterator[Moment]:
    for record in records:
        end = str(record.connection)
        if record.changed_at and record.kept_at - record.changed_at > OWN_ECHO:
            yield Moment(record.changed_at, 0, "edit", f"changed in {end}, as it says itself", end=end)
        yield Moment(record.first_kept_at, 1, "download", f"first read from {end}", end=end, url=to_page(record))
        if record.kept_at > record.first_kept_at:
            state = "" if record.state == Record.State.LIVE else record.get_state_display()
            yield Moment(record.kept_at, 1, "sync", f"last heard something new from {end}", words=state, end=end)


def _decided(items: Iterable[Item]) -> Iterator[Moment]:
    for item in items:
        end = str(item.record.connection)
        title = f"{item.flow.name}: {item.get_operation_display()}" if item.operation != "none" else item.flow.name
        words = " — ".join(part for part in (item.reason.replace("_", " "), item.words) if part)
        yield Moment(
            item.decided_at, 2, "checklist", title, words=words or item.get_state_display(), end=end, url=to_page(item),
            differences=item.differences,
        )  # fmt: skip
        if item.ended_at and item.ended_at > item.decided_at:
            yield Moment(
                item.ended_at, 6, "task_alt", badge(item.state, item.get_state_display()),
                words=f"{item.flow.target_object} {item.target_id}" if item.target_id else "", end=end, url=to_page(item.run),
            )  # fmt: skip


def _linked(links: Iterable[Link]) -> Iterator[Moment]:
    for link in links:
        title = f"linked: {link.object.replace('_', ' ')} {link.external_id} in {link.connection}"
        yield Moment(
            link.made_at, 5, "link", title, words=link.get_how_display(), end=str(link.connection), url=to_page(link)
        )


def _sent(identities: Iterable[UUID]) -> Iterator[Moment]:
    carried = CallIntent.objects.filter(intent__identity__in=identities)
    latest = carried.select_related("call__connection", "intent").order_by("-pk")[:MOST]
    for position, each in enumerate(latest):
        call, intent = each.call, each.intent
        end = str(call.connection)
        yield Moment(
            call.sent_at or call.prepared_at, 3, "upload", f"{intent.get_state_display()}: {intent.operation} sent to {end}",
            words=f"key {intent.key}, sent {call.sends} times" if call.sends > 1 else f"key {intent.key}", end=end,
            url=to_page(call), exchange=exchange(call) if position < IN_FULL else None,
        )  # fmt: skip
        if call.answered_at:
            yield Moment(call.answered_at, 4, "reply", f"{end} answered with {call.status}", words=call.words, end=end,
                         url=to_page(call))  # fmt: skip


def _issues(records: Iterable[UUID]) -> Iterator[Moment]:
    for issue in Issue.objects.filter(record__in=list(records)).order_by("-pk")[:MOST]:
        yield Moment(issue.opened_at, 3, "flag", "needs a person", words=issue.words, url=to_page(issue))
        if issue.ended_at:
            yield Moment(issue.ended_at, 7, "flag_check", f"issue {issue.get_state_display()}", url=to_page(issue))


def _audited(records: Iterable[UUID]) -> Iterator[Moment]:
    about = [str(key) for key in records]
    events = Event.objects.filter(subject_kind="integrations.record", subject_id__in=about).order_by("-at")
    for event in with_asides(events)[:MOST]:
        told = event.facts.get("words", "")
        yield Moment(
            event.at, 8, "history_edu", f"audit: {event.verb}", words=" — ".join(filter(None, (event.actor_name, told))),
            url=to_page(event),
        )  # fmt: skip
