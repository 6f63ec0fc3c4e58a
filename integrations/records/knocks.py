"""What a knock leads to: a look at the vendor's side by the usual ways, a page at a time.

A knock says where to look and nothing else. What changed is read directly by its ids; where that would take more calls than
the list does, or could not tell what belongs to the stream, the list is asked what changed since its mark. What is said to
be gone is gone only if a direct read does not find it either. Many knocks for one record are one read, and what is read says
how things are now: in which order knocks came is no matter.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F
from django.db.models.functions import Cast
from django.utils import timezone

from integrations.connections import line
from integrations.connections.knocks import Bell, Knock
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.records.absence import USUAL, is_mass
from integrations.records.intake import freshen
from integrations.records.keep import keep
from integrations.records.models import Record, Stream
from integrations.wire.errors import OutOfLimits, TryLater, VendorError
from integrations.wire.knocks import NAMELESS
from integrations.wire.message import Pending
from integrations.wire.stream import FETCHED, Gone, Page
from integrations.wire.stream import Stream as Facts
from plumbing.leases import LeaseLost
from plumbing.slices import LEASE, NotNow, after, check_time

MOST = 1000  # knocks that are taken together
MOST_READS = 4  # direct reads for one stream; more are dearer than asking the list what changed
SOON = timedelta(seconds=10)  # whoever is reading the stream just now needs a while
AGAIN = timedelta(seconds=60)  # after a vendor's bad moment
AFTER_A_FAULT = timedelta(minutes=10)  # of ours

log = logging.getLogger(__name__)


def answer(bell_id: UUID | str, *, until: datetime) -> None:
    """Look at what is waiting at a bell; what is left is looked at later. Safe to be called twice, late, or again."""
    with transaction.atomic():
        bell = Bell.objects.select_related("connection").filter(pk=bell_id).first()
        if bell is None or not bell.claim(seconds=LEASE):
            return
        # Before anything is read of what waits: whoever comes from now on rings anew.
        Bell.objects.filter(pk=bell.pk).update(ring_at=None)
    again: datetime | None = None
    try:
        _look_at_all(bell, until)
    except LeaseLost:
        return
    except NotNow as later:
        again = max(later.at, timezone.now() + SOON)
    except TryLater as error:
        again = timezone.now() + (timedelta(seconds=error.retry_after) if error.retry_after else AGAIN)
    except OutOfLimits as error:
        again = error.until or timezone.now() + AGAIN
    except Exception:
        log.exception("what is waiting at bell %s could not be looked at", bell_id)
        again = timezone.now() + AFTER_A_FAULT
    with transaction.atomic():
        if again is not None:
            Bell.objects.filter(pk=bell.pk, fence=bell.fence, ring_at=None).update(ring_at=again)
        bell.release()


def _look_at_all(bell: Bell, until: datetime) -> None:
    """One stream after the other; one that cannot be read just now does not keep the others waiting. Raises NotNow."""
    busy: dict[str, NotNow] = {}
    while waiting := _take_waiting(bell, but=busy):
        for object, knocks in _by_object(waiting).items():
            check_time(until)
            try:
                if bell.connection.state == Connection.State.CONNECTED:  # else the next read finds it, once it is
                    _look(bell, object, knocks, until)
            except NotNow as later:
                busy[object] = later
            else:
                _done(bell, knocks)
    if busy:
        raise min(busy.values(), key=lambda later: later.at)


def _look(bell: Bell, object: str, knocks: Sequence[Knock], until: datetime) -> None:
    """Look at what happened in one stream. Raises NotNow, TryLater and OutOfLimits: then it is looked at again."""
    connection = bell.connection
    try:
        facts = connector(connection.connector).stream(object)
        with transaction.atomic():
            stream = Stream.objects.filter(connection=connection, object=object).first()
        if stream is None:
            return  # nobody has ever wanted to read it
        gone = _said_to_be_gone(stream, knocks)
        changed = [each for each in knocks if each.how == "changed" and each.external_id not in gone]
        _read_changed(bell, facts, stream, changed, until)
        _confirm_gone(bell, facts, stream, gone, until)
    except (TryLater, OutOfLimits):
        raise
    except (VendorError, LookupError) as error:
        # The next run reads the stream, meets the same and tells it with everything that a person needs to know.
        log.warning("%s: %s was not looked at: %s", connection.pk, object, error)


def _read_changed(bell: Bell, facts: Facts, stream: Stream, told: Sequence[Knock], until: datetime) -> None:
    ids = list(dict.fromkeys(each.external_id for each in told))
    if not told:
        return
    since = max(each.came_at for each in told)
    knocks = connector(bell.connection.connector).knocks
    by_list = knocks is None or not knocks.direct or "" in ids
    if by_list or len(ids) > MOST_READS * facts.fetch_batch:
        freshen(bell.connection, stream.object, since=since, until=until)
        return
    for part in _parts(ids, facts, until):
        # What such a read does not find is left to the usual reads: nobody said that it is gone.
        page, read_at = _ask(bell, facts, part, since=since)
        _keep(bell, facts, stream, page, read_at)


@transaction.atomic
def _said_to_be_gone(stream: Stream, knocks: Sequence[Knock]) -> dict[str, Knock]:
    """Which of our records are said to be gone; of too many at once none, which are left to a full read and a person."""
    told = {each.external_id: each for each in knocks if each.how != "changed" and each.external_id}
    there = Record.objects.filter(connection=stream.connection_id, object=stream.object, state__in=Record.THERE)
    held = list(there.filter(external_id__in=told).values_list("external_id", flat=True)) if told else []
    if len(held) > 1 and is_mass(len(held), of := there.count(), USUAL):
        log.warning("%s: %d of %d records are said to be gone; none is believed", stream.pk, len(held), of)
        return {}
    return {name: told[name] for name in held}


def _confirm_gone(bell: Bell, facts: Facts, stream: Stream, told: Mapping[str, Knock], until: datetime) -> None:
    """Of what is said to be gone, note what a direct read does not find."""
    if not told:
        return
    since = max(each.came_at for each in told.values())
    for part in _parts(list(told), facts, until):
        page, read_at = _ask(bell, facts, part, since=since)
        there = {facts.shape.external_id(raw) for raw in page.raws} | {gone.external_id for gone in page.gone}
        absent = [told[name] for name in part if name not in there]
        survivors = _survivors(bell, facts, absent, since=since)
        gone = [_gone(each, survivors) for each in absent]
        _keep(bell, facts, stream, Page(raws=page.raws, gone=[*page.gone, *gone], problems=page.problems), read_at)


def _parts(ids: Sequence[str], facts: Facts, until: datetime) -> Iterator[Sequence[str]]:
    """As many ids at a time as one read takes. Raises NotNow when the slice is over."""
    for start in range(0, len(ids), facts.fetch_batch):
        check_time(until)
        yield ids[start : start + facts.fetch_batch]


def _survivors(bell: Bell, facts: Facts, absent: Sequence[Knock], *, since: datetime) -> set[str]:
    """Which of those that others are said to be merged into are really there."""
    named = sorted({each.into for each in absent if each.into})
    found: set[str] = set()
    for start in range(0, len(named), facts.fetch_batch):
        page, _ = _ask(bell, facts, named[start : start + facts.fetch_batch], since=since)
        found |= {facts.shape.external_id(raw) for raw in page.raws}
    return found


def _gone(knock: Knock, survivors: Collection[str]) -> Gone:
    if knock.how == "merged" and knock.into in survivors:
        return Gone(external_id=knock.external_id, how="merged", into=knock.into)
    return Gone(external_id=knock.external_id, how="deleted")


def _ask(bell: Bell, facts: Facts, ids: Sequence[str], *, since: datetime) -> tuple[Page, datetime]:
    """What the vendor says of these, and when it was asked: not before `since`."""
    connection, asked_at = bell.connection, timezone.now()
    kind, site = connector(connection.connector), site_of(connection)
    said = line.send(connection, kind.dialect.fetch(facts, ids, site), before=bell.leased_until, not_before=since)
    if isinstance(said, Pending):
        raise after(said.after, f"{connection} has not answered yet")
    with line.heard(connection):
        return kind.dialect.read(facts, FETCHED, said, site), said.asked_at or asked_at


def _keep(bell: Bell, facts: Facts, stream: Stream, page: Page, read_at: datetime) -> None:
    """Keep it beside whatever sweep is under way: by when each was read, an older page never overwrites a newer."""
    with transaction.atomic():
        bell.renew(seconds=LEASE)
        keep(Stream.objects.select_for_update().get(pk=stream.pk), page, facts=facts, read_at=read_at)


@transaction.atomic
def _take_waiting(bell: Bell, *, but: Collection[str]) -> list[Knock]:
    waiting = Knock.objects.filter(bell=bell, done_at=None).exclude(object__in=list(but))
    # From now on one that looks the same is another event: what we are about to read may not show it any more.
    waiting.filter(event__startswith=NAMELESS).update(event=Cast(F("id"), CharField()))
    return list(waiting.order_by("came_at", "pk")[:MOST])


def _by_object(knocks: Sequence[Knock]) -> dict[str, list[Knock]]:
    found: dict[str, list[Knock]] = defaultdict(list)
    for each in knocks:
        found[each.object].append(each)
    return found


@transaction.atomic
def _done(bell: Bell, knocks: Sequence[Knock]) -> None:
    bell.renew(seconds=LEASE)
    Knock.objects.filter(pk__in=[each.pk for each in knocks]).update(done_at=timezone.now())
