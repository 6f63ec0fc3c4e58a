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
from integrations.sync.decide import LINES, Agreed, Terms
from integrations.sync.fields import comparable, restore, store
from integrations.sync.lines import knowing, line_ids
from integrations.sync.lines_merged import Written as Lines
from integrations.sync.lines_merged import agreed_back
from integrations.sync.match import target_identities
from integrations.sync.models import Flow
from integrations.sync.plan import context_of
from integrations.sync.terms import opposite, terms_of
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
    # Its lines that were rebuilt there: old id → new one.
    renamed: Mapping[str, str]


def agree_back(flow: Flow, written: Sequence[Written]) -> None:
    """Write down what these writes have changed as agreed by the flows that go the other way, if there are any."""
    for back in opposite(flow):
        _agree(back, written)


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
    mapped = {name: _mapped(back, mapping, said, refer) for name, said in plain.items()}
    agreed_on = {each.external_id: _agreed(standing.get(identities[each.external_id])) for each in written}
    terms = _terms(back, mapping, {name: (now, agreed_on[name]) for name, now in mapped.items()}, written)
    rows = []
    for each in written:
        identity, now = identities[each.external_id], mapped[each.external_id]
        agreed = standing.get(identity)
        if now is None or (agreed is None and each.before is not None):
            continue  # that flow has yet to meet this record, and decides for itself
        holds = comparable(codec.to_plain(codec.decode(each.source.kind, each.source.canonical.encode())))
        was = _mapped(back, mapping, earlier.get(each.external_id), refer)
        after = laid_over(agreed_on[each.external_id], was, now, holds, terms[each.external_id], renamed=each.renamed)
        rows.append(
            Agreement(
                mapping=back.mapping,
                identity_id=identity,
                edition=mapping.edition,
                source=store(after.source),
                target=store(after.target),
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


def _agreed(row: Agreement | None) -> Agreed:
    return Agreed({}, {}) if row is None else Agreed(restore(row.source), restore(row.target))


def _terms(
    back: Flow, mapping: Prepared, mapped: Mapping[str, tuple[Fields | None, Agreed]], written: Sequence[Written]
) -> Mapping[str, Terms]:
    """The terms of each record, with what its lines are called where they came from."""
    terms = terms_of(back, mapping)
    renamed = {each.external_id: each.renamed for each in written}
    keys = {
        name: [
            renamed[name].get(line.get("key"), line.get("key"))
            for lines in ((now or {}).get(LINES), agreed.source.get(LINES))
            for line in lines or ()
        ]
        for name, (now, agreed) in mapped.items()
    }
    names = line_ids(back, keys) if terms.lines is not None else {}
    return {name: knowing(terms, names.get(name, {})) for name in mapped}


def laid_over(
    agreed: Agreed, was: Fields | None, now: Fields, holds: Fields, terms: Terms, *, renamed: Mapping[str, str]
) -> Agreed:
    """What was agreed, with what a write has just changed from `was` to `now` laid over it, lines line by line."""
    source, target = dict(agreed.source), dict(agreed.target)
    for name, said in now.items():
        if was is not None and said == was.get(name):
            continue
        source[name], target[name] = said, holds.get(name)
        if name == LINES and was is not None and terms.lines is not None:
            lists = was.get(name), said, holds.get(name), agreed.source.get(name), agreed.target.get(name)
            if not all(isinstance(each, list) for each in lists):
                continue
            before, after, there, ours, theirs = lists
            lines = Lines(was=before or (), now=after, holds=there or (), source=ours or (), target=theirs or ())
            if (laid := agreed_back(lines, terms.lines, renamed=renamed)) is not None:
                source[name], target[name] = laid
    return Agreed(source, target)
