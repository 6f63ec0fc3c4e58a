"""The ledgers that are there knock as their vendors do, and what people did in them arrives by itself."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import pytest
from django.db import transaction

from integrations.connections.knocks import Knock
from integrations.connections.models import Connection, VendorApp
from integrations.connectors.odoo.simulator import Odoo
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.connectors.registry import connectors
from integrations.records.models import Record
from integrations.wire.connector import Connector
from integrations.wire.knocks import Message, Signed
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.doors.knocking import KEY, Knocker, at, at_own_address, look, read, waiting
from tests.journeys import test_all_kinds_odoo as kinds
from tests.journeys.conftest import ledger
from tests.journeys.ledgers import Company

odoo, there = kinds.odoo, kinds.there

Look = Callable[[], int]
FORMS: tuple[Literal["events", "notifications"], ...] = ("events", "notifications")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Look:
    return lambda: look(monkeypatch)


@pytest.fixture
def company(books: Connection, quickbooks: QuickBooksOnline) -> Company:
    """Our company in QuickBooks, read once; the operator has entered the verifier token."""
    VendorApp.objects.update(knock_keys=VendorApp(knock_keys=[{"key": KEY}]).knock_keys)
    for object in ("customer", "item", "invoice", "class"):
        read(books, object)
    return Company(quickbooks, books)


def last(vendor: Any) -> int:
    """The number of the last call so far."""
    return max((call.number for call in vendor.journal.calls()), default=0)


def knock(vendor: QuickBooksOnline, since: int, form: Literal["events", "notifications"]) -> int:
    notice = vendor.notice(KEY, since=since, form=form)
    assert notice is not None
    return int(at("quickbooks_online", "simulator")(Message(notice.body, notice.headers)).status_code)


@transaction.atomic
def held(object: str, connection: Connection) -> dict[str, tuple[str, str]]:
    rows = Record.objects.filter(object=object, connection=connection)
    return {row.external_id: (row.state, row.title) for row in rows}


def reads(vendor: QuickBooksOnline, since: int) -> int:
    return len([call for call in vendor.journal.calls(since=since) if "/v3/" in call.path])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", FORMS)
def test_what_people_do_in_quickbooks_arrives_by_its_webhooks(
    company: Company, quickbooks: QuickBooksOnline, now: Look, form: Literal["events", "notifications"]
) -> None:
    alder = company.customer("Alder & Sons")
    kept, gone, void = (company.invoice(number, "60.00", alder)["Id"] for number in ("2001", "2002", "2003"))
    read(company.connection, "invoice")
    before = last(quickbooks)
    birch = company.customer("Birch Ltd")["value"]
    company.change("Invoice", kept, PrivateNote="Call first")
    company.delete("Invoice", gone)
    company.void("Invoice", void)
    by_class = company.hand("Class", Name="North")["Id"]

    assert [knock(quickbooks, before, form) for _ in range(3)] == [200, 200, 200]
    asked = last(quickbooks)
    now()

    assert held("customer", company.connection)[birch] == ("live", "Birch Ltd")
    assert held("class", company.connection)[f"class:{by_class}"] == ("live", "North")
    invoices = held("invoice", company.connection)
    assert {number: invoices[number][0] for number in (kept, gone, void)} == {
        kept: "live",
        gone: "deleted",
        void: "voided",
    }
    assert reads(quickbooks, asked) == 4, "customers, classes, invoices that changed, and the one that is gone"
    with transaction.atomic():
        assert "Call first" in Record.objects.get(object="invoice", external_id=kept).canonical
    assert waiting() == []

    knock(quickbooks, before, form)
    assert now() == 0, "told once more, it is known"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", FORMS)
def test_one_message_of_quickbooks_tells_companies_of_two_tenants_apart(
    company: Company, quickbooks: QuickBooksOnline, other_tenant: Tenant, form: Literal["events", "notifications"]
) -> None:
    their_realm = next(realm for realm in quickbooks.companies if realm != company.realm)
    with tenant_scope(other_tenant.pk):
        theirs = ledger(quickbooks, "Theirs", their_realm)
        read(theirs.connection)
    before = last(quickbooks)
    ours, other = company.customer("Ours Ltd")["value"], theirs.customer("Theirs Ltd")["value"]

    assert knock(quickbooks, before, form) == 200

    assert waiting() == [("customer", ours)]
    with tenant_scope(other_tenant.pk), transaction.atomic():
        assert list(Knock.objects.values_list("external_id", flat=True)) == [other]


@pytest.mark.django_db(transaction=True)
def test_customers_that_were_merged_in_quickbooks_are_not_taken_by_its_word(
    company: Company, quickbooks: QuickBooksOnline, now: Look
) -> None:
    first, second = (company.customer(name)["value"] for name in ("Alder & Sons", "Alder and Sons"))
    read(company.connection)
    entity = {"name": "Customer", "id": first, "operation": "Merge", "deletedId": second, "lastUpdated": ""}
    told = {"eventNotifications": [{"realmId": company.realm, "dataChangeEvent": {"entities": [entity]}}]}
    at("quickbooks_online", "simulator")(signed(told))
    now()
    assert [held("customer", company.connection)[id][0] for id in (first, second)] == ["live", "live"], "both are there"


def signed(told: Any) -> Message:
    body = json.dumps(told).encode()
    return Message(body, {"intuit-signature": base64.b64encode(hmac.digest(KEY.encode(), body, "sha256")).decode()})


@pytest.mark.django_db(transaction=True)
def test_what_people_do_in_odoo_arrives_by_automation_rules(odoo: Odoo, there: Connection, now: Look) -> None:
    for object in ("customer", "vendor", "invoice"):
        read(there, object)
    before, door = last(odoo), at_own_address(there)
    elm = str(odoo.by_hand("res.partner", "create", {"name": "Elm Ltd", "customer_rank": 1}))
    income = int(kinds.id_of(odoo, "account.account", code="400000"))
    line = {"name": "Garden work", "price_unit": Decimal("120.50"), "tax_ids": [[6, 0, []]], "account_id": income}
    body = {"move_type": "out_invoice", "partner_id": int(elm), "invoice_date": "2026-09-14"}
    made = odoo.by_hand("account.move", "create", {**body, "invoice_line_ids": [[0, 0, line]]})
    odoo.by_hand("account.move", "action_post", [made])

    assert {post(door, each) for each in odoo.posts(before)} == {200}
    now()

    assert held("customer", there)[elm] == ("live", "Elm Ltd")
    assert elm not in held("vendor", there)
    assert held("invoice", there)[str(made)][0] == "live"


def post(door: Knocker, body: bytes) -> int:
    return int(door(Message(body)).status_code)


KNOCKING = [each for each in connectors().values() if each.knocks is not None]


@pytest.mark.parametrize("kind", KNOCKING, ids=lambda kind: kind.slug)
def test_every_connector_whose_vendor_knocks_declares_what_the_house_needs(kind: Connector) -> None:
    facts = kind.knocks
    assert facts is not None
    streams = {stream.name: stream for stream in kind.streams}
    named = {name for names in facts.objects.values() for name in names}
    assert named <= streams.keys()
    assert all(streams[name].reads for name in named)
    assert set(facts.ids) <= named
    assert all(word == word.lower() for word in (*facts.objects, *facts.gone, *facts.merged))
    assert facts.setup.endswith(".")
    assert facts.within > 0
    if isinstance(facts.proof, Signed) and facts.proof.secret:
        assert facts.proof.secret in {each.name for each in kind.secrets}
