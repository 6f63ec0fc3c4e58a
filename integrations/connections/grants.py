"""Grants: kept alive before they lapse unused, and looked after when the worker that refreshed one ended on the way.

A grant that nobody uses is refreshed after half of its time. One whose refresh has begun and whose end is not written down is
refreshed again as soon as that worker's lease has lapsed: either the vendor still takes it, or people are told within a minute.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise
from integrations.connections.models import Connection
from integrations.wire.errors import VendorError
from plumbing.roles import dispatch

MOST = 500  # taken at one look
HAND_OUT_AGAIN = timedelta(minutes=1)
STANDING = (
    Connection.State.CONNECTED,
    Connection.State.PAUSED,
)  # a pause ends some day, and the grant should live then

log = logging.getLogger(__name__)


def take_due() -> list[tuple[UUID, UUID]]:
    """(tenant, connection) of every grant that is to be refreshed though nobody needs it, over all tenants.

    Whoever takes them hands them to workers; one that is lost on the way is due again in a minute.
    """
    now = timezone.now()
    with dispatch():
        due = Connection.everywhere.filter(renew_at__lte=now, state__in=STANDING).order_by("renew_at")
        rows = list(due.select_for_update(skip_locked=True).values_list("tenant_id", "id")[:MOST])
        Connection.everywhere.filter(id__in=[each for _, each in rows]).update(renew_at=now + HAND_OUT_AGAIN)
    return rows


def keep_alive(connection_id: UUID | str) -> Connection:
    """Refresh a grant that is due, and give the connection as it stands then; what becomes of it is written in its row."""
    with transaction.atomic():
        connection = Connection.objects.get(pk=connection_id)
        used = connection.secrets.reveal().get("access_token", "")
    if connection.renewing_since or (connection.renew_at and connection.renew_at <= timezone.now() + HAND_OUT_AGAIN):
        try:
            authorise.refresh(connection, refused=used)
        except VendorError as error:
            log.warning("the grant of connection %s was not refreshed: %s", connection_id, error)
    with transaction.atomic():
        connection.refresh_from_db()
    return connection
