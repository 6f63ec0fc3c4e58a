"""Which tenant the code is working for.

    with tenant_scope(tenant_id), transaction.atomic():
        Record.objects.count()

Every query on a tenant-owned model needs a scope, and PostgreSQL needs a transaction to hear of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from plumbing import scope


class NoTenantInScope(RuntimeError):
    """Tenant data was touched outside `tenant_scope(...)`."""


class WrongTenant(RuntimeError):
    """A row of one tenant was to be saved in the scope of another."""


@contextmanager
def tenant_scope(tenant_id: UUID | str) -> Iterator[None]:
    """Works for this tenant within the block, and for the former one (or none) after it. Blocks may nest."""
    with scope.entered(UUID(str(tenant_id))):
        yield


def current_tenant_id() -> UUID:
    """The tenant in scope; raises NoTenantInScope where there is none."""
    if (tenant := scope.current()) is None:
        raise NoTenantInScope("No tenant is in scope: open `with tenant_scope(tenant_id):` around this work.")
    return tenant
