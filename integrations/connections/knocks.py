"""Knocks as they come: who they are for, and that they came; what there is to see is fetched later, by a worker.

A vendor's message is believed by the proof that its connector declares, and stored as a few rows that say where to look:
no vendor is asked while it waits for our answer. The tick finds the bells that were rung, so that nothing is lost where
the queue is down. Whoever proves nothing learns nothing: not even which customers there are.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import get_random_string

from integrations.connections.models import Connection, VendorApp
from integrations.connectors.registry import connector
from integrations.wire.connector import Connector
from integrations.wire.knocks import LONGEST_COMPANY, LONGEST_ID, Knocks, Message, Proof, Signed, is_of_app
from integrations.wire.knocks import Knock as Told
from plumbing.ids import new_id
from plumbing.leases import Leased
from plumbing.pages import ask_page
from plumbing.roles import dispatch
from plumbing.sealing import SealedField
from tenants import audit
from tenants.owned import TenantForeignKey, TenantOwned
from tenants.scope import tenant_scope

QUIET = timedelta(seconds=3)  # so long knocks are gathered before anybody looks
KEPT = timedelta(days=7)  # so long an event is known again; what is told of earlier ones is too old to be believed
BOTH_VALID = timedelta(days=3)  # so long a former key or address is good beside the new one
HAND_OUT_AGAIN = timedelta(seconds=60)
ADDRESS_LENGTH = 40
MOST = 2000  # bells taken at one look, and knocks forgotten at a time

log = logging.getLogger(__name__)


class Bell(TenantOwned, Leased):
    """Where a vendor knocks for one connection. The lease is held while somebody looks what there is."""

    connection = TenantForeignKey(Connection, on_delete=models.CASCADE)
    # What finds the tenant over all tenants: whose books, by the vendor's name for them, or the address itself.
    connector = models.SlugField(max_length=60, db_index=False)
    environment = models.SlugField(max_length=20, db_index=False)
    company = models.CharField(max_length=LONGEST_COMPANY, blank=True)
    address = SealedField(null=True)  # type: ignore[misc]  # reads as None where there is none
    address_hash = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001  # most have none
    former_hash = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    former_until = models.DateTimeField(null=True)
    # The connection's own keys, where it has some: the newest first.
    keys = SealedField(null=True)  # type: ignore[misc]  # as above
    knocked_at = models.DateTimeField(null=True)
    refused = models.PositiveIntegerField(default=0)
    refused_at = models.DateTimeField(null=True)
    # When somebody is to look; set by the first of several knocks, and taken away when somebody begins to look.
    ring_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "connection"), name="one_bell"),)
        indexes = (
            models.Index(fields=("connector", "environment", "company"), name="bell_company"),
            models.Index(fields=("ring_at",), condition=Q(ring_at__isnull=False), name="bell_rung"),
            models.Index(fields=("leased_until",), condition=Q(leased_until__isnull=False), name="bell_held"),
        )

    def __str__(self) -> str:
        return f"bell of {self.connection_id}"


class Knock(TenantOwned):
    """One thing that a vendor told to look at, kept for some days so that it is known when it is told again."""

    bell = TenantForeignKey(Bell, on_delete=models.CASCADE)
    event = models.CharField(max_length=64)
    object = models.SlugField(max_length=60, db_index=False)
    external_id = models.CharField(max_length=LONGEST_ID, blank=True)
    how = models.CharField(max_length=8)
    into = models.CharField(max_length=LONGEST_ID, blank=True)
    told_at = models.DateTimeField(null=True)
    came_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "bell", "event"), name="one_knock_an_event"),)
        indexes = (
            models.Index(fields=("tenant", "bell", "came_at"), condition=Q(done_at=None), name="knock_waiting"),
            models.Index(fields=("came_at",), name="knock_age"),
        )

    def __str__(self) -> str:
        return f"{self.object} {self.external_id} {self.how}"


# What comes


def take_in(kind: Connector, place: str, message: Message) -> bool:
    """Store what a vendor tells at this place of its connector; False: who came could not prove to be the vendor.

    The place is an environment, or a connection's own address. Raises Malformed where a believed message cannot be read.
    """
    if kind.knocks is None:
        return False
    at = _at_app if is_of_app(kind.knocks.proof) else _at_bell
    return at(kind.slug, kind.knocks, place, message)


def _at_app(slug: str, facts: Knocks, environment: str, message: Message) -> bool:
    """At the address of our application: the message says whose books it is about."""
    proof, now = facts.proof, timezone.now()
    app = VendorApp.objects.filter(connector=slug, environment=environment).first()
    if app is None:
        return False
    keys = valid_keys(app.knock_keys.reveal() if app.knock_keys else None, now)
    if not isinstance(proof, Signed) or not proof.proves(message, keys, now=now):
        VendorApp.objects.filter(pk=app.pk).update(refused=F("refused") + 1, refused_at=now)
        return False
    by_company = _by_company(facts.read(message))
    strayed = len(by_company)
    with dispatch():
        there = Bell.everywhere.filter(connector=slug, environment=environment, company__in=by_company)
        found = list(there.order_by("tenant_id", "id").values_list("tenant_id", "id", "company"))
    strayed -= len({company for _, _, company in found})
    if strayed:
        VendorApp.objects.filter(pk=app.pk).update(strayed=F("strayed") + strayed)
    bells: dict[UUID, dict[UUID, list[Told]]] = defaultdict(dict)
    for tenant, bell, company in found:
        bells[tenant][bell] = by_company[company]
    for tenant, told in bells.items():
        _store(tenant, told)
    return True


def _at_bell(slug: str, facts: Knocks, address: str, message: Message) -> bool:
    """At a connection's own address."""
    proof, now, hashed = facts.proof, timezone.now(), _hash(address)
    with dispatch():
        mine = Q(address_hash=hashed) | Q(former_hash=hashed, former_until__gt=now)
        found = Bell.everywhere.filter(mine, connector=slug).values_list("tenant_id", "id").first()
    if found is None:
        return False
    tenant, bell_id = found
    if isinstance(proof, Signed):
        with tenant_scope(tenant), transaction.atomic():
            bell = Bell.objects.only("keys").get(pk=bell_id)
        keys = valid_keys(bell.keys.reveal() if bell.keys else None, now)
        if not proof.proves(message, keys, now=now):
            with tenant_scope(tenant), transaction.atomic():
                Bell.objects.filter(pk=bell_id).update(refused=F("refused") + 1, refused_at=now)
            return False
    _store(tenant, {bell_id: facts.read(message)})
    return True


def _by_company(told: Iterable[Told]) -> Mapping[str, list[Told]]:
    found: dict[str, list[Told]] = defaultdict(list)
    for each in told:
        if each.company:
            found[each.company].append(each)
    return found


# In the order of the events, so that two messages at once that tell the same never wait for each other in a circle.
STORE = """
INSERT INTO {table} (id, tenant_id, bell_id, event, object, external_id, how, "into", told_at, came_at)
SELECT page.id::uuid, %(tenant)s, page.bell::uuid, page.event, page.object, page.external_id, page.how, page.into,
    page.told_at::timestamptz, %(now)s
FROM {page} ORDER BY page.bell, page.event ON CONFLICT DO NOTHING RETURNING bell_id
"""


def _store(tenant: UUID, told: Mapping[UUID, Sequence[Told]]) -> None:
    """Keep what is new in one transaction, and ring."""
    now = timezone.now()
    rows = [
        (bell, each)
        for bell, knocks in told.items()
        for each in knocks
        if each.told_at is None or each.told_at > now - KEPT
    ]
    page: dict[str, list[Any]] = {
        "id": [new_id() for _ in rows],
        "bell": [bell for bell, _ in rows],
        "event": [each.event for _, each in rows],
        "object": [each.object for _, each in rows],
        "external_id": [each.external_id for _, each in rows],
        "how": [each.how for _, each in rows],
        "into": [each.into for _, each in rows],
        "told_at": [each.told_at for _, each in rows],
    }
    with tenant_scope(tenant), transaction.atomic():
        new = {bell for (bell,) in ask_page(Knock, STORE, page, {"tenant": tenant, "now": now})} if rows else set()
        bells = Bell.objects.filter(pk__in=told).order_by("pk").select_for_update()
        rung = Case(When(pk__in=new, then=Coalesce("ring_at", Value(now + QUIET))), default=F("ring_at"))
        Bell.objects.filter(pk__in=[bell.pk for bell in bells]).update(knocked_at=now, ring_at=rung)


# What is to be looked at


def take_due() -> list[tuple[UUID, UUID]]:
    """(tenant, bell) of every bell that somebody is to look at: also of those whose worker died.

    Whoever takes them hands them to a worker; one that is lost on the way is due again in a minute.
    """
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    on_its_way = Q(handed_at__gte=F("ring_at"), handed_at__gt=now - HAND_OUT_AGAIN)
    with dispatch():
        due = (
            Bell.everywhere.filter(Q(ring_at__lte=now) | Q(leased_until__lte=now))
            .filter(free)
            .exclude(on_its_way)
            .order_by("ring_at")
            .select_for_update(skip_locked=True)
        )
        rows = list(due.values_list("tenant_id", "id")[:MOST])
        if rows:
            Bell.everywhere.filter(id__in=[bell for _, bell in rows]).update(handed_at=now)
    return rows


def forget_old() -> None:
    """Delete, over all tenants, what came so long ago that nothing tells it again, whatever became of it."""
    long_ago = timezone.now() - KEPT - timedelta(hours=1)
    with dispatch():
        tenants = list(Knock.everywhere.filter(came_at__lt=long_ago).values_list("tenant_id", flat=True).distinct())
    for tenant in tenants:
        with tenant_scope(tenant):
            while True:
                with transaction.atomic():
                    old = Knock.objects.filter(came_at__lt=long_ago).values_list("pk", flat=True)[:MOST]
                    if not Knock.objects.filter(pk__in=list(old)).delete()[0]:
                        break


# Whose bell


def bell_of(connection: Connection) -> Bell | None:
    """Where this connection's vendor knocks; None where it does not. Inside a transaction."""
    knocks = connector(connection.connector).knocks
    return None if knocks is None else _listening(connection, knocks.proof)


def listen(connection: Connection) -> None:
    """Let the connection's bell be found by what is known of it now: its company, its keys. Inside a transaction."""
    bell_of(connection)


@transaction.atomic
def new_address(connection: Connection, *, by: Any) -> None:
    """Another secret address; the former one is good for some days more."""
    bell = bell_of(connection)
    if bell is None or not bell.address:
        raise LookupError(f"{connection} has no address of its own.")
    bell.former_hash, bell.former_until = bell.address_hash, timezone.now() + BOTH_VALID
    _give_address(bell)
    bell.save(update_fields=("former_hash", "former_until", "address", "address_hash"))
    audit.record("connection.address_renewed", subject=connection, actor=by)


def _listening(connection: Connection, proof: Proof) -> Bell:
    facts = {"connector": connection.connector, "environment": connection.environment}
    # Only what the vendor itself has answered over this connection counts as its company.
    company = str(connection.company.get("id") or "")
    facts["company"] = company if len(company) <= LONGEST_COMPANY else ""
    bell, _ = Bell.objects.get_or_create(connection=connection, defaults=facts)
    changed = {name: value for name, value in facts.items() if getattr(bell, name) != value}
    for name, value in changed.items():
        setattr(bell, name, value)
    if not is_of_app(proof) and not bell.address:
        _give_address(bell)
        changed |= {"address": "", "address_hash": ""}
    if isinstance(proof, Signed) and proof.secret:
        key = str((connection.secrets.reveal() or {}).get(proof.secret) or "")
        kept = bell.keys.reveal() if bell.keys else []
        if key and (not kept or kept[0]["key"] != key):
            bell.keys = with_new_key(kept, key, timezone.now())
            changed["keys"] = ""
    if changed:
        bell.save(update_fields=list(changed))
    return bell


def has_own_address(connection: Connection) -> bool:
    """Whether the vendor knocks for this connection alone, at an address that nobody else knows."""
    knocks = connector(connection.connector).knocks
    return knocks is not None and not is_of_app(knocks.proof)


def _give_address(bell: Bell) -> None:
    address = get_random_string(ADDRESS_LENGTH)
    bell.address, bell.address_hash = address, _hash(address)


def _hash(address: str) -> str:
    # The address is random, and as long as a key: it needs no slow hash.
    return hashlib.sha256(address.encode()).hexdigest()


# Keys that change


def with_new_key(kept: Sequence[Mapping[str, str]] | None, key: str, now: datetime) -> list[dict[str, str]]:
    """The keys with a new one in front; the one before it is good for some days more."""
    former = [{"key": each["key"], "until": (now + BOTH_VALID).isoformat()} for each in (kept or ())[:1]]
    return [{"key": key}, *(each for each in former if each["key"] != key)]


def valid_keys(kept: Sequence[Mapping[str, str]] | None, now: datetime) -> list[str]:
    """The keys that are good now, the newest first."""
    return [each["key"] for each in kept or () if "until" not in each or datetime.fromisoformat(each["until"]) > now]
