"""Events, and the personal payloads that may be erased without breaking what the events prove."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tenants.audit.facts import whole
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
        return f"{self.verb} {self.subject_name}".strip()

    @property
    def name(self) -> str:
        """What it is about, as it was called at the time; "" where that was a person's name and is erased."""
        return self.subject_name or self._aside().get("subject_name", "")

    @property
    def facts(self) -> dict[str, Any]:
        """Its data with the free texts that were not erased."""
        return whole(self.data, self._aside().get("data", {}))

    def _aside(self) -> dict[str, Any]:
        if not self.payload_hash:
            return {}
        if "aside" not in self.__dict__:  # many at once are read `with_asides`
            self.aside = Payload.objects.filter(event_id=self.pk).values_list("payload", flat=True).first()
        return self.aside or {}


class Payload(TenantOwned):
    """What an event must be able to forget: deleting the row erases it, and its hash in the event stays."""

    event_id = models.UUIDField()
    salt = models.BinaryField(max_length=32)
    payload = models.JSONField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "event_id"), name="audit_one_payload"),)


def with_asides(events: Any) -> models.QuerySet[Event]:
    """The events together with what is kept aside of them, in one statement."""
    aside = Payload.objects.filter(event_id=models.OuterRef("pk")).values("payload")[:1]
    return events.annotate(aside=models.Subquery(aside))


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
