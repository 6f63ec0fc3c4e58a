"""What a knock leads to: a look by the usual ways, once for many; what is read decides, and when it was read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from integrations.connections.knocks import Bell, Knock
from integrations.connections.models import Connection
from integrations.connections.services import pause
from integrations.connectors import registry
from integrations.doors import tasks
from integrations.records import knocks
from integrations.records.keep import keep
from integrations.records.models import Record, Sighting, Stream
from integrations.wire.knocks import Message
from integrations.wire.stream import Gone, Page
from plumbing.slices import slice_end
from tests.doors.knocking import (
    KEY,
    at,
    at_own_address,
    bell_of,
    changed,
    connected,
    customer,
    invoice,
    look,
    read,
    record,
    registered,
    ring_now,
    states,
    waiting,
)
from tests.sync.toys import Toy
from tests.wire.knocking import from_ledger, from_stall

pytestmark = pytest.mark.django_db(transaction=True)

Look = Callable[[], int]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Look:
    """The tick looks, and the workers do what it hands out."""
    return lambda: look(monkeypatch)


@pytest.fixture
def stall(tenant: Any, vendor: Toy) -> Connection:
    """A connection to the stall, which holds customers 1 to 8."""
    registered("stall")
    for number in range(1, 9):
        customer(vendor, str(number))
    connection = connected("stall", "toys.example")
    vendor.asked.clear()
    return connection


def told(*ids: str, **more: str) -> None:
    """The ledger knocks for these contacts."""
    assert at("ledger")(from_ledger([changed(id, **more) for id in ids], KEY)).status_code == 200


def stall_told(topic: str, id: str, event: str = "") -> None:
    assert at("stall")(from_stall(topic, {"id": id}, KEY, event=event or f"{topic} {id}")).status_code == 200


# Few reads for many knocks


def test_what_changed_is_read_by_its_id_and_by_nothing_that_the_knock_says(
    mugs: Connection, vendor: Toy, now: Look
) -> None:
    customer(vendor, "1", "Told by the vendor itself")
    told("1")
    now()
    assert record("1").title == "Told by the vendor itself"
    assert vendor.asked == ["GET /customer?ids=1"]
    assert waiting() == []
    assert now() == 0, "nothing is left to look at"


def test_many_knocks_are_one_read(mugs: Connection, vendor: Toy, now: Look) -> None:
    for number in range(40):
        customer(vendor, str(number))
    for start in range(0, 40, 8):
        told(*map(str, range(start, start + 8)), "7")
    now()
    assert len(vendor.asked) == 1
    assert len(states()) == 40


def test_more_than_a_few_direct_reads_are_one_look_at_what_changed_page_by_page(
    mugs: Connection, vendor: Toy, now: Look
) -> None:
    vendor.page_size = 100
    for number in range(250):
        customer(vendor, str(number))
    told(*map(str, range(250)))
    now()
    assert [asked[:23] for asked in vendor.asked] == ["GET /customer?mark=mark"] * 3
    assert len(states()) == 250


def test_what_nobody_reads_here_is_not_asked_for(mugs: Connection, vendor: Toy, now: Look) -> None:
    told("1", kind="INVOICE")  # two streams of ours, of which one was ever read
    now()
    assert vendor.asked == ["GET /invoice?ids=1"]
    assert waiting() == []


def test_a_record_is_found_in_whichever_stream_holds_it(mugs: Connection, vendor: Toy, now: Look) -> None:
    read(mugs, "purchase_order")
    invoice(vendor, "1")
    vendor.asked.clear()
    told("1", kind="INVOICE")
    now()
    assert len(vendor.asked) == 2
    assert (states("invoice"), states("purchase_order")) == ({"1": "live"}, {})


def test_a_paused_connection_is_left_alone_until_the_next_read(mugs: Connection, vendor: Toy, now: Look) -> None:
    told("1")
    pause(mugs, by=None)
    now()
    assert vendor.asked == []
    assert waiting() == []


# Gone


def test_what_is_said_to_be_gone_is_gone_when_a_direct_read_does_not_find_it(
    stall: Connection, vendor: Toy, now: Look
) -> None:
    del vendor.rows["customer"]["3"]
    stall_told("customers/delete", "3")
    stall_told("customers/delete", "4")  # it is still there
    stall_told("customers/delete", "99")  # we never knew it
    now()
    assert vendor.asked == ["GET /customer?ids=3%2C4"]
    assert states() == {str(n): "deleted" if n == 3 else "live" for n in range(1, 9)}


def test_what_is_said_to_have_changed_and_is_not_found_is_left_to_the_usual_reads(
    stall: Connection, vendor: Toy, now: Look
) -> None:
    del vendor.rows["customer"]["3"]
    stall_told("customers/update", "3")
    now()
    assert states()["3"] == "live"


def test_in_which_order_knocks_come_is_no_matter(stall: Connection, vendor: Toy, now: Look) -> None:
    del vendor.rows["customer"]["3"]
    for topic in ("delete", "update", "create"):
        stall_told(f"customers/{topic}", "3")
    now()
    assert states()["3"] == "deleted"

    customer(vendor, "3", "Back again")
    stall_told("customers/create", "3", "another event")
    now()
    stall_told("customers/delete", "3", "told late")
    now()
    assert states()["3"] == "live"
    assert record("3").title == "Back again"


def test_where_too_many_are_said_to_be_gone_none_is_believed(
    stall: Connection, vendor: Toy, now: Look, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 7):
        del vendor.rows["customer"][str(number)]
        stall_told("customers/delete", str(number))
    with caplog.at_level(logging.WARNING):
        now()
    assert vendor.asked == []
    assert set(states().values()) == {"live"}
    assert "6 of 8 records are said to be gone" in caplog.text


def merged(bell: Bell, id: str, into: str) -> None:
    with transaction.atomic():
        Knock.objects.create(
            bell=bell,
            event=f"{id}{into}",
            object="customer",
            external_id=id,
            how="merged",
            into=into,
            came_at=timezone.now(),
        )
        Bell.objects.update(ring_at=timezone.now())


def test_a_merge_is_believed_when_one_is_gone_and_the_other_is_there(stall: Connection, vendor: Toy, now: Look) -> None:
    for number in "345":
        vendor.rows["customer"].pop(number)
    merged(bell_of(stall), "3", into="1")
    merged(bell_of(stall), "4", into="5")  # that one is not there either
    merged(bell_of(stall), "6", into="1")  # this one is still there
    now()
    assert {id: states()[id] for id in "3456"} == {"3": "merged", "4": "deleted", "5": "live", "6": "live"}
    assert record("3").merged_into == "1"


# When it was read


def between(vendor: Toy, first: Callable[[], None]) -> Callable[[], Any]:
    """The vendor takes its answer to a page from its books, and before it arrives something happens."""

    def late() -> Any:
        rows = [dict(row) for row in vendor.rows["customer"].values()]
        first()
        return {"rows": rows, "gone": [], "next": None, "mark": "late"}

    return late


@pytest.mark.parametrize("full", [False, True])
def test_a_page_that_arrives_late_never_overwrites_what_a_knock_has_brought(
    stall: Connection, vendor: Toy, now: Look, full: bool
) -> None:
    def happens() -> None:
        customer(vendor, "1", "New")
        customer(vendor, "9", "Made")
        del vendor.rows["customer"]["2"]
        for topic, id in (("update", "1"), ("create", "9"), ("delete", "2")):
            stall_told(f"customers/{topic}", id)
        now()

    vendor.answers = [between(vendor, happens)]
    read(stall, full=full)

    assert record("1").title == "New"
    assert record("9").title == "Made"
    assert states()["2"] == "deleted"
    with transaction.atomic():
        numbers = list(Record.objects.filter(object="customer").values_list("feed_no", flat=True))
        assert Stream.objects.get(connection=stall, object="customer").feed_no >= max(numbers)
    assert len(set(numbers)) == len(numbers), "whoever follows the feed meets each change once"


def test_a_read_that_a_knock_has_begun_never_overwrites_a_later_page(stall: Connection, vendor: Toy, now: Look) -> None:
    def happens() -> Any:
        before = dict(vendor.rows["customer"]["1"])
        customer(vendor, "1", "Newer")
        vendor.answers = []
        read(stall)
        return {"rows": [before]}

    stall_told("customers/update", "1")
    vendor.answers = [happens]
    now()
    assert record("1").title == "Newer"


def test_a_read_finds_what_was_never_told(stall: Connection, vendor: Toy, now: Look) -> None:
    customer(vendor, "1", "Changed")
    customer(vendor, "9", "Made")
    assert now() == 0
    read(stall)
    assert (record("1").title, record("9").title) == ("Changed", "Made")


# Nothing is lost


def test_a_knock_that_comes_while_somebody_looks_is_looked_at(mugs: Connection, vendor: Toy, now: Look) -> None:
    def meanwhile() -> Any:
        row = {"id": "1", "version": "1", "name": "Old"}
        customer(vendor, "1", "New")
        told("1")
        return {"rows": [row]}

    vendor.answers = [meanwhile]
    told("1")
    now()
    assert record("1").title == "New"


def test_where_events_have_no_name_the_same_again_is_looked_at_again(tenant: Any, vendor: Toy, now: Look) -> None:
    field = connected("field")
    knock = at_own_address(field)
    message = Message(b'{"kind": "customer", "id": 1}')

    def meanwhile() -> Any:
        customer(vendor, "1", "New")
        assert knock(message).status_code == 200
        return {"rows": [{"id": "1", "version": "1", "name": "Old"}]}

    for _ in range(5):
        knock(message)
    assert waiting() == [("customer", "1")]
    vendor.answers = [meanwhile]
    vendor.asked.clear()
    now()
    assert record("1").title == "New"
    assert len(vendor.asked) == 2


def test_while_the_vendor_is_down_knocks_wait(mugs: Connection, vendor: Toy, now: Look) -> None:
    customer(vendor, "1")
    told("1")
    vendor.answers = [{"error": "throttled"}]
    before = timezone.now()
    now()
    assert waiting() == [("customer", "1")]
    ring_at = bell_of(mugs).ring_at
    assert ring_at is not None
    assert timedelta(seconds=25) < ring_at - before < timedelta(seconds=40)
    now()
    assert states() == {"1": "live"}
    assert waiting() == []


def test_what_the_vendor_refuses_is_left_to_the_next_run_which_tells_it(
    mugs: Connection, vendor: Toy, now: Look
) -> None:
    told("1")
    vendor.answers = [{"error": "broken"}]
    now()
    assert waiting() == []
    assert bell_of(mugs).ring_at is None


def test_a_fault_of_ours_keeps_the_knocks_and_rings_again_later(
    mugs: Connection, vendor: Toy, now: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("1")
    with monkeypatch.context() as faulty:
        faulty.setattr(knocks, "keep", lambda *args, **options: 1 / 0)
        now()
    bell = bell_of(mugs)
    assert bell.ring_at is not None
    assert bell.leased_until is None
    now()
    assert waiting() == []


def test_a_tick_finds_what_the_queue_never_brought_and_what_a_dead_worker_had_in_hand(
    mugs: Connection, vendor: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def lost(task: str, *args: str, **more: Any) -> None:
        given.append(args)
        if len(given) == 1:
            raise ConnectionError("the queue is down")

    monkeypatch.setattr("integrations.doors.tasks.async_task", lost)
    told("1")
    assert not given, "the door needs no queue"
    ring_now()
    with pytest.raises(ConnectionError):
        tasks.look()
    tasks.look()
    assert len(given) == 1, "it may still be on its way"
    with transaction.atomic():
        Bell.objects.update(handed_at=timezone.now() - timedelta(minutes=2))
    tasks.look()
    assert len(given) == 2

    with transaction.atomic():  # a worker takes it and dies
        assert bell_of(mugs).claim(seconds=60)
        Bell.objects.update(ring_at=None, handed_at=timezone.now() - timedelta(minutes=2))
    tasks.look()
    assert len(given) == 2, "it may still be at work"
    with transaction.atomic():
        Bell.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    tasks.look()
    assert len(given) == 3
    tasks.answer_knocks(*given[-1])
    assert waiting() == []


def test_two_workers_never_look_at_one_bell(mugs: Connection, vendor: Toy) -> None:
    told("1")

    def second() -> Any:
        vendor.answers = []
        knocks.answer(bell_of(mugs).pk, until=slice_end())
        return {"rows": []}

    vendor.answers = [second]
    knocks.answer(bell_of(mugs).pk, until=slice_end())
    assert len(vendor.asked) == 1


def test_a_stream_that_is_being_read_for_long_does_not_keep_the_others_waiting(
    mugs: Connection, vendor: Toy, now: Look
) -> None:
    invoice(vendor, "1")
    told(*map(str, range(250)))  # so many that the list is asked, which somebody is reading
    told("1", kind="INVOICE")
    with transaction.atomic():
        stream = Stream.objects.get(connection=mugs, object="customer")
        assert stream.claim(seconds=100)
    now()
    assert states("invoice") == {"1": "live"}
    assert {object for object, _ in waiting()} == {"customer"}

    with transaction.atomic():
        stream.release()
    now()
    assert waiting() == []


def test_a_slice_ends_in_time_and_the_rest_is_looked_at_later(mugs: Connection, vendor: Toy) -> None:
    told("1")
    knocks.answer(bell_of(mugs).pk, until=timezone.now())
    assert waiting() == [("customer", "1")]
    assert bell_of(mugs).ring_at is not None


@examples(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(("page", "sweep", "knock", "gone"))), min_size=2, max_size=7,
                unique_by=lambda read: read[0]))  # fmt: skip
def test_in_whatever_order_reads_arrive_the_one_that_was_asked_last_counts(
    stall: Connection, reads: list[tuple[int, str]]
) -> None:
    facts = registry.connector("stall").stream("customer")
    began = timezone.now()
    with transaction.atomic():
        Record.objects.filter(object="customer", external_id="1").delete()
        Sighting.objects.all().delete()
        stream = Stream.objects.get(connection=stall, object="customer")
        Stream.objects.filter(pk=stream.pk).update(sweep=stream.sweep + 1, sweep_started_at=began)
    for minute, kind in reads:
        raws = [] if kind == "gone" else [{"id": "1", "version": "1", "name": f"Read at {minute}"}]
        gone = [Gone(external_id="1", how="deleted")] if kind == "gone" else []
        with transaction.atomic():
            Stream.objects.filter(pk=stream.pk).update(sweep_full=kind == "sweep")
            stream = Stream.objects.select_for_update().get(pk=stream.pk)
            read_at = began + timedelta(minutes=minute)
            keep(stream, Page(raws=raws, gone=gone), facts=facts, read_at=read_at)

    # What is gone before we ever saw it leaves nothing to compare a late page with: the usual reads find that.
    first_seen = next((place for place, (_, kind) in enumerate(reads) if kind != "gone"), None)
    with transaction.atomic():
        found = Record.objects.filter(object="customer", external_id="1").first()
    if first_seen is None:
        assert found is None
        return
    minute, kind = max(reads[first_seen:])
    assert found is not None
    if kind == "gone":
        assert found.state == "deleted"
    else:
        assert (found.state, found.title) == ("live", f"Read at {minute}")
