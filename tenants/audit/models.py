"""Events, and the personal payloads that may be erased without breaking what the events prove."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tenants.models import TenantOwned


class Event(TenantOwned):
    """One thing that happened. The application may add and read events; the table is cut into months by `at`."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    verb = models.CharField(max_length=80)
    actor_kind = models.CharField(max_length=80)
    actor_id = models.CharField(max_length=200, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)
    subject_kind = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=200, blank=True)
    subject_name = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    # The salted commitment to a payload: proves it while it is there, tells nothing once it is erased.
    payload_hash = models.CharField(max_length=64, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("tenant", "-at", "-id"), name="audit_event_latest"),
            models.Index(fields=("tenant", "subject_kind", "subject_id", "at"), name="audit_event_subject"),
            models.Index(fields=("tenant", "verb", "at"), name="audit_event_verb"),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_name}"


class Payload(TenantOwned):
    """What an event must be able to forget: deleting the row erases it, and its hash in the event stays."""

    event_id = models.UUIDField()
    salt = models.BinaryField(max_length=32)
    payload = models.JSONField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "event_id"), name="audit_one_payload"),)


class Seal(TenantOwned):
    """A batch of events, chained to the one before it and signed. The application may add and read seals."""

    number = models.BigIntegerField()
    previous = models.CharField(max_length=64)
    root = models.CharField(max_length=64)
    events = ArrayField(models.UUIDField())
    leaves = models.BinaryField()
    latest_at = models.DateTimeField()
    # No event dated before this may be added any more.
    closed_through = models.DateTimeField()
    sealed_at = models.DateTimeField()
    key = models.CharField(max_length=12)
    digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "number"), name="audit_one_seal_a_number"),
            models.UniqueConstraint(fields=("tenant", "previous"), name="audit_one_seal_follows"),
        )
        indexes = (models.Index(fields=("tenant", "latest_at"), name="audit_seal_latest"),)

    def __str__(self) -> str:
        return f"seal {self.number}"
