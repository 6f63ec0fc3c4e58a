"""Both ways: what one flow has just written is no news for the flow that goes the other way.

That one compares what it reads with what was last agreed. So whatever our own write has changed there is written down as
agreed for it too, and nothing else: an edit that somebody made there meanwhile still has to travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.canonical import codec
from integrations.canonical.record import Record as Canonical
from integrations.mapping.models import Agreement
from integrations.mapping.prepared import Prepared, prepare
from integrations.mapping.rules import BadRules
from integrations.records.models import Record
from integrations.sync import references
from integrations.sync.fields import comparable, restore, store
from integrations.sync.match import target_identities
from integrations.sync.models import Flow
from integrations.sync.plan import context_of
from plumbing.pages import write_page

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A record that a flow has just written: where it came from, and what it said there before and says now."""

    identity: UUID
    source: Record
    external_id: str
    before: Canonical | None
    now: Canonical


def agree_back(flow: Flow, written: Sequence[Written]) -> None:
    """Write down what these writes have changed as agreed by the flows that go the other way, if there are any."""
    back = Flow.objects.filter(
        source=flow.target_id,
        source_object=flow.target_object,
        target=flow.source_id,
        target_object=flow.source_object,
    ).select_related("source", "target", "mapping")
    for each in back:
        _agree(each, written)


def _agree(back: Flow, written: Sequence[Written]) -> None:
    try:
        mapping = prepare(back.mapping, context=context_of(back))
    except BadRules:
        return  # that flow cannot run, and says so itself: no reason to stop this one
    plain = {each.external_id: codec.to_plain(each.now) for each in written}
    earlier = {each.external_id: codec.to_plain(each.before) for each in written if each.before is not None}
    refer = references.resolver(back, mapping.needed([*plain.values(), *earlier.values()]))
    identities = target_identities(back, {each.external_id: each.identity for each in written})
    standing = {
        row.identity_id: row
        for row in Agreement.objects.filter(mapping=back.mapping_id, identity__in=set(identities.values()))
    }
    rows = []
    for each in written:
        identity, name = identities[each.external_id], each.external_id
        now, was = (_mapped(back, mapping, said.get(name), refer) for said in (plain, earlier))
        agreed = standing.get(identity)
        if now is None or (agreed is None and each.before is not None):
            continue  # that flow has yet to meet this record, and decides for itself
        holds = comparable(codec.to_plain(codec.decode(each.source.kind, each.source.canonical.encode())))
        ours = {field for field in now if was is None or now[field] != was.get(field)}
        rows.append(
            Agreement(
                mapping=back.mapping,
                identity_id=identity,
                edition=mapping.edition,
                source=_laid_over(agreed.source if agreed else "", now, ours),
                target=_laid_over(agreed.target if agreed else "", holds, ours),
                agreed_at=timezone.now(),
            )
        )
    write_page(
        rows,
        unique=("tenant_id", "mapping_id", "identity_id"),
        update=("edition", "source", "target", "agreed_at"),
    )


def _mapped(back: Flow, mapping: Prepared, plain: Fields | None, refer: references.Refer) -> Fields | None:
    """What the other flow wants of a record that says this; None where it cannot say so."""
    if plain is None:
        return None
    result = mapping.translate(plain, refer)
    if not result.is_complete:
        return None
    try:
        record = codec.from_plain(back.mapping.kind_to, result.values)
    except codec.BadRecord:
        return None
    empty: Fields = dict.fromkeys(result.fields)
    return empty | comparable(codec.to_plain(record))


def _laid_over(agreed: str, said: Mapping[str, Any], fields: set[str]) -> str:
    return store(restore(agreed) | {name: said.get(name) for name in fields})
