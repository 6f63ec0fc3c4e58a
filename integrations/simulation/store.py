"""The state of a simulated vendor: documents, counters and settings in one SQLite database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

_SCHEMA = """
create table if not exists document (
    space text not null, kind text not null, id text not null, version integer not null,
    created integer not null, changed integer not null, active integer not null, gone integer not null,
    body text not null, primary key (space, kind, id)
);
create index if not exists document_changed on document (space, kind, changed, id);
create table if not exists counter (name text primary key, value integer not null) without rowid;
create table if not exists setting (name text primary key, value text not null) without rowid;
create table if not exists call (
    number integer primary key, at text not null, method text not null, path text not null, query text not null,
    body text, status integer not null, writes integer not null, did text not null
);
"""


def to_json(value: Any) -> bytes:
    """JSON with Decimals as numbers."""
    return _encoder.encode(value)


def from_json(data: bytes | str) -> Any:
    """Python values with Decimals for fractions; raises ValueError when it is no JSON."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Row:
    """A document as it is kept; `created` and `changed` are seconds since 1970."""

    id: str
    version: int
    created: int
    changed: int
    active: bool
    gone: bool
    body: dict[str, Any]


class Store:
    """One SQLite database, used by one thread at a time, which outlives a killed process.

    Nothing waits for the disk: a killed process loses nothing that was committed, a power cut may.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and alone; inside another one it is a part that can be undone by itself."""
        with self._lock:
            name = f"level{self._depth}"
            self._db.execute("begin immediate" if self._depth == 0 else f"savepoint {name}")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._db.execute("rollback" if self._depth == 1 else f"rollback to {name}")
                if self._depth > 1:
                    self._db.execute(f"release {name}")
                raise
            else:
                self._db.execute("commit" if self._depth == 1 else f"release {name}")
            finally:
                self._depth -= 1

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def run_script(self, sql: str) -> None:
        """Makes a vendor's own tables and indexes."""
        with self._lock:
            self._db.executescript(sql)

    # documents

    def get(self, space: str, kind: str, id: str) -> Row | None:
        found = self.run(
            "select id, version, created, changed, active, gone, body from document where space=? and kind=? and id=?",
            space, kind, id,
        )  # fmt: skip
        return _row(found[0]) if found else None

    def put(self, space: str, kind: str, row: Row) -> None:
        self.run(
            "insert into document values (?,?,?,?,?,?,?,?,?) on conflict do update set version=excluded.version,"
            " created=excluded.created, changed=excluded.changed, active=excluded.active, gone=excluded.gone,"
            " body=excluded.body",
            space, kind, row.id, row.version, row.created, row.changed, row.active, row.gone, to_json(row.body).decode(),
        )  # fmt: skip

    def rows(self, space: str, kind: str, where: str = "not gone", *values: Any) -> list[Row]:
        """The documents for which a piece of SQL over the document's columns holds."""
        sql = f"select id, version, created, changed, active, gone, body from document where space=? and kind=? and {where}"  # noqa: S608 the simulators' own SQL
        return [_row(found) for found in self.run(sql, space, kind, *values)]

    # counters and settings

    def next(self, counter: str, first: int = 1) -> int:
        """The next number of a sequence that never repeats."""
        sql = "insert into counter values (?, ?) on conflict do update set value = value + 1 returning value"
        return int(self.run(sql, counter, first)[0][0])

    def raise_counter(self, counter: str, to: int) -> None:
        """Lets a sequence go on after `to`."""
        self.run(
            "insert into counter values (?, ?) on conflict do update set value = max(value, excluded.value)",
            counter,
            to,
        )

    def setting(self, name: str, default: Any = None) -> Any:
        found = self.run("select value from setting where name=?", name)
        return from_json(found[0][0]) if found else default

    def set(self, name: str, value: Any) -> None:
        sql = "insert into setting values (?, ?) on conflict do update set value=excluded.value"
        self.run(sql, name, to_json(value).decode())


def _row(found: tuple[Any, ...]) -> Row:
    id, version, created, changed, active, gone, body = found
    return Row(id, version, created, changed, bool(active), bool(gone), from_json(body))
