"""The connector and the simulated QuickBooks in conversation, without a Web Connector between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.canonical import Record, broken_laws
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.wire.connector import Done, Outcome, Write
from integrations.wire.message import Answer, Request
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Page
from tests.connectors.quickbooks_desktop.made import DIALECT, STREAMS, US


@dataclass
class Talk:
    """One visit to a simulated QuickBooks; every record that is read keeps the laws."""

    books: QuickBooksDesktop = field(default_factory=QuickBooksDesktop)
    site: Site = US
    keys: int = 0

    def __post_init__(self) -> None:
        self.books.begin_session()

    def say(self, request: Request) -> Answer:
        done = self.books.process(request.body.decode())
        if done.hresult:
            return Answer(status=500, headers={"code": done.hresult, "words": done.message})
        return Answer(status=200, body=done.response.encode())

    def pages(self, stream: str, cursor: Cursor = Cursor()) -> list[Page]:  # noqa: B008  # a frozen value
        pages = [
            DIALECT.read(STREAMS[stream], cursor, self.say(DIALECT.ask(STREAMS[stream], cursor, self.site)), self.site)
        ]
        while pages[-1].next is not None:
            following = Cursor(mark=cursor.mark, page=pages[-1].next)
            request = DIALECT.ask(STREAMS[stream], following, self.site)
            pages.append(DIALECT.read(STREAMS[stream], following, self.say(request), self.site))
        return pages

    def records(self, stream: str) -> list[Any]:
        return [self.understood(stream, raw) for page in self.pages(stream) for raw in page.raws]

    def fetched(self, stream: str, *external_ids: str) -> list[Any]:
        answer = self.say(DIALECT.fetch(STREAMS[stream], external_ids, self.site))
        return [self.understood(stream, raw) for raw in DIALECT.read(STREAMS[stream], FETCHED, answer, self.site).raws]

    def understood(self, stream: str, raw: dict[str, Any]) -> Record:
        record: Record = STREAMS[stream].shape.read(raw)
        assert not broken_laws(record)
        return record

    def write(self, stream: str, *writes: Write) -> list[Outcome]:
        request = DIALECT.compose(STREAMS[stream], writes, self.key(), self.site)
        return DIALECT.outcomes(STREAMS[stream], writes, self.say(request), self.site)

    def found(self, stream: str, *writes: Write) -> list[Outcome | None]:
        answer = self.say(DIALECT.look_up(STREAMS[stream], writes, self.site))
        return DIALECT.found(STREAMS[stream], writes, answer, self.site)

    def key(self) -> str:
        self.keys += 1
        return f"{self.keys:x}".rjust(2, "0") + "0" * 30

    def creation(self, record: Record) -> Write:
        return Write(key=self.key(), operation="create", record=record)

    def made(self, stream: str, record: Record) -> Done:
        """The record as QuickBooks made it; a lost answer would have been found again."""
        write = self.creation(record)
        assert self.found(stream, write) == [None]
        (outcome,) = self.write(stream, write)
        assert isinstance(outcome, Done), outcome
        (again,) = self.found(stream, write)
        assert isinstance(again, Done), again
        assert again.external_id == outcome.external_id
        return outcome

    def change(self, stream: str, done: Done, record: Record, *only: str) -> Write:
        return Write(
            key=self.key(),
            operation="update",
            record=record,
            external_id=done.external_id,
            version=done.version,
            only=frozenset(only),
            raw=done.raw,
        )

    def end(self, stream: str, done: Done, operation: Any) -> Write:
        return Write(
            key=self.key(), operation=operation, external_id=done.external_id, version=done.version, raw=done.raw
        )

    def named(self, stream: str, name: str) -> str:
        """The id of an entry of a list."""
        return next(
            each.external_id for each in self.records(stream) if name in (each.name, getattr(each, "code", None))
        )


def all_done(outcomes: Sequence[Outcome | None]) -> list[Done]:
    assert all(isinstance(each, Done) for each in outcomes), outcomes
    return [each for each in outcomes if isinstance(each, Done)]
