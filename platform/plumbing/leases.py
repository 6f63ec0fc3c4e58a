"""Leases: the right to work on a row for a while, which lapses by itself when its holder dies.

    if run.claim(seconds=120):
        ...
        run.hold()           # in the transaction of each thing that must not be done twice
        run.release()

The fence rises with every claim: whoever was stopped and comes back late finds another number there, and lets go, whatever
its own clock says. Time is the database's. A lease is never a lock: nothing is held open while a vendor answers.
"""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class LeaseLost(Exception):
    """Somebody else may be working on this row now: stop at once, and write nothing more."""


class Leased(models.Model):
    """A row that one worker at a time may work on."""

    fence = models.BigIntegerField(default=0, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def claim(self, *, seconds: float) -> bool:
        """Take the lease if nobody holds it; `fence` then names this claim."""
        free = Q(leased_until=None) | Q(leased_until__lte=Now())
        if not self._rows().filter(free).update(fence=F("fence") + 1, leased_until=Now() + timedelta(seconds=seconds)):
            return False
        # Between the two statements the row is ours: nobody can claim it before it lapses.
        self.refresh_from_db(fields=["fence", "leased_until"])
        return True

    def renew(self, *, seconds: float) -> None:
        """Hold the row for so many seconds from now; raises LeaseLost where somebody else claimed it."""
        if not self._rows().filter(fence=self.fence).update(leased_until=Now() + timedelta(seconds=seconds)):
            raise self._lost()
        self.refresh_from_db(fields=["leased_until"])

    def hold(self) -> None:
        """Make sure, to the end of this transaction, that nobody else claims the row; raises LeaseLost."""
        if not self._rows().filter(fence=self.fence).select_for_update().exists():
            raise self._lost()

    def release(self) -> None:
        """Give the row back; does nothing where it was lost."""
        self._rows().filter(fence=self.fence).update(leased_until=None)

    def _rows(self) -> models.QuerySet[Any]:
        return type(self)._default_manager.filter(pk=self.pk)

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"{self._meta.label} {self.pk}: another worker has taken over since claim {self.fence}")
