"""What a bookkeeper lives through when QuickBooks says no: what is right goes on, what waits goes by itself, and people are told."""

from __future__ import annotations

from contextvars import Context
from pathlib import Path

import pytest
from django.core import mail
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.doors import tasks
from integrations.records import consents
from integrations.records.models import Issue
from integrations.sync import due
from integrations.sync.models import Flow, Item
from integrations.sync.services import retry, start_run
from integrations.sync.stages import Done, Later
from tenants.access.models import Membership, User
from tenants.access.permissions import Role
from tests.journeys.conftest import consent
from tests.journeys.stories import ORDER, go_on, put, row, run_all

pytestmark = pytest.mark.django_db(transaction=True)


def numbers(quickbooks: QuickBooksOnline, flows: dict[str, Flow]) -> list[str]:
    realm = flows["invoice"].target.settings["realmId"]
    return sorted(each["DocNumber"] for each in quickbooks.documents("Invoice", realm))


@transaction.atomic
def open_issues() -> list[Issue]:
    return list(Issue.objects.filter(state=Issue.State.OPEN))


def test_invoices_wait_for_a_customer_that_was_refused_and_go_by_themselves_when_it_is_mended(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    realm = flows["customer"].target.settings["realmId"]
    told = quickbooks.by_hand("Vendor", {"DisplayName": "Customer 17850"}, realm=realm)
    supplier = told.get("Vendor", told)
    put(exchange, row("1001"), row("1002", customer="13047"), row("1003"))

    runs = run_all(flows)

    assert (runs["customer"].colour, runs["invoice"].colour) == ("amber", "amber")
    assert numbers(quickbooks, flows) == ["1002"]
    (issue,) = open_issues()
    assert issue.code == "refused"
    assert "17850" in issue.where
    with transaction.atomic():
        waiting = Item.objects.filter(flow=flows["invoice"], state=Item.State.WAITING)
        assert [("17850" in item.words) for item in waiting] == [True, True]
        held = Item.objects.get(flow=flows["customer"], state=Item.State.HELD)

    quickbooks.change("Vendor", supplier["Id"], {"DisplayName": "A supplier"}, realm)
    retry(held, by=None)

    assert {name: run.colour for name, run in run_all(flows).items()} == dict.fromkeys(ORDER, "green")
    assert numbers(quickbooks, flows) == ["1001", "1002", "1003"]
    assert open_issues() == []


def test_a_lost_consent_is_told_by_mail_and_everything_goes_on_when_it_is_given_again(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline, books: Connection
) -> None:
    owner = User.objects.create(username="owner", email="owner@ours.example")
    with transaction.atomic():
        Membership.objects.create(user=owner, role=Role.OWNER)
    put(exchange, row("1001"))
    runs = [start_run(flows[name], by="test") for name in ORDER]
    quickbooks.revoke_consent()

    assert all(isinstance(go_on(run), Later) for run in runs)
    Context().run(consents.watch)
    Context().run(tasks.alert, str(books.tenant_id))

    (message,) = mail.outbox
    assert message.to == ["owner@ours.example"]
    assert "QuickBooks" in message.body
    assert "press Connect" in message.body

    consent(books)
    Context().run(consents.watch)
    due.take_due_runs()

    assert [go_on(run) for run in runs] == [Done("green")] * len(runs)
    assert numbers(quickbooks, flows) == ["1001"]
    assert open_issues() == []
