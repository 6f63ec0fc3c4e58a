"""People, and which tenants they belong to."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from plumbing.ids import new_id
from tenants.access.permissions import Role
from tenants.models import TenantOwned


class User(AbstractUser):
    """A person who signs in; what they may do is a matter of their memberships."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField("email address", unique=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.email or self.username


class Membership(TenantOwned):
    """A person belongs to a tenant, in one role."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    role = models.CharField(max_length=20, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "user"), name="access_one_membership"),)
        indexes = (models.Index(fields=("user",), name="access_membership_user"),)  # log-in asks across tenants

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}"


class SupportAccess(TenantOwned):
    """A supporter was let in to look, by a member, for a reason and until a moment. It makes nobody a member."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=500)
    granted_at = models.DateTimeField(default=timezone.now, editable=False)
    until = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name_plural = "support accesses"
        constraints = (
            models.CheckConstraint(condition=Q(until__gt=models.F("granted_at")), name="access_support_ends"),
        )
        indexes = (models.Index(fields=("user", "until"), name="access_support_user"),)

    def __str__(self) -> str:
        return f"{self.user} until {self.until:%Y-%m-%d %H:%M}"
