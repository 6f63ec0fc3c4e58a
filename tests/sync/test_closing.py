"""Closed periods in the engine: nothing lands behind a lock, and both days and the reason are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.connections import locks
from integrations.connections.services import learn_settings
from integrations.connections.services import test as try_out
from integrations.connectors import registry
from integrations.records.models import Issue
from integrations.sync import closing
from integrations.sync.closing import MovedDay, approve_day, set_rule
from integrations.sync.models import Flow, Item, Run
from integrations.sync.services import approve_run, start_run
from integrations.wire.errors import PeriodClosed
from integrations.wire.locks import Lock
from integrations.wire.message import Answer
from integrations.wire.site import Site
from tenants.audit import Reference
from tenants.audit.models import Event, with_asides
from tests.mount import mounted
from tests.sync import toys
from tests.sync.toys import Language, Toy
from tests.sync.words import document, go_on, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]
GRACE = Reference("person", name="Grace")


class Closing(Language):
    """The toy's language, with a day up to which its books are closed."""

    def locks(self, answer: Answer, site: Site) -> Sequence[Lock] | None:
        day = toys._told(answer).get("closed")
        return [Lock(name="closing date", until=date.fromisoformat(day))] if day else []


class Books(Toy):
    """A toy that is as strict about its closing date as a vendor; told or not told, and without a word where it is `silent`."""

    closed = told = ""
    silent = ""
    refusal = "closed"  # how it refuses what is closed: some vendors do not tell that from any other rule of theirs

    def close(self, until: str, *, told: bool = True) -> None:
        self.closed, self.told = until, until if told else ""

    def _serve(self, visit: Any) -> Any:
        if visit.path == "/whoami":
            return {"name": "Toys Ltd", "closed": self.told}
        return super()._serve(visit)

    def _write_one(self, name: str, step: int, write: dict[str, Any]) -> Any:
        standing = self.rows[name].get(write["id"] or "", {}).get("day")
        days = [day for day in (standing, write["body"].get("day")) if day]
        if any(day <= self.closed for day in days):
            self.sent.append(write)
            return {"error": self.refusal, "words": "The account period has closed."}
        if self.silent and write["body"].get("day"):
            write["body"]["day"] = self.silent
        return super()._write_one(name, step, write)


@pytest.fixture
def books(connectors: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    """The target, which says up to when its books are closed."""
    monkeypatch.setitem(toys.ERRORS, "closed", lambda words: PeriodClosed(words, code="6200"))
    connectors["books"] = replace(connectors["books"], tells_locks=True, dialect=Closing())
    simulator = Books()
    with mounted(simulator, f"{toys.ADDRESS}/books"):
        yield simulator


def sold(shop: Toy, *numbers: str, **more: Any) -> None:
    shop.put("customer", "c", name="Ann")
    for number in numbers:
        shop.put("invoice", number, **document(number, customer={"external_id": "c"}, **more))


@pytest.fixture
def invoices(shop: Toy, books: Books, bring: Bring) -> Flow:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    return bring("invoice")


@transaction.atomic
def item_of(flow: Flow) -> Item:
    return Item.objects.select_related("flow", "record").filter(flow=flow).order_by("pk").last()


@transaction.atomic
def open_issues() -> list[Issue]:
    return list(Issue.objects.select_related("record", "flow").filter(state=Issue.State.OPEN).order_by("where"))


@transaction.atomic
def told(verb: str) -> list[dict[str, Any]]:
    return [event.facts for event in with_asides(Event.objects.filter(verb=verb).order_by("at"))]


def test_a_record_behind_the_lock_is_held_and_goes_on_when_the_period_is_opened(
    shop: Toy, books: Books, invoices: Flow
) -> None:
    sold(shop, "1001")
    books.close("2026-03-31")

    assert run_one(invoices).colour == "amber"

    item = item_of(invoices)
    assert (item.state, item.reason) == ("held", "closed_period")
    assert "dated 2026-03-01" in item.words
    assert "closed up to 2026-03-31 (closing date); the next open day is 2026-04-01" in item.words
    assert item.period == {
        "meant": "2026-03-01", "lock": "closing date", "until": "2026-03-31", "rule": "hold", "opens": "2026-04-01",
    }  # fmt: skip
    assert not books.rows["invoice"]
    assert [issue.code for issue in open_issues()] == ["closed_period"]

    books.close("")
    assert run_one(invoices).colour == "green"
    assert [row["day"] for row in books.rows["invoice"].values()] == ["2026-03-01"]
    assert open_issues() == []


def test_by_rule_it_is_booked_on_the_next_open_day_and_stays_there(shop: Toy, books: Books, invoices: Flow) -> None:
    sold(shop, "1001")
    books.close("2026-03-31")
    with transaction.atomic():
        set_rule(invoices.target, "invoice", "next_open_day", by=None)

    assert run_one(invoices).colour == "green"

    (row,) = books.rows["invoice"].values()
    assert row["day"] == "2026-04-01"
    item = item_of(invoices)
    assert (item.state, item.reason) == ("applied", "day_moved")
    assert "dated 2026-03-01, booked on 2026-04-01" in item.words
    (applied,) = [data for data in told("record.applied") if data.get("period")]
    assert (applied["period"]["meant"], applied["period"]["booked"]) == ("2026-03-01", "2026-04-01")
    assert applied["period"]["rule"] == "next_open_day"
    assert applied["period"]["until"] == "2026-03-31"
    assert "closed up to 2026-03-31" in applied["words"]

    # Neither another look nor another change, nor a period that is opened again, moves it back.
    assert run_one(invoices, full=True).counts["skipped"] == 1
    shop.put("invoice", "1001", memo="Thank you")
    books.close("2026-02-28")
    assert run_one(invoices).colour == "green"
    (row,) = books.rows["invoice"].values()
    assert (row["day"], row["memo"]) == ("2026-04-01", "Thank you")


def test_what_a_person_approves_is_booked_by_the_next_run_and_audited(shop: Toy, books: Books, invoices: Flow) -> None:
    sold(shop, "1001")
    books.close("2026-03-31")
    with transaction.atomic():
        set_rule(invoices.target, "invoice", "approve", by=None)
    assert run_one(invoices).colour == "amber"
    assert not books.rows["invoice"]

    approve_day(item_of(invoices), by=GRACE)
    assert run_one(invoices).colour == "green"

    (row,) = books.rows["invoice"].values()
    assert row["day"] == "2026-04-01"
    assert "approved by Grace" in item_of(invoices).words
    (approved,) = told("record.day_approved")
    assert (approved["period"]["meant"], approved["period"]["opens"]) == ("2026-03-01", "2026-04-01")


def test_an_approval_is_asked_for_again_where_that_day_was_closed_meanwhile(
    shop: Toy, books: Books, invoices: Flow
) -> None:
    sold(shop, "1001")
    books.close("2026-03-31")
    with transaction.atomic():
        set_rule(invoices.target, "invoice", "approve", by=None)
    run_one(invoices)
    approve_day(item_of(invoices), by=GRACE)
    books.close("2026-04-30")

    assert run_one(invoices).colour == "amber"

    assert not books.rows["invoice"]
    assert item_of(invoices).period["opens"] == "2026-05-01"


def test_only_what_waits_for_it_can_be_approved(shop: Toy, books: Books, invoices: Flow) -> None:
    sold(shop, "1001")
    books.close("2026-03-31")
    run_one(invoices)
    with pytest.raises(ValidationError, match="does not wait"):
        approve_day(item_of(invoices), by=GRACE)


def test_a_lock_that_moves_between_plan_and_apply_holds_what_was_planned(
    shop: Toy, books: Books, invoices: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(shop, "1001")
    sold(shop, "1002", day="2026-05-01")
    shown = closing.look

    def closes_meanwhile(run: Run, *, since: Any) -> None:
        with transaction.atomic():
            planned = Item.objects.filter(run=run, state=Item.State.PLANNED).exists()
        if planned:
            books.close("2026-03-31")
            with transaction.atomic():
                locks.doubt(run.flow.target)
        shown(run, since=since)

    monkeypatch.setattr(closing, "look", closes_meanwhile)

    assert run_one(invoices).colour == "amber"

    assert [row["number"] for row in books.rows["invoice"].values()] == ["1002"]
    assert len(books.sent) == 2  # the customer, and one call of one invoice
    assert [issue.code for issue in open_issues()] == ["closed_period"]


@pytest.mark.parametrize(
    ("rule", "day", "refusal"),
    [("hold", None, "closed"), ("next_open_day", "2026-04-01", "closed"), ("next_open_day", "2026-04-01", "refused")],
)
def test_a_lock_that_moves_after_the_last_look_is_understood_from_the_refusal(
    shop: Toy, books: Books, invoices: Flow, monkeypatch: pytest.MonkeyPatch, rule: str, day: str | None, refusal: str
) -> None:
    sold(shop, "1001")
    books.refusal = refusal
    with transaction.atomic():
        set_rule(invoices.target, "invoice", rule, by=None)
    run_one(invoices, preview=True)  # the lock dates have just been read
    written = books._write_one

    def closes_first(name: str, step: int, write: dict[str, Any]) -> Any:
        if not books.closed:
            books.close("2026-03-31")
        return written(name, step, write)

    monkeypatch.setattr(books, "_write_one", closes_first)

    run = run_one(invoices)

    assert run.colour == ("amber" if day is None else "green")
    assert [row["day"] for row in books.rows["invoice"].values()] == ([day] if day else [])
    assert [issue.code for issue in open_issues()] == (["closed_period"] if day is None else [])


def test_a_vendor_that_refuses_and_does_not_say_up_to_when_is_not_asked_again_and_again(
    shop: Toy, books: Books, invoices: Flow
) -> None:
    sold(shop, "1001")
    books.close("2026-03-31", told=False)
    with transaction.atomic():
        set_rule(invoices.target, "invoice", "next_open_day", by=None)

    assert run_one(invoices).colour == "amber"
    sent = len(books.sent)
    assert run_one(invoices).colour == "amber"

    assert len(books.sent) == sent
    assert "does not say up to when" in item_of(invoices).words


def test_a_document_that_stands_behind_the_lock_is_not_changed_and_not_voided(
    shop: Toy, books: Books, invoices: Flow
) -> None:
    sold(shop, "1001", "1002")
    assert run_one(invoices).colour == "green"
    with transaction.atomic():
        set_rule(invoices.target, "invoice", "next_open_day", by=None)
    books.close("2026-03-31")
    sent = len(books.sent)
    shop.put("invoice", "1001", memo="Changed")
    shop.gone["invoice"].append({"external_id": "1002", "how": "voided"})

    assert run_one(invoices).colour == "amber"

    assert len(books.sent) == sent
    assert all("nothing in a closed period is changed" in issue.words for issue in open_issues())
    assert len(open_issues()) == 2


def test_a_day_that_the_vendor_moved_itself_is_noticed_and_shown_and_the_run_stays_green(
    shop: Toy, books: Books, invoices: Flow
) -> None:
    sold(shop, "1001")
    books.silent = "2026-04-15"

    run = run_one(invoices)

    assert run.colour == "green"
    item = item_of(invoices)
    assert (item.state, item.reason) == ("applied", "day_moved_there")
    assert (item.period["asked"], item.period["booked"]) == ("2026-03-01", "2026-04-15")
    (issue,) = open_issues()
    assert issue.code == "day_moved_there"
    assert "dated 2026-03-01, and Books itself booked it on 2026-04-15" in issue.words
    assert run_one(invoices, full=True).colour == "green"
    assert len(books.sent) == 2


def test_an_approved_plan_is_looked_at_again_before_it_is_sent(shop: Toy, books: Books, invoices: Flow) -> None:
    sold(shop, "1001")
    sold(shop, "1002", day="2026-05-01")
    with transaction.atomic():
        Flow.objects.filter(pk=invoices.pk).update(policy={"brakes": {"creates_at_most": 1}})
    run = start_run(invoices, by="test")
    go_on(run)
    assert run.state == Run.State.STOPPED
    books.close("2026-03-31")
    with transaction.atomic():
        locks.doubt(invoices.target)
        approve_run(run, by=GRACE)

    go_on(run)

    assert [row["number"] for row in books.rows["invoice"].values()] == ["1002"]


def test_lock_dates_are_read_with_the_connection_and_their_change_is_audited(books: Books, invoices: Flow) -> None:
    for until in ("2025-12-31", "2025-12-31", "2026-01-31"):
        books.close(until)
        try_out(invoices.target, by=None)
    changes = told("connection.locks_changed")
    assert [[lock["until"] for lock in change["after"]] for change in changes] == [["2025-12-31"], ["2026-01-31"]]


def test_what_a_vendor_tells_whenever_it_comes_is_kept_and_silence_changes_nothing(invoices: Flow) -> None:
    lock = Lock(name="closing date", until=date(2026, 3, 31))
    with transaction.atomic():
        learn_settings(invoices.target, {"edition": "US"}, [lock])
        learn_settings(invoices.target, {"edition": "US"}, None)
        assert locks.known(invoices.target) == [lock]
        learn_settings(invoices.target, {"edition": "US"}, [])
        assert locks.known(invoices.target) == []


def test_a_rule_is_for_what_stands_in_the_ledger(invoices: Flow) -> None:
    with transaction.atomic(), pytest.raises(ValidationError, match="no customer that stands in its ledger"):
        set_rule(invoices.target, "customer", "hold", by=None)
    with transaction.atomic(), pytest.raises(ValidationError, match="one of hold"):
        set_rule(invoices.target, "invoice", "whatever", by=None)


def test_where_nobody_lets_us_ask_a_person_is_told_and_the_run_goes_on(
    shop: Toy, books: Books, invoices: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(shop, "1001")
    with monkeypatch.context() as patch:
        patch.setattr(Books, "_serve", lambda self, visit: {"error": "forbidden"} if visit.path == "/whoami"
                      else Toy._serve(self, visit))  # fmt: skip
        assert run_one(invoices).colour == "green"
        assert [issue.code for issue in open_issues()] == ["lock_dates_unread"]
    run_one(invoices)
    assert open_issues() == []


def test_nothing_is_asked_of_a_vendor_that_tells_no_lock_dates(
    shop: Toy, bring: Bring, connectors: dict[str, Any], books: Books
) -> None:
    connectors["books"] = replace(registry.connectors()["books"], tells_locks=False)
    sold(shop, "1001")
    run_one(bring("customer"))
    run_one(bring("invoice"))
    assert not [asked for asked in books.asked if "whoami" in asked]
    with transaction.atomic():
        assert not MovedDay.objects.exists()
        assert not Issue.objects.exists()
