"""A tenant's folder, and what a whole sweep over it brings."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from integrations.canonical.record import Record
from integrations.connectors.files.connector import CONNECTOR
from integrations.wire import files
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Problem

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
        """Write a file that is `age` seconds old; text gets the header of Online Retail unless it has its own."""
        import os

        file = self.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        moment = time.time() - age
        os.utime(file, (moment, moment))
        return file

    def sweep(self, stream_name: str = "invoice", *, mark: str | None = None) -> Sweep:
        stream, dialect, site = CONNECTOR.stream(stream_name), CONNECTOR.dialect, self.site
        sweep, cursor = Sweep(), Cursor(mark=mark)
        while True:
            answer = files.send(dialect.ask(stream, cursor, site), root=self.root, spool=self.spool)
            page = dialect.read(stream, cursor, answer, site)
            sweep.raws += page.raws
            sweep.records += [stream.shape.read(raw) for raw in page.raws]
            sweep.problems += page.problems
            sweep.mark = sweep.mark or page.mark
            if page.next is None:
                return sweep
            cursor = Cursor(mark=mark, page=page.next)

    def fetch(self, stream_name: str, *ids: str) -> list[Record]:
        stream, dialect, site = CONNECTOR.stream(stream_name), CONNECTOR.dialect, self.site
        answer = files.send(dialect.fetch(stream, ids, site), root=self.root, spool=self.spool)
        return [stream.shape.read(raw) for raw in dialect.read(stream, FETCHED, answer, site).raws]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    (tmp_path / "tenant" / "inbox").mkdir(parents=True)
    settings = {"folder": "inbox", "layout": "online_retail", "default_customer": "Counter sales"}
    return Inbox(root=tmp_path / "tenant", spool=tmp_path / "spool", settings=settings)
