"""OAuth 2.0 with an authorization code: ask for consent, exchange the code, refresh, revoke.

The mechanics are requests-oauthlib's, sent by our own connections. A grant is lost only where the vendor says so in so
many words (`invalid_grant`); every unclear answer is TryLater, for a grant thrown away is a customer called back.
Refresh under a lock of the connection: at many vendors two refreshes at a time destroy the grant.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # it has no types
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from . import addresses, http
from .auth import Client, OAuth2Code, Tokens
from .errors import ConsentLost, TryLater, VendorError
from .message import Answer
from .site import Site
from .statuses import retry_after

# At the level of debugging they write tokens and secrets in clear.
for _talker in ("oauthlib", "requests_oauthlib"):
    logging.getLogger(_talker).setLevel(logging.WARNING)

LONGEST = 20.0
"""Seconds that a conversation with a token address may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What the vendor brought back with the customer: the code, and the fields that the connector asked for."""

    code: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)


def new_state() -> str:
    """A state that nobody can guess; keep it with the person who was sent away."""
    return secrets.token_urlsafe(32)


def new_verifier() -> str:
    """A PKCE verifier; keep it until the exchange."""
    return secrets.token_urlsafe(64)


def authorize_url(
    auth: OAuth2Code, *, site: Site, client: Client, redirect_uri: str, state: str, verifier: str | None = None
) -> str:
    """Where to send the person who consents. `verifier` is needed where `auth.pkce`."""
    _accept_plain_http(site.addresses.authorize)
    extra: dict[str, str] = dict(auth.authorize_params)
    if auth.pkce:
        if verifier is None:
            raise ValueError("This vendor asks for PKCE: pass a verifier from new_verifier().")
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        extra["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
        extra["code_challenge_method"] = "S256"
    session = OAuth2Session(client.id, redirect_uri=redirect_uri, scope=list(auth.scopes) or None)
    url, _ = session.authorization_url(site.addresses.authorize, state=state, **extra)
    return str(url)


def read_callback(auth: OAuth2Code, params: Mapping[str, str], *, state: str) -> Callback:
    """The code and fields in a callback's query. Raises ConsentLost where the state is not ours or consent was denied."""
    if not hmac.compare_digest(params.get("state", "").encode(), state.encode()) or not state:
        raise ConsentLost(explanation="The vendor's answer does not belong to this request for consent.")
    if params.get("error"):
        raise ConsentLost(
            params.get("error_description", ""), code=params["error"], explanation="Consent was not given."
        )
    missing = [name for name in ("code", *auth.callback_fields) if not params.get(name)]
    if missing:
        raise ConsentLost(explanation=f"The vendor's answer lacks {', '.join(missing)}.")
    return Callback(code=params["code"], fields={name: params[name] for name in auth.callback_fields})


def exchange(
    auth: OAuth2Code,
    callback: Callback,
    *,
    site: Site,
    client: Client,
    redirect_uri: str,
    verifier: str | None = None,
    allow: Sequence[str] = (),
) -> Tokens:
    """The tokens for a code. Raises ConsentLost where the code no longer counts, TryLater where nobody can tell."""
    pkce = {"code_verifier": verifier} if auth.pkce and verifier else {}

    def ask(session: _Session, **proof: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = session.fetch_token(
            site.addresses.token, code=callback.code, timeout=LONGEST, **pkce, **proof
        )
        return answer

    answer, at = _ask(auth, client, site.addresses.token, allow, ask, redirect_uri=redirect_uri)
    return _tokens(auth, answer, at=at, before=Tokens(access="", scopes=auth.scopes, fields=callback.fields))


def refresh(auth: OAuth2Code, tokens: Tokens, *, site: Site, client: Client, allow: Sequence[str] = ()) -> Tokens:
    """Fresh tokens; keep them at once, the old refresh token may no longer count. Raises ConsentLost, TryLater."""
    if not tokens.refresh:
        raise ConsentLost(explanation="The vendor gave no refresh token, and the access has run out.")

    def ask(session: _Session, **proof: Any) -> Mapping[str, Any]:
        proof.pop("include_client_id", None)
        secret = proof.pop("client_secret", None)
        body = {"client_id": client.id, "client_secret": secret} if secret is not None else {}
        answer: Mapping[str, Any] = session.refresh_token(
            site.addresses.token,
            refresh_token=tokens.refresh,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                **auth.refresh_headers,
            },
            timeout=LONGEST,
            **proof,
            **body,
        )
        return answer

    answer, at = _ask(auth, client, site.addresses.token, allow, ask)
    return _tokens(auth, answer, at=at, before=tokens)


def revoke(auth: OAuth2Code, tokens: Tokens, *, site: Site, client: Client, allow: Sequence[str] = ()) -> None:
    """Give the grant back; that it is gone already is as good. Does nothing where the vendor offers no address."""
    address = site.addresses.revoke
    if not address:
        return
    token = tokens.refresh or tokens.access

    def ask(session: _Session, **proof: Any) -> Mapping[str, Any]:
        basic: HTTPBasicAuth | None = proof.get("auth")
        members = {"token": token}
        if basic is None:
            members |= {"client_id": client.id, "client_secret": client.secret}
        form, json = (None, members) if auth.revoke_as == "json" else (members, None)
        headers = {"Accept": "application/json"}
        answer = session.post(
            address, auth=basic, headers=headers, timeout=LONGEST, data=form, json=json, withhold_token=True
        )
        if not answer.ok and not (answer.status_code == 400 and answer.json().get("error") in _GONE):
            raise _unclear(answer.status_code)
        return {}

    _ask(auth, client, address, allow, ask)


_GONE = ("invalid_grant", "invalid_token")
"""How vendors say that the token no longer counts."""


def _ask(
    auth: OAuth2Code, client: Client, address: str, allow: Sequence[str], ask: Any, *, redirect_uri: str | None = None
) -> tuple[Mapping[str, Any], datetime]:
    """The vendor's answer and the moment before it was asked for, by which lifetimes are safely counted."""
    addresses.check_form(address, allow)
    _accept_plain_http(address)
    if auth.client_auth == "basic":
        proof: dict[str, Any] = {"auth": HTTPBasicAuth(client.id, client.secret)}
    else:
        proof = {"client_secret": client.secret, "include_client_id": True}
    at = datetime.now(UTC)
    with http.under_way(LONGEST, allow) as under_way:
        # No scopes: oauthlib would take a vendor's differing list for an error.
        session = http.equipped(_Session(client.id, redirect_uri=redirect_uri))
        session.under_way = under_way
        try:
            return ask(session, **proof), at
        except VendorError:
            raise
        except OAuth2Error as error:
            raise _refusal(error, session.status) from None
        except (requests.RequestException, OSError) as error:
            raise under_way.failed(error) from None
        except (*_UNREADABLE, Warning) as error:
            raise _unclear(session.status, type(error).__name__) from None
        finally:
            session.close()


class _Session(OAuth2Session):  # type: ignore[misc]  # its base has no types
    """requests-oauthlib's session, bounded in time and size and without redirects."""

    under_way: http.Exchange
    status = 0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response: requests.Response = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        with response:
            # What `Response.content` would keep, had it a limit.
            response._content = http.read_bounded(response, self.under_way)
        self.status = response.status_code
        if self.status == 429 or not (200 <= self.status < 300 or 400 <= self.status < 500):
            told = Answer(status=self.status, headers=response.headers)
            raise _unclear(self.status, wait=retry_after(told))
        return response


# What oauthlib and the reading of an answer raise where it is not the JSON object that it should be.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)


def _refusal(error: OAuth2Error, status: int) -> VendorError:
    words = str(error.description or "")
    if error.error == "invalid_grant" and 400 <= status < 500:
        return ConsentLost(words, code="invalid_grant")
    if error.error in ("invalid_client", "unauthorized_client"):
        return TryLater(
            words,
            code=error.error,
            sent=True,
            explanation="The vendor does not accept the keys of our application.",
            advice="The operator must correct the application's id and secret for this vendor.",
        )
    return TryLater(words, code=error.error or f"HTTP {status}", sent=True, explanation=_UNCLEAR)


_UNCLEAR = "The vendor's answer about the permission is not clear, so the permission is kept."


def _unclear(status: int, words: str = "", *, wait: float | None = None) -> TryLater:
    return TryLater(words, code=f"HTTP {status}", sent=True, retry_after=wait, explanation=_UNCLEAR)


def _tokens(auth: OAuth2Code, answer: Mapping[str, Any], *, at: datetime, before: Tokens) -> Tokens:
    """The tokens of an answer; what it does not name stays as it was before."""
    refresh = str(answer.get("refresh_token") or "") or before.refresh
    rolled = refresh != before.refresh
    refresh_expires = _in(answer.get(auth.refresh_expires_in), at) if auth.refresh_expires_in else None
    if refresh_expires is None and refresh and rolled and auth.refresh_lifetime is not None:
        refresh_expires = at + auth.refresh_lifetime
    consent_expires = _in(answer.get(auth.consent_expires_in), at) if auth.consent_expires_in else None
    scope = answer.get("scope")
    scopes = tuple(scope.split() if isinstance(scope, str) else scope or ()) or before.scopes
    return replace(
        before,
        access=str(answer["access_token"]),
        refresh=refresh,
        expires_at=_in(answer.get("expires_in"), at),
        refresh_expires_at=refresh_expires or before.refresh_expires_at,
        consent_expires_at=consent_expires or before.consent_expires_at,
        scopes=scopes,
    )


def _in(seconds: Any, at: datetime) -> datetime | None:
    try:
        return at + timedelta(seconds=int(seconds))
    except (TypeError, ValueError, OverflowError):
        return None


def _accept_plain_http(address: str) -> None:
    """Let oauthlib take an http address: it knows no operator's exceptions, but `addresses.check_form` does.

    Nothing is sent to such an address without that check, and in a production with https vendors this never runs.
    """
    if address.startswith("http://"):
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
