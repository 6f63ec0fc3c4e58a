"""Domains and sort orders of the server, as SQL over the simulator's tables."""

# The SQL is put together from the model tables of this folder; what a caller sends is always a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .faults import BadValue
from .fields import MANY, NUMBERS, TEXTS, Field, Model

_OPERATORS = frozenset(
    ["=", "!=", "<>", "==", "<", ">", "<=", ">=", "like", "ilike", "not like", "not ilike", "=like", "=ilike", "=?",
     "in", "not in", "child_of", "parent_of"]
)  # fmt: skip
_NEVER, _ALWAYS = "0", "1"


@dataclass
class Compiler:
    """Turns domains into conditions; `values` collects their parameters in order."""

    models: Mapping[str, Model]
    version: int
    field_of: Callable[[Model, str], Field]
    by_company: Callable[[Model, Field], str]  # the SQL of a value that differs by company
    values: list[Any] = field(default_factory=list)
    _depth: int = 0

    def condition(self, model: Model, domain: Sequence[Any], table: str = "") -> str:
        """The SQL of a domain over `table`; raises BadValue for what is no domain."""
        stack: list[str] = []
        table = table or model.table
        terms = list(domain)
        # Parameters follow the order in which terms are written, so terms are compiled from left to right first.
        compiled: list[tuple[str, bool]] = []
        for term in terms:
            if isinstance(term, str):
                if term not in ("&", "|", "!"):
                    raise BadValue(f"Invalid domain term {term!r}")
                compiled.append((term, True))
            else:
                compiled.append((self._leaf(model, term, table), False))
        for sql, is_operator in reversed(compiled):
            if not is_operator:
                stack.append(sql)
                continue
            needed = 1 if sql == "!" else 2
            if len(stack) < needed:
                raise BadValue(f"Domain {terms!r} is syntactically not correct")
            if sql == "!":
                stack.append(f"(not coalesce({stack.pop()}, 0))")
            else:
                first, second = stack.pop(), stack.pop()
                stack.append(f"({first} {'and' if sql == '&' else 'or'} {second})")
        return " and ".join(reversed(stack)) or _ALWAYS

    def order(self, model: Model, text: str, table: str) -> str:
        """The SQL of `name desc, id`; a reference sorts by its model's own order."""
        parts = []
        for part in filter(None, map(str.strip, text.split(","))):
            name, *rest = part.split()
            if (
                len(rest) > 1
                or (rest and rest[0].lower() not in ("asc", "desc"))
                or not name.replace("_", "").isalnum()
            ):
                raise BadValue(f'Invalid "order" specified ({text})')
            direction = rest[0] if rest else "asc"
            if name == "id":
                parts.append(f"{table}.id {direction}")
                continue
            found = self.field_of(model, name)
            if found.type in MANY or (found.computed and not found.related):
                continue  # the server passes over what it cannot sort by
            sql = self._value(model, found, table)
            if found.type == "many2one":
                other = self.models[found.relation]
                if other.label in other.columns:
                    sql = f"(select {other.label} from {other.table} where id = {sql})"
            parts.append(f"{sql} {direction}")
        return ", ".join(parts) or f"{table}.id"

    # one term

    def _leaf(self, model: Model, term: Any, table: str) -> str:
        if isinstance(term, list | tuple) and len(term) == 3:
            left, operator, right = term
        else:
            raise BadValue(f"Invalid leaf {term!r}")
        if left in (1, 0) and operator == "=":
            return _ALWAYS if left == right else _NEVER
        if not isinstance(left, str):
            raise BadValue(f"Invalid leaf {term!r}")
        operator = {"<>": "!=", "==": "="}.get(str(operator).lower(), str(operator).lower())
        if operator not in _OPERATORS and not (operator in ("any", "not any") and self.version >= 17):
            raise BadValue(f"Invalid operator {operator!r} in domain term {term!r}")
        first, _, rest = left.partition(".")
        if first == "id":
            return self._id(model, operator, right, table)
        found = self.field_of(model, first)
        if found.related:
            return self._leaf(model, (f"{found.related}.{rest}".rstrip("."), operator, right), table)
        if rest and found.type not in (*MANY, "many2one"):
            raise BadValue(f"Invalid field {model.name}.{left} in leaf {term!r}")
        if found.computed:
            return _ALWAYS  # the server writes an error into its log, and lets every record pass
        if rest or operator in ("any", "not any"):
            sub = [(rest, operator, right)] if rest else right
            inner = self._through(found, table, lambda other, alias: self.condition(other, sub, alias), model)
            return f"(not coalesce({inner}, 0))" if operator == "not any" and not rest else inner
        if found.type in MANY:
            return self._many(model, found, operator, right, table)
        if found.type == "many2one":
            return self._one(model, found, operator, right, table)
        return self._plain(found, self._value(model, found, table), operator, right)

    def _id(self, model: Model, operator: str, right: Any, table: str) -> str:
        if operator in ("child_of", "parent_of"):
            return f"{table}.id in {self._family(model, operator, right)}"
        if operator == "!=" and not right:
            return _ALWAYS
        whole = Field(name="id", type="integer")
        return self._plain(whole, f"{table}.id", operator, right)

    def _one(self, model: Model, found: Field, operator: str, right: Any, table: str) -> str:
        value, other = self._value(model, found, table), self.models[found.relation]
        if operator in ("child_of", "parent_of"):
            return f"{value} in {self._family(other, operator, right)}"
        texts = [right] if isinstance(right, str) else right if isinstance(right, list | tuple) else []
        if texts and all(isinstance(text, str) for text in texts) and operator not in ("<", ">", "<=", ">="):
            return self._named(value, other, operator, right)
        return self._plain(Field(name=found.name, type="integer", relation=found.relation), value, operator, right)

    def _named(self, value: str, other: Model, operator: str, right: Any) -> str:
        """References by the name of what they refer to."""
        negative = operator in ("!=", "not in", "not like", "not ilike")
        positive = {"!=": "=", "not in": "in", "not like": "like", "not ilike": "ilike"}.get(operator, operator)
        alias = self._alias()
        label = other.label if other.label in other.columns else "id"
        inner = self._plain(Field(name=label, type="char"), f"{alias}.{label}", positive, right)
        sql = f"{value} in (select id from {other.table} {alias} where {inner})"
        return f"({value} is null or not {sql})" if negative else sql

    def _many(self, model: Model, found: Field, operator: str, right: Any, table: str) -> str:
        negative = operator in ("!=", "not in", "not like", "not ilike")
        if operator in ("=", "!=") and right in (False, None):
            inner = self._through(found, table, lambda other, alias: _ALWAYS, model)
            return inner if negative else f"not {inner}"
        positive = {"!=": "=", "not in": "in", "not like": "like", "not ilike": "ilike"}.get(operator, operator)
        texts = right if isinstance(right, list | tuple) else [right]
        by_name = bool(texts) and all(isinstance(text, str) for text in texts)

        def matches(other: Model, alias: str) -> str:
            if not by_name:
                return self._id(other, positive, right, alias)
            label = other.label if other.label in other.columns else "id"
            return self._plain(Field(name=label, type="char"), f"{alias}.{label}", positive, right)

        inner = self._through(found, table, matches, model)
        return f"not {inner}" if negative else inner

    def _through(self, found: Field, table: str, where: Callable[[Model, str], str], model: Model) -> str:
        """That there is a record behind a relation for which `where` holds."""
        other, alias = self.models[found.relation], self._alias()
        if found.type == "many2one":
            value = self._value(model, found, table)
            return f"{value} in (select {alias}.id from {other.table} {alias} where {where(other, alias)})"
        if found.type == "one2many":
            inner = where(other, alias)
            there = f"{alias}.{found.inverse} is not null and {inner}"
            return f"{table}.id in (select {alias}.{found.inverse} from {other.table} {alias} where {there})"
        inner = where(other, alias)
        return (
            f"exists (select 1 from json_each({table}.{found.name}) link join {other.table} {alias}"
            f" on {alias}.id = link.value where {inner})"
        )

    def _plain(self, found: Field, value: str, operator: str, right: Any) -> str:
        if operator == "=?":
            if right in (False, None):
                return _ALWAYS
            operator = "="
        if operator in ("in", "not in"):
            return self._listed(found, value, operator, right)
        if operator in ("=", "!=") and isinstance(right, list | tuple):
            return self._listed(found, value, "in" if operator == "=" else "not in", right)
        if "like" in operator:
            return self._like(value, operator, right)
        if found.type == "boolean":
            truth = bool(right) == (operator == "=")
            return f"coalesce({value}, 0) = {int(truth)}"
        if right is None or right is False:
            empty = f"({value} is null or {value} = 0)" if found.type in NUMBERS else f"{value} is null"
            return empty if operator == "=" else f"not {empty}"
        self.values.append(self._parameter(found, right))
        if operator == "!=":
            return f"{value} is not ?"
        return f"{value} {operator} ?"

    def _listed(self, found: Field, value: str, operator: str, right: Any) -> str:
        if isinstance(right, bool) or right is None:
            right = [right]
        if not isinstance(right, list | tuple):
            right = [right]
        if found.type == "boolean":
            truths = {bool(each) for each in right}
            sql = f"coalesce({value}, 0) in ({', '.join(str(int(each)) for each in truths)})"
            return sql if operator == "in" else f"not {sql}"
        empty = any(each is False or each is None for each in right)
        known = [self._parameter(found, each) for each in right if each is not False and each is not None]
        self.values.append(json.dumps(known))
        inside = f"{value} in (select value from json_each(?))"
        if operator == "in":
            return f"({inside} or {value} is null)" if empty else inside
        return f"(not {inside} and {value} is not null)" if empty else f"({value} is null or not {inside})"

    def _like(self, value: str, operator: str, right: Any) -> str:
        text = "" if right in (False, None) else str(right)
        if not operator.startswith("="):
            text = f"%{text}%"
        if "ilike" in operator:
            self.values.append(text)
            sql = f"{value} like ? escape '\\'"
        else:
            self.values.append(_glob(text))
            sql = f"{value} glob ?"
        return f"({value} is null or not {sql})" if operator.startswith("not") else sql

    def _family(self, model: Model, operator: str, right: Any) -> str:
        """The records themselves and everybody below (or above) them by `parent_id`."""
        wanted = [int(each) for each in (right if isinstance(right, list | tuple) else [right]) if each]
        self.values.extend(wanted)
        places = ", ".join("?" * len(wanted))
        if "parent_id" not in model.columns:
            return f"(select id from {model.table} where id in ({places}))"
        step = "t.parent_id = f.id" if operator == "child_of" else "t.id = f.up"
        return (
            f"(with recursive f(id, up) as (select id, parent_id from {model.table} where id in ({places})"
            f" union select t.id, t.parent_id from {model.table} t join f on {step}) select id from f)"
        )

    def _value(self, model: Model, found: Field, table: str) -> str:
        if found.related:
            first, _, rest = found.related.partition(".")
            if not rest:
                return self._value(model, self.field_of(model, first), table)
            head = self.field_of(model, first)
            other, alias = self.models[head.relation], self._alias()
            inner = self._value(other, self.field_of(other, rest.partition(".")[0]), alias)
            if "." in rest:
                inner = self._value(other, Field(name=rest, type=found.type, related=rest), alias)
            return f"(select {inner} from {other.table} {alias} where {alias}.id = {self._value(model, head, table)})"
        if found.by_company:
            return self.by_company(model, found).format(table=table)
        return f'{table}."{found.name}"'

    def _parameter(self, found: Field, value: Any) -> Any:
        if found.type in NUMBERS:
            return found.to_column(found.accept("", value))
        if found.type in TEXTS or found.type in ("date", "datetime", "selection"):
            return str(value)
        return value

    def _alias(self) -> str:
        self._depth += 1
        return f"t{self._depth}"


def _glob(pattern: str) -> str:
    """A LIKE pattern as GLOB, which minds upper and lower case."""
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(letter, letter) for letter in pattern)
