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
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline, seed
from integrations.mapping.models import Template
from integrations.sync.models import Flow
from integrations.sync.setup import set_up
from integrations.wire import http
from tenants.models import Tenant
from tests.journeys.ledgers import Company, Move
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


# Stories between two ledgers


@pytest.fixture
def companies(tenant: Tenant, quickbooks: QuickBooksOnline) -> tuple[Company, Company]:
    """Two companies in the United Kingdom: the old books, and the new ones into which they move."""
    first = next(realm for realm in quickbooks.companies if quickbooks.company(realm).settings.country != "US")
    seed.united_kingdom(quickbooks, "9341452000000003")
    VendorApp.objects.create(
        connector="quickbooks_online", environment="simulator", client_id="client", client_secret="sandbox"
    )
    old, new = (ledger(quickbooks, name, realm) for name, realm in (("Old", first), ("New", "9341452000000003")))
    return old, new


def ledger(quickbooks: QuickBooksOnline, name: str, realm: str) -> Company:
    """A connection to a company, consented to and tested."""
    quickbooks.auto_consent = realm
    connection = Connection(
        name=name, connector="quickbooks_online", environment="simulator", settings={"settle_seconds": 0}
    )
    save_connection(connection, by=None)
    consent(connection)
    try_out(connection, by=None)
    return Company(quickbooks, connection)


@pytest.fixture
def old(companies: tuple[Company, Company]) -> Company:
    """The company whose books move."""
    return companies[0]


@pytest.fixture
def new(companies: tuple[Company, Company]) -> Company:
    """The company that they move into."""
    return companies[1]


@pytest.fixture
def move(old: Company, new: Company) -> Move:
    """The shipped template between the two: flows by their names in it."""
    with transaction.atomic():
        template = Template.objects.get(slug="quickbooks_online_to_quickbooks_online")
    return moved(template, old.connection, new.connection)


def moved(template: Template, source: Connection, target: Connection, **answers: str) -> Move:
    """A template set up between two ledgers."""
    made = set_up(template, source=source, target=target, answers=answers, by=None)
    with transaction.atomic():
        return Move({flow.mapping.template_flow: flow for flow in made})
