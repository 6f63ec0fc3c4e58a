"""The door of vendors that poll us: who is let in, what is fetched and brought, and what becomes of what is not."""

from __future__ import annotations

import json
import logging
import threading
import time
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.utils import timezone

from integrations.connections import line
from integrations.connections.callers import accept_books, caller_of, new_password
from integrations.connections.models import Caller, Connection, Errand, Visit
from integrations.connections.services import pause, resume
from integrations.doors import tasks
from integrations.records.models import Issue
from integrations.wire.errors import TryLater
from integrations.wire.message import Answer, Pending, Request
from tenants.audit.models import Event
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import Visitor
from tests.polled import ADDRESS, Runner

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = Request(method="GET", path="customer")
OTHER = Request(method="GET", path="item")
BOOKS = {"name": "Toys Ltd", "id": None}


def errands() -> list[str]:
    with transaction.atomic():
        return list(Errand.objects.order_by("put_at").values_list("state", flat=True))


def open_issues() -> list[tuple[str, str]]:
    with transaction.atomic():
        return list(Issue.objects.filter(state="open").values_list("code", "words"))


def put(connection: Connection, request: Request = QUESTION) -> Pending:
    """What a run does: it asks, and is given a receipt."""
    receipt = line.send(connection, request)
    assert isinstance(receipt, Pending)
    return receipt


def silence(seconds: float) -> None:
    """So long nobody said anything."""
    with transaction.atomic():
        past = timezone.now() - timedelta(seconds=seconds)
        Visit.objects.update(last_at=past)


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """As long as there is something in it, a run is at work."""
    found = [True]
    monkeypatch.setattr("integrations.sync.polled.is_work_under_way", lambda connection: bool(found))
    return found


# Who is let in


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with_wrong_password = Runner(runner.user, "not-the-password").sign_in()
    with_wrong_names = [Runner(name, runner.password).sign_in() for name in ("tieout-nobody", "", "a\0\nb", "x" * 9999)]

    assert with_wrong_names == [with_wrong_password] * 4
    assert with_wrong_password["reply"] == "Turned"
    with transaction.atomic():
        assert list(Event.objects.filter(verb="connection.caller_refused").values_list("data", flat=True)) == [
            {"user": runner.user}
        ]
    assert runner.password not in caplog.text
    assert "not-the-password" not in caplog.text


def test_after_too_many_wrong_passwords_the_right_one_has_to_wait(runner: Runner) -> None:
    guesser = Runner(runner.user, "guess")
    for _ in range(5):
        guesser.sign_in()

    assert runner.sign_in()["reply"] == "Busy"
    cache.clear()
    assert runner.sign_in()["reply"] == "Welcome"


def test_a_guesser_is_stopped_by_its_address_and_nobody_else_behind_the_proxy(runner: Runner, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for each in range(10):
        Runner(f"guess-{each}", "guess", client=Visitor(headers={"X-Forwarded-For": "203.0.113.7"})).sign_in()

    runner.client = Visitor(headers={"X-Forwarded-For": "203.0.113.7"})
    assert runner.sign_in()["reply"] == "Busy"
    runner.client = Visitor(headers={"X-Forwarded-For": "203.0.113.8"})
    assert runner.sign_in()["reply"] == "Welcome"


def test_of_many_who_come_at_once_one_is_let_in(runner: Runner) -> None:
    told: list[str] = []

    def come() -> None:
        told.append(Runner(runner.user, runner.password).sign_in()["reply"])
        database.close()

    visitors = [threading.Thread(target=copy_context().run, args=(come,)) for _ in range(6)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join(timeout=30)
    assert sorted(told) == ["Busy"] * 5 + ["Welcome"]


def test_a_password_is_kept_as_a_hash_and_a_new_one_ends_the_old(
    counter_connection: Connection, runner: Runner
) -> None:
    renewed = new_password(counter_connection, by=None)
    with transaction.atomic():
        kept = Caller.objects.get().password
    assert renewed not in kept
    assert runner.sign_in()["reply"] == "Turned"
    assert Runner(runner.user, renewed).sign_in()["reply"] == "Welcome"


def test_a_connection_without_a_password_lets_nobody_in(counter_connection: Connection) -> None:
    with transaction.atomic():
        Caller.objects.update(password="")
        user = caller_of(counter_connection).user
    assert Runner(user, "").sign_in()["reply"] == "Turned"


def test_two_tenants_share_an_address_and_nothing_else(
    counter_connection: Connection, runner: Runner, their_runner: Runner, other_tenant: Tenant
) -> None:
    put(counter_connection)
    assert runner.sign_in()["work"]
    assert their_runner.sign_in()["work"]  # nothing is known of their books yet

    theirs = their_runner.ask()
    assert theirs["request"]["path"] == "whoami"
    their_runner.carry_out(theirs["request"])
    assert their_runner.ask()["reply"] == "NothingMore"

    assert runner.ask()["request"]["path"] == QUESTION.path
    with tenant_scope(other_tenant.pk):
        assert errands() == ["answered"]


@pytest.mark.parametrize("message", ["Next", "WhyNothing", "Leaving", "Trouble"])
def test_a_forged_ticket_opens_nothing(message: str, counter_connection: Connection, runner: Runner) -> None:
    put(counter_connection)
    runner.sign_in()
    forged = runner.ticket[:-1] + ("A" if runner.ticket[-1] != "A" else "B")
    for ticket in ("", "x", forged, runner.ticket.rpartition(".")[0]):
        assert runner.say(message, ticket=ticket)["reply"] == "Turned"
    assert errands() == ["waiting"]


def test_a_ticket_is_good_at_its_own_connectors_address_only(
    counter_connection: Connection, runner: Runner, connectors: dict[str, Any]
) -> None:
    runner.sign_in()
    elsewhere = Runner(runner.user, runner.password, address="/polled/kiosk/", ticket=runner.ticket)
    assert elsewhere.ask()["reply"] == "Turned"
    assert elsewhere.sign_in()["reply"] == "Turned"


# One visit at a time


def test_a_second_visitor_has_to_wait_until_the_first_was_silent_for_a_minute(
    counter_connection: Connection, runner: Runner
) -> None:
    receipt = put(counter_connection)
    runner.sign_in()
    runner.ask()
    assert Runner(runner.user, runner.password).sign_in()["reply"] == "Busy"

    silence(61)
    second = Runner(runner.user, runner.password)
    assert second.sign_in()["reply"] == "Welcome"

    with pytest.raises(TryLater) as lost:
        line.send(counter_connection, QUESTION)
    assert lost.value.may_have_acted
    assert receipt.then.method == "COLLECT"
    assert runner.carry_out({"method": "GET", "path": "customer"})["reply"] == "Turned", "the first one is over"


def test_an_answer_that_takes_long_is_taken_where_nobody_else_came(
    counter_connection: Connection, runner: Runner
) -> None:
    put(counter_connection)
    runner.sign_in()
    request = runner.ask()["request"]
    silence(600)
    assert runner.carry_out(request)["reply"] == "GoOn"
    assert isinstance(line.send(counter_connection, QUESTION), Answer)


def test_who_leaves_without_an_answer_has_lost_it(counter_connection: Connection, runner: Runner) -> None:
    put(counter_connection)
    runner.sign_in()
    runner.ask()
    runner.say("Leaving")
    with pytest.raises(TryLater) as lost:
        line.send(counter_connection, QUESTION)
    assert lost.value.may_have_acted


def test_who_asks_again_instead_of_answering_has_lost_the_answer(
    counter_connection: Connection, runner: Runner
) -> None:
    put(counter_connection)
    put(counter_connection, OTHER)
    runner.sign_in()
    first = runner.ask()["request"]
    second = runner.ask()["request"]
    assert [first["path"], second["path"]] == ["customer", "item"]
    assert errands() == ["lost", "fetched", "waiting"], "the third asks which books these are"


def test_an_answer_that_is_brought_twice_is_taken_once(counter_connection: Connection, runner: Runner) -> None:
    put(counter_connection)
    runner.sign_in()
    request = runner.ask()["request"]
    runner.carry_out(request)
    assert runner.carry_out({**request, "path": "item"})["reply"] == "GoOn"
    answer = line.send(counter_connection, QUESTION)
    assert isinstance(answer, Answer)
    assert "rows" in json.loads(answer.body)


# The queue


def test_errands_are_fetched_in_the_order_in_which_they_were_put(
    counter_connection: Connection, runner: Runner
) -> None:
    for path in ("customer", "item", "invoice"):
        put(counter_connection, Request(method="GET", path=path))
    runner.visit()
    assert [each.partition("?")[0] for each in runner.toy.asked] == [
        "GET /customer", "GET /item", "GET /invoice", "GET /whoami",
    ]  # fmt: skip


def test_the_visitor_is_told_how_far_it_got(counter_connection: Connection, runner: Runner) -> None:
    for path in ("customer", "item", "invoice"):
        put(counter_connection, Request(method="GET", path=path))
    runner.sign_in()
    told = [runner.carry_out(runner.ask()["request"])["percent"] for _ in range(4)]
    assert told == [25, 50, 75, 100]


def test_who_has_nothing_to_do_is_sent_home_at_once(known: Connection, runner: Runner) -> None:
    assert runner.sign_in()["work"] is False
    assert runner.sign_in()["work"] is False, "and may come again at once"


def test_the_first_visit_tells_which_books_these_are(counter_connection: Connection, runner: Runner) -> None:
    runner.visit()
    with transaction.atomic():
        counter_connection.refresh_from_db()
    assert counter_connection.company["name"] == "Toys Ltd"
    assert counter_connection.state == "connected"


def test_a_paused_connection_keeps_its_errands(known: Connection, runner: Runner) -> None:
    put(known)
    pause(known, by=None)
    assert runner.sign_in()["work"] is False
    resume(known, by=None)
    assert runner.visit() == ["Welcome", "Take", "GoOn", "Said"]


def test_a_worker_waits_for_the_answer_while_somebody_is_there(known: Connection, runner: Runner) -> None:
    put(known, OTHER)
    runner.sign_in()
    found: list[Any] = []

    def work() -> None:
        found.append(line.send(known, QUESTION))
        database.close()

    worker = threading.Thread(target=copy_context().run, args=(work,))
    request = runner.ask()["request"]
    worker.start()
    time.sleep(0.5)
    runner.carry_out(request)
    assert runner.carry_out(runner.ask()["request"])["percent"] == 100
    worker.join(timeout=10)
    assert isinstance(found[0], Answer)


def test_who_asks_while_a_run_is_at_work_is_told_to_ask_again(
    known: Connection, runner: Runner, at_work: list[bool]
) -> None:
    runner.sign_in()
    began = time.monotonic()
    assert runner.ask()["reply"] == "NothingNow"
    assert time.monotonic() - began >= 0.2, "it waits for what may turn up"
    assert runner.say("WhyNothing")["reply"] == "NothingNow"

    at_work.clear()
    assert runner.ask()["reply"] == "NothingMore"
    assert runner.say("WhyNothing")["words"] == "There is nothing more to do."


def test_no_transaction_is_open_while_somebody_waits(
    known: Connection, runner: Runner, at_work: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ones: list[bool] = []
    monkeypatch.setattr(
        "integrations.sync.polled.time.sleep", lambda seconds: open_ones.append(database.in_atomic_block)
    )
    runner.sign_in()
    runner.ask()
    assert set(open_ones) == {False}


def test_an_errand_that_failed_does_not_end_the_visit(known: Connection, runner: Runner, at_work: list[bool]) -> None:
    put(known)
    runner.sign_in()
    runner.ask()
    runner.say("Brought", answer={"status": 500, "headers": {"code": "0x1", "words": "It could not be read."}})
    assert runner.ask()["reply"] == "NothingNow"
    assert runner.say("WhyNothing")["reply"] == "NothingNow"
    at_work.clear()
    assert runner.say("WhyNothing")["words"] == "It could not be read."


def test_a_visit_is_not_kept_for_ever_by_work_that_asks_nothing(
    known: Connection, runner: Runner, at_work: list[bool]
) -> None:
    put(known)
    runner.sign_in()
    runner.carry_out(runner.ask()["request"])
    assert runner.ask()["reply"] == "NothingNow"
    with transaction.atomic():
        Errand.objects.update(ended_at=timezone.now() - timedelta(minutes=2))
    assert runner.ask()["reply"] == "NothingMore"


def test_what_turns_up_while_somebody_waits_is_given_at_once(
    known: Connection, runner: Runner, at_work: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 20)
    runner.sign_in()

    def work() -> None:
        time.sleep(0.5)
        line.send(known, QUESTION)
        database.close()

    worker = threading.Thread(target=copy_context().run, args=(work,))
    worker.start()
    began = time.monotonic()
    request = runner.ask()["request"]
    assert 0.4 < time.monotonic() - began < 5
    assert runner.carry_out(request)["percent"] == 99, "the run may have more"
    worker.join(timeout=30)


def test_where_too_many_wait_nobody_else_does(
    known: Connection, runner: Runner, at_work: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 20)
    monkeypatch.setattr("integrations.sync.polled._waiting_room", threading.Semaphore(0))
    runner.sign_in()
    began = time.monotonic()
    assert runner.ask()["reply"] == "NothingNow"
    assert time.monotonic() - began < 5


# Which books


def test_other_books_get_nothing_and_a_person_is_told(known: Connection, runner: Runner) -> None:
    put(known)
    runner.place = {"name": "Toys Ltd"}
    runner.visit()
    put(known, OTHER)

    runner.place = {"name": "Another Ltd"}
    assert runner.visit() == ["Welcome", "NothingMore", "Said", "Said"]
    assert errands() == ["answered", "waiting"]
    assert open_issues() == [("wrong_books", "Open there is Another Ltd; expected is Toys Ltd.")]

    runner.place = {"name": "Toys Ltd"}
    runner.visit()
    assert errands() == ["answered", "answered"]
    assert open_issues() == []


def test_books_with_anothers_mark_are_never_adopted(counter_connection: Connection, runner: Runner) -> None:
    put(counter_connection)
    runner.place = {"name": "Toys Ltd", "id": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    runner.visit()
    assert errands() == ["waiting"]
    assert [code for code, _ in open_issues()] == ["wrong_books"]


def test_who_does_not_say_which_books_gets_nothing_once_they_are_known(known: Connection, runner: Runner) -> None:
    put(known)
    runner.place = {"name": "Toys Ltd"}
    runner.visit()
    put(known, OTHER)
    runner.place = None
    runner.visit()
    assert errands() == ["answered", "waiting"]


def test_a_person_may_say_that_these_are_the_right_books(known: Connection, runner: Runner) -> None:
    put(known)
    mark = "0f8fad5b-d9cb-469f-a165-70867728950e"
    runner.place = {"name": "Toys Ltd", "id": mark}
    runner.visit()
    with transaction.atomic():
        seen = Visit.objects.first().place
    accept_books(known, seen, by=None)
    runner.visit()
    assert errands() == ["answered"]


def test_what_the_books_tell_of_themselves_is_kept_among_the_settings(known: Connection, runner: Runner) -> None:
    put(known)
    runner.place = {"name": "Toys Ltd", "settings": {"edition": "US"}}
    runner.visit()
    with transaction.atomic():
        known.refresh_from_db()
    assert known.settings["edition"] == "US"


# What goes wrong


def test_books_out_of_reach_are_an_issue_until_somebody_reaches_them(known: Connection, runner: Runner) -> None:
    put(known)
    runner.sign_in()
    assert runner.say("Trouble", code="0x1", words="The books are closed.")["reply"] == "Said"
    assert runner.say("Leaving")["words"] == "0x1 The books are closed."
    assert open_issues() == [("books_out_of_reach", "0x1 The books are closed.")]
    runner.visit()
    assert open_issues() == []
    assert errands() == ["answered"]


def wait(hours: float) -> None:
    """So long nobody came, and what is to be done waits."""
    with transaction.atomic():
        past = timezone.now() - timedelta(hours=hours)
        Errand.objects.filter(state="waiting").update(put_at=past)
        Visit.objects.update(came_at=past, last_at=past, left_at=past)


def test_who_does_not_come_for_long_is_missed_until_somebody_comes(known: Connection, runner: Runner) -> None:
    put(known)
    runner.visit()
    put(known, OTHER)
    wait(hours=0.9)
    tasks.miss_callers()
    assert open_issues() == []

    wait(hours=1.1)
    for _ in range(2):
        tasks.miss_callers()
    [(code, words)] = open_issues()
    assert code == "nobody_came"
    assert words.startswith("Nobody came since 20")
    with transaction.atomic():
        assert Issue.objects.get().times == 1, "a look is not another time"

    runner.sign_in()
    assert open_issues() == []


def test_nobody_is_missed_where_nothing_waits_or_nothing_is_to_be_done(known: Connection, runner: Runner) -> None:
    put(known)
    runner.visit()
    wait(hours=100)
    tasks.miss_callers()
    put(known, OTHER)
    tasks.miss_callers()
    wait(hours=100)
    pause(known, by=None)
    tasks.miss_callers()
    assert open_issues() == []


def test_a_longer_interval_makes_more_patient(known: Connection, runner: Runner) -> None:
    known.settings = {"every_minutes": 24 * 60}
    with transaction.atomic():
        known.save()
    put(known)
    wait(hours=90)
    tasks.miss_callers()
    assert open_issues() == []
    wait(hours=97)
    tasks.miss_callers()
    assert open_issues() == [("nobody_came", "Nobody came yet.")]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"say": "Nothing"}', b'{"say": "Next"}', b"\xff\xfe"])
def test_what_is_malformed_gets_the_vendors_own_fault(body: bytes, connectors: dict[str, Any]) -> None:
    answer = Client().post(ADDRESS, body, content_type="application/json")
    assert answer.status_code == 400
    assert json.loads(answer.content) == {"fault": "This is not the toy's JSON."}


def test_what_is_too_large_is_not_even_read(connectors: dict[str, Any], settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = Client().post(ADDRESS, b"x" * 1001, content_type="application/json")
    assert answer.status_code == 413
    assert "too large" in json.loads(answer.content)["fault"]


def test_a_fault_of_ours_shows_nothing_of_us(
    known: Connection, runner: Runner, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DEBUG = True

    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("integrations.connections.visits.begin", fail)
    answer = Client().post(
        ADDRESS,
        json.dumps({"say": "SignIn", "user": runner.user, "password": runner.password}),
        content_type="application/json",
    )
    assert answer.status_code == 500
    assert list(json.loads(answer.content)) == ["fault"]
    assert b"secret of ours" not in answer.content
    assert b"Traceback" not in answer.content


def test_an_address_of_a_vendor_that_does_not_poll_us_does_not_exist(connectors: dict[str, Any]) -> None:
    assert Client().get("/polled/shop/").status_code == 404
    assert Client().post("/polled/nobody/", b"{}", content_type="application/json").status_code == 404
    page = Client().get(ADDRESS)
    assert page.status_code == 200
    assert b"Counter fetches its work" in page.content
