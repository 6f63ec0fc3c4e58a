"""Budgets: one for each ledger at a vendor, over all tenants, jobs, processes and hosts, so that limits are obeyed in time.

A ledger is a company, realm or database at a vendor: two connections to it, of one tenant or of several, spend the same
budget. A turn costs one statement where one process uses the ledger, two where others have used it since; giving back what
the answer said costs the same. Nobody holds a lock: who writes names the version that he has read, and reads again where
another was faster.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.wire.errors import NoRoom
from integrations.wire.limits import NOTHING, Asker, Budget, Heard, Limits, Turn, Urgency, ask, end, finish
from integrations.wire.message import Answer
from integrations.wire.statuses import retry_after
from plumbing.roles import dispatch

PATIENCE = 2.0  # seconds that a worker waits for its turn before it turns to other work
LONGEST_TURN = 30.0  # seconds after which it asks again at the latest
TOO_MANY = 429

WRITE = """
WITH ours AS (
    UPDATE integrations_budget SET version = %s, state = %s WHERE id = %s AND version = %s RETURNING id
)
SELECT EXISTS (SELECT FROM ours), version, state FROM integrations_budget WHERE id = %s
"""

_read: dict[
    str, tuple[int, Budget]
] = {}  # what this process last knew of each ledger; another may have been there since


class Spending:
    """A call that is within its limits, and what its answer said of them."""

    def __init__(self, limits: Limits) -> None:
        self._headers = limits.remaining
        self.heard = NOTHING

    def hear(self, answer: object) -> None:
        """Learn what an answer says of limits; whatever is no answer says nothing."""
        if isinstance(answer, Answer):
            told = {window: answer.headers.get(header, "").strip() for window, header in self._headers.items()}
            self.heard = Heard(
                remaining={window: int(text) for window, text in told.items() if text.isdecimal()},
                refused=answer.status == TOO_MANY,
                retry_after=retry_after(answer) if answer.status == TOO_MANY else None,
            )


@contextmanager
def spent(
    connection: Connection, limits: Limits, *, seconds: float, urgency: Urgency, batch: bool
) -> Iterator[Spending]:
    """Spend one call that takes at most `seconds`. Raises NoRoom where the vendor's limits leave no room just now."""
    spending = Spending(limits)
    asker = Asker(who=_who(str(connection.tenant_id)), urgency=urgency, batch=batch, patience=PATIENCE)
    taken: list[tuple[str, Limits, Turn]] = []
    sent = False
    try:
        for key, these in _budgets(connection, limits):
            taken.append((key, these, _take(key, these, seconds, asker)))
        _wait_for(max((turn.at for _, _, turn in taken), default=timezone.now()))
        sent = True
        yield spending
    finally:
        heard = spending.heard if sent else Heard(sent=False)
        for key, these, turn in taken:
            _give_back(key, these, turn, heard)


def expected_finish(connection: Connection, limits: Limits, *, calls: int, each: float, urgency: Urgency) -> datetime:
    """When so many more calls, each of which takes so many seconds, will be over, as far as the limits tell."""
    now = timezone.now()
    at = now + timedelta(seconds=calls * each)
    for key, these in _budgets(connection, limits):
        _, (_, budget) = _written(key, None, Budget())
        at = max(at, finish(these, budget, now, calls=calls, seconds_each=each, urgency=urgency))
    return at


def ledger_of(connection: Connection) -> str:
    """The key of the ledger behind a connection: it tells nobody which that is.

    A connection whose keys the vendor has not accepted yet spends a budget of its own, so that nobody can spend another's
    by typing its name.
    """
    limits = connector(connection.connector).limits
    named = [str(connection.settings.get(name) or "") for name in limits.ledger]
    company = str(connection.company.get("id") or "")
    if connection.state == Connection.State.CONNECTED and limits.ledger and all(named):
        which = ["named", *named]
    elif connection.state == Connection.State.CONNECTED and company:
        which = ["company", company]
    else:
        which = ["connection", str(connection.pk)]
    return _digest("ledger", connection.connector, connection.environment, site_of(connection).addresses.api, *which)


def _budgets(connection: Connection, limits: Limits) -> Iterator[tuple[str, Limits]]:
    """What a call over this connection spends of: the ledger's limits, and those of our registration at the vendor."""
    if limits.are_named:
        yield ledger_of(connection), limits
    if limits.app is not None:
        yield _digest("app", connection.connector, connection.environment), limits.app


def _digest(*parts: str) -> str:
    return salted_hmac("tieout.budget", json.dumps(parts), algorithm="sha256").hexdigest()


@lru_cache(maxsize=1000)
def _who(tenant: str) -> str:
    """Who waits, in words that are nobody's name."""
    return _digest("tenant", tenant)[:12]


def _take(key: str, limits: Limits, seconds: float, asker: Asker) -> Turn:
    give_up = time.monotonic() + PATIENCE
    while True:
        turn = _change(key, lambda budget: ask(limits, budget, timezone.now(), seconds=seconds, asker=asker))
        if turn.taken:
            return turn
        wait = (turn.at - timezone.now()).total_seconds()
        if time.monotonic() + wait > give_up:
            raise NoRoom(retry_after=min(max(wait, 0.0), LONGEST_TURN))
        _wait_for(turn.at)


def _give_back(key: str, limits: Limits, turn: Turn, heard: Heard) -> None:
    _change(key, lambda budget: (end(limits, budget, timezone.now(), turn, heard), turn))


def _wait_for(moment: datetime) -> None:
    """Sleep till then: never longer than the patience."""
    time.sleep(min(max((moment - timezone.now()).total_seconds(), 0.0), PATIENCE))


def _change(key: str, change: Callable[[Budget], tuple[Budget, Turn]]) -> Turn:
    """Change the budget as it stands, whoever else does: where another was faster, it is decided anew."""
    while True:
        version, budget = _read.get(key, (None, Budget()))
        changed, turn = (budget, None) if version is None else change(budget)
        done, known = _written(key, version, changed)
        _read[key] = known
        if done and turn is not None:
            return turn


def _written(key: str, version: int | None, budget: Budget) -> tuple[bool, tuple[int, Budget]]:
    """Write the budget over that version; whether that was still the latest, and what stands there now."""
    new = secrets.randbits(62)
    with dispatch(), database.cursor() as cursor:
        cursor.execute(WRITE, [new, msgspec.msgpack.encode(budget), key, version, key])
        row = cursor.fetchone()
    if row is None:  # the first call to this ledger
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute(
                "INSERT INTO integrations_budget (id, version, state) VALUES (%s, 0, '') ON CONFLICT DO NOTHING", [key]
            )
        return False, (0, Budget())
    written, standing, state = row
    if written:
        return True, (new, budget)
    return False, (standing, msgspec.msgpack.decode(state, type=Budget) if state else Budget())
