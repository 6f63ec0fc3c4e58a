"""Whole pages of rows in one statement: a column travels as one array of texts, and the database makes rows of them.

COPY straight into a table with row-level security is an error in PostgreSQL. COPY into temporary tables, and on from there, was
measured too: a sixth faster for a page of 1,000, but then each commit tidies up all of them, and small batches are what is common.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.db import connections, models, router
from psycopg import sql
from psycopg.types.json import Jsonb


def write_page(rows: Sequence[models.Model], *, unique: Sequence[str] = (), update: Sequence[str] = ()) -> None:
    """Insert the rows; where one with the same `unique` columns stands already, set its `update` columns instead.

    Columns are named as in the database. Without `update` a row that stands already is left as it is.
    """
    if not rows:
        return
    fields = [field for field in rows[0]._meta.concrete_fields if not field.generated]
    _execute(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM {page} {on_conflict}",
        rows,
        fields,
        on_conflict=_on_conflict(unique, update),
    )


def update_page(rows: Sequence[models.Model], *names: str) -> None:
    """Set these fields of rows that stand already to what the instances hold."""
    if not rows:
        return
    fields: list[Any] = [rows[0]._meta.pk, *(rows[0]._meta.get_field(name) for name in names)]
    _execute("UPDATE {table} SET {changes} FROM {page} WHERE {table}.id = page.id::uuid", rows, fields)


def _execute(text: str, rows: Sequence[models.Model], fields: Sequence[Any], **parts: sql.Composable) -> None:
    """Run a statement over `{page}`, whose columns are these fields of the rows, as texts; `{values}` are typed again."""
    model = type(rows[0])
    connection = connections[router.db_for_write(model)]
    columns = [sql.Identifier(field.column) for field in fields]
    # Without its length: a cast to varchar(300) would cut a longer text off, where storing it is an error.
    types = [sql.SQL(field.rel_db_type(connection).partition("(")[0]) for field in fields]
    values = [sql.SQL("page.{}::{}").format(column, kind) for column, kind in zip(columns, types, strict=True)]
    changes = [sql.SQL("{} = {}").format(column, value) for column, value in zip(columns, values, strict=True)]
    arrays = sql.SQL(", ").join([sql.SQL("%b::text[]")] * len(fields))
    statement = sql.SQL(text).format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(columns),
        values=sql.SQL(", ").join(values),
        changes=sql.SQL(", ").join(changes[1:]),  # the first is the key
        page=sql.SQL("unnest({}) AS page ({})").format(arrays, sql.SQL(", ").join(columns)),
        **parts,
    )
    # A cursor of the driver's own: Django's would write the arrays into the text of the statement.
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, [list(map(_reader(field, connection), rows)) for field in fields])


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


def _reader(field: models.Field[Any, Any], connection: Any) -> Callable[[models.Model], str | None]:
    """How this field's value is read from a row, as a text that the database understands."""
    name = field.attname
    if isinstance(field, models.ForeignKey) or (
        isinstance(field, PLAIN) and type(field).__module__.startswith("django.")
    ):
        return lambda row: _text(getattr(row, name))
    return lambda row: _text(field.get_db_prep_save(field.pre_save(row, add=True), connection))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Jsonb):
        return str((value.dumps or json.dumps)(value.obj))
    return str(value)
