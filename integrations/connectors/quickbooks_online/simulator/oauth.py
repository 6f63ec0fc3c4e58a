"""The vendor's OAuth 2.0: consent, codes, access tokens of an hour, refresh tokens whose value changes every day."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from integrations.simulation.clock import Clock
from integrations.simulation.simulator import epoch, fresh_token
from integrations.simulation.store import Store

SCHEMA = """
create table if not exists consent (
    number integer primary key, client text not null, realm text not null, at integer not null, revoked integer not null,
    refresh text not null unique, refresh_at integer not null, used_at integer not null,
    previous text, previous_at integer
);
create table if not exists consent_code (
    code text primary key, client text not null, realm text not null, redirect text not null, at integer not null
) without rowid;
create table if not exists access_token (token text primary key, consent integer not null, until integer not null) without rowid;
create table if not exists client (id text primary key, secret text not null) without rowid;
"""

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 8_640_000  # 100 days, from the last use on
HARD_SECONDS = 5 * 365 * 86400  # from the consent on
CODE_SECONDS = 600
TOGETHER_SECONDS = 60  # an old refresh token coming this soon after its successor means two refreshes at once
SCOPE = "com.intuit.quickbooks.accounting"


class Denied(Exception):
    """A token request is refused, in OAuth's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status, self.body = status, {"error": error, "error_description": description}


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token opens; `problem` says why it opens nothing."""

    realm: str = ""
    client: str = ""
    problem: str = ""


class OAuth:
    """Consents and tokens. Any client id may come; its first secret is remembered and wanted from then on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.rotation_seconds = 86400
        store.run_script(SCHEMA)

    # consent

    def check_question(self, asked: dict[str, str]) -> str | None:
        """What is wrong with an authorise request, in words for a person; None if it is right."""
        for needed in ("client_id", "redirect_uri", "state"):
            if not asked.get(needed):
                return f"The {needed} query parameter value is missing."
        if asked.get("response_type") != "code":
            return "The response_type query parameter value must be code."
        if SCOPE not in asked.get("scope", "").split():
            return f"The scope query parameter value must contain {SCOPE}."
        address = urlsplit(asked["redirect_uri"])
        local = address.hostname in ("localhost", "127.0.0.1", "::1")
        if not (address.scheme == "https" or (address.scheme == "http" and local)):
            return "The redirect_uri query parameter value is invalid: it must be https, or http on localhost."
        return None

    def consent(self, asked: dict[str, str], realm: str) -> str:
        """The address that the user's browser is sent to after choosing a company."""
        code = fresh_token()
        values = (code, asked["client_id"], realm, asked["redirect_uri"], self._now())
        self.store.run("insert into consent_code values (?,?,?,?,?)", *values)
        return _with(asked["redirect_uri"], code=code, state=asked["state"], realmId=realm)

    def refuse(self, asked: dict[str, str]) -> str:
        """The address that the user's browser is sent to after saying no."""
        return _with(asked["redirect_uri"], error="access_denied", state=asked["state"])

    # tokens

    def tokens(self, authorization: str, form: dict[str, str], *, with_hard_limit: bool) -> dict[str, Any]:
        """The answer of the token address; raises Denied."""
        client = self._client(authorization)
        if form.get("grant_type") == "authorization_code":
            number = self._by_code(client, form)
        elif form.get("grant_type") == "refresh_token":
            number = self._by_refresh(client, form.get("refresh_token", ""))
        else:
            raise Denied("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
        return self._issue(number, with_hard_limit=with_hard_limit)

    def revoke(self, authorization: str, token: str) -> None:
        """Ends the consent that a refresh or access token belongs to; raises Denied."""
        client = self._client(authorization)
        number = self._consent_of(token)
        rows = self.store.run("select client from consent where number=? and not revoked", number)
        if not rows or rows[0][0] != client:
            raise Denied("invalid_request", "The token is not known or was revoked already")
        self.end_consent(number)

    def end_consent(self, number: int | None = None, realm: str | None = None) -> None:
        """The user disconnects the app: one consent, a company's or all."""
        self.store.run(
            "update consent set revoked=1 where (? is null or number=?) and (? is null or realm=?)",
            number,
            number,
            realm,
            realm,
        )

    def access(self, authorization: str) -> Access:
        """What the bearer token of a request opens."""
        scheme, _, token = authorization.partition(" ")
        rows = self.store.run(
            "select until, revoked, realm, client from access_token join consent on consent.number=access_token.consent where token=?",
            token,
        )
        if scheme.lower() != "bearer" or not rows:
            return Access(problem="AuthenticationFailed: token is missing or malformed")
        until, revoked, realm, client = rows[0]
        if revoked:
            return Access(problem="Token revoked: (token reference removed)")
        if until <= self._now():
            return Access(problem="Token expired: (token reference removed)")
        return Access(realm, client)

    def connect(self, realm: str, client: str, secret: str) -> dict[str, Any]:
        """Tokens as after a consent in the browser."""
        self.store.run("insert into client values (?,?) on conflict do nothing", client, secret)
        return self._issue(self._new_consent(client, realm), with_hard_limit=False)

    def expire(self, *, refresh: bool = False) -> None:
        """All access tokens have had their hour; with `refresh` the refresh tokens their hundred days."""
        self.store.run("update access_token set until=?", self._now() - 1)
        if refresh:
            self.store.run("update consent set used_at=?", self._now() - REFRESH_SECONDS - 1)

    def _client(self, authorization: str) -> str:
        scheme, _, value = authorization.partition(" ")
        try:
            client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client = secret = ""
        if scheme.lower() != "basic" or not client or not secret:
            raise Denied("invalid_client", "Send client id and secret as basic authorization", 401)
        self.store.run("insert into client values (?,?) on conflict do nothing", client, secret)
        if self.store.run("select secret from client where id=?", client)[0][0] != secret:
            raise Denied("invalid_client", "The client secret is wrong", 401)
        return client

    def _by_code(self, client: str, form: dict[str, str]) -> int:
        rows = self.store.run(
            "delete from consent_code where code=? returning client, realm, redirect, at", form.get("code", "")
        )
        if not rows:
            raise Denied("invalid_grant", "The authorization code is invalid or was used already")
        owner, realm, redirect, at = rows[0]
        if owner != client or redirect != form.get("redirect_uri") or at < self._now() - CODE_SECONDS:
            raise Denied(
                "invalid_grant", "The authorization code has expired or belongs to another client or redirect_uri"
            )
        return self._new_consent(client, realm)

    def _by_refresh(self, client: str, value: str) -> int:
        now = self._now()
        rows = self.store.run(
            "select number, client, revoked, refresh, refresh_at, used_at, previous_at, at from consent where refresh=? or previous=?",
            value,
            value,
        )
        if not rows or rows[0][1] != client or rows[0][2]:
            raise Denied("invalid_grant", "Incorrect or invalid refresh token")
        number, _, _, current, current_at, used_at, previous_at, at = rows[0]
        if value != current:
            if previous_at is not None and now - previous_at <= TOGETHER_SECONDS:
                self.end_consent(number)
            raise Denied("invalid_grant", "Incorrect Token type or clientID")
        if used_at + REFRESH_SECONDS <= now or at + HARD_SECONDS <= now:
            raise Denied("invalid_grant", "Token expired")
        if current_at + self.rotation_seconds <= now:
            self.store.run(
                "update consent set refresh=?, refresh_at=?, previous=?, previous_at=? where number=?",
                fresh_token(), now, value, now, number,
            )  # fmt: skip
        self.store.run("update consent set used_at=? where number=?", now, number)
        return int(number)

    def _new_consent(self, client: str, realm: str) -> int:
        now = self._now()
        sql = "insert into consent (client, realm, at, revoked, refresh, refresh_at, used_at) values (?,?,?,0,?,?,?) returning number"
        return int(self.store.run(sql, client, realm, now, fresh_token(), now, now)[0][0])

    def _issue(self, number: int, *, with_hard_limit: bool) -> dict[str, Any]:
        now, token = self._now(), fresh_token()
        self.store.run("delete from access_token where until < ?", now - 86400)
        self.store.run("insert into access_token values (?,?,?)", token, number, now + ACCESS_SECONDS)
        refresh, at = self.store.run("select refresh, at from consent where number=?", number)[0]
        answer = {
            "token_type": "bearer",
            "access_token": token,
            "expires_in": ACCESS_SECONDS,
            "refresh_token": refresh,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        }
        return answer | ({"x_refresh_token_hard_expires_in": at + HARD_SECONDS - now} if with_hard_limit else {})

    def _consent_of(self, token: str) -> int | None:
        rows = self.store.run(
            "select number from consent where refresh=? union select consent from access_token where token=?",
            token,
            token,
        )
        return int(rows[0][0]) if rows else -1

    def _now(self) -> int:
        return epoch(self.clock.now())


def _with(address: str, **values: str) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(values)}"
