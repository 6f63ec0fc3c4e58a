"""How a request proves whose it is: values, and the pure step from a request to the copy that is sent.

The OAuth conversations themselves (authorise, exchange, refresh, revoke) are in `oauth`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from .message import Answer, Request
from .site import Site

Secrets = Mapping[str, str]
"""A connection's opened secrets by name: what a person typed, and what a log-in or OAuth brought."""


class Auth(Protocol):
    """How a vendor recognises a connection."""

    def sign(self, request: Request, secrets: Secrets) -> Request:
        """The copy of `request` that is sent. It holds secrets: never log, keep or show it."""
        ...


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Nothing to prove: files, and vendors that call us."""

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """User name and password in the Authorization header; the fields name the secrets."""

    user: str = "username"
    password: str = "password"  # noqa: S105  # the name of the secret

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return _with_header(request, "Authorization", basic(secrets[self.user], secrets[self.password]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key in a header, after a prefix such as `Bearer `; `secret` names the secret."""

    header: str = "Authorization"
    prefix: str = ""
    secret: str = "api_key"  # noqa: S105  # the name of the secret

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return _with_header(request, self.header, self.prefix + secrets[self.secret])


@dataclass(frozen=True, slots=True, kw_only=True)
class InBody:
    """The vendor takes its credentials inside the message, where only the connector knows: `put` places them."""

    put: Callable[[Request, Secrets], Request]

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return self.put(request, secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """The vendor hands out a session for credentials.

    `open` makes the log-in request (it holds secrets), `opened` reads the session from its answer and raises
    VendorError (ConsentLost where the credentials are wrong); `put` places the session's and the person's secrets into
    a request.
    """

    open: Callable[[Site, Secrets], Request]
    opened: Callable[[Answer], Tokens]
    put: Callable[[Request, Secrets], Request]

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return self.put(request, secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Code:
    """OAuth 2.0 with an authorization code; the addresses stand in the connector's `Addresses`.

    `client_auth`: how our application proves itself at the token address. `callback_fields`: what the vendor adds to
    the callback beside the code (a realm id, say); it goes into `Tokens.fields`. `refresh_lifetime` is how long a
    refresh token lives, `refresh_expires_in` the member of the token answer that says it in seconds,
    `consent_expires_in` the one that says when the customer must consent again whatever happens. `authorize_params`
    are sent to the authorize address in addition. `refresh_headers` are sent with a refresh.
    """

    scopes: tuple[str, ...] = ()
    callback_fields: tuple[str, ...] = ()
    client_auth: Literal["basic", "body"] = "basic"
    pkce: bool = False
    refresh_lifetime: timedelta | None = None
    refresh_expires_in: str = ""
    consent_expires_in: str = ""
    revoke_as: Literal["form", "json"] = "form"
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    refresh_headers: Mapping[str, str] = field(default_factory=dict)

    def sign(self, request: Request, secrets: Secrets) -> Request:
        return _with_header(request, "Authorization", "Bearer " + secrets["access_token"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Our application at a vendor, as the vendor registered it."""

    id: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a vendor handed out for a connection; every moment is aware UTC, None = the vendor does not say.

    `expires_at` belongs to the access token or session, `refresh_expires_at` to the refresh token, and at
    `consent_expires_at` the customer must consent again. `more` holds further secrets of a session, `fields` what is
    no secret: the callback's company, say.
    """

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    consent_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)

    def secrets(self) -> dict[str, str]:
        """What `Auth.sign` needs of it, by the names that it looks for."""
        refresh = {"refresh_token": self.refresh} if self.refresh else {}
        return {**self.more, **refresh, "access_token": self.access}


def basic(user: str, password: str) -> str:
    """The Basic Authorization header of a user and a password, UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name: value})
