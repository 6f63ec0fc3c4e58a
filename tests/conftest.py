"""What every test stands on: a database of its own process, two tenants, the application's role, and no network."""

import ipaddress
import socket
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, TransactionTestCase

from plumbing import roles, scope
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests import database

# Slow hashing protects real passwords; here it only costs time.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def database_name(django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of this process."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    with django_db_blocker.unblock(), database.clone(worker) as name:
        yield name
        connections.close_all()


@pytest.fixture(scope="session")
def django_db_setup(database_name: str) -> Iterator[None]:
    """Connects as the application, never as owner or superuser, and cleans up as the owner, since the application cannot."""
    database.use(database_name)
    with psycopg.connect(**database.login(roles.OWNER, database_name), autocommit=True) as owner:
        shipped = database.shipped(owner)
        teardown = TransactionTestCase._fixture_teardown
        TransactionTestCase._fixture_teardown = lambda case: database.empty(owner, but=shipped)
        yield
        TransactionTestCase._fixture_teardown = teardown


@pytest.fixture
def owner(transactional_db: None, database_name: str) -> Iterator[psycopg.Connection]:
    """A connection as the owner, autocommit: for setting up, and for seeing what the application cannot."""
    with psycopg.connect(**database.login(roles.OWNER, database_name), autocommit=True) as connection:
        yield connection


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """Our tenant, in scope for the whole test; in a transactional test the database wants a transaction besides."""
    _database(request)
    found = Tenant(pk=database.TENANTS["ours"], slug="ours", name="Ours", home_currency="EUR")
    found._state.adding, found._state.db = False, "default"
    with tenant_scope(found.pk):
        yield found


@pytest.fixture
def other_tenant(request: pytest.FixtureRequest) -> Tenant:
    """Another tenant, not in scope: enter `tenant_scope(other_tenant.pk)` to play it."""
    _database(request)
    found = Tenant(pk=database.TENANTS["theirs"], slug="theirs", name="Theirs", home_currency="EUR")
    found._state.adding, found._state.db = False, "default"
    return found


def _database(request: pytest.FixtureRequest) -> None:
    # A test that commits asks for `transactional_db` by its mark or by another fixture; it must come first.
    marker = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if commits else "db")


class Visitor(Client):
    """A client whose requests run in a context of their own, as a server's do, so that a test's scope outlives them."""

    def request(self, **request: Any) -> Any:
        try:
            return copy_context().run(super().request, **request)
        finally:
            scope.announce()


@pytest.fixture
def client() -> Client:
    """A browser that is not signed in."""
    return Visitor()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Only this machine can be reached: simulators play the vendors."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise OSError(f"A test tried to reach {address[0]}; vendors are played by simulators.")
        return connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
