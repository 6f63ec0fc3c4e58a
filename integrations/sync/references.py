"""References: what a record of the source refers to, by the target's names, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from integrations.canonical.refs import OF_LINE
from integrations.connectors.registry import connector
from integrations.crosswalk.models import Link
from integrations.mapping.translate import Missing
from integrations.sync.models import Flow

Refer = Callable[[str, Mapping[str, Any]], str | None]


def resolver(flow: Flow, needed: Collection[tuple[str, str]]) -> Refer:
    """A function that gives the target's external id for a reference of the source; None where there is none yet.

    `needed` names all that will be asked, as (kind, external id at the source): two queries for each kind.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    for kind, external_id in needed:
        wanted[kind].add(external_id)
    known = {kind: _at_target(flow, kind, external_ids) for kind, external_ids in wanted.items()}
    return lambda kind, ref: known.get(kind, {}).get(ref.get("external_id", ""))


def _at_target(flow: Flow, kind: str, external_ids: Iterable[str]) -> dict[str, str]:
    identities = dict(
        Link.objects.filter(
            connection=flow.source,
            object__in=_objects(flow.source.connector, kind),
            external_id__in=list(external_ids),
        ).values_list("identity_id", "external_id")
    )
    there = Link.objects.filter(
        connection=flow.target, object__in=_objects(flow.target.connector, kind), identity__in=list(identities)
    )
    return {identities[identity]: name for identity, name in there.values_list("identity_id", "external_id")}


def _objects(slug: str, kind: str) -> list[str]:
    """What records of a kind, or lines of documents of a kind, are called in the crosswalk."""
    document = kind.removesuffix(OF_LINE)
    ending = kind.removeprefix(document)
    return [f"{stream.name}{ending}" for stream in connector(slug).streams if stream.kind == document]


def waits_for(flow: Flow, missing: Iterable[Missing]) -> str:
    """What a record waits for, in one sentence a person can act on."""
    names = sorted({f"{each.kind.replace('_', ' ')} {_name(each.ref)} ({each.path})" for each in missing})
    return f"waits until these are at {flow.target}: {', '.join(names)}"


def _name(ref: Mapping[str, Any]) -> str:
    return str(ref.get("number") or ref.get("name") or ref.get("external_id") or "without a name")
