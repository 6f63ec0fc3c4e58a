"""Compose: what is to be done next becomes intents and the one request that carries them, committed before anything goes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast
from urllib.parse import quote
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.records.models import Record, Stream
from integrations.sync.envelope import facts_of, new_call, writes_of
from integrations.sync.models import Call, CallIntent, Intent, Item, Run
from integrations.sync.traces import ERASED
from integrations.sync.unsettled import STATES
from integrations.wire.errors import Refused, ShapeError, VendorError
from integrations.wire.message import Request
from integrations.wire.stream import Operation
from integrations.wire.stream import Stream as Facts
from plumbing.pages import write_page


class Unfit(Exception):
    """One record of a batch cannot be said in the vendor's terms: the others can go."""

    def __init__(self, item: Item, error: VendorError) -> None:
        super().__init__(str(error))
        self.item, self.error = item, error


def next_items(run: Run) -> list[Item]:
    """The next batch of planned items, of one operation, in the order in which they were planned."""
    facts = facts_of(run.flow)
    with transaction.atomic():
        planned = Item.objects.filter(run=run, state=Item.State.PLANNED).order_by("pk")
        # Not joined: by old statistics a growing table of records is read from end to end.
        items = list(planned.prefetch_related("record")[: _largest(facts)])
    if not items or items[0].reason == Item.ALONE:
        return items[:1]
    alike = [item for item in items if item.operation == items[0].operation and item.reason != Item.ALONE]
    return alike[: facts.batch_of(cast(Operation, items[0].operation))]


def _largest(facts: Facts) -> int:
    return max(facts.batch, *facts.batches.values(), 1)


def prepare(run: Run, items: Sequence[Item]) -> Call | None:
    """Commit the intents for these items and the one request that carries them; None where nothing was left to send.

    Serialised for each (target connection, object), so that two flows into one target cannot both create. Raises
    LeaseLost, and Unfit for a record that cannot be said in the vendor's terms.
    """
    with transaction.atomic():
        run.hold()
        run.check_wanted()
        _serialise(run)
        items = _still_right(run, items)
        if not items:
            return None
        return _compose(run, _intend(run, items))


def next_step(run: Run) -> Call | None:
    """The call for the next step of what is half done (create, post, pay are three); None where nothing is.

    What a run that has ended left half done counts too. Raises LeaseLost and Unfit.
    """
    dialect, facts = connector(run.flow.target.connector).dialect, facts_of(run.flow)
    if all(dialect.steps(facts, operation) == 1 for operation in facts.writes):
        return None
    with transaction.atomic():
        run.hold()
        run.check_wanted()
        _serialise(run)
        begun = Intent.objects.filter(
            Q(item__run=run) | Q(item__run__state__in=Run.ENDED),
            connection=run.flow.target_id,
            object=run.flow.target_object,
            state=Intent.State.READY,
            step__gt=1,
            settled_at=None,
        ).exclude(callintent__call__state__in=STATES)
        begun = begun.select_related("item__record", "item__run__flow__target", "item__run__flow__mapping")
        page = list(begun.order_by("step", "item__run", "operation", "pk")[: _largest(facts)])
        batch = [each for each in page if _goes_with(each, page[0])]
        if batch:
            batch = batch[: facts.batch_of(cast(Operation, batch[0].operation))]
        return _compose(batch[0].item.run, batch, step=batch[0].step) if batch else None


def _goes_with(intent: Intent, first: Intent) -> bool:
    """Whether the next step of an intent fits into the call that carries that of the first."""
    if intent == first:
        return True
    alike = all(getattr(intent, name) == getattr(first, name) for name in ("step", "operation"))
    return (
        alike and intent.item.run_id == first.item.run_id and Item.ALONE not in (intent.item.reason, first.item.reason)
    )


def _serialise(run: Run) -> None:
    """Let one worker at a time match and commit intents for this object of the target, to the end of the transaction."""
    row, _ = Stream.objects.get_or_create(connection_id=run.flow.target_id, object=run.flow.target_object)
    Stream.objects.select_for_update().get(pk=row.pk)


def _still_right(run: Run, items: Sequence[Item]) -> list[Item]:
    """Those items that nothing overtook since they were planned; the others are decided again."""
    flow = run.flow
    identities = [item.identity_id for item in items]
    named = who.names(identities, at=flow.target, object=flow.target_object)
    unsettled = set(
        Intent.objects.filter(
            connection=flow.target_id, object=flow.target_object, identity__in=identities, settled_at=None
        ).values_list("identity_id", flat=True)
    )
    held = Record.objects.filter(connection=flow.target_id, object=flow.target_object, external_id__in=named.values())
    seen = dict(held.values_list("external_id", "raw_hash"))

    def is_overtaken(item: Item) -> bool:
        name = named.get(item.identity_id)
        if item.operation == Item.Operation.CREATE:
            return name is not None
        return seen.get(name or "", "") != item.target_seen

    overtaken = [item.pk for item in items if item.identity_id in unsettled or is_overtaken(item)]
    Item.objects.filter(pk__in=overtaken).update(
        state=Item.State.WAITING, reason="overtaken", words="something else was done about this record in between"
    )
    return [item for item in items if item.pk not in overtaken]


def _intend(run: Run, items: Sequence[Item]) -> list[Intent]:
    """What we mean to do, one intent an item."""
    flow = run.flow
    settled = (
        Intent.objects.filter(
            connection=flow.target_id,
            object=flow.target_object,
            identity__in=[item.identity_id for item in items],
        )
        .exclude(settled_at=None)
        .values("identity_id", "operation")
        .annotate(times=Count("pk"))
    )
    before = {(row["identity_id"], row["operation"]): row["times"] for row in settled}
    intents = []
    for item in items:
        n = before.get((item.identity_id, item.operation), 0)
        intents.append(
            Intent(
                connection=flow.target,
                object=flow.target_object,
                identity_id=item.identity_id,
                item=item,
                operation=item.operation,
                n=n,
                key=key_of(flow.target_id, flow.target_object, item.identity_id, item.operation, n),
                created_at=timezone.now(),
            )
        )
    return intents


def key_of(target: UUID, object: str, identity: UUID, operation: str, n: int) -> str:
    """The key of an intent: the same for the same meaning, whoever means it and whatever the content is."""
    meant = f"{target}/{object}/{identity}/{operation}/{n}"
    return hashlib.sha256(meant.encode()).hexdigest()[:32]


def _compose(run: Run, intents: Sequence[Intent], *, step: int = 1) -> Call:
    facts, site = facts_of(run.flow), site_of(run.flow.target)
    dialect = connector(run.flow.target.connector).dialect
    writes = writes_of(run.flow, intents)
    key = hashlib.sha256("/".join(f"{intent.key}.{step}" for intent in intents).encode()).hexdigest()[:32]
    try:
        request = without_traces(dialect.compose(facts, writes, key, site, step))
    except (Refused, ShapeError) as error:
        raise _unfit(run, intents, error, step) from error
    call = new_call(run, request, purpose=Call.Purpose.WRITE, key=key, step=step)
    call.save(force_insert=True)
    if step == 1:
        write_page(intents)
        Item.objects.filter(pk__in=[intent.item_id for intent in intents]).update(state=Item.State.APPLYING)
    write_page([CallIntent(call=call, intent=intent, position=position) for position, intent in enumerate(intents)])
    return call


def without_traces(request: Request) -> Request:
    """The request, if nothing of it was made of what was erased here. Raises Refused: their copy is to stay as it is."""
    if ERASED.encode() in request.body or ERASED in str(request.params) or quote(ERASED) in request.path:
        raise Refused(
            code="erased",
            explanation="Something of what this was to be made of was erased here at a person's request.",
            advice="Make the change at the target by hand, and ignore this; nothing was sent.",
        )
    return request


def _unfit(run: Run, intents: Sequence[Intent], error: VendorError, step: int) -> Unfit:
    """Which one of a batch cannot be said; composing them one by one tells."""
    facts, site = facts_of(run.flow), site_of(run.flow.target)
    dialect = connector(run.flow.target.connector).dialect
    for intent, write in zip(intents, writes_of(run.flow, intents), strict=True):
        try:
            without_traces(dialect.compose(facts, [write], intent.key, site, step))
        except (Refused, ShapeError) as own:
            return Unfit(intent.item, own)
    return Unfit(intents[0].item, error)
