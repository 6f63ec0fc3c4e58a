"""WHO is who: one thing, its names in each system, and what was made from what."""

from __future__ import annotations

from django.db import models

from integrations.connections.models import Connection
from tenants.owned import TenantField, TenantForeignKey, TenantOwned


class Identity(TenantOwned):
    """A thing in the world, whatever each system calls it."""

    kind = models.SlugField(max_length=40, db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Link(TenantOwned):
    """An identity's name in one system: unique both ways."""

    class How(models.TextChoices):
        SOURCE = "source", "read from there"
        CREATED = "created", "created by us"
        MATCHED = "matched", "recognised"
        BY_HAND = "by_hand", "linked by a person"

    tenant = TenantField(db_constraint=False)
    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    external_id = models.CharField(max_length=300)
    how = models.CharField(max_length=12, choices=How)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "connection", "object", "external_id"), name="one_name_one_thing"
            ),
            models.UniqueConstraint(fields=("tenant", "identity", "connection", "object"), name="one_thing_one_name"),
        )

    def __str__(self) -> str:
        return f"{self.connection} {self.object} {self.external_id}"


class Apart(TenantOwned):
    """A person's word that nobody at a connection is this identity, whoever looks like it there."""

    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    said_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "identity", "connection", "object"), name="one_word"),)


class Origin(TenantOwned):
    """What was made from what: an invoice from a purchase order, a summary from sales. One thing in each role."""

    source = TenantForeignKey(Identity, on_delete=models.CASCADE, related_name="became")
    target = TenantForeignKey(Identity, on_delete=models.CASCADE, related_name="made_from")
    role = models.SlugField(max_length=60, db_index=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "source", "role"), name="one_origin"),)
