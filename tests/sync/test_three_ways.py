"""Laws of the deciders, held over made-up edits: two ends with the same record, people at both, and a flow each way.

The world here is values only: what an end holds, what each flow has agreed on, and which line is called what where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.both_ways import laid_over
from integrations.sync.decide import Agreed, Hold, Match, Skip, Terms, Update, agree, decide
from integrations.sync.lines_merged import Ends, Ways, merge
from integrations.sync.plan import AGREED
from integrations.sync.policy import Policy

HEAD, OF_LINES = ("memo", "reference", "due_on"), ("description", "quantity")


@dataclass
class End:
    """One system: what it holds, with a field and a part of each line that nobody maps."""

    rebuilds: bool = False
    fields: dict[str, str] = field(default_factory=lambda: dict.fromkeys(HEAD, "0") | {"private": "mine"})
    lines: dict[str, dict[str, str]] = field(default_factory=dict)
    ids: Any = field(default_factory=lambda: count(1))

    def add(self, **said: str) -> str:
        id = f"{next(self.ids)}"
        self.lines[id] = {"private": f"of {id}", **said}
        return id

    def holds(self) -> dict[str, Any]:
        return {**self.fields, "lines": [{"external_id": id, **line} for id, line in self.lines.items()]}

    def said(self) -> dict[str, Any]:
        """What a flow wants the other end to say."""
        lines = [{"key": id, **{name: line[name] for name in OF_LINES}} for id, line in self.lines.items()]
        return {**{name: self.fields[name] for name in HEAD}, "lines": lines}

    def write(self, change: Update) -> tuple[list[str | None], dict[str, str]]:
        """Take a change in; gives the keys of the lines as they stand now, and what became of the ids of rebuilt ones."""
        after = {each.field: each.after for each in change.differences}
        if "lines" not in after:
            self.fields |= after
            return [], {}
        lines = after.pop("lines")
        self.fields |= after
        old, self.lines, renamed = self.lines, {}, {}
        for line in lines:
            was = line.get("external_id")
            id = was if was in old and not self.rebuilds else f"{next(self.ids)}"
            kept = old.get(was, {"private": f"of {id}"})
            self.lines[id] = {**kept, **{name: line[name] for name in OF_LINES if name in line}}
            if was in old and id != was:
                renamed[was] = id
        return [line.get("key") for line in lines], renamed


@dataclass
class Way:
    """A flow from one end to the other, what it has agreed on, and how often it wrote."""

    here: End
    there: End
    names: dict[str, str]  # our line's id -> theirs
    policy: Policy
    owners: dict[str, Any]
    agreed: Agreed | None = None
    back: Way | None = None
    writes: int = 0

    @property
    def terms(self) -> Terms:
        line_owners = {name.removeprefix("lines[]."): owner for name, owner in self.owners.items()}
        return Terms(owners=self.owners, lines=Ways(fields=OF_LINES, owners=line_owners, names=self.names))

    def run(self) -> bool:
        """Whether it went through, and nothing is held."""
        wanted, before = self.here.said(), self.there.said()
        change = decide(wanted, Match("7", holds=self.there.holds()), self.agreed, self.policy, self.terms)
        match change:
            case Hold():
                return False
            case Skip(reason):
                if reason in AGREED:
                    self.agreed = agree(wanted, self.there.holds(), self.agreed, self.terms)
                return True
            case Update():
                self.writes += 1
                self._settle(change, wanted, before)
        return True

    def _settle(self, change: Update, wanted: dict[str, Any], before: dict[str, Any]) -> None:
        assert self.back is not None
        keys, renamed = self.there.write(change)
        for key, id in zip(keys, self.there.lines, strict=bool(keys)):
            if key:
                self.names[key] = id
                self.back.names.pop(next((old for old, new in self.back.names.items() if new == key), ""), None)
                self.back.names[id] = key
        self.agreed = agree(wanted, self.there.holds(), self.agreed, self.terms)
        assert self.back.agreed is not None
        self.back.agreed = laid_over(
            self.back.agreed, before, self.there.said(), self.here.holds(), self.back.terms, renamed=renamed
        )


OTHER = {"source": "target", "target": "source"}


def world(rebuilds: bool, conflicts: str = "ask", owners: dict[str, Any] | None = None) -> tuple[Way, Way]:
    """Two ends that say the same, and know it."""
    left, right = End(), End(rebuilds=rebuilds)
    for end in (left, right):
        for at in range(3):
            end.add(description=f"line {at}", quantity="1")
    policies: Any = {"source": ("source", "target"), "target": ("target", "source"), "ask": ("ask", "ask")}[conflicts]
    names = {id: id for id in left.lines}
    owners = owners or {}
    mirrored = {name: OTHER[owner] for name, owner in owners.items()}
    forth = Way(left, right, dict(names), Policy(conflicts=policies[0]), owners)
    back = Way(right, left, dict(names), Policy(conflicts=policies[1]), mirrored)
    forth.back, back.back = back, forth
    for way in (forth, back):
        way.agreed = agree(way.here.said(), way.there.holds(), None)
    return forth, back


places = st.sampled_from(
    [*HEAD, *((at, name) for at in range(3) for name in OF_LINES), "add", *(("drop", at) for at in range(3))]
)
edits = st.lists(st.tuples(st.sampled_from(["left", "right"]), places, st.sampled_from("abc")), max_size=6)


def edit(end: End, place: Any, said: str) -> None:
    """What a person does at one end."""
    standing = list(end.lines)
    match place:
        case "add":
            end.add(description=f"added {said}", quantity="9")
        case ("drop", at) if at < len(standing):
            del end.lines[standing[at]]
        case (int() as at, name) if at < len(standing):
            end.lines[standing[at]][name] = said
        case str():
            end.fields[place] = said


def settle_down(forth: Way, back: Way) -> bool:
    """Both flows, until nothing is written any more; whether nothing is held then."""
    for _ in range(4):
        through = [way.run() for way in (forth, back)]
    return all(through)


def content(end: End) -> tuple[Any, Any]:
    """What an end says in what is mapped, lines in whatever order."""
    said = end.said()
    return {name: said[name] for name in HEAD}, sorted(tuple(line[name] for name in OF_LINES) for line in said["lines"])


@settings(max_examples=60, deadline=None)
@given(st.lists(edits, max_size=3), st.booleans(), st.sampled_from(["ask", "source", "target"]))
def test_after_any_edits_both_ends_agree_or_somebody_is_asked(
    rounds: list[Any], rebuilds: bool, conflicts: str
) -> None:
    forth, back = world(rebuilds, conflicts)
    for edits_ in rounds:
        for side, place, said in edits_:
            edit(forth.here if side == "left" else forth.there, place, said)
        through = settle_down(forth, back)

        assert conflicts == "ask" or through
        assert not through or content(forth.here) == content(forth.there)
        writes = forth.writes, back.writes
        settle_down(forth, back)
        assert (forth.writes, back.writes) == writes


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*HEAD, *((at, name) for at in range(3) for name in OF_LINES)]), st.sampled_from("abc")
        ),
        unique_by=lambda each: each[0],
    ),
    st.data(),
)
def test_no_field_is_lost_that_only_one_side_has_changed(changed: list[Any], data: st.DataObject) -> None:
    rebuilds = data.draw(st.booleans())
    forth, back = world(rebuilds)
    for place, said in changed:
        side = data.draw(st.sampled_from([forth.here, forth.there]))
        edit(side, place, said)

    assert settle_down(forth, back)

    for end in (forth.here, forth.there):
        lines = list(end.lines.values())
        for place, said in changed:
            assert said == (end.fields[place] if isinstance(place, str) else lines[place[0]][place[1]])


@settings(max_examples=25, deadline=None)
@given(edits, st.sampled_from(["ask", "source", "target"]))
def test_what_is_not_mapped_is_left_alone(edits_: list[Any], conflicts: str) -> None:
    forth, back = world(False, conflicts)
    for side, place, said in edits_:
        edit(forth.here if side == "left" else forth.there, place, said)

    settle_down(forth, back)

    for end in (forth.here, forth.there):
        assert end.fields["private"] == "mine"
        assert all(line["private"] == f"of {id}" for id, line in end.lines.items())


@settings(max_examples=25, deadline=None)
@given(edits, st.sampled_from(["ask", "source", "target"]))
def test_a_field_that_belongs_to_one_side_is_that_sides_alone(edits_: list[Any], conflicts: str) -> None:
    forth, back = world(False, conflicts, {"memo": "source", "due_on": "target"})
    meant = {}
    for side, place, said in edits_:
        edit(forth.here if side == "left" else forth.there, place, said)
        if (side, place) in (("left", "memo"), ("right", "due_on")):
            meant[place] = said

    if settle_down(forth, back):
        for end in (forth.here, forth.there):
            assert {name: end.fields[name] for name in ("memo", "due_on")} == {"memo": "0", "due_on": "0"} | meant


def test_figures_that_nobody_maps_are_not_said_of_a_line_that_changes() -> None:
    there = [{"external_id": "1", "quantity": "1", "net_amount": "10", "line_type": "item"}]
    ends = Ends(wanted=[{"key": "a", "quantity": "2"}], was=[{"key": "a", "quantity": "1"}], holds=there, stood=there)

    merged = merge(ends, Ways(fields=("quantity",), names={"a": "1"}), winner="ask")

    assert merged is not None
    assert merged.lines == [{"external_id": "1", "key": "a", "quantity": "2", "line_type": "item"}]
