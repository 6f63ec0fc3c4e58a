"""The line to a vendor: every request of a connection goes through here, within its limits, signed, and never in a transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise, budgets
from integrations.connections.models import Connection
from integrations.connections.site import SIMULATOR, allowed_addresses, folder_of_tenant, site_of
from integrations.connectors.registry import connector
from integrations.wire import files
from integrations.wire.auth import LogIn, OAuth2Code
from integrations.wire.connector import Connector
from integrations.wire.errors import ConsentLost
from integrations.wire.exchange import Driver, speak
from integrations.wire.http import Http
from integrations.wire.limits import Limits
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.site import Site
from tenants.scope import current_tenant_id

MARGIN = 10.0  # seconds of a lease that are left for writing down what came back
HEARD_EVERY = timedelta(minutes=1)
TOO_MANY = 429


def send(
    connection: Connection, request: Request, *, before: datetime | None = None, batch: bool = False
) -> Answer | Pending:
    """Send a request over a connection and give the vendor's answer, whatever its status.

    `before` is the end of the caller's lease: the exchange is over well before it. `batch`: the request carries several
    records. Raises VendorError; where consent is lost, the connection is paused first and a person is told.
    """
    _outside_transactions()
    _check_open(connection)
    kind = connector(connection.connector)
    with heard(connection), _budget(connection, kind, request, batch):
        answer = _speak(connection, kind, request, before)
    if isinstance(answer, Answer) and answer.status == TOO_MANY:
        budgets.too_many(connection, retry_after=_seconds(answer.headers.get("Retry-After")))
    _note_heard(connection)
    return answer


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
    with transaction.atomic():
        connection.refresh_from_db(fields=("state", "state_reason"))
    if connection.state in (Connection.State.PAUSED, Connection.State.CONSENT_LOST):
        raise ConsentLost(connection.state_reason, explanation=f"{connection} is {connection.get_state_display()}.")


def _budget(connection: Connection, kind: Connector, request: Request, batch: bool) -> AbstractContextManager[None]:
    limits = kind.limits
    if connection.environment == SIMULATOR:
        limits = limits.faster(settings.SANDBOX_SPEED)
    if kind.driver != "http" or limits == Limits():
        return nullcontext()
    return budgets.spent(connection, limits, seconds=request.timeout, batch=batch)


def _outside_transactions() -> None:
    """A vendor is never called inside a transaction: it would be held for as long as the vendor likes."""
    if any(not getattr(block, "_from_testcase", False) for block in database.atomic_blocks):
        raise RuntimeError("A vendor is called inside a transaction: end it first.")


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


def _speak(connection: Connection, kind: Connector, request: Request, before: datetime | None) -> Answer | Pending:
    site = site_of(connection)

    def once(secrets: Mapping[str, str]) -> Answer | Pending:
        # Reckoned anew each time: waiting for a turn or for a token has taken its part of the lease.
        deadline = None if before is None else (before - timezone.now()).total_seconds() - MARGIN
        return speak(request, driver=_driver(kind, secrets), dialect=kind.dialect, site=site, deadline=deadline)

    secrets = authorise.secrets_of(connection)
    answer = once(secrets)
    if isinstance(answer, Answer) and answer.status == 401 and isinstance(kind.auth, OAuth2Code | LogIn):
        # The token died before its time. A request refused with 401 was not carried out, so it may go again, once.
        answer = once(authorise.refresh(connection, refused=secrets.get("access_token", "")))
    return answer


def _driver(kind: Connector, secrets: Mapping[str, str]) -> Driver:
    if kind.driver == "files":
        with transaction.atomic():
            return _Files(folder_of_tenant(), settings.VAR / "spool" / str(current_tenant_id()))
    return Http(auth=kind.auth, secrets=secrets, allow=allowed_addresses())


@dataclass(frozen=True, slots=True)
class _Files:
    """The files driver, below the tenant's own folder."""

    root: Path
    spool: Path

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer:
        ends = None if deadline is None else time.monotonic() + deadline
        return files.send(request, root=self.root, spool=self.spool, deadline=ends)


def _note_heard(connection: Connection) -> None:
    """Remember that the vendor answered, at most once a minute."""
    now = timezone.now()
    if connection.heard_at is None or now - connection.heard_at > HEARD_EVERY:
        connection.heard_at = now
        with transaction.atomic():
            Connection.objects.filter(pk=connection.pk).update(heard_at=now)
