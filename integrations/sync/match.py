"""Match: who each source record already is at the target. Sure, doubtful or nobody; never a guess."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from integrations.canonical import codec
from integrations.crosswalk import who
from integrations.records.models import Record
from integrations.records.terms import term
from integrations.sync.decide import Fields, Match
from integrations.sync.fields import comparable
from integrations.sync.models import Flow, Intent
from integrations.sync.policy import policy_of


@dataclass(frozen=True, slots=True)
class Matches:
    """For each source record of a page, by external id: the identity it has at the target, and who that is there."""

    identities: Mapping[str, UUID]
    matches: Mapping[str, Match]
    recognised: Mapping[str, str]


def find(flow: Flow, records: Sequence[Record], wanted: Mapping[str, Fields]) -> Matches:
    """Match a page of source records, by links first and then by the fields that the flow's policy names."""
    known = who.introduce(
        [record.external_id for record in records],
        kind=flow.mapping.kind_from,
        at=flow.source,
        object=flow.source_object,
    )
    identities = target_identities(flow, known)
    linked = who.names(set(identities.values()), at=flow.target, object=flow.target_object)
    settled = linked.keys() | who.apart(set(identities.values()), at=flow.target, object=flow.target_object)
    # What stands there may be what a call that is not settled yet has made: its own outcome says so, not its looks.
    settled |= _under_way(flow, identities.values())
    strangers = {
        name: wanted[name] for name, identity in identities.items() if identity not in settled and name in wanted
    }
    candidates = _candidates(flow, strangers)
    recognised = _recognised(candidates)
    held = _held(flow, {*linked.values(), *recognised.values()})
    said_at = {record.external_id: record.changed_at for record in records}
    matches = {}
    for name, identity in identities.items():
        target_id = linked.get(identity) or recognised.get(name)
        if target_id is None:
            matches[name] = Match(candidates=sorted(candidates.get(name, ())))
        else:
            matches[name] = _match(target_id, held.get(target_id), flow.mapping.kind_to, said_at[name])
    return Matches(identities, matches, recognised)


def target_identities(flow: Flow, known: Mapping[str, UUID]) -> Mapping[str, UUID]:
    """The identities that the target's records have: the same thing, or what the flow makes of it."""
    kind_from, kind_to = flow.mapping.kind_from, flow.mapping.kind_to
    if kind_from == kind_to:
        return known
    # What a flow the other way has made of something is that something again, and never a second one.
    made = who.ascend(known.values(), kind=kind_to, role=kind_from)
    made |= who.descend(set(known.values()) - made.keys(), kind=kind_to, role=kind_to)
    return {name: made[identity] for name, identity in known.items()}


def _under_way(flow: Flow, identities: Collection[UUID]) -> set[UUID]:
    """Those about which something is being done at the target, whoever does it."""
    meant = Intent.objects.filter(connection=flow.target_id, object=flow.target_object, settled_at=None)
    return set(meant.filter(identity__in=identities).values_list("identity_id", flat=True))


def _candidates(flow: Flow, wanted: Mapping[str, Fields]) -> dict[str, set[str]]:
    """Records of the target that nobody is linked to and that agree in every field of a group: by the first that finds any."""
    found: dict[str, set[str]] = {}
    for group in policy_of(flow.policy).match:
        asked = {
            name: terms
            for name, fields in wanted.items()
            if name not in found and all(terms := [term(fields.get(word)) for word in group])
        }
        hits = [_unlinked(flow, word, {terms[at] for terms in asked.values()}) for at, word in enumerate(group)]
        for name, terms in asked.items():
            if agreeing := set.intersection(*(there[term_] for there, term_ in zip(hits, terms, strict=True))):
                found[name] = agreeing
    return found


def _unlinked(flow: Flow, word: str, terms: Collection[str | None]) -> Mapping[str | None, set[str]]:
    """Term → the live records of the target that bear it as this word and that nobody is linked to."""
    rows = Record.objects.filter(
        connection=flow.target, object=flow.target_object, state__in=Record.READABLE, **{f"by_{word}__in": terms}
    )
    hits = list(rows.values_list(f"by_{word}", "external_id"))
    taken = who.identities([target_id for _, target_id in hits], at=flow.target, object=flow.target_object)
    found: dict[str | None, set[str]] = defaultdict(set)
    for key, target_id in hits:
        if target_id not in taken:
            found[key].add(target_id)
    return found


def _recognised(candidates: Mapping[str, set[str]]) -> dict[str, str]:
    """Those with exactly one candidate that no other record of the page claims as well."""
    claims = Counter(target_id for targets in candidates.values() for target_id in targets)
    return {
        name: next(iter(targets))
        for name, targets in candidates.items()
        if len(targets) == 1 and claims[next(iter(targets))] == 1
    }


def _held(flow: Flow, target_ids: set[str]) -> dict[str, Record]:
    rows = Record.objects.filter(connection=flow.target, object=flow.target_object, external_id__in=target_ids)
    said = rows.only("external_id", "canonical", "state", "raw_hash", "changed_at")
    return {row.external_id: row for row in said}


def _match(target_id: str, row: Record | None, kind: str, said_at: datetime | None) -> Match:
    if row is None:
        return Match(target_id)
    return Match(
        target_id,
        holds=comparable(codec.to_plain(codec.decode(kind, row.canonical.encode()))),
        gone="" if row.state in Record.READABLE else row.state,
        seen=row.raw_hash,
        newer=_newer(said_at, row.changed_at),
    )


def _newer(ours: datetime | None, theirs: datetime | None) -> bool | None:
    """Which side changed last, by each one's own clock; the same second tells nothing."""
    return None if ours is None or theirs is None or ours == theirs else ours > theirs
