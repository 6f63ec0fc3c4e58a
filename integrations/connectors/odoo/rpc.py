"""Odoo's transport: JSON-RPC below `/jsonrpc`, services `common` and `object`, the credentials inside each message.

XML-RPC is not used: it cannot carry None, so that methods which return nothing fault there after they committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from integrations.wire.auth import LogIn, Secrets, Tokens
from integrations.wire.errors import ConsentLost, ContractBroken
from integrations.wire.message import Answer, Request, json_body
from integrations.wire.site import Site

from .faults import result_of

PATH = "jsonrpc"
LANGUAGE = "en_US"
LONGEST_CALL = 120.0
"""Seconds after which a worker of Odoo is stopped by its own limit (memory: `limit_time_real`)."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def call(
    site: Site,
    model: str,
    method: str,
    args: Sequence[Any],
    *,
    context: Mapping[str, Any] | None = None,
    number: str | int = 1,
    **options: Any,
) -> Request:
    """A call of a model's method for the company of this connection; the credentials' places are empty until it is signed.

    `number` is what the answer bears as well.
    """
    # `load` takes moments for the user's own, so the user's zone is said to be UTC.
    known = {"lang": LANGUAGE, "tz": "UTC", "allowed_company_ids": [company_id(site)], **(context or {})}
    return _request(
        "object",
        "execute_kw",
        [site.settings["database"], None, None, model, method, list(args), {**options, "context": known}],
        number,
    )


def company_id(site: Site) -> int:
    """Which of the database's companies this connection keeps in step."""
    given = str(site.settings.get("company") or 1)
    return int(given) if given.isdigit() else 1


def _request(service: str, method: str, args: Sequence[Any], number: str | int = 1) -> Request:
    params = {"service": service, "method": method, "args": args}
    body = json_body({"jsonrpc": "2.0", "method": "call", "params": params, "id": number})
    return Request(method="POST", path=PATH, headers=_HEADERS, body=body, timeout=LONGEST_CALL)


# --- logging in ------------------------------------------------------------------------------------------------------


def _open(site: Site, secrets: Secrets) -> Request:
    settings = site.settings
    return _request("common", "authenticate", [settings["database"], settings["login"], secrets["api_key"], {}])


def _opened(answer: Answer) -> Tokens:
    """The user's number, which every call names beside the key. Wrong credentials are no fault: Odoo answers false."""
    uid = result_of(answer)
    if uid is False:
        raise ConsentLost(
            explanation="Odoo does not know this login with this key or password.",
            advice="Check database, login and API key; with two-factor sign-in only an API key works.",
        )
    if not isinstance(uid, int):
        raise ContractBroken(explanation="Odoo's answer to the log-in names no user.")
    return Tokens(access=str(uid))


def _put(request: Request, secrets: Secrets) -> Request:
    """The request with the user's number and the key in their places."""
    uid, key = int(secrets["access_token"]), secrets["api_key"]
    message = msgspec.json.decode(request.body, type=_Message)
    if message.params.service != "object":
        return request
    message.params.args[1:3] = [msgspec.Raw(json_body(uid)), msgspec.Raw(json_body(key))]
    return replace(request, body=msgspec.json.encode(message))


class _Params(msgspec.Struct):
    service: str
    method: str
    args: list[msgspec.Raw]


class _Message(msgspec.Struct):
    jsonrpc: str
    method: str
    params: _Params
    id: str | int


LOG_IN = LogIn(open=_open, opened=_opened, put=_put)
