"""A database with a row of each of two tenants in every tenant-owned table, made by looking at the tables themselves."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from plumbing import roles
from tests import database

OURS, THEIRS = database.TENANTS["ours"], database.TENANTS["theirs"]

VALUES: dict[str, Any] = {
    "uuid": uuid4,
    "text": lambda: secrets.token_hex(8),
    "varchar": lambda: secrets.token_hex(8),
    "bpchar": lambda: "E",
    "int2": lambda: 1,
    "int4": lambda: secrets.randbelow(2**31),
    "int8": lambda: secrets.randbelow(2**31),
    "numeric": lambda: 1,
    "float8": lambda: 1,
    "bool": lambda: False,
    "jsonb": lambda: "{}",
    "bytea": lambda: b"x",
    "date": lambda: "2026-01-01",
    "timestamptz": lambda: "2026-01-01T00:00:00Z",
    "interval": lambda: "1 day",
    "inet": lambda: "127.0.0.1",
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    length: int | None
    required: bool


@dataclass
class Table:
    """A table as PostgreSQL describes it; `tenant` is the column that names its tenant."""

    name: str
    columns: list[Column]
    # column -> the table whose id it holds
    targets: dict[str, str]
    tenant: str | None = None

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(self.name)


@dataclass
class Arena:
    """The database, and ways into it."""

    name: str
    owner: psycopg.Connection[Any]
    app: psycopg.Connection[Any]
    made: dict[tuple[str, UUID | None], dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Every table but the partitions of others."""
        found = {}
        for (name,) in self.owner.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace ORDER BY relname"
        ):
            columns = [Column(*row) for row in self.owner.execute(COLUMNS, [name])]
            targets = dict(self.owner.execute(TARGETS, [name]).fetchall())
            tenant = (
                "id" if name == "tenants_tenant" else next((c.name for c in columns if c.name == "tenant_id"), None)
            )
            found[name] = Table(name, columns, targets, tenant)
        return found

    @property
    def owned(self) -> list[Table]:
        """The tables whose rows belong to tenants, the table of tenants included."""
        return [table for table in self.tables.values() if table.tenant]

    @property
    def partitions(self) -> list[str]:
        """Every partition, by the name that one could reach it by."""
        return [
            name
            for (name,) in self.owner.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        ]

    def fill(self) -> None:
        """Puts a row of each tenant into every owned table."""
        # What a check asks of a value cannot be guessed, and is not what is tried here.
        for table, constraint in self.owner.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        ).fetchall():
            self.owner.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.SQL(table), sql.Identifier(constraint))
            )
        for tenant in (OURS, THEIRS):
            self.made["tenants_tenant", tenant] = self._read("tenants_tenant", tenant)
            for table in self.owned:
                self.row(table.name, tenant)

    def row(self, name: str, tenant: UUID | None) -> dict[str, Any]:
        """The tenant's row in the table, made with all that it needs where it is not there yet."""
        table = self.tables[name]
        tenant = tenant if table.tenant else None
        if (name, tenant) not in self.made:
            values = {column.name: self._value(table, column, tenant) for column in table.columns if column.required}
            names, marks = map(sql.Identifier, values), [sql.Placeholder()] * len(values)
            insert = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
                table.quoted, sql.SQL(", ").join(names), sql.SQL(", ").join(marks)
            )
            with self.owner.cursor(row_factory=dict_row) as cursor:
                made = cursor.execute(insert, list(values.values())).fetchone()
            assert made is not None
            self.made[name, tenant] = made
        return self.made[name, tenant]

    def _value(self, table: Table, column: Column, tenant: UUID | None) -> Any:
        if column.name == table.tenant:
            return tenant
        if target := table.targets.get(column.name):
            return self.row(target, tenant)["id"]
        if column.type.startswith("_"):
            return [VALUES[column.type.removeprefix("_")]()]
        value = VALUES[column.type]()
        return value[: column.length] if column.length else value

    def _read(self, name: str, key: UUID) -> dict[str, Any]:
        with self.owner.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(
                sql.SQL("SELECT * FROM {} WHERE id = %s").format(sql.Identifier(name)), [key]
            ).fetchone()
        assert found is not None
        return found

    @contextmanager
    def scope(self, tenant: UUID | None, *, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A transaction of the application in the tenant's scope (or in none), rolled back at its end."""
        with self.app.transaction(force_rollback=True):
            if tenant:
                self.app.execute("SELECT set_config('tieout.tenant', %s, true)", [str(tenant)])
            if role:
                self.app.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            yield self.app

    def attempt(self, tenant: UUID | None, statement: Any, params: Any = (), *, role: str | None = None) -> Any:
        """What became of one statement in that scope, commit-time checks included: rows, number of rows, or the error's class."""
        try:
            with self.scope(tenant, role=role) as connection:
                cursor = connection.execute(statement, params)
                answer = cursor.fetchall() if cursor.description else cursor.rowcount
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                return answer
        except psycopg.Error as error:
            return type(error)


@contextmanager
def arena() -> Iterator[Arena]:
    """A filled arena, dropped at the end."""
    with (
        database.clone("arena") as name,
        psycopg.connect(**database.login(roles.OWNER, name), autocommit=True) as owner,
        psycopg.connect(**database.login(roles.APP, name), autocommit=True) as app,
    ):
        made = Arena(name, owner, app)
        made.fill()
        yield made


COLUMNS = """
SELECT attname, typname, CASE WHEN atttypmod > 4 AND typname IN ('varchar', 'bpchar') THEN atttypmod - 4 END,
       attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = ''
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

# The last column of a foreign key is the one that names the row; before it stands the tenant, if it stands there.
TARGETS = """
SELECT attname, confrelid::regclass::text FROM pg_constraint
JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[array_upper(conkey, 1)]
WHERE contype = 'f' AND conparentid = 0 AND conrelid = %s::regclass AND attname <> 'tenant_id'
"""
