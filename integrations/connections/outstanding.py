"""What is outstanding: questions whose answers come later, kept in one place for whoever asked.

Dialects are pure, so who comes back asks the very same question again; it is known by its digest, and what is spoken in
its place is the `then` of the vendor's receipt.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import models

from integrations.connections.models import Connection
from integrations.wire.message import Request, pack, unpack_request
from tenants.owned import TenantForeignKey, TenantOwned


class Outstanding(TenantOwned):
    """A question that was asked, and what to ask in its place to learn the answer."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64)
    then = models.TextField()
    asked_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "connection", "digest"), name="one_outstanding_a_question"),
        )

    def __str__(self) -> str:
        return f"asked at {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def receipt(self) -> Request:
        """What to ask to learn the answer."""
        return unpack_request(self.then.encode())


def find(connection: Connection, request: Request, *, not_before: datetime | None = None) -> Outstanding | None:
    """The row of this question, unless it was asked too early for its answer to count: then it is forgotten."""
    rows = Outstanding.objects.filter(connection=connection, digest=digest_of(request))
    row = rows.first()
    if row is not None and not_before is not None and row.asked_at < not_before:
        rows.delete()
        return None
    return row


def keep(connection: Connection, request: Request, then: Request, *, asked_at: datetime) -> None:
    """Remember what to ask for the answer; when the question was asked stays as it was."""
    Outstanding.objects.update_or_create(
        connection=connection,
        digest=digest_of(request),
        defaults={"then": pack(then).decode()},
        create_defaults={"then": pack(then).decode(), "asked_at": asked_at},
    )


def forget(connection: Connection, request: Request) -> None:
    """The answer is here, or none will come: the same question is a new one from now on."""
    Outstanding.objects.filter(connection=connection, digest=digest_of(request)).delete()


def digest_of(request: Request) -> str:
    """What makes two questions the same: every member of the request."""
    return hashlib.sha256(pack(request)).hexdigest()
