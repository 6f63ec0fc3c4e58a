"""Closed books at QuickBooks: what a bookkeeper decides, and what stands in the ledger in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from integrations.connections.locks import LockDates
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync.closing import approve_day, set_rule
from integrations.sync.models import Flow, Item
from tenants.audit import Reference
from tests.journeys.stories import put, row, run_one

pytestmark = pytest.mark.django_db(transaction=True)

GRACE = Reference("person", name="Grace")


@pytest.fixture
def realm(flows: dict[str, Flow]) -> str:
    return str(flows["invoice"].target.settings["realmId"])


@transaction.atomic
def held(flow: Flow) -> list[Item]:
    found = Item.objects.filter(flow=flow, state=Item.State.HELD).select_related("flow", "record")
    return list(found.order_by("record__external_id"))


def days(quickbooks: QuickBooksOnline, realm: str) -> dict[str, str]:
    return {each["DocNumber"]: each["TxnDate"] for each in quickbooks.documents("Invoice", realm)}


def test_a_bookkeeper_approves_one_day_and_a_change_behind_the_lock_is_held_without_a_call(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline, realm: str
) -> None:
    put(exchange, row("1001"))
    for name in ("customer", "item", "invoice"):
        assert run_one(flows[name]).colour == "green"
    flow = flows["invoice"]
    set_rule(flow.target, "invoice", "approve", by=None)
    quickbooks.set_preferences(realm, book_close_date="2010-12-31")
    put(exchange, row("1001", quantity=2), row("1002"))
    wrote = quickbooks.journal.calls(wrote=True)

    assert run_one(flow).colour == "amber"

    changed, new = held(flow)
    assert "nothing in a closed period is changed" in changed.words
    assert new.period["opens"] == "2011-01-01"
    assert quickbooks.journal.calls(wrote=True) == wrote

    approve_day(new, by=GRACE)
    assert run_one(flow).colour == "amber"  # the change of the first is still held
    assert days(quickbooks, realm) == {"1001": "2010-12-01", "1002": "2011-01-01"}

    quickbooks.set_preferences(realm, book_close_date=None)
    assert run_one(flow).colour == "green"
    assert days(quickbooks, realm) == {"1001": "2010-12-01", "1002": "2011-01-01"}
    with transaction.atomic():
        assert LockDates.objects.get(connection=flow.target).locks == []
