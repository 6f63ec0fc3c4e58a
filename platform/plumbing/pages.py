"""Whole pages of rows in one statement: COPY into a temporary table, then one INSERT … ON CONFLICT.

COPY straight into a table with row-level security is an error in PostgreSQL; staged, the policies check each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connections, models, router
from psycopg import sql


def write_page(rows: Sequence[models.Model], *, unique: Sequence[str] = (), update: Sequence[str] = ()) -> None:
    """Insert the rows; where one with the same `unique` columns stands already, set its `update` columns instead.

    Columns are named as in the database. Without `update` a row that stands already is left as it is. Only inside a
    transaction.
    """
    if not rows:
        return
    model = type(rows[0])
    connection = connections[router.db_for_write(model)]
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    table, staged = sql.Identifier(model._meta.db_table), sql.Identifier(f"staged_{model._meta.db_table}")
    columns = sql.SQL(", ").join(sql.Identifier(field.column) for field in fields)
    readers = [_reader(field, connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
            ).format(staged, columns, table)
        )
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staged, columns)) as copy:
            for row in rows:
                copy.write_row([read(row) for read in readers])
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {}").format(
                table, columns, columns, staged, _on_conflict(unique, update)
            )
        )
        cursor.execute(sql.SQL("DELETE FROM {}").format(staged))


def _on_conflict(unique: Sequence[str], update: Iterable[str]) -> sql.Composable:
    if not unique:
        return sql.SQL("")
    target = sql.SQL(", ").join(map(sql.Identifier, unique))
    changes = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in update)
    action = sql.SQL("UPDATE SET {}").format(changes) if update else sql.SQL("NOTHING")
    return sql.SQL("ON CONFLICT ({}) DO {}").format(target, action)


# Fields whose Python value is what the driver takes; the others convert, and cost ten times as much.
PLAIN = (
    models.AutoField,
    models.BooleanField,
    models.CharField,
    models.FloatField,
    models.IntegerField,
    models.TextField,
    models.UUIDField,
)


def _reader(field: models.Field[Any, Any], connection: Any) -> Callable[[models.Model], Any]:
    """How this field's value is read from a row, in the form that the driver takes."""
    name = field.attname
    plain = isinstance(field, PLAIN) and type(field).__module__.startswith("django.")
    if plain or isinstance(field, models.ForeignKey):
        return lambda row: getattr(row, name)
    return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), connection)
