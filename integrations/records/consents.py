"""Consents: who has to give one again is told, once for each connection, and it is over when the connection stands again."""

from __future__ import annotations

import logging
from collections import defaultdict
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.connections.authorise import WARNED
from integrations.connections.models import Connection
from integrations.records import issues
from integrations.records.models import Issue
from plumbing.roles import dispatch
from tenants.scope import tenant_scope

MOST = 2000  # looked at at one time
IS_LOST = Q(state=Connection.State.CONSENT_LOST)
LOST, ENDS = "consent_lost", "consent_ends"

log = logging.getLogger(__name__)


def watch() -> None:
    """One look over all tenants: an issue for each connection whose consent was lost, and an end to those of which it is back."""
    with dispatch():
        untold = Connection.everywhere.filter(IS_LOST, told_at=None).values_list("tenant_id", "id")[:MOST]
        back = Connection.everywhere.exclude(IS_LOST).filter(told_at__isnull=False).values_list("tenant_id", "id")
        rows = [*untold, *back[:MOST]]
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for tenant, connection in rows:
        by_tenant[tenant].append(connection)
    for tenant, connections in by_tenant.items():
        try:
            with tenant_scope(tenant), transaction.atomic():
                for each in Connection.objects.filter(pk__in=connections).select_for_update():
                    tell(each)
        except Exception:  # one tenant's trouble is no reason to leave the others untold
            log.exception("What became of the consents of tenant %s could not be told", tenant)


def tell(connection: Connection) -> None:
    """Open the issue of a connection whose consent is lost, and end it where the connection stands. Inside a transaction."""
    told_at = timezone.now() if connection.state == Connection.State.CONSENT_LOST else None
    if told_at:
        issues.open_issues([_lost(connection)])
    else:
        issues.solve([issues.about(LOST, connection.pk)])
    Connection.objects.filter(pk=connection.pk, state=connection.state).update(told_at=told_at)


def warn(connection: Connection) -> None:
    """Say so where the customer will have to consent again soon, whatever is done until then. Inside a transaction."""
    ends = connection.grant_expires_at
    if ends is not None and ends <= timezone.now() + WARNED:
        issues.open_issues([_ends(connection)])
    else:
        issues.solve([issues.about(ENDS, connection.pk)])


def _lost(connection: Connection) -> Issue:
    return Issue(
        code=LOST,
        about=issues.about(LOST, connection.pk),
        connection=connection,
        where=str(connection),
        words=connection.state_reason,
        explanation="Nothing is read or sent over this connection. What is to be done is kept, and nothing is lost.",
        advice="Open the connection and press Connect; what waits goes on by itself then.",
        alert=True,
    )


def _ends(connection: Connection) -> Issue:
    return Issue(
        code=ENDS,
        about=issues.about(ENDS, connection.pk),
        connection=connection,
        where=str(connection),
        words=f"The vendor's permission for this connection ends on {connection.grant_expires_at:%d %B %Y}.",
        explanation="However often it is used until then, the vendor asks a person again after that day.",
        advice="Open the connection and press Connect again before that day; nothing has to stop for it.",
        alert=True,
    )
