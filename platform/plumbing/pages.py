"""Whole pages of rows in one statement: a column travels as one array of texts, and the database makes rows of them.

COPY straight into a table with row-level security is an error in PostgreSQL. COPY into a temporary table, and on from there, was
measured too, for pages of 1,000 records: a fifth slower, since every row is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
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

    Columns are named as in the database. Without `update` a row that stands already, by these columns or by any others that
    are unique, is left as it is.
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
    statement = _insertion(model, tuple(columns), tuple(same), tuple(unique), tuple(update))
    ask_page(model, statement, columns, {name: _text(value) for name, value in same.items()})


def update_page(rows: Sequence[models.Model], *names: str) -> None:
    """Set these fields of rows that stand already to what the instances hold."""
    if not rows:
        return
    model = type(rows[0])
    columns = _columns(rows, [model._meta.pk, *(model._meta.get_field(name) for name in names)])
    ask_page(model, _change(model, *columns), columns)


def ask_page(
    model: Model, statement: str, page: Columns, given: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Run a statement over `{table}` and `{page}`, whose columns are texts, and give the rows that it answers with.

    `given` is what the statement's %(name)s stand for.
    """
    connection = _connection(model)
    texts = {f"page.{name}": list(map(_text, column)) for name, column in page.items()}
    # A cursor of the driver's own: Django's would write the arrays into the text of the statement.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_over(model, statement, tuple(page)), {**texts, **(given or {})})
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


# Statements, written once a process for each set of columns: a name in one of them is ours, never a user's.


@cache
def _insertion(
    model: Model, columns: tuple[str, ...], same: tuple[str, ...], unique: tuple[str, ...], update: tuple[str, ...]
) -> str:
    values = [_typed(model, name, f"page.{_quoted(name)}") for name in columns]
    values += [_typed(model, name, f"%({name})s") for name in same]
    statement = f"INSERT INTO {{table}} ({_names(columns + same)}) SELECT {', '.join(values)} FROM {{page}}"  # noqa: S608
    if not unique:
        return statement
    if not update:
        return f"{statement} ON CONFLICT DO NOTHING"
    changes = ", ".join(f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in update)
    return f"{statement} ON CONFLICT ({_names(unique)}) DO UPDATE SET {changes}"


@cache
def _change(model: Model, key: str, *columns: str) -> str:
    values = {name: _typed(model, name, f"page.{_quoted(name)}") for name in (key, *columns)}
    changes = ", ".join(f"{_quoted(name)} = {values[name]}" for name in columns)
    return f"UPDATE {{table}} SET {changes} FROM {{page}} WHERE {{table}}.{_quoted(key)} = {values[key]}"  # noqa: S608


@cache
def _over(model: Model, statement: str, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%(page.{name})b::text[]" for name in columns)
    page = f"unnest({arrays}) AS page ({_names(columns)})"
    return statement.replace("{table}", _quoted(model._meta.db_table)).replace("{page}", page)


def _typed(model: Model, name: str, text: str) -> str:
    """A text as a value of that column."""
    field = next(field for field in model._meta.concrete_fields if field.column == name)
    # Without its length: a cast to varchar(300) would cut a longer text off, where storing it is an error.
    kind = str(field.rel_db_type(connections[router.db_for_write(model)])).partition("(")[0]
    return f"{text}::{kind}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


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
