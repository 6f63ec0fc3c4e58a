"""Answers that come later: from a vendor that polls us, and from one that gives receipts; nothing is asked or done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from werkzeug.wrappers import Response

from integrations.connections import line
from integrations.connections.models import Budget, Connection, Errand
from integrations.connections.outstanding import Outstanding
from integrations.connectors.registry import connector
from integrations.records.models import Record, Stream
from integrations.simulation.simulator import ConnectionCut
from integrations.sync import calls, due, reconcile, unsettled
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import cancel_run, start_run, wake_runs
from integrations.sync.stages import Done, Later
from integrations.wire.errors import TryLater
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.stream import Stream as Facts
from plumbing.roles import dispatch
from tests.journeys.stories import dies, let_leases_lapse
from tests.sync.desk import Desk
from tests.sync.toys import STREAMS, WRITES, Toy, toy
from tests.sync.words import go_on, items, open_issues, time_passes

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


@dataclass
class Slow:
    """Books whose answers come later, and how time passes there."""

    toy: Toy
    pass_time: Callable[[], None]


@pytest.fixture
def polled(connectors: dict[str, Any], books: Toy, request: pytest.FixtureRequest) -> Desk:
    """Books whose side comes to us."""
    connectors["books"] = toy("books", driver="polled")
    return Desk(books, request.getfixturevalue("target"))


@pytest.fixture(params=["polled", "receipts"])
def slow(request: pytest.FixtureRequest, books: Toy) -> Slow:
    """Books that never answer at once, whichever way."""
    if request.param == "polled":
        desk = request.getfixturevalue("polled")
        return Slow(books, lambda: desk.come() and None)
    books.looks = 3
    return Slow(books, time_passes)


def to_its_end(run: Run, pass_time: Callable[[], None], *, slices: int = 100) -> int:
    """Carries a run to its end, while time passes between its slices; gives how many it took."""
    for number in range(1, slices):
        if isinstance(go_on(run), Done):
            return number
        pass_time()
    raise AssertionError(f"no end after {slices} slices: {run.words}")


def customers(shop: Toy, number: int) -> None:
    for each in range(number):
        shop.put("customer", f"{each:03}", name=f"Customer {each}")


def made(books: Toy) -> list[str]:
    return sorted(row["name"] for row in books.rows["customer"].values())


def twice(toy: Toy) -> list[str]:
    """What was asked for more than once, but for looks at a receipt."""
    asked = Counter(what for what in toy.asked if what.startswith("GET") and "/jobs/" not in what)
    return [what for what, times in asked.items() if times > 1]


def nothing_is_open() -> None:
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()
        assert not Call.objects.exclude(state=Call.State.SETTLED).exists()
        assert not Item.objects.filter(state__in=Item.OPEN).exists()
        assert not Outstanding.objects.exists()


def test_a_sweep_of_many_pages_asks_for_each_once(shop: Toy, bring: Bring, slow: Slow) -> None:
    for each in range(9):
        slow.toy.put("customer", f"old {each}", name=f"Old {each}")
    slow.toy.page_size = 2
    customers(shop, 1)

    run = start_run(bring("customer"), by="test")
    to_its_end(run, slow.pass_time)

    assert run.colour == "green"
    asked = [each for each in slow.toy.asked if each.startswith("GET /customer") and "ids" not in each]
    assert asked == ["GET /customer", *(f"GET /customer?page={page}" for page in (2, 4, 6, 8))]
    assert twice(slow.toy) == []
    nothing_is_open()


def test_batches_whose_answers_come_slices_later_are_sent_once(shop: Toy, bring: Bring, slow: Slow) -> None:
    customers(shop, 12)
    flow = bring("customer")
    run = start_run(flow, by="test")

    assert to_its_end(run, slow.pass_time) > 3

    assert run.colour == "green"
    assert made(slow.toy) == sorted(f"Customer {each}" for each in range(12))
    assert len(slow.toy.sent) == 12
    assert {state for _, _, state in items(flow)} == {"applied"}
    nothing_is_open()


def test_all_batches_are_on_their_way_before_the_first_is_answered(shop: Toy, bring: Bring, polled: Desk) -> None:
    customers(shop, 12)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    polled.come()  # reads the books

    assert isinstance(go_on(run), Later)

    with transaction.atomic():
        assert Call.objects.filter(state=Call.State.WAITING).count() == 3
    assert polled.come() == 3


def test_no_more_wait_than_a_run_may_have_on_their_way(
    shop: Toy, bring: Bring, polled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsettled, "MOST_WAITING", 2)
    customers(shop, 12)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    polled.come()

    go_on(run)

    with transaction.atomic():
        assert Call.objects.filter(state=Call.State.WAITING).count() == 2
    to_its_end(run, lambda: polled.come() and None)
    assert len(made(polled.toy)) == 12


def test_a_refusal_that_comes_later_holds_its_record_and_no_other(shop: Toy, bring: Bring, slow: Slow) -> None:
    customers(shop, 5)
    slow.toy.refuse["Customer 2"] = "refused"
    run = start_run(bring("customer"), by="test")

    to_its_end(run, slow.pass_time)

    assert run.colour == "amber"
    assert len(made(slow.toy)) == 4
    assert open_issues() == [("refused", "R1: Customer 2 is not wanted")]


def test_what_was_changed_there_meanwhile_is_decided_again_and_comes_to_an_end(
    shop: Toy, bring: Bring, slow: Slow
) -> None:
    customers(shop, 2)
    flow = bring("customer")
    to_its_end(start_run(flow, by="test"), slow.pass_time)
    shop.put("customer", "000", name="Renamed")
    run = start_run(flow, by="test")
    changed: list[str] = []

    def pass_time() -> None:
        with transaction.atomic():
            is_on_its_way = Call.objects.filter(run=run).exists()
        if is_on_its_way and not changed:
            changed.append("100")
            slow.toy.put("customer", "100", phone="1")
        slow.pass_time()

    if slow.toy.looks:  # the vendor works on a job at once, and only its answer is late
        slow.toy.put("customer", "100", phone="1")
    to_its_end(run, pass_time)

    assert run.colour == "green"
    assert slow.toy.rows["customer"]["100"]["name"] == "Renamed"
    assert slow.toy.rows["customer"]["100"]["phone"] == "1"
    nothing_is_open()


def test_absences_are_confirmed_later_without_listing_everything_again(
    shop: Toy, bring: Bring, polled: Desk, connectors: dict[str, Any]
) -> None:
    plain = STREAMS["customer"]
    listed = Facts("customer", shape=plain.shape, writes=WRITES, batch=5, settle_seconds=0, full_list=True)
    connectors["books"] = toy("books", driver="polled", customer=listed)
    for each in range(6):
        polled.toy.put("customer", f"{each}", name=f"Old {each}")
    flow = bring("customer")
    to_its_end(start_run(flow, by="test"), lambda: polled.come() and None)
    for each in range(3):
        del polled.toy.rows["customer"][f"{each}"]
    with transaction.atomic():
        Stream.objects.filter(connection=polled.connection).update(mark="")
    polled.toy.asked.clear()

    to_its_end(start_run(flow, by="test"), lambda: polled.come() and None)

    assert polled.toy.asked[0] == "GET /customer"
    assert sorted(polled.toy.asked[1:]) == [f"GET /customer?ids={each}" for each in range(3)]
    with transaction.atomic():
        gone = Record.objects.filter(connection=polled.connection, state=Record.State.DELETED)
        assert sorted(gone.values_list("external_id", flat=True)) == ["0", "1", "2"]


def test_adding_up_keeps_every_answer_that_came(
    shop: Toy, bring: Bring, polled: Desk, connectors: dict[str, Any]
) -> None:
    plain = STREAMS["customer"]
    single = Facts("customer", shape=plain.shape, writes=WRITES, batch=5, fetch_batch=1, settle_seconds=0)
    connectors["books"] = toy("books", driver="polled", customer=single)
    customers(shop, 6)
    run = start_run(bring("customer"), by="test")

    to_its_end(run, lambda: polled.come() and None)

    assert run.colour == "green"
    assert (run.totals["source_count"], run.totals["target_count"]) == (6, 6)
    assert twice(polled.toy) == []


# Cancelled, lost, killed


def test_a_cancelled_run_takes_back_what_was_not_fetched(shop: Toy, bring: Bring, polled: Desk) -> None:
    shop.put("customer", "1", name="Wrong")
    flow = bring("customer")
    run = start_run(flow, by="test")
    go_on(run)
    polled.come()
    go_on(run)

    cancel_run(run, by=None)

    assert polled.come() == 0
    shop.put("customer", "1", name="Right")
    to_its_end(start_run(flow, by="test"), lambda: polled.come() and None)
    assert made(polled.toy) == ["Right"]
    nothing_is_open()


def test_a_run_that_is_cancelled_while_it_hands_a_call_over_takes_it_back(
    shop: Toy, bring: Bring, polled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    polled.come()
    real = line.send

    def cancelled_meanwhile(*args: Any, **options: Any) -> Any:
        answer = real(*args, **options)
        cancel_run(run, by=None)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(line, "send", cancelled_meanwhile)
        go_on(run)

    assert polled.come() == 0
    nothing_is_open()


def test_what_a_cancelled_run_could_not_take_back_is_concluded_by_the_next(shop: Toy, bring: Bring, books: Toy) -> None:
    customers(shop, 2)
    flow = bring("customer")
    run = start_run(flow, by="test")
    books.answers = [None, lambda: setattr(books, "looks", 3)]
    go_on(run)
    cancel_run(run, by=None)

    books.looks, colours = 0, []
    for _ in range(4):
        time_passes()
        run = start_run(flow, by="test")
        to_its_end(run, time_passes)
        colours.append(run.colour)

    assert colours[0] == "amber"
    assert colours[-1] == "green"
    assert len(books.sent) == 2
    assert len(made(books)) == 2
    nothing_is_open()


@pytest.mark.parametrize("is_done", [True, False])
def test_a_visit_that_ends_without_the_answer_is_looked_up_by_the_next(
    is_done: bool, shop: Toy, bring: Bring, polled: Desk
) -> None:
    customers(shop, 3)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    polled.come()
    go_on(run)
    if is_done:
        polled.toy.lose_next_answer = True
    else:
        polled.toy.answers = [hang_up]
    polled.come()

    to_its_end(run, lambda: polled.come() and None)

    assert run.colour == "green"
    assert len(made(polled.toy)) == 3
    assert len(polled.toy.sent) == 3
    with transaction.atomic():
        assert Call.objects.filter(purpose=Call.Purpose.LOOK_UP).count() == 1
    nothing_is_open()


def hang_up() -> None:
    raise ConnectionCut("hung up")


@pytest.mark.parametrize("place", ["keep_answer", "wait"])
def test_a_worker_that_dies_with_the_answer_or_the_receipt_in_its_hand_posts_nothing_twice(
    place: str, shop: Toy, bring: Bring, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 3)
    run = start_run(bring("customer"), by="test")
    with dies(monkeypatch, calls, place):
        to_its_end(run, slow.pass_time)
    let_leases_lapse()

    to_its_end(run, slow.pass_time)

    assert run.colour == "green"
    assert len(slow.toy.sent) == 3
    nothing_is_open()


def forget_budgets() -> None:
    with dispatch():
        Budget.objects.update(state=b"", version=F("version") + 1)


def test_a_receipt_outlives_that_nobody_could_be_asked(shop: Toy, bring: Bring, books: Toy) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    books.answers = [None, lambda: setattr(books, "looks", 1)]
    go_on(run)
    for failure in (Response("", 429, {"Retry-After": "40"}), Response("", 503), Response("busy", 500)):
        time_passes()
        forget_budgets()
        books.answers = [failure]

        assert isinstance(go_on(run), Later)

        with transaction.atomic():
            assert Call.objects.get(purpose=Call.Purpose.WRITE).state == Call.State.WAITING
    books.looks = 0
    forget_budgets()
    to_its_end(run, time_passes)
    assert len(books.sent) == 1


# Woken, and questions asked too early


def test_a_run_goes_on_at_once_when_its_answer_is_here(shop: Toy, bring: Bring, polled: Desk) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    outcome = go_on(run)
    assert isinstance(outcome, Later)
    assert outcome.at is not None
    assert outcome.at > timezone.now() + timedelta(seconds=30)
    assert due.take_due_runs() == []

    polled.come()

    assert due.take_due_runs() == [(run.tenant_id, run.pk)]


def test_an_answer_that_comes_just_when_the_slice_ends_is_not_slept_through(
    shop: Toy, bring: Bring, polled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers(shop, 1)
    run = start_run(bring("customer"), by="test")
    go_on(run)
    polled.come()
    real = calls.wait

    def just_then(*args: Any) -> None:
        polled.come()
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(calls, "wait", just_then)
        outcome = go_on(run)

    assert isinstance(outcome, Later)
    assert outcome.at is not None
    assert outcome.at <= timezone.now()
    go_on(run)
    assert made(polled.toy) == ["Customer 0"]
    with transaction.atomic():
        assert Call.objects.get().state == Call.State.SETTLED


def test_only_the_runs_of_that_connection_are_woken(shop: Toy, bring: Bring, polled: Desk, source: Connection) -> None:
    run = start_run(bring("customer"), by="test")
    go_on(run)
    other = Connection(name="Other", connector="shop")
    with transaction.atomic():
        other.save()

    assert wake_runs(other) == []
    assert wake_runs(source) == [run.pk]
    assert wake_runs(polled.connection) == []


def test_an_answer_to_a_question_that_was_asked_too_early_does_not_count(polled: Desk) -> None:
    question = Request(method="GET", path="customer")
    assert isinstance(line.send(polled.connection, question), Pending)
    polled.toy.put("customer", "1", name="Old")
    polled.come()
    polled.toy.put("customer", "2", name="New")

    later = line.send(polled.connection, question, not_before=timezone.now())

    assert isinstance(later, Pending)
    polled.come()
    answer = line.send(polled.connection, question)
    assert isinstance(answer, Answer)
    assert b"New" in answer.body
    with transaction.atomic():
        assert answer.asked_at == Errand.objects.order_by("put_at").last().fetched_at


def test_an_answer_is_collected_and_never_asked_for_anew(polled: Desk) -> None:
    question = Request(method="GET", path="customer")

    with pytest.raises(TryLater) as nothing:
        line.collect(polled.connection, question)

    assert nothing.value.may_have_acted
    assert polled.come() == 0


def test_what_another_vendor_is_asked_cannot_be_taken_back(source: Connection) -> None:
    kind = connector(source.connector)
    with transaction.atomic():
        assert not line.take_back(source, kind.dialect.whoami(kind.site("production", {})))


def test_the_sum_begins_anew_where_more_was_done_since(
    shop: Toy, bring: Bring, polled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    customers(shop, 4)
    run = start_run(bring("customer"), by="test")
    while run.stage != "adding up":
        go_on(run)
        polled.come()
    shop.put("customer", "000", name="Renamed")
    shop.put("customer", "more", name="More")
    with transaction.atomic():
        Stream.objects.filter(connection__name="Shop").update(swept_at=None)

    to_its_end(run, lambda: polled.come() and None)

    assert run.colour == "green"
    assert run.totals["source_count"] == 5
