"""Whole pages of rows in one statement: a column travels as one array of texts, and the database makes rows of them.

COPY straight into a table with row-level security is an error in PostgreSQL. COPY into a temporary table, and on from there, was
measured too, for pages of 1,000 records: a fifth slower, since every row is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg
from django.db import connections, models, router
from psycopg import sql
from psycopg.types.json import Jsonb

Model = type[models.Model]
Columns = Mapping[str, Sequence[Any]]


def write_page(rows: Sequence[models.Model], *, unique: Sequence[str] = (), update: Sequence[str] = ()) -> None:
    """Insert the rows; where one with the same `unique` columns stands already, set its `update` columns instead.

    Columns are named as in the database. Without `update` a row that stands already is left as it is.
    """
    if rows:
        fields = [field for field in rows[0]._meta.concrete_fields if not field.generated]
        write_columns(type(rows[0]), _columns(rows, fields), unique=unique, update=update)


def write_columns(
    model: Model,
    columns: Columns,
    *,
    same: Mapping[str, Any] | None = None,
    unique: Sequence[str] = (),
    update: Sequence[str] = (),
) -> None:
    """`write_page` without an instance for each row: the values of each column, and what is the `same` in all rows.

    Every column that has no default in the database is to be there: no model's defaults are asked for.
    """
    same = same or {}
    names = sql.SQL(", ").join(map(sql.Identifier, (*columns, *same)))
    values = [_typed(model, name, sql.Identifier("page", name)) for name in columns]
    values += [_typed(model, name, sql.Placeholder(name)) for name in same]
    ask_page(
        model,
        "INSERT INTO {table} ({names}) SELECT {values} FROM {page} {on_conflict}",
        columns,
        {name: _text(value) for name, value in same.items()},
        names=names,
        values=sql.SQL(", ").join(values),
        on_conflict=_on_conflict(unique, update),
    )


def update_page(rows: Sequence[models.Model], *names: str) -> None:
    """Set these fields of rows that stand already to what the instances hold."""
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(rows, [model._meta.pk, *(model._meta.get_field(name) for name in names)])
    key, *changed = columns
    values = {name: _typed(model, name, sql.Identifier("page", name)) for name in columns}
    changes = [sql.SQL("{} = {}").format(sql.Identifier(name), values[name]) for name in changed]
    ask_page(
        model,
        "UPDATE {table} SET {changes} FROM {page} WHERE {table}.{key} = {value}",
        columns,
        changes=sql.SQL(", ").join(changes),
        key=sql.Identifier(key),
        value=values[key],
    )


def ask_page(
    model: Model, statement: str, page: Columns, given: Mapping[str, Any] | None = None, **parts: sql.Composable
) -> list[tuple[Any, ...]]:
    """Run a statement over `{table}` and `{page}`, whose columns are texts, and give the rows that it answers with.

    `given` is what the statement's %(name)s stand for; `parts` are written into it.
    """
    connection = _connection(model)
    arrays = [sql.SQL("{}::text[]").format(sql.Placeholder(f"page.{name}", format="b")) for name in page]
    rows = sql.SQL("unnest({}) AS page ({})")
    composed = sql.SQL(statement).format(
        table=sql.Identifier(model._meta.db_table),
        page=rows.format(sql.SQL(", ").join(arrays), sql.SQL(", ").join(map(sql.Identifier, page))),
        **parts,
    )
    texts = {f"page.{name}": list(map(_text, column)) for name, column in page.items()}
    # A cursor of the driver's own: Django's would write the arrays into the text of the statement.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(composed, {**texts, **(given or {})})
        return [] if cursor.description is None else cursor.fetchall()


@contextmanager
def without_waiting(model: Model) -> Iterator[None]:
    """What is written within the block is sent and not waited for: the database works on it while more is made ready.

    An error of the database comes at the end of the block at the latest.
    """
    connection = _connection(model)
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def _connection(model: Model) -> Any:
    connection = connections[router.db_for_write(model)]
    connection.ensure_connection()
    return connection


def _typed(model: Model, name: str, text: sql.Composable) -> sql.Composable:
    """A text as a value of that column."""
    field = next(field for field in model._meta.concrete_fields if field.column == name)
    # Without its length: a cast to varchar(300) would cut a longer text off, where storing it is an error.
    kind = str(field.rel_db_type(connections[router.db_for_write(model)])).partition("(")[0]
    return sql.SQL("{}::{}").format(text, sql.SQL(kind))


def _on_conflict(unique: Sequence[str], update: Iterable[str]) -> sql.Composable:
    if not unique:
        return sql.SQL("")
    target = sql.SQL(", ").join(map(sql.Identifier, unique))
    changes = sql.SQL(", ").join([sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in update])
    action = sql.SQL("UPDATE SET {}").format(changes) if update else sql.SQL("NOTHING")
    return sql.SQL("ON CONFLICT ({}) DO {}").format(target, action)


# Fields whose Python value is what is stored; the others convert, and cost ten times as much.
PLAIN = (
    models.AutoField,
    models.BooleanField,
    models.CharField,
    models.FloatField,
    models.IntegerField,
    models.TextField,
    models.UUIDField,
)


def _columns(rows: Sequence[models.Model], fields: Iterable[Any]) -> Columns:
    """The values of these fields, column by column."""
    connection = _connection(type(rows[0]))
    return {field.column: list(map(_reader(field, connection), rows)) for field in fields}


def _reader(field: models.Field[Any, Any], connection: Any) -> Callable[[models.Model], Any]:
    """How this field's value is read from a row, ready for `_text`."""
    name = field.attname
    if isinstance(field, models.ForeignKey) or (
        isinstance(field, PLAIN) and type(field).__module__.startswith("django.")
    ):
        return attrgetter(name)
    return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), connection)


def _text(value: Any) -> str | None:
    """A value as a text that the database understands."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Jsonb):
        return str((value.dumps or json.dumps)(value.obj))
    return str(value)
