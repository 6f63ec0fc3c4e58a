"""A call as an envelope: the request and the answer in it, the intents that it carries, and what they mean in the connector's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from integrations.canonical import codec
from integrations.canonical.record import Record as Canonical
from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.records.keep import exact
from integrations.records.models import Record
from integrations.sync.decide import LINES
from integrations.sync.lines import with_line_ids
from integrations.sync.models import Call, CallIntent, Flow, Intent, Item, Run
from integrations.wire.connector import Write
from integrations.wire.message import Answer, Request
from integrations.wire.stream import Operation
from integrations.wire.stream import Stream as Facts


def facts_of(flow: Flow) -> Facts:
    """What the target's connector says about the object that the flow writes."""
    return connector(flow.target.connector).stream(flow.target_object)


def settle_seconds(flow: Flow) -> int:
    """For how long after it was sent a write may still take effect at the target."""
    return int(flow.target.settings.get("settle_seconds", facts_of(flow).settle_seconds))


def target_of(call: Call) -> Connection:
    """The connection over which a call goes."""
    return call.run.flow.target


def new_call(run: Run, request: Request, *, purpose: str, key: str, step: int) -> Call:
    """A call that holds exactly this request; not saved yet."""
    return Call(
        connection=run.flow.target,
        object=run.flow.target_object,
        run=run,
        purpose=purpose,
        step=step,
        key=key,
        method=request.method,
        path=request.path,
        params=dict(request.params),
        headers=dict(request.headers),
        body=request.body.decode(),
        timeout=request.timeout,
    )


def request_of(call: Call) -> Request:
    """The request exactly as it was committed."""
    return Request(
        method=call.method,
        path=call.path,
        params=call.params,
        headers=call.headers,
        body=call.body.encode(),
        timeout=call.timeout,
    )


def answer_of(call: Call) -> Answer:
    """The answer exactly as it was kept."""
    if call.status is None or call.answered_at is None:
        raise ValueError(f"{call} has no answer yet.")
    return Answer(
        status=call.status,
        headers=call.answer_headers,
        body=call.answer.encode(),
        received_at=call.answered_at,
    )


@transaction.atomic
def intents_of(call: Call) -> list[Intent]:
    """The intents that a call carries, in the order in which they stand in the request."""
    carried = list(CallIntent.objects.filter(call=call).order_by("position").values_list("intent_id", flat=True))
    found = Intent.objects.filter(pk__in=carried).prefetch_related("item__record").in_bulk()
    return [found[pk] for pk in carried]


def open_intents(call: Call) -> QuerySet[Intent]:
    """Those intents of a call that are not settled."""
    return Intent.objects.filter(callintent__call=call, settled_at=None)


@transaction.atomic
def writes_of(flow: Flow, intents: Sequence[Intent]) -> list[Write]:
    """The intents in the connector's terms, with what the target last said of each record."""
    kind = flow.mapping.kind_to
    wanted = {intent.item.record.external_id: meant_by(intent.item, kind) for intent in intents if intent.item.wanted}
    names = who.names([intent.identity_id for intent in intents], at=flow.target, object=flow.target_object)
    rows = Record.objects.filter(connection=flow.target_id, object=flow.target_object, external_id__in=names.values())
    held = {row.external_id: row for row in rows}
    wanted = with_line_ids(flow, wanted, held=_canonical(intents, names, held))
    writes = []
    for intent in intents:
        name = names.get(intent.identity_id)
        row = held.get(name) if name else None
        writes.append(
            Write(
                key=intent.key,
                operation=cast(Operation, intent.operation),
                record=wanted.get(intent.item.record.external_id),
                external_id=name,
                version=row.version if row else None,
                only=frozenset(intent.item.fields) if intent.operation == Item.Operation.UPDATE else frozenset(),
                raw=exact(row.raw) if row else None,
            )
        )
    return writes


def meant_by(item: Item, kind: str) -> Canonical:
    """What the target is to say: what the source wants, with lines that have been merged as they were planned and shown."""
    wanted = codec.decode(kind, item.wanted.encode())
    lines = next((each["after"] for each in item.differences if each["field"] == LINES), None)
    if item.operation != Item.Operation.UPDATE or lines is None:
        return wanted
    return codec.from_plain(kind, {**codec.to_plain(wanted), LINES: [_said(line) for line in lines]})


def _said(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value is not None}


def _canonical(
    intents: Sequence[Intent], names: Mapping[UUID, str], held: Mapping[str, Record]
) -> dict[str, Canonical]:
    """What the target holds of these, by source id."""
    standing = {intent.item.record.external_id: held.get(names.get(intent.identity_id, "")) for intent in intents}
    return {name: codec.decode(row.kind, row.canonical.encode()) for name, row in standing.items() if row is not None}
