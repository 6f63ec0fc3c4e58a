"""A toy vendor that does what it is told, to put the engine into every situation that a real one only meets by accident.

It keeps rows of plain JSON, answers each write by `answers` where a test put one there, and notes what it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

from werkzeug.wrappers import Request as Visit
from werkzeug.wrappers import Response

from integrations.canonical.kinds import KINDS
from integrations.simulation.simulator import ConnectionCut
from integrations.wire.addresses import Addresses
from integrations.wire.auth import NoAuth
from integrations.wire.connector import Company, Connector, Dialect, Done, DriverName, Failed, Outcome, Write
from integrations.wire.errors import (
    ConsentLost,
    ContractBroken,
    Duplicate,
    Forbidden,
    Missing,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer, Pending, Request, json_body, json_of
from integrations.wire.shape import F, Lines, Shape
from integrations.wire.site import Site
from integrations.wire.stream import Cursor, Gone, Page, Problem, Stream

ADDRESS = "https://toy.example"

LINES = Lines(
    "lines",
    "lines",
    key="id",
    fields=(
        F("key", "key"),
        F("item", "item"),
        F("description", "text"),
        F("quantity", "quantity"),
        F("unit_price", "price"),
        F("net_amount", "amount"),
    ),
)
DOCUMENT = (
    F("number", "number"),
    F("issued_on", "day"),
    F("currency", "currency"),
    F("line_amounts", "taxes"),
    F("status", "status"),
    F("memo", "memo"),
    F("total", "total"),
    LINES,
)


def _shape(kind: str, *fields: F | Lines, edition: int = 1) -> Shape[Any]:
    return Shape(
        KINDS[kind],
        key="id",
        version="version",
        changed_at="changed",
        fields=fields,
        ignore=("@place",),
        edition=edition,
    )


def _total(raw: Mapping[str, Any]) -> Decimal:
    return Decimal(raw["total"])


WRITES = frozenset(("create", "update", "void"))
STREAMS = {
    "customer": Stream(
        "customer",
        shape=_shape("customer", F("name", "name"), F("number", "number"), F("email", "email"), F("phone", "phone")),
        writes=WRITES,
        batch=5,
        fetch_batch=50,
        settle_seconds=0,
    ),
    "item": Stream(
        "item",
        shape=_shape("item", F("name", "name"), F("sku", "sku"), F("item_type", "type")),
        writes=WRITES,
        batch=5,
        fetch_batch=50,
        settle_seconds=0,
    ),
    "invoice": Stream(
        "invoice",
        shape=_shape("invoice", F("customer", "customer"), *DOCUMENT),
        writes=WRITES,
        batch=5,
        fetch_batch=50,
        settle_seconds=0,
        total=_total,
    ),
    "purchase_order": Stream(
        "purchase_order",
        shape=_shape("purchase_order", F("vendor", "vendor"), *DOCUMENT),
        fetch_batch=50,
        total=_total,
    ),
}

ERRORS: dict[str, Callable[[str], VendorError]] = {
    "refused": lambda words: Refused(words, code="R1"),
    "duplicate": lambda words: Duplicate(words),
    "missing": lambda words: Missing(words),
    "forbidden": lambda words: Forbidden(words),
    "stale": lambda words: Stale(words),
    "consent": lambda words: ConsentLost(words),
    "throttled": lambda words: TryLater(words, sent=False, retry_after=30),
    "next": lambda words: TryLater(words, sent=False, retry_after=0),
    "unclear": lambda words: TryLater(words, sent=True),
    "broken": lambda words: ContractBroken(words),
}


class Language(Dialect):
    """The toy's language: JSON that says plainly what is meant."""

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        params = {"mark": cursor.mark or "", "page": cursor.page or ""}
        return Request(method="GET", path=stream.name, params={name: text for name, text in params.items() if text})

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        body = _told(answer)
        return Page(
            raws=body.get("rows", []),
            gone=[Gone(**each) for each in body.get("gone", [])],
            problems=[Problem(**each) for each in body.get("problems", [])],
            next=body.get("next"),
            mark=body.get("mark"),
            unsure=body.get("unsure", False),
        )

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        return Request(method="GET", path=stream.name, params={"ids": ",".join(external_ids)})

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        for write in writes:
            if write.record is not None and getattr(write.record, "memo", "") == "unfit":
                raise Refused(explanation="This cannot be said in the toy's words.")
        said = [
            {
                "key": write.key,
                "operation": write.operation,
                "id": write.external_id,
                "version": write.version,
                "body": self._body(stream, write),
                "lines": [line.external_id for line in getattr(write.record, "lines", ())],
            }
            for write in writes
        ]
        return Request(
            method="POST",
            path=f"{stream.name}/write",
            headers={"Key": key},
            body=json_body({"step": step, "writes": said}),
        )

    def _body(self, stream: Stream, write: Write) -> dict[str, Any]:
        if write.record is None:
            return {}
        return stream.shape.write(write.record, only=write.only or None)

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        return [_outcome(each) for each in _told(answer)["outcomes"]]

    def steps(self, stream: Stream, operation: str) -> int:
        return int(stream.facts.get("steps", 1))

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        step = self.steps(stream, writes[0].operation) if writes[0].external_id else 1
        keys = json_body({"keys": [write.key for write in writes], "step": step})
        return Request(method="POST", path=f"{stream.name}/find", body=keys)

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        return [None if each is None else _outcome(each) for each in _told(answer)["found"]]

    def pending(self, answer: Answer, site: Site) -> Pending | None:
        receipt = _told(answer).get("receipt") if b'"receipt"' in answer.body else None
        return None if receipt is None else Pending(then=Request(method="GET", path=f"jobs/{receipt}"), after=60)

    def whoami(self, site: Site) -> Request:
        return Request(method="GET", path="whoami")

    def company(self, answer: Answer, site: Site) -> Company:
        return Company(name=_told(answer)["name"], id="toy")


def _told(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = json_of(answer)
    if "error" in body:
        raise ERRORS[body["error"]](body.get("words", ""))
    return body


def _outcome(told: Mapping[str, Any]) -> Outcome:
    if "error" in told:
        return Failed(error=ERRORS[told["error"]](told.get("words", "")))
    return Done(external_id=told["row"]["id"], version=told["row"].get("version"), raw=dict(told["row"]))


def toy(slug: str, *, driver: DriverName = "http", **streams: Stream) -> Connector:
    """A connector to the toy at its own address."""
    return Connector(
        slug=slug,
        name=slug.title(),
        manual="Invented for these tests",
        driver=driver,
        environments={"production": Addresses(api=f"{ADDRESS}/{slug}")},
        auth=NoAuth(),
        dialect=Language(),
        streams=tuple({**STREAMS, **streams}.values()),
    )


@dataclass
class Toy:
    """The vendor's side: a WSGI application."""

    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in STREAMS})
    gone: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in STREAMS})
    problems: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 1000
    asked: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)  # what the next calls get instead, oldest first
    refuse: dict[str, str] = field(default_factory=dict)  # body's name or number -> error of that write
    rebuilt: Callable[[str, int], str] | None = None  # an update gives each line the id of (version, place)
    refuse_from: int = 1  # the first step at which they are refused
    made: dict[str, str] = field(default_factory=dict)  # intent's key -> id
    steps_done: list[tuple[str, int]] = field(default_factory=list)
    lose_next_answer: bool = False
    looks: int = 0  # so often a job has to be looked at until it is finished; 0: every answer comes at once
    jobs: list[Any] = field(default_factory=list)  # [looks that are left, answer]
    _ids: count[int] = field(default_factory=lambda: count(100))

    def put(self, stream: str, id: str, **members: Any) -> None:
        """A row as the vendor's own people would write it."""
        old = self.rows[stream].get(id, {"version": "0"})
        self.rows[stream][id] = {**old, "id": id, **members, "version": str(int(old["version"]) + 1)}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        visit = Visit(environ)
        self.asked.append(f"{visit.method} {visit.full_path.rstrip('?')}")
        answer = self.answers.pop(0) if self.answers else None
        if callable(answer) and not isinstance(answer, Response):
            answer = answer()
        if answer is None:
            answer = self._look_at(visit) if visit.path.startswith("/jobs/") else self._begin(visit)
        if isinstance(answer, Response):
            return answer(environ, start_response)
        if isinstance(answer, str):
            return Response(answer, 200, mimetype="text/html")(environ, start_response)
        return Response(json.dumps(answer, default=str), 200, mimetype="application/json")(environ, start_response)

    def _begin(self, visit: Visit) -> Any:
        if not self.looks:
            return self._serve(visit)
        self.jobs.append([self.looks, self._serve(visit)])
        return {"receipt": len(self.jobs)}

    def _look_at(self, visit: Visit) -> Any:
        number = int(visit.path.rpartition("/")[2])
        job = self.jobs[number - 1]
        job[0] -= 1
        return {"receipt": number} if job[0] > 0 else job[1]

    def _serve(self, visit: Visit) -> Any:
        name, _, verb = visit.path.strip("/").partition("/")
        if name == "whoami":
            return {"name": "Toys Ltd"}
        if verb == "write":
            outcomes = self._write(name, json.loads(visit.get_data()))
            if self.lose_next_answer:
                self.lose_next_answer = False
                raise ConnectionCut("hung up")
            return {"outcomes": outcomes}
        if verb == "find":
            return {"found": self._find(name, **json.loads(visit.get_data()))}
        return self._list(name, visit)

    def _find(self, name: str, keys: list[str], step: int) -> list[Any]:
        done = [key in self.made and (step == 1 or (key, step) in self.steps_done) for key in keys]
        return [
            {"row": self.rows[name][self.made[key]]} if is_done else None
            for key, is_done in zip(keys, done, strict=True)
        ]

    def _list(self, name: str, visit: Visit) -> Any:
        if ids := visit.args.get("ids"):
            return {"rows": [self.rows[name][each] for each in ids.split(",") if each in self.rows[name]]}
        every = list(self.rows[name].values())
        start = int(visit.args.get("page", 0))
        more = start + self.page_size < len(every)
        return {
            "rows": every[start : start + self.page_size],
            "gone": [] if more else self.gone[name],
            "problems": [] if start else self.problems,
            "next": str(start + self.page_size) if more else None,
            "mark": f"mark after {len(self.asked)}",
        }

    def _write(self, name: str, told: dict[str, Any]) -> list[Any]:
        return [self._write_one(name, told["step"], each) for each in told["writes"]]

    def _write_one(self, name: str, step: int, write: dict[str, Any]) -> Any:
        self.sent.append(write)
        body = write["body"]
        for word in (body.get("name"), body.get("number")):
            if word in self.refuse and step >= self.refuse_from:
                return {"error": self.refuse[word], "words": f"{word} is not wanted"}
        self.steps_done.append((write["key"], step))
        if write["operation"] == "create" and step == 1:
            id = str(next(self._ids))
            self.made[write["key"]] = id
            lines = [{**line, "id": f"{place}"} for place, line in enumerate(body.get("lines", []), 1)]
            self.put(name, id, **{**body, **({"lines": lines} if lines else {})})
        else:
            id = write["id"]
            if write["version"] != self.rows[name][id]["version"] and step == 1:
                return {"error": "stale", "words": "somebody was quicker"}
            if self.rebuilt is not None and "lines" in body:
                version = self.rows[name][id]["version"]
                lines = [{**line, "id": self.rebuilt(version, place)} for place, line in enumerate(body["lines"], 1)]
                body = {**body, "lines": lines}
            self.put(name, id, **({"status": "void", "total": "0"} if write["operation"] == "void" else body))
        return {"row": self.rows[name][id]}
