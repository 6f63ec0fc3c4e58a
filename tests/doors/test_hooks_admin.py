"""What people see of the bell on their connection's page, and where the operator enters the vendor's key."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from integrations.connections.models import Connection, VendorApp
from tenants.access.models import User
from tenants.audit.models import Event
from tenants.models import Tenant
from tests.doors.knocking import KEY, at, at_own_address, changed, connected
from tests.doors.world import url_of
from tests.sync.toys import Toy
from tests.wire.knocking import from_ledger

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[str], Client]


def page(browser: Client, connection: Connection) -> str:
    return html.unescape(browser.get(url_of(connection, "change")).content.decode())


def fact(page: str, label: str) -> str:
    return " ".join(page.partition(f"<dt>{label}</dt><dd")[2].partition(">")[2].partition("</dd>")[0].split())


def test_a_connections_page_tells_where_the_vendor_knocks_and_who_was_not_believed(
    mugs: Connection, people: dict[str, User], visit: Visit, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://tieout.example"
    before = page(visit("auditor"), mugs)
    assert fact(before, "Address") == "https://tieout.example/knocks/ledger/production/"
    assert fact(before, "Last knock") == "none came yet"

    at("ledger")(from_ledger([changed("1"), changed("2")], KEY))
    for _ in range(3):
        at("ledger")(from_ledger([], "guessed"))
    after = page(visit("auditor"), mugs)

    assert fact(after, "Last knock").startswith("2")
    assert fact(after, "In the last seven days") == "2, of which 2 wait to be looked at"
    assert fact(after, "Not believed").startswith("3 at this address, which all connections in this environment share")
    assert "No key is known" not in after
    assert KEY not in after


def test_the_page_says_when_no_key_has_been_entered(mugs: Connection, people: dict[str, User], visit: Visit) -> None:
    VendorApp.objects.update(knock_keys=None)
    assert "your operator enters it with the vendor app" in page(visit("admin"), mugs)


def test_a_secret_address_is_shown_to_those_only_who_may_change_the_connection(
    tenant: Tenant, vendor: Toy, people: dict[str, User], visit: Visit
) -> None:
    connection = connected("field")
    secret = at_own_address(connection).address
    assert secret in page(visit("admin"), connection)
    for role in ("operator", "support"):
        shown = page(visit(role), connection)
        assert secret not in shown
        assert "When something changes there" in shown


def test_a_person_makes_a_new_address_and_it_is_written_down(
    tenant: Tenant, vendor: Toy, people: dict[str, User], visit: Visit
) -> None:
    connection = connected("field")
    former = at_own_address(connection).address
    assert visit("auditor").post(url_of(connection, "address")).status_code == 403
    visit("admin").post(url_of(connection, "address"))
    assert at_own_address(connection).address != former
    with transaction.atomic():
        assert Event.objects.filter(verb="connection.address_renewed", actor_name="admin@example.com").count() == 1


def test_nothing_is_shown_where_the_vendor_does_not_knock(
    sales: Connection, people: dict[str, User], visit: Visit
) -> None:
    assert "When something changes there" not in page(visit("admin"), sales)


def test_the_operator_enters_the_key_and_the_former_stays_good(
    mugs: Connection, people: dict[str, User], visit: Visit
) -> None:
    app = VendorApp.objects.get()
    VendorApp.objects.update(connector="quickbooks_online")
    address, operator = reverse("admin:integrations_vendorapp_change", args=(app.pk,)), visit("superuser")
    form = {"connector": "quickbooks_online", "environment": "production", "client_id": "client", "client_secret": ""}

    assert KEY not in operator.get(address).content.decode()
    assert operator.post(address, {**form, "knock_key": "newer"}).status_code == 302
    kept = VendorApp.objects.get().knock_keys.reveal()
    assert [each["key"] for each in kept] == ["newer", KEY]
    assert "until" in kept[1]

    operator.post(address, {**form, "knock_key": ""})
    assert VendorApp.objects.get().knock_keys.reveal() == kept
    assert "newer" not in operator.get(address).content.decode()
    assert visit("admin").get(address).status_code in (302, 403, 404)
