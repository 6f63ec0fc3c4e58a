"""The databases that tests run on: one template, migrated once, and a clone of it for each process.

The server is the embedded one, or that of DATABASE_URL (an administrator's login to a server that may be thrown away).
"""

import functools
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from plumbing import embedded, roles

PASSWORD = "only-for-tests"
# The application may not make tenants, and a test's own transaction is the application's: these two are always there.
TENANTS = {
    "ours": UUID("01900000-0000-7000-8000-00000000000a"),
    "theirs": UUID("01900000-0000-7000-8000-00000000000b"),
}


@functools.cache
def administrator() -> dict[str, Any]:
    """How to log in to the server as somebody who may make roles and databases."""
    if address := os.environ.get("DATABASE_URL"):
        return conninfo_to_dict(address)
    folder = settings.VAR / "tests" / "postgres"
    embedded.start(folder, durable=False)
    return embedded.administrator(folder)


def login(role: str, database: str) -> dict[str, Any]:
    """How to log in to the named database in the named role."""
    return administrator() | {"user": role, "password": PASSWORD, "dbname": database}


@contextmanager
def clone(worker: str) -> Iterator[str]:
    """The name of a fresh database, migrated and with the two tenants in it, which is dropped at the end."""
    name = f"tieout_test_{os.getpid()}_{worker}"
    with psycopg.connect(**administrator(), autocommit=True) as admin:
        with _one_at_a_time(admin):
            _drop_leftovers(admin)
            template = _template(admin)
            copy = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            admin.execute(copy.format(sql.Identifier(name), sql.Identifier(roles.OWNER), sql.Identifier(template)))
            roles.grant_database(admin, name)
        try:
            yield name
        finally:
            _drop(admin, name)


def use(name: str) -> None:
    """Points the application's and the owner's connections at this database."""
    for alias, role in (("default", roles.APP), (roles.OWNER_ALIAS, roles.OWNER)):
        where = login(role, name)
        connections.settings.setdefault(alias, connections.settings["default"].copy())
        connections[alias].close()
        connections.settings[alias].pop("EMBEDDED", None)
        connections.settings[alias] |= {
            "NAME": name,
            "USER": role,
            "PASSWORD": PASSWORD,
            "HOST": where.get("host", ""),
            "PORT": where.get("port", ""),
            "OPTIONS": {},
        }


def filled(owner: psycopg.Connection) -> set[str]:
    """The tables that hold rows."""
    tables = [name for (name,) in owner.execute(TABLES)]
    each = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(t), sql.Identifier(t)) for t in tables
    ]
    return {name for (name,) in owner.execute(sql.SQL(" UNION ALL ").join(each))}


def shipped(owner: psycopg.Connection) -> dict[str, list[Any]]:
    """What every database holds from the start: table -> ids of its rows."""
    every_id = sql.SQL("SELECT id FROM {}")
    return {name: [key for (key,) in owner.execute(every_id.format(sql.Identifier(name)))] for name in filled(owner)}


def empty(owner: psycopg.Connection, *, but: dict[str, list[Any]]) -> None:
    """Takes out of the database what a test committed, but for the rows that were shipped with it."""
    with owner.transaction():
        if added := filled(owner) - but.keys():
            owner.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, sorted(added)))))
        for table, ids in but.items():
            owner.execute(sql.SQL("DELETE FROM {} WHERE id <> ALL(%s)").format(sql.Identifier(table)), [ids])
        put_tenants(owner)


TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""


def put_tenants(owner: psycopg.Connection) -> None:
    """Puts the two tenants in, as they are to be."""
    for slug, key in TENANTS.items():
        owner.execute(
            "INSERT INTO tenants_tenant (id, slug, name, time_zone, home_currency, created_at) "
            "VALUES (%s, %s, %s, 'UTC', 'EUR', now()) ON CONFLICT (id) DO UPDATE SET "
            "(slug, name, time_zone, home_currency) = (excluded.slug, excluded.name, excluded.time_zone, excluded.home_currency)",
            [key, slug, slug.title()],
        )


def _template(admin: psycopg.Connection) -> str:
    name = f"tieout_template_{_digest()}"
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return name
    draft = f"{name}_draft"
    _drop(admin, draft)
    roles.prepare(admin, database=draft, app_password=PASSWORD, owner_password=PASSWORD)
    use(draft)
    call_command("migrate", verbosity=0)
    with psycopg.connect(**login(roles.OWNER, draft), autocommit=True) as owner:
        put_tenants(owner)
    connections.close_all()
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name)))
    return name


def _digest() -> str:
    """What the template's content depends on: every migration, and the code that migrations call."""
    folders = {Path(app.path) / "migrations" for app in apps.get_app_configs()}
    files = {file for folder in folders for file in folder.glob("*.py")}
    for room in ("plumbing", "audit"):
        files |= set(Path(apps.get_app_config(room).path).glob("*.py"))
    mapping = Path(apps.get_app_config("integrations").path) / "mapping"  # ships templates after migrating
    files |= {file for file in mapping.rglob("*") if file.suffix in (".py", ".json", ".toml", ".yaml")}
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(files):
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _one_at_a_time(admin: psycopg.Connection) -> Iterator[None]:
    admin.execute("SELECT pg_advisory_lock(hashtext('tieout.tests'))")
    try:
        yield
    finally:
        admin.execute("SELECT pg_advisory_unlock(hashtext('tieout.tests'))")


def _drop_leftovers(admin: psycopg.Connection) -> None:
    """Drops old templates, and the databases of test runs that were killed."""
    names = [
        name for (name,) in admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^tieout_(test|template)_'")
    ]
    for name in names:
        kind, process = name.split("_")[1:3]
        if (kind == "template" and process != _digest()) or (kind == "test" and not psutil.pid_exists(int(process))):
            _drop(admin, name)


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
