"""What is to flow where, what one run means to do, what was sent, and what needs a person."""

from __future__ import annotations

from collections import Counter

from django.db import models
from django.db.models import Q

from integrations.connections.models import Connection
from integrations.crosswalk.models import Identity
from integrations.mapping.models import Mapping
from integrations.records.models import Record
from plumbing.leases import Leased, LeaseLost
from tenants.owned import TenantField, TenantForeignKey, TenantOwned


class Flow(TenantOwned):
    """Records of one kind, from one connection to another, by one mapping, on a schedule."""

    class Schedule(models.TextChoices):
        BY_HAND = "by_hand", "by hand"
        INTERVAL = "interval", "every so often"
        CRON = "cron", "at set times"

    name = models.CharField(max_length=200)
    source = TenantForeignKey(Connection, on_delete=models.PROTECT, related_name="flows_out")
    source_object = models.SlugField(max_length=60, db_index=False)
    target = TenantForeignKey(Connection, on_delete=models.PROTECT, related_name="flows_in")
    target_object = models.SlugField(max_length=60, db_index=False)
    mapping = TenantForeignKey(Mapping, on_delete=models.PROTECT)
    condition = models.TextField(blank=True)
    policy = models.JSONField(default=dict, blank=True)
    schedule = models.CharField(max_length=12, choices=Schedule, default=Schedule.BY_HAND)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    cron = models.CharField(max_length=100, blank=True)
    enabled = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(null=True, editable=False)
    rank = models.PositiveSmallIntegerField(default=0, editable=False)
    # How far into the source's change feed this flow has planned.
    position = models.BigIntegerField(default=0, editable=False)
    # How far what came in is counted by the hour; nothing is before the first run.
    counted_no = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="flow_name"),)
        ordering = ("rank", "name")
        indexes = (models.Index(fields=("next_run_at",), condition=Q(enabled=True), name="flow_due"),)

    def __str__(self) -> str:
        return self.name


class Run(TenantOwned, Leased):
    """One going-through of a flow, in as many slices as it takes."""

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        STOPPED = "stopped", "stopped for a person"
        PREVIEWED = "previewed", "previewed"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    OPEN = (State.QUEUED, State.RUNNING, State.STOPPED)
    ENDED = (State.DONE, State.FAILED, State.CANCELLED)

    class Colour(models.TextChoices):
        NONE = "", "not known yet"
        GREEN = "green", "tied out"
        AMBER = "amber", "something needs a look"
        RED = "red", "does not tie out"

    flow = TenantForeignKey(Flow, on_delete=models.CASCADE)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=20, blank=True)
    colour = models.CharField(max_length=8, choices=Colour, default=Colour.NONE, blank=True)
    words = models.TextField(blank=True)
    preview = models.BooleanField(default=False)
    full = models.BooleanField(default=False)
    # What a person wants to be run again, and why; empty: what is new. See `replay`.
    replay = models.JSONField(default=dict)
    started_by = models.CharField(max_length=200)
    counts = models.JSONField(default=dict)
    totals = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # How far into the source's change feed this run has planned.
    position = models.BigIntegerField(default=0)
    approved_by = models.CharField(max_length=200, blank=True)
    approved_at = models.DateTimeField(null=True)
    # What its plan comes to, in figures: what later runs of the flow learn from what is usual.
    planned = models.JSONField(default=dict)
    # What it stopped for, and what a person's approval lets through.
    brake = models.JSONField(default=dict)
    # How often it was put off in a row by a vendor that could not answer.
    tries = models.PositiveSmallIntegerField(default=0)
    # Since when it has not got on for that reason.
    stalled_at = models.DateTimeField(null=True)
    # When the next slice is due: what the sweep looks for.
    wake_at = models.DateTimeField(null=True)
    # When that slice was last handed to the workers.
    handed_at = models.DateTimeField(null=True)
    # When what it may be waiting for came: a slice that was under way then is followed by another one at once.
    woken_at = models.DateTimeField(null=True)
    # Since when the target is read once more, to decide anew what was overtaken there.
    again_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "flow"), condition=Q(state__in=("queued", "running", "stopped")), name="one_open_run"
            ),
        )
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("wake_at",), condition=Q(state__in=("queued", "running")), name="run_to_wake"),)

    def __str__(self) -> str:
        return f"{self.flow}, {self.created_at:%Y-%m-%d %H:%M}"

    def count(self, more: dict[str, int]) -> None:
        """Add to the run's counts: it got on. Inside the transaction of what is counted."""
        counts = Counter(self.counts)
        counts.update(more)
        self.counts, self.tries, self.stalled_at = dict(counts), 0, None
        Run.objects.filter(pk=self.pk).update(counts=self.counts, tries=0, stalled_at=None)

    def check_wanted(self) -> None:
        """Raises LeaseLost where a person has cancelled or stopped the run. Inside a transaction."""
        state = Run.objects.values_list("state", flat=True).get(pk=self.pk)
        if state != Run.State.RUNNING:
            raise LeaseLost(f"the run was {state} by a person")


class Item(TenantOwned):
    """What a run means to do about one source record, why, and how it ended."""

    NAMES_PEOPLE = True

    class State(models.TextChoices):
        PLANNED = "planned", "planned"
        APPLYING = "applying", "being applied"
        APPLIED = "applied", "applied"
        SKIPPED = "skipped", "nothing to do"
        WAITING = "waiting", "waits for another record"
        HELD = "held", "held for a person"
        SUPERSEDED = "superseded", "overtaken by a newer change"
        PREVIEWED = "previewed", "would be done"

    OPEN = (State.PLANNED, State.APPLYING, State.WAITING, State.HELD)

    # A reason: the vendor refused its batch as a whole, so it goes alone and cannot stop the others.
    ALONE = "alone"

    class Operation(models.TextChoices):
        CREATE = "create", "create"
        UPDATE = "update", "update"
        VOID = "void", "void"
        CREDIT = "credit", "credit"
        NONE = "none", "none"

    tenant = TenantField(db_constraint=False)
    flow = TenantForeignKey(Flow, on_delete=models.CASCADE)
    run = TenantForeignKey(Run, on_delete=models.CASCADE)
    record = TenantForeignKey(Record, on_delete=models.CASCADE)
    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    operation = models.CharField(max_length=8, choices=Operation)
    state = models.CharField(max_length=12, choices=State)
    reason = models.CharField(max_length=60, blank=True)
    words = models.TextField(blank=True)
    # The source record as it was when this was decided, and what the target is to say.
    feed_no = models.BigIntegerField()
    edition = models.PositiveIntegerField()
    wanted = models.TextField(blank=True)
    fields = models.JSONField(default=list)
    differences = models.JSONField(default=list)
    target_id = models.CharField(max_length=300, blank=True)
    # The digest of the target's record as it was when this was decided: another one there asks for another decision.
    target_seen = models.CharField(max_length=64, blank=True)
    # Where a closed period bears on it: the day that was meant, the day it is booked on, the lock, and who decided.
    period = models.JSONField(default=dict)
    # Who it could be at the target, where that cannot be told.
    candidates = models.JSONField(default=list)
    # The source changed again while this was being applied: decide anew once it is settled.
    again = models.BooleanField(default=False)
    decided_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "flow", "record"),
                condition=Q(state__in=("planned", "applying", "waiting", "held")),
                name="one_open_item",
            ),
        )
        indexes = (
            models.Index(fields=("tenant", "run", "state", "id"), name="item_of_run"),
            models.Index(fields=("tenant", "record"), name="item_of_record"),
        )

    def __str__(self) -> str:
        return f"{self.operation} {self.record}"


class Intent(TenantOwned):
    """What we mean to do at a target for one identity: at most one unsettled at a time.

    The key is made of target, object, identity, operation and how many were settled before: never of the flow or
    of the content, so that an edit while an answer is unknown cannot post a second document.
    """

    class State(models.TextChoices):
        READY = "ready", "ready to be sent"
        SENT = "sent", "in a call"
        UNKNOWN = "unknown", "sent, the answer is unknown"
        DONE = "done", "done"
        REFUSED = "refused", "refused"
        DROPPED = "dropped", "never happened"

    tenant = TenantField(db_constraint=False)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    item = TenantForeignKey(Item, on_delete=models.CASCADE)
    operation = models.CharField(max_length=8)
    n = models.PositiveIntegerField()
    key = models.CharField(max_length=50)
    state = models.CharField(max_length=8, choices=State, default=State.READY)
    step = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "key"), name="one_intent_a_key"),
            models.UniqueConstraint(
                fields=("tenant", "connection", "object", "identity"),
                condition=Q(settled_at=None),
                name="one_unsettled_intent",
            ),
        )

    def __str__(self) -> str:
        return f"{self.operation} {self.object} {self.key}"


class Call(TenantOwned):
    """One request to a vendor: exactly what is sent, committed before it goes; exactly what came back."""

    class State(models.TextChoices):
        PREPARED = "prepared", "prepared"
        SENT = "sent", "sent, no answer yet"
        WAITING = "waiting", "the answer comes later"
        ANSWERED = "answered", "answered"
        SETTLED = "settled", "settled"
        LOST = "lost", "its answer was lost"

    class Purpose(models.TextChoices):
        WRITE = "write", "write"
        LOOK_UP = "look_up", "look-up"

    tenant = TenantField(db_constraint=False)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    run = TenantForeignKey(Run, on_delete=models.CASCADE)
    purpose = models.CharField(max_length=8, choices=Purpose, default=Purpose.WRITE)
    step = models.PositiveSmallIntegerField(default=1)
    key = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.PREPARED)
    method = models.CharField(max_length=10)
    path = models.TextField()
    params = models.JSONField(default=dict)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    timeout = models.FloatField(default=60)
    status = models.IntegerField(null=True)
    answer_headers = models.JSONField(default=dict)
    answer = models.TextField(blank=True)
    sends = models.PositiveSmallIntegerField(default=0)
    words = models.TextField(blank=True)
    prepared_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    # A lost call may still take effect until then: nothing is concluded before.
    quiet_at = models.DateTimeField(null=True)
    # An answer that comes later, to the call or to the look-up of a lost one, is asked for then.
    ask_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        indexes = (
            models.Index(
                fields=("tenant", "connection", "object"),
                condition=Q(state__in=("prepared", "sent", "waiting", "answered", "lost")),
                name="call_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class CallIntent(TenantOwned):
    """Which intents one call carries, in which order."""

    tenant = TenantField(db_constraint=False)
    call = TenantForeignKey(Call, on_delete=models.CASCADE)
    intent = TenantForeignKey(Intent, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "call", "intent"), name="once_in_a_call"),)
        ordering = ("position",)
