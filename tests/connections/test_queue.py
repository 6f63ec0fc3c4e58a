"""The queue of a vendor that polls us: one errand for one question, an answer that is kept, and what is lost said to be lost."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connections import line, queue, visits
from integrations.connections.models import Connection, Errand, Visit
from integrations.connections.queue import Queue
from integrations.connections.site import site_of
from integrations.wire.errors import ConsentLost, TryLater
from integrations.wire.message import Answer, Pending, Request
from tests.polled import Runner

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = Request(method="GET", path="customer")
ANSWER = Answer(status=200, headers={"Kind": "toy"}, body=b'{"rows": []}')


def ask(connection: Connection, request: Request = QUESTION, *, deadline: float | None = None) -> Answer | Pending:
    return Queue(connection).send(request, site=site_of(connection), deadline=deadline)


def receipt(connection: Connection, request: Request = QUESTION) -> Request:
    pending = ask(connection, request)
    assert isinstance(pending, Pending)
    return pending.then


def come(connection: Connection) -> Visit:
    with transaction.atomic():
        visit = visits.begin(connection)
    assert visit is not None
    return visit


def fetch(visit: Visit) -> Request | None:
    with transaction.atomic():
        return queue.fetch(visit)


def bring(visit: Visit, answer: Answer = ANSWER) -> None:
    with transaction.atomic():
        queue.bring(visit, answer)


def leave(visit: Visit) -> None:
    with transaction.atomic():
        visits.end(visit)


def test_a_question_that_is_asked_twice_is_one_errand(known: Connection) -> None:
    assert receipt(known) == receipt(known)
    with transaction.atomic():
        assert Errand.objects.count() == 1


def test_an_answer_may_be_taken_as_often_as_a_worker_dies(known: Connection) -> None:
    then = receipt(known)
    visit = come(known)
    assert fetch(visit) == QUESTION
    bring(visit)
    leave(visit)
    for _ in range(2):
        answer = ask(known, then)
        assert isinstance(answer, Answer)
        assert (answer.status, answer.headers, answer.body) == (ANSWER.status, ANSWER.headers, ANSWER.body)
        assert answer.asked_at is not None, "it speaks as of when it was fetched, not as of when it is taken"


def test_the_same_question_after_its_answer_is_a_new_errand(known: Connection) -> None:
    then = receipt(known)
    visit = come(known)
    fetch(visit)
    bring(visit)
    leave(visit)
    assert receipt(known) != then


def test_what_was_fetched_and_not_answered_may_have_been_done(known: Connection) -> None:
    then = receipt(known)
    visit = come(known)
    fetch(visit)
    leave(visit)
    with pytest.raises(TryLater) as lost:
        ask(known, then)
    assert lost.value.may_have_acted
    assert receipt(known) != then, "the same question may be asked anew"


def test_what_nobody_has_fetched_may_be_taken_back(known: Connection) -> None:
    then = receipt(known)
    with transaction.atomic():
        assert line.take_back(known, QUESTION)
    with pytest.raises(TryLater) as withdrawn:
        ask(known, then)
    assert not withdrawn.value.may_have_acted
    assert fetch(come(known)) is None


def test_what_is_fetched_already_may_not_be_taken_back(known: Connection) -> None:
    receipt(known)
    fetch(come(known))
    with transaction.atomic():
        assert not line.take_back(known, QUESTION)


def test_nobody_waits_where_nobody_is_there(known: Connection) -> None:
    began = time.monotonic()
    pending = ask(known)
    assert isinstance(pending, Pending)
    assert pending.after > 60
    assert time.monotonic() - began < 1


def test_a_worker_waits_no_longer_than_its_lease_allows(known: Connection) -> None:
    come(known)
    began = time.monotonic()
    pending = ask(known, deadline=0.5)
    assert isinstance(pending, Pending)
    assert pending.after < 10
    assert 0.4 < time.monotonic() - began < 2


def test_who_is_at_work_for_us_is_there_for_a_minute_and_who_is_idle_for_seconds(known: Connection) -> None:
    def is_there(*, silent_for: int) -> bool:
        with transaction.atomic():
            Visit.objects.update(last_at=timezone.now() - timedelta(seconds=silent_for))
            return queue.is_somebody_here(known)

    receipt(known)
    visit = come(known)
    assert is_there(silent_for=10)
    assert not is_there(silent_for=20)
    fetch(visit)
    assert is_there(silent_for=50)
    assert not is_there(silent_for=70)


def test_nothing_is_put_into_the_queue_of_a_paused_connection(known: Connection) -> None:
    with transaction.atomic():
        Connection.objects.update(state="paused")
    with pytest.raises(ConsentLost):
        line.send(known, QUESTION)
    with transaction.atomic():
        assert not Errand.objects.exists()


def test_a_withdrawn_consent_ends_when_somebody_reaches_the_books_again(known: Connection, runner: Runner) -> None:
    with transaction.atomic():
        Connection.objects.update(state="consent_lost", state_reason="access was withdrawn")
    assert runner.sign_in()["work"], "only its coming shows that the books can be reached"
    runner.ask()
    with transaction.atomic():
        assert Connection.objects.get().state == "connected"


def test_the_queue_forgets_what_is_long_over(known: Connection) -> None:
    receipt(known)
    visit = come(known)
    fetch(visit)
    bring(visit)
    leave(visit)
    with transaction.atomic():
        Errand.objects.update(ended_at=timezone.now() - timedelta(days=3))
        Visit.objects.update(left_at=timezone.now() - timedelta(days=91))
    come(known)
    with transaction.atomic():
        assert (Errand.objects.count(), Visit.objects.count()) == (0, 1)
