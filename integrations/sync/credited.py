"""Credited: which document takes another one back at the target, so that both are found and the two come to nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.crosswalk.models import Link
from integrations.sync.models import Flow, Intent
from integrations.wire.stream import Stream as Facts

ROLE = "credit"  # of the identity that takes another one back
ENDS = ("void", "credit")


def note(flow: Flow, made: Iterable[tuple[UUID, tuple[str, str]]]) -> None:
    """Write down, for each of these identities, the document (stream, id) that credits it there. Inside a transaction."""
    by_stream: dict[str, dict[UUID, str]] = {}
    for identity, (stream, external_id) in made:
        by_stream.setdefault(stream, {})[identity] = external_id
    for stream, ids in by_stream.items():
        kind = connector(flow.target.connector).stream(stream).kind
        credits = who.descend(list(ids), kind=kind, role=ROLE)
        links = {external_id: credits[identity] for identity, external_id in ids.items()}
        who.link(links, at=flow.target, object=stream, how=Link.How.CREATED)


def taken_back(flow: Flow, identities: Collection[UUID]) -> set[UUID]:
    """Those that we have voided or credited at the target, and done nothing with since. Inside a transaction."""
    done = Intent.objects.filter(
        connection=flow.target_id, object=flow.target_object, identity__in=identities, state=Intent.State.DONE
    )
    last = done.order_by("identity", "-pk").distinct("identity").values_list("identity_id", "operation")
    return {identity for identity, operation in last if operation in ENDS}


def credits_of(flow: Flow, facts: Facts, ids: Collection[str]) -> dict[str, str]:
    """What credits these documents of the target: id of the document → id of the credit. Inside a transaction."""
    if facts.credits is None or not ids:
        return {}
    identities = who.identities(ids, at=flow.target, object=flow.target_object)
    made = who.made_from(list(identities.values()), role=ROLE)
    named = who.names(set(made.values()), at=flow.target, object=facts.credits.name)
    return {name: named[made[identity]] for name, identity in identities.items() if made.get(identity) in named}
