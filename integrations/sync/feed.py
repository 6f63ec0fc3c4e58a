"""The change feed as a flow sees it: what came since it last planned, and what had to wait."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.records.models import Record
from integrations.records.terms import FIGURES, WORDS
from integrations.sync.models import Item, Run

PAGE = 500
# Held because of what the target says: decided again each time, since a person may have put it right there.
BY_TARGET = ("both_changed", "differs_on_first_match", "target_gone", "closed_period")


def left_over(run: Run) -> Sequence[Record]:
    """A page of records that earlier runs could not finish and that may go on now, each once a run.

    Those that wait for another record, those that changed while they were applied, those that are held because of what
    the target says, and those that were held under an earlier edition of the mapping.
    """
    mapping = run.flow.mapping
    with transaction.atomic():
        waiting = Item.objects.filter(flow=run.flow_id).exclude(run=run.pk)
        waiting = waiting.filter(
            Q(state=Item.State.WAITING)
            | Q(state=Item.State.PLANNED)
            | Q(state=Item.State.HELD, reason__in=BY_TARGET)
            | Q(state=Item.State.HELD, edition__lt=mapping.edition)
        )
        changed = Item.objects.filter(flow=run.flow_id, again=True).exclude(state=Item.State.APPLYING)
        ids = [*waiting.order_by("pk").values_list("record_id", flat=True)[:PAGE]]
        ids += changed.order_by("pk").values_list("record_id", flat=True)[:PAGE]
        return read(Record.objects.filter(pk__in=ids))


def overtaken(run: Run) -> Sequence[Record]:
    """A page of records about which something else was done, here or there, while ours was on its way."""
    with transaction.atomic():
        late = Q(run=run, state=Item.State.WAITING, reason__in=("stale", "overtaken", "closed"))
        changed = Q(flow=run.flow_id, again=True) & ~Q(state=Item.State.APPLYING)
        ids = list(Item.objects.filter(late | changed).order_by("pk").values_list("record_id", flat=True)[:PAGE])
        return read(Record.objects.filter(pk__in=ids))


def changes(run: Run) -> tuple[Sequence[Record], int]:
    """The next page of records that changed at the source, and how far into the feed it reaches."""
    with transaction.atomic():
        rows = Record.objects.filter(
            connection=run.flow.source_id, object=run.flow.source_object, feed_no__gt=run.position
        )
        page = read(rows, at_most=PAGE)
    return page, page[-1].feed_no if page else run.position


def read(rows: QuerySet[Record], *, at_most: int | None = None) -> list[Record]:
    """The records in the order of the feed, without what came from the system itself: what we read in it is all that counts."""
    unused = ("raw", "place", "version", *(f"by_{word}" for word in (*WORDS, *FIGURES)))
    return list(rows.defer(*unused).order_by("feed_no")[:at_most])
