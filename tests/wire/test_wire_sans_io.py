"""One core speaks to a vendor that is called, to one that polls us and to one that works in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from integrations.canonical.kinds import KINDS
from integrations.wire.connector import Connector, Done, Failed, Write
from integrations.wire.errors import ConsentLost, Duplicate, Stale, TryLater
from integrations.wire.exchange import Driver, speak
from integrations.wire.http import Http
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.site import Site
from integrations.wire.stream import FETCHED, Cursor, Stream
from tests.mount import mounted

from .toys import ACME, DESK, SLOW, Acme, Books, Desk, Queue, Slow

Customer: Any = KINDS["customer"]


@dataclass
class World:
    """A connector, its driver, the vendor's side, and how time passes there."""

    connector: Connector
    driver: Driver
    vendor: Books
    site: Site
    while_waiting: Callable[[], None]
    waited: int = 0

    @property
    def stream(self) -> Stream:
        return self.connector.stream("customer")

    def speak(self, request: Request) -> Answer:
        """What the engine does, in one breath: speak, and come back as long as it is Pending."""
        for _ in range(5):
            reply = speak(request, driver=self.driver, dialect=self.connector.dialect, site=self.site, deadline=5)
            if isinstance(reply, Answer):
                return reply
            self.waited += 1
            self.while_waiting()
            request = reply.then
        raise AssertionError("the answer never came")

    def write(self, *writes: Write, key: str = "k1") -> list[Any]:
        dialect = self.connector.dialect
        answer = self.speak(dialect.compose(self.stream, writes, key, self.site))
        return dialect.outcomes(self.stream, writes, answer, self.site)

    def look_up(self, *writes: Write) -> list[Any]:
        dialect = self.connector.dialect
        answer = self.speak(dialect.look_up(self.stream, writes, self.site))
        return dialect.found(self.stream, writes, answer, self.site)

    def sweep(self, mark: str | None = None) -> list[Any]:
        dialect, cursor, records = self.connector.dialect, Cursor(mark=mark), []
        while True:
            answer = self.speak(dialect.ask(self.stream, cursor, self.site))
            page = dialect.read(self.stream, cursor, answer, self.site)
            records += [self.stream.shape.read(raw) for raw in page.raws]
            if page.next is None:
                return records
            cursor = replace(cursor, page=page.next)


def creation(name: str, number: str | None = None) -> Write:
    return Write(key=f"make {name}", operation="create", record=Customer(name=name, number=number))


def over_http(connector: Connector, vendor: Acme, while_waiting: Callable[[], None]) -> World:
    driver = Http(auth=connector.auth, secrets={"api_key": "opensesame"})
    return World(connector, driver, vendor, connector.site("production", {}), while_waiting)


@pytest.fixture
def acme() -> Iterator[World]:
    vendor = Acme()
    with mounted(vendor, "https://api.acme.example"):
        yield over_http(ACME, vendor, lambda: None)


@pytest.fixture(params=["called", "polls us", "in the background"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "called":
        acme = Acme()
        with mounted(acme, "https://api.acme.example"):
            yield over_http(ACME, acme, lambda: None)
    elif request.param == "polls us":
        queue, desk = Queue(), Desk()
        yield World(DESK, queue, desk, DESK.site("production", {}), lambda: desk.visit(queue))
    else:
        slow = Slow()
        with mounted(slow, "https://slow.example"):
            yield over_http(SLOW, slow, slow.work)


def test_every_page_of_a_sweep_arrives_whatever_the_transport(world: World) -> None:
    for number in range(5):
        world.vendor.add(display_name=f"Customer {number}")
    assert [record.name for record in world.sweep()] == [f"Customer {number}" for number in range(5)]


def test_a_write_is_done_and_says_where_it_is_now(world: World) -> None:
    (outcome,) = world.write(creation("Ada"))
    assert isinstance(outcome, Done)
    assert world.vendor.contacts[outcome.external_id]["display_name"] == "Ada"
    assert world.stream.shape.read(outcome.raw).name == "Ada"


def test_a_refused_write_fails_in_the_vendors_words(world: World) -> None:
    world.vendor.add(display_name="Ada")
    (outcome,) = world.write(creation("Ada"))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Duplicate)
    assert outcome.error.words == "Ada is taken"
    assert not outcome.error.may_have_acted


def test_a_look_up_tells_what_was_done(world: World) -> None:
    there, missing = creation("Ada", "crm-1"), creation("Bob", "crm-2")
    world.write(there)
    (found,) = world.look_up(there)
    assert isinstance(found, Done)
    assert world.look_up(missing) == [None]


def test_the_connection_knows_whose_books_it_leads_to(world: World) -> None:
    dialect = world.connector.dialect
    company = dialect.company(world.speak(dialect.whoami(world.site)), world.site)
    assert company.name
    assert company.id


def test_a_vendor_that_polls_us_gets_the_request_once_however_often_we_ask_for_the_answer() -> None:
    queue, desk = Queue(), Desk()
    site = DESK.site("production", {})
    stream = DESK.stream("customer")
    request = DESK.dialect.compose(stream, [creation("Ada"), creation("Bob")], "set-1", site)
    reply = speak(request, driver=queue, dialect=DESK.dialect, site=site)
    for _ in range(3):
        assert isinstance(reply, Pending)
        reply = speak(reply.then, driver=queue, dialect=DESK.dialect, site=site)
    desk.visit(queue)
    assert isinstance(reply, Pending)
    answer = speak(reply.then, driver=queue, dialect=DESK.dialect, site=site)
    assert isinstance(answer, Answer)
    assert desk.asked == ["ADD contacts"]
    assert len(desk.contacts) == 2


def test_a_lost_reply_is_unknown_and_the_key_brings_the_first_answer_again(acme: World) -> None:
    assert isinstance(acme.vendor, Acme)
    acme.vendor.lose_next_reply = True
    write = creation("Ada", "crm-1")
    with pytest.raises(TryLater) as lost:
        acme.write(write)
    assert lost.value.sent
    (found,) = acme.look_up(write)
    (again,) = acme.write(write)
    assert found.external_id == again.external_id
    assert len(acme.vendor.contacts) == 1


def test_an_update_of_something_changed_meanwhile_is_stale(acme: World) -> None:
    raw = dict(acme.vendor.add(display_name="Ada", nickname="Countess"))
    wanted = Customer(name="Ada L.")
    update = Write(
        key="u", operation="update", record=wanted, external_id="1", version="1", only=frozenset({"name"}), raw=raw
    )
    (done,) = acme.write(update, key="k1")
    assert done.version == "2"
    assert acme.vendor.contacts["1"]["nickname"] == "Countess"
    (failed,) = acme.write(update, key="k2")
    assert isinstance(failed.error, Stale)


def test_a_lost_update_is_looked_up_by_what_the_record_says(acme: World) -> None:
    raw = dict(acme.vendor.add(display_name="Ada"))
    update = Write(
        key="u",
        operation="update",
        record=Customer(name="Ada L."),
        external_id="1",
        version="1",
        only=frozenset({"name"}),
        raw=raw,
    )
    assert acme.look_up(update) == [None]
    acme.write(update)
    assert isinstance(acme.look_up(update)[0], Done)


def test_a_deleted_record_is_missing_from_a_direct_read(acme: World) -> None:
    acme.vendor.add(display_name="Ada")
    (done,) = acme.write(Write(key="d", operation="delete", external_id="1"))
    assert done == Done(external_id="1")
    answer = acme.speak(ACME.dialect.fetch(acme.stream, ["1"], acme.site))
    assert ACME.dialect.read(acme.stream, FETCHED, answer, acme.site).raws == []


def test_the_mark_is_the_vendors_clock_less_the_overlap(acme: World) -> None:
    answer = acme.speak(ACME.dialect.ask(acme.stream, Cursor(), acme.site))
    page = ACME.dialect.read(acme.stream, Cursor(), answer, acme.site)
    assert page.mark == "2026-09-14T10:25:00Z"
    assert acme.sweep(page.mark) == []
    assert "changed_after=2026-09-14T10%3A25%3A00Z" in acme.vendor.asked[-1]


def test_a_wrong_key_is_lost_consent(acme: World) -> None:
    stranger = replace(acme, driver=Http(auth=ACME.auth, secrets={"api_key": "wrong"}))
    with pytest.raises(ConsentLost):
        stranger.sweep()


def test_a_missing_secret_is_named_but_nothing_is_sent(acme: World) -> None:
    stranger = replace(acme, driver=Http(auth=ACME.auth))
    with pytest.raises(ConsentLost, match="api_key"):
        stranger.sweep()
    assert acme.vendor.asked == []


def test_what_is_kept_of_a_request_holds_no_secret(acme: World) -> None:
    request = ACME.dialect.compose(acme.stream, [creation("Ada")], "k1", acme.site)
    assert b"opensesame" not in msgspec.json.encode(request)
    assert "opensesame" not in repr(acme.driver)


def test_a_person_finds_the_record_at_the_vendors(acme: World) -> None:
    assert ACME.dialect.link(acme.stream, "a/1", acme.site) == "https://app.acme.example/contacts/a%2F1"
