"""Lines have names at both ends too: an update that does not say which line it means makes many vendors append one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from integrations.canonical.record import Record as Canonical
from integrations.crosswalk import who
from integrations.crosswalk.models import Link
from integrations.sync.alike import alike
from integrations.sync.decide import LINES, Agreed, Fields, Terms
from integrations.sync.models import Flow

KIND = "line"


@dataclass(frozen=True, slots=True)
class Pair:
    """A document's lines as they were wanted, by their keys, and as they stand at the target, by their ids, in one order."""

    source_id: str
    keys: Sequence[str | None]
    target_id: str
    ids: Sequence[str | None]

    @classmethod
    def of(cls, source_id: str, wanted: Iterable[Any], target_id: str, made: Iterable[Any]) -> Pair:
        """The pair of these lines: those of two records, or two lists of their plain values."""
        keys, ids = (
            [_said(line, name) for line in _counting(lines)] for lines, name in ((wanted, "key"), (made, "external_id"))
        )
        return cls(source_id, keys, target_id, ids)


def link_lines(flow: Flow, pairs: Iterable[Pair]) -> None:
    """Link the lines of documents that were just written: the target keeps the order in which they were sent.

    Where it has rebuilt its lines, their new names take the place of the old ones.
    """
    names: dict[str, str] = {}
    for pair in pairs:
        if len(pair.keys) != len(pair.ids):
            continue
        for key, id in zip(pair.keys, pair.ids, strict=True):
            if key and id:
                names[f"{pair.source_id}/{key}"] = f"{pair.target_id}/{id}"
    if not names:
        return
    things = who.introduce(names, kind=KIND, at=flow.source, object=f"{flow.source_object}.line")
    there = {names[name]: thing for name, thing in things.items()}
    who.rename(there, at=flow.target, object=f"{flow.target_object}.line", how=Link.How.CREATED)


def rebuilt(meant: Canonical, made: Canonical) -> dict[str, str]:
    """Lines that the target has rebuilt as they were written, in the order in which they were sent: old id → new one."""
    ours, theirs = (_counting(lines_of(record)) for record in (meant, made))
    if len(ours) != len(theirs):
        return {}
    pairs = ((line.external_id, new.external_id) for line, new in zip(ours, theirs, strict=True))
    return {old: new for old, new in pairs if old and new and old != new}


def with_line_ids(
    flow: Flow, wanted: Mapping[str, Canonical], *, held: Mapping[str, Canonical]
) -> dict[str, Canonical]:
    """The wanted documents, by source id, with the target's id in each line that stands there still.

    `held` is what the target holds, by source id: lines that were rebuilt there since have other ids.
    """
    ids = line_ids(flow, {name: _keyed(lines_of(record)) for name, record in wanted.items()})
    return {name: _with_ids(record, ids[name], _names(held.get(name))) for name, record in wanted.items()}


def line_ids(flow: Flow, keys: Mapping[str, Iterable[str | None]]) -> dict[str, dict[str, str]]:
    """What the lines of these documents, by source id and the lines' keys there, are called at the target: id → key → id."""
    asked = {f"{name}/{key}": (name, key) for name, each in keys.items() for key in each if key}
    things = who.identities(list(asked), at=flow.source, object=f"{flow.source_object}.line")
    there = who.names(set(things.values()), at=flow.target, object=f"{flow.target_object}.line")
    found: dict[str, dict[str, str]] = {name: {} for name in keys}
    for line, thing in things.items():
        if thing in there:
            name, key = asked[line]
            found[name][key] = there[thing].rpartition("/")[2]
    return found


def knowing_lines(
    flow: Flow, terms: Terms, documents: Mapping[str, tuple[Fields, Fields | None, Agreed]]
) -> Mapping[str, Terms]:
    """The terms of each document, with the names of its lines where something about these is news at one of the ends.

    `documents`: what each is to say, what the target holds, and what was agreed, by source id.
    """
    moved = {}
    if terms.lines is not None:
        for name, (wanted, holds, agreed) in documents.items():
            ours, theirs = agreed.source.get(LINES), agreed.target.get(LINES)
            if not alike(ours, wanted.get(LINES)) or not alike(theirs, (holds or {}).get(LINES)):
                moved[name] = [line.get("key") for line in (*(wanted.get(LINES) or ()), *(ours or ()))]
    known = line_ids(flow, moved) if moved else {}
    return defaultdict(lambda: terms, {name: knowing(terms, names) for name, names in known.items()})


def knowing(terms: Terms, names: Mapping[str, str]) -> Terms:
    """The terms of one document, of whose lines these names at the target are known."""
    return terms if terms.lines is None else replace(terms, lines=replace(terms.lines, names=names))


def _with_ids(record: Canonical, ids: Mapping[str, str], standing: Collection[str]) -> Canonical:
    lines = lines_of(record)
    if not lines:
        return record
    # Lines that were merged with those of the target bear their names already.
    known = [line.external_id or ids.get(line.key) for line in lines]
    named = [
        msgspec.structs.replace(line, external_id=id if id in standing else None)
        for line, id in zip(lines, known, strict=True)
    ]
    return msgspec.structs.replace(record, lines=named)


def _names(record: Canonical | None) -> set[str]:
    return {line.external_id for line in lines_of(record) if line.external_id} if record is not None else set()


def lines_of(record: Canonical) -> Sequence[Any]:
    """The lines of a document; none of what has none."""
    return getattr(record, "lines", ())


def _counting(lines: Iterable[Any]) -> list[Any]:
    """The lines but for subtotals, which each system writes by itself."""
    return [line for line in lines if _said(line, "line_type") != "subtotal"]


def _said(line: Any, name: str) -> Any:
    """What a line says of this, be it part of a record or of plain values."""
    return line.get(name) if isinstance(line, Mapping) else getattr(line, name, None)


def _keyed(lines: Iterable[Any]) -> list[str | None]:
    return [getattr(line, "key", None) for line in lines]
