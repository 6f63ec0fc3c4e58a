"""Budgets: one for each connection, over all jobs and processes, so that a vendor's limits are obeyed before it enforces them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Budget as BudgetRow
from integrations.connections.models import Connection
from integrations.wire.errors import NoRoom
from integrations.wire.limits import Budget, Limits, begin, end, next_call, slow_down

PATIENCE = 2.0  # seconds that a worker waits for its turn before it turns to other work
LONGEST_TURN = 30.0  # seconds after which it asks again at the latest


@contextmanager
def spent(connection: Connection, limits: Limits, *, seconds: float, batch: bool) -> Iterator[None]:
    """Spend one call that takes at most `seconds`. Raises NoRoom where the vendor's limits leave no room just now."""
    over_by = _take(connection, limits, seconds=seconds, batch=batch)
    try:
        yield
    finally:
        _change(connection, lambda budget: end(limits, budget, timezone.now(), over_by, batch=batch))


def too_many(connection: Connection, *, retry_after: float | None) -> None:
    """The vendor said "too many requests": stay away as long as it says, in every process."""
    _change(connection, lambda budget: slow_down(budget, timezone.now(), retry_after))


def _take(connection: Connection, limits: Limits, *, seconds: float, batch: bool) -> datetime:
    give_up = time.monotonic() + PATIENCE
    while True:
        with transaction.atomic():
            row = _row(connection)
            budget, now = _open(row), timezone.now()
            at = next_call(limits, budget, now, batch=batch)
            if at <= now:
                over_by = now + timedelta(seconds=seconds)
                _keep(row, begin(limits, budget, now, over_by, batch=batch))
                return over_by
        wait = (at - now).total_seconds()
        if time.monotonic() + wait > give_up and time.monotonic() + 0.1 > give_up:
            raise NoRoom(retry_after=min(wait, LONGEST_TURN))
        time.sleep(min(wait, 0.1))


def _change(connection: Connection, change: Callable[[Budget], Budget]) -> None:
    with transaction.atomic():
        row = _row(connection)
        _keep(row, change(_open(row)))


def _row(connection: Connection) -> BudgetRow:
    row = BudgetRow.objects.select_for_update().filter(connection=connection).first()
    if row is None:
        BudgetRow.objects.get_or_create(connection=connection)
        row = BudgetRow.objects.select_for_update().get(connection=connection)
    return row


def _open(row: BudgetRow) -> Budget:
    return msgspec.convert(row.spent, Budget)


def _keep(row: BudgetRow, budget: Budget) -> None:
    row.spent = msgspec.to_builtins(budget)
    row.save(update_fields=("spent",))
