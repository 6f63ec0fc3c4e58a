"""Locks: up to which day the books behind a connection are closed, as the vendor told it last.

They are read with the connection, and again before a plan is applied; what changes is written into the audit trail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import models, transaction
from django.utils import timezone

from integrations.connections import line
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.wire.locks import Lock, from_plain, to_plain
from integrations.wire.message import Pending
from plumbing.slices import after
from tenants import audit
from tenants.owned import TenantForeignKey, TenantOwned

LEARNED_FOR = timedelta(days=1)  # what only a refusal showed is tried again after that
REFUSED = "a refusal of the vendor, which does not say up to when"


class LockDates(TenantOwned):
    """The closed periods of a connection's books, and when they were read."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    locks = models.JSONField(default=list)
    # None: the vendor does not tell, or was not asked yet.
    read_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    # When a refusal last showed a closed day that nobody had told.
    learned_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "connection"), name="one_lock_dates"),)

    def __str__(self) -> str:
        return ", ".join(map(str, from_plain(self.locks))) or "open"


def known(connection: Connection) -> list[Lock]:
    """The locks as they were told last. Inside a transaction."""
    row = LockDates.objects.filter(connection=connection).first()
    if row is None:
        return []
    stale = row.learned_at is not None and timezone.now() - row.learned_at > LEARNED_FOR
    return [lock for lock in from_plain(row.locks) if not (lock.learned and stale)]


def changed_at(connection: Connection) -> datetime | None:
    """When the locks last turned out to be others than before. Inside a transaction."""
    return LockDates.objects.filter(connection=connection).values_list("changed_at", flat=True).first()


def freshen(connection: Connection, *, since: datetime, before: datetime | None = None) -> bool:
    """Ask the vendor for its lock dates unless they were read at `since` or later; gives whether it was asked.

    `before` is the end of the caller's lease. A vendor that comes to us tells them whenever it comes. Raises NotNow where
    the answer comes later, and VendorError.
    """
    kind = connector(connection.connector)
    if not kind.tells_locks or kind.driver == "polled":
        return False
    with transaction.atomic():
        if LockDates.objects.filter(connection=connection, read_at__gte=since).exists():
            return False
    answer = line.send(connection, kind.dialect.whoami(site_of(connection)), before=before, not_before=since)
    if isinstance(answer, Pending):
        raise after(answer.after, f"{connection} has not said yet up to when its books are closed")
    with line.heard(connection):
        told = kind.dialect.locks(answer, site_of(connection))
    with transaction.atomic():
        keep(connection, told)
    return True


def keep(connection: Connection, told: Sequence[Lock] | None) -> None:
    """Write down what the vendor told; None: it told nothing of it, so what is known stays. Inside a transaction."""
    if told is None:
        return
    row = _locked(connection)
    learned = [lock for lock in from_plain(row.locks) if lock.learned and not _covers(told, lock)]
    if row.learned_at is not None and timezone.now() - row.learned_at > LEARNED_FOR:
        learned = []
    _write(row, [*told, *learned])
    row.read_at = timezone.now()
    row.save()


def learn(connection: Connection, kind: str, day: date) -> None:
    """The vendor refused a record of this kind and day as closed: remember it, and ask again. Inside a transaction."""
    row = _locked(connection)
    told = from_plain(row.locks)
    row.read_at = None
    lock = Lock(name=REFUSED, until=day, kinds=frozenset((kind,)), learned=True)
    if not _covers(told, lock):
        row.learned_at = timezone.now()
        others = [each for each in told if not (each.learned and each.kinds == lock.kinds)]
        _write(row, [*others, lock])
    row.save()


def doubt(connection: Connection) -> None:
    """Ask for the lock dates anew, whenever they were read. Inside a transaction."""
    LockDates.objects.filter(connection=connection).update(read_at=None)


def _locked(connection: Connection) -> LockDates:
    LockDates.objects.get_or_create(connection=connection, defaults={"changed_at": timezone.now()})
    return LockDates.objects.select_for_update().get(connection=connection)


def _write(row: LockDates, locks: Sequence[Lock]) -> None:
    plain = to_plain(locks)
    if plain == row.locks:
        return
    audit.record("connection.locks_changed", subject=row.connection, data={"before": row.locks, "after": plain})
    row.locks, row.changed_at = plain, timezone.now()


def _covers(told: Sequence[Lock], learned: Lock) -> bool:
    """Whether what is told explains a refusal."""
    (kind,) = learned.kinds
    return any(lock.binds(kind, taxed=False) and lock.until >= learned.until for lock in told)
