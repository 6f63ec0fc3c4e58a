"""Commands of the operator say what they lack before they do anything."""

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

ADMIN = "postgresql://nobody@127.0.0.1:1/postgres"


def test_without_the_owner_nothing_is_migrated(monkeypatch):
    without = {alias: where for alias, where in connections.settings.items() if alias != "owner"}
    monkeypatch.setattr(connections, "settings", without)
    with pytest.raises(CommandError, match="Set DATABASE_OWNER_URL"):
        call_command("migrate")


LOGIN = {"NAME": "books", "USER": "tieout_app", "PASSWORD": "a"}
OWNER = {"NAME": "books", "USER": "tieout_owner", "PASSWORD": "b"}


@pytest.mark.parametrize(
    ("databases", "words"),
    [
        ({"default": LOGIN | {"EMBEDDED": "var"}}, "prepares itself"),
        ({"default": LOGIN}, "Set DATABASE_OWNER_URL"),
        (
            {"default": LOGIN | {"USER": "postgres"}, "owner": OWNER},
            "DATABASE_URL must log in as tieout_app, not as postgres",
        ),
        (
            {"default": LOGIN, "owner": OWNER | {"USER": ""}},
            "DATABASE_OWNER_URL must log in as tieout_owner, not as nobody",
        ),
        ({"default": LOGIN, "owner": OWNER | {"NAME": "other"}}, "different databases"),
    ],
)
def test_a_database_is_not_prepared_for_addresses_that_do_not_fit(monkeypatch, databases, words):
    monkeypatch.setattr(settings, "DATABASES", databases)
    with pytest.raises(CommandError, match=words):
        call_command("prepare_database", admin_url=ADMIN)


def test_an_administrator_who_may_not_is_told_what_is_needed(monkeypatch):
    from plumbing.management.commands import prepare_database

    class Connection:
        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

    def refuse(*args, **kwargs):
        raise psycopg.errors.InsufficientPrivilege("must be superuser to create bypassrls users")

    monkeypatch.setattr(settings, "DATABASES", {"default": LOGIN, "owner": OWNER})
    monkeypatch.setattr(prepare_database.psycopg, "connect", lambda *args, **kwargs: Connection())
    monkeypatch.setattr(prepare_database.roles, "prepare", refuse)
    with pytest.raises(CommandError, match="on PostgreSQL 15 only a superuser"):
        call_command("prepare_database", admin_url=ADMIN)
