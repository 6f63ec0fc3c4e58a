"""On what terms two systems share records: what the mapping of a flow says, and that of the flow the other way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from integrations.mapping.check import fields_set
from integrations.mapping.prepared import Prepared, prepare
from integrations.mapping.rules import BadRules, Owner, Rule, owners_of
from integrations.sync.decide import LINES, Terms
from integrations.sync.lines_merged import Ways
from integrations.sync.models import Flow
from integrations.sync.policy import Policy, policy_of

BELOW = f"{LINES}[]."
OTHER_SIDE: Mapping[Owner, Owner] = {"source": "target", "target": "source"}


def policy_by(flow: Flow, mapping: Prepared) -> Policy:
    """The flow's policy; who wins is what the mapping says, where it does."""
    policy, conflicts = policy_of(flow.policy), mapping.translator.rules.conflicts
    return policy if conflicts is None else replace(policy, conflicts=conflicts)


def terms_of(flow: Flow, mapping: Prepared) -> Terms:
    """The terms of a flow. What belongs to one side by the mapping of a flow the other way does so here, too."""
    owners: dict[str, Owner] = {}
    for back in opposite(flow):
        try:
            theirs = prepare(back.mapping, context={})
        except BadRules:
            continue  # that flow cannot run, and says so itself
        owners |= _mirrored(mapping, theirs)
    for path, owner in owners_of(mapping.translator.rules).items():
        owners[_head(path)] = owner
    fields = {name for name, member in fields_set(mapping.translator.rules) if name == LINES and member}
    lines = None
    if fields:
        members = {member for name, member in fields_set(mapping.translator.rules) if name == LINES}
        of_lines = {path.removeprefix(BELOW): owner for path, owner in owners.items() if path.startswith(BELOW)}
        lines = Ways(fields=sorted(members), owners=of_lines)
    return Terms(owners={name: owner for name, owner in owners.items() if BELOW not in name}, lines=lines)


def opposite(flow: Flow) -> Iterable[Flow]:
    """The flows that go the other way between the same two objects."""
    return Flow.objects.filter(
        source=flow.target_id,
        source_object=flow.target_object,
        target=flow.source_id,
        target_object=flow.source_object,
    ).select_related("source", "target", "mapping")


def _mirrored(mapping: Prepared, back: Prepared) -> dict[str, Owner]:
    """What the mapping of a flow the other way says of the fields that this one maps to and fro."""
    theirs = dict(_pairs(back.translator.rules.fields, ""))
    found: dict[str, Owner] = {}
    for (target, source), _ in _pairs(mapping.translator.rules.fields, ""):
        owner = theirs.get((source, target), "both")
        if owner != "both":
            found[target] = OTHER_SIDE[owner]
    return found


def _pairs(rules: Iterable[Rule], inside: str) -> Iterable[tuple[tuple[str, str], Owner]]:
    """Each rule as (field of its target, field of its source) and to whom it belongs."""
    for rule in rules:
        yield (f"{inside}{_head(rule.to)}", f"{inside}{_head(rule.source or '')}"), rule.owner
        if rule.to == LINES == rule.source:
            yield from _pairs(rule.each, BELOW)


def _head(path: str) -> str:
    """The field of a path: `billing_address.city` is part of the billing address; of lines, the field of the line."""
    below = path.removeprefix(BELOW)
    head = below.partition("[")[0].partition(".")[0]
    return f"{BELOW}{head}" if below != path else head
