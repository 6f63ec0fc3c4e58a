"""Leases: the right to work on a row for a while, which lapses by itself when its holder dies.

    if lease := leases.take(run, seconds=120):
        ...
        lease.check()        # before each thing that must not be done twice
        lease.release()

The number rises with every taking (a fencing number): who holds an older one has lost the lease, whatever its clock says.
Time is the database's. Each call is one statement and wants a transaction of its own.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class LeaseLost(Exception):
    """Somebody else may be working on this row now: stop without touching it."""


class Leased(models.Model):
    """A row that one process at a time may work on."""

    lease_number = models.BigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Lease:
    """The right to work on one row, as it was taken."""

    model: type[Leased]
    pk: Any
    number: int

    def renew(self, *, seconds: float) -> None:
        """Holds the row for so many seconds from now; raises LeaseLost where the lease has lapsed or was taken."""
        if not self._held().update(lease_until=Now() + timedelta(seconds=seconds)):
            raise LeaseLost(f"{self.model._meta.label} {self.pk}: lease {self.number} is no longer held")

    def check(self) -> None:
        """Raises LeaseLost unless the row is still ours."""
        if not self._held().exists():
            raise LeaseLost(f"{self.model._meta.label} {self.pk}: lease {self.number} is no longer held")

    def release(self) -> None:
        """Gives the row back; does nothing where it was lost."""
        self._rows().filter(lease_number=self.number).update(lease_until=None)

    def _rows(self) -> models.QuerySet[Any]:
        return self.model._default_manager.filter(pk=self.pk)

    def _held(self) -> models.QuerySet[Any]:
        return self._rows().filter(lease_number=self.number, lease_until__gt=Now())


def free() -> Q:
    """The condition on rows that nobody holds."""
    return Q(lease_until=None) | Q(lease_until__lte=Now())


def take(row: Leased, *, seconds: float) -> Lease | None:
    """The lease on the row for so many seconds, or None while somebody else holds it."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    if not rows.filter(free()).update(
        lease_number=F("lease_number") + 1, lease_until=Now() + timedelta(seconds=seconds)
    ):
        return None
    # Between the two statements the row is ours: nobody can take it before it lapses.
    return Lease(type(row), row.pk, rows.values_list("lease_number", flat=True).get())
