"""Visits: a vendor's side comes, is heard from, and leaves or falls silent. One at a time for each connection."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.utils import timezone

from integrations.connections import queue
from integrations.connections.models import Caller, Connection, Errand, Visit
from tenants.scope import current_tenant_id

VISITS_KEPT, ERRANDS_KEPT = timedelta(days=90), timedelta(days=2)
_TICKETS = signing.Signer(salt="integrations.visit", sep=".")


class NoVisit(Exception):
    """The ticket is not one of ours, or of another address, or its visit is over."""


def begin(connection: Connection) -> Visit | None:
    """A new visit; None while another one is under way. What a silent one left unanswered is lost. Inside a transaction."""
    Caller.objects.select_for_update().get(connection=connection)  # two who come at once come one after the other
    now = timezone.now()
    for former in Visit.objects.filter(connection=connection, left_at=None):
        if now - former.last_at < queue.SILENT:
            return None
        former.words = former.words or "fell silent without leaving"
        end(former)
    _forget_the_old(connection)
    return Visit.objects.create(connection=connection, came_at=now, last_at=now)


def end(visit: Visit) -> bool:
    """The visit is over; True where it leaves an answer behind that will not come any more. Inside a transaction."""
    visit.left_at = timezone.now()
    visit.save(update_fields=("left_at", "words"))
    return queue.lose(visit)


def ticket_of(visit: Visit) -> str:
    """What the visitor shows with every message: nobody else can make one."""
    return _TICKETS.sign(f"{current_tenant_id().hex}{visit.pk.hex}")


def read_ticket(ticket: str) -> tuple[UUID, UUID]:
    """The tenant and the visit of a ticket. Raises NoVisit."""
    try:
        told = _TICKETS.unsign(ticket)
        return UUID(told[:32]), UUID(told[32:])
    except (signing.BadSignature, ValueError):
        raise NoVisit("This ticket is not one of ours: sign in again.") from None


def heard(visit_id: UUID, *, slug: str) -> Visit:
    """The visit, locked to the end of the transaction, and known to be alive now. Raises NoVisit."""
    visit = under_way(visit_id, slug=slug)
    visit.last_at = timezone.now()
    visit.save(update_fields=("last_at",))
    return visit


def under_way(visit_id: UUID, *, slug: str) -> Visit:
    """The visit, locked to the end of the transaction. Raises NoVisit where it is over."""
    visit = find(visit_id, slug=slug)
    if visit.left_at is not None:
        raise NoVisit("This visit is over: sign in again.")
    return visit


def find(visit_id: UUID, *, slug: str) -> Visit:
    """The visit of a ticket that was shown at this vendor's address, locked; it may be over. Raises NoVisit."""
    found = Visit.objects.select_related("connection").select_for_update(of=("self",))
    visit = found.filter(pk=visit_id, connection__connector=slug).first()
    if visit is None:
        raise NoVisit("This ticket is good for nothing here: sign in again.")
    return visit


def latest(connection: Connection) -> Visit | None:
    """The last visit, under way or over. Inside a transaction."""
    return Visit.objects.filter(connection=connection).order_by("-came_at").first()


def _forget_the_old(connection: Connection) -> None:
    """What the visits were about stands with the calls and the records; the queue itself keeps little."""
    now = timezone.now()
    Errand.objects.filter(connection=connection, ended_at__lt=now - ERRANDS_KEPT).delete()
    Visit.objects.filter(connection=connection, left_at__lt=now - VISITS_KEPT).delete()
