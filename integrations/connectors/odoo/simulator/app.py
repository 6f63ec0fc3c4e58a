"""The simulated server as a web application: XML-RPC, JSON-RPC, sessions, and the pages that people see."""

from __future__ import annotations

import hashlib
import xmlrpc.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any, ClassVar

import msgspec
from werkzeug.wrappers import Request, Response

from integrations.simulation.clock import Clock
from integrations.simulation.simulator import Simulator, fresh_token
from integrations.simulation.store import from_json, to_json

from . import methods
from .faults import AccessDenied, AccessError, BadType, BadValue, Fault, NoDatabase, SessionExpired
from .orm import Env
from .seed import seed
from .tables import MODELS, SCHEMA

_SCHEMA = """
create table if not exists secret (
    login text not null, kind text not null, digest text not null, primary key (login, digest)
) without rowid;
create table if not exists session (token text primary key, uid integer not null) without rowid;
create table if not exists asked (
    number integer primary key, at text not null, model text not null, method text not null, args text not null, kwargs text not null
);
"""
_DOWN = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out", 429: "Too Many Requests"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One procedure call, whatever it came in."""

    service: str
    method: str
    args: Sequence[Any]

    @property
    def writes(self) -> bool:
        if self.service != "object" or len(self.args) < 5:
            return False
        return self.args[4] not in methods.READS


class Server(Simulator):
    """A freshly made database with the modules account, sale and purchase and the generic chart of accounts."""

    database: ClassVar[str] = "books"

    def __init__(
        self, *, state: str = ":memory:", clock: Clock | None = None, limits: float = 1.0, version: int | None = None
    ) -> None:
        """`version` is the major of the server, 14 to 18; without one it is what the state says, at first 17."""
        super().__init__(state=state, clock=clock, limits=limits)
        self.store.run_script(SCHEMA + _SCHEMA)
        with self.store.transaction():
            if version is not None:
                self.set_version(version)
            if not self.store.setting("seeded"):
                seed(self.env())
                self.store.set("seeded", True)
                self.set_password("admin", "admin")

    # who and when

    @property
    def version(self) -> int:
        return int(self.store.setting("version", 17))

    def set_version(self, version: int) -> None:
        """Makes it a server of another major version, on the same database."""
        if version not in range(14, 19):
            raise ValueError(f"the versions are 14 to 18, not {version}")
        self.store.set("version", version)

    def env(self, uid: int = 1, companies: tuple[int, ...] = (1,), context: Mapping[str, Any] | None = None) -> Env:
        """A transaction of a user; user 1 is the server itself."""
        return Env(self.store, self.clock.now(), uid, self.version, companies, dict(context or {}))

    def set_password(self, login: str, password: str) -> None:
        self.store.run("delete from secret where login = ? and kind = 'password'", login)
        self.store.run("insert into secret values (?, 'password', ?)", login, _digest(password))

    def api_key(self, login: str = "admin") -> str:
        """A new API key, as a user makes one in the preferences; it is shown once."""
        key = fresh_token()
        self.store.run("insert into secret values (?, 'key', ?)", login, _digest(key))
        return key

    def revoke_consent(self) -> None:
        """Every API key is deleted."""
        self.store.run("delete from secret where kind = 'key'")

    def user(self, login: str, secret: str) -> int | None:
        """The user behind a login and a password or key."""
        known = self.store.run("select 1 from secret where login = ? and digest = ?", login, _digest(secret))
        found = self.store.run("select id from res_users where login = ? and active", login) if known else []
        return int(found[0][0]) if found else None

    # what the base asks

    def means_to_write(self, request: Request) -> bool:
        try:
            asked = self._asked(request)
        except (Fault, ValueError):
            return False
        return asked is not None and asked.writes

    def is_secret(self, request: Request) -> bool:
        return True  # the password or key travels in the body of every call; `asked` keeps the rest

    def failure(self, status: int) -> Response:
        """The machines in front of the server speak HTML; so does a server that has no worker left."""
        words = _DOWN.get(status, "Internal Server Error")
        return Response(
            f"<html><head><title>{status} {words}</title></head><body><h1>{words}</h1></body></html>",
            status,
            mimetype="text/html",
        )

    def handle(self, request: Request) -> Response:
        path = request.path.rstrip("/")
        if path.startswith("/xmlrpc/"):
            return self._xml(request)
        if path == "/jsonrpc" or path.startswith(("/web/session/", "/web/dataset/", "/web/webclient/")):
            return self._json(request)
        if path in ("/web", "/odoo", "/mail/view") or path.startswith("/odoo/"):
            return self._page(request)
        return Response("<!doctype html><title>404 Not Found</title><h1>Not Found</h1>", 404, mimetype="text/html")

    def _asked(self, request: Request) -> Asked | None:
        """The procedure that a request calls; None where it calls none. Read once a request."""
        kept = request.environ.get("simulation.asked")
        if isinstance(kept, Asked):
            return kept
        if request.method != "POST":
            return None
        found: Asked | None = None
        if request.path.startswith("/xmlrpc/"):
            args, method = xmlrpc.client.loads(request.get_data(cache=True))
            found = Asked(request.path.rstrip("/").rpartition("/")[2], str(method), [_from_xml(arg) for arg in args])
        elif request.path.rstrip("/") == "/jsonrpc":
            params = _params(request)
            found = Asked(str(params.get("service")), str(params.get("method")), params.get("args") or [])
        elif request.path.startswith("/web/dataset/"):
            params = _params(request)
            more = [params.get("model"), params.get("method"), params.get("args") or [], params.get("kwargs") or {}]
            found = Asked("object", "execute_kw", [self.database, 0, "", *more][:3] + more[:4])
        request.environ["simulation.asked"] = found
        return found

    # XML-RPC

    def _xml(self, request: Request) -> Response:
        try:
            asked = self._asked(request)
        except Exception:  # whatever the parser makes of it, the server calls it a bad request
            return Response("Bad Request", 400, mimetype="text/plain")
        numbered = request.path.startswith("/xmlrpc/2/")  # at the older address a fault's code is a text
        if asked is None:
            return Response("Method Not Allowed", 405, mimetype="text/plain")
        try:
            result = self._dispatch(asked)
        except Fault as fault:
            return _xml_fault(fault.code if numbered else fault.old_code(), fault.xml_words())
        try:
            # What has no value is None, which XML-RPC cannot carry: the call is done, and fails all the same.
            body = xmlrpc.client.dumps((_to_wire(result),), methodresponse=True, allow_none=False)
        except (TypeError, OverflowError) as error:
            words = f'Traceback (most recent call last):\n  File "simulator", line 1, in dumps\n{type(error).__name__}: {error}\n'
            return _xml_fault(1 if numbered else words, words)
        return Response(body, mimetype="text/xml")

    # JSON-RPC

    def _json(self, request: Request) -> Response:
        try:
            envelope = from_json(request.get_data(cache=True) or b"{}")
            number = envelope.get("id") if isinstance(envelope, dict) else None
        except ValueError:
            return Response("Bad Request: invalid JSON data", 400, mimetype="text/html")
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        headers: dict[str, str] = {}
        try:
            result = self._json_result(request, headers)
            if result is not None:
                answer["result"] = _to_wire(result)
        except Fault as fault:
            answer["error"] = fault.json_error()
        return Response(msgspec.json.encode(answer), headers=headers, mimetype="application/json")

    def _json_result(self, request: Request, headers: dict[str, str]) -> Any:
        path = request.path.rstrip("/")
        if path == "/web/webclient/version_info":
            return self._version()
        if path == "/web/session/authenticate":
            return self._sign_in(_params(request), headers)
        if path == "/web/session/destroy":
            self.store.run("delete from session where token = ?", request.cookies.get("session_id", ""))
            return None
        asked = self._asked(request)
        if path.startswith("/web/"):
            uid = self._session(request)
            if path == "/web/session/get_session_info":
                return self._session_info(uid)
            if asked is None:
                raise BadValue("nothing was called")
            return self._execute(uid, *asked.args[3:])
        if asked is None:
            raise BadValue("nothing was called")
        return self._dispatch(asked)

    def _sign_in(self, params: Mapping[str, Any], headers: dict[str, str]) -> Any:
        self._check_database(params.get("db"))
        uid = self.user(str(params.get("login")), str(params.get("password")))
        if uid is None:
            raise AccessDenied
        token = fresh_token()
        self.store.run("insert into session values (?, ?)", token, uid)
        headers["Set-Cookie"] = f"session_id={token}; Path=/; HttpOnly"
        return self._session_info(uid)

    def _session(self, request: Request) -> int:
        found = self.store.run("select uid from session where token = ?", request.cookies.get("session_id", ""))
        if not found:
            raise SessionExpired("Session expired")
        return int(found[0][0])

    def _session_info(self, uid: int) -> dict[str, Any]:
        user = self.env().one("res.users", uid)
        return {
            "uid": uid, "db": self.database, "username": user["login"], "name": user["name"], "is_admin": True,
            "partner_id": user["partner_id"], "user_context": {"lang": "en_US", "tz": user["tz"] or False, "uid": uid},
            "server_version": f"{self.version}.0", "server_version_info": [self.version, 0, 0, "final", 0, ""],
            "user_companies": {"current_company": user["company_id"]},
        }  # fmt: skip

    # the services

    def _dispatch(self, asked: Asked) -> Any:
        services: dict[tuple[str, str], Callable[..., Any]] = {
            ("common", "version"): self._version,
            ("common", "login"): self._login,
            ("common", "authenticate"): self._login,
            ("db", "list"): lambda: [self.database],
            ("db", "db_exist"): lambda name: name == self.database,
            ("db", "server_version"): lambda: f"{self.version}.0",
            ("object", "execute_kw"): self._execute_kw,
            ("object", "execute"): lambda db, uid, secret, model, method, *args: self._execute_kw(db, uid, secret, model, method, args),
        }  # fmt: skip
        service = services.get((asked.service, asked.method))
        if service is None:
            raise BadValue(f"Method not found: {asked.service}.{asked.method}")
        try:
            return service(*asked.args)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise BadType(str(error)) from error  # the wrong number of arguments
            raise

    def _version(self) -> dict[str, Any]:
        serie = f"{self.version}.0"
        return {
            "server_version": serie, "server_version_info": [self.version, 0, 0, "final", 0, ""], "server_serie": serie,
            "protocol_version": 1,
        }  # fmt: skip

    def _login(self, db: Any, login: Any, secret: Any, agent: Any = None) -> int | bool:
        self._check_database(db)
        return self.user(str(login), str(secret)) or False

    def _execute_kw(
        self, db: Any, uid: Any, secret: Any, model: str, method: str, args: Any = (), kwargs: Any = None
    ) -> Any:
        self._check_database(db)
        found = self.store.run(
            "select login from res_users where id = ? and active", uid if isinstance(uid, int) else 0
        )
        if not found or self.user(found[0][0], str(secret)) != uid:
            raise AccessDenied
        return self._execute(uid, model, method, args, kwargs)

    def _check_database(self, db: Any) -> None:
        if db != self.database:
            raise NoDatabase(f'connection to server failed: FATAL:  database "{db}" does not exist\n')

    def _execute(self, uid: int, model: str, method: str, args: Any = (), kwargs: Any = None) -> Any:
        """One call in one transaction of its own: a fault takes all of it back."""
        named = dict(kwargs or {})
        context = named.pop("context", None) or {}
        if not isinstance(args, list | tuple):
            raise BadType(f"args is a list, not {args!r}")
        self.store.run(
            "insert into asked (at, model, method, args, kwargs) values (?,?,?,?,?)",
            self.clock.now().isoformat(), model, method, to_json(list(args)).decode(), to_json({**named, "context": context}).decode(),
        )  # fmt: skip
        with self.store.transaction():
            env = self.env(uid, self._companies(uid, context), context)
            result = methods.call(env, str(model), str(method), args, named)
        for (kind, id), operation in env.deeds.items():
            self.did(operation, kind, str(id))
        return result

    def _companies(self, uid: int, context: Mapping[str, Any]) -> tuple[int, ...]:
        user = self.env().one("res.users", uid)
        asked = context.get("allowed_company_ids")
        if not asked:
            return (user["company_id"], *(each for each in user["company_ids"] if each != user["company_id"]))
        if not set(asked) <= set(user["company_ids"]):
            raise AccessError("Access to unauthorized or invalid companies.")
        return tuple(asked)

    # pages

    def _page(self, request: Request) -> Response:
        """A record as a person sees it; the old addresses name it behind the #, which only the browser reads."""
        model, id = request.args.get("model", ""), request.args.get("res_id", "")
        if request.path.rstrip("/") == "/mail/view" and model in MODELS and id.isdigit():
            return self._record(model, int(id))
        script = (
            f"const at = new URLSearchParams(location.hash.slice(1)), root = {to_json(request.script_root).decode()};"
            "if (at.get('id')) location.replace(`${root}/mail/view?model=${at.get('model')}&res_id=${at.get('id')}`);"
        )
        page = f"<!doctype html><html lang='en'><title>Simulated server</title><h1>Simulated server</h1><script>{script}</script>"
        return Response(page, mimetype="text/html")

    def _record(self, model: str, id: int) -> Response:
        env = self.env()
        if not env.rows(model, [id]):
            return Response(
                "<!doctype html><title>Gone</title><h1>This record does not exist.</h1>", 404, mimetype="text/html"
            )
        body = env.read(model, [id])[0]
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in body.items()
            if value not in (False, [])
        )
        title = escape(env.labels(model, [id])[id])
        return Response(
            f"<!doctype html><html lang='en'><title>{title}</title><h1>{title}</h1><table>{rows}</table>",
            mimetype="text/html",
        )


def _params(request: Request) -> dict[str, Any]:
    body = from_json(request.get_data(cache=True) or b"{}")
    params = body.get("params") if isinstance(body, dict) else None
    return params if isinstance(params, dict) else {}


def _xml_fault(code: int | str, words: str) -> Response:
    fault = xmlrpc.client.Fault(code, words)  # type: ignore[arg-type]  # at the older address it is a text
    return Response(xmlrpc.client.dumps(fault), mimetype="text/xml")


def _from_xml(value: Any) -> Any:
    """Values of XML-RPC as those of JSON: exact numbers, text for times."""
    if isinstance(value, list | tuple):
        return [_from_xml(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _from_xml(each) for name, each in value.items()}
    if isinstance(value, xmlrpc.client.DateTime):
        return datetime.strptime(value.value, "%Y%m%dT%H:%M:%S").strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 UTC by agreement
    if isinstance(value, xmlrpc.client.Binary):
        return value.data.decode()
    return Decimal(repr(value)) if isinstance(value, float) else value


def _to_wire(value: Any) -> Any:
    """What the server says: its numbers are binary floats, and both wires carry them as such."""
    if isinstance(value, Decimal):
        return float(value)  # not money any more: the server's own wire form
    if isinstance(value, Mapping):
        return {str(name): _to_wire(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_wire(each) for each in value]
    return value


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
