"""The rules of a mapping as data: which field of the target comes from what, and how.

A template has rules, a tenant has changes to them; `merge` gives what holds. All of it is JSON:

    {"from": "invoice", "to": "invoice", "fields": [
      {"to": "number", "from": "number", "transforms": [{"do": "truncate", "with": {"length": 21}}], "required": true},
      {"to": "customer", "from": "customer", "default": "@walk_in_customer"},
      {"to": "lines", "from": "lines", "each": [{"to": "item", "from": "item"}, {"to": "quantity", "from": "quantity"}]}]}

Within `each`, paths start at the member of the list, and at the whole record where they begin with `record.`. A constant, a
default or a table's name that begins with @ stands for the answer to a question of the template; `@name?` may stay open.
A value that itself begins with @ is written with @@.

A field belongs to the source (what it says holds, whatever anybody writes at the target), to the target (it is written
once, with the record, and is the target's from then on), or to both, and then `conflicts` says who wins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from integrations.mapping.transforms import TRANSFORMS
from integrations.mapping.values import shown

WITHIN = "[]."

Owner = Literal["both", "source", "target"]
Conflicts = Literal["source", "target", "newest", "ask"]


class Data(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is kept as JSON: unknown members are refused, defaults are left out."""


class Step(Data, frozen=True, kw_only=True, rename={"arguments": "with"}):
    """One transform with its arguments."""

    do: str
    arguments: dict[str, Any] = {}


class Rule(Data, frozen=True, kw_only=True, rename={"source": "from"}):
    """How one field of the target gets its value: from a field, a constant or an expression, then transforms, then a table.

    A table's entries, a constant and a default are values of the target; where the field is a reference they are external
    ids there. A reference that the table does not know is to whom its record is linked. Text that reaches a reference
    without a table is the external id of a record of the source.
    """

    to: str
    source: str | None = None
    constant: Any = None
    expression: str | None = None
    transforms: tuple[Step, ...] = ()
    table: str | None = None
    default: Any = None
    required: bool = False
    owner: Owner = "both"
    each: tuple[Rule, ...] = ()


class Rules(Data, frozen=True, kw_only=True, rename={"kind_from": "from", "kind_to": "to"}):
    """How records of one kind become records of a kind in the target.

    `conflicts`: who wins where both sides changed a field of both since they last agreed; None is as the flow says.
    `comes_to`: where amounts are changed on purpose, an expression that says what a document is to come to at the target,
    over `context.total`, what it comes to at the source; totals are compared with that.
    """

    kind_from: str
    kind_to: str
    fields: tuple[Rule, ...]
    conflicts: Conflicts | None = None
    comes_to: str | None = None


class Changes(Data, frozen=True, kw_only=True):
    """What a tenant does otherwise than its template; paths are those of the target, `lines[].item` within lines."""

    put: tuple[Rule, ...] = ()
    drop: tuple[str, ...] = ()
    # Path → to whom the field belongs.
    owners: dict[str, Owner] = {}
    conflicts: Conflicts | None = None
    comes_to: str | None = None


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong with rules: where in their JSON, at which field of the target, and why."""

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        place = f" (at {self.where})" if self.where else ""
        return f"{self.field or 'the rules'}: {self.message}{place}"


class BadRules(ValueError):
    """Rules that cannot be used; every fault is named."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(map(str, self.faults)))


# As JSON

Form = TypeVar("Form", bound=Data)


def from_json(text: str | bytes, form: type[Form]) -> Form:
    """What JSON writes, in its form only (`check.faults` judges what rules say), numbers exact; BadRules."""
    try:
        return msgspec.json.Decoder(form, float_hook=Decimal).decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _misformed(error) from error


def from_plain(plain: Any, form: type[Form]) -> Form:
    """What plain JSON values write, in its form only; numbers with a point must be text, as `to_plain` gives; BadRules."""
    for where in _floats(plain, ""):
        raise BadRules([Fault(where=where, field="", message="write a number with a point as text, as in '0.5'")])
    try:
        return msgspec.convert(plain, form)
    except msgspec.MsgspecError as error:
        raise _misformed(error) from error


def to_plain(data: Data) -> dict[str, Any]:
    """Rules, changes or steps as JSON values; numbers with a point become text."""
    # By way of JSON, so that it is what a database gives back: lists, not tuples.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    return plain


def _misformed(error: Exception) -> BadRules:
    message, _, where = str(error).partition(" - at `$")
    return BadRules([Fault(where=where.rstrip("`").lstrip("."), field="", message=message.replace("`", "'"))])


def _floats(plain: Any, where: str) -> Iterator[str]:
    if isinstance(plain, float):
        yield where
    elif isinstance(plain, dict):
        for name, value in plain.items():
            yield from _floats(value, f"{where}.{name}" if where else str(name))
    elif isinstance(plain, list | tuple):
        for position, value in enumerate(plain):
            yield from _floats(value, f"{where}[{position}]")


# Template and tenant


def merge(rules: Rules, changes: Changes) -> Rules:
    """The rules that hold: a put rule replaces the one for its path or comes after the others, a dropped path has none.

    Dropping what a newer template no longer has is no fault; a put rule within a list that has no rules is one (BadRules).
    """
    fields = _owned(_merged(rules.fields, changes.put, changes.drop, ""), changes.owners, "")
    conflicts, comes_to = changes.conflicts or rules.conflicts, changes.comes_to or rules.comes_to
    return replace(rules, fields=fields, conflicts=conflicts, comes_to=comes_to)


def _owned(rules: Iterable[Rule], owners: Mapping[str, Owner], inside: str) -> tuple[Rule, ...]:
    """The rules with the owners that are named; a path that no rule is for any more is no fault.

    A field's owner is that of all its parts: `billing_address` is that of `billing_address.city`.
    """
    return tuple(
        replace(
            rule,
            owner=owners.get(f"{inside}{rule.to}", owners.get(f"{inside}{rule.to.partition('.')[0]}", rule.owner)),
            each=_owned(rule.each, owners, f"{inside}{rule.to}{WITHIN}"),
        )
        for rule in rules
    )


def owners_of(rules: Rules) -> dict[str, Owner]:
    """To whom each field belongs that does not belong to both: path → owner."""
    return dict(_owners(rules.fields, ""))


def _owners(rules: Iterable[Rule], inside: str) -> Iterator[tuple[str, Owner]]:
    for rule in rules:
        if rule.owner != "both":
            yield f"{inside}{rule.to}", rule.owner
        yield from _owners(rule.each, f"{inside}{rule.to}{WITHIN}")


def _merged(rules: Collection[Rule], put: Collection[Rule], drop: Collection[str], inside: str) -> tuple[Rule, ...]:
    here = {rule.to: rule for rule in put if WITHIN not in rule.to}
    deeper = {rule.to.partition(WITHIN)[0] for rule in put if WITHIN in rule.to}
    deeper |= {path.partition(WITHIN)[0] for path in drop if WITHIN in path}
    merged = []
    for rule in rules:
        if rule.to in drop and rule.to not in here:
            continue
        merged.append(here.pop(rule.to, rule))
    merged.extend(here.values())
    lists = {rule.to: position for position, rule in enumerate(merged) if rule.each}
    for name in sorted(deeper):
        own_put = [replace(rule, to=rest) for rule in put if (rest := _below(rule.to, name))]
        own_drop = [rest for path in drop if (rest := _below(path, name))]
        if name in lists:
            rule = merged[lists[name]]
            each = _merged(rule.each, own_put, own_drop, f"{inside}{name}{WITHIN}")
            merged[lists[name]] = replace(rule, each=each)
        elif own_put:
            path = f"{inside}{name}{WITHIN}{own_put[0].to}"
            raise BadRules(
                [Fault(where="put", field=path, message=f"there are no rules for the members of {inside}{name}")]
            )
    return tuple(merged)


def _below(path: str, name: str) -> str:
    return path.removeprefix(f"{name}{WITHIN}") if path.startswith(f"{name}{WITHIN}") else ""


def changes_between(rules: Rules, wanted: Rules) -> Changes:
    """The changes that make these rules the wanted ones, but for their order: what is kept when an editor saves."""
    put: list[Rule] = []
    drop: list[str] = []
    for path, before, after in _compared(rules.fields, wanted.fields, ""):
        if after is None:
            drop.append(path)
        elif before is None or replace(before, to=path) != replace(after, to=path):
            put.append(replace(after, to=path))
    return Changes(put=tuple(put), drop=tuple(drop), conflicts=wanted.conflicts, comes_to=wanted.comes_to)


def _compared(old: Iterable[Rule], new: Iterable[Rule], inside: str) -> Iterator[tuple[str, Rule | None, Rule | None]]:
    """Each path with its rule before and after; a list whose own rule is the same is compared member by member."""
    before = {rule.to: rule for rule in old}
    for rule in new:
        path, was = f"{inside}{rule.to}", before.pop(rule.to, None)
        if was and was.each and rule.each and replace(was, each=()) == replace(rule, each=()):
            yield from _compared(was.each, rule.each, f"{path}{WITHIN}")
        else:
            yield path, was, rule
    for rule in before.values():
        yield f"{inside}{rule.to}", rule, None


# Answers


def answered(rules: Rules, answers: Mapping[str, Any]) -> Rules:
    """The rules with the answers in place of the questions.

    Where `@name?` has no answer, the rule or its default falls away; where `@name` has none, it stays, and nothing runs.
    """
    return replace(rules, fields=_answered(rules.fields, answers))


def _answered(rules: Iterable[Rule], answers: Mapping[str, Any]) -> tuple[Rule, ...]:
    filled = (
        replace(
            rule,
            constant=_answer(rule.constant, answers),
            default=_answer(rule.default, answers),
            table=_answer(rule.table, answers),
            each=_answered(rule.each, answers),
        )
        for rule in rules
    )
    return tuple(rule for rule in filled if (rule.source, rule.constant, rule.expression) != (None, None, None))


def _answer(value: Any, answers: Mapping[str, Any]) -> Any:
    if not is_question(value):
        return value
    answer = answers.get(_asked(value))
    if answer in (None, ""):
        return None if value.endswith("?") else value
    return f"@{answer}" if isinstance(answer, str) and answer.startswith("@") else answer


def _asked(value: str) -> str:
    return value.removeprefix("@").removesuffix("?")


def is_question(value: object) -> bool:
    """Whether a constant, default or table's name stands for the answer to a question."""
    return isinstance(value, str) and value.startswith("@") and not value.startswith("@@")


def literal(value: Any) -> Any:
    """A constant, default or table's name as it is meant: `@@home` is @home."""
    return value[1:] if isinstance(value, str) and value.startswith("@@") else value


def questions_of(rules: Rules) -> dict[str, bool]:
    """The questions whose answers the rules use, by name, and whether one of the rules cannot do without."""
    needed: dict[str, bool] = {}
    for rule in _all(rules.fields):
        for value in filter(is_question, (rule.constant, rule.default, rule.table)):
            needed[_asked(value)] = needed.get(_asked(value), False) or not value.endswith("?")
    return needed


def tables_of(rules: Rules) -> set[str]:
    """The names of the value tables that the rules use."""
    return {literal(rule.table) for rule in _all(rules.fields) if rule.table and not is_question(rule.table)}


def _all(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _all(rule.each)


# For people


class Difference(Struct, frozen=True, kw_only=True):
    """One field that two versions of the rules treat differently, in words."""

    path: str
    change: Literal["added", "removed", "changed"]
    before: str
    after: str

    def __str__(self) -> str:
        match self.change:
            case "added":
                return f"{self.path} is added: {self.after}"
            case "removed":
                return f"{self.path} is no longer set (it was {self.before})"
        return f"{self.path} changes from {self.before} to {self.after}"


def difference(old: Rules, new: Rules) -> list[Difference]:
    """What the new rules do otherwise than the old ones, field by field."""
    found = []
    for path, before, after in _compared(old.fields, new.fields, ""):
        if before == after:
            continue
        change: Literal["added", "removed", "changed"] = (
            "changed" if before and after else "added" if after else "removed"
        )
        words = ["" if rule is None else in_words(rule) for rule in (before, after)]
        found.append(Difference(path=path, change=change, before=words[0], after=words[1]))
    if old.conflicts != new.conflicts:
        words = [each.conflicts or "as the flow says" for each in (old, new)]
        found.append(Difference(path="who wins", change="changed", before=words[0], after=words[1]))
    if old.comes_to != new.comes_to:
        words = [each.comes_to or "what it comes to at the source" for each in (old, new)]
        found.append(Difference(path="what a document comes to", change="changed", before=words[0], after=words[1]))
    return found


def in_words(rule: Rule) -> str:
    """What a rule does, in one line."""
    if rule.expression is not None:
        start = f"the expression {rule.expression}"
    elif rule.source is not None:
        start = rule.source
    else:
        start = f"always {_value_in_words(rule.constant)}"
    parts = [start, *(_step_in_words(step) for step in rule.transforms)]
    if rule.table:
        parts.append(f"by the value table {_value_in_words(rule.table) if is_question(rule.table) else rule.table}")
    if rule.default is not None:
        parts.append(f"where empty {_value_in_words(rule.default)}")
    if rule.each:
        members = "; ".join(f"{member.to}: {in_words(member)}" for member in rule.each)
        parts.append(f"each member with ({members})")
    if rule.required:
        parts.append("required")
    if rule.owner != "both":
        parts.append(f"belongs to the {rule.owner}")
    return ", ".join(parts)


def _value_in_words(value: Any) -> str:
    return f"the answer to '{_asked(value)}'" if is_question(value) else shown(literal(value))


def _step_in_words(step: Step) -> str:
    known = TRANSFORMS.get(step.do)
    label = known.label.lower() if known else step.do
    arguments = ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in step.arguments.items())
    return f"{label} ({arguments})" if arguments else label
