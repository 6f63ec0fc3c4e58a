"""Sealing the trail: what was appended is gathered in batches, chained and signed, by one sealer a tenant at a time.

Writers never wait for it: they append, and this comes after them. Run it as often as you like, wherever you like.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL

from plumbing.roles import dispatch
from tenants.audit import keys, proof
from tenants.audit.models import Event, Payload, Seal
from tenants.models import Tenant
from tenants.scope import current_tenant_id

BATCH = 5000  # events in a seal
# No transaction that appends is open for longer: what is older than this and not to be seen was never written.
GRACE = timedelta(minutes=10)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


def due() -> list[UUID]:
    """The tenants with events that no seal holds yet, or whose last seal has still to close the time behind it."""
    with dispatch():
        newest = Seal.everywhere.filter(tenant_id=OuterRef("pk")).order_by("-number")
        tenants = Tenant.objects.annotate(
            latest=Subquery(newest.values("latest_at")[:1]), closed=Subquery(newest.values("closed_through")[:1])
        )
        later = Event.everywhere.filter(tenant_id=OuterRef("pk"))
        unsealed = Exists(later.filter(at__gt=OuterRef("latest"))) | Q(latest=None) & Exists(later)
        still_open = Q(closed__lte=F("latest"), latest__lt=_now() - GRACE)
        return list(tenants.filter(unsealed | still_open).order_by("pk").values_list("pk", flat=True))


def seal_all() -> int:
    """Seals everything of the tenant in scope that is not sealed yet, and gives how many events that were."""
    sealed = 0
    while (count := _seal_batch()) is not None:
        sealed += count
        if count < BATCH:
            break
    return sealed


@transaction.atomic
def _seal_batch() -> int | None:
    """One seal; None where there was nothing to seal, or another sealer is at this tenant."""
    if not _is_alone():
        return None
    last = Seal.objects.order_by("-number").first()
    now = _now()
    closed = last.closed_through if last else BEGINNING
    batch = list(_unsealed(closed)[:BATCH])
    # Everything before the end of a full batch is in it; everything before the grace period has been committed.
    closing = min(now - GRACE, batch[-1].at) if len(batch) == BATCH else now - GRACE
    closing = max(closing, closed)
    if not batch and (last is None or last.closed_through > last.latest_at or closing <= last.latest_at):
        return None
    leaves = [proof.leaf_of(plain(event)) for event in batch]
    key = keys.ring()[0]
    seal = Seal(
        number=last.number + 1 if last else 1,
        previous=last.digest if last else proof.FIRST,
        root=proof.root_of(leaves),
        events=[event.id for event in batch],
        leaves=b"".join(leaves),
        latest_at=max(event.at for event in batch) if batch else last.latest_at if last else now,
        closed_through=closing,
        sealed_at=now,
        key=key.id,
    )
    seal.digest = proof.digest_of(sealed(seal).head())
    seal.signature = key.sign(seal.digest)
    seal.save(force_insert=True)
    if _continues(checkpoint(current_tenant_id())):
        transaction.on_commit(lambda: _keep_checkpoint(sealed(seal)))
    else:
        log.error("the audit trail of tenant %s lacks what its checkpoint proves: run verify_audit", seal.tenant_id)
    return len(batch)


def verdict() -> proof.Verdict:
    """The check of the whole trail of the tenant in scope, against the checkpoint that is kept outside the database."""
    check = proof.Check(keys=keys.public_keys(), checkpoint=checkpoint(current_tenant_id()))
    for seal, events in told():
        if seal is None:
            check.unsealed(events.values())
        else:
            check.seal(seal, events)
    return check.end()


def told() -> Iterator[tuple[proof.Seal | None, Mapping[str, Mapping[str, Any]]]]:
    """Every seal with its events as an export holds them, in order; at last None with those that no seal holds."""
    number = 0
    while True:
        with transaction.atomic():
            seal = Seal.objects.filter(number__gt=number).order_by("number").first()
            if seal is None:
                events = list(_unsealed(BEGINNING))
                yield None, _with_payloads(events)
                return
            events = list(Event.objects.filter(pk__in=seal.events))
            page = _with_payloads(events)
        yield sealed(seal), page
        number = seal.number


def sealed(seal: Seal) -> proof.Seal:
    """A kept seal in the terms of the proof."""
    leaves = bytes(seal.leaves)
    return proof.Seal(
        tenant=str(seal.tenant_id or current_tenant_id()),
        number=seal.number,
        previous=seal.previous,
        root=seal.root,
        events=[str(event) for event in seal.events],
        leaves=[leaves[start : start + 32] for start in range(0, len(leaves), 32)],
        latest_at=moment(seal.latest_at),
        closed_through=moment(seal.closed_through),
        sealed_at=moment(seal.sealed_at),
        key=seal.key,
        digest=seal.digest,
        signature=seal.signature,
    )


def plain(event: Event) -> dict[str, Any]:
    """An event as its leaf covers it."""
    return {
        "tenant": str(event.tenant_id),
        "id": str(event.pk),
        "at": moment(event.at),
        "verb": event.verb,
        "actor": [event.actor_kind, event.actor_id, event.actor_name],
        "subject": [event.subject_kind, event.subject_id, event.subject_name],
        "data": event.data,
        "links": event.links,
        "payload_hash": event.payload_hash,
    }


def moment(at: datetime) -> str:
    """A moment as the proof writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def checkpoint(tenant: UUID) -> proof.Checkpoint | None:
    """How far the tenant's chain had come when it was last sealed here; None where no file says so."""
    path = _checkpoint_file(tenant)
    return proof.Checkpoint(**json.loads(path.read_text())) if path.exists() else None


def _continues(kept: proof.Checkpoint | None) -> bool:
    """Whether the chain still holds the seal that the checkpoint names: else the checkpoint stays, as the proof of a cut."""
    return kept is None or Seal.objects.filter(number=kept.number, digest=kept.digest).exists()


def _keep_checkpoint(seal: proof.Seal) -> None:
    """Write down outside the database how far the chain has come."""
    head = proof.Checkpoint(
        tenant=seal.tenant, number=seal.number, digest=seal.digest, signature=seal.signature, key=seal.key
    )
    path = _checkpoint_file(UUID(seal.tenant))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(head)))
    draft.replace(path)


def _checkpoint_file(tenant: UUID) -> Path:
    return Path(settings.AUDIT_CHECKPOINTS) / f"{tenant}.checkpoint"


def _unsealed(since: datetime) -> Any:
    """The events dated `since` or later that no seal holds, in the order of their time."""
    held = RawSQL(
        "SELECT unnest(events) FROM audit_seal WHERE tenant_id = %s AND latest_at >= %s", [current_tenant_id(), since]
    )
    return Event.objects.filter(at__gte=since).exclude(pk__in=held).order_by("at", "pk")


def _with_payloads(events: Sequence[Event]) -> dict[str, Mapping[str, Any]]:
    """The events by their ids, with the payloads that were not erased."""
    told: dict[str, Mapping[str, Any]] = {str(event.pk): plain(event) for event in events}
    committed = [event.pk for event in events if event.payload_hash]
    for payload in Payload.objects.filter(event_id__in=committed):
        event = told[str(payload.event_id)]
        told[str(payload.event_id)] = {
            **event,
            "payload": {"salt": bytes(payload.salt).hex(), "payload": payload.payload},
        }
    return told


def _is_alone() -> bool:
    """Whether nobody else seals for this tenant, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit.seal/{current_tenant_id()}"]
        )
        return bool(cursor.fetchone()[0])


def _now() -> datetime:
    """The database's clock, by which events are dated too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
