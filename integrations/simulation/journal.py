"""What a simulated vendor was asked, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .store import Store, from_json, to_json


@dataclass(frozen=True, slots=True)
class Deed:
    """One change of one document: `operation` is create, update, void or delete."""

    operation: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was asked, and what came of it; `status` 0 means that no answer was given."""

    number: int
    at: str
    method: str
    path: str
    query: str
    body: str | None
    status: int
    did: tuple[Deed, ...]


class Journal:
    """Every call in order; written in the transaction of the call itself, so it never says more than was done."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(
        self, *, at: datetime, method: str, path: str, query: str, body: str | None, status: int, did: Sequence[Deed]
    ) -> int:
        """Writes the call down and returns its number."""
        sql = "insert into call (at, method, path, query, body, status, writes, did) values (?,?,?,?,?,?,?,?) returning number"
        deeds = to_json([(deed.operation, deed.kind, deed.id) for deed in did]).decode()
        rows = self._store.run(sql, at.isoformat(), method, path, query, body, status, len(did), deeds)
        return int(rows[0][0])

    def answered_with(self, number: int, status: int) -> None:
        """Corrects what went out in the end, after a misbehaviour."""
        self._store.run("update call set status=? where number=?", status, number)

    def calls(self, *, since: int = 0, wrote: bool = False, path: str = "", limit: int = 1_000_000) -> list[Call]:
        """The calls after number `since`, optionally only those that changed something or whose path contains `path`."""
        rows = self._store.run(
            "select number, at, method, path, query, body, status, did from call"
            " where number > ? and writes >= ? and path like ? order by number limit ?",
            since, int(wrote), f"%{path}%", limit,
        )  # fmt: skip
        return [
            Call(number, at, method, path, query, body, status, tuple(Deed(*deed) for deed in from_json(did)))
            for number, at, method, path, query, body, status, did in rows
        ]

    def counts(self) -> dict[str, int]:
        """How many calls there were, how many changed something, how many got no answer, and changes by operation and kind."""
        total, wrote, unanswered = self._store.run(
            "select count(*), coalesce(sum(writes > 0), 0), coalesce(sum(status = 0), 0) from call"
        )[0]
        counts: dict[str, int] = {"calls": total, "writes": wrote, "unanswered": unanswered}
        for operation, kind, times in self._store.run(
            "select json_extract(d.value, '$[0]'), json_extract(d.value, '$[1]'), count(*)"
            " from call, json_each(call.did) d group by 1, 2"
        ):
            counts[f"{operation} {kind}"] = times
        return counts

    def as_plain(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """The calls as JSON values."""
        return [
            {name: getattr(call, name) for name in Call.__slots__ if name != "did"}
            | {"did": [[deed.operation, deed.kind, deed.id] for deed in call.did]}
            for call in calls
        ]
