"""What every simulated vendor shares: state, journal, clock, limits, and misbehaviour on demand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request, Response

from integrations.simulation.clock import Clock
from integrations.simulation.control import Control
from integrations.simulation.limits import Limits, Window
from integrations.simulation.simulator import ConnectionCut, ReplyTooLate, Simulator
from integrations.simulation.store import Row, Store


class Notebook(Simulator):
    """The smallest vendor: a POST writes a note, a GET counts them; "bad" is refused after it was written."""

    slug = "notebook"

    def handle(self, request: Request) -> Response:
        if request.method == "POST":
            text, now = request.get_data(as_text=True), int(self.clock.now().timestamp())
            with self.store.transaction():
                number = str(self.store.next("note"))
                self.store.put("book", "note", Row(number, 0, now, now, True, False, {"text": text}))
            self.did("create", "note", number)
        return Response(str(len(self.store.rows("book", "note"))))

    def means_to_write(self, request: Request) -> bool:
        return request.method == "POST"

    def failure(self, status: int) -> Response:
        return Response("sorry", status)

    def crowd(self, request: Request) -> tuple[str, int] | None:
        return ("everybody", 2)

    def is_secret(self, request: Request) -> bool:
        return request.path == "/secret"


@pytest.fixture
def book() -> Notebook:
    return Notebook(limits=0)


def write(book: Notebook, text: str = "hello", path: str = "/") -> Any:
    return Client(book).post(path, data=text)


def count(book: Notebook) -> str:
    return Client(book).get("/").get_data(as_text=True)


# misbehaviour


def test_a_lost_reply_comes_after_the_write(book: Notebook) -> None:
    book.drop_reply_after_next_write()
    assert count(book) == "0"
    with pytest.raises(ConnectionCut):
        write(book)
    assert count(book) == "1"
    assert book.journal.counts() == {"calls": 3, "writes": 1, "unanswered": 1, "create note": 1}


def test_a_failure_comes_before_the_write_or_after_it(book: Notebook) -> None:
    book.fail_next(503, on="write")
    assert (write(book).status_code, count(book)) == (503, "0")
    book.fail_next(500, before_write=False)
    assert write(book).status_code == 500
    assert count(book) == "1"


def test_trouble_can_wait_for_its_turn_and_come_more_than_once(book: Notebook) -> None:
    book.fail_next(429, on="write", skip=1, times=2)
    assert [write(book).status_code for _ in range(4)] == [200, 429, 429, 200]


def test_a_page_of_html_and_half_an_answer_come_with_status_200(book: Notebook) -> None:
    book.html_next()
    page = write(book)
    assert (page.status_code, page.mimetype, count(book)) == (200, "text/html", "0")
    book.misbehave(what="truncate", on="write")
    for _ in range(9):
        book.store.next("note")
    assert (write(book).get_data(), count(book)) == (b"", "1")


def test_trouble_can_be_for_one_address_and_be_called_off(book: Notebook) -> None:
    book.misbehave(what="fail", status=502, moment="before", path="/there")
    assert write(book, path="/here").status_code == 200
    assert write(book, path="/there").status_code == 502
    book.fail_next(502)
    book.misbehaviour.clear()
    assert write(book).status_code == 200


def test_a_slow_reply_comes_too_late_for_a_caller_without_patience(book: Notebook) -> None:
    book.slow_next(30, on="write")
    with pytest.raises(ReplyTooLate):
        impatient(book)
    assert count(book) == "1"


def test_a_slow_request_is_done_after_the_caller_has_gone(book: Notebook) -> None:
    book.slow_next(30, before_write=True, on="write")
    with pytest.raises(ReplyTooLate):
        impatient(book)
    assert count(book) == "0"
    assert book.let_late_requests_arrive() == 1
    assert count(book) == "1"


def impatient(book: Notebook) -> None:
    environ = EnvironBuilder(path="/", method="POST", data=b"hello").get_environ()
    run_wsgi_app(book, {**environ, "simulation.timeout": 5.0}, buffered=True)


# journal


def test_the_journal_tells_what_was_asked_and_done(book: Notebook) -> None:
    write(book, "dear diary", path="/page")
    count(book)
    (call,) = book.journal.calls(wrote=True)
    assert (call.method, call.path, call.body, call.status) == ("POST", "/page", "dear diary", 200)
    assert [(deed.operation, deed.kind, deed.id) for deed in call.did] == [("create", "note", "1")]
    assert [call.method for call in book.journal.calls(since=call.number)] == ["GET"]
    write(book, "a password", path="/secret")
    assert "a password" not in str(book.read_journal())


# state


def test_another_simulator_finds_the_state_and_the_time(tmp_path: Path) -> None:
    first = Notebook(state=str(tmp_path / "book.sqlite3"), limits=0)
    write(first)
    first.move_clock(timedelta(days=10))
    second = Notebook(state=str(tmp_path / "book.sqlite3"), limits=0)
    assert count(second) == "1"
    assert abs(second.clock.now() - first.clock.now()) < timedelta(seconds=5)


def test_an_inner_transaction_can_be_undone_by_itself() -> None:
    store = Store()
    with store.transaction():
        store.set("kept", 1)
        with pytest.raises(KeyError):
            _fail_after(store, "lost")
    assert (store.setting("kept"), store.setting("lost")) == (1, None)
    with pytest.raises(KeyError):
        _fail_after(store, "kept")
    assert store.setting("kept") == 1


def _fail_after(store: Store, name: str) -> None:
    with store.transaction():
        store.set(name, 2)
        raise KeyError


def test_many_threads_write_every_note_once(book: Notebook) -> None:
    with book.store.transaction():
        pass
    book.crowd = lambda request: None  # as many as come
    threads = [threading.Thread(target=lambda: [write(book) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(book), book.journal.counts()["create note"]) == ("400", 400)


# clock and limits


def test_the_clock_stops_moves_and_goes_on() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = Clock(at=start)
    clock.move(timedelta(hours=1))
    assert clock.now() == start + timedelta(hours=1)
    clock.go()
    assert timedelta() < clock.now() - start - timedelta(hours=1) < timedelta(seconds=5)


def test_a_window_slides() -> None:
    clock = Clock(at=datetime(2026, 1, 1, tzinfo=UTC))
    limits = Limits(clock, speed=1)
    window = [Window("someone", 2, 60)]
    assert [limits.admit(window) for _ in range(3)] == [True, True, False]
    clock.move(timedelta(seconds=61))
    assert limits.admit(window)
    assert all(Limits(clock, speed=0).admit(window) for _ in range(9))


def test_only_so_many_are_served_at_once() -> None:
    limits = Limits(Clock(), speed=1)
    with (
        limits.at_once("someone", 1) as first,
        limits.at_once("someone", 1) as second,
        limits.at_once("other", 1) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with limits.at_once("someone", 1) as again:
        assert again


# control


def test_the_control_address_does_what_tests_can_do(book: Notebook) -> None:
    control = Client(Control(book))
    assert "misbehave" in control.get("/").get_json()["controls"]
    control.post("/misbehave", json={"what": "drop", "on": "write"})
    with pytest.raises(ConnectionCut):
        write(book)
    status = control.post("/status").get_json()["result"]
    assert (status["counts"]["unanswered"], status["misbehaviour"]) == (1, [])
    assert control.post("/journal", json={"wrote": True}).get_json()["result"][0]["did"] == [["create", "note", "1"]]
    assert control.post("/misbehave", json={"what": "sing", "loudly": True}).status_code == 400
    assert control.post("/nothing").status_code == 404


def test_what_takes_longer_than_the_vendor_allows_is_answered_by_the_machine_in_front(book: Notebook) -> None:
    book.longest_seconds = 0.01  # nobody wants to wait two minutes
    book.slow_next(1, on="write")
    assert (write(book).status_code, count(book)) == (504, "1")
