"""`load`: records from rows of text, by external ids, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .faults import Fault
from .fields import MANY, NUMBERS, Field, Values
from .orm import Env, external_parts
from .tables import MODELS

Row = Sequence[Any]
Path = tuple[str, ...]


class BadCell(Exception):
    """A cell that cannot be read; `field` is the field of the loaded model that it is in."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field, self.words = field, words


def load(env: Env, model: str, fields: Sequence[str], data: Sequence[Row]) -> dict[str, Any]:
    """Creates or, where the external id is known, changes records; nothing is kept when one row is bad.

    Lines without an external id of their own are added again each time.
    """
    kind = env.model(model)
    paths: list[Path] = [tuple(name.split("/")) for name in fields]
    ids: list[int] = []
    messages: list[dict[str, Any]] = []
    before = dict(env.deeds)
    with_rows = list(_records(paths, [list(row) for row in data]))
    try:
        with env.store.transaction():
            for number, (first, last, rows) in enumerate(with_rows):
                try:
                    with env.store.transaction():
                        ids.append(_one(env, kind.name, paths, rows))
                except BadCell as bad:
                    env.forget()
                    messages.append(_message(bad.words, number, first, last, bad.field))
                except Fault as fault:
                    env.forget()
                    messages.append(_message(fault.words, number, first, last, None))
            if messages:
                raise _UndoError
    except _UndoError:
        env.forget()
        env.deeds.clear()
        env.deeds.update(before)
        return {"ids": False, "messages": messages, "nextrow": 0}
    return {"ids": ids, "messages": [], "nextrow": 0}


class _UndoError(Exception):
    """Takes back what the good rows have done."""


def _message(words: str, record: int, first: int, last: int, field: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "error", "message": words, "record": record, "rows": {"from": first, "to": last}}
    return found | ({"field": field} if field else {})


def _records(paths: Sequence[Path], data: list[list[Any]]) -> Iterator[tuple[int, int, list[list[Any]]]]:
    """Rows that belong together: a row whose head columns are all empty goes on with the record above it."""
    head = [index for index, path in enumerate(paths) if not _is_line(path)]
    start = 0
    for index in range(1, len(data) + 1):
        if index == len(data) or any(data[index][column] not in ("", None, False) for column in head):
            yield start, index - 1, data[start:index]
            start = index


def _is_line(path: Path) -> bool:
    return len(path) > 1 and path[0].endswith(("_ids", "order_line"))


def _one(env: Env, model: str, paths: Sequence[Path], rows: list[list[Any]]) -> int:
    values: Values = {}
    external = database_id = None
    for path, cell in zip(paths, rows[0], strict=True):
        field = env.fields(MODELS[model]).get(path[0].removeprefix("."))
        if path == ("id",):
            external = cell or None
        elif path == (".id",):
            database_id = int(cell) if cell else None
        elif field is not None and field.type == "one2many":
            continue
        else:
            _put(env, model, values, path, cell)
    for name in dict.fromkeys(path[0] for path in paths):
        found = env.fields(MODELS[model]).get(name)
        if found is not None and found.type == "one2many":
            values[name] = _lines(env, found, [(path[1:], i) for i, path in enumerate(paths) if path[0] == name], rows)
    record = database_id or (known(env, external, model) if external else None)
    if record:
        env.within(loading=True).write(model, [record], values)
    else:
        record = env.within(loading=True).create(model, values)
        if external:
            env.name_record(external, model, record)
    return record


def _lines(env: Env, found: Field, columns: list[tuple[Path, int]], rows: list[list[Any]]) -> list[Any]:
    commands: list[Any] = []
    for row in rows:
        if all(row[index] in ("", None, False) for _, index in columns):
            continue
        values: Values = {}
        external = database_id = None
        for path, index in columns:
            if path == ("id",):
                external = row[index] or None
            elif path == (".id",):
                database_id = int(row[index]) if row[index] else None
            else:
                _put(env, found.relation, values, path, row[index], within=found.name)
        line = database_id or (known(env, external, found.relation) if external else None)
        if line:
            commands.append([1, line, values])
        else:
            commands.append([0, external or 0, values])
    return commands


def _put(env: Env, model: str, values: Values, path: Path, cell: Any, *, within: str = "") -> None:
    """Reads one cell into the values of a record."""
    name, *rest = path
    found = env.fields(MODELS[model]).get(name)
    if found is None:
        raise BadCell(within or name, f"Unknown field {name!r} in model {model!r}")
    if cell in ("", None) and found.type not in MANY:
        values[name] = False  # an empty cell says that there is nothing
    elif found.type == "many2one":
        values[name] = _reference(env, found, rest, str(cell), within or name)
    elif found.type == "many2many":
        words = [word.strip() for word in str(cell).split(",") if word.strip()]
        values[name] = [[6, 0, [_reference(env, found, rest, word, within or name) for word in words]]]
    elif found.type == "json":
        try:
            values[name] = json.loads(str(cell))
        except ValueError as error:
            raise BadCell(within or name, f"'{cell}' does not seem to be a valid JSON for field '{name}'") from error
    elif found.type == "boolean":
        values[name] = str(cell).lower() not in ("0", "false", "no", "")
    elif found.type in NUMBERS or found.type == "integer":
        try:
            values[name] = found.accept(model, cell)
        except Fault as fault:
            raise BadCell(within or name, f"'{cell}' does not seem to be a number for field '{name}'") from fault
    else:
        try:
            values[name] = found.accept(model, str(cell))
        except Fault as fault:
            raise BadCell(within or name, f"'{cell}' does not seem to be a valid value for field '{name}'") from fault


def _reference(env: Env, found: Field, rest: list[str], cell: str, field: str) -> int:
    kind = MODELS[found.relation]
    if rest == [".id"]:
        id = int(cell) if cell.isdigit() else 0
        if not env.rows(kind.name, [id]):
            raise BadCell(field, f"No matching record found for database id '{cell}' in field '{found.name}'")
        return id
    if rest == ["id"]:
        found_id = known(env, cell, kind.name)
        if found_id is None:
            raise BadCell(field, f"No matching record found for external id '{cell}' in field '{found.name}'")
        return found_id
    if kind.name == "res.country" and len(cell) == 2:
        by_code = env.search(kind.name, [("code", "=", cell)], limit=1)
        if by_code:
            return by_code[0]
    label = kind.label if kind.label in env.fields(kind) else "id"
    ids = env.search(kind.name, [(label, "=", cell)], limit=2)
    if not ids:
        raise BadCell(field, f"No matching record found for name '{cell}' in field '{found.name}'")
    return ids[0]


def known(env: Env, external: str, model: str) -> int | None:
    """The record behind an external id, if it is still there."""
    found = env.store.run(
        "select res_id from ir_model_data where module = ? and name = ? and model = ?", *external_parts(external), model
    )
    return int(found[0][0]) if found and env.rows(model, [found[0][0]]) else None
