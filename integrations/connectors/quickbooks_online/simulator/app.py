"""The simulated vendor as a web application: addresses, tokens, limits, envelopes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

from integrations.simulation.clock import Clock
from integrations.simulation.limits import Window
from integrations.simulation.simulator import Simulator, epoch
from integrations.simulation.store import from_json, to_json

from . import attachments, ledger, pages, settlement, tax_service
from . import company as companies
from .books import Books
from .company import Body, Company, Settings
from .entities import BY_PATH, Entity
from .faults import Fault, gateway_body
from .oauth import SCOPE, Denied, OAuth
from .seed import seed
from .settings_entities import exchange_rate, preferences

_SCHEMA = """
create table if not exists answered (
    space text not null, request text not null, asked text not null, status integer not null, body text not null,
    primary key (space, request)
) without rowid;
"""
_COMPANY = re.compile(r"/v3/company/(?P<realm>[^/]+)/(?P<rest>.*)")
_DOWN = {502: "Bad gateway", 503: "Service unavailable", 504: "Gateway timeout"}


class Vendor(Simulator):
    """OAuth, the Accounting API v3, the pages that people see, and behind them the books of the seeded companies."""

    def __init__(
        self,
        *,
        state: str = ":memory:",
        clock: Clock | None = None,
        limits: float = 1.0,
        auto_consent: str | None = None,
    ) -> None:
        """`auto_consent` names the realm that every authorise request gets without asking."""
        super().__init__(state=state, clock=clock, limits=limits)
        for schema in (companies.SCHEMA, ledger.SCHEMA, settlement.SCHEMA, _SCHEMA):
            self.store.run_script(schema)
        self.oauth = OAuth(self.store, self.clock)
        self.auto_consent = auto_consent
        self._companies: dict[str, Company] = {}
        with self.store.transaction():
            if not self.companies:
                seed(self)

    # companies

    @property
    def companies(self) -> dict[str, str]:
        """Realm -> name."""
        return dict(self.store.setting("companies", {}))

    def company(self, realm: str | None = None) -> Company:
        """A company by its realm; without one the first."""
        realm = realm or next(iter(self.companies))
        if realm not in self._companies:
            self._companies[realm] = Company(self.store, self.clock, realm)
        return self._companies[realm]

    def add_company(self, realm: str, settings: Settings) -> Company:
        """An empty company file without accounts."""
        self.store.set("companies", {**self.companies, realm: settings.name})
        self.store.set(f"company {realm}", asdict(settings))
        return self.company(realm)

    # what the base asks

    def means_to_write(self, request: Request) -> bool:
        found = _COMPANY.fullmatch(request.path)
        if request.method != "POST" or found is None or found["rest"] == "query":
            return False
        return found["rest"] != "batch" or not _only_asks(request)

    def is_secret(self, request: Request) -> bool:
        return "/oauth2/" in request.path

    def crowd(self, request: Request) -> tuple[str, int] | None:
        found = _COMPANY.fullmatch(request.path)
        return (found["realm"], 10) if found else None

    def admit(self, request: Request) -> Response | None:
        found = _COMPANY.fullmatch(request.path)
        if found is None:
            return None
        realm = found["realm"]
        windows = [Window(f"{realm} minute", 500, 60), Window(f"{realm} second", 10, 1)]
        if found["rest"] == "batch":
            windows.append(Window(f"{realm} batches", 40, 60))
        return None if self.limits.admit(windows) else self.failure(429)

    def failure(self, status: int) -> Response:
        now = self.clock.now()
        if status == 429:
            words = "The request limit was reached.  Try again later"
            body = gateway_body(
                code="3001",
                words="ThrottleExceeded",
                status=429,
                kind="SERVICE",
                detail=words,
                millis=epoch(now) * 1000,
            )
            return self._json(body, 429)
        if status in _DOWN:
            # These come from the machines in front of the vendor's server, which speak HTML.
            page = f"<html><head><title>{status}</title></head><body>{_DOWN[status]}</body></html>"
            return Response(page, status, mimetype="text/html")
        fault = Fault("10000", "System Failure Error: An unexpected error has occurred.")
        return self._json({"Fault": fault.body(), "time": now.isoformat(timespec="milliseconds")}, status)

    def handle(self, request: Request) -> Response:
        found = _COMPANY.fullmatch(request.path)
        if found:
            return self._api(request, found["realm"], found["rest"].strip("/"))
        pages_and_tokens: dict[str, Callable[[Request], Response]] = {
            "/connect/oauth2": self._consent,
            "/oauth2/v1/tokens/bearer": self._tokens,
            "/v2/oauth2/tokens/revoke": self._revoke,
            "/.well-known/openid_configuration": self._discovery,
            "/.well-known/openid_sandbox_configuration": self._discovery,
        }
        page = pages_and_tokens.get(request.path.rstrip("/"))
        if page is not None:
            return page(request)
        if request.path.startswith("/app/"):
            return self._web_application(request)
        return pages.sorry(f"There is nothing at {request.path}", 404)

    # consent and tokens

    def _consent(self, request: Request) -> Response:
        asked = {
            name: request.values.get(name, "")
            for name in ("client_id", "response_type", "scope", "redirect_uri", "state")
        }
        problem = self.oauth.check_question(asked)
        if problem:
            return pages.sorry(problem)
        realm = self.auto_consent or (request.form.get("realm") if request.form.get("answer") == "connect" else None)
        if realm in self.companies:
            return _redirect(self.oauth.consent(asked, str(realm)))
        if request.form.get("answer") == "cancel":
            return _redirect(self.oauth.refuse(asked))
        return pages.consent(asked, self.companies)

    def _tokens(self, request: Request) -> Response:
        hard = request.headers.get("x-include-refresh-token-hard-expires-in", "").lower() == "true"
        try:
            return self._json(
                self.oauth.tokens(_authorization(request), request.form.to_dict(), with_hard_limit=hard), 200
            )
        except Denied as denied:
            return self._json(denied.body, denied.status)

    def _revoke(self, request: Request) -> Response:
        try:
            body = from_json(request.get_data()) if request.is_json else request.form.to_dict()
            self.oauth.revoke(_authorization(request), str(body.get("token", "")))
            return Response(status=200, headers={"intuit_tid": self._trace()})
        except (Denied, ValueError) as denied:
            return self._json(getattr(denied, "body", {"error": "invalid_request"}), getattr(denied, "status", 400))

    def _discovery(self, request: Request) -> Response:
        here = request.url_root.rstrip("/")
        document = {
            "issuer": f"{here}/op/v1",
            "authorization_endpoint": f"{here}/connect/oauth2",
            "token_endpoint": f"{here}/oauth2/v1/tokens/bearer",
            "userinfo_endpoint": f"{here}/v1/openid_connect/userinfo",
            "revocation_endpoint": f"{here}/v2/oauth2/tokens/revoke",
            "jwks_uri": f"{here}/op/v1/jwks",
            "response_types_supported": ["code"],
            "scopes_supported": [SCOPE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        return self._json(document, 200)

    def _web_application(self, request: Request) -> Response:
        kind = {
            "customerdetail": "customer",
            "vendordetail": "vendor",
            "recvpayment": "payment",
            "journal": "journalentry",
        }
        name = request.path.removeprefix("/app/").strip("/")
        entity = BY_PATH.get(kind.get(name, name))
        id = request.args.get("txnId") or request.args.get("nameId") or request.args.get("id") or ""
        wanted = request.args.get("deeplinkcompanyid")
        for realm, title in self.companies.items():
            row = self.store.get(realm, entity.name, id) if entity and wanted in (None, realm) else None
            if entity and row is not None and not row.gone:
                return pages.document(title, entity.name, self.company(realm).show(entity, row))
        return pages.sorry(f"There is no {name} {id} in the companies here.", 404)

    # the Accounting API

    def _api(self, request: Request, realm: str, rest: str) -> Response:
        access = self.oauth.access(_authorization(request))
        now = epoch(self.clock.now()) * 1000
        if access.problem:
            body = gateway_body(
                code="3200",
                words="AuthenticationFailed",
                status=401,
                kind="AUTHENTICATION",
                detail=access.problem,
                millis=now,
            )
            return self._json(body, 401, {"WWW-Authenticate": 'Bearer realm="Intuit", error="invalid_token"'})
        if access.realm != realm:
            words = f"The token was not given for company {realm}."
            body = gateway_body(
                code="3100",
                words="ApplicationAuthorizationFailed",
                status=403,
                kind="AUTHORIZATION",
                detail=words,
                millis=now,
            )
            return self._json(body, 403)
        if "application/json" not in request.headers.get("Accept", "") and not rest.endswith("/pdf"):
            return Response(
                "This simulator speaks JSON only; without Accept: application/json the vendor answers in XML.", 406
            )
        company = self.company(realm)
        try:
            return self._once(request, company, rest)
        except Fault as fault:
            return self._json({"Fault": fault.body(), "time": self._time(company)}, fault.status)

    def _once(self, request: Request, company: Company, rest: str) -> Response:
        """The same `requestid` gets the first answer again instead of a second deed."""
        request_id = request.args.get("requestid", "")
        if request.method != "POST" or rest == "query" or not request_id:
            return self._route(request, company, rest)
        if len(request_id) > 50:
            raise Fault("2130", f"The requestid must have at most 50 characters. Supplied length:{len(request_id)}")
        asked = hashlib.sha256(
            f"{rest}?{request.args.get('operation')}".encode() + request.get_data(cache=True)
        ).hexdigest()
        before = self.store.run(
            "select asked, status, body from answered where space=? and request=?", company.realm, request_id
        )
        if before and before[0][0] != asked:
            raise Fault("600", f"Duplicate request id : {request_id} was used for another request")
        if before:
            return self._answer(before[0][2].encode(), before[0][1])
        answer = self._route(request, company, rest)
        if answer.status_code == 200:
            values = (company.realm, request_id, asked, answer.status_code, answer.get_data(as_text=True))
            self.store.run("insert into answered values (?,?,?,?,?)", *values)
        return answer

    def _route(self, request: Request, company: Company, rest: str) -> Response:
        books = Books(company, self.did)
        first, _, more = rest.partition("/")
        entity, post = BY_PATH.get(first), request.method == "POST"
        if rest == "query":
            return self._shown(company, QueryResponse=books.query(_query_text(request)))
        if rest == "batch" and post:
            return self._shown(company, BatchItemResponse=books.batch(_posted(request).get("BatchItemRequest")))
        if rest == "cdc" and not post:
            return self._changes(request, company, books)
        if rest == "taxservice/taxcode" and post:
            return self._json(tax_service.create(company, _posted(request), self.did), 200)
        if rest == "upload" and post:
            found = attachments.upload(company, books, request)
            return self._shown(company, AttachableResponse=found)
        if first == "download" and more and not post:
            return Response(attachments.address(request.url_root, company, more), mimetype="text/plain")
        if entity is not None:
            return self._entity(request, company, books, entity, more)
        raise _no_such_path(request)

    def _entity(self, request: Request, company: Company, books: Books, entity: Entity, more: str) -> Response:
        if request.method == "POST":
            if not more:
                sent, args = _posted(request), request.args
                body = books.write(entity, sent, operation=args.get("operation", ""), include=args.get("include", ""))
                return self._shown(company, **{entity.name: body})
            id, _, verb = more.partition("/")
            if verb == "send" and entity.name in (
                "Invoice",
                "Estimate",
                "CreditMemo",
                "SalesReceipt",
                "PurchaseOrder",
                "Payment",
            ):
                return self._shown(company, **{entity.name: books.send(entity, id, request.args.get("sendTo"))})
        elif request.method == "GET":
            if entity.name == "Preferences" and not more:
                return self._shown(company, Preferences=preferences(company))
            if entity.name == "ExchangeRate" and not more:
                args = request.args
                return self._shown(
                    company,
                    ExchangeRate=exchange_rate(company, args.get("sourcecurrencycode", ""), args.get("asofdate")),
                )
            id, _, verb = more.partition("/")
            if id and not verb:
                return self._shown(company, **{entity.name: books.read(entity, id)})
            if verb == "pdf" and entity.family == "transaction":
                return Response(
                    attachments.pdf(f"{entity.name} {company.row(entity, id).body.get('DocNumber', id)}"),
                    mimetype="application/pdf",
                )
        raise _no_such_path(request)

    def _changes(self, request: Request, company: Company, books: Books) -> Response:
        names = [name.strip() for name in request.args.get("entities", "").split(",") if name.strip()]
        # "+" of an offset arrives as a space where the client did not encode it.
        since = request.args.get("changedSince", "").replace(" ", "+")
        if not names or not since:
            raise Fault("2020", "Required parameter entities or changedSince is missing in the request")
        try:
            moment = datetime.fromisoformat(since)
        except ValueError:
            raise Fault("2060", f"DateTime format is incorrect for changedSince. Supplied value:{since}") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=company.zone)
        return self._shown(company, CDCResponse=[{"QueryResponse": books.changes(names, epoch(moment))}])

    # envelopes

    def _shown(self, company: Company, **members: Any) -> Response:
        return self._json({**members, "time": self._time(company)}, 200)

    def _time(self, company: Company) -> str:
        return self.clock.now().astimezone(company.zone).isoformat(timespec="milliseconds")

    def _json(self, body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
        return self._answer(to_json(body), status, headers)

    def _answer(self, body: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
        answer = Response(body, status, headers, content_type="application/json;charset=utf-8")
        answer.headers["intuit_tid"] = self._trace()
        return answer

    def _trace(self) -> str:
        return f"1-{epoch(self.clock.now()):08x}-{self.store.next('trace'):024x}"


def _authorization(request: Request) -> str:
    return request.headers.get("Authorization", "")


def _only_asks(request: Request) -> bool:
    """Whether a batch is made of queries."""
    if b'"Query"' not in request.get_data(cache=True):
        return False
    try:
        items = _posted(request).get("BatchItemRequest")
    except Fault:
        return False
    return isinstance(items, list) and all(isinstance(item, dict) and "Query" in item for item in items)


def _posted(request: Request) -> Body:
    try:
        body = from_json(request.get_data(cache=True))
    except ValueError as error:
        raise Fault(
            "2010", f"Property Name:Can not read the JSON: {error} specified is unsupported or invalid"
        ) from None
    if not isinstance(body, dict):
        raise Fault("2010", "Property Name:The body must be an object specified is unsupported or invalid")
    return body


def _query_text(request: Request) -> str:
    if request.method == "GET":
        text = request.args.get("query", "")
    elif request.mimetype in ("application/text", "text/plain"):
        text = request.get_data(as_text=True)
    else:
        text = parse_qs(request.get_data(as_text=True)).get("query", [""])[0]
    if not text.strip():
        raise Fault("4000", "QueryParserError: Encountered the end of the query")
    return text


def _no_such_path(request: Request) -> Fault:
    path = re.sub(r"(/v3/company/)[^/]+", r"\1-COMPANY_ID-", request.path)
    detail = f"Operation Could not find resource for relative : {path} of full path: {request.host_url.rstrip('/')}{path} is not supported."
    return Fault("500", detail)


def _redirect(address: str) -> Response:
    return Response(status=302, headers={"Location": address})
