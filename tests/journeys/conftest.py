"""Whole customer stories: a folder of sales files at one end, a simulated QuickBooks company at the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import transaction

from integrations.connections import authorise
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.mapping.models import Template
from integrations.sync.models import Flow
from integrations.sync.setup import set_up
from integrations.wire import http
from tenants.models import Tenant
from tests.mount import mounted

SANDBOX = "http://127.0.0.1:9"
CALLBACK = "http://localhost/connections/callback"


@pytest.fixture
def exchange(tenant: Tenant, settings: Any, tmp_path: Path) -> Path:
    """The tenant's folder for files."""
    settings.FILES = tmp_path / "exchange"
    settings.VAR = tmp_path / "var"
    folder = tmp_path / "exchange" / tenant.slug / "sales"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def quickbooks(settings: Any) -> Iterator[QuickBooksOnline]:
    """The simulated vendor, with no limits of rate unless a test asks for them."""
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = SANDBOX, 0
    simulator = QuickBooksOnline(limits=0)
    with mounted(simulator, f"{SANDBOX}/quickbooks_online"):
        yield simulator


@pytest.fixture
def books(tenant: Tenant, quickbooks: QuickBooksOnline) -> Connection:
    """A connection to the UK company, consented to and tested."""
    realm = next(realm for realm in quickbooks.companies if quickbooks.company(realm).settings.country != "US")
    quickbooks.auto_consent = realm
    VendorApp.objects.create(
        connector="quickbooks_online", environment="simulator", client_id="client", client_secret="sandbox"
    )
    connection = Connection(name="QuickBooks", connector="quickbooks_online", environment="simulator")
    save_connection(connection, by=None)
    consent(connection)
    try_out(connection, by=None)
    return connection


def consent(connection: Connection) -> None:
    """What the person's browser does: go to the vendor, agree, come back."""
    with transaction.atomic():
        url, kept = authorise.begin(connection, redirect_uri=CALLBACK)
    with http.under_way(10, [SANDBOX]):
        answer = http.session().get(url, allow_redirects=False)
    params = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    authorise.complete(connection, params, kept, by=None)


@pytest.fixture
def sales(tenant: Tenant, exchange: Path) -> Connection:
    """A connection to the folder of sales files."""
    connection = Connection(
        name="Sales files",
        connector="files",
        environment="production",
        settings={
            "folder": "sales",
            "layout": "online_retail",
            "home_currency": "GBP",
            "default_customer": "Cash sales",
        },
    )
    return save_connection(connection, by=None)


@pytest.fixture
def flows(sales: Connection, books: Connection, quickbooks: QuickBooksOnline) -> dict[str, Flow]:
    """The shipped template, set up between the two: flows by the object they bring."""
    realm = books.settings["realmId"]
    income = next(a["Id"] for a in quickbooks.documents("Account", realm) if a["AccountType"] == "Income")
    no_vat = next(t["Id"] for t in quickbooks.documents("TaxCode", realm) if "No VAT" in t["Name"])
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_quickbooks_online")
    made = set_up(template, source=sales, target=books, answers={"income_account": income, "tax_code": no_vat}, by=None)
    return {flow.source_object: flow for flow in made}


@pytest.fixture
def demo_file(exchange: Path) -> Path:
    """The shipped sample in the folder."""
    from integrations.connectors.files import samples

    return Path(shutil.copy(Path(samples.__path__[0]) / "online_retail_demo.csv", exchange))
