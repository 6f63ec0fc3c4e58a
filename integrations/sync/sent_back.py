"""Sent back: how a document stands, told to the system that it came from, by a flow of its own.

Such a flow brings only what came from there (`only_from` in its policy), and tells of what was voided, too (`voided`).
"""

from __future__ import annotations

from collections.abc import Collection

from integrations.crosswalk import who
from integrations.records.models import Record
from integrations.sync.models import Flow
from integrations.sync.policy import Policy


def states_told(policy: Policy) -> Collection[str]:
    """The states in which a source record's fields are told to the target."""
    return (*Record.READABLE, Record.State.VOIDED) if policy.voided == "tell" else Record.READABLE


def not_from_there(flow: Flow, names: Collection[str], policy: Policy) -> set[str]:
    """Those of these source records that did not come from the object of the target that the policy names, if it does."""
    if not policy.only_from:
        return set()
    known = who.identities(names, at=flow.source, object=flow.source_object)
    there = who.names(set(known.values()), at=flow.target, object=policy.only_from)
    return {name for name in names if known.get(name) not in there}
