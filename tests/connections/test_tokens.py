"""A token is kept fresh by one worker, however many need it; a grant is lost only when the vendor clearly says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise, line
from integrations.connections.models import Connection
from integrations.connections.services import pause
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.wire import oauth
from integrations.wire.errors import ConsentLost, TryLater
from tenants.audit.models import Event
from tests.connections.conftest import at_once, consent, fresh, question

pytestmark = pytest.mark.django_db(transaction=True)

State = Connection.State


def token_calls(quickbooks: QuickBooksOnline) -> int:
    return len(quickbooks.journal.calls(path="tokens/bearer"))


def ends_in(books: Connection, **time: float) -> None:
    with transaction.atomic():
        Connection.objects.filter(pk=books.pk).update(token_expires_at=timezone.now() + timedelta(**time))


def ask(books: Connection) -> int:
    """One worker asks something; gives the status of the answer."""
    mine = fresh(books)
    return line.send(mine, question(mine)).status


@pytest.mark.parametrize("time", [{"seconds": -5}, {"seconds": 60}], ids=["has-ended", "ends-soon"])
def test_one_worker_refreshes_although_eight_need_it(
    time: dict[str, float], books: Connection, quickbooks: QuickBooksOnline
) -> None:
    before = token_calls(quickbooks)
    ends_in(books, **time)

    assert at_once(8, lambda: ask(books)) == [200] * 8

    assert token_calls(quickbooks) - before == 1


def test_one_worker_refreshes_when_the_vendor_ends_the_token_before_its_time(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    before = token_calls(quickbooks)
    quickbooks.expire_tokens()

    assert at_once(8, lambda: ask(books)) == [200] * 8

    assert token_calls(quickbooks) - before == 1


def test_a_token_that_is_good_for_some_minutes_is_used(books: Connection, quickbooks: QuickBooksOnline) -> None:
    before = token_calls(quickbooks)
    ends_in(books, minutes=5)

    assert ask(books) == 200
    assert token_calls(quickbooks) == before


def test_a_consent_that_was_taken_back_is_asked_for_once_and_pauses_the_connection(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    before = token_calls(quickbooks)
    quickbooks.revoke_consent()

    outcomes = at_once(8, lambda: ask(books))

    assert [type(each) for each in outcomes] == [ConsentLost] * 8
    assert token_calls(quickbooks) - before == 1
    assert fresh(books).state == State.CONSENT_LOST
    with transaction.atomic():
        assert Event.objects.filter(verb="connection.consent_lost").count() == 1

    consent(fresh(books))
    assert ask(books) == 200


@pytest.mark.parametrize(
    "trouble",
    [
        {"what": "html", "moment": "before"},
        {"what": "fail", "status": 500, "moment": "before"},
        {"what": "fail", "status": 429, "moment": "before"},
        {"what": "drop", "moment": "before"},
        {"what": "truncate", "moment": "after"},
    ],
    ids=lambda trouble: f"{trouble['what']}{trouble.get('status', '')}",
)
def test_an_unclear_answer_of_the_token_address_loses_nothing(
    trouble: dict[str, Any], books: Connection, quickbooks: QuickBooksOnline
) -> None:
    secrets = fresh(books).secrets.reveal()
    ends_in(books, seconds=-5)
    quickbooks.misbehave(path="tokens/bearer", **trouble)

    with pytest.raises(TryLater):
        ask(books)

    after = fresh(books)
    assert after.secrets.reveal() == secrets
    assert (after.state, after.leased_until) == (State.CONNECTED, None)
    assert ask(books) == 200


def test_a_refresh_leaves_alone_what_a_person_saved_meanwhile(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(books, seconds=-5)
    real = oauth.refresh

    def slow(*args: Any, **options: Any) -> Any:
        with transaction.atomic():
            Connection.objects.filter(pk=books.pk).update(
                name="Renamed", settings={**books.settings, "home_currency": "USD"}
            )
            pause(fresh(books), by=None)
        return real(*args, **options)

    monkeypatch.setattr(oauth, "refresh", slow)
    authorise.secrets_of(fresh(books))

    after = fresh(books)
    assert (after.name, after.settings["home_currency"], after.state) == ("Renamed", "USD", State.PAUSED)
    assert after.token_expires_at is not None
    assert after.token_expires_at > timezone.now()


def test_a_worker_that_died_while_it_refreshed_is_replaced(books: Connection, quickbooks: QuickBooksOnline) -> None:
    ends_in(books, seconds=-5)
    with transaction.atomic():
        dead = Connection.objects.get(pk=books.pk)
        dead.claim(seconds=0.5)

    assert ask(books) == 200


def test_another_company_cannot_take_the_place_of_the_one_that_is_linked(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    first, second, *_ = quickbooks.companies
    quickbooks.auto_consent = second

    with pytest.raises(ConsentLost, match="Another company was chosen"):
        consent(fresh(books))

    assert fresh(books).settings["realmId"] == first
    assert ask(books) == 200


def test_no_secret_is_told_in_words_reasons_or_the_trail(books: Connection, quickbooks: QuickBooksOnline) -> None:
    secrets = fresh(books).secrets.reveal()
    quickbooks.revoke_consent()
    with pytest.raises(ConsentLost) as lost:
        ask(books)
    with transaction.atomic():
        told = f"{lost.value} {lost.value!r} {fresh(books).state_reason} {list(Event.objects.values())}"

    assert not [name for name, secret in secrets.items() if len(secret) > 8 and secret in told]
    assert "sandbox" not in lost.value.words
