"""Intake: pages come in from a system until its stream is fresh; each page is kept before the next is asked for.

Two cursors: the page token moves each page, so that a killed sweep goes on where it was; the since-mark moves only at
the end of a sweep, to what the vendor's clock said when the sweep began.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.records import absence, issues
from integrations.records.absence import Limit
from integrations.records.keep import Kept, keep
from integrations.records.models import Sighting, Stream
from integrations.wire.limits import Urgency
from integrations.wire.message import Pending
from integrations.wire.stream import Cursor, Page
from plumbing.slices import LEASE, after, check_time

UNSURE = "?"  # the next since-mark after a sweep that may have missed deletions: none, so that everything is read


def freshen(
    connection: Connection,
    object: str,
    *,
    since: datetime,
    until: datetime,
    full: bool = False,
    told: Callable[[Kept], None] = lambda kept: None,
    limit: Limit = absence.USUAL,
) -> None:
    """Read the stream unless a sweep of it began at `since` or later; `full` reads everything, not only what changed.

    `told` hears of each page that was kept. Raises NotNow when the slice is over or somebody else is reading, Vanished
    where more than `limit` are no longer listed, and VendorError.
    """
    stream = _stream(connection, object)
    if _is_fresh(stream, since=since, full=full):
        return
    with transaction.atomic():
        claimed = stream.claim(seconds=LEASE)
    if not claimed:
        raise after(2, f"{connection} / {object} is being read by another worker")
    try:
        _sweep(stream, connection, until=until, since=since, full=full, told=told, limit=limit)
        if not _is_fresh(stream, since=since, full=full):  # that one was begun before, by a run that did not end it
            _sweep(stream, connection, until=until, since=since, full=full, told=told, limit=limit)
    finally:
        with transaction.atomic():
            stream.release()


def _sweep(
    stream: Stream,
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    full: bool,
    told: Callable[[Kept], None],
    limit: Limit,
) -> None:
    facts = connector(connection.connector).stream(stream.object)
    with transaction.atomic():
        _begin(stream, facts_edition=facts.shape.edition, full=full, since=since)
    whole = stream.listed or _list(stream, connection, until=until, told=told)
    if looks := absence.is_looked_for(stream, connection, facts):
        absence.confirm(stream, connection, until=until, told=told, limit=limit)
    with transaction.atomic():
        stream.hold()
        if (stream.sweep_full or whole) and stream.sweep_started_at is not None:
            issues.solve_unmet("unreadable", connection=connection, object=stream.object, since=stream.sweep_started_at)
        _end(stream, looked=looks)


def _list(stream: Stream, connection: Connection, *, until: datetime, told: Callable[[Kept], None]) -> bool:
    """Keep page after page to the last; gives whether they told everything although less may have been asked for."""
    kind, site = connector(connection.connector), site_of(connection)
    facts = kind.stream(stream.object)
    looks = absence.is_looked_for(stream, connection, facts)
    while True:
        check_time(until)
        cursor = Cursor(mark=None if stream.sweep_full else stream.mark or None, page=stream.page or None)
        asked_at = timezone.now()
        request = kind.dialect.ask(facts, cursor, site)
        answer = line.send(
            connection,
            request,
            before=stream.leased_until,
            not_before=stream.sweep_started_at,
            urgency=Urgency.BACKFILL if stream.sweep_full else Urgency.READING,
        )
        if isinstance(answer, Pending):
            raise after(answer.after, f"{connection} has not answered yet")
        with line.heard(connection):
            page = kind.dialect.read(facts, cursor, answer, site)
        with transaction.atomic():
            stream.renew(seconds=LEASE)
            kept = keep(stream, page, facts=facts, read_at=answer.asked_at or asked_at)
            _turn(stream, page, then_confirm=looks)
        told(kept)
        if page.next is None:
            return page.whole


def _begin(stream: Stream, *, facts_edition: int, full: bool, since: datetime) -> None:
    """Go on with the sweep that was begun, unless everything is to be read and it was not meant to."""
    stream.refresh_from_db()
    outdated = stream.edition != facts_edition
    wants_full = outdated or not stream.mark or (full and not _fully(stream, since))
    if stream.sweep_started_at is not None and (stream.sweep_full or not wants_full):
        return
    stream.sweep, stream.sweep_full, stream.sweep_started_at = stream.sweep + 1, wants_full, timezone.now()
    stream.page, stream.next_mark, stream.listed, stream.edition = "", "", False, facts_edition
    _save(stream)


def _turn(stream: Stream, page: Page, *, then_confirm: bool) -> None:
    """The page token moves each page; the first page's mark waits for the end of the sweep."""
    stream.next_mark = UNSURE if page.unsure else stream.next_mark or page.mark or ""
    stream.page = page.next or ""
    if page.next is None:  # what ends the sweep is written with its end, unless something is to be asked before
        stream.listed = then_confirm
    if page.next is not None or then_confirm:
        _save(stream)


def _end(stream: Stream, *, looked: bool) -> None:
    """The sweep is complete: from now on only what changed since it began is asked for."""
    stream.mark = "" if stream.next_mark == UNSURE else stream.next_mark or stream.mark
    stream.page, stream.next_mark, stream.listed = "", "", False
    stream.swept_at, stream.sweep_started_at = stream.sweep_started_at, None
    if stream.sweep_full:
        stream.fully_swept_at = stream.swept_at
        # Whatever earlier sweeps saw, this one has met again.
        earlier = Sighting.objects.filter(connection=stream.connection_id, object=stream.object, sweep__lt=stream.sweep)
        earlier.delete()
    if looked:
        stream.compared_at, stream.may_miss = stream.swept_at, 0
        # That an id was met says nothing beyond this sweep.
        Sighting.objects.filter(
            connection=stream.connection_id, object=stream.object, sweep=stream.sweep, read_at=absence.UNREAD
        ).delete()
    _save(stream)


def _save(stream: Stream) -> None:
    stream.save(
        update_fields=(
            "sweep", "sweep_full", "sweep_started_at", "page", "next_mark", "listed", "edition", "mark",
            "swept_at", "fully_swept_at", "compared_at", "may_miss",
        )
    )  # fmt: skip


def _is_fresh(stream: Stream, *, since: datetime, full: bool) -> bool:
    swept = stream.swept_at is not None and stream.swept_at >= since
    return swept and (not full or _fully(stream, since))


def _fully(stream: Stream, since: datetime) -> bool:
    return stream.fully_swept_at is not None and stream.fully_swept_at >= since


def _stream(connection: Connection, object: str) -> Stream:
    with transaction.atomic():
        return Stream.objects.get_or_create(connection=connection, object=object)[0]
