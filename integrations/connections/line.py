"""The line to a vendor: every request of a connection goes through here, within its limits, signed, and never in a transaction.

An answer may come later. Then what is outstanding is kept, and whoever asks the same again asks for that answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise, budgets, outstanding
from integrations.connections.models import Connection
from integrations.connections.outstanding import Outstanding
from integrations.connections.queue import Queue
from integrations.connections.site import SIMULATOR, allowed_addresses, folder_of_tenant, site_of, spool_of_tenant
from integrations.connectors.registry import connector
from integrations.wire import files
from integrations.wire.auth import LogIn, OAuth2Code
from integrations.wire.connector import Connector
from integrations.wire.errors import ConsentLost, TryLater
from integrations.wire.exchange import Driver, Recall, speak
from integrations.wire.http import Http
from integrations.wire.limits import Limits, Urgency
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.places import Opens, place_of
from integrations.wire.site import Site
from integrations.wire.statuses import retry_after

MARGIN = 10.0  # seconds of a lease that are left for writing down what came back
HEARD_EVERY = timedelta(minutes=1)
TOO_MANY, THEIR_FAULT = 429, 500
RECEIPT_AGAIN = 30.0  # seconds until a receipt is asked for again that the vendor could not look at


def send(
    connection: Connection,
    request: Request,
    *,
    before: datetime | None = None,
    batch: bool = False,
    not_before: datetime | None = None,
    urgency: Urgency = Urgency.READING,
) -> Answer | Pending:
    """Send a request over a connection and give the vendor's answer, whatever its status.

    Where the same request is outstanding, its answer is asked for instead; one that was asked before `not_before` does
    not count. `before` is the end of the caller's lease: the exchange is over well before it. `batch`: the request
    carries several records. `urgency` says who goes first where the vendor's limits leave no room for all. Raises
    VendorError; where consent is lost, the connection is paused first and a person is told.
    """
    _outside_transactions()
    with transaction.atomic():
        _check_open(connection)
        standing = outstanding.find(connection, request, not_before=not_before)
    return _exchange(connection, request, standing, before=before, batch=batch, urgency=urgency)


def collect(connection: Connection, request: Request, *, before: datetime | None = None) -> Answer | Pending:
    """The answer to a request that is outstanding, if it is here; the request itself is never sent anew.

    Raises VendorError: TryLater that may have acted where nothing is outstanding, because the answer was taken and lost.
    """
    _outside_transactions()
    with transaction.atomic():
        _check_open(connection)
        standing = outstanding.find(connection, request)
    if standing is None:
        raise TryLater(sent=True, explanation="The answer came, and the worker that took it ended before it was kept.")
    return _exchange(connection, request, standing, before=before, batch=False, urgency=Urgency.POSTING)


def is_outstanding(connection: Connection, request: Request) -> bool:
    """Whether an answer to this request is awaited. Inside a transaction."""
    return outstanding.find(connection, request) is not None


def forget(connection: Connection, request: Request) -> None:
    """Await no answer to this request any more: the next time it is sent anew. Inside a transaction."""
    outstanding.forget(connection, request)


def take_back(connection: Connection, request: Request) -> bool:
    """Withdraw a request that the vendor has not fetched yet; False where it may have it. Inside a transaction."""
    driver = _driver(connection, connector(connection.connector), {})
    if not isinstance(driver, Recall) or not driver.take_back(request, site=site_of(connection)):
        return False
    outstanding.forget(connection, request)
    return True


@contextmanager
def heard(connection: Connection) -> Iterator[None]:
    """Wherever a vendor's answer is read: where it says that consent is lost, the connection pauses. Raises it on."""
    try:
        yield
    except ConsentLost as lost:
        with transaction.atomic():
            authorise.lose_consent(connection, lost)
        raise


def _check_open(connection: Connection) -> None:
    """Raises ConsentLost where nothing is to be sent over the connection, whatever this worker knew of it before."""
    connection.refresh_from_db(fields=("state", "state_reason"))
    if connection.state in (Connection.State.PAUSED, Connection.State.CONSENT_LOST):
        raise ConsentLost(connection.state_reason, explanation=f"{connection} is {connection.get_state_display()}.")


def limits_of(connection: Connection) -> Limits:
    """The limits that calls over this connection have to keep."""
    kind = connector(connection.connector)
    if kind.driver != "http":
        return Limits()
    return kind.limits.faster(settings.SANDBOX_SPEED) if connection.environment == SIMULATOR else kind.limits


def _outside_transactions() -> None:
    """A vendor is never called inside a transaction: it would be held for as long as the vendor likes."""
    if any(not getattr(block, "_from_testcase", False) for block in database.atomic_blocks):
        raise RuntimeError("A vendor is called inside a transaction: end it first.")


def _exchange(
    connection: Connection,
    request: Request,
    standing: Outstanding | None,
    *,
    before: datetime | None,
    batch: bool,
    urgency: Urgency,
) -> Answer | Pending:
    """Speak the request, or the receipt of the one that is outstanding, and note whether an answer is awaited now."""
    kind, asked_at = connector(connection.connector), timezone.now()
    said = request if standing is None else standing.receipt
    try:
        turn = budgets.spent(connection, limits_of(connection), seconds=said.timeout, urgency=urgency, batch=batch)
        with heard(connection), turn as spending:
            answer = _speak(connection, kind, said, before)
            spending.hear(answer)
    except TryLater as error:
        if standing is None:
            raise
        if kind.driver != "polled":  # only asking for it failed: the receipt is as good as before
            return Pending(then=said, after=error.retry_after or RECEIPT_AGAIN)
        with transaction.atomic():
            outstanding.forget(connection, request)
        raise
    if isinstance(answer, Answer) and standing is not None:
        if kind.driver == "http" and (answer.status == TOO_MANY or answer.status >= THEIR_FAULT):
            return Pending(then=said, after=retry_after(answer) or RECEIPT_AGAIN)
        answer = replace(answer, asked_at=answer.asked_at or standing.asked_at)
    with transaction.atomic():
        if isinstance(answer, Pending):
            outstanding.keep(connection, request, answer.then, asked_at=asked_at)
        elif standing is not None:
            outstanding.forget(connection, request)
    if _is_heard(answer) if isinstance(answer, Answer) else kind.driver == "http":
        _note_heard(connection)
    return answer


def _speak(connection: Connection, kind: Connector, request: Request, before: datetime | None) -> Answer | Pending:
    site = site_of(connection)

    def once(secrets: Mapping[str, str]) -> Answer | Pending:
        # Reckoned anew each time: waiting for a turn or for a token has taken its part of the lease.
        deadline = None if before is None else (before - timezone.now()).total_seconds() - MARGIN
        return speak(
            request, driver=_driver(connection, kind, secrets), dialect=kind.dialect, site=site, deadline=deadline
        )

    secrets = authorise.secrets_of(connection)
    answer = once(secrets)
    if isinstance(answer, Answer) and answer.status == 401 and isinstance(kind.auth, OAuth2Code | LogIn):
        # The token died before its time. A request refused with 401 was not carried out, so it may go again, once.
        answer = once(authorise.refresh(connection, refused=secrets.get("access_token", "")))
    return answer


def _driver(connection: Connection, kind: Connector, secrets: Mapping[str, str]) -> Driver:
    """What carries the requests of this connection, by the connector's `driver`."""
    if kind.driver == "files":
        with transaction.atomic():
            root = folder_of_tenant()
        return _Files(place_of(connection.settings, secrets, root=root, allow=allowed_addresses()), spool_of_tenant())
    if kind.driver == "polled":
        return Queue(connection)
    return Http(auth=kind.auth, secrets=secrets, allow=allowed_addresses())


@dataclass(frozen=True, slots=True)
class _Files:
    """The files driver, where the connection's files are."""

    at: Opens
    spool: Path

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer:
        ends = None if deadline is None else time.monotonic() + deadline
        return files.send(request, at=self.at, spool=self.spool, deadline=ends)


def _is_heard(answer: Answer) -> bool:
    """Whether this answers: not that somebody must not ask, asks too much, or is not to be answered now."""
    return answer.status not in (401, 403, TOO_MANY) and answer.status < THEIR_FAULT


def _note_heard(connection: Connection) -> None:
    """Remember that the vendor answered, at most once a minute."""
    now = timezone.now()
    if connection.heard_at is None or now - connection.heard_at > HEARD_EVERY:
        connection.heard_at = now
        with transaction.atomic():
            Connection.objects.filter(pk=connection.pk).update(heard_at=now)
