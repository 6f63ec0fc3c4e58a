"""Who is who, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.utils import timezone

from integrations.connections.models import Connection
from integrations.crosswalk.models import Identity, Link, Origin
from plumbing.pages import write_page
from tenants.scope import current_tenant_id

ONE_NAME = ("tenant_id", "connection_id", "object", "external_id")


def identities(names: Collection[str], *, at: Connection, object: str) -> dict[str, UUID]:
    """Whose names these are: external id → identity, for those that are known."""
    rows = Link.objects.filter(connection=at, object=object, external_id__in=names)
    return dict(rows.values_list("external_id", "identity_id"))


def names(identities: Collection[UUID], *, at: Connection, object: str) -> dict[UUID, str]:
    """What these are called at a connection: identity → external id, for those that have a name there."""
    rows = Link.objects.filter(connection=at, object=object, identity__in=identities)
    return dict(rows.values_list("identity_id", "external_id"))


def introduce(names: Collection[str], *, kind: str, at: Connection, object: str) -> dict[str, UUID]:
    """Give an identity to every name that has none yet; external id → identity, for all of them."""
    known = identities(names, at=at, object=object)
    strangers = [name for name in dict.fromkeys(names) if name not in known]
    if strangers:
        things = [Identity(tenant_id=current_tenant_id(), kind=kind, created_at=timezone.now()) for _ in strangers]
        write_page(things)
        found = {name: thing.id for name, thing in zip(strangers, things, strict=True)}
        link(found, at=at, object=object, how=Link.How.SOURCE)
        known |= found
    return known


def link(names: Mapping[str, UUID], *, at: Connection, object: str, how: Link.How) -> None:
    """Say that these identities have these names there. A name or an identity that is linked already stays so."""
    now = timezone.now()
    write_page(
        [
            Link(
                tenant_id=current_tenant_id(),
                identity_id=identity,
                connection=at,
                object=object,
                external_id=name,
                how=how,
                made_at=now,
            )
            for name, identity in names.items()
        ],
        unique=ONE_NAME,
    )


def made_from(sources: Collection[UUID], *, role: str) -> dict[UUID, UUID]:
    """What was made of these in that role: source identity → target identity."""
    return dict(Origin.objects.filter(source__in=sources, role=role).values_list("source_id", "target_id"))


def descend(sources: Iterable[UUID], *, kind: str, role: str) -> dict[UUID, UUID]:
    """The identities that are made from these in that role; those that are not there yet are begun."""
    sources = list(dict.fromkeys(sources))
    known = made_from(sources, role=role)
    now, tenant = timezone.now(), current_tenant_id()
    begun = {source: Identity(tenant_id=tenant, kind=kind, created_at=now) for source in sources if source not in known}
    write_page(list(begun.values()))
    write_page(
        [
            Origin(tenant_id=tenant, source_id=source, target_id=thing.id, role=role, made_at=now)
            for source, thing in begun.items()
        ]
    )
    return known | {source: thing.id for source, thing in begun.items()}
