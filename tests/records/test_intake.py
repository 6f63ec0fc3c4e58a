"""Pages come in until a stream is fresh: each is kept before the next is asked for, and a killed sweep goes on."""

from __future__ import annotations

import threading
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.records import intake
from integrations.records.intake import freshen
from integrations.records.models import Issue, Record, Stream
from integrations.wire.errors import ConsentLost, ContractBroken
from integrations.wire.stream import Stream as Facts
from plumbing.slices import NotNow
from tests.journeys.stories import dies
from tests.sync.toys import STREAMS, Toy, toy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pages(shop: Toy) -> Toy:
    """Five customers on pages of two."""
    shop.page_size = 2
    for number in range(1, 6):
        shop.put("customer", str(number), name=f"Customer {number}")
    return shop


def read(source: Connection, *, since: datetime | None = None, minutes: float = 5, full: bool = False) -> list[Any]:
    told: list[Any] = []
    now = timezone.now()
    until = now + timedelta(minutes=minutes)
    freshen(source, "customer", since=since or now, until=until, full=full, told=told.append)
    return told


@transaction.atomic
def stream_of(source: Connection) -> Stream:
    return Stream.objects.get(connection=source, object="customer")


@transaction.atomic
def names() -> list[str]:
    return sorted(Record.objects.values_list("external_id", flat=True))


def asked(shop: Toy) -> list[str]:
    return [each.partition("customer")[2] for each in shop.asked]


def test_a_sweep_asks_for_each_page_once_and_keeps_the_first_mark(source: Connection, pages: Toy) -> None:
    told = read(source)

    assert [kept.counts["new"] for kept in told] == [2, 2, 1]
    assert asked(pages) == ["", "?page=2", "?page=4"]
    stream = stream_of(source)
    assert (stream.mark, stream.page, stream.next_mark) == ("mark after 1", "", "")
    assert stream.swept_at == stream.fully_swept_at
    assert stream.leased_until is None


def test_the_next_sweep_asks_only_for_what_changed_since_the_last_began(source: Connection, pages: Toy) -> None:
    read(source)
    pages.asked.clear()
    pages.rows["customer"].clear()

    read(source)

    assert asked(pages) == ["?mark=mark%20after%201"]


def test_what_is_fresh_already_is_not_read_again(source: Connection, pages: Toy) -> None:
    before = timezone.now()
    read(source, since=before)
    pages.asked.clear()

    read(source, since=before)

    assert asked(pages) == []


def test_a_full_read_asks_for_everything_and_only_once(source: Connection, pages: Toy) -> None:
    read(source)
    pages.asked.clear()
    before = timezone.now()

    read(source, since=before, full=True)
    read(source, since=before, full=True)

    assert asked(pages) == ["", "?page=2", "?page=4"]


def test_a_sweep_that_was_killed_goes_on_at_its_page(
    source: Connection, pages: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timezone.now()
    with dies(monkeypatch, intake, "keep", skip=1):
        read(source, since=before)
    assert names() == ["1", "2"]
    assert stream_of(source).mark == ""
    pages.asked.clear()

    read(source, since=before)

    assert asked(pages) == ["?page=2", "?page=4"]
    assert names() == ["1", "2", "3", "4", "5"]
    assert stream_of(source).mark == "mark after 1"


def test_a_slice_that_ends_is_gone_on_with(source: Connection, pages: Toy) -> None:
    before = timezone.now()
    with pytest.raises(NotNow):
        read(source, since=before, minutes=0)
    read(source, since=before)

    assert names() == ["1", "2", "3", "4", "5"]


def test_a_sweep_that_was_begun_long_ago_is_ended_and_then_news_are_asked_for(
    source: Connection, pages: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dies(monkeypatch, intake, "keep", skip=1):
        read(source)
    pages.put("customer", "1", name="Renamed since")
    pages.asked.clear()

    read(source)

    assert asked(pages)[:2] == ["?page=2", "?page=4"]
    assert asked(pages)[2] == "?mark=mark%20after%201"
    with transaction.atomic():
        assert Record.objects.get(external_id="1").title == "Renamed since"


def test_a_new_edition_of_a_shape_reads_everything_again(
    source: Connection, pages: Toy, connectors: dict[str, Any]
) -> None:
    read(source)
    plain = STREAMS["customer"]
    shape = type(plain.shape)(
        plain.shape.record_type, key="id", version="version", fields=plain.shape.fields[-4:], edition=2
    )
    connectors["shop"] = toy("shop", customer=Facts("customer", shape=shape))

    told = read(source)

    assert sum((kept.counts for kept in told), start=type(told[0].counts)()) == {"same": 5}
    with transaction.atomic():
        assert set(Record.objects.values_list("edition", flat=True)) == {2}


def test_of_two_workers_at_once_one_reads(source: Connection, pages: Toy) -> None:
    before, outcomes, ready = timezone.now(), [], threading.Barrier(4)

    def work() -> None:
        ready.wait()
        try:
            read(source, since=before)
            outcomes.append("read")
        except NotNow:
            outcomes.append("another is at it")
        connection.close()

    workers = [threading.Thread(target=copy_context().run, args=(work,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert asked(pages) == ["", "?page=2", "?page=4"]
    assert "read" in outcomes
    assert len(outcomes) == 4


def test_a_web_page_instead_of_an_answer_stops_the_sweep_where_it_is(source: Connection, pages: Toy) -> None:
    pages.answers = [None, "<html>Maintenance</html>"]
    before = timezone.now()

    with pytest.raises(ContractBroken, match="web page"):
        read(source, since=before)

    assert names() == ["1", "2"]
    assert stream_of(source).mark == ""
    read(source, since=before)
    assert names() == ["1", "2", "3", "4", "5"]


def test_a_consent_that_is_lost_while_reading_pauses_the_connection(source: Connection, pages: Toy) -> None:
    pages.answers = [None, {"error": "consent", "words": "no more"}]

    with pytest.raises(ConsentLost):
        read(source)

    with transaction.atomic():
        source.refresh_from_db()
    assert source.state == Connection.State.CONSENT_LOST
    pages.asked.clear()
    with pytest.raises(ConsentLost):
        read(source)
    assert asked(pages) == []


def test_a_row_that_was_bad_is_solved_when_a_full_read_does_not_meet_it_again(source: Connection, pages: Toy) -> None:
    pages.problems = [{"where": "a.csv, line 5", "what": "too few columns", "advice": "add them"}]
    read(source)
    read(source, full=True)
    with transaction.atomic():
        assert Issue.objects.get().times == 2

    pages.problems = []
    read(source, full=True)

    with transaction.atomic():
        assert Issue.objects.get().state == Issue.State.SOLVED
