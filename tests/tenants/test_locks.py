"""No tenant reaches another's rows, whatever statement is sent: tried on every table, as the application, past Django."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from psycopg import sql
from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege

from plumbing import roles
from plumbing.rowlevel import HAS_TIE, GrantDispatch, is_tenant_owned, references
from tests.tenants.arena import OURS, THEIRS, Arena, arena

OUR_APPS = ("tenants", "audit", "access", "integrations", "plumbing")

# Tables of ours that belong to no tenant, each with its reason. A table is either here or locked.
SHARED = {
    "access_user": "a person may belong to several tenants",
    "access_user_groups": "of Django's user",
    "access_user_user_permissions": "of Django's user",
    "plumbing_heartbeat": "the machinery's, not a tenant's",
    "integrations_vendorapp": "the operator's registration at a vendor",
    "integrations_template": "shipped with the product, for everybody",
    "integrations_budget": "a ledger that several tenants share; the application cannot read it (tests/connections/test_budgets.py)",
}

# What dispatch alone may do with the one table that the application itself cannot read.
BUDGET_READ, BUDGET_WRITTEN = (
    {"integrations_budget": {"id", "version", "state"}},
    {"integrations_budget": {"version", "state"}},
)


@pytest.fixture(scope="module")
def battle(django_db_blocker: Any) -> Iterator[Arena]:
    with django_db_blocker.unblock(), arena() as made:
        yield made


def test_every_table_of_ours_is_locked_or_shared_for_a_reason(battle):
    ours = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in OUR_APPS
    }
    forgotten = ours - {table.name for table in battle.owned} - set(SHARED)
    assert not forgotten, (
        "Inherit TenantOwned and end the migration with SecureTenantTables(), or name it in SHARED with a reason"
    )


def test_every_tenant_table_carries_both_locks(battle):
    facts = dict(
        battle.owner.execute(
            "SELECT relname::text, relrowsecurity AND relforcerowsecurity AND pg_get_userbyid(relowner) = %s FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace",
            [roles.OWNER],
        ).fetchall()
    )
    policies = dict(
        battle.owner.execute(
            "SELECT tablename::text, count(*) FROM pg_policies WHERE policyname = 'tenant' GROUP BY 1"
        ).fetchall()
    )
    assert [table.name for table in battle.owned if not facts[table.name] or not policies.get(table.name)] == []


def test_every_reference_between_tenants_tables_is_held_to_the_tenant(battle):
    loose = []
    for model in filter(is_tenant_owned, apps.get_models()):
        for field in references(model):
            target = field.remote_field.model._meta.db_table
            if not battle.owner.execute(HAS_TIE, [model._meta.db_table, target, field.column]).fetchone()[0]:
                loose.append(f"{model._meta.db_table}.{field.column}")
    assert loose == [], "End the migration that adds the field with SecureTenantTables()"


def test_what_is_another_tenants_is_not_seen(battle):
    seen = []
    for table in battle.owned:
        mine = battle.attempt(
            OURS, sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(table.quoted, tenant_of(table)), [OURS]
        )
        all_there_is = battle.attempt(OURS, sql.SQL("SELECT count(*) FROM {}").format(table.quoted))
        if mine != all_there_is or mine == [(0,)]:
            seen.append((table.name, mine, all_there_is))
    assert seen == []


def test_what_is_another_tenants_is_not_changed(battle):
    reached = []
    for table in battle.owned:
        for column in table.columns:
            name = sql.Identifier(column.name)
            theirs = sql.SQL("UPDATE {} SET {} = {} WHERE {} = %s").format(table.quoted, name, name, tenant_of(table))
            if battle.attempt(OURS, theirs, [THEIRS]) not in (0, InsufficientPrivilege):
                reached.append(f"{table.name}.{column.name}")
    assert reached == []


def test_a_row_is_not_given_to_another_tenant(battle):
    statement = "UPDATE {} SET {} = %s WHERE {} = %s"
    given = {
        table.name: battle.attempt(
            OURS, sql.SQL(statement).format(table.quoted, tenant_of(table), tenant_of(table)), [THEIRS, OURS]
        )
        for table in battle.owned
    }
    assert {name: result for name, result in given.items() if result is not InsufficientPrivilege} == {}


def test_what_is_another_tenants_is_not_deleted(battle):
    statement = "DELETE FROM {} WHERE {} = %s"
    deleted = {
        table.name: battle.attempt(OURS, sql.SQL(statement).format(table.quoted, tenant_of(table)), [THEIRS])
        for table in battle.owned
    }
    assert {name: result for name, result in deleted.items() if result not in (0, InsufficientPrivilege)} == {}


def test_nothing_is_put_among_another_tenants_rows(battle):
    results = {}
    for table in battle.owned:
        results[table.name] = battle.attempt(OURS, *insert_of(table, battle.made[table.name, THEIRS]))
    assert {name: result for name, result in results.items() if result is not InsufficientPrivilege} == {}


def test_nothing_is_truncated(battle):
    results = {
        name: battle.attempt(OURS, sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(name)))
        for name in battle.tables
    }
    assert {name: result for name, result in results.items() if result is not InsufficientPrivilege} == {}


def test_no_reference_points_at_another_tenants_row(battle):
    """The plain foreign key would allow it: its check passes row-level security."""
    crossed = {}
    for table in battle.owned:
        for column, target in table.targets.items():
            if target not in battle.tables or not battle.tables[target].tenant:
                continue
            statement = sql.SQL("UPDATE {} SET {} = %s").format(table.quoted, sql.Identifier(column))
            crossed[f"{table.name}.{column}"] = battle.attempt(OURS, statement, [battle.made[target, THEIRS]["id"]])
    assert {
        name: result for name, result in crossed.items() if result not in (ForeignKeyViolation, InsufficientPrivilege)
    } == {}


def test_without_a_scope_every_statement_fails(battle):
    answered = []
    for table in battle.owned:
        tenant = tenant_of(table)
        own = sql.SQL("{} = %s").format(tenant)
        tries = (
            (sql.SQL("SELECT count(*) FROM {}").format(table.quoted), []),
            (sql.SQL("SELECT 1 FROM {} WHERE {}").format(table.quoted, own), [OURS]),
            (sql.SQL("UPDATE {} SET {} = {}").format(table.quoted, tenant, tenant), []),
            (sql.SQL("DELETE FROM {}").format(table.quoted), []),
            insert_of(table, battle.made[table.name, OURS]),
        )
        answered += [
            table.name
            for statement, params in tries
            if battle.attempt(None, statement, params) is not InsufficientPrivilege
        ]
    assert answered == []


def test_the_words_say_what_is_missing(battle):
    with pytest.raises(InsufficientPrivilege, match="no tenant is in scope"), battle.scope(None) as app:
        app.execute("SELECT * FROM access_membership")


def test_no_partition_is_reached_by_its_own_name(battle):
    assert len(battle.partitions) >= 25
    reached = []
    for name in battle.partitions:
        for statement in ("SELECT * FROM {}", "DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES"):
            if battle.attempt(OURS, sql.SQL(statement).format(sql.Identifier(name))) is not InsufficientPrivilege:
                reached.append((name, statement))
    assert reached == []


def test_a_scope_ends_with_its_transaction(battle):
    with psycopg.connect(battle.app.info.dsn, password="only-for-tests") as kept:
        kept.execute("SELECT set_config('tieout.tenant', %s, true)", [str(OURS)])
        assert kept.execute("SELECT count(*) FROM access_membership").fetchone() == (1,)
        kept.commit()
        with pytest.raises(InsufficientPrivilege):
            kept.execute("SELECT count(*) FROM access_membership")
        kept.rollback()


def test_events_are_only_ever_added(battle):
    for statement in ("UPDATE audit_event SET verb = 'never happened'", "DELETE FROM audit_event"):
        assert battle.attempt(OURS, statement) is InsufficientPrivilege
    assert battle.attempt(OURS, "UPDATE audit_payload SET payload = '{}'") is InsufficientPrivilege
    assert battle.attempt(OURS, "DELETE FROM audit_payload") == 1


def test_dispatch_reads_what_it_was_granted_of_every_tenant(battle):
    short = {}
    for table, columns in granted("select").items():
        names = sql.SQL(", ").join(map(sql.Identifier, sorted(columns)))
        rows = battle.attempt(
            None, sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table)), role=roles.DISPATCH
        )
        if not isinstance(rows, list) or len(rows) < 2:
            short[table] = rows
    assert short == {}


def test_dispatch_reads_and_writes_nothing_else(battle):
    reads, writes = granted("select") | BUDGET_READ, granted("update") | BUDGET_WRITTEN
    leaks = []
    for table in battle.tables.values():
        for column in table.columns:
            name = sql.Identifier(column.name)
            read = battle.attempt(OURS, sql.SQL("SELECT {} FROM {}").format(name, table.quoted), role=roles.DISPATCH)
            write = battle.attempt(
                OURS, sql.SQL("UPDATE {} SET {} = NULL WHERE false").format(table.quoted, name), role=roles.DISPATCH
            )
            for what, result, allowed in (("read", read, reads), ("write", write, writes)):
                if result is not InsufficientPrivilege and column.name not in allowed.get(table.name, ()):
                    leaks.append((what, table.name, column.name))
        for statement in ("DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES"):
            if (
                battle.attempt(OURS, sql.SQL(statement).format(table.quoted), role=roles.DISPATCH)
                is not InsufficientPrivilege
            ):
                leaks.append((statement, table.name, ""))
    for name in battle.partitions:
        if (
            battle.attempt(OURS, sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)), role=roles.DISPATCH)
            is not InsufficientPrivilege
        ):
            leaks.append(("read", name, ""))
    assert leaks == []


def test_the_application_becomes_nobody_mightier(battle):
    assert battle.attempt(OURS, f"SET LOCAL ROLE {roles.OWNER}") is InsufficientPrivilege
    for statement in (
        "CREATE TABLE mine (id int)",
        "ALTER TABLE access_membership NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON access_membership",
    ):
        assert battle.attempt(OURS, statement) is InsufficientPrivilege
    assert battle.attempt(OURS, "CREATE TEMPORARY TABLE staged (id int)") == -1


def tenant_of(table: Any) -> sql.Identifier:
    return sql.Identifier(table.tenant)


def insert_of(table: Any, row: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    """A statement that adds a row like this one."""
    columns = [column for column in table.columns if column.required]
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    params = [
        psycopg.types.json.Jsonb(row[column.name]) if column.type == "jsonb" else row[column.name] for column in columns
    ]
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(table.quoted, names, marks), params


def granted(what: str) -> dict[str, set[str]]:
    """The columns that the migrations grant to dispatch."""
    found: dict[str, set[str]] = {}
    for migration in MigrationLoader(None).disk_migrations.values():
        for operation in migration.operations:
            if isinstance(operation, GrantDispatch) and getattr(operation, what):
                found.setdefault(operation.table, set()).update(getattr(operation, what))
    return found
