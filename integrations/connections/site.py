"""Where a connection leads: the connector's addresses in the connection's environment, and what a person filled in."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.wire.addresses import Addresses
from integrations.wire.errors import BadAddress
from integrations.wire.site import Site
from tenants.models import Tenant
from tenants.scope import current_tenant_id

SIMULATOR = "simulator"


def site_of(connection: Connection) -> Site:
    """The connection's place at its vendor. Raises BadAddress where its environment is not to be had here."""
    return Site(
        environment=connection.environment,
        addresses=_addresses(connection).filled(connection.settings),
        settings=connection.settings,
    )


def environments(slug: str) -> list[tuple[str, str]]:
    """The environments that a connection of this connector may have here, with what a person reads."""
    kind = connector(slug)
    named = [(name, name.replace("_", " ")) for name in kind.environments]
    return [*named, (SIMULATOR, "simulator of this installation")] if settings.SANDBOX_URL and named else named


def allowed_addresses() -> tuple[str, ...]:
    """Addresses outside the public internet that the operator has allowed."""
    return tuple(filter(None, (settings.SANDBOX_URL, *settings.PRIVATE_ADDRESSES)))


def folder_of_tenant() -> Path:
    """The folder below which the files of the tenant in scope lie."""
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant_id())
    return Path(settings.FILES) / slug


def spool_of_tenant() -> Path:
    """The private directory for what is being worked on for the tenant in scope."""
    return Path(settings.VAR) / "spool" / str(current_tenant_id())


def _addresses(connection: Connection) -> Addresses:
    kind = connector(connection.connector)
    if connection.environment == SIMULATOR:
        if not settings.SANDBOX_URL:
            raise BadAddress(
                explanation="This connection leads to the simulator, and this installation runs none.",
                advice="Set TIEOUT_SANDBOX_URL, or choose another environment.",
            )
        first = next(iter(kind.environments.values()))
        return first.on(f"{settings.SANDBOX_URL.rstrip('/')}/{kind.slug}")
    try:
        return kind.environments[connection.environment]
    except KeyError:
        known = ", ".join(kind.environments)
        raise BadAddress(
            explanation=f"{kind.name} has no environment {connection.environment}; it has {known}.",
            advice="Choose another environment for the connection.",
        ) from None
