"""Connecting from the pages: a vendor is asked outside any transaction, and only by who may."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from integrations.connections.models import Connection
from integrations.connectors import registry
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.mapping.models import Template
from integrations.records.models import Record
from integrations.sync.models import Flow
from integrations.wire import http
from integrations.wire.connector import Setting
from tenants.access.models import User
from tenants.audit.models import Event
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.doors.world import SECRET, url_of
from tests.journeys.conftest import SANDBOX

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[str], Client]


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def others(other_tenant: Tenant, tenant: Tenant) -> Connection:
    with tenant_scope(other_tenant.pk), transaction.atomic():
        return Connection.objects.create(name="Theirs", connector="quickbooks_online", state="connected")


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A vendor of which a person types the key, beside the ones that are there."""
    found = dict(registry.connectors())
    made = replace(found["files"], slug="keyed", name="Keyed", driver="http", settings=(),
                   secrets=(Setting(name="api_key", label="Key", kind="secret"),))  # fmt: skip
    registry.connectors.cache_clear()
    monkeypatch.setattr(registry, "found_in", lambda *where: found | {"keyed": made})
    yield
    registry.connectors.cache_clear()


def test_a_person_connects_at_the_vendor_and_comes_back(
    books: Connection, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("admin")
    with transaction.atomic():
        Connection.objects.update(state="new", company={})
    at_vendor = browser.post(url_of(books, "connect")).url
    with http.under_way(10, [SANDBOX]):
        back = http.session().get(at_vendor, allow_redirects=False).headers["Location"]
    answer = browser.get(back, follow=True)
    with transaction.atomic():
        connection = Connection.objects.get()
    assert connection.state == "connected"
    assert connection.company["name"] in text(answer)


def test_an_answer_to_a_consent_that_nobody_began_here_is_refused(
    books: Connection,
    people: dict[str, User],
    visit: Visit,
) -> None:
    answer = visit("admin").get(reverse("consent_given"), {"code": "x", "state": "y"}, follow=True)
    assert "belongs to no consent" in text(answer)


def test_a_test_names_the_company(books: Connection, people: dict[str, User], visit: Visit) -> None:
    answer = visit("admin").post(url_of(books, "test"), follow=True)
    assert f"It answers: {books.company['name']}" in text(answer)


def test_what_a_vendor_refuses_is_told_in_its_words(
    books: Connection,
    quickbooks: QuickBooksOnline,
    people: dict[str, User],
    visit: Visit,
) -> None:
    quickbooks.revoke_consent(books.settings["realmId"])
    page = text(visit("admin").post(url_of(books, "test"), follow=True))
    assert "connect it again" in page
    assert "must be connected again" in page


def test_a_connection_is_paused_resumed_and_disconnected(
    books: Connection,
    people: dict[str, User],
    visit: Visit,
) -> None:
    browser = visit("admin")
    for press, state in (("pause", "paused"), ("resume", "connected"), ("disconnect", "new")):
        browser.post(url_of(books, press))
        with transaction.atomic():
            assert Connection.objects.get().state == state
    with transaction.atomic():
        assert not Connection.objects.get().secrets
        assert Event.objects.filter(verb="connection.disconnected", actor_name="admin@example.com").exists()


@pytest.mark.parametrize("press", ["test", "disconnect", "connect", "pause"])
def test_nobody_presses_a_button_of_anothers_or_without_the_right(
    press: str,
    books: Connection,
    others: Connection,
    people: dict[str, User],
    visit: Visit,
) -> None:
    assert visit("owner").post(url_of(others, press)).status_code == 404
    assert visit("operator").post(url_of(books, press)).status_code == 403
    assert visit("owner").get(url_of(books, press)).status_code == 405


def test_the_choices_of_a_template_are_read_and_its_answers_make_flows(
    sales: Connection,
    books: Connection,
    people: dict[str, User],
    visit: Visit,
) -> None:
    browser = visit("admin")
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_quickbooks_online")
    asked = {"template": str(template.pk), "source": str(sales.pk), "target": str(books.pk)}
    page = reverse("admin:set_up", query=asked)
    assert browser.get(page).context["form"].fields["tax_code"].choices == [("", "Choose")]

    assert browser.post(reverse("admin:set_up_read"), asked).url == page
    form = browser.get(page).context["form"]
    with transaction.atomic():
        accounts = Record.objects.filter(kind="account").count()
    assert 1 < len(form.fields["income_account"].choices) < accounts, "only those that fit are offered"

    refused = browser.post(page, {"income_account": form.fields["income_account"].choices[1][0]})
    assert refused.status_code == 200
    answers = {name: field.choices[1][0] for name, field in form.fields.items()}
    assert browser.post(page, answers).url == reverse("admin:integrations_flow_changelist")
    with transaction.atomic():
        assert Flow.objects.count() == 4
    assert visit("operator").get(page).status_code == 403


def test_a_typed_secret_is_kept_sealed_and_never_shown_again(
    keyed: None, tenant: Tenant, people: dict[str, User], visit: Visit
) -> None:
    browser = visit("admin")
    add = reverse("admin:integrations_connection_add") + "?connector=keyed"
    assert "Key" in text(browser.get(add))
    assert browser.post(add, {"name": "Shop", "environment": "production"}).status_code == 200, "the key is missing"
    browser.post(add, {"name": "Shop", "environment": "production", "secret_api_key": SECRET})
    with transaction.atomic():
        made = Connection.objects.get()
    page = browser.get(url_of(made))
    assert SECRET not in text(page)
    browser.post(url_of(made), {"name": "Shop 2", "environment": "production", "secret_api_key": ""})
    with transaction.atomic():
        made = Connection.objects.get()
        assert (made.name, made.secrets.reveal()) == ("Shop 2", {"api_key": SECRET})
        assert SECRET not in str(list(Event.objects.values_list("data", flat=True)))
