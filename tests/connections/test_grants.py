"""Grants that nobody looks at: kept alive, looked after when a worker dies over them, and told of when they are lost."""

from __future__ import annotations

from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise, grants
from integrations.connections.models import Connection
from integrations.connections.services import pause, resume
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.connectors.quickbooks_online.simulator import oauth as vendor
from integrations.doors import alerts, tasks
from integrations.records import consents
from integrations.records.models import Issue
from integrations.wire import oauth
from integrations.wire.errors import ConsentLost
from tenants.access.models import Membership, User
from tenants.access.permissions import Role
from tenants.models import Tenant
from tests.connections.conftest import consent, fresh
from tests.connections.test_tokens import ask, ends_in, token_calls
from tests.journeys.stories import dies

pytestmark = pytest.mark.django_db(transaction=True)

State = Connection.State


def look() -> None:
    """What the tick and a worker do about grants."""
    for _, connection in Context().run(grants.take_due):
        grants.keep_alive(connection)


def tell() -> None:
    """What the tick does about consents, in no tenant's scope."""
    Context().run(consents.watch)


def time_passes(books: Connection) -> None:
    """Until the lease of a worker that died has lapsed, and what was to be looked at is due."""
    past = timezone.now() - timedelta(seconds=1)
    with transaction.atomic():
        Connection.objects.filter(pk=books.pk).update(leased_until=past, renew_at=past)


@transaction.atomic
def issues(code: str) -> list[Issue]:
    return list(Issue.objects.filter(code=code, state=Issue.State.OPEN))


def kill_between_answer_and_save(books: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_in(books, seconds=-5)
    with dies(monkeypatch, authorise, "_keep"):
        ask(books)


def test_a_kill_between_answer_and_save_is_seen_at_once_and_looked_at_within_a_minute(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_between_answer_and_save(books, monkeypatch)

    left = fresh(books)
    assert (left.standing, left.get_state_display()) == ("renewing", "its permission is being renewed")
    assert left.renew_at is not None
    assert left.leased_until is not None
    assert max(left.renew_at, left.leased_until) < timezone.now() + timedelta(seconds=50)
    assert Context().run(grants.take_due) == []  # the worker may still be at it


def test_after_such_a_kill_the_grant_is_recovered_where_the_vendor_still_takes_the_old_token(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_between_answer_and_save(books, monkeypatch)
    time_passes(books)

    look()

    assert fresh(books).standing == "connected"
    assert ask(books) == 200


def test_after_such_a_kill_people_are_told_where_the_vendor_takes_the_old_token_no_more(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickbooks.oauth.rotation_seconds = 0
    kill_between_answer_and_save(books, monkeypatch)
    time_passes(books)

    look()
    tell()

    assert fresh(books).state == State.CONSENT_LOST
    (issue,) = issues("consent_lost")
    assert issue.alert
    assert "invalid_grant" in issue.words

    consent(fresh(books))
    tell()
    assert issues("consent_lost") == []
    assert ask(books) == 200


def test_a_worker_that_was_stopped_past_its_lease_still_brings_the_token_that_counts(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "TOGETHER_SECONDS", -1)  # this vendor only refuses the old token
    quickbooks.oauth.rotation_seconds = 0
    ends_in(books, seconds=-5)
    real = oauth.refresh

    def stopped(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(oauth, "refresh", real)
        tokens = real(*args, **options)
        time_passes(books)
        with pytest.raises(ConsentLost):
            authorise.refresh(fresh(books))
        return tokens

    monkeypatch.setattr(oauth, "refresh", stopped)

    assert ask(books) == 200
    assert fresh(books).standing == "renewing"
    look()
    assert fresh(books).standing == "connected"


@pytest.mark.parametrize("is_paused", [False, True], ids=["connected", "paused"])
def test_a_grant_that_nobody_uses_lives_on(is_paused: bool, books: Connection, quickbooks: QuickBooksOnline) -> None:
    left = fresh(books)
    assert left.renew_at is not None
    assert left.refresh_expires_at is not None
    assert timedelta(days=49) < left.renew_at - timezone.now() < timedelta(days=51)
    assert left.refresh_expires_at - timezone.now() > timedelta(days=99)
    if is_paused:
        pause(left, by=None)

    for _ in range(3):
        quickbooks.move_clock(timedelta(days=60))
        time_passes(books)
        look()

    if is_paused:
        assert fresh(books).state == State.PAUSED
        resume(fresh(books), by=None)
    ends_in(books, seconds=-5)
    assert ask(books) == 200


def test_a_grant_that_is_not_kept_alive_lapses(books: Connection, quickbooks: QuickBooksOnline) -> None:
    quickbooks.move_clock(timedelta(days=120))
    ends_in(books, seconds=-5)

    with pytest.raises(ConsentLost):
        ask(books)


def test_a_grant_is_refreshed_once_however_often_it_is_handed_out(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    time_passes(books)
    before = token_calls(quickbooks)

    assert Context().run(grants.take_due) == [(books.tenant_id, books.pk)]
    assert Context().run(grants.take_due) == []
    for _ in range(3):
        tasks.renew_grant(str(books.tenant_id), str(books.pk))

    assert token_calls(quickbooks) - before == 1


def test_a_vendor_in_trouble_is_asked_ever_more_rarely(books: Connection, quickbooks: QuickBooksOnline) -> None:
    waits = []
    for minutes in (0, 10, 600):
        with transaction.atomic():
            since = timezone.now() - timedelta(minutes=minutes) if minutes else None
            Connection.objects.filter(pk=books.pk).update(renew_at=timezone.now(), renewing_since=since)
        quickbooks.misbehave(path="tokens/bearer", what="fail", status=503, moment="before")
        look()
        again = fresh(books).renew_at
        assert again is not None
        waits.append((again - timezone.now()).total_seconds())

    assert 10 < waits[0] <= 20
    assert 400 < waits[1] <= 600
    assert 2500 < waits[2] <= 3600


def test_the_end_of_a_consent_is_told_a_month_before(books: Connection, quickbooks: QuickBooksOnline) -> None:
    quickbooks.move_clock(timedelta(days=5 * 365 - 20))  # consent ends five years after it was given, whatever is done
    with transaction.atomic():
        quickbooks.store.run("update consent set used_at=?", int(quickbooks.clock.now().timestamp()))
    time_passes(books)

    tasks.renew_grant(str(books.tenant_id), str(books.pk))

    (issue,) = issues("consent_ends")
    assert issue.alert
    assert "ends on" in issue.words
    consent(fresh(books))
    time_passes(books)
    tasks.renew_grant(str(books.tenant_id), str(books.pk))
    assert issues("consent_ends") == []


@pytest.fixture
def people(tenant: Tenant) -> None:
    for role in Role:
        user = User.objects.create(username=role.value, email=f"{role.value}@ours.example")
        with transaction.atomic():
            Membership.objects.create(user=user, role=role)


def test_who_may_manage_connections_is_told_of_a_lost_consent_by_mail_and_once(
    people: None, tenant: Tenant, books: Connection, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.revoke_consent()
    with pytest.raises(ConsentLost):
        ask(books)

    for _ in range(3):
        tell()
        Context().run(tasks.alert, str(tenant.pk))

    told = sorted(address for message in mail.outbox for address in message.to)
    assert {"owner@ours.example", "admin@ours.example"} <= set(told)
    assert "auditor@ours.example" not in told
    assert len(told) == len(set(told))
    text = mail.outbox[0].body
    assert "QuickBooks" in text
    assert "press Connect" in text
    assert fresh(books).secrets.reveal()["refresh_token"] not in text


def test_a_mail_server_in_trouble_delays_the_mail_and_loses_none(
    people: None, tenant: Tenant, books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickbooks.revoke_consent()
    with pytest.raises(ConsentLost):
        ask(books)
    tell()

    def refused(*args: Any, **options: Any) -> Any:
        raise ConnectionRefusedError("no mail server")

    with monkeypatch.context() as patch:
        patch.setattr(alerts.telling, "mail", refused)
        Context().run(tasks.alert, str(tenant.pk))
    assert mail.outbox == []
    Context().run(tasks.alert, str(tenant.pk))

    assert mail.outbox
