"""Expressions for the odd case: one value computed from a record, in a small closed language.

`record.total > 100 and record.currency in ['GBP', 'EUR']`, `line.item.number ~ ' ' ~ upper(line.description)` and the like. The text is parsed
with Jinja's grammar and nothing else of Jinja: its tree is checked node by node against the allow-list below and turned
into functions of ours, so that no attribute of a Python object is ever reached. What an expression can name is the `record`,
the `line` inside a list, the `context`, and the functions listed here; numbers are exact; depth, size, texts and digits
are bounded, and there are no loops, so that time and memory are bounded too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, DecimalException
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer, Token
from jinja2.parser import Parser

from integrations.mapping.paths import EVERY, BadPath, Step, follow, place, written
from integrations.mapping.transforms import TRANSFORMS, CannotTransform, UnknownTransform
from integrations.mapping.values import (
    EXACT,
    IN_WORDS,
    MAX_TEXT,
    QUOTIENT,
    UnfitValue,
    as_date,
    as_number,
    as_text,
    is_empty,
    shown,
    type_of,
)

MAX_LENGTH = 2_000
MAX_DEPTH = 24
MAX_NODES = 200

Scope: TypeAlias = Mapping[str, Any]
Value: TypeAlias = Callable[[Scope], Any]


class BadExpression(ValueError):
    """An expression that cannot be saved; the message says what is not allowed, where, and what is."""


class CannotEvaluate(ValueError):
    """An expression that has no value for this record; the message says which part and why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression over one kind of record, or over the members of its list `within`."""

    text: str
    kind: str
    within: str
    evaluate: Value = field(repr=False, compare=False)

    def value(self, record: Mapping[str, Any], *, line: Mapping[str, Any] | None = None, context: Scope) -> Any:
        """Its value for a plain record; CannotEvaluate where it has none."""
        return self.evaluate({"record": record, "line": line, "context": context})

    def holds(self, record: Mapping[str, Any], *, context: Scope) -> bool:
        """Whether it is true of a plain record: nothing, no, 0 and empty text are not."""
        return bool(self.value(record, context=context))


@lru_cache(maxsize=2048)
def compile_expression(text: str, *, kind: str, within: str = "") -> Expression:
    """The expression that the text writes, over records of a kind; BadExpression where it is not allowed."""
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"an expression has at most {MAX_LENGTH} characters, this has {len(text)}")
    if not text.strip():
        raise BadExpression("the expression is empty")
    return Expression(text, kind, within, _Builder(kind, within).build(_parse(text), 0))


# The grammar


class ExactLexer(Lexer):
    """Jinja's lexer, but numbers with a point are Decimals from the text on."""

    def wrap(
        self, stream: Iterable[tuple[int, str, str]], name: str | None = None, filename: str | None = None
    ) -> Iterator[Token]:
        for line, kind, text in stream:
            if kind == "float":
                yield Token(line, kind, Decimal(text.replace("_", "")))  # type: ignore[arg-type]  # values are str by hint only
            else:
                yield from super().wrap([(line, kind, text)], name, filename)


class Grammar(Environment):
    """Jinja's grammar with exact numbers; nothing is ever rendered with it."""

    @property
    def lexer(self) -> ExactLexer:
        return ExactLexer(self)


def _parse(text: str) -> nodes.Expr:
    try:
        parser = Parser(Grammar(), text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise BadExpression(f"'{parser.stream.current.value}' is not expected here{_line(parser.stream.current)}")
    except TemplateSyntaxError as error:
        raise BadExpression(
            f"cannot be read: {(error.message or '').replace('template', 'expression')} (line {error.lineno})"
        ) from error
    except RecursionError as error:
        raise BadExpression(f"it is nested more than {MAX_DEPTH} deep") from error
    except (DecimalException, ValueError) as error:
        if isinstance(error, BadExpression):
            raise
        raise BadExpression("it has a number of too many digits") from error
    return tree


def _line(found: Token | nodes.Node) -> str:
    return f" (line {found.lineno})"


# What may be called: every transform, and what only expressions need


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function, or filter, of expressions: `round(x, 2)` and `x | round(2)` are the same."""

    name: str
    help: str
    least: int
    most: int
    call: Callable[..., Any] = field(repr=False)


def _number(value: object) -> Decimal:
    if type_of(value) != "number":
        raise UnfitValue(f"{shown(value)} is not a number; number(…) reads one from text")
    return as_number(value)


def _numbers(values: Sequence[object]) -> list[Decimal]:
    members = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    numbers = [_number(value) for value in members if not is_empty(value)]
    if not numbers:
        raise UnfitValue("there is no number among them")
    return numbers


def _of_text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda text, other: test(as_text("" if text is None else text), as_text(other))


def _of_day(take: Callable[[date], int]) -> Callable[[Any], Decimal | None]:
    return lambda day: None if is_empty(day) else Decimal(take(as_date(day)))


def _size(value: Any) -> Decimal:
    return Decimal(0 if value is None else len(value) if isinstance(value, list) else len(as_text(value)))


_ONLY_HERE = (
    ("year", "the year of a date", 1, 1, _of_day(lambda day: day.year)),
    ("month", "the month of a date, 1 to 12", 1, 1, _of_day(lambda day: day.month)),
    ("day", "the day of a date in its month", 1, 1, _of_day(lambda day: day.day)),
    ("quarter", "the quarter of a date, 1 to 4", 1, 1, _of_day(lambda day: (day.month + 2) // 3)),
    ("weekday", "the day of the week of a date, 1 for Monday to 7", 1, 1, _of_day(date.isoweekday)),
    ("days_between", "the days from one date to another", 2, 2, lambda a, b: Decimal((as_date(b) - as_date(a)).days)),
    (
        "date",
        "a date from text YYYY-MM-DD, or the day of a moment",
        1,
        1,
        lambda day: None if is_empty(day) else as_date(day),
    ),
    ("text", "a value as text", 1, 1, lambda value: None if value is None else as_text(value)),
    ("length", "how many characters a text, or values a list, has", 1, 1, _size),
    ("starts_with", "whether a text starts with another", 2, 2, _of_text(str.startswith)),
    ("ends_with", "whether a text ends with another", 2, 2, _of_text(str.endswith)),
    ("min", "the smallest of the numbers", 1, 20, lambda *values: min(_numbers(values))),
    ("max", "the largest of the numbers", 1, 20, lambda *values: max(_numbers(values))),
)
_SHORT = {"round": "round_to", "abs": "absolute", "sum": "sum_of", "trim": "strip"}


def _functions() -> dict[str, Function]:
    found = {
        name: Function(
            name=name,
            help=entry.help,
            least=1 + sum(argument.required for argument in entry.arguments),
            most=1 + len(entry.arguments),
            call=entry.call,
        )
        for name, entry in TRANSFORMS.items()
    }
    found |= {short: found[name] for short, name in _SHORT.items()}
    return found | {
        name: Function(name=name, help=text, least=least, most=most, call=call)
        for name, text, least, most, call in _ONLY_HERE
    }


FUNCTIONS: Mapping[str, Function] = MappingProxyType(_functions())


# The operators


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    left, right = _alike(left, right)
    return bool(left == right)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both values in one type, so that they can be compared; a date may be compared with its text."""
    types = type_of(left), type_of(right)
    if types == ("date", "text"):
        return left, as_date(right)
    if types == ("text", "date"):
        return as_date(left), right
    if types[0] != types[1] or types[0] in ("group", "list"):
        raise UnfitValue(f"{_named(left)} cannot be compared with {_named(right)}")
    return left, right


def _named(value: object) -> str:
    return f"{IN_WORDS[type_of(value)]} ({shown(value)})" if value is not None else "an empty field"


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if left is None or right is None:
            raise UnfitValue("an empty field is neither more nor less than anything; use default(…)")
        return compare(*_alike(left, right))

    return ordered


def _among(left: Any, right: Any) -> bool:
    if right is None:
        return False
    if isinstance(right, list):
        return any(_same(left, member) for member in right)
    if isinstance(right, str):
        return left is not None and as_text(left) in right
    raise UnfitValue(f"'in' looks into a list or text, not into {_named(right)}")


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": lambda left, right: not _same(left, right),
    "lt": _ordered(operator.lt),
    "lteq": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gteq": _ordered(operator.ge),
    "in": _among,
    "notin": lambda left, right: not _among(left, right),
}


def _calculated(name: str, calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Decimal]:
    def calculated(left: Any, right: Any) -> Decimal:
        for value in (left, right):
            if type_of(value) != "number":
                advice = "~ joins text" if isinstance(value, str) else "use default(…)" if value is None else ""
                raise UnfitValue(f"'{name}' takes numbers, not {_named(value)}{f'; {advice}' if advice else ''}")
        # The result must fit again: a chain of products would grow without end.
        return as_number(calculate(as_number(left), as_number(right)))

    return calculated


ARITHMETIC: dict[type[nodes.Node], Callable[[Any, Any], Decimal]] = {
    nodes.Add: _calculated("+", EXACT.add),
    nodes.Sub: _calculated("-", EXACT.subtract),
    nodes.Mul: _calculated("*", EXACT.multiply),
    nodes.Div: _calculated("/", QUOTIENT.divide),
}

REFUSED: dict[type[nodes.Node], str] = {
    nodes.Mod: "'%' is not allowed",
    nodes.Pow: "'**' is not allowed",
    nodes.FloorDiv: "'//' is not allowed; divide with / and round",
    nodes.Slice: "[a:b] is not allowed; truncate(…) and keep_end(…) cut text",
    nodes.Dict: "{…} is not allowed; value tables are for that",
    nodes.TemplateData: "text outside of quotes is not allowed",
}

TESTS: dict[str, Callable[[Any], bool]] = {
    "none": lambda value: value is None,
    "defined": lambda value: value is not None,
}


class _Builder:
    """Walks the tree once: refuses what is not on the list, and makes a function of the rest."""

    def __init__(self, kind: str, within: str) -> None:
        self.kind, self.within = kind, within
        self.nodes = 0

    def build(self, node: nodes.Node, depth: int) -> Value:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise BadExpression(f"it is nested more than {MAX_DEPTH} deep{_line(node)}")
        if self.nodes > MAX_NODES:
            raise BadExpression(f"it has more than {MAX_NODES} parts; use a value table for long lists")
        match node:
            case nodes.Const():
                return self._constant(node)
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                return self._field(node)
            case nodes.Compare():
                return self._comparison(node, depth)
            case nodes.And():
                left, right = self.build(node.left, depth + 1), self.build(node.right, depth + 1)
                return lambda scope: bool(left(scope)) and bool(right(scope))
            case nodes.Or():
                left, right = self.build(node.left, depth + 1), self.build(node.right, depth + 1)
                return lambda scope: bool(left(scope)) or bool(right(scope))
            case nodes.Not():
                denied = self.build(node.node, depth + 1)
                return lambda scope: not denied(scope)
            case nodes.Neg() | nodes.Pos():
                return self._signed(node, depth)
            case nodes.Concat():
                return self._joined([self.build(part, depth + 1) for part in node.nodes])
            case nodes.CondExpr():
                return self._choice(node, depth)
            case nodes.List() | nodes.Tuple():
                members = [self.build(part, depth + 1) for part in node.items]
                return lambda scope: [member(scope) for member in members]
            case nodes.Filter():
                return self._call(node.name, node, [node.node, *node.args], depth)
            case nodes.Call():
                if not isinstance(node.node, nodes.Name):
                    raise BadExpression(
                        f"calling {_said(node.node)}(…) is not allowed; only functions are called{_line(node)}"
                    )
                return self._call(node.node.name, node, node.args, depth)
            case nodes.Test():
                return self._test(node, depth)
        if isinstance(node, nodes.BinExpr) and (calculate := ARITHMETIC.get(type(node))):
            sides = [self.build(node.left, depth + 1), self.build(node.right, depth + 1)]
            return _guarded(calculate, sides, _said(node))
        raise BadExpression(f"{REFUSED.get(type(node), f'{type(node).__name__} is not allowed')}{_line(node)}")

    def _constant(self, node: nodes.Const) -> Value:
        value = node.value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            try:
                value = as_number(value)
            except UnfitValue as error:
                raise BadExpression(f"{error}{_line(node)}") from error
        return lambda scope: value

    def _field(self, node: nodes.Node) -> Value:
        root, steps = self._steps(node)
        roots = ["record", "line", "context"] if self.within else ["record", "context"]
        if root not in roots:
            hint = "; a function is called with (…)" if root in FUNCTIONS else self._hint(root)
            raise BadExpression(f"'{root}' is unknown: values start with {' or '.join(roots)}{hint}{_line(node)}")
        if not steps:
            raise BadExpression(f"'{root}' is no value by itself; name a field, as in {root}.number{_line(node)}")
        if any(isinstance(step, str) and step.startswith("__") for step in steps):
            raise BadExpression(f"'{_said(node)}': names that begin with __ are not fields{_line(node)}")
        if root != "context":
            steps = self._through_lists(steps, self.within if root == "line" else "", node)
        if len(steps) == 1 and isinstance(only := steps[0], str):
            return lambda scope: scope[root].get(only)
        return lambda scope: follow(scope[root], steps)

    def _hint(self, name: str) -> str:
        for root, within in (("line", self.within), ("record", "")):
            if root == "record" or within:
                try:
                    place(self.kind, name, within=within)
                except BadPath:
                    continue
                return f"; did you mean {root}.{name}?"
        return ""

    def _steps(self, node: nodes.Node) -> tuple[str, tuple[Step, ...]]:
        steps: list[Step] = []
        while not isinstance(node, nodes.Name):
            match node:
                case nodes.Getattr():
                    steps.append(node.attr)
                case nodes.Getitem(arg=nodes.Const(value=str() | int() as step)) if not isinstance(step, bool):
                    steps.append(step)
                case nodes.Getitem(arg=nodes.Slice() as slice_):
                    raise BadExpression(f"{REFUSED[type(slice_)]}{_line(node)}")
                case nodes.Getitem():
                    raise BadExpression(f"[…] takes a name in quotes or a number from 0{_line(node)}")
                case _:
                    raise BadExpression(f"only a record has fields, not {_said(node)}{_line(node)}")
            if len(steps) > MAX_DEPTH:
                raise BadExpression(f"it is nested more than {MAX_DEPTH} deep{_line(node)}")
            node = node.node
        return node.name, tuple(reversed(steps))

    def _through_lists(self, steps: tuple[Step, ...], within: str, node: nodes.Node) -> tuple[Step, ...]:
        """Checks a path; a field of a list is that field of all its members: `record.lines.net_amount`."""
        walked: tuple[Step, ...] = ()
        try:
            for step in steps:
                if walked and isinstance(step, str) and self._is_list(walked, within):
                    walked = (*walked, EVERY)
                walked = (*walked, step)
            place(self.kind, written(walked), within=within)
        except BadPath as error:
            raise BadExpression(f"{error}{_line(node)}") from error
        return walked

    def _is_list(self, steps: tuple[Step, ...], within: str) -> bool:
        found = place(self.kind, written(steps), within=within)
        if EVERY in steps:
            return found.members is not None and found.members.type == "list"
        return found.type == "list"

    def _comparison(self, node: nodes.Compare, depth: int) -> Value:
        if len(node.ops) != 1:
            raise BadExpression(f"compare two values at a time, and join comparisons with 'and'{_line(node)}")
        sides = [self.build(node.expr, depth + 1), self.build(node.ops[0].expr, depth + 1)]
        return _guarded(COMPARISONS[node.ops[0].op], sides, _said(node))

    def _signed(self, node: nodes.Neg | nodes.Pos, depth: int) -> Value:
        sign = EXACT.minus if isinstance(node, nodes.Neg) else EXACT.plus
        return _guarded(lambda value: sign(_number(value)), [self.build(node.node, depth + 1)], _said(node))

    def _joined(self, parts: list[Value]) -> Value:
        def join(*values: Any) -> str:
            texts = ["" if value is None else as_text(value) for value in values]
            if sum(map(len, texts)) > MAX_TEXT:
                raise UnfitValue(f"the text becomes longer than {MAX_TEXT} characters")
            return "".join(texts)

        return _guarded(join, parts, "~")

    def _choice(self, node: nodes.CondExpr, depth: int) -> Value:
        condition, then = self.build(node.test, depth + 1), self.build(node.expr1, depth + 1)
        if node.expr2 is None:
            return lambda scope: then(scope) if condition(scope) else None
        otherwise = self.build(node.expr2, depth + 1)
        return lambda scope: then(scope) if condition(scope) else otherwise(scope)

    def _test(self, node: nodes.Test, depth: int) -> Value:
        if node.name not in TESTS or node.args or node.kwargs:
            raise BadExpression(f"'is {node.name}' is not allowed; there are 'is none' and 'is defined'{_line(node)}")
        return _guarded(TESTS[node.name], [self.build(node.node, depth + 1)], f"is {node.name}")

    def _call(
        self, name: str, node: nodes.Filter | nodes.Call, given: Sequence[nodes.Node | None], depth: int
    ) -> Value:
        function = FUNCTIONS.get(name)
        if function is None:
            near = get_close_matches(name, list(FUNCTIONS), n=3)
            there = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(FUNCTIONS))}"
            raise BadExpression(f"there is no function '{name}'; {there}{_line(node)}")
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise BadExpression(f"{name}: give the values in their order, without names or *{_line(node)}")
        arguments = [part for part in given if part is not None]
        if not function.least <= len(arguments) <= function.most:
            wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
            raise BadExpression(f"{name} takes {wanted} values, here are {len(arguments)}{_line(node)}")
        built = [self.build(part, depth + 1) for part in arguments]
        entry = TRANSFORMS.get(function.name)
        if entry and all(isinstance(part, nodes.Const) for part in arguments[1:]):
            # What is written down can be judged now, and is bound once.
            named = {known.name: value({}) for known, value in zip(entry.arguments, built[1:], strict=False)}
            try:
                return _guarded(entry.bind(named), built[:1], "")
            except UnknownTransform as error:
                raise BadExpression(f"{error}{_line(node)}") from error
        return _guarded(function.call, built, "" if entry else name)


def _guarded(function: Callable[..., Any], parts: Sequence[Value], said: str) -> Value:
    """The function of the parts' values, its errors named after the part of the expression they come from."""

    def guarded(scope: Scope) -> Any:
        try:
            return function(*[part(scope) for part in parts])
        except CannotEvaluate:
            raise
        except DecimalException as error:
            raise CannotEvaluate(f"{said}: {_arithmetic(error)}") from error
        except (UnfitValue, CannotTransform, OverflowError) as error:
            raise CannotEvaluate(f"{said}: {error}" if said else str(error)) from error

    return guarded


def _arithmetic(error: DecimalException) -> str:
    return "division by zero" if "Division" in str(error) else "the number becomes too large to be exact"


SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


def _said(node: nodes.Node, depth: int = 0) -> str:
    """A part of an expression as it was written, roughly, for a message."""
    if depth > 5:
        return "…"
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{_said(node.node, depth + 1)}.{node.attr}"
        case nodes.Getitem():
            return f"{_said(node.node, depth + 1)}[{_said(node.arg, depth + 1)}]"
        case nodes.Const():
            return shown(node.value)
        case nodes.Call():
            return f"{_said(node.node, depth + 1)}(…)"
        case nodes.Filter():
            return f"… | {node.name}"
        case nodes.Compare():
            return f"{_said(node.expr, depth + 1)} {SYMBOLS[node.ops[0].op]} {_said(node.ops[0].expr, depth + 1)}"
        case nodes.BinExpr():
            return f"{_said(node.left, depth + 1)} {node.operator} {_said(node.right, depth + 1)}"
    return "(…)"
