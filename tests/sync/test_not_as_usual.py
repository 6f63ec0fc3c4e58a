"""What did not come is told: a volume that is usual, and the answer of a connection. What did not have to come is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from integrations.connections import services
from integrations.connections.models import Connection
from integrations.doors import alerts
from integrations.records.models import Issue
from integrations.sync import arrivals, silence
from integrations.sync.arrivals import MISSING, Arrivals
from integrations.sync.models import Flow, Run
from integrations.sync.silence import NOT_HEARD, PATIENCE, Ends, silent
from tenants.access.models import Membership, User
from tenants.access.permissions import Role
from tenants.models import Tenant
from tests.sync.toys import Toy
from tests.sync.words import run_one

database = pytest.mark.django_db(transaction=True)
Bring = Callable[..., Flow]
AFTERNOON = datetime.combine(timezone.now().date(), time(15, 30), UTC)


@pytest.fixture
def afternoon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is half past three, wherever the tests run."""
    monkeypatch.setattr(arrivals, "timezone", SimpleNamespace(now=lambda: AFTERNOON))


def used_to(flow: Flow, number: int, *, an_hour: int = 5, silent_days: int = 0) -> None:
    """So many weeks in which so much came every hour, except on the last few days; it was asked on all of them."""
    with transaction.atomic():
        flow.counted_no, flow.next_run_at = 0, AFTERNOON + timedelta(minutes=5)
        flow.save()
        Arrivals.objects.bulk_create(
            Arrivals(
                flow=flow,
                day=AFTERNOON.date() - timedelta(days=ago),
                hours=[an_hour if ago > silent_days else 0] * 24,
            )
            for ago in range(1, 7 * number + 1)
        )


def standing(code: str) -> list[Issue]:
    with transaction.atomic():
        return list(Issue.objects.filter(code=code, state=Issue.State.OPEN).select_related("connection"))


# A volume


@database
def test_nothing_to_do_is_green_and_says_that_the_source_was_asked(bring: Bring, shop: Toy, books: Toy) -> None:
    flow = bring("customer")
    shop.put("customer", "1", name="Ann")
    first, second = run_one(flow), run_one(flow)

    assert (first.colour, first.words) == (Run.Colour.GREEN, "")
    assert (second.colour, second.words) == (
        Run.Colour.GREEN,
        "Nothing to do: Shop was asked, and nothing had changed there.",
    )


@database
def test_a_day_without_what_is_usual_is_amber_and_alarms_nobody(
    bring: Bring, shop: Toy, books: Toy, afternoon: None
) -> None:
    flow = bring("customer", schedule="interval", every_minutes=5)
    used_to(flow, 8)

    run = run_one(flow)

    assert run.colour == Run.Colour.AMBER
    assert run.words.startswith(f"Less came than usual since {AFTERNOON:%A, %-d %B}: 0, where 75 are usual")
    assert standing(MISSING) == []


@database
def test_the_second_such_day_is_an_issue_once_with_its_figures(
    bring: Bring, shop: Toy, books: Toy, afternoon: None
) -> None:
    flow = bring("customer", schedule="interval", every_minutes=5)
    used_to(flow, 8, silent_days=1)

    runs = [run_one(flow), run_one(flow)]

    assert {run.colour for run in runs} == {Run.Colour.AMBER}
    [issue] = standing(MISSING)
    assert issue.alert
    assert issue.times == 1
    assert "0 on 2 days, where 195 are usual" in issue.words


@database
def test_when_it_comes_again_what_was_told_is_over(bring: Bring, shop: Toy, books: Toy, afternoon: None) -> None:
    flow = bring("customer", schedule="interval", every_minutes=5)
    used_to(flow, 8, silent_days=1)
    run_one(flow)
    for number in range(70):
        shop.put("customer", str(number), name=f"Ann {number}")

    with transaction.atomic():
        Arrivals.objects.filter(day=AFTERNOON.date()).update(hours=[0] * 14 + [70] + [0] * 9)
    run = run_one(flow)

    assert (run.colour, run.words) == (Run.Colour.GREEN, "")
    assert standing(MISSING) == []


@database
def test_a_flow_that_runs_by_hand_is_not_expected_to_bring_anything(
    bring: Bring, shop: Toy, books: Toy, afternoon: None
) -> None:
    flow = bring("customer")
    used_to(flow, 8, silent_days=3)

    assert run_one(flow).colour == Run.Colour.GREEN


@database
def test_what_comes_is_counted_in_its_hour_and_what_was_there_before_the_first_run_is_not(
    bring: Bring, shop: Toy, books: Toy, afternoon: None
) -> None:
    flow = bring("customer")
    for number in range(3):
        shop.put("customer", str(number), name=f"Ann {number}")
    run_one(flow)
    for number in range(2, 6):
        shop.put("customer", str(number), name=f"Bea {number}")
    run_one(flow)
    run_one(flow, full=True)

    with transaction.atomic():
        [row] = Arrivals.objects.all()
    assert (row.day, row.hours[15], sum(row.hours)) == (AFTERNOON.date(), 4, 4)


# An answer

HOURLY = timedelta(hours=1)
moments = st.integers(0, 5000).map(lambda minutes: AFTERNOON - timedelta(minutes=minutes))


def ends(source: str, target: str) -> Ends:
    return Ends(source, target, lambda after: after + HOURLY)  # any key will do


@given(st.dictionaries(st.sampled_from("abcd"), moments, min_size=4, max_size=4))
def test_named_is_who_did_not_answer_since_its_slot_and_never_who_did(heard: dict[str, datetime]) -> None:
    found = silent([ends("a", "b"), ends("b", "c"), ends("d", "a")], heard, now=AFTERNOON)

    late = {each for each, at in heard.items() if at + HOURLY + PATIENCE <= AFTERNOON}
    assert set(found) <= late
    assert bool(found) == bool(late)
    assert min((heard[each] for each in found), default=None) == min((heard[each] for each in late), default=None)


@pytest.fixture
def flow(bring: Bring) -> Flow:
    flow = bring("customer", schedule="interval", every_minutes=60)
    with transaction.atomic():
        long_ago = timezone.now() - timedelta(days=30)
        Connection.objects.update(created_at=long_ago, connected_at=long_ago)
    return flow


def heard(source: timedelta, target: timedelta) -> None:
    """So long ago."""
    with transaction.atomic():
        Connection.objects.filter(name="Shop").update(heard_at=timezone.now() - source)
        Connection.objects.filter(name="Books").update(heard_at=timezone.now() - target)


@database
def test_a_connection_that_answers_in_time_is_not_missed(flow: Flow, tenant: Tenant) -> None:
    heard(timedelta(minutes=115), timedelta(minutes=61))
    silence.watch(tenant.pk)
    assert standing(NOT_HEARD) == []


@database
def test_a_connection_that_did_not_answer_since_its_slot_is_told_once_and_over_when_it_answers(
    flow: Flow, tenant: Tenant
) -> None:
    heard(timedelta(hours=5), timedelta(hours=4))
    silence.watch(tenant.pk)
    silence.watch(tenant.pk)

    [issue] = standing(NOT_HEARD)
    assert (issue.connection.name if issue.connection else "", issue.times, issue.alert) == ("Shop", 1, True)
    assert issue.words.startswith("No answer came since ")
    heard(timedelta(), timedelta())
    silence.watch(tenant.pk)
    assert standing(NOT_HEARD) == []


@database
@pytest.mark.parametrize("state", [Connection.State.PAUSED, Connection.State.CONSENT_LOST])
def test_what_is_known_to_be_shut_is_not_missed_nor_its_other_end(flow: Flow, tenant: Tenant, state: str) -> None:
    heard(timedelta(hours=5), timedelta(hours=4))
    with transaction.atomic():
        Connection.objects.filter(name="Books").update(state=state)
    silence.watch(tenant.pk)
    assert standing(NOT_HEARD) == []


@database
def test_a_resumed_connection_is_given_its_time(flow: Flow, tenant: Tenant) -> None:
    heard(timedelta(hours=5), timedelta(minutes=5))
    with transaction.atomic():
        shop = Connection.objects.get(name="Shop")
    services.pause(shop, by=None)
    services.resume(shop, by=None)
    silence.watch(tenant.pk)
    assert standing(NOT_HEARD) == []


@database
def test_an_answer_that_is_none_does_not_count_as_heard(bring: Bring, shop: Toy, books: Toy) -> None:
    from integrations.connections.line import _is_heard
    from integrations.wire.message import Answer

    told = {
        status: _is_heard(Answer(status=status, headers={}, body=b"", received_at=AFTERNOON))
        for status in (200, 304, 404, 422, 401, 403, 429, 500, 503)
    }
    assert [status for status, counts in told.items() if counts] == [200, 304, 404, 422]


# Telling


@database
def test_those_who_look_after_the_flows_are_told_by_mail_once(flow: Flow, tenant: Tenant) -> None:
    with transaction.atomic():
        for role in Role:
            user = User.objects.create_user(role, f"{role}@example.test")
            Membership.objects.create(user=user, role=role)
    heard(timedelta(hours=5), timedelta(hours=4))
    silence.watch(tenant.pk)

    assert tenant.pk in alerts.tenants_to_tell()
    assert [alerts.tell(tenant.pk), alerts.tell(tenant.pk)] == [1, 0]

    assert sorted(to for message in mail.outbox for to in message.to) == [
        "admin@example.test", "operator@example.test", "owner@example.test",
    ]  # fmt: skip
    assert "one thing needs a look" in mail.outbox[0].subject
    assert "No answer came since" in mail.outbox[0].body
    assert "/issue/" in mail.outbox[0].body
    assert alerts.tenants_to_tell() == []


@database
def test_what_the_mail_server_did_not_take_is_told_with_the_next_look(
    flow: Flow, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard(timedelta(hours=5), timedelta(hours=4))
    silence.watch(tenant.pk)

    def refuse(*args: object, **options: object) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(alerts.telling, "mail", refuse)
        with pytest.raises(ConnectionRefusedError):
            alerts.tell(tenant.pk)

    assert alerts.tenants_to_tell() == [tenant.pk]
