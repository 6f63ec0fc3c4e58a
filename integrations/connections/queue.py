"""The queue of a vendor that polls us: requests wait until its side fetches them, one at a time, and brings the answers.

waiting ──fetch──▶ fetched ──bring──▶ answered
   │                  └──visit over──▶ lost: it may have been done, look it up
   └──take back──▶ withdrawn
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from integrations.connections.models import Connection, Errand, Visit
from integrations.connections.outstanding import digest_of
from integrations.wire.errors import TryLater
from integrations.wire.message import Answer, Pending, Request, pack, unpack_answer, unpack_request
from integrations.wire.site import Site

COLLECT = "COLLECT"  # the method of a receipt; its path is the errand
PATIENCE = 20.0  # seconds that a worker waits for the answer while somebody is there to bring it
LOOK_EVERY = 0.1  # seconds
HERE = timedelta(seconds=15)  # at most between two messages of a side that has nothing to do but to ask us
SILENT = timedelta(seconds=60)  # after which a side that is at work for us is believed to be gone
SOON, WHENEVER = 5.0, 120.0  # seconds until a receipt is shown again: who brings an answer wakes the run earlier

State = Errand.State


@dataclass(frozen=True, slots=True)
class Queue:
    """The driver of a connection whose vendor polls us."""

    connection: Connection

    def send(self, request: Request, *, site: Site, deadline: float | None = None) -> Answer | Pending:
        """The answer if somebody is there to bring it within seconds, else a receipt for it.

        Raises TryLater: sent where it was fetched and its answer was lost, not sent where it was withdrawn.
        """
        give_up = time.monotonic() + min(PATIENCE, PATIENCE if deadline is None else deadline)
        with transaction.atomic():
            errand = request.path if request.method == COLLECT else str(put(self.connection, request).pk)
        while True:
            with transaction.atomic():
                answer, somebody = collect(self.connection, errand), is_somebody_here(self.connection)
            if answer is not None:
                return answer
            if not somebody or time.monotonic() >= give_up:
                receipt = Request(method=COLLECT, path=errand)
                return Pending(then=receipt, after=SOON if somebody else WHENEVER)
            time.sleep(LOOK_EVERY)

    def take_back(self, request: Request, *, site: Site) -> bool:
        """Withdraw a request that was not fetched yet. Inside a transaction."""
        waiting = Errand.objects.filter(connection=self.connection, digest=digest_of(request), state=State.WAITING)
        return bool(waiting.update(state=State.WITHDRAWN, ended_at=timezone.now()))


# For those who send


def put(connection: Connection, request: Request) -> Errand:
    """The errand that stands for this request: the one that is open, else a new one. Inside a transaction."""
    errand, _ = Errand.objects.get_or_create(
        connection=connection,
        digest=digest_of(request),
        state__in=Errand.OPEN,
        defaults={"request": pack(request), "put_at": timezone.now(), "state": State.WAITING},
    )
    return errand


def collect(connection: Connection, errand_id: str) -> Answer | None:
    """The answer to an errand, None while there is none. Inside a transaction. Raises TryLater where none will come."""
    errand = Errand.objects.filter(pk=errand_id, connection=connection).first()
    if errand is None or errand.state == State.LOST:
        raise TryLater(
            sent=True,
            explanation="The vendor's side fetched this and went without bringing an answer.",
            advice="Nothing needs to be done: what became of it is looked up when it comes again.",
        )
    if errand.state == State.WITHDRAWN:
        raise TryLater(sent=False, explanation="This was withdrawn before the vendor's side fetched it.")
    if errand.answer is None:
        return None
    return replace(unpack_answer(bytes(errand.answer)), asked_at=errand.fetched_at)


def is_somebody_here(connection: Connection) -> bool:
    """Whether what is put into the queue now will be fetched within seconds. Inside a transaction."""
    now = timezone.now()
    here = Q(last_at__gt=now - HERE) | Q(last_at__gt=now - SILENT, errand__state=State.FETCHED)
    return Visit.objects.filter(here, connection=connection, left_at=None, is_turned=False).exists()


# For those who come


def fetch(visit: Visit) -> Request | None:
    """The next request, in the order in which they were put; the visitor has it from now on. Inside a transaction."""
    waiting = Errand.objects.filter(connection=visit.connection_id, state=State.WAITING).order_by("put_at", "pk")
    errand = waiting.select_for_update().first()
    if errand is None:
        return None
    errand.state, errand.visit, errand.fetched_at = State.FETCHED, visit, timezone.now()
    errand.save(update_fields=("state", "visit", "fetched_at"))
    return unpack_request(bytes(errand.request))


def bring(visit: Visit, answer: Answer) -> Errand | None:
    """Keep the answer to what the visitor has fetched; None where it has nothing of ours. Inside a transaction."""
    errand = Errand.objects.select_for_update().filter(visit=visit, state=State.FETCHED).first()
    if errand is not None:
        errand.state, errand.answer, errand.ended_at = State.ANSWERED, pack(answer), timezone.now()
        errand.save(update_fields=("state", "answer", "ended_at"))
    return errand


def lose(visit: Visit) -> bool:
    """The visitor will not bring the answer to what it has fetched: whether there was such. Inside a transaction."""
    fetched = Errand.objects.filter(visit=visit, state=State.FETCHED)
    return bool(fetched.update(state=State.LOST, ended_at=timezone.now()))


def percent_done(visit: Visit) -> int:
    """How much of what there is to do the visitor has done; 100 when nothing waits. Inside a transaction."""
    done = Errand.objects.filter(visit=visit, state=State.ANSWERED).count()
    waiting = Errand.objects.filter(connection=visit.connection_id, state=State.WAITING).count()
    return 100 * done // (done + waiting) if waiting else 100


def last_answer(visit: Visit) -> datetime | None:
    """When the visitor brought its last answer; None where it has not brought any. Inside a transaction."""
    return Errand.objects.filter(visit=visit).aggregate(at=Max("ended_at"))["at"]


# For those who look


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies in the queue: how many of each state, and since when the oldest waits to be fetched."""

    numbers: dict[str, int]
    since: datetime | None


def waiting(connection: Connection) -> Waiting:
    """What lies in the queue of a connection. Inside a transaction."""
    counted = Errand.objects.filter(connection=connection).order_by().values("state").annotate(number=Count("pk"))
    since = Errand.objects.filter(connection=connection, state=State.WAITING).aggregate(at=Min("put_at"))["at"]
    return Waiting({row["state"]: row["number"] for row in counted}, since)
