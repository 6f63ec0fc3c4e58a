"""WHOSE keys: the customer's place at a vendor, and the operator's registration there."""

from __future__ import annotations

from django.db import models

from plumbing.ids import new_id
from plumbing.leases import Leased
from plumbing.sealing import SealedField
from tenants.owned import TenantForeignKey, TenantOwned


class VendorApp(models.Model):
    """What the operator registered with a vendor: one for each connector and environment, shared by all tenants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connector = models.SlugField(max_length=60)
    environment = models.SlugField(max_length=20)
    client_id = models.CharField(max_length=300)
    client_secret = SealedField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("connector", "environment"), name="one_app_per_environment"),)

    def __str__(self) -> str:
        return f"{self.connector} ({self.environment})"


class Connection(TenantOwned, Leased):
    """A tenant's place at one vendor, with its sealed keys. The lease is held while its token is refreshed."""

    class State(models.TextChoices):
        NEW = "new", "not connected yet"
        CONNECTED = "connected", "connected"
        PAUSED = "paused", "paused by a person"
        CONSENT_LOST = "consent_lost", "must be connected again"

    name = models.CharField(max_length=120)
    connector = models.SlugField(max_length=60)
    environment = models.SlugField(max_length=20, default="production")
    settings = models.JSONField(default=dict, blank=True)
    secrets = SealedField(default=dict, editable=False)
    state = models.CharField(max_length=20, choices=State, default=State.NEW, editable=False)
    state_reason = models.TextField(blank=True, editable=False)
    company = models.JSONField(default=dict, editable=False)
    token_expires_at = models.DateTimeField(null=True, editable=False)
    grant_expires_at = models.DateTimeField(null=True, editable=False)
    connected_at = models.DateTimeField(null=True, editable=False)
    heard_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="connection_name"),)

    def __str__(self) -> str:
        return self.name


class Budget(TenantOwned):
    """What has been spent of a vendor's limits on one connection, over all jobs and processes."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    spent = models.JSONField(default=dict)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "connection"), name="one_budget"),)
