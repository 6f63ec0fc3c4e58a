"""Run again, and approve another day: one click or one form, each by whom it may, each with its entry in the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from integrations.connections.models import Connection
from integrations.records.models import Issue, Record
from integrations.sync.closing import HELD, MovedDay, PeriodRule
from integrations.sync.models import Flow, Item, Run
from tenants.audit.models import Event
from tests.doors.world import World, list_of, url_of

pytestmark = pytest.mark.django_db

Visit = Callable[[str], Client]
WISH = {"why": "restored from a copy", "mapping": "then"}
WAITS = {"meant": "2026-03-01", "opens": "2026-04-01", "lock": "closing date", "until": "2026-03-31", "rule": "approve"}


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def idle(ours: World) -> World:
    """Nothing is under way."""
    Run.objects.update(state="done")
    return ours


@pytest.fixture
def closed(ours: World) -> World:
    """The item and its issue wait for a day to be approved."""
    Item.objects.update(reason=HELD, period=WAITS)
    Issue.objects.update(code=HELD)
    return ours


@pytest.mark.parametrize(
    ("model", "verb"), [(Record, "record.replayed"), (Item, "record.replayed"), (Issue, "record.replayed")]
)
def test_what_a_page_is_about_is_run_again_with_a_reason(idle: World, visit: Visit, model: Any, verb: str) -> None:
    browser = visit("operator")
    assert "Run again" in text(browser.get(url_of(idle[model])))

    answer = browser.post(url_of(idle[model], "replay"), WISH)

    run = Run.objects.get(state="queued")
    assert answer.status_code == 302
    assert str(run.pk) in answer["Location"]
    assert run.replay == {"why": WISH["why"], "mapping": "then", "records": [str(idle[Record].pk)]}
    assert Event.objects.filter(verb=verb).count() == 1


def test_a_flow_is_run_again_from_a_day(idle: World, visit: Visit) -> None:
    url = url_of(idle[Flow], "replay")
    assert "from which day" in text(visit("operator").post(url, WISH, follow=True))
    visit("operator").post(url, {**WISH, "since": "2026-03-01", "preview": "on"})
    run = Run.objects.get(state="queued")
    assert (run.preview, run.replay["since"]) == (True, "2026-03-01T00:00:00Z")
    assert Event.objects.filter(verb="flow.replayed").exists()


def test_a_replay_that_cannot_be_says_why(ours: World, visit: Visit) -> None:
    browser = visit("operator")
    assert "Say why" in text(browser.post(url_of(ours[Record], "replay"), {"why": " "}, follow=True))
    assert "is running already" in text(browser.post(url_of(ours[Record], "replay"), WISH, follow=True))
    target = text(browser.post(url_of(ours["target"], "replay"), WISH, follow=True))
    assert "run it again where it comes from" in target
    assert not Event.objects.filter(verb="record.replayed").exists()


def test_who_may_only_look_is_shown_no_card_and_runs_nothing_again(idle: World, visit: Visit) -> None:
    browser = visit("auditor")
    assert "Run again" not in text(browser.get(url_of(idle[Record])))
    assert browser.post(url_of(idle[Record], "replay"), WISH).status_code == 403
    assert not Run.objects.filter(state="queued").exists()


@pytest.mark.parametrize("model", [Item, Issue])
def test_another_day_is_approved_by_one_click(closed: World, visit: Visit, model: Any) -> None:
    browser = visit("operator")
    page = text(browser.get(url_of(closed[model])))
    assert "Book it on the next open day" in page
    assert visit("auditor").post(url_of(closed[model], "approve_day")).status_code == 403

    browser.post(url_of(closed[model], "approve_day"))

    moved = MovedDay.objects.get()
    assert (str(moved.meant), str(moved.booked)) == ("2026-03-01", "2026-04-01")
    assert moved.by
    assert Item.objects.get().state == "waiting"
    event = Event.objects.get(verb="record.day_approved")
    assert event.data["period"]["until"] == "2026-03-31"
    assert "Book it on the next open day" not in text(browser.get(url_of(closed[model])))


def test_both_days_and_the_lock_stand_on_the_items_page_and_in_the_records_life(closed: World, visit: Visit) -> None:
    words = "dated 2026-03-01, booked on 2026-04-01: Books is closed up to 2026-03-31 (closing date); approved by Grace"
    Item.objects.update(state="applied", reason="day_moved", words=words, period={**WAITS, "booked": "2026-04-01"})
    page = text(visit("auditor").get(url_of(closed[Item])))
    for shown in ("2026-03-01", "2026-04-01", "closing date up to 2026-03-31"):
        assert shown in page
    assert words in text(visit("auditor").get(url_of(closed[Record])))


def test_a_rule_for_closed_periods_is_set_by_who_manages_flows_and_stands_in_the_trail(
    ours: World, visit: Visit
) -> None:
    books = ours[Connection]
    wish = {"connection": str(books.pk), "object": "bill", "rule": "next_open_day"}
    add = list_of(PeriodRule) + "add/"
    assert visit("operator").post(add, wish).status_code == 403
    assert visit("admin").post(add, wish).status_code == 302
    assert PeriodRule.objects.get(object="bill").rule == "next_open_day"
    answer = visit("admin").post(url_of(ours[PeriodRule]), {"rule": "hold"})
    assert answer.status_code == 302
    assert PeriodRule.objects.get(object="invoice").rule == "hold"
    rules = Event.objects.filter(verb="periods.rule_set").order_by("at").values_list("data", flat=True)
    assert [(each["object"], each["before"], each["after"]) for each in rules] == [
        ("bill", "hold", "next_open_day"), ("invoice", "approve", "hold"),
    ]  # fmt: skip


def test_a_connections_page_says_up_to_when_its_books_are_closed(ours: World, visit: Visit) -> None:
    assert "2026-03-31 (closing date)" in text(visit("auditor").get(url_of(ours[Connection])))
