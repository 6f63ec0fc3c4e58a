"""The line to a vendor: within its limits before it enforces them, within the lease, never inside a transaction."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations.connections import line
from integrations.connections.budgets import ledger_of
from integrations.connections.models import Budget as Row
from integrations.connections.models import Connection
from integrations.connections.services import pause, resume
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.wire.errors import ConsentLost, TryLater
from integrations.wire.limits import Budget
from integrations.wire.message import Answer
from plumbing.roles import dispatch
from tests.connections.conftest import at_once, fresh, question

pytestmark = pytest.mark.django_db(transaction=True)


def ask(books: Connection) -> Answer:
    mine = fresh(books)
    answer = line.send(mine, question(mine))
    assert isinstance(answer, Answer)
    return answer


def budget_of(books: Connection) -> Budget:
    """What is kept of the ledger's limits."""
    key = ledger_of(fresh(books))
    with dispatch():
        return msgspec.msgpack.decode(Row.objects.get(pk=key).state, type=Budget)


def close(books: Connection, *, seconds: float) -> None:
    """Let the ledger be closed for so long."""
    closed = msgspec.structs.replace(budget_of(books), closed_until=timezone.now().timestamp() + seconds)
    with dispatch():
        Row.objects.update(state=msgspec.msgpack.encode(closed), version=F("version") + 1)


def asked(quickbooks: QuickBooksOnline) -> list[int]:
    """The statuses of what the vendor answered to questions."""
    return [call.status for call in quickbooks.journal.calls(path="/query")]


def test_a_vendor_is_never_called_inside_a_transaction(books: Connection, quickbooks: QuickBooksOnline) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction.atomic():
        line.send(books, question(books))
    assert asked(quickbooks) == []


class TestLimits:
    @pytest.fixture
    def speed(self) -> float:
        return 1.0

    def test_a_burst_of_many_workers_never_exceeds_what_the_vendor_allows(
        self, books: Connection, quickbooks: QuickBooksOnline
    ) -> None:
        def patient() -> int:
            while True:
                try:
                    return ask(books).status
                except TryLater as busy:
                    time.sleep(min(busy.retry_after or 0.1, 0.5))

        begun = time.monotonic()
        assert at_once(32, patient) == [200] * 32

        assert asked(quickbooks) == [200] * 32
        assert time.monotonic() - begun > 2

    def test_who_finds_no_room_is_told_when_to_come_back(self, books: Connection, quickbooks: QuickBooksOnline) -> None:
        ask(books)
        close(books, seconds=20)

        with pytest.raises(TryLater) as refused:
            ask(books)

        assert not refused.value.may_have_acted
        assert refused.value.retry_after is not None
        assert 10 < refused.value.retry_after <= 20

    @pytest.mark.parametrize(("told", "least", "most"), [("7", 5.5, 7.1), (None, 0.5, 2.1)])
    def test_too_many_requests_close_the_line_for_every_worker(
        self,
        told: str | None,
        least: float,
        most: float,
        books: Connection,
        quickbooks: QuickBooksOnline,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = quickbooks.failure

        def failure(status: int) -> Any:
            answer = real(status)
            if told:
                answer.headers["Retry-After"] = told
            return answer

        monkeypatch.setattr(quickbooks, "failure", failure)
        quickbooks.throttle()

        assert ask(books).status == 429

        closed = budget_of(books).closed_until - timezone.now().timestamp()
        assert least < closed < most


@pytest.mark.parametrize("what", ["pause", "lost"])
def test_nothing_is_sent_over_a_connection_that_another_worker_knows_to_be_closed(
    what: str, books: Connection, quickbooks: QuickBooksOnline
) -> None:
    mine = fresh(books)
    if what == "pause":
        pause(fresh(books), by=None)
    else:
        with transaction.atomic():
            Connection.objects.update(state=Connection.State.CONSENT_LOST)

    with pytest.raises(ConsentLost):
        line.send(mine, question(mine))

    assert asked(quickbooks) == []
    resume(fresh(books), by=None)
    assert line.send(mine, question(mine)).status == 200


def test_nothing_is_sent_that_could_not_be_over_before_the_lease_ends(
    books: Connection, quickbooks: QuickBooksOnline
) -> None:
    with pytest.raises(TryLater) as late:
        line.send(books, question(books), before=timezone.now() + timedelta(seconds=line.MARGIN))

    assert not late.value.may_have_acted
    assert asked(quickbooks) == []


def test_waiting_for_a_token_takes_its_part_of_the_lease(
    books: Connection, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.connections import authorise

    real = authorise.secrets_of

    def slow(connection: Connection) -> dict[str, str]:
        time.sleep(0.5)
        return real(connection)

    monkeypatch.setattr(authorise, "secrets_of", slow)

    with pytest.raises(TryLater):
        line.send(books, question(books), before=timezone.now() + timedelta(seconds=line.MARGIN + 0.4))

    assert asked(quickbooks) == []


def test_a_vendor_that_answered_is_remembered(books: Connection) -> None:
    ask(books)

    assert fresh(books).heard_at is not None
