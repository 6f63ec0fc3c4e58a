"""Whether rules can work: every path, transform, expression, type and reference, judged before they are saved."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import msgspec

from integrations.canonical import KINDS
from integrations.mapping.expression import BadExpression, compile_expression
from integrations.mapping.paths import BESIDE, EVERY, BadPath, Place, parse, place
from integrations.mapping.rules import BadRules, Fault, Rule, Rules, is_question, literal
from integrations.mapping.transforms import UnknownTransform, transform_called
from integrations.mapping.values import CONVERT, IN_WORDS, Type, UnfitValue, shown

# What the target system gives, never a mapping.
THEIRS = frozenset({"external_id", "version", "created_at", "changed_at", "url"})
THEIRS_OF_MEMBERS = frozenset({"external_id", "key"})

# What each type can be made from without a transform; whether a text is a number or a date is seen when it comes.
MADE_FROM: dict[Type, frozenset[Type]] = {
    "text": frozenset({"text", "number", "whole", "yes_no", "date", "moment"}),
    "number": frozenset({"number", "whole", "text"}),
    "whole": frozenset({"whole", "number", "text"}),
    "yes_no": frozenset({"yes_no", "text"}),
    "date": frozenset({"date", "moment", "text"}),
    "moment": frozenset({"moment", "text"}),
    "reference": frozenset({"reference", "text"}),
    "group": frozenset({"group"}),
    "list": frozenset({"list"}),
    "anything": frozenset(IN_WORDS),
}


def check(rules: Rules, *, tables: Collection[str] | None = None) -> None:
    """BadRules with every fault there is; names of value tables are checked against those given, if any are."""
    if found := faults(rules, tables=tables):
        raise BadRules(found)


def faults(rules: Rules, *, tables: Collection[str] | None = None) -> list[Fault]:
    """What is wrong with the rules; nothing where they can be used."""
    unknown = [
        Fault(where=where, field="", message=f"there is no kind of record '{kind}'")
        for where, kind in (("from", rules.kind_from), ("to", rules.kind_to))
        if kind not in KINDS
    ]
    if unknown:
        return unknown
    return [*Level(rules.kind_from, rules.kind_to, tables=tables).faults(rules.fields, "fields"), *_sum_faults(rules)]


def _sum_faults(rules: Rules) -> Iterator[Fault]:
    try:
        if rules.comes_to is not None:
            compile_expression(rules.comes_to, kind=rules.kind_from)
    except BadExpression as error:
        yield Fault(where="comes_to", field="what a document comes to", message=str(error))


def uncovered(rules: Rules) -> list[str]:
    """The fields without which no record of the target's kind can be made, and for which there is no rule."""
    covered = {parse(rule.to).steps[0] for rule in rules.fields}
    declared = msgspec.structs.fields(KINDS[rules.kind_to])
    return [field.encode_name for field in declared if field.required and field.encode_name not in covered]


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of the target that names a record there: which kind, and the value table that is asked first, if any."""

    field: str
    kind: str
    table: str


def references_asked(rules: Rules) -> list[Asked]:
    """The references that are found by who is linked to whom: without such a link, records wait or are held."""
    return list(_asked(rules.fields, Level(rules.kind_from, rules.kind_to)))


def _asked(rules: Collection[Rule], level: Level) -> Iterator[Asked]:
    for rule in rules:
        if rule.each:
            yield from _asked(rule.each, level.below(rule))
            continue
        target = level.place_to(rule.to)
        named = target.members if is_list_of_references(target) and target.members else target
        if named.type != "reference" or rule.source is None:
            continue
        source = level.place_from(rule.source)
        kind = (source.members or source).refers_to or named.refers_to
        # Which kind an open reference means is known only when a record comes, and a line's document is asked for itself.
        if kind in KINDS:
            field = f"{level.target}[].{rule.to}" if level.target else rule.to
            yield Asked(field, str(kind), str(literal(rule.table)) if rule.table else "")


def fields_set(rules: Rules) -> list[tuple[str, str]]:
    """What the rules speak of: (field, "") for a field of the record, (list, field) for one of the members of a list."""
    found = []
    for rule in rules.fields:
        head = str(parse(rule.to).steps[0])
        found += [(head, str(parse(each.to).steps[0])) for each in rule.each] or [(head, "")]
    return found


@dataclass(frozen=True, slots=True)
class Level:
    """Where rules stand: at a record, or at the members of a list of the source (`source`) and the target (`target`)."""

    kind_from: str
    kind_to: str
    source: str = ""
    target: str = ""
    tables: Collection[str] | None = None

    def below(self, rule: Rule) -> Level:
        """The level of the rules in `each`; BadPath where the rule's own paths are wrong."""
        from_record, path = self.start(rule.source or "")
        self.place_to(rule.to)
        self.place_from(rule.source or "")
        return Level(
            self.kind_from,
            self.kind_to,
            source=path if from_record or not self.source else f"{self.source}[].{path}",
            target=f"{self.target}[].{rule.to}" if self.target else rule.to,
            tables=self.tables,
        )

    def start(self, source: str) -> tuple[bool, str]:
        """Whether a path of a rule starts at the whole record, and the path from there."""
        if self.source and source.startswith("record."):
            return True, source.removeprefix("record.")
        return not self.source, source

    def place_from(self, source: str) -> Place:
        from_record, path = self.start(source)
        return place(self.kind_from, path, within="" if from_record else self.source)

    def place_to(self, to: str) -> Place:
        path = parse(to)
        theirs = THEIRS_OF_MEMBERS if self.target else THEIRS
        if path.steps[0] in theirs:
            raise BadPath(f"'{to}' is given by the target itself, or carried over, and takes no rule")
        if EVERY in path.steps:
            raise BadPath(f"'{to}': the members of a list are set by the rules in its 'each'")
        return place(self.kind_to, path, within=self.target)

    def faults(self, rules: Collection[Rule], where: str) -> Iterator[Fault]:
        earlier: list[str] = []
        for position, rule in enumerate(rules):
            here, field = f"{where}[{position}]", f"{self.target}[].{rule.to}" if self.target else rule.to
            for part, message in (*self.of_rule(rule), *_clashes(rule.to, earlier)):
                yield Fault(where=f"{here}.{part}" if part else here, field=field, message=message)
            earlier.append(rule.to)
            if rule.each:
                try:
                    below = self.below(rule)
                except BadPath:
                    continue  # named by the rule's own faults
                yield from below.faults(rule.each, f"{here}.each")

    def of_rule(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """The faults of one rule by itself: (part of the rule, message)."""
        try:
            target = self.place_to(rule.to)
        except BadPath as error:
            yield "to", str(error)
            return
        origins = {"from": rule.source, "constant": rule.constant, "expression": rule.expression}
        given = [name for name, value in origins.items() if value is not None]
        if len(given) != 1:
            yield "", f"a rule has one of from, constant and expression, this one {' and '.join(given) or 'none'}"
            return
        if is_list_of_references(target) and (rule.source is None or rule.transforms or rule.table or rule.default):
            yield "", f"{rule.to} is a list of references: it is taken from such a list as it stands, with 'from' alone"
            return
        yield from self._source_faults(rule, target)
        yield from self._step_faults(rule)
        if (
            rule.table is not None
            and self.tables is not None
            and not is_question(rule.table)
            and literal(rule.table) not in self.tables
        ):
            yield "table", f"there is no value table '{rule.table}'"
        for part, value in (("constant", rule.constant), ("default", rule.default)):
            # What a constant goes through a table or transforms for is not yet the target's value.
            if (
                value is not None
                and not is_question(value)
                and not (part == "constant" and (rule.table or rule.transforms))
            ):
                yield from ((part, message) for message in _value_faults(literal(value), target))

    def _source_faults(self, rule: Rule, target: Place) -> Iterator[tuple[str, str]]:
        if rule.expression is not None:
            try:
                compile_expression(rule.expression, kind=self.kind_from, within=self.source)
            except BadExpression as error:
                yield "expression", str(error)
        if rule.source is None:
            if rule.each:
                yield "each", "only a list named by 'from' has members"
            return
        try:
            source = self.place_from(rule.source)
        except BadPath as error:
            yield "from", str(error)
            return
        if rule.each:
            yield from _list_faults(rule, source, target)
        elif rule.transforms and source.type in ("reference", "group"):
            field = "name" if source.type == "reference" else "…"
            yield "transforms", f"{rule.source} is {source.in_words}; take one of its fields: {rule.source}.{field}"
        elif rule.transforms:
            takes = {step.do: transform_called(step.do).takes for step in rule.transforms[:1] if _exists(step.do)}
            for name, wanted in takes.items():
                if source.type not in MADE_FROM[wanted] and source.type != "anything":
                    yield "transforms[0]", f"{name} takes {IN_WORDS[wanted]}, and {rule.source} is {source.in_words}"
        elif not rule.table:
            yield from (("from", message) for message in _copy_faults(rule.source, source, target))
        elif source.type in ("group", "list"):
            yield "table", f"a table translates single values, and {rule.source} is {source.in_words}"

    def _step_faults(self, rule: Rule) -> Iterator[tuple[str, str]]:
        for position, step in enumerate(rule.transforms):
            try:
                transform_called(step.do).check(step.arguments)
            except UnknownTransform as error:
                yield f"transforms[{position}]", str(error)


def _exists(name: str) -> bool:
    try:
        transform_called(name)
    except UnknownTransform:
        return False
    return True


def _clashes(to: str, earlier: Collection[str]) -> Iterator[tuple[str, str]]:
    for other in earlier:
        if other == to:
            yield "to", "there is a rule for this field already"
        elif _is_part(to, other) or _is_part(other, to):
            yield "to", f"the rule for '{other}' sets a part of the same"


def _is_part(path: str, whole: str) -> bool:
    return path.startswith((f"{whole}.", f"{whole}["))


def _list_faults(rule: Rule, source: Place, target: Place) -> Iterator[tuple[str, str]]:
    if target.type != "list" or target.members is None or target.members.type != "group":
        yield "each", f"{rule.to} is {target.in_words}, no list of groups of fields"
    if source.type not in ("list", "anything"):
        yield "from", f"{rule.source} is {source.in_words}, no list"
    if rule.transforms or rule.table or rule.default is not None:
        yield "each", "transforms, table and default belong to the rules for the members"


def _copy_faults(path: str, source: Place, target: Place) -> Iterator[str]:
    """Why a value cannot be copied as it is."""
    if source.type == "anything" or target.type == "anything":
        return
    if source.type not in MADE_FROM[target.type]:
        hint = f"; take its name: {path}.name" if source.type == "reference" else ""
        hint = "; choose one with a transform: first, join, sum_of" if source.type == "list" else hint
        yield f"{path} is {source.in_words}, and this field is {target.in_words}{hint}"
    elif target.type == "reference" == source.type:
        if source.refers_to != target.refers_to and BESIDE not in (source.refers_to, target.refers_to):
            yield f"{path} is {source.in_words}, and this field is {target.in_words}"
    elif target.refers_to == BESIDE:
        yield f"{path} is {source.in_words}; of which kind the record is, only a reference of the source can tell"
    elif is_list_of_references(source) and is_list_of_references(target):
        yield from _copy_faults(f"{path}[]", source.members or source, target.members or target)
    elif target.holds_references and target.type != "reference":
        by = "with 'each'" if target.type == "list" else f"as in {target.path}.account"
        yield f"it holds references, which mean another record in the target: give its fields one by one, {by}"
    elif target.type == "group" and source.group != target.group:
        yield f"{path} is another group of fields ({source.group}) than this ({target.group}): give its fields one by one"
    elif target.members and source.members:
        yield from _copy_faults(f"{path}[]", source.members, target.members)
    elif target.choices and source.choices and not set(source.choices) <= set(target.choices):
        left = sorted(set(source.choices) - set(target.choices))
        yield f"{path} may be {', '.join(left)}, which this field does not know; use a value table"


def is_list_of_references(at: Place) -> bool:
    """Whether a list names other records and nothing else: each member is taken to its own counterpart."""
    return at.type == "list" and at.members is not None and at.members.type == "reference"


def _value_faults(value: object, target: Place) -> Iterator[str]:
    """Why a constant is no value for the place."""
    if target.type == "reference":
        if not isinstance(value, str):
            yield f"{shown(value)} is no external id of the target, which is text"
        return
    try:
        converted = CONVERT[target.type](value)
    except UnfitValue as error:
        yield str(error)
        return
    if target.choices and converted not in target.choices:
        yield f"{shown(value)} is not {target.in_words}"
