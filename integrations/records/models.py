"""WHAT each system said last: streams, records with the change feed through them and the words that find them, and issues."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from integrations.connections.models import Connection
from integrations.records.terms import FIGURES, LONGEST, WORDS
from plumbing.leases import Leased
from tenants.owned import TenantField, TenantForeignKey, TenantOwned


class Stream(TenantOwned, Leased):
    """How far one object of one connection has been read. Its row is the lock of its feed."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    feed_no = models.BigIntegerField(default=0)
    edition = models.IntegerField(default=0)
    mark = models.TextField(blank=True)
    # A sweep in progress: where it is, and what the since-mark becomes when it ends.
    page = models.TextField(blank=True)
    next_mark = models.TextField(blank=True)
    sweep = models.BigIntegerField(default=0)
    sweep_full = models.BooleanField(default=False)
    # All pages are in; what they did not list is being asked for.
    listed = models.BooleanField(default=False)
    sweep_started_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True)
    fully_swept_at = models.DateTimeField(null=True)
    # When the ids that we hold were last compared with those that are there, where nobody tells what was deleted.
    compared_at = models.DateTimeField(null=True)
    # So many may be missing at once by a person's word.
    may_miss = models.PositiveIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "connection", "object"), name="one_stream"),)

    def __str__(self) -> str:
        return f"{self.connection} / {self.object}"


def found_by() -> models.CharField[Any, Any]:
    """A word of a record by which it is found, as `terms` writes it; in the order of its bytes, so that a prefix is a range."""
    return models.CharField(max_length=LONGEST, null=True, editable=False, db_collation="C")  # NULL is in no index


class Record(TenantOwned):
    """What a system said last of one of its records: the payload as it came, and what we read in it."""

    NAMES_PEOPLE = True

    class State(models.TextChoices):
        LIVE = "live", "live"
        ARCHIVED = "archived", "archived there"
        VOIDED = "voided", "voided there"
        DELETED = "deleted", "deleted there"
        MERGED = "merged", "merged into another"
        UNREADABLE = "unreadable", "cannot be read"

    # Those of which we know what they say now; and all of which nobody has said that they are gone.
    READABLE = (State.LIVE, State.ARCHIVED)
    THERE = (State.LIVE, State.ARCHIVED, State.UNREADABLE)

    tenant = TenantField(db_constraint=False)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    kind = models.SlugField(max_length=40, db_index=False)
    external_id = models.CharField(max_length=300)
    title = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.LIVE)
    merged_into = models.CharField(max_length=300, blank=True)
    # Texts, not jsonb: exactly what came, and exactly what we made of it.
    raw = models.TextField()
    raw_hash = models.CharField(max_length=64)
    place = models.TextField(blank=True)
    canonical = models.TextField()
    edition = models.IntegerField()
    version = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True)
    # The place in the change feed of (connection, object): rises whenever what it tells others or its state changes.
    feed_no = models.BigIntegerField()
    # When what is kept here was asked for; that it was met again since, saying the same, may stand in a Sighting.
    read_at = models.DateTimeField()
    first_kept_at = models.DateTimeField()
    kept_at = models.DateTimeField()
    sweep = models.BigIntegerField(default=0)
    # Columns, and no table of words: a row for each word took as long to write as all the rest of the record.
    by_number = found_by()
    by_name = found_by()
    by_legal_name = found_by()
    by_sku = found_by()
    by_code = found_by()
    by_email = found_by()
    by_reference = found_by()
    by_po_number = found_by()
    by_total = found_by()
    by_amount = found_by()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "connection", "object", "external_id"), name="one_record"),
        )
        indexes = (
            models.Index(fields=("tenant", "connection", "object", "feed_no"), name="record_feed"),
            models.Index(fields=("tenant", "external_id"), name="record_by_id"),
            *(
                models.Index(
                    fields=("tenant", f"by_{word}"),
                    condition=Q(**{f"by_{word}__isnull": False}),
                    name=f"record_by_{word}",
                )
                for word in (*WORDS, *FIGURES)
            ),
        )

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.external_id}"


class Sighting(TenantOwned):
    """The records that a page of a full sweep listed and that say what they said before: one row a page, and none is rewritten."""

    tenant = TenantField(db_constraint=False)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    sweep = models.BigIntegerField()
    read_at = models.DateTimeField()
    external_ids = ArrayField(models.CharField(max_length=300))

    class Meta(TenantOwned.Meta):
        indexes = (models.Index(fields=("tenant", "connection", "object", "read_at"), name="sighting_time"),)


class Issue(TenantOwned):
    """What cannot go on by itself: where, in whose words, what it means and what to do."""

    NAMES_PEOPLE = True

    class State(models.TextChoices):
        OPEN = "open", "open"
        SOLVED = "solved", "solved"
        IGNORED = "ignored", "ignored by a person"

    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    code = models.SlugField(max_length=60, db_index=False)
    # What makes two the same: while one is open, meeting it again raises `times`.
    about = models.CharField(max_length=400)
    connection = TenantForeignKey(Connection, null=True, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, blank=True, db_index=False)
    flow = TenantForeignKey("integrations.Flow", null=True, on_delete=models.CASCADE)
    record = TenantForeignKey(Record, null=True, on_delete=models.CASCADE)
    where = models.TextField()
    words = models.TextField()
    explanation = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    times = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # Those who look after the flows are told by mail, once.
    alert = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "about"), condition=Q(state="open"), name="one_open_issue"),
        )
        # For the look over all tenants at what nobody was told of.
        indexes = (
            models.Index(
                fields=("opened_at",), condition=Q(alert=True, told_at=None, state="open"), name="issue_to_tell"
            ),
        )
        ordering = ("-seen_at",)

    def __str__(self) -> str:
        return self.words[:120]
