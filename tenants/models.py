"""The customers of this installation."""

from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from plumbing.ids import new_id
from tenants.owned import TenantForeignKey, TenantOwned

__all__ = ["Tenant", "TenantForeignKey", "TenantOwned"]


def known_zone(name: str) -> None:
    """Refuses a time zone that the time zone database does not name."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone; write it like Europe/Vienna.")


class Tenant(models.Model):
    """A customer. The application sees the one in scope only; making one is an operator's act."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[known_zone])
    home_currency = models.CharField(max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$", "Write it like EUR.")])
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone that this tenant's days begin and end in."""
        return ZoneInfo(self.time_zone)
