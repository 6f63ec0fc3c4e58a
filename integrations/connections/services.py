"""What may be done with connections: verbs that own their transactions and their entry in the audit trail."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise, callers, line, locks
from integrations.connections.knocks import listen
from integrations.connections.models import Connection, Errand
from integrations.connections.outstanding import digest_of
from integrations.connections.site import environments, site_of
from integrations.connectors.registry import connector
from integrations.wire.auth import LogIn, NoAuth, OAuth2Code
from integrations.wire.connector import Company
from integrations.wire.errors import TryLater, VendorError
from integrations.wire.locks import Lock
from integrations.wire.message import Pending, unpack_answer
from tenants import audit

STILL_PROVES = timedelta(days=1)  # an answer that was asked for earlier says nothing of today

log = logging.getLogger(__name__)


@transaction.atomic
def save_connection(connection: Connection, *, secrets: Mapping[str, str] | None = None, by: Any) -> Connection:
    """Save what a person filled in; secrets that are given replace those that were there, and are never shown again.

    Raises ValidationError that names what is missing or not understood.
    """
    kind = connector(connection.connector)
    known = dict(environments(kind.slug))
    if known and connection.environment not in known:
        raise ValidationError({"environment": f"{kind.name} can be reached in: {', '.join(known)}."})
    by_hand = [each for each in kind.settings if each.name not in _brought_by_consent(connection)]
    missing = [each.label for each in by_hand if each.required and connection.settings.get(each.name) in (None, "")]
    if missing:
        raise ValidationError({"settings": f"Fill in: {', '.join(missing)}."})
    if faults := kind.dialect.faults(site_of(connection)):
        raise ValidationError({"settings": list(faults)})
    if kept := Connection.objects.select_for_update().filter(pk=connection.pk).first():
        # What was loaded for the form may be older than a token that was refreshed since.
        for name in authorise.BY_WORKERS:
            setattr(connection, name, getattr(kept, name))
    if secrets:
        connection.secrets = connection.secrets.reveal() | dict(secrets)
    if isinstance(kind.auth, LogIn):
        # A session that was opened for another login, database or address is worth nothing.
        connection.secrets = {
            name: value for name, value in connection.secrets.reveal().items() if name != "access_token"
        }
    is_shut = connection.state in (Connection.State.NEW, Connection.State.CONSENT_LOST)
    if isinstance(kind.auth, NoAuth) and kind.driver != "polled" and is_shut:
        _connected(connection)  # there is no consent to wait for: the next that is sent tells whether it is right now
    elif secrets and connection.state == Connection.State.CONSENT_LOST:
        connection.state, connection.state_reason = Connection.State.NEW, "not tried yet"
    connection.save()
    if kind.driver == "polled":
        callers.caller_of(connection)
    listen(connection)
    audit.record(
        "connection.saved",
        subject=connection,
        actor=by,
        data={
            "connector": connection.connector,
            "environment": connection.environment,
            "settings": sorted(connection.settings),
            "secrets_changed": sorted(secrets or ()),
        },
    )
    return connection


def test(connection: Connection, *, by: Any) -> Company:
    """Ask the vendor which set of books this is, and remember it; typed keys count as connected from then on.

    Raises VendorError.
    """
    kind, site = connector(connection.connector), site_of(connection)
    answer = line.send(connection, kind.dialect.whoami(site), not_before=timezone.now() - STILL_PROVES)
    if isinstance(answer, Pending):
        raise TryLater(
            sent=True,
            retry_after=answer.after,
            explanation="The vendor is asked and has not answered yet.",
            advice="Test again later: the answer is taken then.",
        )
    with line.heard(connection):
        company = kind.dialect.company(answer, site)
        closed = kind.dialect.locks(answer, site)
    with transaction.atomic():
        _remember(connection, company, by=by)
        locks.keep(connection, closed)
    return company


def learn_company(connection: Connection, errand: Errand) -> None:
    """Remember which set of books this is, where an errand that was just answered had asked for it."""
    kind, site = connector(connection.connector), site_of(connection)
    if connection.company or errand.answer is None or errand.digest != digest_of(kind.dialect.whoami(site)):
        return
    try:
        company = kind.dialect.company(unpack_answer(bytes(errand.answer)), site)
    except VendorError as error:  # whoever presses Test is told
        log.warning("%s did not say which set of books it is: %s", connection.pk, error)
        return
    with transaction.atomic():
        _remember(connection, company, by=None)


def learn_settings(connection: Connection, told: Mapping[str, Any], closed: Sequence[Lock] | None = None) -> None:
    """Keep facts that the vendor's side told of the books: among the settings, and its lock dates. Inside a transaction."""
    locks.keep(connection, closed)
    settings = {**connection.settings, **told}
    if settings != connection.settings:
        connection.settings = settings
        connection.save(update_fields=("settings",))


def reached(connection: Connection) -> None:
    """The vendor's side has come, and it can reach the books: what waited goes on. Inside a transaction."""
    if connection.state in (Connection.State.NEW, Connection.State.CONSENT_LOST):
        _connected(connection)
        connection.save(update_fields=("state", "state_reason", "connected_at"))
        audit.record("connection.connected", subject=connection)


@transaction.atomic
def pause(connection: Connection, *, by: Any) -> None:
    """Send nothing over this connection until it is resumed; its work is kept."""
    connection.state, connection.state_reason = Connection.State.PAUSED, f"paused by {by}"
    connection.save(update_fields=("state", "state_reason"))
    audit.record("connection.paused", subject=connection, actor=by)


@transaction.atomic
def resume(connection: Connection, *, by: Any) -> None:
    """Let a paused connection go on."""
    _connected(connection)  # from now on an answer may be expected again
    connection.save(update_fields=("state", "state_reason", "connected_at"))
    audit.record("connection.resumed", subject=connection, actor=by)


def _remember(connection: Connection, company: Company, *, by: Any) -> None:
    kind = connector(connection.connector)
    told = {"name": company.name, "id": company.id, "currency": company.currency, "country": company.country}
    connection.company = {name: value for name, value in told.items() if value}
    wanted = {each.name for each in kind.settings}
    facts = {"country": company.country, "home_currency": company.currency}
    connection.settings = {
        **connection.settings,
        **{name: value for name, value in facts.items() if name in wanted and value},
    }
    if not isinstance(kind.auth, OAuth2Code) and connection.state == Connection.State.NEW:
        _connected(connection)
    connection.save(update_fields=("company", "settings", "state", "state_reason", "connected_at"))
    listen(connection)
    audit.record("connection.tested", subject=connection, actor=by, data=connection.company)


def _connected(connection: Connection) -> None:
    connection.state, connection.state_reason = Connection.State.CONNECTED, ""
    connection.connected_at = timezone.now()


def _brought_by_consent(connection: Connection) -> tuple[str, ...]:
    auth = connector(connection.connector).auth
    return auth.callback_fields if isinstance(auth, OAuth2Code) else ()
