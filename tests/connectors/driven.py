"""A connector's dialect, spoken as the engine speaks it, without an engine: for stories about one vendor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from integrations.wire.connector import Company, Connector, Outcome, Write
from integrations.wire.locks import Lock
from integrations.wire.message import Answer, Request
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Page


class Driven(ABC):
    """A set of books at a vendor; who derives from it says how a request travels."""

    connector: ClassVar[Connector]
    site: Site

    @abstractmethod
    def send(self, request: Request) -> Answer:
        """The vendor's answer."""

    def company(self) -> Company:
        """Whose books they are."""
        dialect = self.connector.dialect
        return dialect.company(self.send(dialect.whoami(self.site)), self.site)

    def locks(self) -> Sequence[Lock] | None:
        """Up to when they are closed."""
        dialect = self.connector.dialect
        return dialect.locks(self.send(dialect.whoami(self.site)), self.site)

    def look_up(self, name: str, *writes: Write) -> list[Outcome | None]:
        """What became of these writes."""
        stream, dialect = self.connector.stream(name), self.connector.dialect
        return dialect.found(stream, writes, self.send(dialect.look_up(stream, writes, self.site)), self.site)

    def pages(self, name: str, mark: str | None = None, *, page_size: int | None = None) -> list[Page]:
        """All pages of a stream, since the mark."""
        stream, dialect = self.connector.stream(name), self.connector.dialect
        stream = replace(stream, page_size=page_size or stream.page_size)
        pages, cursor = [], Cursor(mark)
        while True:
            page = dialect.read(stream, cursor, self.send(dialect.ask(stream, cursor, self.site)), self.site)
            pages.append(page)
            if page.next is None:
                return pages
            cursor = Cursor(mark, page.next)

    def read(self, name: str, mark: str | None = None, *, page_size: int | None = None) -> dict[str, Any]:
        """The canonical records of a stream, by their ids."""
        shape = self.connector.stream(name).shape
        pages = self.pages(name, mark, page_size=page_size)
        return {shape.external_id(raw): shape.read(raw) for page in pages for raw in page.raws}

    def fetch(self, name: str, *ids: str) -> list[Any]:
        """The canonical records with these ids, asked for directly."""
        stream, dialect = self.connector.stream(name), self.connector.dialect
        page = dialect.read(stream, FETCHED, self.send(dialect.fetch(stream, ids, self.site)), self.site)
        return [stream.shape.read(raw) for raw in page.raws]
