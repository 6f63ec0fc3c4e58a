"""From a record of the source to the values of the target: pure, compiled once for a mapping, run for every record.

A translation never guesses: what has no entry in a value table, no counterpart in the target, or no value where one is
required is named with its field. Only fields that have a rule appear; what is not mapped is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeAlias

from msgspec.structs import replace

from integrations.canonical import KINDS
from integrations.canonical.refs import OF_LINE
from integrations.mapping.check import Level, check
from integrations.mapping.expression import CannotEvaluate, compile_expression
from integrations.mapping.paths import BESIDE, BadPath, Place, follow, parse, place
from integrations.mapping.rules import BadRules, Fault, Rule, Rules, literal, questions_of
from integrations.mapping.transforms import CannotTransform, transform_called
from integrations.mapping.values import CONVERT, UnfitValue, as_text, is_empty, shown

Group: TypeAlias = Mapping[str, Any]
Refer: TypeAlias = Callable[[str, dict[str, Any]], str | None]
Tables: TypeAlias = Mapping[str, Mapping[str, str]]
Origin: TypeAlias = "Callable[[Group, Work], Any]"

REST = "*"
"""The entry of a value table for every value that has none of its own."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference whose record is not in the target yet: its kind and names in the source, and the field that needs it."""

    kind: str
    ref: dict[str, Any]
    path: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that has no value for this record, and what to do about it."""

    path: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}{f'; {self.advice}' if self.advice else ''}"


@dataclass(slots=True)
class Translation:
    """What the target is to say: values by its canonical fields, and what stands in the way."""

    values: dict[str, Any]
    fields: frozenset[str]
    """The fields that the mapping speaks of; one that has no value is to be empty in the target."""
    missing: list[Missing] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.problems


def translate(rules: Rules, record: Group, *, tables: Tables, refer: Refer, context: Group) -> Translation:
    """The plain record of the source in the words of the target; BadRules where the rules cannot be used at all."""
    return translator(rules).translate(record, tables=tables, refer=refer, context=context)


def needed_refs(rules: Rules, record: Group) -> set[tuple[str, str]]:
    """The (kind, external id) of all records of the source that `translate` will refer to by id."""
    return translator(rules).needed_refs(record)


def mapped_fields(rules: Rules) -> frozenset[str]:
    """The fields of the target that the rules speak of."""
    return frozenset(str(parse(rule.to).steps[0]) for rule in rules.fields)


def translator(rules: Rules) -> Translator:
    """The rules made ready; kept for as long as the same rules are used again."""
    kept = _KEPT.get(id(rules))
    if kept is None or kept.rules is not rules:
        if len(_KEPT) >= 256:
            _KEPT.clear()
        kept = _KEPT[id(rules)] = Translator(rules)
    return kept


@dataclass(slots=True)
class Work:
    """One record on its way."""

    record: Group
    tables: Tables
    refer: Refer
    context: Group
    missing: list[Missing] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: str, message: str, advice: str = "") -> None:
        self.problems.append(Problem(path, message, advice))


class Translator:
    """Rules made ready for many records."""

    def __init__(self, rules: Rules) -> None:
        check(rules)
        if asked := questions_of(rules):
            message = f"the questions {', '.join(sorted(asked))} have no answer yet"
            raise BadRules([Fault(where="", field="", message=message)])
        self.rules = rules
        self.mapped = mapped_fields(rules)
        level = Level(rules.kind_from, rules.kind_to)
        self.fields = [_compile(rule, level) for rule in rules.fields]

    def translate(self, record: Group, *, tables: Tables, refer: Refer, context: Group) -> Translation:
        work = Work(record, tables, refer, context)
        values: dict[str, Any] = {}
        for entry in self.fields:
            entry.fill(values, record, work, "")
        return Translation(values, self.mapped, work.missing, work.problems)

    def needed_refs(self, record: Group) -> set[tuple[str, str]]:
        work = Work(record, {}, lambda kind, ref: None, {})
        found: set[tuple[str, str]] = set()
        for entry in self.fields:
            entry.collect(found, record, work)
        return found


_KEPT: dict[int, Translator] = {}


class Field:
    """One rule made ready: where its value comes from, and where it goes."""

    def __init__(self, rule: Rule, origin: Origin) -> None:
        self.origin = origin
        self.path = rule.to
        self.steps = parse(rule.to).steps
        self.comes_from = f"expression {rule.expression}" if rule.expression else rule.source or "constant"
        self.transforms = [transform_called(step.do).bind(step.arguments) for step in rule.transforms]
        self.table, self.default, self.required = rule.table, rule.default, rule.required

    def fill(self, values: dict[str, Any], here: Group, work: Work, at: str) -> None:
        """Puts the value for the record or member at hand into the target's values, or says why there is none."""
        try:
            value = self.value(here, work, at)
        except (CannotTransform, CannotEvaluate, UnfitValue) as error:
            work.problem(f"{at}{self.path}", f"{error} (from {self.comes_from})")
            return
        if value is not None:
            _put(values, self.steps, value)

    def value(self, here: Group, work: Work, at: str) -> Any:
        """The value, None where there is none; CannotTransform, CannotEvaluate or UnfitValue say why it cannot be made."""
        raise NotImplementedError

    def collect(self, found: set[tuple[str, str]], here: Group, work: Work) -> None:
        """Adds the references that will be asked for by id."""

    def taken(self, here: Group, work: Work) -> Any:
        """The value of the source after the transforms."""
        value = self.origin(here, work)
        for transform in self.transforms:
            value = transform(value)
        return value

    def looked_up(self, value: Any, work: Work, at: str) -> str | None:
        """What the value table says; a value without entry is a problem, and None."""
        table = work.tables.get(self.table or "")
        if table is None:
            work.problem(f"{at}{self.path}", f"there is no value table '{self.table}'", "add it, or change the rule")
            return None
        names = [as_text(name) for name in _names(value)]
        for name in names:
            if name in table:
                return table[name]
        if REST in table:
            return table[REST]
        near = get_close_matches(names[-1], list(table), n=1) if names else []
        advice = f"add it there{f' (there is {shown(near[0])})' if near else ''}"
        # A person knows it by its name, the table may know it by its id.
        called = shown(names[-1]) + (f", whose id is {shown(names[0])}" if len(names) > 1 else "")
        message = f"the value table '{self.table}' has no entry for {called} (from {self.comes_from})"
        work.problem(f"{at}{self.path}", message, advice)
        return None

    def lacking(self, work: Work, at: str) -> None:
        """Says that a required value is empty, unless something else was said of the field already."""
        path = f"{at}{self.path}"
        if self.required and not any(problem.path == path for problem in work.problems):
            work.problem(
                path, f"is required, and {self.comes_from} is empty", "fill it in the source, or give a default"
            )


class ValueField(Field):
    """Text, numbers, dates, and groups and lists without references."""

    def __init__(self, rule: Rule, origin: Origin, convert: Callable[[Any], Any] | None) -> None:
        super().__init__(rule, origin)
        self.convert = convert
        self.is_plain = not (rule.transforms or rule.table or convert)

    def value(self, here: Group, work: Work, at: str) -> Any:
        value = self.origin(here, work)
        if not self.is_plain:
            for transform in self.transforms:
                value = transform(value)
            if self.table is not None and not is_empty(value):
                value = self.looked_up(value, work, at)
            if self.convert is not None and not is_empty(value):
                value = self.convert(value)
        if value or not is_empty(value):
            return value
        if self.default is None:
            self.lacking(work, at)
        return self.default


class RefField(Field):
    """A reference: to the record of the target that belongs to one of the source, or that a table or constant names."""

    def __init__(self, rule: Rule, origin: Origin, kind: str | Callable[[Group], Any]) -> None:
        super().__init__(rule, origin)
        self.kind = kind
        self.is_ours = rule.table is None and rule.constant is None

    def value(self, here: Group, work: Work, at: str) -> dict[str, str] | None:
        value = self.taken(here, work)
        if not is_empty(value) and self.table is not None:
            if counterpart := self.counterpart(value, here, work):
                return counterpart
            value = self.looked_up(value, work, at)
        elif not is_empty(value) and self.is_ours:
            return self.resolved(value, here, work, at)
        if is_empty(value):
            value = self.default
        if value is None:
            self.lacking(work, at)
            return None
        return {"external_id": as_text(value)}

    def resolved(self, value: Any, here: Group, work: Work, at: str) -> dict[str, str] | None:
        return _referred(self.kind_of(here), value, work, f"{at}{self.path}")

    def counterpart(self, value: Any, here: Group, work: Work) -> dict[str, str] | None:
        """Who the record named is at the target, where the value table, which goes before, does not know it."""
        if not isinstance(value, dict) or self.is_known(value, work):
            return None
        found = work.refer(self.kind_of(here), _as_ref(value))
        return None if found is None else {"external_id": found}

    def is_known(self, value: Any, work: Work) -> bool:
        """Whether the value table has an entry for it."""
        table = work.tables.get(self.table or "", {})
        return any(name in table for name in (*_names(value), REST))

    def kind_of(self, here: Group) -> str:
        return self.kind if isinstance(self.kind, str) else str(self.kind(here))

    def collect(self, found: set[tuple[str, str]], here: Group, work: Work) -> None:
        try:
            value = self.taken(here, work)
            if not self.is_ours and not isinstance(value, dict):
                return  # a constant, or a text for the value table
            external_id = None if is_empty(value) else _as_ref(value).get("external_id")
        except (CannotTransform, CannotEvaluate, UnfitValue):
            return  # named when it is translated
        if external_id:
            found.add((self.kind_of(here), external_id))


class RefsField(Field):
    """A list of references, each to the record of the target that belongs to one of the source."""

    def __init__(self, rule: Rule, origin: Origin, kind: str) -> None:
        super().__init__(rule, origin)
        self.kind = kind

    def value(self, here: Group, work: Work, at: str) -> list[dict[str, str]]:
        members = enumerate(self.origin(here, work) or ())
        made = [_referred(self.kind, member, work, f"{at}{self.path}[{place}]") for place, member in members]
        if not made:
            self.lacking(work, at)
        return [each for each in made if each is not None]

    def collect(self, found: set[tuple[str, str]], here: Group, work: Work) -> None:
        members = self.origin(here, work) or ()
        found.update((self.kind, member["external_id"]) for member in members if member.get("external_id"))


class ListField(Field):
    """A list made member by member; where members have a stable key, it is carried over."""

    def __init__(self, rule: Rule, origin: Origin, members: Sequence[Field], *, has_key: bool) -> None:
        super().__init__(rule, origin)
        self.members, self.has_key = members, has_key

    def value(self, here: Group, work: Work, at: str) -> list[dict[str, Any]]:
        made = []
        for position, member in enumerate(self.of(here, work)):
            values: dict[str, Any] = {}
            if self.has_key:
                values["key"] = member.get("key") or member.get("external_id") or f"#{position + 1}"
            inside = f"{at}{self.path}[{position}]."
            for entry in self.members:
                entry.fill(values, member, work, inside)
            made.append(values)
        if not made:
            self.lacking(work, at)
        return made

    def of(self, here: Group, work: Work) -> list[Group]:
        members = self.origin(here, work) or []
        if not isinstance(members, list | tuple) or not all(isinstance(member, dict) for member in members):
            raise UnfitValue(f"{shown(members)} is no list of groups of fields")
        return list(members)

    def collect(self, found: set[tuple[str, str]], here: Group, work: Work) -> None:
        members = self.origin(here, work)
        for member in members if isinstance(members, list | tuple) else ():
            if isinstance(member, dict):
                for entry in self.members:
                    entry.collect(found, member, work)


def _names(value: Any) -> list[str]:
    """By which names a value table may know the value: text by itself, a reference by id, number and name."""
    if isinstance(value, dict):
        return [str(value[name]) for name in NAMES_OF_REF if value.get(name)]
    return [as_text(value)]


def _referred(kind: str, value: Any, work: Work, path: str) -> dict[str, str] | None:
    """The record of the target that belongs to the one named; where there is none yet, that is missing, and None."""
    ref = _as_ref(value)
    document = kind.removesuffix(OF_LINE)
    if document not in KINDS:
        raise UnfitValue(f"it refers to {shown(kind)}, which is no kind of record that can be found in the target")
    found = work.refer(kind, ref)
    if found is not None:
        return {"external_id": found}
    # The lines of a document are known only where we brought it: without them the document itself is named.
    if document == kind:
        work.missing.append(Missing(kind, ref, path))
    return None


def _as_ref(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"external_id": as_text(value)}
    if not value.keys() <= set(NAMES_OF_REF):
        raise UnfitValue(f"{shown(value)} is no reference to a record")
    return value


NAMES_OF_REF = ("external_id", "number", "name")


def _put(values: dict[str, Any], steps: Sequence[Any], value: Any) -> None:
    if len(steps) == 1:
        values[steps[0]] = value
        return
    holder: Any = values
    for step, following in pairwise(steps):
        if isinstance(step, int):
            holder.extend({} for _ in range(step + 1 - len(holder)))
            holder = holder[step]
        else:
            holder = holder.setdefault(step, [] if isinstance(following, int) else {})
    last = steps[-1]
    if isinstance(last, int):
        holder.extend({} for _ in range(last + 1 - len(holder)))
    holder[last] = value


# Making rules ready


def _compile(rule: Rule, level: Level) -> Field:
    rule = replace(rule, constant=literal(rule.constant), default=literal(rule.default), table=literal(rule.table))
    target = level.place_to(rule.to)
    if rule.each:
        below = level.below(rule)
        members = [_compile(member, below) for member in rule.each]
        return ListField(rule, _origin(rule, level), members, has_key=_has_key(below))
    if target.type == "list" and target.members and target.members.type == "reference":
        return RefsField(rule, _origin(rule, level), target.members.refers_to or "")
    if target.type == "reference":
        return RefField(rule, _origin(rule, level), _kind_named(rule, level, target))
    to_type = CONVERT[target.type]
    default = None if rule.default is None else to_type(rule.default)
    constant = rule.constant if rule.constant is None or rule.transforms or rule.table else to_type(rule.constant)
    rule = replace(rule, default=default, constant=constant)
    return ValueField(rule, _origin(rule, level), _conversion(rule, level, target))


def _origin(rule: Rule, level: Level) -> Origin:
    """Where the value comes from, as a function of the record or member at hand."""
    if rule.expression is not None:
        evaluate = compile_expression(rule.expression, kind=level.kind_from, within=level.source).evaluate
        return lambda here, work: evaluate({"record": work.record, "line": here, "context": work.context})
    if rule.source is None:
        constant = rule.constant
        return lambda here, work: constant
    from_record, path = level.start(rule.source)
    parsed = parse(path)
    read, first = parsed.read, parsed.steps[0]
    if from_record and level.source:
        return lambda here, work: read(work.record)
    if len(parsed.steps) == 1 and isinstance(first, str):
        return lambda here, work: here.get(first)
    return lambda here, work: read(here)


def _conversion(rule: Rule, level: Level, target: Place) -> Callable[[Any], Any] | None:
    """How the value becomes what the target takes; None where it is that already."""
    if rule.source is not None and not rule.transforms and not rule.table:
        source = level.place_from(rule.source)
        if source.type == target.type and set(source.choices or target.choices) == set(source.choices) & set(
            target.choices
        ):
            return None
    elif rule.constant is not None and not rule.transforms and not rule.table:
        return None
    convert = CONVERT[target.type]
    if not target.choices:
        return convert

    def chosen(value: Any) -> Any:
        if (word := convert(value)) not in target.choices:
            raise UnfitValue(f"{shown(word)} is not {target.in_words}")
        return word

    return chosen


def _kind_named(rule: Rule, level: Level, target: Place) -> str | Callable[[Group], Any]:
    """The kind that the source's reference names, or how the member at hand tells it."""
    if rule.source is not None:
        kind = level.place_from(rule.source).refers_to
        if kind == BESIDE:
            beside = parse(level.start(rule.source)[1]).steps[:-1]
            return lambda here: follow(here, (*beside, "kind"))
        if kind is not None:
            return kind
    return target.refers_to or ""


def _has_key(level: Level) -> bool:
    try:
        place(level.kind_to, "key", within=level.target)
    except BadPath:
        return False
    return True
