"""Vendors that knock: the address to enter there, when they last came, and how many were not believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils import timezone

from integrations.connections import knocks
from integrations.connections.knocks import Bell, Knock, has_own_address
from integrations.connections.models import Connection, VendorApp
from integrations.connectors.registry import connector
from integrations.doors.admin.allowed import may
from integrations.doors.hooks import address_of
from integrations.wire.knocks import Knocks, Signed

if TYPE_CHECKING:
    from integrations.doors.admin.connections import ConnectionPages

SHOWN = timedelta(days=7)


def card(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> dict[str, Any]:
    """What a connection's page shows of its bell; nothing where its vendor does not knock."""
    facts, bell = connector(connection.connector).knocks, knocks.bell_of(connection)
    if facts is None or bell is None:
        return {}
    own, lately = has_own_address(connection), Knock.objects.filter(bell=bell, came_at__gt=timezone.now() - SHOWN)
    app = None if own else VendorApp.objects.filter(connector=bell.connector, environment=bell.environment).first()
    counted = bell if own else app
    return {
        "bell": bell,
        # Who knows an address of its own can ring there, so it is for those who may change the connection.
        "bell_address": address_of(connection) if not own or may(request, pages.manages) else "",
        "bell_setup": facts.setup,
        "bell_is_own": own,
        "bell_has_key": _has_key(facts, bell, app),
        "bell_refused": counted.refused if counted else 0,
        "bell_refused_at": counted.refused_at if counted else None,
        "bell_lately": lately.count(),
        "bell_waiting": lately.filter(done_at=None).count(),
    }


def _has_key(facts: Knocks, bell: Bell, app: VendorApp | None) -> bool:
    if not isinstance(facts.proof, Signed):
        return True
    kept = bell.keys if facts.proof.secret else app and app.knock_keys
    return bool(kept)


def keep_key(app: VendorApp, key: str) -> None:
    """The operator has entered the key with which the vendor signs; the one before stays good for some days."""
    kept = app.knock_keys.reveal() if app.knock_keys else None
    app.knock_keys = knocks.with_new_key(kept, key, timezone.now())
