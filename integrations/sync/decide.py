"""What is to be done about one record: a pure function of what each side says and of what both last agreed on.

Field values come in their comparable form (`fields.comparable`): texts, booleans, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sync.policy import Policy, Winner

Fields = Mapping[str, Any]
LINE_KEY = "key"  # the source's own key of a line: it tells lines apart, and no target is asked to hold it
EMPTY: tuple[Any, ...] = (None, "", [], {})
REF = {"external_id", "number", "name"}  # the members of a reference: where both ends give the id, it alone counts


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


Change = Create | Update | Void | Skip | Hold

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


def decide(wanted: Fields, match: Match, agreed: Agreed | None, policy: Policy) -> Change:
    """What to do about a live source record whose mapped fields are `wanted`."""
    if match.candidates:
        words = f"it cannot be told who this is there: {', '.join(match.candidates)} could be, and not for sure"
        return Hold("several_candidates", words, match.candidates)
    if match.target_id is None:
        return Create() if "create" in policy.may else Skip("no_creates")
    if match.gone:
        return Hold(
            "target_gone", f"the target's record {match.target_id} is {match.gone} there, but lives at the source"
        )
    holds = match.holds or {}
    if agreed is None:
        return _first_match(wanted, holds, policy)
    ours = [name for name in wanted if not says(agreed.source.get(name), wanted[name])]
    if not ours:
        theirs = [name for name in wanted if not _alike(holds.get(name), agreed.target.get(name))]
        return Skip("changed_there", _differences(theirs, wanted, holds)) if theirs else Skip("nothing_new")
    ours = [name for name in ours if not says(holds.get(name), wanted[name])]
    if not ours:
        return Skip("same_already")
    clashes = [name for name in ours if not _alike(holds.get(name), agreed.target.get(name))]
    winner = _winner(match, policy)
    if clashes and winner == "ask":
        return Hold("both_changed", f"both sides changed {', '.join(sorted(clashes))} since they last agreed")
    if clashes and winner == "target":
        ours = [name for name in ours if name not in clashes]
        if not ours:
            return Skip("target_wins", _differences(clashes, wanted, holds))
    return _update(ours, wanted, holds, policy)


def _winner(match: Match, policy: Policy) -> Winner:
    """Who wins where both sides changed the same field; a person says it where nobody can tell who was last."""
    if policy.conflicts == "newest":
        return "ask" if match.newer is None else "source" if match.newer else "target"
    return policy.conflicts


def decide_gone(how: str, match: Match, policy: Policy) -> Change:
    """What to do where the source record is voided, deleted or merged: never delete a document because it vanished."""
    if match.target_id is None:
        return Skip("gone_before")
    if match.gone:
        return Skip("void_already")
    if policy.source_gone == "leave" or how == "archived":
        return Skip("gone_left")
    if how == "unreadable":  # a fault of today is no proof that anything is gone
        return Hold("source_gone", f"the record cannot be read at the source; the target holds {match.target_id}")
    if (how == "voided" or policy.source_gone == "void") and "void" in policy.may:
        return Void()
    return Hold("source_gone", f"the record is {how} at the source; the target still holds {match.target_id}")


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


def says(holds: Any, wanted: Any) -> bool:
    """Whether a value says all that is wanted of it; what it says beyond that does not count.

    Texts compare without the blanks at their ends, which vendors strip; references by external id where both have one.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(holds, Mapping):
            return not wanted and holds is None
        if wanted.keys() <= REF and "external_id" in wanted and "external_id" in holds:
            return bool(wanted["external_id"] == holds["external_id"])
        return all(says(holds.get(name), value) for name, value in wanted.items() if name != LINE_KEY)
    if isinstance(wanted, list | tuple):
        if not isinstance(holds, list | tuple):
            return not wanted and holds is None
        return len(holds) == len(wanted) and all(map(says, holds, wanted))
    if isinstance(wanted, str) and isinstance(holds, str):
        return holds.strip() == wanted.strip()
    return bool(holds == wanted) or (wanted in EMPTY and holds in EMPTY)


def _alike(one: Any, other: Any) -> bool:
    return says(one, other) and says(other, one)
