"""Whole pages of rows in one statement: COPY into a temporary table, and from there into the real one.

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
    fields = [field for field in rows[0]._meta.concrete_fields if not field.generated]
    with _Stage(rows, fields) as stage:
        stage.execute(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} {on_conflict}",
            on_conflict=_on_conflict(unique, update),
        )


def update_page(rows: Sequence[models.Model], *names: str) -> None:
    """Set these fields of rows that stand already to what the instances hold. Only inside a transaction."""
    if not rows:
        return
    fields: list[Any] = [rows[0]._meta.get_field(name) for name in names]
    with _Stage(rows, [rows[0]._meta.pk, *fields]) as stage:
        stage.execute(
            "UPDATE {table} SET {changes} FROM {stage} WHERE {table}.id = {stage}.id",
            changes=sql.SQL(", ").join(
                [sql.SQL("{0} = {1}.{0}").format(sql.Identifier(field.column), stage.name) for field in fields]
            ),
        )


class _Stage:
    """Rows in a temporary table that lives as long as the session and is empty outside of `with`."""

    def __init__(self, rows: Sequence[models.Model], fields: Sequence[Any]) -> None:
        self.rows, self.fields = rows, fields
        model = type(rows[0])
        self.connection = connections[router.db_for_write(model)]
        self.table = sql.Identifier(model._meta.db_table)
        self.columns = sql.SQL(", ").join(sql.Identifier(field.column) for field in fields)
        # Another choice of columns is another table.
        choice = abs(hash(tuple(field.column for field in fields))) % 10**8
        self.name = sql.Identifier(f"stage_{choice:08d}_{model._meta.db_table}"[:60])

    def __enter__(self) -> _Stage:
        self.cursor = self.connection.cursor()
        self.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {table} WITH NO DATA"
        )
        read = [_reader(field, self.connection) for field in self.fields]
        with self.cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(self.name, self.columns)) as copy:
            for row in self.rows:
                copy.write_row([value(row) for value in read])
        return self

    def execute(self, text: str, **parts: sql.Composable) -> None:
        """Run a statement whose `{table}`, `{stage}` and `{columns}` are these."""
        names = {"table": self.table, "stage": self.name, "columns": self.columns}
        self.cursor.execute(sql.SQL(text).format(**names, **parts))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.execute("DELETE FROM {stage}")
        self.cursor.close()


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
