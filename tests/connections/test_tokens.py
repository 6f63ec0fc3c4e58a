"""A token is kept fresh by one worker, however many need it; a grant is lost only when the vendor clearly says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from integrations.connections import authorise, line
from integrations.connections.models import Connection
from integrations.connections.services import pause, save_connection
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


@pytest.mark.parametrize(
    ("workers", "time"), [(50, {"seconds": -5}), (8, {"seconds": 60})], ids=["has-ended", "ends-soon"]
)
def test_one_worker_refreshes_although_many_need_it(
    workers: int, time: dict[str, float], books: Connection, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.oauth.rotation_seconds = 0  # a second refresh with the same token would end the consent
    before = token_calls(quickbooks)
    ends_in(books, **time)

    assert at_once(workers, lambda: ask(books)) == [200] * workers

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
    assert after.standing == "renewing"  # nobody knows, so nothing says "connected"
    assert ask(books) == 200
    assert fresh(books).standing == "connected"


def test_a_vendor_that_is_not_even_reached_leaves_no_doubt(books: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_in(books, seconds=-5)
    before = fresh(books)

    def unreached(*args: Any, **options: Any) -> Any:
        raise TryLater(sent=False)

    with monkeypatch.context() as patch:
        patch.setattr(oauth, "refresh", unreached)
        with pytest.raises(TryLater):
            ask(books)

    after = fresh(books)
    assert (after.standing, after.renew_at, after.leased_until) == ("connected", before.renew_at, None)


def test_nobody_waits_long_for_another_worker_that_fetches_a_token(
    books: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(books, seconds=-5)
    monkeypatch.setattr(authorise, "PATIENCE", 0.2)
    with transaction.atomic():
        Connection.objects.get(pk=books.pk).claim(seconds=30)

    with pytest.raises(TryLater) as later:
        ask(books)

    assert not later.value.may_have_acted
    assert later.value.retry_after


def test_the_new_token_is_stored_before_anybody_uses_it(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(books, seconds=-5)
    real, stored = line.speak, []

    def looking(request: Any, *, driver: Any, **options: Any) -> Any:
        stored.append(fresh(books).secrets.reveal()["access_token"] == driver.secrets["access_token"])
        return real(request, driver=driver, **options)

    monkeypatch.setattr(line, "speak", looking)

    assert ask(books) == 200
    assert stored == [True]


def test_a_token_that_could_not_be_stored_is_not_used(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(books, seconds=-5)

    def full(*args: Any) -> Any:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(authorise, "_store", full)
        with pytest.raises(OperationalError):
            ask(books)

    assert [call.path for call in quickbooks.journal.calls()][-1].endswith("tokens/bearer")
    assert fresh(books).standing == "renewing"


def test_what_a_person_saves_from_an_old_page_does_not_bring_an_old_token_back(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.oauth.rotation_seconds = 0
    page = fresh(books)
    ends_in(books, seconds=-5)
    assert ask(books) == 200

    page.name = "Renamed"
    save_connection(page, by=None)

    assert fresh(books).name == "Renamed"
    ends_in(books, seconds=-5)
    assert ask(books) == 200


@pytest.mark.parametrize("answer", ["tokens", "refusal"])
def test_a_refresh_that_a_new_consent_has_overtaken_changes_nothing(
    answer: str, books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(books, seconds=-5)
    real, given = oauth.refresh, []

    def overtaken(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        tokens = real(*args, **options)
        consent(fresh(books))
        given.append(fresh(books).secrets.reveal())
        if answer == "refusal":
            raise ConsentLost("revoked", code="invalid_grant")
        return tokens

    monkeypatch.setattr(oauth, "refresh", overtaken)

    assert ask(books) == 200
    assert fresh(books).secrets.reveal() == given[0]
    assert fresh(books).standing == "connected"


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
