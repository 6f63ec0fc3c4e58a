"""One budget for each ledger: whoever shares the ledger shares it, and nobody learns from it which ledgers there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from integrations.connections import budgets
from integrations.connections.budgets import expected_finish, ledger_of, spent
from integrations.connections.models import Budget, Connection
from integrations.wire.errors import TryLater
from integrations.wire.limits import Limits, Urgency
from integrations.wire.message import Answer
from plumbing.roles import dispatch
from tenants.models import Tenant
from tenants.scope import tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = Limits(per_minute=2, ledger=("realmId",))
REALM = "9130357766900456"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "PATIENCE", 0.1)


def to_books(tenant: Tenant, realm: str = REALM, **more: Any) -> Connection:
    """A connection of this tenant to the books of that realm."""
    facts = {"connector": "quickbooks_online", "environment": "production", "state": Connection.State.CONNECTED}
    return Connection(tenant_id=tenant.pk, settings={"realmId": realm}, **facts | more)


def call(books: Connection, limits: Limits = LIMITS, answer: Answer | None = None) -> None:
    with spent(books, limits, seconds=60, urgency=Urgency.POSTING, batch=False) as spending:
        spending.hear(answer or Answer(status=200))


def statements(work: Callable[[], None]) -> int:
    """How often the budget is read or written meanwhile."""
    seen = []

    def see(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append("integrations_budget" in sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(see):
        work()
    return sum(seen)


def test_two_tenants_with_one_ledger_spend_one_budget(tenant: Tenant, other_tenant: Tenant) -> None:
    call(to_books(tenant))
    with tenant_scope(other_tenant.pk):
        call(to_books(other_tenant))
    with pytest.raises(TryLater) as refused:
        call(to_books(tenant))
    assert not refused.value.may_have_acted
    call(to_books(tenant, realm="another"))


def test_who_only_typed_the_name_of_a_ledger_spends_nothing_of_its_budget(tenant: Tenant, other_tenant: Tenant) -> None:
    for _ in range(2):
        call(to_books(other_tenant, state=Connection.State.NEW))
    call(to_books(tenant))
    call(to_books(tenant))


def test_where_no_setting_tells_ledgers_apart_the_company_does_that_the_vendor_named(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.connectors.registry import connector

    monkeypatch.setattr(budgets, "connector", lambda slug: replace(connector(slug), limits=Limits(per_minute=2)))
    ours, theirs = to_books(tenant, company={"id": "7"}), to_books(other_tenant, company={"id": "7"})
    assert ledger_of(ours) == ledger_of(theirs) != ledger_of(to_books(tenant, company={"id": "8"}))
    assert ledger_of(to_books(tenant)) != ledger_of(to_books(tenant))


def test_the_limits_of_the_app_hold_over_all_ledgers(tenant: Tenant) -> None:
    both = replace(LIMITS, app=Limits(per_minute=3))
    call(to_books(tenant), both)
    call(to_books(tenant, realm="another"), both)
    call(to_books(tenant, realm="a third"), both)
    with pytest.raises(TryLater):
        call(to_books(tenant, realm="a fourth"), both)
    call(to_books(tenant, realm="a fourth"))  # and its ledger has not paid for the call that did not go
    call(to_books(tenant, realm="a fourth"))


def test_no_tenant_can_read_which_ledgers_there_are(tenant: Tenant) -> None:
    call(to_books(tenant))
    for statement in (
        "SELECT id FROM integrations_budget",
        "UPDATE integrations_budget SET version = 0",
        "DELETE FROM integrations_budget",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    with dispatch():
        row = Budget.objects.get()
    for told in (REALM, "quickbooks", str(tenant.pk)):
        assert told not in row.id
        assert told.encode() not in bytes(row.state)


def test_a_turn_costs_one_statement_and_what_the_answer_said_another(tenant: Tenant) -> None:
    books, limits = to_books(tenant), replace(LIMITS, per_minute=100)
    call(books, limits)
    assert statements(lambda: call(books, limits)) == 2


def test_what_another_process_wrote_meanwhile_is_not_overwritten(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = to_books(tenant)
    call(books)
    before = dict(budgets._read)
    call(books)  # the second of two; a process that still knows of one only asks now
    monkeypatch.setattr(budgets, "_read", before)
    with pytest.raises(TryLater):
        call(books)


def test_what_the_vendor_says_is_left_is_learnt_by_all(tenant: Tenant, other_tenant: Tenant) -> None:
    limits = Limits(per_minute=60, remaining={"per_minute": "X-Left"}, ledger=("realmId",))
    call(to_books(tenant), limits, Answer(status=200, headers={"x-left": "0"}))
    with pytest.raises(TryLater):
        call(to_books(other_tenant), limits)


def test_a_refusal_that_names_a_time_closes_the_ledger_for_all(tenant: Tenant, other_tenant: Tenant) -> None:
    limits = replace(LIMITS, per_minute=100)
    call(to_books(tenant), limits, Answer(status=429, headers={"Retry-After": "20"}))
    with pytest.raises(TryLater) as refused:
        call(to_books(other_tenant), limits)
    assert 15 < (refused.value.retry_after or 0) <= 20


def test_what_is_still_to_be_called_is_reckoned_from_what_is_left(tenant: Tenant) -> None:
    books = to_books(tenant)
    call(books)
    wait = expected_finish(books, LIMITS, calls=4, each=1.0, urgency=Urgency.POSTING) - timezone.now()
    assert 100 < wait.total_seconds() < 130


def test_budgets_that_an_operator_has_emptied_begin_anew(tenant: Tenant, owner: Any) -> None:
    books = to_books(tenant)
    call(books)
    call(books)
    owner.execute("DELETE FROM integrations_budget")
    call(books)
