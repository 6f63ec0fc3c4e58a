"""Typed keys: a session is opened with them once for all workers, and only what was tried counts as connected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.wire.errors import ConsentLost
from tenants.models import Tenant
from tests.connectors.odoo.server import Odoo, fresh
from tests.mount import mounted

pytestmark = pytest.mark.django_db(transaction=True)

SANDBOX = "http://127.0.0.1:9"


@pytest.fixture
def odoo(settings: Any) -> Iterator[Odoo]:
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = SANDBOX, 0
    simulator = fresh()
    with mounted(simulator, f"{SANDBOX}/odoo"):
        yield simulator


@pytest.fixture
def books(tenant: Tenant, odoo: Odoo) -> Connection:
    """A connection whose keys were typed and not tried yet."""
    place = {"url": SANDBOX, "database": "books", "login": "admin"}
    connection = Connection(name="Odoo", connector="odoo", environment="simulator", settings=place)
    return save_connection(connection, secrets={"api_key": "admin"}, by=None)


def stored(connection: Connection) -> Connection:
    with transaction.atomic():
        return Connection.objects.get(pk=connection.pk)


def test_keys_that_were_only_typed_do_not_count_as_connected(books: Connection) -> None:
    assert stored(books).state == Connection.State.NEW


def test_keys_that_were_tried_do(books: Connection) -> None:
    company = try_out(books, by=None)

    assert company.name
    assert stored(books).state == Connection.State.CONNECTED


def test_the_session_is_kept_beside_the_keys_that_opened_it(books: Connection) -> None:
    try_out(books, by=None)

    assert stored(books).secrets.reveal().keys() >= {"api_key", "access_token"}


def test_a_session_ends_when_what_it_was_opened_for_changes(books: Connection) -> None:
    try_out(books, by=None)

    save_connection(stored(books), by=None)

    assert "access_token" not in stored(books).secrets.reveal()


def test_a_wrong_key_is_said_to_be_wrong_and_the_right_one_mends_it(books: Connection) -> None:
    save_connection(books, secrets={"api_key": "not it"}, by=None)
    with pytest.raises(ConsentLost):
        try_out(books, by=None)
    assert stored(books).state == Connection.State.CONSENT_LOST

    mended = save_connection(stored(books), secrets={"api_key": "admin"}, by=None)
    try_out(mended, by=None)

    assert stored(books).state == Connection.State.CONNECTED
