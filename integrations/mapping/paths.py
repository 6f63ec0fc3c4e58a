"""Field paths: how a mapping names a place in a record, and what stands there.

`customer.name` is a field of a field, `lines[0].item` one of a list, `lines[].quantity` that field of every line, and
`extra["Ship date"]` a name that is no word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from msgspec import inspect as shape

from integrations.canonical import KINDS, references
from integrations.mapping.values import IN_WORDS, Type

MAX_LENGTH = 300
WORD = re.compile(r"[^\W\d][\w-]*")
TOKEN = re.compile(
    r"""(?P<name>[^\W\d][\w-]*) | \[(?P<index>\d{1,4})\] | (?P<every>\[\]) | \["(?P<quoted>[^"\]]+)"\] | (?P<dot>\.)""",
    re.VERBOSE,
)


class Every:
    """The step `[]`: all members of a list."""

    def __repr__(self) -> str:
        return "[]"


EVERY: Final = Every()
BESIDE: Final = "@kind"
"""What an open reference refers to: the kind written in the field `kind` beside it."""
Step = str | int | Every


class BadPath(ValueError):
    """A path that cannot be read, or that names nothing; the message says where and what there is instead."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path taken apart, ready to be followed through plain records."""

    text: str
    steps: tuple[Step, ...]
    read: Callable[[Any], Any] = field(repr=False, compare=False)
    """Follows the path; absent fields and list members give None, `[]` gives a list."""

    @property
    def gives_many(self) -> bool:
        return EVERY in self.steps

    @property
    def generic(self) -> str:
        """The path without positions, as fields are declared: `lines[0].item` is a `lines[].item`."""
        return written(EVERY if isinstance(step, int) else step for step in self.steps)


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """The path that the text writes; BadPath says at which character it stops making sense."""
    if len(text) > MAX_LENGTH:
        raise BadPath(f"a path has at most {MAX_LENGTH} characters")
    steps: list[Step] = []
    at, joined = 0, False
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise _broken(text, at, "this is neither a name, a dot nor [..]")
        if token["dot"]:
            if joined or not steps:
                raise _broken(text, at, "a name is missing before this dot")
            joined = True
        elif token["name"]:
            if steps and not joined:
                raise _broken(text, at, "a dot is missing before this name")
            steps.append(token["name"])
            joined = False
        else:
            if joined or not steps:
                raise _broken(text, at, "a name is missing before this bracket")
            steps.append(_bracketed(token))
        at = token.end()
    if joined or not steps:
        raise _broken(text, at, "a name is missing here")
    return Path(text, tuple(steps), _reader(tuple(steps)))


def _bracketed(token: re.Match[str]) -> Step:
    if token["every"]:
        return EVERY
    return str(token["quoted"]) if token["quoted"] else int(token["index"])


def _broken(text: str, at: int, why: str) -> BadPath:
    return BadPath(f"'{text}': {why} (character {at + 1})")


def written(steps: Iterable[Step]) -> str:
    """The text of a path made of these steps."""
    text = ""
    for step in steps:
        if isinstance(step, str) and WORD.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]' if isinstance(step, str) else "[]" if isinstance(step, Every) else f"[{step}]"
    return text


def _reader(steps: tuple[Step, ...]) -> Callable[[Any], Any]:
    # The plain cases are nine in ten and are run a few dozen times for each record.
    match steps:
        case (str() as only,):
            return lambda record: record.get(only)
        case (str() as outer, str() as inner):

            def read_two(record: Any) -> Any:
                group = record.get(outer)
                return group.get(inner) if isinstance(group, dict) else None

            return read_two
    return lambda record: follow(record, steps)


def follow(value: Any, steps: Sequence[Step]) -> Any:
    """What stands at the end of the steps from here; None where there is nothing."""
    for position, step in enumerate(steps):
        if isinstance(step, Every):
            rest = steps[position + 1 :]
            found = (follow(member, rest) for member in value) if isinstance(value, list | tuple) else ()
            return [member for part in found for member in (part if isinstance(part, list) else (part,))]
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
        if value is None:
            return None
    return value


# What stands at a path, by the canonical records' own declaration


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a kind of record: its type, which kind a reference there names, and the words a choice allows."""

    path: str
    type: Type
    refers_to: str | None = None
    """The kind of the record named there; `@kind` where the field `kind` beside it says so."""
    choices: tuple[str, ...] = ()
    members: Place | None = None
    """What the members of a list are."""
    group: str = ""
    """Which group of fields it is, such as `Address`: only its like can be copied there whole."""
    holds_references: bool = False
    """Whether it is or has a reference somewhere, so that it cannot be copied from system to system as it is."""

    @property
    def in_words(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.refers_to and self.refers_to in KINDS:
            noun = self.refers_to.replace("_", " ")
            return f"a reference to {'an' if noun[0] in 'aeiou' else 'a'} {noun}"
        return IN_WORDS[self.type]


def place(kind: str, path: str | Path, *, within: str = "") -> Place:
    """What stands at a path of this kind of record, or of the members of its list `within`; BadPath where nothing does.

    Below `extra` everything exists: those are the vendor's names, known only when a record comes.
    """
    parsed = parse(path) if isinstance(path, str) else path
    start = parse(f"{within}[]").steps if within else ()
    return _place(kind, (*start, *parsed.steps), len(start))


def places(kind: str, *, within: str = "") -> list[Place]:
    """The paths of a kind, or of the members of its list `within`, that a person may choose, in the order of declaration."""
    start = parse(f"{within}[]").steps if within else ()
    return [_place(kind, (*start, *steps), len(start)) for steps in _names(_declared(kind, start, 0))]


@lru_cache(maxsize=8192)
def _place(kind: str, steps: tuple[Step, ...], start: int) -> Place:
    declared = _declared(kind, steps, start)
    generic = written(EVERY if isinstance(step, int) else step for step in steps)
    found = _read(kind, generic, declared)
    path = written(steps[start:])
    if EVERY in steps[start:]:
        return Place(path=path, type="list", members=found, holds_references=found.holds_references)
    return replace(found, path=path)


def _declared(kind: str, steps: tuple[Step, ...], start: int) -> shape.Type:
    """The declared type at the end of the steps; the first `start` of them are not shown in errors."""
    if kind not in KINDS:
        raise BadPath(f"there is no kind of record '{kind}'{_instead(kind, list(KINDS))}")
    here: shape.Type = shape.type_info(KINDS[kind])
    for position, step in enumerate(steps):
        if isinstance(here, shape.AnyType | shape.DictType):
            return shape.AnyType()
        text, holder = written(steps[start:]), written(steps[:position]) or kind
        if isinstance(step, str):
            if not isinstance(here, shape.StructType):
                raise BadPath(f"'{text}': {holder} is {_read(kind, holder, here).in_words} and has no field '{step}'")
            fields = {entry.encode_name: entry.type for entry in here.fields}
            if step not in fields:
                raise BadPath(f"'{text}': {holder} has no field '{step}'{_instead(step, list(fields))}")
            here = _bare(fields[step])
        elif isinstance(here, shape.ListType):
            here = _bare(here.item_type)
        else:
            raise BadPath(f"'{text}': {holder} is {_read(kind, holder, here).in_words}, no list")
    return here


def _bare(declared: shape.Type) -> shape.Type:
    """A declared type without its notes and without 'or nothing'."""
    while isinstance(declared, shape.Metadata | shape.UnionType):
        if isinstance(declared, shape.Metadata):
            declared = declared.type
        else:
            declared = next(entry for entry in declared.types if not isinstance(entry, shape.NoneType))
    return declared


_SCALARS: dict[type[shape.Type], Type] = {
    shape.StrType: "text",
    shape.DecimalType: "number",
    shape.IntType: "whole",
    shape.BoolType: "yes_no",
    shape.DateType: "date",
    shape.DateTimeType: "moment",
}


def _read(kind: str, generic: str, declared: shape.Type) -> Place:
    known = references(kind)
    inside = any(path == generic or path.startswith((f"{generic}.", f"{generic}[]")) for path in known)
    if scalar := _SCALARS.get(type(declared)):
        return Place(path=generic, type=scalar)
    if isinstance(declared, shape.LiteralType):
        return Place(path=generic, type="text", choices=tuple(str(word) for word in declared.values))
    if isinstance(declared, shape.StructType):
        if to := known.get(generic):
            return Place(path=generic, type="reference", refers_to=to, holds_references=True)
        return Place(path=generic, type="group", group=declared.cls.__name__, holds_references=inside)
    if isinstance(declared, shape.ListType):
        members = _read(kind, f"{generic}[]", _bare(declared.item_type))
        return Place(path=generic, type="list", members=members, holds_references=inside)
    return Place(path=generic, type="anything")


def _names(declared: shape.Type, before: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    if not isinstance(declared, shape.StructType):
        return
    for entry in declared.fields:
        yield (*before, entry.encode_name)
        # Two levels show every address, and the account of every price.
        if len(before) < 2:
            yield from _names(_bare(entry.type), (*before, entry.encode_name))


def _instead(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(sorted(known))}"
