"""The demo's flows with a simulated Odoo at their end: what the stories of the sample share."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.connectors.files import samples
from integrations.connectors.odoo.simulator import Odoo
from integrations.mapping.models import Template
from integrations.records.models import Issue
from integrations.sync.models import Flow, Run
from integrations.sync.services import start_run
from integrations.sync.setup import set_up
from integrations.sync.stages import Done
from tenants.models import Tenant
from tests.connectors.odoo import server
from tests.journeys.stories import ORDER, go_on
from tests.mount import mounted

SANDBOX = "http://127.0.0.1:9"


@pytest.fixture
def version(request: pytest.FixtureRequest) -> int:
    """The version of the server; 17 where a test does not say."""
    return int(getattr(request, "param", 17))


@pytest.fixture
def odoo(settings: Any, version: int) -> Iterator[Odoo]:
    """A freshly made server: dollars only, and no tax of nothing for sales that the export says nothing of."""
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = SANDBOX, 0
    simulator = server.fresh(version)
    with mounted(simulator, f"{SANDBOX}/odoo"):
        yield simulator


@pytest.fixture
def books(tenant: Tenant, odoo: Odoo) -> Connection:
    place = {"url": SANDBOX, "database": "books", "login": "admin", "version": str(odoo.version), "settle_seconds": 0}
    connection = Connection(name="Odoo", connector="odoo", environment="simulator", settings=place)
    save_connection(connection, secrets={"api_key": odoo.api_key()}, by=None)
    try_out(connection, by=None)
    return connection


@pytest.fixture
def flows(tenant: Tenant, exchange: Path, books: Connection, odoo: Odoo) -> dict[str, Flow]:
    """The shipped template between a folder of sales and the server: flows by the object they bring."""
    options = {"folder": "sales", "layout": "online_retail", "home_currency": "GBP", "default_customer": "Cash sales"}
    sales = Connection(name="Sales files", connector="files", environment="production", settings=options)
    save_connection(sales, by=None)
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_odoo")
    (income,) = odoo.documents("account.account", [["code", "=", "400000"]], ["id"])
    (tax,) = odoo.documents("account.tax", [["type_tax_use", "=", "sale"]], ["id"])
    answers = {
        "income_account": str(income["id"]),
        "tax_code": str(odoo.by_hand("account.tax", "copy", tax["id"], {"name": "0%", "amount": 0})),
    }
    made = set_up(template, source=sales, target=books, answers=answers, by=None)
    return {flow.source_object: flow for flow in made}


def activate_pounds(odoo: Odoo, *, rate: str | None = "0.8", day: str = "2009-01-01") -> None:
    """A person switches the currency on, and enters its rate."""
    odoo.activate_currency("GBP", rate, day)


def carried_out(flow: Flow) -> Run:
    """A run to its end, however often it puts itself off."""
    run = start_run(flow, by="test")
    for _ in range(400):
        if isinstance(go_on(run), Done):
            return run
    raise AssertionError(f"{run} does not come to an end: {run.words}")


def all_carried_out(flows: dict[str, Flow]) -> dict[str, Run]:
    return {name: carried_out(flows[name]) for name in ORDER}


def open_issues() -> list[Issue]:
    with transaction.atomic():
        return list(Issue.objects.filter(state=Issue.State.OPEN))


def sold() -> list[dict[str, str]]:
    """The rows of the shipped sample."""
    with (Path(next(iter(samples.__path__))) / "online_retail_demo.csv").open() as file:
        return list(csv.DictReader(file))


def totals_of(rows: list[dict[str, str]]) -> dict[str, Any]:
    """What the rows come to, by plain arithmetic: the server's totals by type of document."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in rows:
        sums[each["InvoiceNo"].strip()] += Decimal(each["Quantity"]) * Decimal(each["UnitPrice"])
    invoices = [amount for number, amount in sums.items() if not number.startswith("C")]
    credits = [-amount for number, amount in sums.items() if number.startswith("C")]
    return {
        move_type: {"count": len(amounts), "sums": {"GBP": sum(amounts)}}
        for move_type, amounts in (("out_invoice", invoices), ("out_refund", credits))
    }
