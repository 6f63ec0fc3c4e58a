"""Where it cannot be told who a record is at the target, a person says so, and it goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.crosswalk.models import Link
from integrations.records.models import Issue
from integrations.sync.matching import keep_apart, link_by_hand
from integrations.sync.models import Flow, Item
from tenants.audit.models import Event
from tests.journeys.stories import put, row, run_one

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doubtful(flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline) -> Item:
    """A sale whose number two invoices of the books have already."""
    put(exchange, row("1001"))
    for name in ("customer", "item"):
        run_one(flows[name])
    flow = flows["invoice"]
    realm = flow.target.settings["realmId"]
    (customer,) = quickbooks.documents("Customer", realm)
    item = next(each for each in quickbooks.documents("Item", realm) if each["Name"] == "MUG")
    tax = flow.mapping.answers["tax_code"]
    line = {
        "Amount": "2.50",
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}, "TaxCodeRef": {"value": tax}},
    }
    for _ in range(2):
        body = {"DocNumber": "1001", "CustomerRef": {"value": customer["Id"]}, "Line": [line]}
        quickbooks.by_hand("Invoice", body, realm=realm)
    run_one(flow)
    return held()


def held() -> Item:
    with transaction.atomic():
        return Item.objects.select_related("flow__target", "record").get(state=Item.State.HELD)


def invoices(quickbooks: QuickBooksOnline, flow: Flow) -> list[str]:
    return [each["Id"] for each in quickbooks.documents("Invoice", flow.target.settings["realmId"])]


def test_a_doubtful_record_is_held_with_everybody_it_could_be(doubtful: Item, quickbooks: QuickBooksOnline) -> None:
    assert doubtful.reason == "several_candidates"
    assert sorted(doubtful.candidates) == sorted(invoices(quickbooks, doubtful.flow))


def test_the_one_that_a_person_links_is_taken_and_nothing_is_created(
    doubtful: Item, quickbooks: QuickBooksOnline
) -> None:
    before = invoices(quickbooks, doubtful.flow)
    chosen = doubtful.candidates[0]

    link_by_hand(doubtful, chosen, by=None)
    run_one(doubtful.flow)

    assert invoices(quickbooks, doubtful.flow) == before
    with transaction.atomic():
        link = Link.objects.get(identity=doubtful.identity_id, connection=doubtful.flow.target)
        assert (link.external_id, link.how) == (chosen, Link.How.BY_HAND)
        assert Event.objects.filter(verb="record.linked").count() == 1


def test_one_that_is_none_of_them_is_created(doubtful: Item, quickbooks: QuickBooksOnline) -> None:
    before = invoices(quickbooks, doubtful.flow)

    keep_apart(doubtful, by=None)
    run = run_one(doubtful.flow)

    assert run.colour == "green"
    assert len(invoices(quickbooks, doubtful.flow)) == len(before) + 1


def test_a_record_is_not_linked_to_one_that_is_linked_already_or_not_there(doubtful: Item) -> None:
    with pytest.raises(ValidationError, match="has no invoice 999"):
        link_by_hand(doubtful, "999", by=None)
    link_by_hand(doubtful, doubtful.candidates[0], by=None)

    with pytest.raises(ValidationError, match="linked to another record already"):
        link_by_hand(doubtful, doubtful.candidates[0], by=None)


def test_an_issue_that_a_person_ignored_stays_ignored_while_it_says_the_same(doubtful: Item) -> None:
    with transaction.atomic():
        Issue.objects.filter(code="several_candidates").update(state=Issue.State.IGNORED)

    run_one(doubtful.flow, full=True)

    with transaction.atomic():
        (issue,) = Issue.objects.filter(code="several_candidates")
    assert issue.state == Issue.State.IGNORED
    assert issue.times == 2
