"""Who is who, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.crosswalk.models import Apart, Identity, Link, Origin
from plumbing.ids import new_id
from plumbing.pages import ask_page, write_columns, write_page
from tenants.scope import current_tenant_id

ONE_NAME = ("tenant_id", "connection_id", "object", "external_id")
ONE_ORIGIN = ("tenant_id", "source_id", "role")
Name = TypeVar("Name", str, UUID)


# As plain SQL and not as a list of a thousand parameters: these two are asked for every batch, several times.
LINKED = """
SELECT link.external_id, link.identity_id FROM {page} JOIN {table} AS link ON link.tenant_id = %(tenant)s
    AND link.connection_id = %(connection)s AND link.object = %(object)s AND """


def identities(names: Collection[str], *, at: Connection, object: str) -> dict[str, UUID]:
    """Whose names these are: external id → identity, for those that are known."""
    return dict(_links("link.external_id = page.name", names, at=at, object=object))


def names(identities: Collection[UUID], *, at: Connection, object: str) -> dict[UUID, str]:
    """What these are called at a connection: identity → external id, for those that have a name there."""
    found = _links("link.identity_id = page.name::uuid", identities, at=at, object=object)
    return {identity: name for name, identity in found}


def _links(
    which: str, asked: Collection[str] | Collection[UUID], *, at: Connection, object: str
) -> list[tuple[str, UUID]]:
    place = {"tenant": current_tenant_id(), "connection": at.pk, "object": object}
    return ask_page(Link, LINKED + which, {"name": list(dict.fromkeys(asked))}, place) if asked else []


def introduce(names: Collection[str], *, kind: str, at: Connection, object: str) -> dict[str, UUID]:
    """Give an identity to every name that has none yet; external id → identity, for all of them."""
    known = identities(names, at=at, object=object)
    strangers = [name for name in dict.fromkeys(names) if name not in known]
    if strangers:
        begun = _begin(strangers, kind=kind)
        link(begun, at=at, object=object, how=Link.How.SOURCE)
        # Another worker may have met the same strangers at this moment: what stands now holds for both.
        found = identities(strangers, at=at, object=object)
        _forget(begun, found)
        known |= found
    return known


def link(names: Mapping[str, UUID], *, at: Connection, object: str, how: Link.How) -> None:
    """Say that these identities have these names there. A name or an identity that is linked already stays so."""
    # In one order, so that two workers with the same names wait for each other and not in a circle.
    pairs = sorted(names.items())
    same = {
        "tenant_id": current_tenant_id(),
        "connection_id": at.pk,
        "object": object,
        "how": how,
        "made_at": timezone.now(),
    }
    columns: dict[str, list[Any]] = {
        "id": [new_id() for _ in pairs],
        "external_id": [name for name, _ in pairs],
        "identity_id": [identity for _, identity in pairs],
    }
    if pairs:
        write_columns(Link, columns, same=same, unique=ONE_NAME)


def rename(names: Mapping[str, UUID], *, at: Connection, object: str, how: Link.How) -> None:
    """Say that these identities have these names there now; whatever else a name or an identity was linked to has passed."""
    linked = Link.objects.filter(connection=at, object=object)
    linked = linked.filter(Q(external_id__in=list(names)) | Q(identity__in=list(names.values())))
    passed = [row.pk for row in linked if names.get(row.external_id) != row.identity_id]
    Link.objects.filter(pk__in=passed).delete()
    link(names, at=at, object=object, how=how)


def apart(identities: Collection[UUID], *, at: Connection, object: str) -> set[UUID]:
    """Those of which a person said that nobody there is one of them."""
    return set(
        Apart.objects.filter(connection=at, object=object, identity__in=identities).values_list(
            "identity_id", flat=True
        )
    )


def made_from(sources: Collection[UUID], *, role: str) -> dict[UUID, UUID]:
    """What was made of these in that role: source identity → target identity."""
    return dict(Origin.objects.filter(source__in=sources, role=role).values_list("source_id", "target_id"))


def ascend(things: Collection[UUID], *, kind: str, role: str) -> dict[UUID, UUID]:
    """What these were made from in that role, where it is of that kind: target identity → source identity."""
    rows = Origin.objects.filter(target__in=things, role=role, source__kind=kind)
    return dict(rows.values_list("target_id", "source_id"))


def descend(sources: Iterable[UUID], *, kind: str, role: str) -> dict[UUID, UUID]:
    """The identities that are made from these in that role; those that are not there yet are begun."""
    sources = list(dict.fromkeys(sources))
    known = made_from(sources, role=role)
    strangers = sorted(source for source in sources if source not in known)
    if strangers:
        begun, now, tenant = _begin(strangers, kind=kind), timezone.now(), current_tenant_id()
        write_page(
            [
                Origin(tenant_id=tenant, source_id=source, target_id=thing, role=role, made_at=now)
                for source, thing in begun.items()
            ],
            unique=ONE_ORIGIN,
        )
        found = made_from(strangers, role=role)
        _forget(begun, found)
        known |= found
    return known


def _begin(of: Collection[Name], *, kind: str) -> dict[Name, UUID]:
    """A new identity for each of these."""
    now, tenant = timezone.now(), current_tenant_id()
    things = {each: Identity(tenant_id=tenant, kind=kind, created_at=now) for each in of}
    write_page(list(things.values()))
    return {each: thing.id for each, thing in things.items()}


def _forget(begun: Mapping[Name, UUID], found: Mapping[Name, UUID]) -> None:
    """Take back the identities that were begun for what another worker has begun meanwhile."""
    needless = [thing for each, thing in begun.items() if found[each] != thing]
    if needless:
        Identity.objects.filter(pk__in=needless).delete()
