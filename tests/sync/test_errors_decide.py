"""What each branch of errors makes of a run: later, held, decided again, waiting for a consent, or that stream stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from werkzeug.wrappers import Response

from integrations.connections.models import Connection
from integrations.connections.services import resume
from integrations.mapping.prepared import Prepared
from integrations.records.models import Issue
from integrations.sync import backoff, calls, due
from integrations.sync.models import Call, Flow, Item, Run
from integrations.sync.services import start_run
from integrations.sync.stages import Done, Later
from tests.sync.toys import Toy
from tests.sync.words import document, go_on, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def customers(shop: Toy, number: int) -> None:
    for each in range(number):
        shop.put("customer", f"{each:03}", name=f"Customer {each}")


def made(books: Toy) -> list[str]:
    return sorted(row["name"] for row in books.rows["customer"].values())


def stalled_since(run: Run, **time: float) -> None:
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(stalled_at=timezone.now() - timedelta(**time))


def quiet() -> None:
    """Until every lost call can be looked up."""
    with transaction.atomic():
        Call.objects.filter(state=Call.State.LOST).update(quiet_at=timezone.now())


# Later


def test_no_worker_sleeps_however_long_a_vendor_asks_us_to_wait(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    books.answers = [{"error": "throttled"}]
    run = start_run(bring("customer"), by="test")
    began = time.monotonic()

    outcome = go_on(run)

    assert time.monotonic() - began < 10  # the vendor asked for 30 seconds
    assert isinstance(outcome, Later)
    assert run.wake_at is not None
    assert run.wake_at > timezone.now() + timedelta(seconds=20)
    assert run.leased_until is None
    assert go_on(run) == Done("green")


def test_a_vendor_in_trouble_is_asked_ever_more_rarely_told_of_after_an_hour_and_left_after_a_day(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    customers(shop, 1)
    flow = bring("customer")
    run = start_run(flow, by="test")
    waits = []
    for _ in range(6):
        books.answers = [{"error": "unclear", "words": "down for maintenance"}]
        outcome = go_on(run)
        assert isinstance(outcome, Later)
        assert outcome.at is not None
        waits.append((outcome.at - timezone.now()).total_seconds())
    assert waits[0] < 5
    assert waits[-1] > 30
    assert open_issues() == []  # for some minutes nobody is bothered

    stalled_since(run, hours=1.1)
    books.answers = [{"error": "unclear", "words": "down for maintenance"}]
    assert isinstance(go_on(run), Later)
    with transaction.atomic():
        (issue,) = Issue.objects.filter(state=Issue.State.OPEN)
    assert (issue.code, issue.alert) == ("vendor_in_trouble", True)
    assert "down for maintenance" in issue.words

    stalled_since(run, hours=25)
    books.answers = [{"error": "unclear", "words": "down for maintenance"}]
    assert go_on(run) == Done("red")
    assert run_one(flow).colour == "green"
    assert open_issues() == []


def test_what_gets_on_begins_to_count_anew(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    books.answers = [{"error": "throttled"}]
    run = start_run(bring("customer"), by="test")
    go_on(run)
    assert (run.tries, run.stalled_at is None) == (1, False)

    assert go_on(run) == Done("green")

    assert (run.tries, run.stalled_at) == (0, None)


# A vendor that breaks down over a record


def broken_by(books: Toy, name: str) -> None:
    """The vendor answers 500 and does nothing, whenever this record is among those it is sent."""
    real = books._write

    def write(stream: str, told: dict[str, Any]) -> Any:
        if any(each["body"].get("name") == name for each in told["writes"]):
            books.sent.extend(told["writes"])
            raise Broken
        return real(stream, told)

    class Broken(Exception):
        pass

    serve = books._serve

    def served(visit: Any) -> Any:
        try:
            return serve(visit)
        except Broken:
            return {"error": "unclear", "words": "Internal error 500"}

    books._write, books._serve = write, served  # the vendor of this test


def test_a_record_over_which_the_vendor_breaks_down_each_time_stops_no_other_and_is_held(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_SENDS", 5)
    customers(shop, 5)
    broken_by(books, "Customer 2")
    run = start_run(bring("customer"), by="test")

    for _ in range(40):
        if isinstance(go_on(run), Done):
            break
        quiet()

    assert run.colour == "amber"
    assert made(books) == ["Customer 0", "Customer 1", "Customer 3", "Customer 4"]
    assert (
        len([each for each in books.sent if each["body"]["name"] == "Customer 2"])
        <= calls.APART_AFTER + calls.MOST_SENDS
    )
    ((code, words),) = open_issues()
    assert (code, words) == ("refused", "Internal error 500")


def test_a_vendor_that_breaks_down_over_every_write_ends_the_run_and_holds_nothing(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_SENDS", 4)
    customers(shop, 1)
    broken_by(books, "Customer 0")
    flow = bring("customer")
    run = start_run(flow, by="test")

    for _ in range(20):
        if isinstance(go_on(run), Done):
            break
        quiet()

    assert run.colour == "red"
    with transaction.atomic():
        assert not Item.objects.filter(state=Item.State.HELD).exists()
        assert not Call.objects.exclude(state=Call.State.SETTLED).exists()
    del books._write, books._serve
    assert run_one(flow).colour == "green"
    assert made(books) == ["Customer 0"]


def test_a_write_whose_answer_is_lost_again_waits_longer_each_time(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    broken_by(books, "Customer 0")
    run = start_run(bring("customer"), by="test")
    waits = []
    for _ in range(4):
        outcome = go_on(run)
        assert isinstance(outcome, Later)
        assert outcome.at is not None
        waits.append((outcome.at - timezone.now()).total_seconds())
        quiet()

    assert waits[-1] > 3 + waits[0]


# One bad record


def test_an_answer_that_cannot_be_read_stops_no_other_record(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 3)
    real = books._write_one

    def odd(name: str, step: int, write: dict[str, Any]) -> Any:
        told = real(name, step, write)
        return {"row": {**told["row"], "name": {"not": "a text"}}} if write["body"]["name"] == "Customer 1" else told

    books._write_one = odd  # the vendor of this test

    run = run_one(bring("customer"))

    assert run.state == Run.State.DONE
    assert made(books) == ["Customer 0", "Customer 1", "Customer 2"]
    with transaction.atomic():
        assert Item.objects.filter(run=run, state=Item.State.APPLIED).count() == 3


def test_a_record_that_no_program_could_expect_stops_no_other(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 2)
    shop.rows["customer"]["x"] = {"id": "x", "version": "1", "name": ["a", {"list": None}]}
    shop.rows["customer"]["y"] = {"id": {"an": "object"}, "name": "Y"}
    shop.rows["customer"]["z"] = None  # what a vendor may well send

    run = run_one(bring("customer"))

    assert run.colour == "amber"
    assert made(books) == ["Customer 0", "Customer 1"]
    assert {code for code, _ in open_issues()} == {"unreadable"}


# A child of a parent that failed


def test_a_child_waits_for_its_refused_parent_and_goes_by_itself_when_that_is_mended(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    shop.put("customer", "1", name="Ann")
    shop.put("customer", "2", name="Bob")
    for number, customer in (("1001", "1"), ("1002", "2")):
        shop.put("invoice", number, customer={"external_id": customer}, **document(number))
    books.refuse["Ann"] = "refused"
    parents, children = bring("customer"), bring("invoice")

    run_one(parents)
    waiting = run_one(children)

    assert waiting.colour == "amber"
    assert [row["number"] for row in books.rows["invoice"].values()] == ["1002"]
    with transaction.atomic():
        item = Item.objects.get(flow=children, state=Item.State.WAITING)
    assert "customer 1" in item.words

    books.refuse.clear()
    shop.put("customer", "1", name="Ann", email="ann@example.com")  # mended at the source
    assert run_one(parents).colour == "green"
    assert run_one(children).colour == "green"
    assert sorted(row["number"] for row in books.rows["invoice"].values()) == ["1001", "1002"]


# Consent


def test_a_lost_consent_is_one_issue_however_many_flows_meet_it_and_all_go_on_when_it_is_back(
    shop: Toy, books: Toy, bring: Bring, target: Connection
) -> None:
    customers(shop, 2)
    runs = [start_run(bring("customer", name=each), by="test") for each in ("one", "another")]
    books.answers = [{"error": "consent", "words": "revoked"}]

    for run in runs:
        assert isinstance(go_on(run), Later)

    with transaction.atomic():
        (issue,) = Issue.objects.filter(state=Issue.State.OPEN)
        target.refresh_from_db()
    assert (issue.code, issue.connection_id, issue.alert) == ("consent_lost", target.pk, True)
    assert target.state == Connection.State.CONSENT_LOST
    assert due.take_due_runs() == []

    resume(target, by=None)
    assert {run for _, run in due.take_due_runs()} == {run.pk for run in runs}
    for run in runs:
        assert go_on(run) == Done("green")


# A broken contract


def test_a_broken_contract_stops_that_stream_only(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 2)
    shop.put("item", "1", name="Mug", sku="MUG", type="inventory")
    customer, item = bring("customer"), bring("item")
    shop.answers = [Response("<html>Welcome</html>", 200, mimetype="text/html")]

    assert run_one(customer).colour == "red"
    assert run_one(item).colour == "green"

    with transaction.atomic():
        (issue,) = Issue.objects.filter(state=Issue.State.OPEN)
    assert (issue.code, issue.flow_id, issue.alert) == ("contract_broken", customer.pk, True)
    assert run_one(customer).colour == "green"
    assert open_issues() == []


def test_a_pause_grows_to_the_longest_within_the_hour_after_which_people_are_told() -> None:
    waited = 0.0
    for tries in range(1, 100):
        waited += backoff.pause(tries, chance=0.5)
        if waited > backoff.TOLD_AFTER.total_seconds():
            break
    assert tries < 20


def test_a_fault_of_ours_over_one_record_holds_it_and_stops_no_other(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 3)
    real = Prepared.translate

    def faulty(prepared: Prepared, fields: dict[str, Any], refer: Any) -> Any:
        if fields["name"] == "Customer 1":
            raise ZeroDivisionError("a fault that nobody thought of")
        return real(prepared, fields, refer)

    with monkeypatch.context() as patch:
        patch.setattr(Prepared, "translate", faulty)
        run = run_one(bring("customer"))

    assert run.colour == "amber"
    assert made(books) == ["Customer 0", "Customer 2"]
    ((code, words),) = open_issues()
    assert code == "our_fault"
    assert "ZeroDivisionError" not in words
