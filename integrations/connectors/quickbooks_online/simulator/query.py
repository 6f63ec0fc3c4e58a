"""The vendor's query language: select, count, where … and …, orderby, startposition, maxresults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.simulation.simulator import epoch

from .company import Body, Company
from .entities import ENTITIES, Entity
from .faults import Fault
from .properties import TYPES

_TOKEN = re.compile(r"\s*(?:('(?:\\.|[^'\\])*')|(<=|>=|!=|<>|[=<>(),*])|([\w.:+-]+)|(\S))")
_COMMON_FILTERS = frozenset({"Id", "Active", "MetaData.CreateTime", "MetaData.LastUpdatedTime"})
_COLUMNS = {"Id": "id", "Active": "active", "MetaData.CreateTime": "created", "MetaData.LastUpdatedTime": "changed"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that the vendor would carry out."""

    entity: Entity
    count: bool
    columns: tuple[str, ...]  # empty for all
    where: tuple[tuple[str, str, tuple[str, ...]], ...]  # property, operator, operands
    order: tuple[tuple[str, bool], ...]  # property, descending
    start: int
    most: int


def run(company: Company, text: str) -> Body:
    """The value of `QueryResponse`. Raises Fault 4000 (grammar) and 4001 (unknown names, positions)."""
    query = parse(text)
    clauses, values = ["not gone"], []
    for name, operator, operands in query.where:
        clause, more = _clause(company, query.entity, name, operator, operands)
        clauses.append(clause)
        values += more
    hides = query.entity.family in ("name", "list") and not any(name == "Active" for name, _, _ in query.where)
    if hides:
        clauses.append("active")
    where = " and ".join(clauses)
    if query.count:
        sql = f"select count(*) from document where space=? and kind=? and {where}"  # noqa: S608 built from known names
        return {"totalCount": company.store.run(sql, company.realm, query.entity.name, *values)[0][0]}
    # The plus keeps SQLite from walking the index of the order where a condition has a better one.
    chosen = any(operator in ("=", "in") for _, operator, _ in query.where)
    where += f" order by {'+' if chosen else ''}{_order(query)} limit ? offset ?"
    rows = company.store.rows(company.realm, query.entity.name, where, *values, query.most, query.start - 1)
    if not rows:
        return {}
    shown = [_project(company.show(query.entity, row), query.columns) for row in rows]
    return {query.entity.name: shown, "startPosition": query.start, "maxResults": len(rows)}


def parse(text: str) -> Query:
    """The query in parts; raises Fault 4000 and 4001."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        for string, sign, word, wrong in _TOKEN.findall(text.strip()):
            if wrong:
                raise _grammar(f"Encountered {wrong!r}")
            self.tokens.append(string or sign or word)
        self.at = 0

    def query(self) -> Query:
        self.expect("select")
        count, columns = self.columns()
        self.expect("from")
        name = self.take()
        entity = next((known for known in ENTITIES.values() if known.name.lower() == name.lower()), None)
        if entity is None:
            raise Fault("4001", f"QueryValidationError: invalid context declaration: {name}")
        where: list[tuple[str, str, tuple[str, ...]]] = []
        order: list[tuple[str, bool]] = []
        start, most = 1, 100
        while self.at < len(self.tokens):
            clause = self.take().lower()
            if clause == "where" and not where:
                where = self.conditions(entity)
            elif clause in ("orderby", "order") and not order:
                if clause == "order":
                    self.expect("by")
                order = self.sorting(entity)
            elif clause == "startposition":
                start = self.number(low=1)
            elif clause == "maxresults":
                most = self.number(low=1, high=1000)
            else:
                raise _grammar(f"Encountered {clause!r}")
        for column in columns:
            if _kind_of(entity, column) is None:
                raise Fault("4001", f"QueryValidationError: Property {column} not found for Entity {entity.name}")
        return Query(entity, count, tuple(columns), tuple(where), tuple(order), start, most)

    def columns(self) -> tuple[bool, list[str]]:
        if self.peek() == "count":
            self.take()
            for sign in "(*)":
                self.expect(sign)
            return True, []
        columns, everything = [], False
        while True:
            column = self.take()
            everything = everything or column == "*"
            columns.append(column)
            if self.peek() != ",":
                return False, [] if everything else columns
            self.take()

    def conditions(self, entity: Entity) -> list[tuple[str, str, tuple[str, ...]]]:
        found = []
        while True:
            name, operator = self.take(), self.take().lower()
            canonical = _filterable(entity, name)
            if operator == "in":
                found.append((canonical, operator, self.listed()))
            elif operator in ("=", "<", ">", "<=", ">=", "like"):
                found.append((canonical, operator, (self.take(),)))
            else:
                raise _grammar(f"Encountered {operator!r} where an operator was expected")
            if self.peek() != "and":
                return found
            self.take()

    def listed(self) -> tuple[str, ...]:
        self.expect("(")
        values = [self.take()]
        while self.peek() == ",":
            self.take()
            values.append(self.take())
        self.expect(")")
        return tuple(values)

    def sorting(self, entity: Entity) -> list[tuple[str, bool]]:
        found = []
        while True:
            name, descending = _filterable(entity, self.take()), False
            if self.peek() in ("asc", "desc"):
                descending = self.take().lower() == "desc"
            found.append((name, descending))
            if self.peek() != ",":
                return found
            self.take()

    def number(self, *, low: int, high: int = 2**31) -> int:
        word = self.take().strip("'")
        if not re.fullmatch(r"-?\d+", word):
            raise _grammar(f"Encountered {word!r} where a number was expected")
        if int(word) < low:
            raise Fault("4001", f"QueryValidationError: value {word} is too small. Min allowed value is {low}")
        if int(word) > high:
            raise Fault("4001", f"QueryValidationError: value {word} is too large. Max allowed value is {high}")
        return int(word)

    def peek(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise _grammar("Encountered the end of the query")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, word: str) -> None:
        found = self.take()
        if found.lower() != word:
            raise _grammar(f"Encountered {found!r} where {word!r} was expected")


def _clause(
    company: Company, entity: Entity, name: str, operator: str, operands: tuple[str, ...]
) -> tuple[str, list[Any]]:
    kind = _kind_of(entity, name)
    column = _COLUMNS.get(name) or f"json_extract(body, '$.{name}{'.value' if kind == 'Ref' else ''}')"
    if kind in ("EmailAddress", "TelephoneNumber"):
        column = f"json_extract(body, '$.{name}.{'Address' if kind == 'EmailAddress' else 'FreeFormNumber'}')"
    if name == "Id" and operator in ("<", ">", "<=", ">="):
        column, kind = "cast(id as integer)", "number"
    values = [_operand(company, name, kind or "text", operand) for operand in operands]
    if operator == "in":
        return f"{column} in ({', '.join('?' * len(values))})", values
    return f"{column} {operator} ?", values


def _operand(company: Company, name: str, kind: str, token: str) -> Any:
    quoted = token.startswith("'")
    word = re.sub(r"\\(.)", r"\1", token[1:-1]) if quoted else token
    if kind in ("number", "integer"):
        if not re.fullmatch(r"-?\d+(\.\d+)?", word):
            raise Fault("4001", f"QueryValidationError: value {word} is not a number for property {name}")
        return float(word)  # as SQLite compares
    if kind == "flag":
        if word.lower() not in ("true", "false"):
            raise Fault("4001", f"QueryValidationError: value {word} is not true or false for property {name}")
        return word.lower() == "true"
    if not quoted:
        raise _grammar(f"Encountered {word!r} where a quoted value was expected")
    if kind == "moment":
        return _seconds(company, name, word)
    return word


def _seconds(company: Company, name: str, word: str) -> int:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise Fault("4001", f"QueryValidationError: value {word} is no date and time for property {name}") from None
    return epoch(moment if moment.tzinfo else moment.replace(tzinfo=company.zone))


def _order(query: Query) -> str:
    if query.order:
        parts = [
            f"{_COLUMNS.get(name) or _sort_column(query.entity, name)}{' desc' if descending else ''}"
            for name, descending in query.order
        ]
        return ", ".join([*parts, "cast(id as integer)"])
    # Without an order names come by name and transactions latest first (recorded).
    if query.entity.family in ("name", "list"):
        name = "FullyQualifiedName" if "FullyQualifiedName" in query.entity.filters else query.entity.label
        return f"coalesce(json_extract(body, '$.{name}'), json_extract(body, '$.{query.entity.label}')), cast(id as integer)"
    return "changed desc, cast(id as integer) desc"


def _sort_column(entity: Entity, name: str) -> str:
    return f"json_extract(body, '$.{name}{'.value' if _kind_of(entity, name) == 'Ref' else ''}')"


def _filterable(entity: Entity, name: str) -> str:
    """The property's own spelling; raises Fault 4001 for what the vendor cannot filter or sort by."""
    known = {other.lower(): other for other in entity.filters | _COMMON_FILTERS}
    canonical = known.get(name.lower())
    if canonical is None or (canonical == "Active" and entity.family not in ("name", "list")):
        if _kind_of(entity, name) is None:
            raise Fault("4001", f"QueryValidationError: Property {name} not found for Entity {entity.name}")
        raise Fault("4001", f"QueryValidationError: property '{name}' is not queryable")
    return canonical


def _kind_of(entity: Entity, path: str) -> str | None:
    """The kind of a property by its dotted path; None if the entity has no such property."""
    kind = entity.name
    for name in path.split("."):
        found = TYPES.get(kind.strip("[]"), {}).get(name)
        if found is None:
            return None
        kind = found
    return kind


def _project(body: Body, columns: tuple[str, ...]) -> Body:
    """Only the asked properties; whole members even where a nested one was asked, and what the vendor always adds."""
    if not columns:
        return body
    wanted = {column.split(".")[0] for column in columns}
    kept = {name: value for name, value in body.items() if name in wanted}
    return {**kept, "domain": "QBO", "sparse": True}


def _grammar(detail: str) -> Fault:
    return Fault("4000", f"QueryParserError: {detail}")
