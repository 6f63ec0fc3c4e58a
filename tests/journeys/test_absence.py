"""Absence: what a list no longer shows has gone only if a direct read says so, and never in masses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.records import absence
from integrations.records.intake import freshen
from integrations.records.models import Issue, Record, Stream
from integrations.wire.errors import VendorError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customers(books: Connection, quickbooks: QuickBooksOnline) -> list[str]:
    """Thirty customers at the vendor, kept by us; their ids."""
    realm = books.settings["realmId"]
    ids = [quickbooks.by_hand("Customer", {"DisplayName": f"Customer {n}"}, realm=realm)["Id"] for n in range(30)]
    read(books)
    return ids


def read(books: Connection, *, full: bool = False) -> None:
    freshen(books, "customer", since=timezone.now(), until=timezone.now() + timedelta(minutes=1), full=full)


def states() -> list[str]:
    with transaction.atomic():
        return list(Record.objects.filter(object="customer").order_by("feed_no").values_list("state", flat=True))


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch, books: Connection) -> Callable[[set[str]], None]:
    """Makes the vendor's list leave out these customers, although they are still there."""
    from integrations.connectors.registry import connector
    from integrations.wire.stream import FETCHED, Page

    dialect = type(connector(books.connector).dialect)
    real = dialect.read

    def hide(ids: set[str]) -> None:
        def read(self: object, stream: object, cursor: object, answer: object, site: object) -> Page:
            page = real(self, stream, cursor, answer, site)
            if cursor == FETCHED:
                return page
            return Page(raws=[raw for raw in page.raws if raw["Id"] not in ids], next=page.next, mark=page.mark)

        monkeypatch.setattr(dialect, "read", read)

    return hide


def test_a_record_that_a_list_leaves_out_lives_on_if_it_is_there(
    customers: list[str], books: Connection, unlisted: Callable[[set[str]], None]
) -> None:
    unlisted({customers[0]})

    read(books, full=True)

    assert states() == ["live"] * 30


def test_a_record_that_is_neither_listed_nor_there_is_deleted(
    customers: list[str], books: Connection, quickbooks: QuickBooksOnline
) -> None:
    with transaction.atomic():
        # As if QuickBooks had merged it away: it lists no such id, and knows none.
        Record.objects.filter(external_id=customers[3]).update(external_id="999999")

    read(books, full=True)

    with transaction.atomic():
        assert Record.objects.get(external_id="999999").state == "deleted"
        assert Record.objects.get(external_id=customers[3]).state == "live"


def test_where_many_vanish_at_once_nothing_follows_until_a_person_has_looked(
    customers: list[str], books: Connection, unlisted: Callable[[set[str]], None]
) -> None:
    unlisted(set(customers[:9]))

    with pytest.raises(absence.Vanished, match="9 of 30"):
        read(books, full=True)

    assert states() == ["live"] * 30
    with transaction.atomic():
        (issue,) = Issue.objects.filter(code="vanished", state=Issue.State.OPEN)
        stream = Stream.objects.get(object="customer")
        # Two of them are not there: QuickBooks would list no such id, and knows none.
        for place in range(2):
            Record.objects.filter(external_id=customers[place]).update(external_id=f"99999{place}")
    assert issue.words.startswith("9 of 30")

    absence.allow(stream, 9)
    read(books)

    assert sorted(states()) == ["deleted"] * 2 + ["live"] * 28, "each was asked for by itself"
    with transaction.atomic():
        assert not Issue.objects.filter(code="vanished", state=Issue.State.OPEN).exists()


def test_where_the_direct_read_fails_nothing_is_concluded(
    customers: list[str], books: Connection, unlisted: Callable[[set[str]], None], quickbooks: QuickBooksOnline
) -> None:
    unlisted({customers[0]})
    quickbooks.fail_next(status=500, skip=1)  # the list comes, and the direct read does not

    with pytest.raises(VendorError):
        read(books, full=True)

    assert states() == ["live"] * 30


def test_a_full_sweep_that_ends_is_not_repeated_by_the_next_read(customers: list[str], books: Connection) -> None:
    read(books, full=True)
    with transaction.atomic():
        before = Stream.objects.get(object="customer")

    read(books)

    with transaction.atomic():
        after = Stream.objects.get(object="customer")
    assert after.fully_swept_at == before.fully_swept_at
    assert after.sweep == before.sweep + 1
