"""Every page of the admin: it renders, shows no secret, asks the database a fixed number of times, and keeps tenants apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.connections.models import VendorApp
from integrations.doors.admin import site
from integrations.mapping.models import Template
from integrations.records.models import Issue, Record
from integrations.sync.models import Flow, Item, Run
from tenants.access.models import User
from tenants.models import Tenant
from tenants.owned import TenantOwned
from tests.doors.world import SECRET, World, list_of, url_of

pytestmark = pytest.mark.django_db

MODELS = sorted(site._registry, key=lambda model: model._meta.label)
OWNED = [model for model in MODELS if issubclass(model, TenantOwned)]
GLOBAL = (Template, VendorApp, User)


def _pressed_in_a_transaction(pages: Any) -> list[str]:
    """The buttons that ask no vendor; those that do are pressed in test_connection_pages, where nothing is open around them."""
    return [button.name for button in pages.buttons if not button.calls_vendor]


names = pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)


@names
def test_the_list_and_the_page_of_every_model_render_and_show_no_secret(
    model: Any, ours: World, visit: Callable[[str], Client]
) -> None:
    browser = visit("owner")
    for url in (list_of(model), url_of(ours[model]), url_of(ours[model], "history")):
        answer = browser.get(url)
        assert answer.status_code == 200, url
        assert SECRET not in answer.content.decode()


@names
def test_another_tenants_object_does_not_exist(
    model: Any, ours: World, theirs: World, visit: Callable[[str], Client]
) -> None:
    browser = visit("owner")
    pages = site._registry[model]
    for page in ("change", "history", "delete", *_pressed_in_a_transaction(pages)):
        url = url_of(theirs[model], page)
        assert browser.get(url).status_code in (403, 404, 405), url
        assert browser.post(url).status_code in (403, 404), url
    assert str(theirs[model].pk) not in browser.get(list_of(model)).content.decode()


@names
@pytest.mark.parametrize("role", ["superuser", "nobody"])
def test_who_belongs_to_no_tenant_sees_nothing_of_any(
    role: str, model: Any, ours: World, visit: Callable[[str], Client]
) -> None:
    for url in (list_of(model), url_of(ours[model])):
        assert visit(role).get(url).status_code in (302, 403), url


@names
@pytest.mark.parametrize("role", ["auditor", "support"])
def test_who_may_only_look_finds_no_way_to_change_anything(
    role: str, model: Any, ours: World, visit: Callable[[str], Client]
) -> None:
    browser = visit(role)
    assert browser.get(url_of(ours[model])).status_code == 200
    pages = site._registry[model]
    for page in ("delete", *_pressed_in_a_transaction(pages)):
        assert browser.post(url_of(ours[model], page)).status_code == 403, page
    assert browser.post(url_of(ours[model]), {}).status_code in (403, 405)
    if pages.adds:
        add = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        assert browser.get(add).status_code == 403


@pytest.mark.parametrize("model", GLOBAL, ids=lambda model: model.__name__)
def test_what_belongs_to_no_tenant_is_the_operators(model: Any, visit: Callable[[str], Client], ours: World) -> None:
    VendorApp.objects.create(
        connector="quickbooks_online", environment="sandbox", client_id="our-id", client_secret=SECRET
    )
    row = model.objects.order_by("pk").first()
    for url in (list_of(model), url_of(row)):
        answer = visit("superuser").get(url)
        assert answer.status_code == 200, url
        assert SECRET not in answer.content.decode()
    if model is not Template:
        assert visit("owner").get(url_of(row)).status_code == 403


def test_every_model_of_the_admin_is_either_a_tenants_or_known_to_be_for_all() -> None:
    assert {model for model in MODELS if model not in OWNED} == {*GLOBAL, Tenant}


def test_the_company_page_is_about_the_sessions_tenant_only(
    ours: World, theirs: World, visit: Callable[[str], Client]
) -> None:
    browser, company = visit("owner"), Tenant
    assert browser.get(url_of(ours[company])).status_code == 200
    assert browser.get(url_of(theirs[company])).status_code == 404


@pytest.mark.parametrize("model", [Record, Item, Issue, Run, Flow], ids=lambda model: model.__name__)
def test_a_longer_list_asks_the_database_no_more_often(model: Any, ours: World, visit: Callable[[str], Client]) -> None:
    browser = visit("owner")
    browser.get(list_of(model))
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get(list_of(model))
    _copies(ours[model], 5)
    with CaptureQueriesContext(connection) as many:
        browser.get(list_of(model))
    assert len(many) <= len(few)


def _copies(row: Any, number: int) -> None:
    unique = {Record: "external_id", Issue: "about", Flow: "name"}.get(type(row))
    for position in range(number):
        copy = type(row).objects.get(pk=row.pk)
        copy.pk, copy._state.adding = None, True
        copy.id = None
        copy.id = type(row)._meta.pk.get_default()
        if unique:
            setattr(copy, unique, f"copy {position}")
        if isinstance(copy, Run):
            copy.state = "done"
        if isinstance(copy, Item):
            copy.state = "applied"
        copy.save(force_insert=True)


@pytest.mark.parametrize("role", ["owner", "auditor", "support", "superuser"])
def test_the_overview_renders_for_everybody_who_may_come_in(
    role: str, ours: World, visit: Callable[[str], Client]
) -> None:
    answer = visit(role).get(reverse("admin:index"), follow=True)
    assert answer.status_code == 200
    assert ("Invoices" in answer.content.decode()) == (role != "superuser")


def test_who_belongs_nowhere_is_not_let_in(visit: Callable[[str], Client]) -> None:
    assert visit("nobody").get(reverse("admin:index"), follow=True).status_code == 403


def test_the_filters_count_no_table_for_each_of_their_choices(ours: World, visit: Callable[[str], Client]) -> None:
    assert "_facets" not in visit("owner").get(list_of(Record)).content.decode()


def test_a_stranger_is_asked_to_sign_in(client: Client, db: None) -> None:
    answer = client.get(reverse("admin:integrations_flow_changelist"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Tieout" in answer.content.decode()


@pytest.mark.parametrize(
    "model", [model for model in MODELS if site._registry[model].adds], ids=lambda model: model.__name__
)
def test_every_form_for_something_new_renders(model: Any, ours: World, visit: Callable[[str], Client]) -> None:
    role = "superuser" if model in GLOBAL else "owner"
    for connector in ("?connector=files", "?connector=quickbooks_online", ""):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add") + connector
        assert visit(role).get(url).status_code == 200, url


@pytest.mark.parametrize(
    "page",
    [
        "account_login",
        "account_reset_password",
        "account_email",
        "account_change_password",
        "mfa_index",
        "mfa_activate_totp",
    ],
)
def test_the_pages_of_the_sign_in_have_the_same_look(
    page: str, ours: World, visit: Callable[[str], Client], client: Client
) -> None:
    browser = client if page in ("account_login", "account_reset_password") else visit("owner")
    answer = browser.get(reverse(page), follow=True)
    assert answer.status_code == 200
    assert "tieout/entrance.css" in answer.content.decode()


def test_what_is_not_there_and_what_is_not_allowed_is_said_in_the_same_look(
    ours: World, visit: Callable[[str], Client]
) -> None:
    for answer in (visit("owner").get("/nowhere/"), visit("auditor").post(url_of(ours[Flow], "run"))):
        assert "tieout/entrance.css" in answer.content.decode()


@pytest.mark.parametrize("app", ["integrations", "access", "tenants", "audit"])
def test_the_page_of_an_app_lists_what_may_be_opened(app: str, ours: World, visit: Callable[[str], Client]) -> None:
    for role in ("owner", "auditor"):
        answer = visit(role).get(reverse("admin:app_list", args=(app,)))
        assert answer.status_code == 200
        assert reverse("admin:access_user_changelist") not in answer.content.decode()


def test_the_stranger_comes_back_to_where_he_wanted_to_go_and_nowhere_else(client: Client, db: None) -> None:
    login = reverse("admin:login")
    back = urlsplit(client.get(login, {"next": "/admin/?a=1&b=2"}).url)
    assert (back.path, parse_qs(back.query)) == (reverse("account_login"), {"next": ["/admin/?a=1&b=2"]})
    assert client.get(login, {"next": "https://elsewhere.example/"}).url == reverse("account_login")
