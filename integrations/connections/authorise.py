"""Authorise: a person's consent or keys become sealed tokens, and these are kept fresh by one worker at a time.

No transaction is open while a vendor is asked. A fresh token is stored before anybody uses it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection, VendorApp
from integrations.connections.site import allowed_addresses, site_of
from integrations.connectors.registry import connector
from integrations.wire import http, oauth
from integrations.wire.auth import Client, LogIn, OAuth2Code, Tokens
from integrations.wire.errors import ConsentLost, TryLater
from tenants import audit

TOKENS = ("secrets", "token_expires_at", "grant_expires_at")
FRESH = timedelta(minutes=2)  # a token that ends sooner is refreshed before it is used
REFRESH_LEASE, PATIENCE = 60.0, 15.0  # seconds: one worker refreshes, the others wait for it


def begin(connection: Connection, *, redirect_uri: str) -> tuple[str, dict[str, str]]:
    """Where to send the person who consents, and what to keep in their session until they come back.

    Raises ConsentLost where the operator has not registered an application with this vendor.
    """
    auth = _oauth(connection)
    kept = {"connection": str(connection.pk), "state": oauth.new_state(), "redirect_uri": redirect_uri}
    if auth.pkce:
        kept["verifier"] = oauth.new_verifier()
    url = oauth.authorize_url(
        auth,
        site=site_of(connection),
        client=_client(connection),
        redirect_uri=redirect_uri,
        state=kept["state"],
        verifier=kept.get("verifier"),
    )
    return url, kept


def complete(connection: Connection, params: Mapping[str, str], kept: Mapping[str, str], *, by: Any) -> None:
    """Take the vendor's answer to a consent: exchange the code, and store the tokens and the company chosen there.

    Raises ConsentLost where consent was not given or the answer is not ours, TryLater where the vendor could not say.
    """
    auth = _oauth(connection)
    callback = oauth.read_callback(auth, params, state=kept["state"])
    _check_same_company(connection, callback.fields)
    tokens = oauth.exchange(
        auth,
        callback,
        site=site_of(connection),
        client=_client(connection),
        redirect_uri=kept["redirect_uri"],
        verifier=kept.get("verifier"),
        allow=allowed_addresses(),
    )
    with transaction.atomic():
        _store(connection, tokens)
        connection.settings = connection.settings | dict(callback.fields)
        connection.state, connection.state_reason = Connection.State.CONNECTED, ""
        connection.connected_at = timezone.now()
        connection.save(update_fields=(*TOKENS, "settings", "state", "state_reason", "connected_at"))
        audit.record("connection.connected", subject=connection, actor=by, data={"company": dict(callback.fields)})


def secrets_of(connection: Connection) -> dict[str, str]:
    """What signs a request, its access token good for some minutes still. Raises ConsentLost and TryLater."""
    secrets = connection.secrets.reveal()
    return dict(secrets) if _is_fresh(connection, secrets, "") else refresh(connection)


def refresh(connection: Connection, *, refused: str = "") -> dict[str, str]:
    """Fresh secrets, fetched by this worker or by another that was quicker.

    `refused` is an access token that the vendor no longer takes, whatever its end was said to be. Raises ConsentLost
    where the grant is gone, TryLater where the vendor could not say: then nothing is concluded from it.
    """
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        with transaction.atomic():
            mine = connection.claim(seconds=REFRESH_LEASE)
            connection.refresh_from_db()
        secrets = connection.secrets.reveal()
        if connection.state == Connection.State.CONSENT_LOST:
            if mine:
                _release(connection)
            raise ConsentLost(connection.state_reason)
        if _is_fresh(connection, secrets, refused):
            if mine:
                _release(connection)
            return dict(secrets)
        if mine:
            return _refresh(connection, secrets)
        time.sleep(0.1)
    raise TryLater(sent=False, retry_after=5, explanation="Another worker is still fetching a fresh token.")


def disconnect(connection: Connection, *, by: Any) -> None:
    """Give the grant back to the vendor and forget it here. Raises TryLater where the vendor could not be asked."""
    auth = connector(connection.connector).auth
    if isinstance(auth, OAuth2Code) and connection.secrets:
        tokens = _tokens(connection, connection.secrets.reveal())
        oauth.revoke(auth, tokens, site=site_of(connection), client=_client(connection), allow=allowed_addresses())
    with transaction.atomic():
        connection.secrets, connection.token_expires_at, connection.grant_expires_at = {}, None, None
        connection.state, connection.state_reason = Connection.State.NEW, "disconnected by a person"
        connection.save()
        audit.record("connection.disconnected", subject=connection, actor=by)


def _is_fresh(connection: Connection, secrets: Mapping[str, str], refused: str) -> bool:
    if refused:
        return secrets.get("access_token") != refused
    if _logs_in(connection) and "access_token" not in secrets:
        return False
    ends = connection.token_expires_at
    return ends is None or ends - timezone.now() >= FRESH


def _refresh(connection: Connection, secrets: Mapping[str, str]) -> dict[str, str]:
    try:
        tokens = _fetch(connection, secrets)
    except ConsentLost as lost:
        with transaction.atomic():  # together, so that whoever waits does not ask in vain as well
            lose_consent(connection, lost)
            connection.release()
        raise
    except BaseException:
        _release(connection)
        raise
    with transaction.atomic():
        connection.hold()
        _store(connection, tokens)
        connection.leased_until = None
        connection.save(update_fields=(*TOKENS, "leased_until"))
    return dict(connection.secrets.reveal())


def _fetch(connection: Connection, secrets: Mapping[str, str]) -> Tokens:
    """A fresh token for the grant, or a session for the secrets that a person typed."""
    auth, site, allow = connector(connection.connector).auth, site_of(connection), allowed_addresses()
    if isinstance(auth, LogIn):
        return http.log_in(auth, site=site, secrets=secrets, allow=allow)
    tokens = _tokens(connection, secrets)
    return oauth.refresh(_oauth(connection), tokens, site=site, client=_client(connection), allow=allow)


def _logs_in(connection: Connection) -> bool:
    return isinstance(connector(connection.connector).auth, LogIn)


def lose_consent(connection: Connection, lost: ConsentLost) -> None:
    """Pause a connection whose consent is lost: its work is kept, and goes on when it is connected again."""
    usable = Connection.objects.filter(pk=connection.pk, state__in=(Connection.State.NEW, Connection.State.CONNECTED))
    if usable.update(state=Connection.State.CONSENT_LOST, state_reason=str(lost)):
        connection.state, connection.state_reason = Connection.State.CONSENT_LOST, str(lost)
        audit.record("connection.consent_lost", subject=connection, data={"words": lost.words})


def _check_same_company(connection: Connection, chosen: Mapping[str, str]) -> None:
    """Raises ConsentLost where another company was chosen: what is linked here belongs to the former."""
    for name, value in chosen.items():
        before = connection.settings.get(name)
        if connection.connected_at is not None and before not in (None, "", value):
            raise ConsentLost(
                explanation=f"Another company was chosen ({value}); {connection} belongs to {before}.",
                advice="Choose the same company again, or make a new connection for the other one.",
            )


def _release(connection: Connection) -> None:
    with transaction.atomic():
        connection.release()


def _tokens(connection: Connection, secrets: Mapping[str, str]) -> Tokens:
    more = {name: value for name, value in secrets.items() if name not in ("access_token", "refresh_token")}
    return Tokens(
        access=secrets.get("access_token", ""),
        refresh=secrets.get("refresh_token"),
        expires_at=connection.token_expires_at,
        refresh_expires_at=connection.grant_expires_at,
        more=more,
    )


def _store(connection: Connection, tokens: Tokens) -> None:
    # What a person typed stays: a session is opened with it again.
    connection.secrets = connection.secrets.reveal() | tokens.secrets()
    connection.token_expires_at = tokens.expires_at
    ends: list[datetime] = [moment for moment in (tokens.refresh_expires_at, tokens.consent_expires_at) if moment]
    connection.grant_expires_at = min(ends) if ends else None


def _oauth(connection: Connection) -> OAuth2Code:
    auth = connector(connection.connector).auth
    if not isinstance(auth, OAuth2Code):
        raise ConsentLost(
            explanation=f"{connection.connector} is not connected by a log-in at the vendor.",
            advice="Fill in its secrets instead.",
        )
    return auth


def _client(connection: Connection) -> Client:
    app = VendorApp.objects.filter(connector=connection.connector, environment=connection.environment).first()
    if app is None:
        raise ConsentLost(
            explanation=f"No application is registered for {connection.connector} ({connection.environment}).",
            advice="The operator adds the client id and secret that the vendor gave under Vendor apps.",
        )
    return Client(id=app.client_id, secret=app.client_secret.reveal())
