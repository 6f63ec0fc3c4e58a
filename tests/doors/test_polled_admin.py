"""The page of a connection whose vendor polls us: how to set its side up, who came, and what waits."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from integrations.connections import line
from integrations.connections.models import Caller, Connection
from integrations.connections.services import save_connection
from integrations.wire.message import Request
from tenants.access.models import User
from tenants.audit.models import Event
from tests.doors.world import url_of
from tests.polled import Runner

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[str], Client]


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_a_new_password_is_shown_once_and_lets_in(
    counter_connection: Connection, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("admin")
    page = browser.post(url_of(counter_connection, "password"))
    password = re.search(r'id="password">(\w+)<', text(page)).group(1)

    assert "no-store" in page.headers["Cache-Control"]
    assert password not in text(browser.get(url_of(counter_connection)))
    with transaction.atomic():
        user = Caller.objects.get().user
        assert password not in str(list(Event.objects.values_list("data", flat=True)))
    assert Runner(user, password).sign_in()["reply"] == "Welcome"


def test_the_invitation_names_address_and_user_and_no_password(
    counter_connection: Connection, runner: Runner, people: dict[str, User], visit: Visit, settings: Any
) -> None:
    counter_connection.settings = {"every_minutes": 30}
    with transaction.atomic():
        counter_connection.save()
        place = Caller.objects.get().place_id
    file = visit("admin").get(url_of(counter_connection, "invitation"))
    address = f"{settings.PUBLIC_URL}/polled/counter/"
    assert json.loads(file.content) == {
        "name": "Counter",
        "address": address,
        "support": address,
        "user": runner.user,
        "place": place,
        "minutes": 30,
    }
    assert 'filename="invitation.json"' in file.headers["Content-Disposition"]


def test_where_their_side_would_not_come_there_is_no_invitation(
    tenant: Any, people: dict[str, User], visit: Visit, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://books.example"
    desktop = save_connection(Connection(name="Books", connector="quickbooks_desktop"), by=None)
    answer = visit("admin").get(url_of(desktop, "invitation"), follow=True)
    assert "https addresses only" in text(answer)


def test_only_who_manages_connections_gets_passwords_and_invitations(
    counter_connection: Connection, people: dict[str, User], visit: Visit
) -> None:
    assert visit("auditor").post(url_of(counter_connection, "password")).status_code == 403
    assert visit("auditor").get(url_of(counter_connection, "invitation")).status_code == 403
    assert visit("nobody").get(url_of(counter_connection, "invitation")).status_code in (302, 403)


def test_the_page_shows_who_came_and_what_waits(
    known: Connection, runner: Runner, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("auditor")
    line.send(known, Request(method="GET", path="customer"))
    page = text(browser.get(url_of(known)))
    assert "Nobody came yet." in page
    assert "1 waits to be fetched" in page
    assert runner.user in page

    runner.place = {"name": "Toys Ltd"}
    runner.visit()
    page = text(browser.get(url_of(known)))
    assert "1 answered" in page
    assert "Nobody came yet." not in page


def test_other_books_are_accepted_by_a_button_that_is_there_only_then(
    known: Connection, runner: Runner, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("admin")
    line.send(known, Request(method="GET", path="customer"))
    runner.place = {"name": "Toys Ltd"}
    runner.visit()
    assert "These are the right books" not in text(browser.get(url_of(known)))
    assert browser.post(url_of(known, "accept")).status_code == 403

    line.send(known, Request(method="GET", path="item"))
    runner.place = {"name": "Toys & Games Ltd"}
    runner.visit()
    assert "These are the right books" in text(browser.get(url_of(known)))
    assert "right books from now on" in text(browser.post(url_of(known, "accept"), follow=True))
    runner.visit()
    assert "2 answered" in text(browser.get(url_of(known)))


def test_a_test_is_answered_by_the_next_visit(
    counter_connection: Connection, runner: Runner, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("admin")
    runner.visit()  # connects it
    assert "has not answered yet" in text(browser.post(url_of(counter_connection, "test"), follow=True))
    runner.visit()
    assert "It answers: Toys Ltd" in text(browser.post(url_of(counter_connection, "test"), follow=True))
