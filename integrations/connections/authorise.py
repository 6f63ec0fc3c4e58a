"""Authorise: a person's consent or keys become sealed tokens, and these are kept fresh by one worker at a time.

No transaction is open while a vendor is asked. A fresh token is stored before anybody uses it. That a refresh has begun is
written down before the vendor is asked: whatever becomes of the worker, nothing says "connected" until the vendor has taken
what is kept here. A grant changes only where it is still the one that was asked about.
"""

from __future__ import annotations

import random
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
from integrations.wire.errors import ConsentLost, TryLater, VendorError
from tenants import audit

TOKENS = ("secrets", "token_expires_at", "refresh_expires_at", "grant_expires_at", "renew_at", "renewing_since")
# What workers write on their own: a person who saves the rest does not undo it.
BY_WORKERS = (
    *TOKENS,
    "state",
    "state_reason",
    "connected_at",
    "told_at",
    "company",
    "heard_at",
    "fence",
    "leased_until",
)
FRESH = timedelta(minutes=2)  # a token that ends sooner is refreshed before it is used
# One worker refreshes, and the others wait for it no longer than a moment. The lease outlives the longest conversation with a
# token address, and the worker who takes over after it still shows within a minute what became of the grant.
REFRESH_LEASE, PATIENCE = 45.0, 3.0  # seconds
LOOK_EVERY, LOOK_AT_LEAST_EVERY = 0.05, 0.4  # seconds between looks whether another worker is done: rarer each time
SOONEST, LATEST = timedelta(seconds=20), timedelta(hours=1)  # until an unclear refresh is tried again: longer each time
WARNED = timedelta(days=30)  # before a customer has to consent again whatever happens
USED_UP = 0.5  # the part of an unused grant's time after which it is refreshed, though nobody needs it


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
        row = _row(connection)
        _store(row, tokens)
        row.settings = row.settings | dict(callback.fields)
        row.state, row.state_reason, row.connected_at = Connection.State.CONNECTED, "", timezone.now()
        row.save(update_fields=(*TOKENS, "settings", "state", "state_reason", "connected_at"))
        audit.record("connection.connected", subject=connection, actor=by, data={"company": dict(callback.fields)})
        connection.refresh_from_db()


def secrets_of(connection: Connection) -> dict[str, str]:
    """What signs a request, its access token good for some minutes still. Raises ConsentLost and TryLater."""
    secrets = connection.secrets.reveal()
    return dict(secrets) if _is_fresh(connection, secrets, "") else refresh(connection)


def refresh(connection: Connection, *, refused: str = "") -> dict[str, str]:
    """Fresh secrets, fetched by this worker or by another that was quicker.

    `refused` is an access token that the vendor no longer takes, whatever its end was said to be. Raises ConsentLost
    where the grant is gone, TryLater where the vendor could not say: then nothing is concluded from it.
    """
    give_up, pause = time.monotonic() + PATIENCE, LOOK_EVERY
    while True:
        with transaction.atomic():
            mine = connection.claim(seconds=REFRESH_LEASE)
            connection.refresh_from_db()
            secrets = connection.secrets.reveal()
            is_lost, is_fresh = (
                connection.state == Connection.State.CONSENT_LOST,
                _is_fresh(connection, secrets, refused),
            )
            if mine and (is_lost or is_fresh):
                connection.release()
            elif mine:
                before = _begin(connection)
        if is_lost:
            raise ConsentLost(connection.state_reason)
        if is_fresh:
            return dict(secrets)
        if mine and _refresh(connection, secrets, *before):
            return dict(connection.secrets.reveal())
        if time.monotonic() >= give_up:
            raise TryLater(sent=False, retry_after=5, explanation="Another worker is still fetching a fresh token.")
        time.sleep(pause)
        pause = min(2 * pause, LOOK_AT_LEAST_EVERY)


def disconnect(connection: Connection, *, by: Any) -> None:
    """Give the grant back to the vendor and forget it here. Raises TryLater where the vendor could not be asked."""
    auth = connector(connection.connector).auth
    if isinstance(auth, OAuth2Code) and connection.secrets:
        tokens = _tokens(connection, connection.secrets.reveal())
        oauth.revoke(auth, tokens, site=site_of(connection), client=_client(connection), allow=allowed_addresses())
    with transaction.atomic():
        row = _row(connection)
        for name in TOKENS:
            setattr(row, name, {} if name == "secrets" else None)
        row.state, row.state_reason = Connection.State.NEW, "disconnected by a person"
        row.save(update_fields=(*TOKENS, "state", "state_reason"))
        audit.record("connection.disconnected", subject=connection, actor=by)
        connection.refresh_from_db()


def _is_fresh(connection: Connection, secrets: Mapping[str, str], refused: str) -> bool:
    if refused:
        return secrets.get("access_token") != refused
    if _logs_in(connection) and "access_token" not in secrets:
        return False
    ends = connection.token_expires_at
    return ends is None or ends - timezone.now() >= FRESH


def _begin(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """Write down that a refresh begins, and when another worker looks after it should this one end; gives what stood there.

    Inside a transaction, under the lease.
    """
    before = connection.renewing_since, connection.renew_at
    if _rotates(connection):
        now = timezone.now()
        connection.renewing_since = connection.renewing_since or now
        connection.renew_at = now + timedelta(seconds=REFRESH_LEASE)
        connection.save(update_fields=("renewing_since", "renew_at"))
    return before


def _refresh(
    connection: Connection, secrets: Mapping[str, str], since: datetime | None, renew_at: datetime | None
) -> bool:
    """Fetch and store fresh tokens; False where the grant was replaced by a person meanwhile, and what we heard is of no use.

    `since` and `renew_at` are put back where the vendor was not even reached. Raises VendorError.
    """
    try:
        tokens = _fetch(connection, secrets)
    except ConsentLost as lost:
        # Together, so that whoever waits does not ask in vain as well.
        with transaction.atomic():
            row = _row(connection)
            is_ours = _grant(row.secrets.reveal()) == _grant(secrets)
            if is_ours:
                row.renewing_since = row.renew_at = None
                row.save(update_fields=("renewing_since", "renew_at"))
                lose_consent(connection, lost)
            connection.release()
        if is_ours:
            raise
        return False
    except VendorError as error:
        with transaction.atomic():
            row = _row(connection)
            if row.fence == connection.fence and _rotates(connection):
                row.renewing_since, row.renew_at = (
                    (row.renewing_since, _again(row)) if error.may_have_acted else (since, renew_at)
                )
                row.save(update_fields=("renewing_since", "renew_at"))
            connection.release()
        raise
    except BaseException:
        _release(connection)
        raise
    return _keep(connection, secrets, tokens)


def _keep(connection: Connection, secrets: Mapping[str, str], tokens: Tokens) -> bool:
    """Store what the vendor gave for these secrets, unless a person has replaced them; False where so."""
    with transaction.atomic():
        row = _row(connection)
        is_ours = _grant(row.secrets.reveal()) == _grant(secrets)
        if is_ours:
            _store(row, tokens)
            if row.fence != connection.fence:
                # We were stopped past our lease, and somebody else asked with the old token meanwhile: what we hold is
                # newer, whatever that one was told, and whether it still counts is found out at once.
                row.renewing_since = row.renew_at = timezone.now()
                if row.state == Connection.State.CONSENT_LOST:
                    row.state, row.state_reason = Connection.State.CONNECTED, ""
            row.save(update_fields=(*TOKENS, "state", "state_reason"))
        connection.release()
        connection.refresh_from_db()
    return is_ours


def _again(row: Connection) -> datetime:
    """When a refresh without a clear answer is tried again although nobody needs it: ever later, and not all at once."""
    now = timezone.now()
    so_far = now - (row.renewing_since or now)
    return now + min(max(so_far, SOONEST), LATEST) * random.uniform(0.75, 1)  # noqa: S311  # not money: jitter


def _fetch(connection: Connection, secrets: Mapping[str, str]) -> Tokens:
    """A fresh token for the grant, or a session for the secrets that a person typed."""
    auth, site, allow = connector(connection.connector).auth, site_of(connection), allowed_addresses()
    if isinstance(auth, LogIn):
        return http.log_in(auth, site=site, secrets=secrets, allow=allow)
    tokens = _tokens(connection, secrets)
    return oauth.refresh(_oauth(connection), tokens, site=site, client=_client(connection), allow=allow)


def _logs_in(connection: Connection) -> bool:
    return isinstance(connector(connection.connector).auth, LogIn)


def _rotates(connection: Connection) -> bool:
    """Whether a refresh may end what was kept before; a session is opened again as often as one likes."""
    return isinstance(connector(connection.connector).auth, OAuth2Code)


def _grant(secrets: Mapping[str, str]) -> dict[str, str]:
    """What fresh access is asked for with."""
    return {name: value for name, value in secrets.items() if name != "access_token"}


def _row(connection: Connection) -> Connection:
    """The connection as it is kept now, locked to the end of the transaction."""
    return Connection.objects.select_for_update().get(pk=connection.pk)


def lose_consent(connection: Connection, lost: ConsentLost) -> None:
    """Pause a connection whose consent is lost: its work is kept, and goes on when it is connected again.

    Inside a transaction. Who has to connect it again is told within a minute, see `consents`.
    """
    usable = Connection.objects.filter(pk=connection.pk).exclude(state=Connection.State.CONSENT_LOST)
    if usable.update(state=Connection.State.CONSENT_LOST, state_reason=str(lost), told_at=None):
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
        refresh_expires_at=connection.refresh_expires_at,
        consent_expires_at=connection.grant_expires_at,
        more=more,
    )


def _store(connection: Connection, tokens: Tokens) -> None:
    # What a person typed stays: a session is opened with it again.
    connection.secrets = connection.secrets.reveal() | tokens.secrets()
    connection.token_expires_at = tokens.expires_at
    connection.refresh_expires_at = tokens.refresh_expires_at
    connection.grant_expires_at = tokens.consent_expires_at
    connection.renewing_since, connection.renew_at = None, _next_renewal(tokens)


def _next_renewal(tokens: Tokens) -> datetime | None:
    """When the grant is refreshed though nobody needs it: after half of its time, and when a person is to be warned of its end."""
    now, moments = timezone.now(), []
    if not tokens.refresh:
        return None
    if tokens.refresh_expires_at is not None:
        moments.append(now + max((tokens.refresh_expires_at - now) * USED_UP, LATEST))
    if tokens.consent_expires_at is not None and tokens.consent_expires_at - WARNED > now:
        moments.append(tokens.consent_expires_at - WARNED)
    return min(moments, default=None)


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
