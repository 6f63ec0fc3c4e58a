"""What a vendor may answer to a write, and that whatever it is, a record is one document and no run goes round in circles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connections.services import pause, resume, save_connection
from integrations.connections.services import test as try_out
from integrations.sync import calls, compose, due, plan, reconcile, settle
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import cancel_run, retry, start_run
from integrations.sync.stages import Done, Later
from integrations.wire.auth import ApiKey
from integrations.wire.stream import Stream
from plumbing.slices import NotNow
from tenants.audit.models import Event
from tests.journeys.stories import dies, let_leases_lapse
from tests.sync.toys import STREAMS, WRITES, Toy, toy
from tests.sync.words import document, go_on, items, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def customers(shop: Toy, number: int) -> None:
    for each in range(number):
        shop.put("customer", f"{each:03}", name=f"Customer {each}")


def made(books: Toy) -> list[str]:
    return sorted(row["name"] for row in books.rows["customer"].values())


def test_a_batch_that_is_refused_as_a_whole_goes_one_by_one(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 5)
    books.refuse["Customer 2"] = "refused"
    books.answers = [None, {"error": "refused", "words": "one of these is not right"}]

    run = run_one(bring("customer"))

    assert run.colour == "amber"
    assert [each["body"]["name"] for each in books.sent] == [f"Customer {each}" for each in range(5)]
    assert made(books) == ["Customer 0", "Customer 1", "Customer 3", "Customer 4"]
    assert open_issues() == [("refused", "R1: Customer 2 is not wanted")]


def test_a_call_that_may_not_be_made_ends_the_run_and_goes_on_in_the_next(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 2)
    books.answers = [None, {"error": "forbidden", "words": "no rights"}]
    flow = bring("customer")

    failed = run_one(flow)

    assert (failed.state, failed.colour) == (Run.State.FAILED, "red")
    assert open_issues() == [("forbidden", failed.words)]
    assert run_one(flow).colour == "green"
    assert open_issues() == []
    assert len(made(books)) == 2


def test_a_record_that_the_vendor_puts_off_waits_as_long_as_it_says(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 3)
    books.refuse["Customer 1"] = "throttled"
    run = start_run(bring("customer"), by="test")

    outcome = go_on(run)

    assert isinstance(outcome, Later)
    assert outcome.at is not None
    assert timedelta(seconds=25) < outcome.at - timezone.now() < timedelta(seconds=34)
    assert made(books) == ["Customer 0", "Customer 2"]
    books.refuse.clear()
    assert go_on(run) == Done("green")
    assert len(made(books)) == 3


def test_what_the_vendor_takes_one_at_a_time_goes_at_once(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 3)
    books.refuse["Customer 1"] = "next"
    run = start_run(bring("customer"), by="test")
    books.answers = [None, None, lambda: books.refuse.clear()]

    assert go_on(run) == Done("green")
    assert len(made(books)) == 3


@pytest.mark.parametrize("what", ["unclear", "broken"])
def test_an_answer_that_leaves_one_record_open_is_looked_up_and_not_asked_for_ever(
    what: str, shop: Toy, books: Toy, bring: Bring
) -> None:
    customers(shop, 2)
    flow = bring("customer")

    def half_clear() -> dict[str, Any]:
        books.put("customer", "900", name="Customer 0")
        with transaction.atomic():
            first, _ = Intent.objects.order_by("pk").values_list("key", flat=True)
        books.made[first] = "900"
        return {"outcomes": [{"row": books.rows["customer"]["900"]}, {"error": what}]}

    books.answers = [None, half_clear]

    assert run_one(flow).colour == "green"
    assert made(books) == ["Customer 0", "Customer 1"]
    with transaction.atomic():
        assert Call.objects.filter(purpose="look_up").count() == 1


def test_a_web_page_instead_of_an_answer_to_a_write_is_looked_up(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    books.answers = [None, "<!doctype html><h1>Please wait</h1>"]

    run = run_one(bring("customer"))

    assert run.colour == "green"
    assert made(books) == ["Customer 0"]


def test_a_web_page_instead_of_a_list_ends_the_run_in_red_and_says_so(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    flow = bring("customer")
    shop.answers = ["<!doctype html><h1>Please log in</h1>"]

    run = run_one(flow)

    assert (run.state, run.colour) == (Run.State.FAILED, "red")
    assert "web page" in run.words
    assert "Please log in" in run.words
    assert [code for code, _ in open_issues()] == ["contract_broken"]
    assert not books.sent
    assert run_one(flow).colour == "green"


def test_a_fault_of_our_own_ends_the_run_with_words_and_is_no_secret_to_anybody(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 1)
    flow = bring("customer")

    def bad(*args: Any, **options: Any) -> None:
        raise KeyError("token=opensesame")

    with monkeypatch.context() as patch:
        patch.setattr(plan, "propose", bad)
        run = run_one(flow)

    assert (run.state, run.colour) == (Run.State.FAILED, "red")
    assert "opensesame" not in run.words
    assert [code for code, _ in open_issues()] == ["our_fault"]
    assert run_one(flow).colour == "green"


def test_a_consent_that_an_answer_says_is_lost_pauses_the_connection_and_the_run_waits(
    shop: Toy, books: Toy, bring: Bring, target: Connection, connectors: dict[str, Any]
) -> None:
    connectors["books"] = replace(toy("books"), auth=ApiKey(header="Key"))
    save_connection(target, secrets={"api_key": "old"}, by=None)
    customers(shop, 2)
    books.answers = [None, {"error": "consent", "words": "key withdrawn"}]
    run = start_run(bring("customer"), by="test")

    assert isinstance(go_on(run), Later)

    with transaction.atomic():
        target.refresh_from_db()
    assert target.state == Connection.State.CONSENT_LOST
    assert run.wake_at is None
    asked = len(books.asked)
    assert due.take_due_runs() == []
    assert isinstance(go_on(run), Later)
    assert len(books.asked) == asked

    save_connection(target, secrets={"api_key": "new"}, by=None)
    assert due.take_due_runs() == []  # a key that was only typed opens nothing yet
    try_out(target, by=None)
    assert due.take_due_runs() == [(run.tenant_id, run.pk)]
    assert go_on(run) == Done("green")
    assert open_issues() == []


def test_a_connection_that_is_paused_by_a_person_sends_nothing_from_the_next_call_on(
    shop: Toy, books: Toy, bring: Bring, target: Connection
) -> None:
    customers(shop, 12)
    run = start_run(bring("customer"), by="test")
    books.answers = [None, lambda: pause(target, by=None)]

    assert isinstance(go_on(run), Later)
    assert len(made(books)) == 5

    resume(target, by=None)
    assert due.take_due_runs() == [(run.tenant_id, run.pk)]
    assert go_on(run) == Done("green")
    assert len(made(books)) == 12


def test_what_a_vendor_voids_one_a_call_goes_one_a_call_from_the_start(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    plain = STREAMS["customer"]
    connectors["books"] = toy(
        "books", customer=Stream("customer", shape=plain.shape, writes=WRITES, batch=5, batches={"void": 1})
    )
    customers(shop, 6)
    flow = bring("customer", policy={"source_gone": "void", "brakes": {"voids_at_least": 100}})
    run_one(flow)
    shop.gone["customer"] = [{"external_id": f"{each:03}", "how": "deleted"} for each in range(3)]
    books.asked.clear()

    assert run_one(flow).colour == "green"

    assert books.asked.count("POST /customer/write") == 3
    with transaction.atomic():
        assert Intent.objects.filter(operation="void", state=Intent.State.DONE).count() == 3
        assert not Intent.objects.filter(state=Intent.State.DROPPED).exists()


def in_two_steps(connectors: dict[str, Any]) -> None:
    """From now on the books make a customer in two calls."""
    plain = STREAMS["customer"]
    two = Stream("customer", shape=plain.shape, writes=WRITES, batch=5, settle_seconds=0, facts={"steps": 2})
    connectors["books"] = toy("books", customer=two)


def test_what_takes_two_steps_is_done_after_the_second(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 7)

    assert run_one(bring("customer")).colour == "green"

    assert len(made(books)) == 7
    assert sorted(step for _, step in books.steps_done) == [1] * 7 + [2] * 7
    assert len(set(books.steps_done)) == 14


def steps_of(books: Toy, step: int) -> list[str]:
    """Whom the books have brought through this step."""
    names = {key: books.rows["customer"][id]["name"] for key, id in books.made.items()}
    return sorted(names[key] for key, done in books.steps_done if done == step and key in names)


def test_a_second_step_that_is_refused_for_all_goes_one_by_one_and_stops_only_its_own(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 5)
    books.refuse["Customer 2"], books.refuse_from = "refused", 2
    books.answers = [None, None, {"error": "refused", "words": "one of these is not right"}]

    run = run_one(bring("customer"))

    assert run.colour == "amber"
    assert steps_of(books, 1) == [f"Customer {each}" for each in range(5)]
    assert steps_of(books, 2) == ["Customer 0", "Customer 1", "Customer 3", "Customer 4"]
    assert open_issues() == [("refused", "R1: Customer 2 is not wanted")]


def test_what_was_refused_half_done_is_finished_when_it_is_released(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 2)
    books.refuse["Customer 1"], books.refuse_from = "refused", 2
    flow = bring("customer")
    run_one(flow)
    with transaction.atomic():
        held = Item.objects.get(state=Item.State.HELD)
    books.refuse.clear()

    retry(held, by=None)

    assert run_one(flow).colour == "green"
    assert steps_of(books, 1) == steps_of(books, 2) == ["Customer 0", "Customer 1"]
    assert open_issues() == []


def test_what_was_refused_half_done_is_never_taken_for_done_whatever_is_decided_in_between(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 2)
    books.refuse["Customer 1"], books.refuse_from = "refused", 2
    flow = bring("customer")
    run_one(flow)
    shop.put("customer", "001", name="Customer 1", phone="0123")

    between = run_one(flow)

    assert between.colour == "amber"
    with transaction.atomic():
        held = Item.objects.get(state=Item.State.HELD)
    assert held.reason == "half_done"
    books.refuse.clear()
    retry(held, by=None)
    assert run_one(flow).colour == "green"
    assert steps_of(books, 1) == steps_of(books, 2) == ["Customer 0", "Customer 1"]
    assert open_issues() == []
    assert [row["phone"] for row in books.rows["customer"].values() if row["name"] == "Customer 1"] == ["0123"]


def test_a_lost_second_step_that_was_done_for_some_goes_on_with_the_others(
    shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 4)
    flow = bring("customer")

    def half_done() -> dict[str, Any]:
        books.steps_done += [(key, 2) for key in list(books.made)[:2]]
        return {"error": "unclear"}

    books.answers = [None, None, half_done]

    assert run_one(flow).colour == "green"
    assert steps_of(books, 2) == [f"Customer {each}" for each in range(4)]
    assert len(books.rows["customer"]) == 4


@pytest.mark.parametrize("what", ["throttled", "stale"])
def test_a_second_step_that_is_put_off_or_overtaken_is_never_begun_anew(
    what: str, shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any]
) -> None:
    in_two_steps(connectors)
    customers(shop, 3)
    books.refuse["Customer 1"], books.refuse_from = what, 2
    flow = bring("customer")
    run = start_run(flow, by="test")

    outcome = go_on(run)

    books.refuse.clear()
    if what == "throttled":
        assert isinstance(outcome, Later)
        assert go_on(run) == Done("green")
    else:
        assert outcome == Done("amber")
        with transaction.atomic():
            held = Item.objects.get(state=Item.State.HELD)
        retry(held, by=None)
        assert run_one(flow).colour == "green"
    assert steps_of(books, 1) == steps_of(books, 2) == [f"Customer {each}" for each in range(3)]


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_was_left_half_done_is_brought_to_its_end(
    cancelled: bool, shop: Toy, books: Toy, bring: Bring, connectors: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_two_steps(connectors)
    customers(shop, 3)
    flow = bring("customer")
    run = start_run(flow, by="test")
    with dies(monkeypatch, settle, "conclude", after=True):
        go_on(run)
    let_leases_lapse()
    if cancelled:
        cancel_run(run, by=None)
        run = start_run(flow, by="test")

    assert go_on(run) == Done("green")

    assert len(made(books)) == 3
    assert sorted(step for _, step in books.steps_done) == [1] * 3 + [2] * 3


def test_what_a_cancelled_run_had_prepared_is_decided_anew(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("customer", "1", name="Wrong")
    flow = bring("customer")
    run = start_run(flow, by="test")
    with dies(monkeypatch, compose, "prepare", after=True):
        go_on(run)
    let_leases_lapse()
    cancel_run(run, by=None)
    shop.put("customer", "1", name="Right")

    assert run_one(flow).colour == "green"

    assert [each["body"]["name"] for each in books.sent] == ["Right"]


def at_once(*works: Callable[[], None]) -> None:
    """All of these, each in a thread of its own, beginning together."""
    ready = threading.Barrier(len(works))

    def one(work: Callable[[], None]) -> None:
        ready.wait()
        work()
        connection.close()

    threads = [threading.Thread(target=copy_context().run, args=(one, work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def to_the_end(run: Run) -> None:
    for _ in range(20):
        if isinstance(go_on(run), Done):
            return
        time.sleep(0.1)


@pytest.mark.parametrize("state", [Call.State.SENT, Call.State.ANSWERED])
def test_a_call_that_an_ended_run_left_is_concluded_by_one_worker_only(
    state: str, shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 1)
    flow = bring("customer")
    run = start_run(flow, by="test")
    place, name = (calls, "keep_answer") if state == Call.State.SENT else (settle, "conclude")
    with dies(monkeypatch, place, name):
        go_on(run)
    let_leases_lapse()
    cancel_run(run, by=None)
    runs = [start_run(each, by="test") for each in (flow, bring("customer", name="twin"))]

    at_once(*(lambda run=run: to_the_end(run) for run in runs))

    assert len(books.rows["customer"]) == 1
    with transaction.atomic():
        assert Event.objects.filter(verb="record.applied").count() == 1


def test_two_workers_of_one_run_make_one_document_of_each_record(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 20)
    run = start_run(bring("customer"), by="test")

    at_once(*[lambda: to_the_end(Run(pk=run.pk, tenant_id=run.tenant_id))] * 4)

    assert len(made(books)) == 20
    with transaction.atomic():
        assert Run.objects.get(pk=run.pk).colour == "green"


def test_two_flows_that_meet_the_same_records_at_once_bring_each_once(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 20)
    runs = [start_run(bring("customer", name=name), by="test") for name in ("one", "two")]

    at_once(*(lambda run=run: to_the_end(run) for run in runs))

    assert len(books.rows["customer"]) == 20


def test_the_run_is_red_and_names_a_document_that_was_changed_behind_our_back(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    shop.put("customer", "c", name="Ann")
    for number in ("1", "2", "3"):
        shop.put("invoice", number, **document(number, customer={"external_id": "c"}))
    run_one(bring("customer"))
    flow = bring("invoice")
    assert run_one(flow).colour == "green"
    tampered = next(id for id, row in books.rows["invoice"].items() if row["number"] == "2")
    books.put("invoice", tampered, total="10.01")

    run = run_one(flow, full=True)

    assert run.colour == "red"
    (difference,) = run.totals["differences"]
    assert (difference["source"], difference["source_amount"], difference["target_amount"]) == ("2", "10.00", "10.01")
    assert run.totals["source"] == {"GBP": "30.00"}
    assert run.totals["target"] == {"GBP": "30.01"}


def test_what_was_left_out_once_and_brought_later_is_added_up(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c"}, memo="later"))
    run_one(bring("customer"))
    flow = bring("invoice", condition="record.memo != 'later'")
    run_one(flow)
    assert of_flow(flow).source_count == 0
    shop.put("invoice", "1", memo="now")

    run_one(flow)

    totals = of_flow(flow)
    assert (totals.source_count, totals.target_count, totals.agree) == (1, 1, True)


def of_flow(flow: Flow) -> reconcile.Totals:
    return reconcile.of_flow(flow, before=lambda: timezone.now() + timedelta(minutes=1), since=timezone.now())


def test_adding_up_goes_on_where_the_slice_ended(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    shop.put("customer", "c", name="Ann")
    for number in range(7):
        shop.put("invoice", str(number), **document(str(number), customer={"external_id": "c"}))
    run_one(bring("customer"))
    run = start_run(bring("invoice"), by="test")
    real, turns = reconcile.check_time, []

    def short(until: Any) -> None:
        turns.append(until)
        if len(turns) % 2 == 0:
            raise NotNow(timezone.now(), "the slice is over")
        real(until)

    monkeypatch.setattr(reconcile, "check_time", short)
    slices = 0
    while not isinstance(go_on(run), Done):
        slices += 1

    assert slices == 4
    assert run.colour == "green"
    assert Decimal(run.totals["source"]["GBP"]) == Decimal(run.totals["target"]["GBP"]) == 70
    assert run.totals["source_count"] == 7
    assert "so_far" not in run.totals


def test_no_secret_stands_in_what_is_kept_of_a_call(shop: Toy, books: Toy, bring: Bring, target: Connection) -> None:
    save_connection(target, secrets={"api_key": "opensesame"}, by=None)
    customers(shop, 2)
    run_one(bring("customer"))

    with transaction.atomic():
        kept = str(list(Call.objects.values()))
    assert "opensesame" not in kept


def test_an_item_tells_how_it_ended(shop: Toy, books: Toy, bring: Bring) -> None:
    customers(shop, 1)
    flow = bring("customer")
    run_one(flow)

    assert items(flow) == [("000", "create", "applied")]
    with transaction.atomic():
        item = Item.objects.get()
    assert item.target_id == "100"
    assert item.ended_at is not None


def test_a_vendor_that_is_down_is_left_alone_longer_each_time_and_forgiven_when_it_is_back(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    waits = []
    for _ in range(6):
        shop.answers = [{"error": "unclear"}]
        outcome = go_on(run)
        assert isinstance(outcome, Later)
        assert outcome.at is not None
        waits.append((outcome.at - timezone.now()).total_seconds())

    assert waits[0] < 5
    assert 60 < waits[-1] < 130
    assert go_on(run) == Done("green")
    assert run.tries == 0
