"""Who may do what, and in which tenants somebody may work at all."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from plumbing.roles import dispatch
from tenants.access.models import Membership, SupportAccess, User
from tenants.access.permissions import PERMISSIONS, SUPPORT
from tenants.models import Tenant
from tenants.scope import tenant_scope


@dataclass(frozen=True)
class Standing:
    """What a person is to one tenant: a member in a role, or a supporter let in to look (`role` is "support")."""

    tenant_id: UUID
    tenant_name: str
    role: str

    @property
    def verbs(self) -> frozenset[str]:
        """Everything that may be done in this standing."""
        return SUPPORT if self.role == "support" else PERMISSIONS.get(self.role, frozenset())

    def may(self, verb: str) -> bool:
        """Whether this standing allows the verb."""
        return verb in self.verbs


def standings(user: Any) -> list[Standing]:
    """Every tenant that the person may work in, by name. A membership counts before support access."""
    if not user.is_authenticated or not user.is_active:
        return []
    roles: dict[UUID, str] = {}
    with dispatch():
        let_in = SupportAccess.everywhere.filter(user_id=user.pk, until__gt=timezone.now())
        roles.update((tenant, "support") for tenant in let_in.values_list("tenant_id", flat=True))
        roles.update(Membership.everywhere.filter(user_id=user.pk).values_list("tenant_id", "role"))
        names = dict(Tenant.objects.filter(pk__in=roles).values_list("pk", "name"))
    return sorted(
        (Standing(tenant, names[tenant], role) for tenant, role in roles.items()), key=lambda one: one.tenant_name
    )


def standing(user: Any, tenant_id: UUID | str | None) -> Standing | None:
    """What the person is to this tenant, or None where that is nothing."""
    return next((one for one in standings(user) if str(one.tenant_id) == str(tenant_id)), None)


def may(user: User, verb: str, tenant: Tenant | UUID) -> bool:
    """Whether the person may do this in that tenant; a superuser of the site is nobody special."""
    found = standing(user, tenant.pk if isinstance(tenant, Tenant) else tenant)
    return found is not None and found.may(verb)


def members(tenant_id: UUID) -> list[Membership]:
    """The tenant's members with their users."""
    with tenant_scope(tenant_id), transaction.atomic():
        return list(Membership.objects.select_related("user").order_by("user__email"))
