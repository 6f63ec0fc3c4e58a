"""Origins: a document that was just written leads back to those it was made from, such as a bill to its orders."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone

from integrations.canonical import codec, origins
from integrations.connectors.registry import connector
from integrations.crosswalk import who
from integrations.crosswalk.models import Origin
from integrations.sync.models import Flow
from plumbing.pages import write_page
from tenants.scope import current_tenant_id


def trace(flow: Flow, written: Iterable[tuple[UUID, str]]) -> None:
    """Write down, for each of these identities and the record that the target was to hold, what it was made from."""
    kind = flow.mapping.kind_to
    if not origins(kind):
        return
    named: dict[str, set[tuple[str, UUID]]] = {}
    for identity, wanted in written:
        record = codec.decode(kind, wanted.encode())
        for field, made_from in origins(kind).items():
            refs = {ref.external_id for ref in getattr(record, field) if ref.external_id}
            named.setdefault(made_from, set()).update((name, identity) for name in refs)
    rows = []
    for made_from, pairs in named.items():
        known = _identities(flow, made_from, {name for name, _ in pairs})
        rows += [_origin(known[name], kind, identity) for name, identity in sorted(pairs) if name in known]
    write_page(rows, unique=who.ONE_ORIGIN)


def _identities(flow: Flow, kind: str, names: set[str]) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    for stream in connector(flow.target.connector).streams:
        if stream.kind == kind:
            found |= who.identities(names, at=flow.target, object=stream.name)
    return found


def _origin(source: UUID, kind: str, made: UUID) -> Origin:
    # One order may become several bills, so the role says which of them is meant.
    role = f"{kind}-{made}"
    return Origin(tenant_id=current_tenant_id(), source_id=source, target_id=made, role=role, made_at=timezone.now())
