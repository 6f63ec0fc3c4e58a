"""Lines have names at both ends too: an update that does not say which line it means makes many vendors append one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from integrations.canonical.record import Record as Canonical
from integrations.crosswalk import who
from integrations.crosswalk.models import Link
from integrations.sync.models import Flow

KIND = "line"


@dataclass(frozen=True, slots=True)
class Pair:
    """A document as it was wanted and as it stands at the target, with its ids at both ends."""

    source_id: str
    wanted: Canonical
    target_id: str
    made: Canonical


def link_lines(flow: Flow, pairs: Iterable[Pair]) -> None:
    """Link the lines of documents that were just written: the target keeps the order in which they were sent.

    Where it has rebuilt its lines, their new names take the place of the old ones.
    """
    names: dict[str, str] = {}
    for pair in pairs:
        ours, theirs = _keyed(_counting(pair.wanted)), _counting(pair.made)
        if len(ours) != len(theirs):
            continue
        for key, line in zip(ours, theirs, strict=True):
            if key and line.external_id:
                names[f"{pair.source_id}/{key}"] = f"{pair.target_id}/{line.external_id}"
    if not names:
        return
    things = who.introduce(names, kind=KIND, at=flow.source, object=f"{flow.source_object}.line")
    there = {names[name]: thing for name, thing in things.items()}
    who.rename(there, at=flow.target, object=f"{flow.target_object}.line", how=Link.How.CREATED)


def with_line_ids(
    flow: Flow, wanted: Mapping[str, Canonical], *, held: Mapping[str, Canonical]
) -> dict[str, Canonical]:
    """The wanted documents, by source id, with the target's id in each line that stands there still.

    `held` is what the target holds, by source id: lines that were rebuilt there since have other ids.
    """
    asked = [f"{name}/{key}" for name, record in wanted.items() for key in _keyed(_lines(record)) if key]
    things = who.identities(asked, at=flow.source, object=f"{flow.source_object}.line")
    there = who.names(set(things.values()), at=flow.target, object=f"{flow.target_object}.line")
    ids = {name: there[thing].rpartition("/")[2] for name, thing in things.items() if thing in there}
    return {name: _with_ids(name, record, ids, _names(held.get(name))) for name, record in wanted.items()}


def _with_ids(name: str, record: Canonical, ids: Mapping[str, str], standing: Collection[str]) -> Canonical:
    lines = _lines(record)
    if not lines:
        return record
    known = [ids.get(f"{name}/{line.key}") for line in lines]
    named = [
        msgspec.structs.replace(line, external_id=id if id in standing else None)
        for line, id in zip(lines, known, strict=True)
    ]
    return msgspec.structs.replace(record, lines=named)


def _names(record: Canonical | None) -> set[str]:
    return {line.external_id for line in _lines(record) if line.external_id} if record is not None else set()


def _lines(record: Canonical) -> Sequence[Any]:
    return getattr(record, "lines", ())


def _counting(record: Canonical) -> list[Any]:
    """The lines but for subtotals, which each system writes by itself."""
    return [line for line in _lines(record) if getattr(line, "line_type", "") != "subtotal"]


def _keyed(lines: Iterable[Any]) -> list[str | None]:
    return [getattr(line, "key", None) for line in lines]
