"""Closing: a tenant's rules for closed periods, and the days on which documents are booked because of them.

Nothing is sent behind a lock. What is booked on another day than its source says is remembered, so that it is no news
the next time; what the vendor itself booked on another day than was asked is noticed when its answer is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from msgspec.structs import replace

from integrations.canonical import codec
from integrations.canonical.days import BOOKED_ON, LEDGER_DAY
from integrations.canonical.record import Record as Canonical
from integrations.connections import locks as lock_dates
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk.models import Identity
from integrations.records import issues
from integrations.records.models import Issue, Record
from integrations.sync.decide import Change, Create, Credit, Hold, Match, Update, Void
from integrations.sync.envelope import facts_of
from integrations.sync.models import Flow, Item, Run
from integrations.sync.periods import Moved, Operation, Rule, Shut, barring, is_taxed, judge, said
from integrations.wire.errors import Refused
from integrations.wire.locks import Lock
from plumbing.pages import write_page
from tenants import audit
from tenants.owned import TenantField, TenantForeignKey, TenantOwned
from tenants.scope import current_tenant_id

HELD, REFUSED, MOVED, MOVED_THERE = "closed_period", "closed", "day_moved", "day_moved_there"
UNREAD = "lock_dates_unread"
PAGE = 500
FRESH = timedelta(minutes=5)  # lock dates that were read earlier are asked for anew before a plan is applied


class PeriodRule(TenantOwned):
    """What a tenant wants where a record's day lies in a closed period: for one object of one connection."""

    class Does(models.TextChoices):
        HOLD = "hold", "hold it"
        NEXT_OPEN_DAY = "next_open_day", "book it on the next open day"
        APPROVE = "approve", "book it on the next open day once a person approves"

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    rule = models.CharField(max_length=16, choices=Does, default=Does.HOLD)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "connection", "object"), name="one_period_rule"),)

    def __str__(self) -> str:
        return f"{self.connection} / {self.object}: {self.get_rule_display()}"


class MovedDay(TenantOwned):
    """A record is booked on another day than its source says: both days, the lock, and who decided it."""

    tenant = TenantField(db_constraint=False)
    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    object = models.SlugField(max_length=60, db_index=False)
    identity = TenantForeignKey(Identity, on_delete=models.CASCADE)
    meant = models.DateField()
    booked = models.DateField()
    lock = models.CharField(max_length=200)
    until = models.DateField()
    rule = models.CharField(max_length=16)
    by = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "connection", "object", "identity"), name="one_moved_day"),
        )

    def __str__(self) -> str:
        return f"{self.meant} is booked on {self.booked}"


# --- what a person says ----------------------------------------------------------------------------------------------


@transaction.atomic
def set_rule(connection: Connection, object: str, rule: str, *, by: Any) -> PeriodRule:
    """Say what becomes of records of this object whose day is closed. Raises ValidationError."""
    if rule not in PeriodRule.Does.values:
        raise ValidationError(f"A rule for closed periods is one of {', '.join(PeriodRule.Does.values)}.")
    known = [stream.name for stream in connector(connection.connector).streams if stream.kind in LEDGER_DAY]
    if object not in known:
        raise ValidationError(f"{connection} has no {object} that stands in its ledger; it has {', '.join(known)}.")
    before = rule_of(connection.pk, object)
    row, _ = PeriodRule.objects.update_or_create(connection=connection, object=object, defaults={"rule": rule})
    audit.record(
        "periods.rule_set", subject=connection, actor=by, data={"object": object, "before": before, "after": rule}
    )
    return row


def rule_of(connection: UUID, object: str) -> Rule:
    """The rule that holds; where nobody said one, a person has to look."""
    row = PeriodRule.objects.filter(connection=connection, object=object).first()
    return cast(Rule, row.rule) if row is not None else "hold"


def may_approve(item: Item) -> bool:
    """Whether a held item waits for a person to approve another day."""
    period = item.period
    return bool(
        item.state == Item.State.HELD
        and item.reason == HELD
        and period.get("rule") == PeriodRule.Does.APPROVE
        and period.get("opens")
    )


@transaction.atomic
def approve_day(item: Item, *, by: Any) -> None:
    """Let a held record be booked on the next open day that it names; the next run does it.

    Raises ValidationError where it was decided in the meantime, or no day waits for approval.
    """
    item = Item.objects.select_related("flow", "record").select_for_update(of=("self",)).get(pk=item.pk)
    if not may_approve(item):
        raise ValidationError("This does not wait for another day to be approved any more.")
    period = item.period
    flow = item.flow
    who = audit.Reference.to(by).name
    _remember(flow, item.identity_id, {**period, "booked": period["opens"], "by": who})
    item.state, item.reason = Item.State.WAITING, "day_approved"
    item.words = f"booked on {period['opens']} instead of {period['meant']} by the next run, as {who} approved"
    item.save(update_fields=("state", "reason", "words"))
    issues.solve([issues.about("held", flow.pk, item.record_id)])
    audit.record(
        "record.day_approved",
        subject=item.record,
        actor=by,
        data={"flow": str(flow.pk), "item": str(item.pk), "period": period, "words": item.words},
    )


# --- before anything is sent -----------------------------------------------------------------------------------------


def look(run: Run, *, since: datetime) -> None:
    """Know up to when the target's books are closed, asked at `since` or later. Raises NotNow and VendorError.

    A vendor that does not let us ask refuses what is closed all the same: a person is told, and the run goes on.
    """
    if _day_field(run.flow) is None:
        return
    target = run.flow.target
    about = issues.about(UNREAD, target.pk)
    try:
        asked = lock_dates.freshen(target, since=since, before=run.leased_until)
    except Refused as error:
        with transaction.atomic():
            issues.open_issues([_unread(target, about, error)])
        return
    if asked:
        with transaction.atomic():
            issues.solve([about])


def _unread(target: Connection, about: str, error: Refused) -> Issue:
    return Issue(
        code=UNREAD,
        about=about,
        connection=target,
        where=str(target),
        words=str(error),
        explanation="It cannot be known up to when these books are closed: what is known from before counts, and what the "
        "vendor refuses as closed is held.",
        advice="Let the connected user see the company's settings there.",
    )


def take_back(run: Run) -> None:
    """Let be decided again what was planned, or refused, before its period turned out to be closed. Raises LeaseLost."""
    name = _day_field(run.flow)
    if name is None:
        return
    with transaction.atomic():
        run.hold()
        changed_at = lock_dates.changed_at(run.flow.target)
        if changed_at is None:
            return
        planned = Q(state=Item.State.PLANNED) | Q(state=Item.State.HELD, reason="refused")
        items = Item.objects.filter(planned, run=run, decided_at__lt=changed_at)
        locks = lock_dates.known(run.flow.target)
        passed = 0
        while page := list(items.order_by("pk")[passed : passed + PAGE]):
            shut = _now_shut(run.flow, name, page, locks)
            words = "its period was closed after this was planned; it is decided again"
            Item.objects.filter(pk__in=shut).update(state=Item.State.WAITING, reason=REFUSED, words=words)
            passed += len(page) - len(shut)


def _now_shut(flow: Flow, name: str, items: Collection[Item], locks: Collection[Lock]) -> list[UUID]:
    rows = Record.objects.filter(
        connection=flow.target_id,
        object=flow.target_object,
        external_id__in=[item.target_id for item in items if item.target_id],
    )
    there = {row.external_id: _plain(row.kind, row.canonical) for row in rows}
    shut = []
    for item in items:
        wanted = _plain(flow.mapping.kind_to, item.wanted) if item.wanted else {}
        stands = there.get(item.target_id, {})
        own = [lock for lock in locks if lock.binds(flow.mapping.kind_to, taxed=is_taxed(wanted or stands))]
        days = (_day(wanted, name), _stands(stands, name))
        if any(day is not None and barring(day, own) is not None for day in days):
            shut.append(item.pk)
    return shut


@dataclass
class Periods:
    """What closed periods mean for a page of records on its way to the target."""

    flow: Flow
    on: str | None = None  # the field that says on which day they stand in the ledger; None: they stand in none
    locks: list[Lock] = field(default_factory=list)
    moved: Mapping[UUID, MovedDay] = field(default_factory=dict)
    told: dict[str, dict[str, str]] = field(default_factory=dict)  # source id → what is kept with its item
    words: dict[str, str] = field(default_factory=dict)
    _rule: Rule | None = None

    @property
    def rule(self) -> Rule:
        """The tenant's rule, asked for only where a lock binds."""
        self._rule = self._rule or rule_of(self.flow.target_id, self.flow.target_object)
        return self._rule

    def carry_over(self, identities: Mapping[str, UUID], matches: Mapping[str, Match], page: Any) -> None:
        """Put the day on which a record is booked in the place of the one its source says, where it was moved before."""
        if self.on is None or not self.moved:
            return
        for name, identity in identities.items():
            row = self.moved.get(identity)
            if row is None or name not in page.wanted or matches[name].target_id is None:
                continue
            if _day(page.wanted[name], self.on) == row.meant:
                self._book(page, name, self.on, row.booked)

    def judged(
        self, page: Any, name: str, found: Match, change: Change | None, again: Callable[[], Change | None]
    ) -> Change | None:
        """The change as closed periods let it pass: as it is, decided `again` for another day, or held."""
        if self.on is None or not self.locks or not isinstance(change, Create | Update | Void | Credit):
            return change
        operation: Operation = _OPERATIONS[type(change)]
        wanted = page.wanted.get(name) or {}
        holds = found.holds or {}
        if isinstance(change, Void | Credit) and not self._ends_on_its_day(change):
            return change
        kind = self.flow.mapping.kind_to
        own = [lock for lock in self.locks if lock.binds(kind, taxed=is_taxed(wanted or holds))]
        if not own or wanted.get("status") == "draft":
            return change
        meant = _day(wanted, self.on)
        row = self.moved.get(page.matches.identities[name])
        by = row.by if row is not None and row.meant == meant else ""
        approved = row.booked if row is not None and by else None
        verdict = judge(
            operation, wanted=meant, stands=_stands(holds, self.on), locks=own, rule=self.rule, approved=approved
        )
        if verdict is None:
            return change
        by = by if isinstance(verdict, Moved) and verdict.day == approved else ""
        self.told[name], self.words[name] = said(verdict, self.rule, at=str(self.flow.target), by=by)
        if isinstance(verdict, Shut):
            return Hold(HELD, self.words[name])
        self._book(page, name, self.on, verdict.day)
        return again()

    def _book(self, page: Any, name: str, on: str, day: date) -> None:
        record = codec.decode(self.flow.mapping.kind_to, page.encoded[name].encode())
        page.encoded[name] = codec.encode(replace(record, **{on: day})).decode()
        page.wanted[name] = {**page.wanted[name], on: day.isoformat()}

    def _ends_on_its_day(self, change: Void | Credit) -> bool:
        dialect = connector(self.flow.target.connector).dialect
        how: Literal["void", "credit"] = "void" if isinstance(change, Void) else "credit"
        return dialect.ends_on_its_day(facts_of(self.flow), how, site_of(self.flow.target))


_OPERATIONS: Mapping[type, Operation] = {Create: "create", Update: "update", Void: "void", Credit: "void"}


def of_page(flow: Flow, identities: Iterable[UUID]) -> Periods:
    """What closed periods mean for these. Inside a transaction."""
    name = _day_field(flow)
    if name is None:
        return Periods(flow)
    moved = MovedDay.objects.filter(connection=flow.target_id, object=flow.target_object, identity__in=set(identities))
    return Periods(flow, name, lock_dates.known(flow.target), {row.identity_id: row for row in moved})


# --- after it was sent -----------------------------------------------------------------------------------------------


def note(flow: Flow, done: Iterable[tuple[Item, Canonical | None]], at: datetime) -> tuple[list[Issue], list[str]]:
    """Keep on which day these were booked; an issue for each that the vendor itself moved, and what is no issue any more.

    Each comes with what the target now says of it. Inside a transaction.
    """
    name = _day_field(flow)
    found: list[Issue] = []
    settled: list[str] = []
    if name is None:
        return found, settled
    moved = []
    for item, made in done:
        if item.period.get("booked"):
            moved.append(_row(flow, item.identity_id, item.period, at))
            item.reason, item.words = MOVED, sentence(item)
        about = issues.about(MOVED_THERE, flow.pk, item.record_id)
        if _moved_there(flow, name, item, made):
            found.append(_noticed(flow, item, about))
        else:
            settled.append(about)
    write_page(moved, unique=_ONE, update=("meant", "booked", "lock", "until", "rule", "by", "at"))
    return found, settled


def refused(flow: Flow, items: Iterable[tuple[Item, bool]]) -> None:
    """What the vendor refused, and whether as closed: that is remembered, and the lock dates are asked for anew.

    A refusal for another reason, or for one that its words do not tell, may come from a lock as well. Inside a transaction.
    """
    name = _day_field(flow)
    if name is None:
        return
    for item, closed in items:
        if closed:
            wanted = _plain(flow.mapping.kind_to, item.wanted) if item.wanted else {}
            day = _day(wanted, name)
            if day is not None:
                lock_dates.learn(flow.target, flow.mapping.kind_to, day)
        elif item.state == Item.State.HELD:
            lock_dates.doubt(flow.target)


def sentence(item: Item) -> str:
    """Both days and the reason, as a person reads them."""
    kept = item.period
    if kept.get("rule") == "vendor":
        return f"dated {kept['meant']}, and {item.flow.target} itself booked it on {kept['booked']}"
    why = f"approved by {kept['by']}" if kept.get("by") else "by the rule for closed periods"
    return (
        f"dated {kept['meant']}, booked on {kept['booked']}: {item.flow.target} is closed up to {kept['until']} "
        f"({kept['lock']}); {why}"
    )


def _moved_there(flow: Flow, name: str, item: Item, made: Canonical | None) -> bool:
    """Whether the vendor booked it on another day than it was asked to; both days are then kept with the item."""
    if made is None or not item.wanted or item.operation not in (Item.Operation.CREATE, Item.Operation.UPDATE):
        return False
    if item.operation == Item.Operation.UPDATE and not {name, LEDGER_DAY[flow.mapping.kind_to]} & set(item.fields):
        return False
    wanted = _plain(flow.mapping.kind_to, item.wanted)
    meant, booked = _day(wanted, name), _stands(codec.to_plain(made), name)
    if meant is None or booked is None or meant == booked or wanted.get("status") == "draft":
        return False
    before = item.period.get("meant", meant.isoformat())
    item.period = {
        **item.period,
        "meant": before,
        "asked": meant.isoformat(),
        "booked": booked.isoformat(),
        "rule": "vendor",
    }
    item.reason, item.words = MOVED_THERE, sentence(item)
    return True


def _noticed(flow: Flow, item: Item, about: str) -> Issue:
    return Issue(
        code=MOVED_THERE,
        about=about,
        flow=flow,
        record=item.record,
        connection_id=flow.target_id,
        object=flow.target_object,
        where=f"{flow.name}: {item.record}",
        words=item.words,
        explanation=f"It is booked, but not on the day that was asked for: {flow.target} moved it to "
        f"{item.period['booked']} instead of {item.period['asked']}, as it does where that period is locked.",
        advice="Leave it so and ignore this; or have the lock date moved there and correct the document's day.",
    )


_ONE = ("tenant_id", "connection_id", "object", "identity_id")


def _remember(flow: Flow, identity: UUID, period: Mapping[str, Any]) -> None:
    write_page(
        [_row(flow, identity, period, timezone.now())],
        unique=_ONE,
        update=("meant", "booked", "lock", "until", "rule", "by", "at"),
    )


def _row(flow: Flow, identity: UUID, period: Mapping[str, Any], at: datetime) -> MovedDay:
    return MovedDay(
        tenant_id=current_tenant_id(),
        connection=flow.target,
        object=flow.target_object,
        identity_id=identity,
        meant=date.fromisoformat(period["meant"]),
        booked=date.fromisoformat(period["booked"]),
        lock=period["lock"][:200],
        until=date.fromisoformat(period["until"]),
        rule=period["rule"],
        by=period.get("by", "")[:200],
        at=at,
    )


# --- days ------------------------------------------------------------------------------------------------------------


def _day_field(flow: Flow) -> str | None:
    """The field that says on which day the flow's records stand in the target's ledger."""
    if flow.mapping.kind_to not in LEDGER_DAY:
        return None
    return connector(flow.target.connector).dialect.day_field(facts_of(flow))


def _day(fields: Mapping[str, Any], name: str) -> date | None:
    """The day on which a record is to stand in the ledger; the field of its kind where a special one is empty."""
    return _date(fields.get(name) or fields.get("issued_on"))


def _stands(fields: Mapping[str, Any], name: str) -> date | None:
    """The day on which a record of the target stands in its ledger, where it says so."""
    return _date(fields.get(BOOKED_ON)) or _day(fields, name)


def _date(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(value)


def _plain(kind: str, text: str) -> dict[str, Any]:
    return codec.to_plain(codec.decode(kind, text.encode()))
