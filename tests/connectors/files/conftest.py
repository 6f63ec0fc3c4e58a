"""A tenant's folder, and what a whole sweep over it brings."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from integrations.canonical.record import Record
from integrations.connectors.files.connector import CONNECTOR
from integrations.wire import files
from integrations.wire.connector import Company
from integrations.wire.message import Request, json_of
from integrations.wire.places import local
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Page, Problem

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


@dataclass
class Sweep:
    """What the pages of a sweep held."""

    raws: list[dict[str, Any]] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    mark: str | None = None

    def __getitem__(self, key: str) -> Any:
        return next(record for record in self.records if record.external_id == key)

    @property
    def keys(self) -> list[str]:
        return [raw["key"] for raw in self.raws]


@dataclass(frozen=True)
class Inbox:
    """A folder and the settings of a connection that reads it."""

    root: Path
    spool: Path
    settings: Mapping[str, Any]

    @property
    def path(self) -> Path:
        return self.root / self.settings["folder"]

    @property
    def site(self) -> Site:
        return Site(environment="production", addresses=CONNECTOR.environments["production"], settings=self.settings)

    def with_settings(self, **settings: Any) -> "Inbox":
        return replace(self, settings={**self.settings, **settings})

    def put(self, name: str, content: str | bytes, *, age: float = 60.0) -> Path:
        """Write a file that is `age` seconds old."""
        file = self.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        moment = time.time() - age
        os.utime(file, (moment, moment))
        return file

    def request(self, stream_name: str, cursor: Cursor = Cursor()) -> Request:  # noqa: B008 - a frozen value
        return CONNECTOR.dialect.ask(CONNECTOR.stream(stream_name), cursor, self.site)

    def pages(self, stream_name: str, *, mark: str | None = None) -> Iterator[Page]:
        cursor = Cursor(mark=mark)
        while True:
            answer = files.send(self.request(stream_name, cursor), at=local(self.root), spool=self.spool)
            page = CONNECTOR.dialect.read(CONNECTOR.stream(stream_name), cursor, answer, self.site)
            yield page
            if page.next is None:
                return
            cursor = Cursor(mark=mark, page=page.next)

    def sweep(self, stream_name: str = "invoice", *, mark: str | None = None) -> Sweep:
        sweep = Sweep()
        for page in self.pages(stream_name, mark=mark):
            sweep.raws += page.raws
            sweep.records += [CONNECTOR.stream(stream_name).shape.read(raw) for raw in page.raws]
            sweep.problems += page.problems
            sweep.mark = sweep.mark or page.mark
        return sweep

    def left_out(self) -> dict[str, int]:
        """How many rows of the first file were left out, by reason."""
        answer = json_of(files.send(self.request("invoice"), at=local(self.root), spool=self.spool))
        return dict(answer["files"][0]["left_out"])

    def company(self) -> Company:
        answer = files.send(CONNECTOR.dialect.whoami(self.site), at=local(self.root), spool=self.spool)
        return CONNECTOR.dialect.company(answer, self.site)

    def fetch(self, stream_name: str, *ids: str) -> list[Record]:
        stream, dialect, site = CONNECTOR.stream(stream_name), CONNECTOR.dialect, self.site
        answer = files.send(dialect.fetch(stream, ids, site), at=local(self.root), spool=self.spool)
        return [stream.shape.read(raw) for raw in dialect.read(stream, FETCHED, answer, site).raws]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    (tmp_path / "tenant" / "inbox").mkdir(parents=True)
    settings = {"folder": "inbox", "layout": "online_retail", "default_customer": "Counter sales"}
    return Inbox(root=tmp_path / "tenant", spool=tmp_path / "spool", settings=settings)
