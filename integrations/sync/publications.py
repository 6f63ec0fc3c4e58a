"""Publications: the proof of what was published as a file, when, and how it was read back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from integrations.connections.models import Connection
from integrations.sync.models import Run
from tenants.owned import TenantForeignKey, TenantOwned


class Publication(TenantOwned):
    """One file that was published, or is about to be: its path, size and digest, and how far the list's feed is in it."""

    class State(models.TextChoices):
        PREPARED = "prepared", "being written"
        STOPPED = "stopped", "stopped for a person"
        WRITTEN = "written", "written under a temporary name"
        PUBLISHED = "published", "published"

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60)
    run = TenantForeignKey(Run, on_delete=models.CASCADE)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State)
    path = models.TextField()
    rows = models.PositiveIntegerField()
    size = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    # By which layout it was made: another one makes another file of the same records.
    sheet = models.CharField(max_length=64)
    feed_no = models.BigIntegerField()
    # The records that could not stand in the file as they were, by their ids in the list; and columns that were cut.
    left_out = models.JSONField(default=list)
    cut = models.JSONField(default=dict)
    began_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    # When the published file was last read again and found unchanged.
    checked_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "connection", "object", "number"), name="one_publication_a_number"
            ),
            models.UniqueConstraint(
                fields=("tenant", "connection", "object"),
                condition=~Q(state="published"),
                name="one_publication_under_way",
            ),
        )
        ordering = ("-began_at",)

    def __str__(self) -> str:
        return f"{self.path} ({self.number})"
