"""Three toy vendors: one that is called over HTTP, one that polls us, one that works in the background.

They keep contacts and are spoken to by the same core. Each is the vendor's side: it shares no code with a dialect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from werkzeug.wrappers import Request as Visit
from werkzeug.wrappers import Response

from integrations.canonical.kinds import KINDS
from integrations.simulation.simulator import ConnectionCut
from integrations.wire.addresses import Addresses
from integrations.wire.auth import ApiKey, NoAuth
from integrations.wire.connector import Company, Connector, Dialect, Done, Failed, Outcome, Setting, Write
from integrations.wire.errors import ContractBroken, Duplicate, TryLater
from integrations.wire.message import Answer, Pending, Request, json_body, json_of
from integrations.wire.paging import PageNumber
from integrations.wire.rest import Rest, Who
from integrations.wire.shape import F, Shape
from integrations.wire.site import Site
from integrations.wire.stream import Cursor, Page, Query, Stream

CUSTOMER = Shape(
    KINDS["customer"],
    key="id",
    version="etag",
    changed_at="changed",
    fields=(
        F("name", "display_name"),
        F("number", "code"),
        F("email", "primary_email.address"),
        F("balance", "balances.receivable", write=None),
        F("active", "active"),
    ),
)

# A vendor that is called over HTTP: everything about it is data.

ACME = Connector(
    slug="acme",
    name="Acme Books",
    manual="Invented for these tests",
    driver="http",
    environments={"production": Addresses(api="https://api.acme.example/v3", app="https://app.acme.example")},
    auth=ApiKey(prefix="Bearer "),
    secrets=(Setting(name="api_key", label="API key", kind="secret"),),
    streams=(
        Stream(
            "customer",
            shape=CUSTOMER,
            path="/contacts",
            at="contacts",
            since=Query("changed_after"),
            writes=frozenset({"create", "update", "delete"}),
            page_size=2,
            full_list=True,
            facts={"one": "contact", "find": ("number", "code"), "page": "/contacts/{id}"},
        ),
    ),
    dialect=Rest(
        paging=PageNumber(size_param="size"),
        key_header="Idempotency-Key",
        version_header="If-Match",
        update_method="PATCH",
        words="error.message",
        code="error.code",
        codes={"name_taken": Duplicate},
        who=Who(path="/company", name="company.name", id="company.id", currency="company.currency"),
    ),
)


class Books:
    """What every toy vendor keeps."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._ids = count(1)

    def add(self, **members: Any) -> dict[str, Any]:
        """A contact; ValueError where the name is taken."""
        if any(contact["display_name"] == members["display_name"] for contact in self.contacts.values()):
            raise ValueError(f"{members['display_name']} is taken")
        contact: dict[str, Any] = {
            "id": str(next(self._ids)),
            "etag": "1",
            "changed": "2026-09-14T10:00:00Z",
            "active": True,
        }
        contact |= {"balances": {"receivable": 0}, **members}
        self.contacts[contact["id"]] = contact
        return contact


class Acme(Books):
    """Acme's side: a WSGI application."""

    def __init__(self, *, key: str = "opensesame") -> None:
        super().__init__()
        self.key = key
        self.answered: dict[str, tuple[int, Any]] = {}
        self.lose_next_reply = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        visit = Visit(environ)
        self.asked.append(f"{visit.method} {visit.full_path.rstrip('?')}")
        status, body = self._serve(visit)
        if self.lose_next_reply and visit.method != "GET":
            self.lose_next_reply = False
            raise ConnectionCut("hung up")
        answer = Response(json.dumps(body) if body is not None else b"", status, mimetype="application/json")
        answer.headers["Date"] = "Mon, 14 Sep 2026 10:30:00 GMT"
        return answer(environ, start_response)

    def _serve(self, visit: Visit) -> tuple[int, Any]:
        if visit.headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {"error": {"code": "unauthorized", "message": "who are you"}}
        key = visit.headers.get("Idempotency-Key", "")
        if key and key in self.answered:
            return self.answered[key]
        answer = self._act(visit)
        if key:
            self.answered[key] = answer
        return answer

    def _act(self, visit: Visit) -> tuple[int, Any]:
        path = visit.path.removeprefix("/v3")
        if path == "/company":
            return 200, {"company": {"name": "Acme Test Ltd", "id": 77, "currency": "EUR"}}
        if path == "/contacts" and visit.method == "GET":
            page, size = int(visit.args.get("page", 1)), int(visit.args.get("size", 100))
            chosen = [c for c in self.contacts.values() if visit.args.get("code") in (None, c.get("code"))]
            chosen = [c for c in chosen if c["changed"] >= visit.args.get("changed_after", "")]
            return 200, {"contacts": chosen[(page - 1) * size : page * size]}
        if path == "/contacts":
            try:
                return 201, {"contact": self.add(**visit.get_json()["contact"])}
            except ValueError as error:
                return 422, {"error": {"code": "name_taken", "message": str(error)}}
        contact = self.contacts.get(path.rpartition("/")[2])
        if contact is None:
            return 404, {"error": {"code": "not_found", "message": "no such contact"}}
        if visit.method == "PATCH":
            if visit.headers.get("If-Match") != contact["etag"]:
                return 412, {"error": {"code": "changed", "message": "somebody was faster"}}
            contact |= {**visit.get_json()["contact"], "etag": str(int(contact["etag"]) + 1)}
        if visit.method == "DELETE":
            del self.contacts[contact["id"]]
            return 204, None
        return 200, {"contact": contact}


# A vendor that polls us: its program fetches one request at a time and brings the answer later.


class DeskDialect(Dialect):
    """Lines of text instead of HTTP: a verb, a name and members."""

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        return Request(method="LIST", path="contacts", params={"from": cursor.page or "0"})

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        body = self._checked(answer)
        return Page(raws=body["contacts"], next=body.get("more"))

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        return Request(method="LIST", path="contacts", params={"ids": ",".join(external_ids)})

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        rows = [stream.shape.write(write.record) for write in writes if write.record is not None]
        return Request(method="ADD", path="contacts", params={"set": key}, body=json_body(rows))

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        return [self._outcome(row) for row in self._checked(answer)["rows"]]

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        codes = [str(getattr(write.record, "number", "")) for write in writes]
        return Request(method="LIST", path="contacts", params={"codes": ",".join(codes)})

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        there = {raw.get("code"): raw for raw in self._checked(answer)["contacts"]}
        raws = [there.get(getattr(write.record, "number", None)) for write in writes]
        return [None if raw is None else Done(external_id=raw["id"], raw=raw) for raw in raws]

    def whoami(self, site: Site) -> Request:
        return Request(method="WHO", path="")

    def company(self, answer: Answer, site: Site) -> Company:
        return Company(**self._checked(answer))

    def _outcome(self, row: dict[str, Any]) -> Outcome:
        if "refused" in row:
            return Failed(error=Duplicate(row["refused"]))
        return Done(external_id=row["id"], version=row["etag"], raw=row)

    def _checked(self, answer: Answer) -> Any:
        if answer.status != 0:
            raise TryLater(answer.body.decode(), sent=True)
        return json_of(answer)


DESK = Connector(
    slug="desk",
    name="Desk Ledger",
    manual="Invented for these tests",
    driver="polled",
    environments={"production": Addresses()},
    auth=NoAuth(),
    streams=(Stream("customer", shape=CUSTOMER, writes=frozenset({"create"}), batch=10),),
    dialect=DeskDialect(),
)


class Queue:
    """The driver for a vendor that polls us: a request waits until it is fetched, an answer until we ask for it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, Request]] = []
        self.answers: dict[str, Answer] = {}
        self._tickets = count(1)

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer | Pending:
        ticket = request.path
        if request.method != "ANSWER":
            ticket = str(next(self._tickets))
            self.waiting.append((ticket, request))
        if ticket in self.answers:
            return self.answers[ticket]
        return Pending(then=Request(method="ANSWER", path=ticket), after=30)


class Desk(Books):
    """The vendor's program on the customer's machine: it comes when it likes."""

    def visit(self, queue: Queue) -> None:
        """Fetch one request, work, post the answer."""
        ticket, request = queue.waiting.pop(0)
        self.asked.append(f"{request.method} {request.path}")
        queue.answers[ticket] = Answer(status=0, body=json_body(self._work(request)))

    def _work(self, request: Request) -> Any:
        if request.method == "WHO":
            return {"name": "Desk & Sons", "id": "file-1"}
        if request.method == "ADD":
            return {"rows": [self._added(row) for row in json.loads(request.body, parse_float=Decimal)]}
        contacts = list(self.contacts.values())
        if "codes" in request.params:
            codes = request.params["codes"].split(",")
            return {"contacts": [contact for contact in contacts if contact.get("code") in codes]}
        start = int(request.params.get("from", 0))
        more = {"more": str(start + 2)} if len(contacts) > start + 2 else {}
        return {"contacts": contacts[start : start + 2], **more}

    def _added(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.add(**row)
        except ValueError as error:
            return {"refused": str(error)}


# A vendor that works in the background: every request brings a receipt.


class SlowDialect(Rest):
    """Acme's language, but the real answer lies inside a finished job."""

    def pending(self, answer: Answer, site: Site) -> Pending | None:
        if answer.status != 202:
            return None
        job = json_of(answer).get("job")
        if job is None:
            raise ContractBroken(explanation="The receipt names no job.")
        return Pending(then=Request(method="GET", path=f"/jobs/{job}"), after=2)


SLOW = Connector(
    slug="slow",
    name="Slow Cloud",
    manual="Invented for these tests",
    driver="http",
    environments={"production": Addresses(api="https://slow.example/v3")},
    auth=ApiKey(prefix="Bearer "),
    streams=ACME.streams,
    dialect=SlowDialect(
        paging=PageNumber(size_param="size"),
        key_header="Idempotency-Key",
        words="error.message",
        code="error.code",
        codes={"name_taken": Duplicate},
        who=Who(path="/company", name="company.name", id="company.id"),
    ),
)


class Slow(Acme):
    """Acme behind a queue: it looks at a job when `work` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, tuple[int, Any] | None] = {}
        self._todo: list[tuple[str, Visit]] = []

    def work(self) -> None:
        """Do all jobs that wait."""
        for job, visit in self._todo:
            self.jobs[job] = super()._act(visit)
        self._todo.clear()

    def _act(self, visit: Visit) -> tuple[int, Any]:
        if asked := re.fullmatch(r"/v3/jobs/(\d+)", visit.path):
            return self.jobs[asked[1]] or (202, {"job": asked[1]})
        visit.get_data()
        job = str(len(self.jobs) + 1)
        self.jobs[job] = None
        self._todo.append((job, visit))
        return 202, {"job": job}
