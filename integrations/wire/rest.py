"""A dialect for ordinary JSON REST vendors, driven by a table: such a connector needs no code of its own.

A stream says its `path` ("/contacts"), `at` (where the list stands in an answer) and `since`; its `facts` may say
    one       the member that wraps a single record ("contact"); left out, it is bare
    find      (our dotted field, their query parameter) by which a record is found again after a lost reply
    void      the path below the record that voids it ("/void")
    page      the path below the vendor's `app` address where a person sees it ("/contacts/{id}")
An odd vendor inherits from `Rest` and overrides the one thing that is odd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import reduce
from typing import Any, Literal
from urllib.parse import quote

from . import nested
from .connector import Company, Dialect, Done, Failed, Outcome, Write
from .errors import ContractBroken, Missing, Refused, Stale
from .leaves import moment_text
from .message import Answer, Request, is_web_page, json_body, json_of, not_json
from .paging import OnePage, Paging
from .site import Site
from .statuses import Codes, answered_at, error_of
from .stream import Cursor, Header, Page, Query, Stream
from .undecoded import Undecoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The path that names the set of books, and where its facts stand in the answer (dotted; "" = not told)."""

    path: str
    name: str = "name"
    id: str = "id"
    currency: str = ""
    country: str = ""


@dataclass(frozen=True, kw_only=True)
class Rest(Dialect):
    """The language of an ordinary JSON REST vendor.

    `key_header` carries the idempotency key and `version_header` the version that an update means to change; "" = the
    vendor knows no such thing. `replaces`: an update sends the whole record. `words` and `code` are where an error's
    words and code stand, `codes` which branch a code belongs to. `headers` go with every request.
    """

    who: Who
    paging: Paging = field(default_factory=OnePage)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Accept": "application/json"})
    key_header: str = ""
    version_header: str = ""
    update_method: Literal["PUT", "PATCH", "POST"] = "PUT"
    replaces: bool = False
    words: str = "message"
    code: str = "code"
    codes: Codes = field(default_factory=dict)

    # Reading

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        params = self.paging.params(cursor.page, stream.page_size)
        headers = dict(self.headers)
        if cursor.mark is not None and isinstance(stream.since, Query):
            params[stream.since.name] = cursor.mark
        if cursor.mark is not None and isinstance(stream.since, Header):
            headers[stream.since.name] = cursor.mark
        return Request(method="GET", path=stream.path, params=params, headers=headers)

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        if cursor.page == "fetch":
            return self._read_one(stream, answer)
        place = stream.at.split(".") if stream.at else []
        body = self.checked(answer, list_at=place)
        raws = nested.at(body, place)
        if not isinstance(raws, Undecoded):
            raise ContractBroken(
                explanation=f"The vendor's answer holds no list of records at {stream.at or 'its top'}."
            )
        mark = answered_at(answer) - timedelta(seconds=stream.overlap_seconds)
        return Page(
            raws=raws,
            next=self.paging.next(cursor.page, stream.page_size, len(raws), body),
            mark=moment_text(mark.astimezone(UTC).replace(microsecond=0)),
        )

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        (external_id,) = external_ids
        return Request(method="GET", path=self.path_of(stream, external_id), headers=self.headers)

    def _read_one(self, stream: Stream, answer: Answer) -> Page:
        try:
            return Page(raws=[self.one_of(stream, self.checked(answer))])
        except Missing:
            return Page(raws=[])

    # Writing

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        (write,) = writes
        headers = dict(self.headers)
        if self.key_header:
            headers[self.key_header] = key
        if self.version_header and write.version is not None:
            headers[self.version_header] = write.version
        if write.operation == "create":
            return self._with_body(stream, "POST", stream.path, headers, self.payload(stream, write))
        path = self.path_of(stream, self._id(write))
        if write.operation == "update":
            return self._with_body(stream, self.update_method, path, headers, self.payload(stream, write))
        if write.operation == "void":
            return Request(method="POST", path=path + str(stream.facts["void"]), headers=headers)
        return Request(method="DELETE", path=path, headers=headers)

    def payload(self, stream: Stream, write: Write) -> dict[str, Any]:
        """The members that a create or update sends."""
        if write.record is None:
            raise Refused(explanation=f"There is nothing to {write.operation}: the record is missing.")
        if write.operation == "create" or write.raw is None:
            return stream.shape.write(write.record, only=None if write.operation == "create" else write.only)
        return stream.shape.patch(write.raw, write.record, only=write.only, whole=self.replaces)

    def _with_body(
        self, stream: Stream, method: str, path: str, headers: dict[str, str], payload: dict[str, Any]
    ) -> Request:
        one = stream.facts.get("one")
        body = json_body({one: payload} if one else payload)
        return Request(method=method, path=path, headers={**headers, "Content-Type": "application/json"}, body=body)

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        (write,) = writes
        try:
            body = self.checked(answer)
        except (Refused, Stale) as error:
            return [Failed(error=error)]
        if write.operation == "delete":
            return [Done(external_id=self._id(write))]
        return [self.done(stream, self.one_of(stream, body))]

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        (write,) = writes
        if write.external_id is not None:
            return self.fetch(stream, [write.external_id], site)
        _, param = stream.facts["find"]
        return Request(method="GET", path=stream.path, params={param: self._name(stream, write)}, headers=self.headers)

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        """Done where exactly one record bears the name that we wrote and, after an update, says what we said."""
        (write,) = writes
        if write.external_id is not None:
            raws = self._read_one(stream, answer).raws
            if write.operation == "delete":
                return [None if raws else Done(external_id=write.external_id)]
            return [self.done(stream, raw) if self._is_done(stream, write, raw) else None for raw in raws] or [None]
        field_, _ = stream.facts["find"]
        wanted = self._name(stream, write)
        page = self.read(stream, Cursor(), answer, site)
        same = [raw for raw in page.raws if _field(stream.shape.read(raw), field_) == wanted]
        if len(same) > 1:
            raise ContractBroken(
                explanation=f"Several records of the vendor bear the same {field_}: {wanted}.",
                advice="Look at them in the vendor's system and link the right one.",
            )
        return [self.done(stream, raw) for raw in same] or [None]

    def _is_done(self, stream: Stream, write: Write, raw: dict[str, Any]) -> bool:
        """Whether a record that was there before says what we meant to write into it."""
        if write.operation == "void":
            return getattr(stream.shape.read(raw), "status", None) == "void"
        if write.record is None:
            return False
        wanted = stream.shape.write(write.record, only=write.only)
        return not nested.difference(raw, wanted)

    def done(self, stream: Stream, raw: dict[str, Any]) -> Done:
        """What became of a write whose record the vendor shows."""
        record = stream.shape.read(raw)
        if record.external_id is None:
            raise ContractBroken(explanation="The vendor's answer to the write holds no id.")
        return Done(external_id=record.external_id, version=record.version, raw=raw)

    # The set of books

    def whoami(self, site: Site) -> Request:
        return Request(method="GET", path=self.who.path, headers=self.headers)

    def company(self, answer: Answer, site: Site) -> Company:
        body = self.checked(answer)

        def told(path: str) -> str | None:
            value = nested.at(body, path.split(".")) if path else None
            return None if value is None else str(value)

        name, id_ = told(self.who.name), told(self.who.id)
        if name is None or id_ is None:
            raise ContractBroken(explanation="The vendor does not say which set of books this is.")
        return Company(
            name=name,
            id=id_,
            currency=told(self.who.currency),
            country=told(self.who.country),
            environment=site.environment,
        )

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        page = stream.facts.get("page")
        if not page or not site.addresses.app:
            return None
        return site.addresses.app + str(page).replace("{id}", quote(external_id, safe=""))

    # What an answer is

    def checked(self, answer: Answer, *, list_at: Sequence[str] | None = None) -> Any:
        """The JSON of a success, None for an empty one; records at `list_at` stay undecoded.

        Raises the VendorError that the answer is.
        """
        body: Any = None
        if answer.body and not is_web_page(answer):
            try:
                body = json_of(answer, list_at=list_at)
            except ContractBroken:
                if 200 <= answer.status < 300:
                    raise
        words, code = (str(nested.at(body, path.split(".")) or "") for path in (self.words, self.code))
        error = error_of(answer, words=words, code=code, codes=self.codes)
        if error is not None:
            raise error
        if is_web_page(answer):
            raise not_json(answer)
        return body

    def one_of(self, stream: Stream, body: Any) -> dict[str, Any]:
        """The single record in an answer. Raises ContractBroken where there is none."""
        one = stream.facts.get("one")
        raw = nested.at(body, [one]) if one else body
        if not isinstance(raw, dict):
            raise ContractBroken(explanation="The vendor's answer holds no record where one was expected.")
        return raw

    def path_of(self, stream: Stream, external_id: str) -> str:
        """The path of one record."""
        return f"{stream.path}/{quote(external_id, safe='')}"

    def _id(self, write: Write) -> str:
        if write.external_id is None:
            raise Refused(explanation=f"There is nothing to {write.operation}: the vendor's id is missing.")
        return write.external_id

    def _name(self, stream: Stream, write: Write) -> str:
        value = None if write.record is None else _field(write.record, stream.facts["find"][0])
        if not value:
            raise ContractBroken(
                explanation="The record bears no name by which it could be found again.",
                advice="Look in the vendor's system whether it is there, and link it.",
            )
        return str(value)


def _field(record: Any, path: str) -> Any:
    return reduce(lambda value, name: getattr(value, name, None), path.split("."), record)
