"""The roles and the database are made from an administrator's login, on every version, as often as one likes."""

import os
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from plumbing import roles
from tests import database


@pytest.fixture
def superuser(django_db_blocker):
    with django_db_blocker.unblock(), psycopg.connect(**database.administrator(), autocommit=True) as connection:
        if not connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]:
            pytest.skip("left out: DATABASE_URL is not a superuser's login")
        yield connection


@pytest.fixture
def new_name(superuser):
    name = f"tieout_test_{os.getpid()}_{uuid4().hex[:8]}"
    yield name
    superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def clerk(superuser):
    """An administrator who is no superuser, as a hosted database gives one."""
    name = f"clerk_{uuid4().hex[:8]}"
    superuser.execute(
        sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD 'x'").format(sql.Identifier(name))
    )
    # As if the clerk had made the roles: who makes a role may give it away.
    option = "WITH ADMIN OPTION"
    for role in (roles.OWNER, roles.APP, roles.DISPATCH):
        superuser.execute(sql.SQL("GRANT {} TO {} " + option).format(sql.Identifier(role), sql.Identifier(name)))
    with psycopg.connect(**database.administrator() | {"user": name, "password": "x"}, autocommit=True) as connection:
        yield connection
    superuser.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def facts(connection, role):
    return connection.execute(
        "SELECT rolcanlogin, rolinherit, rolbypassrls, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s",
        [role],
    ).fetchone()


def test_each_role_is_as_small_as_it_can_be(superuser, new_name):
    roles.prepare(superuser, database=new_name)
    assert facts(superuser, roles.APP) == (True, False, False, False, False, False)
    assert facts(superuser, roles.DISPATCH) == (False, False, False, False, False, False)
    assert facts(superuser, roles.OWNER)[2:] == (True, False, False, False)


def test_preparing_twice_is_preparing_once(superuser, new_name):
    roles.prepare(superuser, database=new_name)
    roles.prepare(superuser, database=new_name)
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    assert superuser.execute(owner, [new_name]).fetchone()[0] == roles.OWNER


def test_the_application_may_enter_and_stage_but_make_nothing_lasting(superuser, new_name):
    roles.prepare(superuser, database=new_name, app_password=database.PASSWORD)
    with psycopg.connect(**database.login(roles.APP, new_name), autocommit=True) as app:
        app.execute("CREATE TEMPORARY TABLE staged (id int)")
        for statement in ("CREATE TABLE kept (id int)", "CREATE SCHEMA mine"):
            with pytest.raises(InsufficientPrivilege):
                app.execute(statement)
        for role in (roles.OWNER, "postgres"):
            with pytest.raises(psycopg.Error):
                app.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def test_the_application_has_nothing_of_dispatch_until_it_enters_it(superuser, new_name):
    roles.prepare(superuser, database=new_name, app_password=database.PASSWORD)
    with psycopg.connect(**database.login(roles.APP, new_name)) as app:
        assert app.execute("SELECT pg_has_role('tieout_dispatch', 'USAGE')").fetchone() == (False,)
        app.execute("SET LOCAL ROLE tieout_dispatch")
        assert app.execute("SELECT current_user::text").fetchone() == ("tieout_dispatch",)


def test_an_administrator_who_is_no_superuser_can_do_it(clerk, new_name):
    roles.prepare(clerk, database=new_name)
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    assert clerk.execute(owner, [new_name]).fetchone()[0] == roles.OWNER
