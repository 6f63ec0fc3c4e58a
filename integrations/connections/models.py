"""WHOSE keys: the customer's place at a vendor, and the operator's registration there."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

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
    # What signs the vendor's messages to us, the newest first; how many were not signed so, or were about nobody here.
    knock_keys = SealedField(null=True)  # type: ignore[misc]  # reads as None where there are none
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False)
    strayed = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("connector", "environment"), name="one_app_per_environment"),)

    def __str__(self) -> str:
        return f"{self.connector} ({self.environment})"


class Connection(TenantOwned, Leased):
    """A tenant's place at one vendor, with its sealed keys. The lease is held while its token is refreshed or a file is published."""

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
    # When the grant lapses if nobody uses it, and when the customer has to consent again whatever happens.
    refresh_expires_at = models.DateTimeField(null=True, editable=False)
    grant_expires_at = models.DateTimeField(null=True, editable=False)
    # When it is refreshed though nobody needs it: long before it lapses, or soon after a refresh whose end nobody knows.
    renew_at = models.DateTimeField(null=True, editable=False)
    # A refresh has begun and its end is not written down: the vendor may no longer take what is kept here.
    renewing_since = models.DateTimeField(null=True, editable=False)
    # Since when people know that it must be connected again.
    told_at = models.DateTimeField(null=True, editable=False)
    connected_at = models.DateTimeField(null=True, editable=False)
    heard_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="connection_name"),)
        # For the looks over all tenants: what is to be refreshed, and whom to tell.
        indexes = (
            models.Index(fields=("renew_at",), condition=Q(renew_at__isnull=False), name="connection_to_renew"),
            models.Index(fields=("state",), condition=Q(state="consent_lost"), name="connection_lost"),
            models.Index(fields=("told_at",), condition=Q(told_at__isnull=False), name="connection_told"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def standing(self) -> str:
        """Its state for people's eyes: never "connected" while nobody knows whether the vendor takes what is kept here."""
        in_doubt = self.state == self.State.CONNECTED and self.renewing_since is not None
        return "renewing" if in_doubt else self.state

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # Django leaves it to a model that has its own
        """The words for its standing."""
        in_doubt = self.standing != self.state
        return "its permission is being renewed" if in_doubt else str(self.State(self.state).label)


class Budget(models.Model):
    """What has been spent of a vendor's limits on one ledger there, by whichever tenants, jobs, processes and hosts.

    It belongs to no tenant and tells none what the ledger is: its id is a keyed digest. Only dispatch reads and writes it.
    """

    id = models.CharField(primary_key=True, max_length=64)
    # A random number, another one each time: who writes names the one that he has read.
    version = models.BigIntegerField(default=0)
    state = models.BinaryField(default=bytes)


class Caller(TenantOwned):
    """Who comes for the work of a connection whose vendor polls us: name, hashed password, and the books expected."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    # Unique over all tenants: by it the tenant is found when somebody comes.
    user = models.CharField(max_length=40)
    password = models.CharField(max_length=128, blank=True)
    password_at = models.DateTimeField(null=True)
    # What our invitation has stored with the books, and what these called themselves the first time.
    place_id = models.CharField(max_length=36)
    place = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "connection"), name="one_caller"),
            models.UniqueConstraint(fields=("user",), name="one_caller_a_name"),
        )

    def __str__(self) -> str:
        return self.user


class Visit(TenantOwned):
    """One coming of a vendor's side, from its signing in to its leaving or its falling silent."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    came_at = models.DateTimeField()
    last_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    # Which books were open there: nothing while they have not said so.
    place = models.JSONField(default=dict)
    # Other books than this connection's: nothing is given to this visit.
    is_turned = models.BooleanField(default=False)
    words = models.TextField(blank=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "connection"), condition=Q(left_at=None), name="one_visit_at_a_time"
            ),
        )
        ordering = ("-came_at",)

    def __str__(self) -> str:
        return f"{self.came_at:%Y-%m-%d %H:%M}"


class Errand(TenantOwned):
    """One request that waits for a vendor's side to come, and the answer that it brought."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits to be fetched"
        FETCHED = "fetched", "fetched, no answer yet"
        ANSWERED = "answered", "answered"
        LOST = "lost", "its answer was lost"
        WITHDRAWN = "withdrawn", "withdrawn"

    OPEN = (State.WAITING, State.FETCHED)

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    visit = TenantForeignKey(Visit, null=True, on_delete=models.CASCADE)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    digest = models.CharField(max_length=64)
    request = models.BinaryField()
    answer = models.BinaryField(null=True)
    put_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "connection", "digest"),
                condition=Q(state__in=("waiting", "fetched")),
                name="one_open_errand",
            ),
        )
        # For the look over all tenants at what nobody came for.
        indexes = (models.Index(fields=("put_at",), condition=Q(state="waiting"), name="errand_waiting"),)

    def __str__(self) -> str:
        return f"errand of {self.put_at:%Y-%m-%d %H:%M}"
