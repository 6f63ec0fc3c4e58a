"""Published: what of a list stands in its file, asked afresh: by reading the file again, not by remembering."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.records.keep import exact
from integrations.records.models import Record
from integrations.sync.publications import Publication
from integrations.wire.message import Pending, Request, json_of
from integrations.wire.stream import Stream as Facts
from plumbing.slices import after


def standing(
    connection: Connection, facts: Facts, ids: Sequence[str], *, before: datetime | None, since: datetime
) -> dict[str, dict[str, Any]]:
    """Those of these records that stand in what was published: id → payload; none where the file there is another one.

    A file that is gone was taken by its reader, as was one with a number of its own: it was read back when it was
    published. Once read again since `since`, it is not read for each page.
    """
    with transaction.atomic():
        last = _last(connection, facts)
    if last is None or not _is_unchanged(connection, last, before=before, since=since):
        return {}
    with transaction.atomic():
        rows = Record.objects.filter(
            connection=connection, object=facts.name, external_id__in=list(ids), state__in=Record.READABLE
        )
        there = rows.filter(feed_no__lte=last.feed_no).exclude(external_id__in=last.left_out)
        return {row.external_id: exact(row.raw) for row in there.only("external_id", "raw")}


def _is_unchanged(connection: Connection, last: Publication, *, before: datetime | None, since: datetime) -> bool:
    if last.checked_at is not None and last.checked_at >= since:
        return True
    request = Request(method="DIGEST", path=str(connection.settings.get("folder") or "."), params={"file": last.path})
    answer = line.send(connection, request, before=before, not_before=since)
    if isinstance(answer, Pending):
        raise after(answer.after, f"{connection} has not answered yet")
    if json_of(answer)["digest"] not in (None, last.digest):
        return False
    last.checked_at = timezone.now()
    with transaction.atomic():
        last.save(update_fields=("checked_at",))
    return True


def _last(connection: Connection, facts: Facts) -> Publication | None:
    rows = Publication.objects.filter(connection=connection, object=facts.name, state=Publication.State.PUBLISHED)
    return rows.order_by("-number").first()
