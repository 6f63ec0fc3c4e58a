"""OAuth: consent is asked for, exchanged, refreshed and given back; a grant is lost only where the vendor says so."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.wrappers import Request as Visit
from werkzeug.wrappers import Response

from integrations.wire import oauth
from integrations.wire.addresses import Addresses
from integrations.wire.auth import ApiKey, Basic, Client, InBody, NoAuth, OAuth2Code, Tokens
from integrations.wire.errors import BadAddress, ConsentLost, TryLater, VendorError
from integrations.wire.message import Request
from integrations.wire.site import Site
from tests.mount import mounted

from .lines import Server, reply

HOST = "https://login.acme.example"
SITE = Site(
    environment="production",
    addresses=Addresses(
        api="https://api.acme.example",
        authorize=f"{HOST}/authorize",
        token=f"{HOST}/token",
        revoke=f"{HOST}/revoke",
    ),
)
CLIENT = Client(id="app-1", secret="s3cret")
BACK = "https://hub.example/callback"
AUTH = OAuth2Code(
    scopes=("accounting", "offline"),
    callback_fields=("realmId",),
    refresh_expires_in="x_refresh_token_expires_in",
    consent_expires_in="x_hard",
    authorize_params={"prompt": "consent"},
    refresh_headers={"X-Include": "hard"},
)
TOKENS = Tokens(access="old-access", refresh="old-refresh", scopes=("accounting",), fields={"realmId": "77"})


class LogIn:
    """The vendor's log-in host: it answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.visits: list[tuple[str, dict[str, str], str]] = []
        self.answer: tuple[int, Any, dict[str, str]] = (200, {"access_token": "new-access", "expires_in": 3600}, {})

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        visit = Visit(environ)
        self.visits.append((visit.path, dict(visit.headers), visit.get_data(as_text=True)))
        status, body, headers = self.answer
        text = body if isinstance(body, str) else json.dumps(body)
        return Response(text, status, headers, mimetype="application/json")(environ, start_response)

    def form(self) -> dict[str, str]:
        """The form of the last visit."""
        return {name: values[0] for name, values in parse_qs(self.visits[-1][2]).items()}


@pytest.fixture
def vendor() -> Iterator[LogIn]:
    vendor = LogIn()
    with mounted(vendor, HOST):
        yield vendor


def refresh(auth: OAuth2Code = AUTH) -> Tokens:
    return oauth.refresh(auth, TOKENS, site=SITE, client=CLIENT)


def exchange(auth: OAuth2Code = AUTH, **more: Any) -> Tokens:
    callback = oauth.Callback(code="c0de", fields={"realmId": "77"})
    return oauth.exchange(auth, callback, site=SITE, client=CLIENT, redirect_uri=BACK, **more)


def test_the_person_is_sent_to_the_vendor_with_all_it_asks_for() -> None:
    url = oauth.authorize_url(AUTH, site=SITE, client=CLIENT, redirect_uri=BACK, state="st")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{HOST}/authorize?")
    assert query == {
        "response_type": "code",
        "client_id": "app-1",
        "redirect_uri": BACK,
        "scope": "accounting offline",
        "state": "st",
        "prompt": "consent",
    }


def test_pkce_sends_a_challenge_out_and_its_verifier_with_the_code(vendor: LogIn) -> None:
    auth, verifier = replace(AUTH, pkce=True), oauth.new_verifier()
    url = oauth.authorize_url(auth, site=SITE, client=CLIENT, redirect_uri=BACK, state="st", verifier=verifier)
    expected = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert f"code_challenge={expected}&code_challenge_method=S256" in url
    exchange(auth, verifier=verifier)
    assert vendor.form()["code_verifier"] == verifier
    with pytest.raises(ValueError, match="verifier"):
        oauth.authorize_url(auth, site=SITE, client=CLIENT, redirect_uri=BACK, state="st")


def test_a_code_becomes_tokens_with_their_moments(vendor: LogIn) -> None:
    vendor.answer = (
        200,
        {
            "access_token": "a1",
            "refresh_token": "r1",
            "expires_in": "3600",
            "x_refresh_token_expires_in": 8640000,
            "x_hard": 157680000,
            "token_type": "bearer",
            "scope": "accounting",
        },
        {},
    )
    before = datetime.now(UTC)
    tokens = exchange()
    assert (tokens.access, tokens.refresh, tokens.fields) == ("a1", "r1", {"realmId": "77"})
    assert tokens.scopes == ("accounting",)
    for moment, seconds in (
        (tokens.expires_at, 3600),
        (tokens.refresh_expires_at, 8640000),
        (tokens.consent_expires_at, 157680000),
    ):
        assert moment is not None
        assert timedelta(0) <= moment - before - timedelta(seconds=seconds) < timedelta(seconds=10)
    assert vendor.form() == {"grant_type": "authorization_code", "code": "c0de", "redirect_uri": BACK}
    assert vendor.visits[-1][1]["Authorization"] == "Basic " + base64.b64encode(b"app-1:s3cret").decode()


def test_an_application_may_prove_itself_in_the_body(vendor: LogIn) -> None:
    auth = replace(AUTH, client_auth="body")
    exchange(auth)
    assert vendor.form()["client_id"] == "app-1"
    assert vendor.form()["client_secret"] == "s3cret"
    refresh(auth)
    assert vendor.form()["client_secret"] == "s3cret"
    assert "Authorization" not in vendor.visits[-1][1]


def test_a_refresh_sends_the_refresh_token_and_nothing_of_the_access(vendor: LogIn) -> None:
    refresh()
    _, headers, body = vendor.visits[-1]
    assert vendor.form() == {"grant_type": "refresh_token", "refresh_token": "old-refresh"}
    assert headers["X-Include"] == "hard"
    assert "old-access" not in body + str(headers)


def test_a_rotated_refresh_token_replaces_the_old_one_and_an_absent_one_keeps_it(vendor: LogIn) -> None:
    assert refresh().refresh == "old-refresh"
    vendor.answer = (200, {"access_token": "a2", "refresh_token": "r2", "expires_in": 1800}, {})
    tokens = refresh(replace(AUTH, refresh_lifetime=timedelta(days=60)))
    assert (tokens.access, tokens.refresh) == ("a2", "r2")
    assert tokens.fields == {"realmId": "77"}
    assert tokens.refresh_expires_at is not None
    assert tokens.refresh_expires_at > datetime.now(UTC) + timedelta(days=59)


def test_an_invalid_grant_is_lost_consent(vendor: LogIn) -> None:
    vendor.answer = (400, {"error": "invalid_grant", "error_description": "Token revoked"}, {})
    with pytest.raises(ConsentLost, match="Token revoked"):
        refresh()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "invalid_grant"}),
        (503, "<html>Back soon</html>"),
        (429, {"error": "invalid_grant"}),
        (400, {"error": "invalid_request"}),
        (400, {"error": "invalid_client"}),
        (401, {"error": "unauthorized_client"}),
        (401, "Unauthorized"),
        (403, "<html>Forbidden by a proxy</html>"),
        (400, {}),
        (400, {"message": "invalid_grant"}),
        (200, "<html>Sign in</html>"),
        (200, {}),
        (200, ""),
        (200, "[]"),
        (200, '"invalid_grant"'),
        (302, ""),
    ],
)
def test_an_unclear_answer_never_loses_a_grant(vendor: LogIn, status: int, body: Any) -> None:
    vendor.answer = (status, body, {"Location": "https://elsewhere.example/"} if status == 302 else {})
    with pytest.raises(TryLater) as error:
        refresh()
    assert error.value.sent
    assert "old-refresh" not in str(error.value)


def test_a_vendor_that_is_busy_says_when_to_come_back(vendor: LogIn) -> None:
    vendor.answer = (429, {}, {"Retry-After": "30"})
    with pytest.raises(TryLater) as error:
        refresh()
    assert error.value.retry_after == 30


def test_a_lost_answer_to_a_refresh_is_tried_later() -> None:
    with Server(lambda line, request: line.close()) as server:
        site = Site(environment="sandbox", addresses=Addresses(api=server.url, token=f"{server.url}/token"))
        with pytest.raises(TryLater) as error:
            oauth.refresh(AUTH, TOKENS, site=site, client=CLIENT, allow=[server.url])
    assert error.value.sent
    assert error.value.__suppress_context__


def test_a_vendor_that_holds_the_line_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "LONGEST", 0.3)
    with Server(lambda line, request: time.sleep(5)) as server:
        site = Site(environment="sandbox", addresses=Addresses(api=server.url, token=f"{server.url}/token"))
        with pytest.raises(TryLater):
            oauth.refresh(AUTH, TOKENS, site=site, client=CLIENT, allow=[server.url])


def test_the_sandbox_over_plain_http_works_where_the_operator_allows_it() -> None:
    body = b'{"access_token": "a", "expires_in": 60}'
    with Server(lambda line, request: line.sendall(reply(body))) as server:
        site = Site(environment="simulator", addresses=SITE.addresses.on(server.url))
        assert oauth.refresh(AUTH, TOKENS, site=site, client=CLIENT, allow=[server.url]).access == "a"
        assert oauth.authorize_url(AUTH, site=site, client=CLIENT, redirect_uri=BACK, state="s").startswith(server.url)
        with pytest.raises(BadAddress):
            oauth.refresh(AUTH, TOKENS, site=site, client=CLIENT)


def test_without_a_refresh_token_the_customer_must_connect_again() -> None:
    with pytest.raises(ConsentLost, match="refresh token"):
        oauth.refresh(AUTH, Tokens(access="a"), site=SITE, client=CLIENT)


@pytest.mark.parametrize(("as_", "body"), [("form", "token=old-refresh"), ("json", '{"token": "old-refresh"}')])
def test_a_grant_is_given_back(vendor: LogIn, as_: Any, body: str) -> None:
    vendor.answer = (200, "", {})
    oauth.revoke(replace(AUTH, revoke_as=as_), TOKENS, site=SITE, client=CLIENT)
    path, headers, sent = vendor.visits[-1]
    assert (path, sent) == ("/revoke", body)
    assert headers["Authorization"].startswith("Basic ")


def test_a_grant_that_is_gone_already_is_given_back_as_well(vendor: LogIn) -> None:
    vendor.answer = (400, {"error": "invalid_grant"}, {})
    oauth.revoke(AUTH, TOKENS, site=SITE, client=CLIENT)


def test_a_grant_that_could_not_be_given_back_is_tried_again(vendor: LogIn) -> None:
    vendor.answer = (503, "", {})
    with pytest.raises(TryLater):
        oauth.revoke(AUTH, TOKENS, site=SITE, client=CLIENT)
    vendor.answer = (403, "no", {})
    with pytest.raises(VendorError):
        oauth.revoke(AUTH, TOKENS, site=SITE, client=CLIENT)


def test_nothing_of_a_conversation_is_logged_even_at_the_level_of_debugging(
    vendor: LogIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.answer = (200, {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 60}, {})
    exchange()
    refresh()
    oauth.revoke(AUTH, TOKENS, site=SITE, client=CLIENT)
    assert caplog.text == ""


# The callback


def test_the_callback_brings_the_code_and_the_company() -> None:
    callback = oauth.read_callback(AUTH, {"code": "c", "state": "st", "realmId": "77", "other": "x"}, state="st")
    assert (callback.code, callback.fields) == ("c", {"realmId": "77"})


@pytest.mark.parametrize(
    "params",
    [
        {"code": "c", "state": "forged", "realmId": "77"},
        {"code": "c", "realmId": "77"},
        {"state": "st", "error": "access_denied"},
        {"state": "st", "realmId": "77"},
        {"state": "st", "code": "c"},
    ],
)
def test_a_callback_that_is_not_ours_or_not_complete_connects_nothing(params: dict[str, str]) -> None:
    with pytest.raises(ConsentLost):
        oauth.read_callback(AUTH, params, state="st")


def test_an_empty_state_matches_nothing() -> None:
    with pytest.raises(ConsentLost):
        oauth.read_callback(AUTH, {"code": "c", "state": "", "realmId": "77"}, state="")


# Signing


def test_each_auth_signs_a_copy_and_leaves_the_request_bare() -> None:
    request = Request(method="GET", path="/x", headers={"Accept": "application/json"})
    secrets = {"access_token": "t", "username": "ü", "password": "p", "api_key": "k"}
    signed = {
        "oauth": AUTH.sign(request, secrets).headers["Authorization"],
        "basic": Basic().sign(request, secrets).headers["Authorization"],
        "key": ApiKey(header="X-Key", prefix="v1 ").sign(request, secrets).headers["X-Key"],
        "body": InBody(put=lambda r, s: replace(r, body=s["api_key"].encode())).sign(request, secrets).body,
        "none": dict(NoAuth().sign(request, secrets).headers),
    }
    assert signed == {
        "oauth": "Bearer t",
        "basic": "Basic w7w6cA==",
        "key": "v1 k",
        "body": b"k",
        "none": {"Accept": "application/json"},
    }
    assert request.headers == {"Accept": "application/json"}


def test_no_token_shows_itself() -> None:
    tokens = Tokens(access="acc", refresh="ref", more={"session": "ses"})
    shown = repr(tokens) + repr(CLIENT) + repr(oauth.Callback(code="c0de"))
    assert not any(secret in shown for secret in ("acc'", "ref'", "ses", "s3cret", "c0de"))
    assert tokens.secrets() == {"session": "ses", "refresh_token": "ref", "access_token": "acc"}
