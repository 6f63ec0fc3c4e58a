"""Absence: what a full sweep no longer lists has gone only if a direct read says so too.

An error, an empty page or a changed filter makes records vanish from a list; nothing follows from a list alone. And where
too many vanish at once, nothing follows at all: a person must look first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Func, QuerySet
from django.utils import timezone

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.records import issues
from integrations.records.keep import Kept, keep
from integrations.records.models import Issue, Record, Sighting, Stream
from integrations.wire.message import Pending
from integrations.wire.stream import FETCHED, Gone, Page
from plumbing.slices import LEASE, after, check_time

MANY, SHARE = 20, 5  # more than so many, and more than a fifth of all, is a mass disappearance


def confirm(stream: Stream, connection: Connection, *, until: datetime, told: Callable[[Kept], None]) -> None:
    """Ask the vendor for each record that the full sweep did not list; note as deleted what is not there.

    Raises NotNow at the end of the slice: what was confirmed till then is kept. Raises VendorError.
    """
    kind, site = connector(connection.connector), site_of(connection)
    facts = kind.stream(stream.object)
    missing = _missing(stream)
    if _is_suspicious(stream, len(missing)):
        _stop(stream, connection, len(missing))
        return
    for start in range(0, len(missing), facts.fetch_batch):
        check_time(until)
        asked_at, ids = timezone.now(), missing[start : start + facts.fetch_batch]
        request = kind.dialect.fetch(facts, ids, site)
        answer = line.send(connection, request, before=stream.leased_until, not_before=stream.sweep_started_at)
        if isinstance(answer, Pending):
            raise after(answer.after, f"{connection} has not answered yet")
        with line.heard(connection):
            page = kind.dialect.read(facts, FETCHED, answer, site)
        there = {facts.shape.external_id(raw) for raw in page.raws} | {gone.external_id for gone in page.gone}
        gone = [Gone(external_id=name, how="deleted") for name in ids if name not in there]
        with transaction.atomic():
            stream.renew(seconds=LEASE)
            confirmed = Page(raws=page.raws, gone=[*page.gone, *gone])
            kept = keep(stream, confirmed, facts=facts, read_at=answer.asked_at or asked_at)
        told(kept)


@transaction.atomic
def _missing(stream: Stream) -> list[str]:
    unmet = _live(stream).filter(sweep__lt=stream.sweep).exclude(external_id__in=_sighted(stream))
    return list(unmet.order_by("feed_no").values_list("external_id", flat=True))


@transaction.atomic
def _is_suspicious(stream: Stream, missing: int) -> bool:
    return missing > MANY and missing * SHARE > _live(stream).count()


def _sighted(stream: Stream) -> QuerySet[Sighting]:
    """The ids of what this sweep met and found as it was before."""
    pages = Sighting.objects.filter(connection=stream.connection_id, object=stream.object, sweep=stream.sweep)
    return pages.values_list(Func("external_ids", function="unnest"), flat=True)


def _live(stream: Stream) -> QuerySet[Record]:
    return Record.objects.filter(connection=stream.connection_id, object=stream.object, state=Record.State.LIVE)


@transaction.atomic
def _stop(stream: Stream, connection: Connection, missing: int) -> None:
    issues.open_issues(
        [
            Issue(
                code="vanished",
                about=issues.about("vanished", connection.pk, stream.object),
                connection=connection,
                object=stream.object,
                where=f"{connection}: {stream.object}",
                words=f"{missing} records that were there before are no longer listed.",
                explanation="So many at once look like a filter, a lost right or a fault, so nothing was concluded from it.",
                advice="Look in the system whether they are really gone; if not, restore the filter or the right there.",
            )
        ]
    )
