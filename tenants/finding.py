"""Finding tenants from the operator's shell."""

from uuid import UUID

from django.core.management.base import CommandError

from plumbing.roles import dispatch
from tenants.models import Tenant


def tenants_named(slug: str | None = None) -> list[tuple[UUID, str]]:
    """(id, short name) of the tenant of that short name, or of all. Raises CommandError where there is none."""
    with dispatch():
        tenants = Tenant.objects.order_by("slug")
        found = list((tenants.filter(slug=slug) if slug else tenants).values_list("pk", "slug"))
    if slug and not found:
        raise CommandError(f"There is no tenant {slug!r}.")
    return found
