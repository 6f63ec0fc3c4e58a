"""What a vendor's side is told when it comes to us: who is let in, what it is to fetch, what becomes of what it brings.

A visit goes through `reply_to`, message by message. No transaction is open while one waits for work to turn up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.connections import callers, queue, services, visits
from integrations.connections.models import Caller, Connection, Errand, Visit
from integrations.connections.site import site_of
from integrations.connections.visits import NoVisit
from integrations.records import issues
from integrations.records.models import Issue
from integrations.sync.models import Run
from integrations.sync.services import wake_runs
from integrations.wire.connector import Connector
from integrations.wire.polled import (
    Brought,
    Busy,
    GoOn,
    Hello,
    Leaving,
    Message,
    Next,
    NothingMore,
    NothingNow,
    Place,
    Reply,
    Said,
    SignIn,
    Take,
    Trouble,
    Turned,
    Welcome,
    WhyNothing,
)
from plumbing.roles import dispatch
from tenants.scope import tenant_scope

PATIENCE = 3  # seconds that a message waits for work that is about to turn up: their side does not wait for long
LOOK_EVERY = 0.1  # not money: seconds
MOST_WAITING = 4  # messages in one process: its other threads are for people's pages
LONGEST_IDLE = timedelta(minutes=2)  # that a visit is kept without anything to fetch
ABOUT_TO = timedelta(seconds=30)  # a run that goes on within this may have something to fetch in this visit
OUR_VERSION = "Tieout"
LEAST_MISSED, TIMES_MISSED = timedelta(hours=1), 4  # so long, and so many intervals: then somebody is missed
WRONG_BOOKS, OUT_OF_REACH, NOBODY_CAME = "wrong_books", "books_out_of_reach", "nobody_came"

log = logging.getLogger(__name__)
_waiting_room = threading.BoundedSemaphore(MOST_WAITING)
State = Connection.State


def reply_to(kind: Connector, message: Message) -> Reply:
    """What a vendor's side is answered. Takes seconds at most."""
    match message:
        case Hello():
            return Said(words=OUR_VERSION)
        case SignIn():
            return _sign_in(kind, message)
        case _:
            try:
                tenant, visit = visits.read_ticket(message.ticket)
                with tenant_scope(tenant):
                    return _within_visit(kind, visit, message)
            except NoVisit as unknown:
                return Turned(why=str(unknown))


def is_work_under_way(connection: Connection) -> bool:
    """Whether a run that may ask something over this connection is at work, or will be within seconds."""
    now = timezone.now()
    awake = Q(wake_at__lte=now + ABOUT_TO) | Q(leased_until__gt=now) | Q(handed_at__gt=now - ABOUT_TO)
    runs = Run.objects.filter(Q(flow__source=connection) | Q(flow__target=connection))
    return runs.filter(awake, state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists()


# Signing in


def _sign_in(kind: Connector, message: SignIn) -> Reply:
    found = callers.recognise(kind, user=message.user, password=message.password)
    if found is None:
        log.warning("somebody came to %s with a wrong name or password", kind.slug)
        return Turned(why="The user name or the password is not right.")
    tenant, connection_id = found
    with tenant_scope(tenant):
        with transaction.atomic():
            connection = Connection.objects.get(pk=connection_id)
            visit = visits.begin(connection)
            if visit is None:
                return Busy()
            issues.solve([issues.about(NOBODY_CAME, connection.pk)])
        with transaction.atomic():
            wake_runs(connection)
        with transaction.atomic():
            work = _is_worth_it(connection)
            if not work:
                visit.words = "there was nothing to do"
                visits.end(visit)
            return Welcome(ticket=visits.ticket_of(visit), work=work)


def _is_worth_it(connection: Connection) -> bool:
    if connection.state == State.PAUSED:
        return False
    if connection.state != State.CONNECTED or not connection.company:
        return True  # nothing is known of the books yet, or no more: its coming shows that they can be reached
    return queue.waiting(connection).since is not None or is_work_under_way(connection)


# Within a visit


def _within_visit(kind: Connector, visit_id: UUID, message: Message) -> Reply:
    match message:
        case Next():
            return _give_next(kind, visit_id, message)
        case Brought():
            return _take_answer(kind, visit_id, message)
        case Trouble():
            return _note_trouble(kind, visit_id, message)
        case WhyNothing():
            return _say_why(kind, visit_id)
        case Leaving():
            return _say_goodbye(kind, visit_id)
    raise TypeError(f"{type(message).__name__} is no message of a visit")


def _give_next(kind: Connector, visit_id: UUID, message: Next) -> Reply:
    with transaction.atomic():
        visit = visits.heard(visit_id, slug=kind.slug)
        # Who asks for more without having brought an answer will not bring it any more.
        is_lost = queue.lose(visit)
        _check_books(visit, message.place)
        if not visit.is_turned:
            _arrive(kind, visit.connection, message.place)
    if is_lost:
        _wake(visit.connection)
    with _patience() as seconds:
        give_up = time.monotonic() + seconds
        while True:
            with transaction.atomic():
                visit = visits.under_way(visit_id, slug=kind.slug)
                if visit.is_turned or visit.connection.state == State.PAUSED:
                    return NothingMore()
                if request := queue.fetch(visit):
                    return Take(request=request)
                if not _is_worth_waiting(visit):
                    return NothingMore()
            if time.monotonic() >= give_up:
                return NothingNow()
            time.sleep(LOOK_EVERY)


def _is_worth_waiting(visit: Visit) -> bool:
    """Whether something may turn up for this visit; what is at work for long without asking anything is not waited for."""
    idle_since = queue.last_answer(visit) or visit.came_at
    return timezone.now() - idle_since < LONGEST_IDLE and is_work_under_way(visit.connection)


@contextmanager
def _patience() -> Iterator[int]:
    """For how many seconds a message may wait: for none where too many do so already."""
    may_wait = _waiting_room.acquire(blocking=False)
    try:
        yield PATIENCE if may_wait else 0
    finally:
        if may_wait:
            _waiting_room.release()


def _take_answer(kind: Connector, visit_id: UUID, message: Brought) -> Reply:
    with transaction.atomic():
        visit = visits.heard(visit_id, slug=kind.slug)
        errand = queue.bring(visit, message.answer)
        if words := message.answer.headers.get("words"):
            visit.words = words
            visit.save(update_fields=("words",))
    if errand is not None:
        services.learn_company(visit.connection, errand)
        _wake(visit.connection)
    with transaction.atomic():
        percent = queue.percent_done(visit)
        if percent == 100 and is_work_under_way(visit.connection):
            percent = 99
        return GoOn(percent=percent)


def _note_trouble(kind: Connector, visit_id: UUID, message: Trouble) -> Reply:
    with transaction.atomic():
        visit = visits.heard(visit_id, slug=kind.slug)
        visit.words = " ".join(filter(None, (message.code, message.words))) or "their side cannot reach the books"
        is_lost = visits.end(visit)
        issues.open_issues([_out_of_reach(visit)])
    if is_lost:
        _wake(visit.connection)
    return Said(words=visit.words)


def _say_why(kind: Connector, visit_id: UUID) -> Reply:
    with transaction.atomic():
        visit = visits.find(visit_id, slug=kind.slug)
        if visit.left_at is None and not visit.is_turned and _is_worth_waiting(visit):
            visits.heard(visit_id, slug=kind.slug)
            return NothingNow()
        return Said(words=visit.words or "There is nothing more to do.")


def _say_goodbye(kind: Connector, visit_id: UUID) -> Reply:
    with transaction.atomic():
        visit = visits.find(visit_id, slug=kind.slug)
        is_lost = visits.end(visit) if visit.left_at is None else False
    if is_lost:
        _wake(visit.connection)
    return Said(words=visit.words or "OK")


def _wake(connection: Connection) -> None:
    with transaction.atomic():
        wake_runs(connection)


# Which books


def _check_books(visit: Visit, place: Place | None) -> None:
    """Give nothing to a visit from other books than the connection's; a person is told. Inside a transaction."""
    if visit.is_turned or (place is None and visit.place):
        return  # told before, in this visit
    caller = callers.caller_of(visit.connection)
    if place is None and not caller.place:
        return  # a vendor whose side does not tell
    if place is not None:
        visit.place = {"name": place.name, "id": place.id}
    visit.is_turned = place is None or not callers.has_expected(caller, place)
    if visit.is_turned:
        issue = _wrong_books(visit, caller)
        visit.words = f"{issue.words} {issue.advice}"
        issues.open_issues([issue])
    visit.save(update_fields=("place", "is_turned", "words"))


def _arrive(kind: Connector, connection: Connection, place: Place | None) -> None:
    """Their side is there, and can reach the right books. Inside a transaction."""
    services.reached(connection)
    if place is not None:
        services.learn_settings(connection, place.settings, place.locks)
    if not connection.company:
        queue.put(connection, kind.dialect.whoami(site_of(connection)))
    issues.solve([issues.about(code, connection.pk) for code in (WRONG_BOOKS, OUT_OF_REACH)])


# Who does not come


def miss_who_does_not_come() -> None:
    """Tell the tenants whose work waits for somebody who has not come for long; it ends by itself when somebody comes."""
    with dispatch():
        waiting = Errand.everywhere.filter(state=Errand.State.WAITING, put_at__lt=timezone.now() - LEAST_MISSED)
        tenants = list(waiting.values_list("tenant_id", flat=True).distinct())
    for tenant in tenants:
        try:
            with tenant_scope(tenant), transaction.atomic():
                _miss()
        except Exception:  # one tenant's trouble is no reason to leave the others untold
            log.exception("Who does not come for the work of tenant %s could not be found out", tenant)


def _miss() -> None:
    """Open an issue for each connection whose caller is overdue, once. Inside a transaction."""
    kept_waiting = Errand.objects.filter(state=Errand.State.WAITING, put_at__lt=timezone.now() - LEAST_MISSED)
    found = Connection.objects.filter(pk__in=kept_waiting.values("connection")).exclude(state=State.PAUSED)
    overdue = [issue for connection in found if (issue := _nobody_came(connection)) is not None]
    told = Issue.objects.filter(about__in=[issue.about for issue in overdue], state=Issue.State.OPEN)
    known = set(told.values_list("about", flat=True))
    issues.open_issues([issue for issue in overdue if issue.about not in known])


def _nobody_came(connection: Connection) -> Issue | None:
    """What to tell of a connection for whose work nobody came in several of its intervals; None where that is not so."""
    patience = max(LEAST_MISSED, TIMES_MISSED * timedelta(minutes=callers.every_minutes(connection)))
    waiting, last, long_ago = queue.waiting(connection), visits.latest(connection), timezone.now() - patience
    if waiting.since is None or max(waiting.since, last.last_at if last else waiting.since) > long_ago:
        return None
    since = f"since {last.last_at:%Y-%m-%d %H:%M} UTC" if last else "yet"
    return _issue(
        NOBODY_CAME,
        connection,
        words=f"Nobody came {since}.",
        explanation=f"The vendor's side fetches the work here, and what is to be done waits since "
        f"{waiting.since:%Y-%m-%d %H:%M} UTC.",
        advice="Look at its computer: is it switched on, is the program that comes here running, is its schedule on?",
    )


# Issues


def _wrong_books(visit: Visit, caller: Caller) -> Issue:
    expected = caller.place.get("name") or "the books in which the invitation file of this connection was approved"
    return _issue(
        WRONG_BOOKS,
        visit.connection,
        words=f"Open there is {visit.place.get('name') or 'what did not give its name'}; expected is {expected}.",
        explanation="The vendor's side came from other books than those of this connection, so it was given nothing.",
        advice="Open the right books there, or say on the page of the connection that these are the right ones.",
    )


def _out_of_reach(visit: Visit) -> Issue:
    return _issue(
        OUT_OF_REACH,
        visit.connection,
        words=visit.words,
        explanation="The vendor's side came, but it could not reach the books on its own computer.",
        advice="Look there: are the books open, and may this connection use them? What is to be done waits.",
    )


def _issue(code: str, connection: Connection, *, words: str, explanation: str, advice: str) -> Issue:
    return Issue(
        code=code,
        about=issues.about(code, connection.pk),
        connection=connection,
        where=str(connection),
        words=words,
        explanation=explanation,
        advice=advice,
        alert=code == NOBODY_CAME,
    )
