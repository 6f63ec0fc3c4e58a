"""The three roles in the database, and the way into the third.

`tieout_owner`     owns every table and passes row-level security; for migrations, backups and resealing only.
`tieout_app`       what web and workers log in as: reads and writes rows of the tenant in scope, owns nothing.
`tieout_dispatch`  cannot log in; `with dispatch():` enters it to read the few columns that must cross tenants.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg import sql

OWNER, APP, DISPATCH = "tieout_owner", "tieout_app", "tieout_dispatch"
OWNER_ALIAS = "owner"

_dispatching: ContextVar[bool] = ContextVar("tieout_dispatching", default=False)


@contextmanager
def dispatch(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """A transaction (or savepoint) under the dispatch role: across all tenants, but only the columns granted to it."""
    with transaction.atomic(using):
        connection = connections[using]
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {DISPATCH}")
        token = _dispatching.set(True)
        try:
            yield
        finally:
            _dispatching.reset(token)
        # After an error there is nothing to put back: the rollback does it.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE NONE")


def is_dispatching() -> bool:
    """Whether the code runs inside `with dispatch():`."""
    return _dispatching.get()


def prepare(
    admin: psycopg.Connection, *, database: str, app_password: str | None = None, owner_password: str | None = None
) -> None:
    """Creates the roles and the database where they are missing and grants what each may do; may be repeated at will.

    `admin` is an autocommit connection of a login that may create roles and databases. Raises psycopg's InsufficientPrivilege
    where it may not.
    """
    # The maintenance database is everybody's meeting place: two installations starting at once wait for each other here.
    admin.execute("SELECT pg_advisory_lock(hashtext('tieout.prepare'))")
    try:
        _create_roles(admin, {APP: app_password, OWNER: owner_password})
        _create_database(admin, database)
    finally:
        admin.execute("SELECT pg_advisory_unlock(hashtext('tieout.prepare'))")


def _create_roles(admin: psycopg.Connection, passwords: dict[str, str | None]) -> None:
    attributes = {
        OWNER: "LOGIN BYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE",
        APP: "LOGIN NOINHERIT NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE",
        DISPATCH: "NOLOGIN NOINHERIT NOBYPASSRLS NOSUPERUSER NOCREATEDB NOCREATEROLE",
    }
    known = {name for (name,) in admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'tieout%'")}
    for role, wanted in attributes.items():
        if role not in known:
            admin.execute(sql.SQL("CREATE ROLE {} " + wanted).format(sql.Identifier(role)))
        if password := passwords.get(role):
            admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
    # NOINHERIT on the member makes this a right that must be entered by SET ROLE, on every version.
    if not admin.execute("SELECT 1 WHERE pg_has_role(%s, %s, 'MEMBER')", [APP, DISPATCH]).fetchone():
        admin.execute(f"GRANT {DISPATCH} TO {APP}")
    # Only who may act as the owner may give it a database. From version 16 making a role does not include that.
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper").fetchone():
        options = " WITH INHERIT TRUE, SET TRUE" if admin.info.server_version >= 160000 else ""
        admin.execute(f"GRANT {OWNER} TO CURRENT_USER{options}")


def _create_database(admin: psycopg.Connection, database: str) -> None:
    name = sql.Identifier(database)
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                name, sql.Identifier(OWNER)
            )
        )
    grant_database(admin, database)
    inside = psycopg.conninfo.make_conninfo(admin.info.dsn, dbname=database, password=admin.info.password or None)
    with psycopg.connect(inside, autocommit=True) as there:
        for statement in INSIDE:
            there.execute(statement)


def grant_database(admin: psycopg.Connection, database: str) -> None:
    """Lets the application in and everybody else out; a cloned database loses these grants and needs them again."""
    name = sql.Identifier(database)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    admin.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(APP)))


# What the application may do with tables of no tenant; tenant tables are locked on top of it (rowlevel.py).
INSIDE = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    f"GRANT USAGE ON SCHEMA public TO {APP}, {DISPATCH}",
    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP}",
    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP}",
)
