"""A draft: a list's records as the bytes of the file that is to be published, made on disk within bounded memory."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q

from integrations.canonical import KINDS, codec
from integrations.canonical.kinds import references as references_of
from integrations.connections.models import Connection
from integrations.connections.site import spool_of_tenant
from integrations.connectors.registry import connector
from integrations.records.models import Record
from integrations.wire import rendering
from integrations.wire.publishing import drafts
from integrations.wire.sheets import LINE, Sheet
from integrations.wire.stream import Stream as Facts

PAGE = 500


@dataclass(slots=True)
class Draft:
    """The file as it is to be published, what could not stand in it (id → why), and how often which column was cut."""

    name: str
    rows: int = 0
    size: int = 0
    digest: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)
    written: set[str] = field(default_factory=set)  # of those that were left out before

    @property
    def path(self) -> Path:
        return drafts(spool_of_tenant()) / self.name

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def draw_up(
    connection: Connection,
    facts: Facts,
    sheet: Sheet,
    *,
    after_no: int,
    up_to: int | None,
    also: Collection[str],
    number: int,
    today: date,
    told: Callable[[], None],
) -> Draft:
    """Make the draft of a list's live records: of all, or with `up_to` of those after `after_no` up to it and those in `also`.

    `told` hears of each page. Raises rendering.LeftOut where the sheet's own words cannot be written.
    """
    draft = Draft(name=uuid4().hex)
    with NamedTemporaryFile(dir=draft.path.parent, prefix="sorting-") as file, sqlite3.connect(file.name) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("CREATE TABLE made (sort TEXT, id TEXT, data BLOB)")
        for records, refer in _pages(connection, facts, sheet, after_no=after_no, up_to=up_to, also=also):
            db.executemany("INSERT INTO made VALUES (?, ?, ?)", _made(records, sheet, refer, draft, also))
            told()
        _write(draft, sheet, db, number=number, today=today)
    db.close()
    return draft


Fields = dict[str, Any]


def _made(
    records: Sequence[tuple[str, Fields]], sheet: Sheet, refer: rendering.Refer, draft: Draft, also: Collection[str]
) -> Iterator[tuple[str, str, bytes]]:
    """The rows of a page of records; those that cannot stand in the file are noted."""
    for external_id, fields in records:
        if not rendering.is_in(fields, sheet):
            continue
        try:
            rows = rendering.rows_of(fields, sheet, refer)
        except rendering.LeftOut as why:
            draft.left_out[external_id] = str(why)
            continue
        draft.rows += rows.number
        draft.cut.update(rows.cut)
        if external_id in also:
            draft.written.add(external_id)
        yield rows.sort, external_id, rows.data


def _write(draft: Draft, sheet: Sheet, db: sqlite3.Connection, *, number: int, today: date) -> None:
    total = hashlib.sha256()
    with draft.path.open("wb") as file:

        def put(data: bytes) -> None:
            file.write(data)
            total.update(data)
            draft.size += len(data)

        put(rendering.beginning(sheet))
        put(rendering.edge(sheet.first, sheet, rows=draft.rows, number=number, today=today))
        put(rendering.heading(sheet))
        for (data,) in db.execute("SELECT data FROM made ORDER BY sort, id"):
            put(data)
        put(rendering.edge(sheet.last, sheet, rows=draft.rows, number=number, today=today))
    draft.digest = total.hexdigest()


def _pages(
    connection: Connection, facts: Facts, sheet: Sheet, *, after_no: int, up_to: int | None, also: Collection[str]
) -> Iterator[tuple[list[tuple[str, Fields]], rendering.Refer]]:
    """Pages of (id, fields), each with what its records refer to as far as the sheet asks for it."""
    rows = Record.objects.filter(connection=connection, object=facts.name, state__in=Record.READABLE)
    wanted = rows
    if up_to is not None:
        wanted = rows.filter(Q(feed_no__gt=after_no, feed_no__lte=up_to) | Q(external_id__in=list(also)))
    paths = _paths(facts.kind, sheet)
    last = 0
    while True:
        with transaction.atomic():
            page = list(
                wanted.filter(feed_no__gt=last).order_by("feed_no").only("external_id", "canonical", "feed_no")[:PAGE]
            )
            if not page:
                return
            last = page[-1].feed_no
            told = [(row.external_id, _fields(facts.kind, row.canonical)) for row in page]
            refer = _referred(connection, paths, [fields for _, fields in told])
        yield told, refer


def _fields(kind: str, canonical: str) -> Fields:
    return codec.to_plain(codec.decode(kind, canonical.encode()))


def _paths(kind: str, sheet: Sheet) -> dict[str, str]:
    """The references that the sheet's columns lead through: path → kind."""
    asked = rendering.references(sheet)
    known = references_of(kind)

    def begins(path: str) -> bool:
        return any(source.startswith(f"{path.replace('lines[].', LINE)}.") for source in asked)

    return {path: to for path, to in known.items() if to in KINDS and begins(path)}


def _referred(connection: Connection, paths: Mapping[str, str], page: Sequence[Fields]) -> rendering.Refer:
    """What the records of a page refer to, in this very connection: one query for each kind."""
    asked: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path, kind in paths.items():
        asked[kind] |= {(path, name) for fields in page for name in _ids(fields, path)}
    found: dict[tuple[str, str], Fields] = {}
    for kind, wanted in asked.items():
        objects = [stream.name for stream in connector(connection.connector).streams if stream.kind == kind]
        names = {name for _, name in wanted}
        rows = Record.objects.filter(connection=connection, object__in=objects, external_id__in=names)
        held = {row.external_id: _fields(kind, row.canonical) for row in rows.only("external_id", "canonical")}
        found |= {(path, name): held[name] for path, name in wanted if name in held}
    return found


def _ids(fields: Fields, path: str) -> Iterator[str]:
    """The external ids in a reference at this path; `lines[].` leads into each line."""
    head, many, rest = path.partition("[].")
    if many:
        for each in fields.get(head) or ():
            yield from _ids(each, rest)
        return
    value: Any = fields
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, dict) and value.get("external_id"):
        yield str(value["external_id"])
