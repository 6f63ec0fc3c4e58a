"""Lines, three ways: each line of the source beside its line at the target, whichever place it has there, field by field.

A line is known by its key at the source and by its id at the target, and links tell which belongs to which. What was
added at the target only stays; what was taken out at one end only goes at the other, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.mapping.rules import Owner
from integrations.sync.alike import LINE_KEY, alike, says

Line = Mapping[str, Any]
ID = "external_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How lines go: which of their fields are mapped, to whom some of these belong, and what they are called there.

    `names`: the source's key of a line → its id at the target.
    """

    fields: Collection[str]
    owners: Mapping[str, Owner] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Merged:
    """What the lines of the target are to be, and how that came about."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    news: bool = False  # the source has changed something since both agreed
    theirs: bool = False  # the target has
    clashes: list[str] = field(default_factory=list)  # where both have changed the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The lines as the source wants them and as the target holds them, now and when both last agreed."""

    wanted: Sequence[Line]
    holds: Sequence[Line]
    was: Sequence[Line]
    stood: Sequence[Line]


def merge(ends: Ends, ways: Ways, *, winner: str) -> Merged | None:
    """The lines of both ends in one; None where it cannot be told which line is which.

    Where both changed the same, `winner` is "source" or "target"; else the target's stands, and is named.
    """
    found = _paired(ends, ways)
    return None if found is None else _Merging(found, ways, winner).go()


def stood(ends: Ends, ways: Ways) -> list[Line] | None:
    """The target's lines as both agree on them from now on; None where lines are not told apart.

    What only the target has changed stays as it was agreed before, so that it is still seen as its change. What says
    the same, or what the source has changed (that was written, or decided), is agreed on as it stands there.
    """
    found = _paired(ends, ways)
    if found is None:
        return None
    lines = []
    for id, holds in found.holds.items():
        key, before = found.keys.get(id, ""), found.stood.get(id)
        if key in found.wanted:
            lines.append(_as_agreed(found, key, holds, before, ways))
        elif before is not None and not key:
            lines.append(holds)
    # What was taken out at the target only is not forgotten: a later change at the source is one of both sides.
    taken_out = [
        found.names[key] for key in found.wanted if found.names.get(key, "") not in found.holds and key in found.was
    ]
    return lines + [found.stood[id] for id in taken_out if id in found.stood]


def _as_agreed(found: _Paired, key: str, holds: Line, before: Line | None, ways: Ways) -> Line:
    if before is None:
        return holds
    wanted, was = found.wanted[key], found.was.get(key, {})
    still = {
        name: before.get(name)
        for name in ways.fields
        if alike(was.get(name), wanted.get(name)) and not says(holds.get(name), wanted.get(name))
    }
    return {**holds, **still}


# Who is who


@dataclass(frozen=True, slots=True)
class _Paired:
    """The lines by their names: the source's by key, the target's by id; `names` leads from key to id, `keys` back."""

    wanted: Mapping[str, Line]
    was: Mapping[str, Line]
    holds: Mapping[str, Line]
    stood: Mapping[str, Line]
    names: Mapping[str, str]
    keys: Mapping[str, str]


def _paired(ends: Ends, ways: Ways) -> _Paired | None:
    wanted, was = _by(LINE_KEY, ends.wanted), _by(LINE_KEY, ends.was)
    holds, stood = _by(ID, ends.holds), _by(ID, ends.stood)
    if wanted is None or was is None or holds is None or stood is None:
        return None
    if not ways.names.keys() >= was.keys():
        return None
    renamed = _renamed(stood, holds, ways.fields)
    if renamed is None:
        return None
    names = {key: renamed.get(id, id) for key, id in ways.names.items() if key in wanted or key in was}
    before = {renamed.get(id, id): line for id, line in stood.items()}
    return _Paired(wanted, was, holds, before, names, {id: key for key, id in names.items()})


def _by(name: str, lines: Iterable[Line]) -> dict[str, Line] | None:
    """The lines by this name, but for subtotals, which each system writes by itself; None where one has none, or two the same."""
    counting = [line for line in lines if line.get("line_type") != "subtotal"]
    found = {line[name]: line for line in counting if line.get(name)}
    return found if len(found) == len(counting) else None


def _renamed(stood: Mapping[str, Line], holds: Mapping[str, Line], fields: Collection[str]) -> dict[str, str] | None:
    """Lines that the target has rebuilt, known again by what they say: old id → new id. None where one is not found again.

    A line that kept its id tells that nothing was rebuilt: what is missing was taken out, what is new was added.
    """
    if not holds or stood.keys() & holds.keys():
        return {}
    free, renamed = dict(holds), {}
    for id, line in stood.items():
        same = next((new for new, there in free.items() if _same(line, there, fields)), None)
        if same is None:
            return None
        renamed[id] = same
        del free[same]
    return renamed


def _same(one: Line, other: Line, fields: Collection[str]) -> bool:
    return all(alike(one.get(name), other.get(name)) for name in fields)


# Field by field


class _Merging:
    """The lines of a document on their way to being one list."""

    def __init__(self, found: _Paired, ways: Ways, winner: str) -> None:
        self.found, self.ways, self.winner = found, ways, winner
        self.merged = Merged()

    def go(self) -> Merged:
        placed = []
        for place, (key, wanted) in enumerate(self.found.wanted.items(), 1):
            if (line := self._line(place, key, wanted)) is not None:
                placed.append(line)
        taken = {line.get(ID) for line in placed}
        stays: dict[str, list[dict[str, Any]]] = {}
        before = ""
        for id, holds in self.found.holds.items():
            if id in taken:
                before = id
            elif self._stays(id, holds):
                stays.setdefault(before, []).append({**_bare(holds), LINE_KEY: None})
        self.merged.lines = stays.get("", [])
        for line in placed:
            self.merged.lines += [line, *stays.get(line.get(ID) or "-", [])]
        return self.merged

    def _line(self, place: int, key: str, wanted: Line) -> dict[str, Any] | None:
        """A line of the source as it is to be at the target; None where it was taken out there."""
        was, id = self.found.was.get(key), self.found.names.get(key, "")
        holds, stood = self.found.holds.get(id), self.found.stood.get(id)
        if holds is None:
            if was is None:
                self.merged.news = True
                return {**wanted, ID: None}
            self.merged.theirs = True
            if not self._changed(wanted, was):
                return None
            self.merged.news = True
            self.merged.clashes.append(f"lines[{place}]")
            return {**wanted, ID: None} if self.winner == "source" else None
        # Only what is mapped is said: figures that the target reckons from it would contradict what is changed.
        line = {name: holds[name] for name in (ID, "line_type", *self.ways.fields) if name in holds} | {LINE_KEY: key}
        for name in self.ways.fields:
            if self._takes(f"lines[{place}].{name}", name, (wanted, was), (holds, stood)):
                line[name] = wanted.get(name)
        return line

    def _takes(self, place: str, name: str, ours: tuple[Line, Line | None], theirs: tuple[Line, Line | None]) -> bool:
        """Whether the target is to say what the source says of this field."""
        said, there = ours[0].get(name), theirs[0].get(name)
        owner = self.ways.owners.get(name, "both")
        if owner == "target":
            return False
        is_open = not says(there, said)
        if owner == "source":
            self.merged.news |= is_open
            return is_open
        news = ours[1] is None or not alike(ours[1].get(name), said)
        changed = theirs[1] is None or not alike(there, theirs[1].get(name))
        self.merged.news |= news
        self.merged.theirs |= changed
        if not (news and is_open and changed):
            return news and is_open
        self.merged.clashes.append(place)
        return self.winner == "source"

    def _stays(self, id: str, holds: Line) -> bool:
        """Whether a line of the target that the source does not have (any more) stays there."""
        stood = self.found.stood.get(id)
        if stood is None or id not in self.found.keys:
            self.merged.theirs |= stood is None
            return True
        self.merged.news = True
        if _same(holds, stood, self.ways.fields):
            return False
        self.merged.theirs = True
        self.merged.clashes.append(f"the line {holds.get('description') or id}, which is gone at the source")
        return self.winner != "source"

    def _changed(self, wanted: Line, was: Line) -> bool:
        names = [name for name in self.ways.fields if self.ways.owners.get(name, "both") == "both"]
        return not _same(wanted, was, names)


def _bare(holds: Line) -> dict[str, Any]:
    """A line of the target without what rides along: the connector keeps that by itself."""
    return {name: value for name, value in holds.items() if name != "extra"}


# Back to where it came from


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Lines that one flow has just written, as the flow the other way sees them.

    `was` and `now`: what it wants of them, before and after, by their keys there. `holds`: what stands at its target, from
    where they came. `source` and `target`: what it had agreed on.
    """

    was: Sequence[Line]
    now: Sequence[Line]
    holds: Sequence[Line]
    source: Sequence[Line]
    target: Sequence[Line]


def agreed_back(written: Written, ways: Ways, *, renamed: Mapping[str, str]) -> tuple[list[Line], list[Line]] | None:
    """What the flow the other way agrees on: what was just written and nothing else; None where lines are not told apart.

    `renamed`: lines that were rebuilt when they were written, old key → new one.
    """
    was, source = _by(LINE_KEY, _rekeyed(written.was, renamed)), _by(LINE_KEY, _rekeyed(written.source, renamed))
    now, holds, target = _by(LINE_KEY, written.now), _by(ID, written.holds), _by(ID, written.target)
    if was is None or source is None or now is None or holds is None or target is None:
        return None
    # What is gone here by itself stays agreed on, as news; but not what has another name by now.
    agreed = {key: line for key, line in source.items() if key in ways.names and (key in now or key not in was)}
    gone = {ways.names.get(key, "") for key in source.keys() - agreed.keys()}
    there = {id: line for id, line in target.items() if id not in gone}
    for key, line in now.items():
        id, before = ways.names.get(key, ""), was.get(key)
        standing = holds.get(id)
        if before is None and standing is not None:
            agreed[key], there[id] = line, standing
        elif before is not None and key in source:
            ours = {name for name in ways.fields if line.get(name) != before.get(name)}
            agreed[key] = {**source[key], **{name: line.get(name) for name in ours}}
            if standing is not None:
                there[id] = {**target.get(id, standing), **{name: standing.get(name) for name in ours}}
    return list(agreed.values()), list(there.values())


def _rekeyed(lines: Sequence[Line], renamed: Mapping[str, str]) -> list[Line]:
    return [{**line, LINE_KEY: renamed.get(line.get(LINE_KEY, ""), line.get(LINE_KEY))} for line in lines]
