"""Absence: what a full list no longer shows has gone only if a direct read says so too.

An error, an empty page or a changed filter makes records vanish from a list; nothing follows from a list alone. And where
too many vanish at once, nothing follows at all: everything stops until a person has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
from integrations.wire.errors import VendorError
from integrations.wire.limits import Urgency
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.stream import FETCHED, Gone, Page
from integrations.wire.stream import Stream as Facts
from plumbing.slices import LEASE, after, check_time

COMPARE_EVERY = timedelta(minutes=10)  # at most so often the ids are listed of a vendor that tells nobody of deletions
ALL_LISTED = "-"  # the page token once every id was listed
# An id was met, but nobody read what its record says: no older page is overruled by that.
UNREAD = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many may be missing from a list before a person must look: a share in percent, from so many on."""

    share: int = 20
    at_least: int = 5


USUAL = Limit()


class Vanished(VendorError):
    """So many records are missing from a list that nothing is concluded: a person must look. `of` is how many there were."""

    usual_explanation = "So many at once look like a filter, a lost right or a fault, so nothing was concluded from it."
    usual_advice = (
        "Look in the system whether they are really gone. If they are, approve the stopped run: each is asked for by "
        "itself before it counts as deleted. If not, restore the filter or the right there, and cancel the run."
    )

    def __init__(self, connection: Connection, object: str, missing: int, of: int) -> None:
        super().__init__(explanation=f"{missing} of {of} records are no longer listed by {connection} ({object}).")
        self.connection, self.object, self.missing, self.of = connection, object, missing, of


def is_mass(missing: int, of: int, limit: Limit) -> bool:
    """Whether so many of all are missing that it looks like an accident; all of several always do."""
    if missing >= of:
        return of > 1
    return missing >= limit.at_least and missing * 100 > of * limit.share


def is_looked_for(stream: Stream, connection: Connection, facts: Facts) -> bool:
    """Whether this sweep looks for what is no longer there: a full one does, and others where nobody tells of deletions."""
    if stream.sweep_full:
        return facts.full_list
    if stream.compared_at is not None and stream.compared_at > timezone.now() - COMPARE_EVERY:
        return False
    return connector(connection.connector).dialect.list_ids(facts, None, site_of(connection)) is not None


def confirm(
    stream: Stream, connection: Connection, *, until: datetime, told: Callable[[Kept], None], limit: Limit
) -> None:
    """Ask the vendor for each record that was not listed; note as deleted what is not there.

    Raises Vanished where too many are missing, having concluded nothing; NotNow at the end of the slice: what was
    confirmed till then is kept. Raises VendorError.
    """
    kind, site = connector(connection.connector), site_of(connection)
    facts = kind.stream(stream.object)
    if not stream.sweep_full:
        _list_ids(stream, connection, facts, until=until)
    missing, of = _missing(stream)
    if len(missing) > stream.may_miss and is_mass(len(missing), of, limit):
        raise _stopped(stream, connection, len(missing), of)
    for start in range(0, len(missing), facts.fetch_batch):
        check_time(until)
        asked_at, ids = timezone.now(), missing[start : start + facts.fetch_batch]
        answer = _ask(stream, connection, kind.dialect.fetch(facts, ids, site))
        with line.heard(connection):
            page = kind.dialect.read(facts, FETCHED, answer, site)
        there = {facts.shape.external_id(raw) for raw in page.raws} | {gone.external_id for gone in page.gone}
        gone = [Gone(external_id=name, how="deleted") for name in ids if name not in there]
        with transaction.atomic():
            stream.renew(seconds=LEASE)
            confirmed = Page(raws=page.raws, gone=[*page.gone, *gone])
            kept = keep(stream, confirmed, facts=facts, read_at=answer.asked_at or asked_at)
            _met(stream, there)
        told(kept)
    with transaction.atomic():
        issues.solve([_about(stream)])


@transaction.atomic
def allow(stream: Stream, missing: int) -> None:
    """Let so many be missing from the next list, by a person's word: each is still asked for by itself."""
    Stream.objects.filter(pk=stream.pk).update(may_miss=missing)
    issues.solve([_about(stream)])


@transaction.atomic
def disregard(stream: Stream) -> None:
    """A person has looked, and nothing is gone: the issue ends, and the next sweep looks again."""
    issues.solve([_about(stream)])


def _list_ids(stream: Stream, connection: Connection, facts: Facts, *, until: datetime) -> None:
    """Note every id that is there, page after page; goes on where an earlier slice ended."""
    dialect, site = connector(connection.connector).dialect, site_of(connection)
    while stream.page != ALL_LISTED:
        check_time(until)
        request = dialect.list_ids(facts, stream.page or None, site)
        if request is None:
            raise ValueError(f"{connection} cannot list the ids of {facts.name}.")
        answer = _ask(stream, connection, request)
        with line.heard(connection):
            ids, following = dialect.read_ids(facts, answer, site)
        with transaction.atomic():
            stream.renew(seconds=LEASE)
            _met(stream, ids)
            stream.page = following or ALL_LISTED
            stream.save(update_fields=("page",))


def _ask(stream: Stream, connection: Connection, request: Request) -> Answer:
    answer = line.send(
        connection,
        request,
        before=stream.leased_until,
        not_before=stream.sweep_started_at,
        urgency=Urgency.BACKFILL,
    )
    if isinstance(answer, Pending):
        raise after(answer.after, f"{connection} has not answered yet")
    return answer


def _met(stream: Stream, ids: Iterable[str]) -> None:
    """Note that these are there. Inside a transaction."""
    Sighting.objects.create(
        connection_id=stream.connection_id,
        object=stream.object,
        sweep=stream.sweep,
        read_at=UNREAD,
        external_ids=list(ids),
    )


@transaction.atomic
def _missing(stream: Stream) -> tuple[list[str], int]:
    """The ids that this sweep has not met, and how many records there were before it."""
    there = Record.objects.filter(connection=stream.connection_id, object=stream.object, state__in=Record.THERE)
    unmet = there.filter(sweep__lt=stream.sweep).exclude(external_id__in=_sighted(stream))
    known = there.filter(first_kept_at__lt=stream.sweep_started_at)
    return list(unmet.order_by("feed_no").values_list("external_id", flat=True)), known.count()


def _sighted(stream: Stream) -> QuerySet[Sighting]:
    """The ids of what this sweep met and found as it was before."""
    pages = Sighting.objects.filter(connection=stream.connection_id, object=stream.object, sweep=stream.sweep)
    return pages.values_list(Func("external_ids", function="unnest"), flat=True)


@transaction.atomic
def _stopped(stream: Stream, connection: Connection, missing: int, of: int) -> Vanished:
    """Tell a person, and let the next sweep begin anew: whatever hid the records may be mended by then."""
    vanished = Vanished(connection, stream.object, missing, of)
    stream.hold()
    stream.sweep_started_at, stream.page, stream.next_mark, stream.listed = None, "", "", False
    if stream.sweep_full:
        stream.mark = ""  # everything is still to be read
    stream.save(update_fields=("sweep_started_at", "page", "next_mark", "listed", "mark"))
    issues.open_issues(
        [
            Issue(
                code="vanished",
                about=_about(stream),
                connection=connection,
                object=stream.object,
                where=f"{connection}: {stream.object}",
                words=f"{missing} of {of} records that were there before are no longer listed.",
                explanation=Vanished.usual_explanation,
                advice=Vanished.usual_advice,
            )
        ]
    )
    return vanished


def _about(stream: Stream) -> str:
    return issues.about("vanished", stream.connection_id, stream.object)
