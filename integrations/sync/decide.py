"""What is to be done about one record: a pure function of what each side says and of what both last agreed on.

Three ways, field by field, and lines line by line: a field goes where only the source has changed it, stays where only the
target has, and where both have the policy says who wins. A field that belongs to one side is that side's alone. Field
values come in their comparable form (`fields.comparable`): texts, booleans, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.mapping.rules import Owner
from integrations.sync import lines_merged
from integrations.sync.alike import alike, says
from integrations.sync.lines_merged import Ends, Ways
from integrations.sync.policy import Policy, Winner

Fields = Mapping[str, Any]
LINES = "lines"


@dataclass(frozen=True, slots=True)
class Match:
    """Who a source record is at the target."""

    target_id: str | None = None
    candidates: Sequence[str] = ()
    holds: Fields | None = None  # what the target says now, in canonical fields; None where it was never read
    gone: str = ""  # how the target's record went away, if it did
    seen: str = ""  # the digest of the target's record as it was looked at
    newer: bool | None = None  # whether the source's record was changed after the target's; None where nobody can tell


@dataclass(frozen=True, slots=True)
class Agreed:
    """The mapped fields of both ends as they last agreed, each in canonical fields of the target's kind."""

    source: Fields
    target: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a record is shared: to whom fields belong that do not belong to both, and how its lines go."""

    owners: Mapping[str, Owner] = field(default_factory=dict)
    lines: Ways | None = None


ALL_SHARED = Terms()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is to change: what the target says, and what it is to say."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Create:
    """Make it at the target."""


@dataclass(frozen=True, slots=True)
class Update:
    """Change these fields of the target's record."""

    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Void:
    """Void the target's record: it stays, at zero."""


@dataclass(frozen=True, slots=True)
class Credit:
    """Take the target's document back by another one that credits it: it stays as it is."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave the target as it is, for a listed reason."""

    reason: str
    differences: Sequence[Difference] = field(default=())


@dataclass(frozen=True, slots=True)
class Hold:
    """A person must look."""

    reason: str
    words: str
    candidates: Sequence[str] = ()


Change = Create | Update | Void | Credit | Skip | Hold

# Every reason for which nothing is done and the run is still green.
SKIPS = {
    "nothing_new": "the source says what it said before",
    "same_already": "the target says so already",
    "changed_there": "only the target changed since both agreed",
    "target_wins": "both sides changed, and the target wins by policy",
    "not_wanted": "the flow's condition leaves it out",
    "gone_before": "it was gone at the source before it reached the target",
    "gone_left": "it is gone at the source, and the policy leaves the target as it is",
    "void_already": "the target's record is void already",
    "no_creates": "the flow creates nothing",
    "no_updates": "the flow updates nothing",
}


def decide(wanted: Fields, match: Match, agreed: Agreed | None, policy: Policy, terms: Terms = ALL_SHARED) -> Change:
    """What to do about a live source record whose mapped fields are `wanted`."""
    if match.candidates:
        words = f"it cannot be told who this is there: {', '.join(match.candidates)} could be, and not for sure"
        return Hold("several_candidates", words, match.candidates)
    if match.target_id is None:
        return Create() if "create" in policy.may else Skip("no_creates")
    shared = {name: said for name, said in wanted.items() if terms.owners.get(name) != "target"}
    if match.gone:
        # What cannot be read there may still be what was agreed: adding up both ends tells.
        if (
            match.gone == "unreadable"
            and agreed
            and all(says(agreed.source.get(name), shared[name]) for name in shared)
        ):
            return Skip("nothing_new")
        return Hold(
            "target_gone", f"the target's record {match.target_id} is {match.gone} there, but lives at the source"
        )
    holds = match.holds or {}
    if agreed is None:
        return _first_match(shared, holds, policy)
    winner = _winner(match, policy)
    fields = [_field(name, said, holds, agreed, winner, terms) for name, said in shared.items()]
    news = [each for each in fields if each.is_news]
    if not news:
        theirs = [each.name for each in fields if each.is_theirs]
        return Skip("changed_there", _differences(theirs, wanted, holds)) if theirs else Skip("nothing_new")
    clashes = [name for each in news for name in each.clashes]
    if clashes and winner == "ask":
        return Hold("both_changed", f"both sides changed {', '.join(sorted(clashes))} since they last agreed")
    goes = [each for each in news if each.is_open]
    if goes:
        after = {each.name: each.after for each in goes}
        return _update(list(after), after, holds, policy)
    lost = [each.name for each in news if each.clashes]
    return Skip("target_wins", _differences(lost, wanted, holds)) if lost else Skip("same_already")


@dataclass(frozen=True, slots=True)
class _Field:
    """One mapped field, three ways."""

    name: str
    after: Any  # what the target is to say
    is_news: bool  # the source says something else than was agreed
    is_theirs: bool  # the target does
    is_open: bool  # the target has to change for it
    clashes: Sequence[str] = ()


def _field(name: str, said: Any, holds: Fields, agreed: Agreed, winner: Winner, terms: Terms) -> _Field:
    there, is_open = holds.get(name), not says(holds.get(name), said)
    is_news = not says(agreed.source.get(name), said)
    if terms.owners.get(name) == "source":
        return _Field(name, said, is_news or is_open, False, is_open)
    if name == LINES and terms.lines is not None and (ends := _ends(said, holds, agreed)) is not None:
        merged = lines_merged.merge(ends, terms.lines, winner=winner)
        if merged is not None:
            is_open = not _same_lines(merged.lines, ends.holds)
            return _Field(name, merged.lines, merged.news, merged.theirs, is_open, tuple(merged.clashes))
    is_theirs = not alike(there, agreed.target.get(name))
    clashes = (name,) if is_news and is_open and is_theirs else ()
    return _Field(name, said, is_news, is_theirs, is_open and not (clashes and winner == "target"), clashes)


def _ends(said: Any, holds: Fields, agreed: Agreed) -> Ends | None:
    """The lines at both ends, now and when both last agreed; None where one of them has none to tell apart."""
    all_four: tuple[Any, ...] = said, holds.get(LINES), agreed.source.get(LINES), agreed.target.get(LINES)
    if not all(isinstance(each, list) for each in all_four):
        return None
    wanted, there, was, stood = all_four
    return Ends(wanted=wanted, holds=there, was=was, stood=stood)


def _same_lines(merged: Sequence[Fields], there: Sequence[Fields]) -> bool:
    standing = {line.get("external_id"): line for line in there}
    return len(merged) == len(standing) and all(
        line.get("external_id") in standing and says(standing[line["external_id"]], _asked(line)) for line in merged
    )


def _asked(line: Fields) -> Fields:
    return {name: said for name, said in line.items() if name != "external_id"}


def agree(wanted: Fields, holds: Fields, agreed: Agreed | None, terms: Terms = ALL_SHARED) -> Agreed:
    """What both ends agree on, once it is decided and done.

    What only the target has changed stays as it was agreed before: if the source changes it later, both will have.
    """
    if agreed is None:
        return Agreed(wanted, {name: holds.get(name) for name in wanted})
    return Agreed(wanted, {name: _agreed_there(name, said, holds, agreed, terms) for name, said in wanted.items()})


def _agreed_there(name: str, said: Any, holds: Fields, agreed: Agreed, terms: Terms) -> Any:
    there = holds.get(name)
    if name == LINES and terms.lines is not None and (ends := _ends(said, holds, agreed)) is not None:
        lines = lines_merged.stood(ends, terms.lines)
        if lines is not None:
            return lines
    is_theirs_alone = name in agreed.source and says(agreed.source[name], said) and not says(there, said)
    return agreed.target.get(name) if is_theirs_alone else there


def _winner(match: Match, policy: Policy) -> Winner:
    """Who wins where both sides changed the same field; a person says it where nobody can tell who was last."""
    if policy.conflicts == "newest":
        return "ask" if match.newer is None else "source" if match.newer else "target"
    return policy.conflicts


def _first_match(wanted: Fields, holds: Fields, policy: Policy) -> Change:
    """The two were recognised as one just now: nothing was ever agreed, so only what differs is open."""
    differing = [name for name in wanted if not says(holds.get(name), wanted[name])]
    if not differing:
        return Skip("same_already")
    if policy.first_match == "target":
        return Skip("target_wins", _differences(differing, wanted, holds))
    if policy.first_match == "ask":
        return Hold("differs_on_first_match", f"recognised there, but {', '.join(sorted(differing))} differ")
    return _update(differing, wanted, holds, policy)


def _update(names: Sequence[str], wanted: Fields, holds: Fields, policy: Policy) -> Change:
    differences = _differences(names, wanted, holds)
    return Update(differences) if "update" in policy.may else Skip("no_updates", differences)


def _differences(names: Sequence[str], wanted: Fields, holds: Fields) -> tuple[Difference, ...]:
    return tuple(Difference(name, holds.get(name), wanted[name]) for name in sorted(names))
