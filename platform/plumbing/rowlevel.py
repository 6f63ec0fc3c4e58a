"""Migration operations that lock tables to their tenant: the second lock, which holds when a query forgets the first.

    operations = [migrations.CreateModel(...), SecureTenantTables(append_only=["event"])]

goes at the end of each migration that adds a tenant-owned table, or a foreign key between two. What is locked already is left
as it is, so the operation may be repeated in every migration.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

from plumbing.roles import APP, DISPATCH

TENANT = "tenant"

# Raising is the point: an empty answer would look like "nothing there yet", and everything would be made a second time.
SCOPE_FUNCTION = """
CREATE OR REPLACE FUNCTION tieout_tenant() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    scope text := pg_catalog.current_setting('tieout.tenant', true);
BEGIN
    IF scope IS NULL OR scope = '' THEN
        RAISE EXCEPTION 'no tenant is in scope in this transaction'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Open tenant_scope(...) and a transaction around the work.';
    END IF;
    RETURN scope::uuid;
END $$
"""


class SecureTenantTables(Operation):
    """Locks every table of the app whose model has a `tenant`, and ties the references between them to the tenant.

    `append_only` names models that the application may add to and read, no more; `erasable` models that it may also delete
    from. Both matter only the first time a table is locked.
    """

    reversible = True
    reduces_to_sql = True
    atomic = True

    def __init__(self, append_only: Sequence[str] = (), erasable: Sequence[str] = ()) -> None:
        self.append_only = tuple(append_only)
        self.erasable = tuple(erasable)

    def deconstruct(self) -> Any:
        kwargs = {"append_only": list(self.append_only), "erasable": list(self.erasable)}
        return type(self).__name__, [], {name: value for name, value in kwargs.items() if value}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        owned = [model for model in to_state.apps.get_app_config(app_label).get_models() if is_tenant_owned(model)]
        for model in owned:
            lock(schema_editor, model._meta.db_table, grants=self._grants(model._meta.model_name))
        # Only now has every table the unique (tenant_id, id) that references point at.
        for model in owned:
            for field in references(model):
                tie(schema_editor, model._meta.db_table, field.column, field.remote_field.model._meta.db_table)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        pass  # a table goes with its locks

    def describe(self) -> str:
        return "Locks the app's tables to their tenant"

    def _grants(self, model: str) -> str:
        if model in self.append_only:
            return "SELECT, INSERT"
        if model in self.erasable:
            return "SELECT, INSERT, DELETE"
        return "SELECT, INSERT, UPDATE, DELETE"


class SecureTable(Operation):
    """Locks one table to the tenant named by `column`; for the table of tenants itself and for tables made by hand."""

    reversible = True
    reduces_to_sql = True

    def __init__(
        self, table: str, *, column: str = "tenant_id", grants: str = "SELECT, INSERT, UPDATE, DELETE"
    ) -> None:
        self.table, self.column, self.grants = table, column, grants

    def deconstruct(self) -> Any:
        return type(self).__name__, [self.table], {"column": self.column, "grants": self.grants}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        lock(schema_editor, self.table, column=self.column, grants=self.grants)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        pass

    def describe(self) -> str:
        return f"Locks {self.table} to its tenant"


class GrantDispatch(Operation):
    """Lets the dispatch role read (and write) the named columns of a table across all tenants, and nothing else of it."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str, *, select: Sequence[str] = (), update: Sequence[str] = ()) -> None:
        self.table, self.select, self.update = table, tuple(select), tuple(update)

    def deconstruct(self) -> Any:
        return type(self).__name__, [self.table], {"select": list(self.select), "update": list(self.update)}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        quote = schema_editor.quote_name
        for command, columns, rule in (
            ("SELECT", self.select, "USING (true)"),
            ("UPDATE", self.update, "USING (true) WITH CHECK (true)"),
        ):
            if columns:
                policy = f"dispatch_{command.lower()}"
                schema_editor.execute(f"DROP POLICY IF EXISTS {policy} ON {quote(self.table)}")
                schema_editor.execute(
                    f"CREATE POLICY {policy} ON {quote(self.table)} FOR {command} TO {DISPATCH} {rule}"
                )
                schema_editor.execute(
                    f"GRANT {command} ({', '.join(map(quote, columns))}) ON {quote(self.table)} TO {DISPATCH}"
                )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = schema_editor.quote_name(self.table)
        schema_editor.execute(f"DROP POLICY IF EXISTS dispatch_select ON {table}")
        schema_editor.execute(f"DROP POLICY IF EXISTS dispatch_update ON {table}")
        schema_editor.execute(f"REVOKE ALL ON {table} FROM {DISPATCH}")

    def describe(self) -> str:
        return f"Lets dispatch use columns of {self.table}"


def is_tenant_owned(model: Any) -> bool:
    """Whether the model's rows belong to a tenant: it has a foreign key named `tenant` and a table of its own."""
    return not model._meta.proxy and any(
        field.name == TENANT and field.is_relation for field in model._meta.local_fields
    )


def references(model: Any) -> Iterator[Any]:
    """The model's foreign keys that point at tenant-owned tables."""
    for field in model._meta.local_fields:
        if field.is_relation and field.name != TENANT and is_tenant_owned(field.remote_field.model):
            yield field


def lock(schema_editor: BaseDatabaseSchemaEditor, table: str, *, grants: str, column: str = "tenant_id") -> None:
    """Forces row-level security on the table, gives it its policy and grants, and makes (tenant_id, id) a target of references."""
    is_locked = "SELECT relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
    if _answer(schema_editor, is_locked, [schema_editor.quote_name(table)]):
        return
    name, tenant = schema_editor.quote_name(table), schema_editor.quote_name(column)
    own = f"{tenant} = (SELECT tieout_tenant())"  # as a sub-select it runs once a statement
    partitioned = _answer(schema_editor, "SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", [name])
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {name} FOR ALL TO {APP} USING ({own}) WITH CHECK ({own})",
        f"REVOKE ALL ON {name} FROM PUBLIC, {APP}, {DISPATCH}",
        f"GRANT {grants} ON {name} TO {APP}",
    ]
    if column != "id" and not partitioned:  # a partitioned table cannot promise it, and nothing may point at one
        statements.append(f"ALTER TABLE {name} ADD CONSTRAINT {short(table, 'tenant_key')} UNIQUE ({tenant}, id)")
    for statement in statements:
        schema_editor.execute(statement)


def tie(schema_editor: BaseDatabaseSchemaEditor, table: str, column: str, target: str) -> None:
    """Holds `table.column` to rows of the same tenant in `target`, checked at commit, with an index for the way back."""
    name, quoted, there = (schema_editor.quote_name(part) for part in (table, column, target))
    if not _answer(schema_editor, HAS_TIE, [name, there, column]):
        schema_editor.execute(
            f"ALTER TABLE {name} ADD CONSTRAINT {short(table, column, 'same_tenant')} FOREIGN KEY (tenant_id, {quoted}) "
            f"REFERENCES {there} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED"
        )
    if not _answer(schema_editor, HAS_INDEX, [name, column]):
        schema_editor.execute(f"CREATE INDEX {short(table, column, 'of_tenant')} ON {name} (tenant_id, {quoted})")


HAS_TIE = """
SELECT EXISTS (
    SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass AND confrelid = %s::regclass AND conkey = ARRAY[
        (SELECT attnum FROM pg_attribute WHERE attrelid = conrelid AND attname = 'tenant_id'),
        (SELECT attnum FROM pg_attribute WHERE attrelid = conrelid AND attname = %s)])
"""

HAS_INDEX = """
SELECT EXISTS (
    SELECT FROM pg_index
    JOIN pg_attribute first ON first.attrelid = indrelid AND first.attnum = indkey[0] AND first.attname = 'tenant_id'
    JOIN pg_attribute second ON second.attrelid = indrelid AND second.attnum = indkey[1]
    WHERE indrelid = %s::regclass AND indpred IS NULL AND second.attname = %s)
"""


def short(*parts: str) -> str:
    """A quoted name of at most PostgreSQL's 63 bytes that tells what it is for."""
    name = "_".join(parts)
    return f'"{name}"' if len(name) <= 63 else f'"{name[:52]}_{sha256(name.encode()).hexdigest()[:10]}"'


def _answer(schema_editor: BaseDatabaseSchemaEditor, question: str, params: Iterable[Any]) -> Any:
    if schema_editor.collect_sql:
        return False  # `sqlmigrate` shows everything, as for a fresh database
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(question, list(params))
        row = cursor.fetchone()
    return row and row[0]
