"""The demo's flows, brought to Odoo by the engine: an inactive currency first, then every document once and to the cent."""

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
from integrations.sync.models import Flow, Intent, Run
from integrations.sync.services import start_run
from integrations.sync.setup import set_up
from integrations.sync.stages import Done
from tenants.models import Tenant
from tests.connectors.odoo import server
from tests.journeys.stories import ORDER, go_on, put, row, run_all, run_one
from tests.mount import mounted

pytestmark = pytest.mark.django_db(transaction=True)

SANDBOX = "http://127.0.0.1:9"


@pytest.fixture
def exchange(tenant: Tenant, settings: Any, tmp_path: Path) -> Path:
    """The tenant's folder for files."""
    settings.FILES, settings.VAR = tmp_path / "exchange", tmp_path / "var"
    folder = tmp_path / "exchange" / tenant.slug / "sales"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def odoo(settings: Any) -> Iterator[Odoo]:
    """A freshly made server: dollars only, and a tax of nothing for sales that the export says nothing of."""
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = SANDBOX, 0
    simulator = server.fresh()
    with mounted(simulator, f"{SANDBOX}/odoo"):
        yield simulator


@pytest.fixture
def books(tenant: Tenant, odoo: Odoo) -> Connection:
    connection = Connection(
        name="Odoo",
        connector="odoo",
        environment="simulator",
        settings={"url": SANDBOX, "database": "books", "login": "admin", "settle_seconds": 0},
    )
    save_connection(connection, secrets={"api_key": odoo.api_key()}, by=None)
    try_out(connection, by=None)
    return connection


@pytest.fixture
def flows(tenant: Tenant, exchange: Path, books: Connection, odoo: Odoo) -> dict[str, Flow]:
    """The shipped template, with Odoo in the place of QuickBooks and nothing else changed."""
    options = {
        "folder": "sales",
        "layout": "online_retail",
        "home_currency": "GBP",
        "default_customer": "Cash sales",
    }
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


def activate_pounds(odoo: Odoo, *, rate: str = "0.8") -> None:
    (gbp,) = odoo.documents("res.currency", [["name", "=", "GBP"]], ["id"])
    odoo.change("res.currency", gbp["id"], {"active": True})
    odoo.by_hand("res.currency.rate", "create", {"name": "2009-01-01", "currency_id": gbp["id"], "rate": Decimal(rate)})


def open_issues() -> list[Issue]:
    with transaction.atomic():
        return list(Issue.objects.filter(state=Issue.State.OPEN))


def test_an_inactive_currency_ends_in_one_clear_issue_and_goes_on_once_it_is_active(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo
) -> None:
    put(exchange, *(row(f"53636{n}", f"MUG{n}") for n in range(9)), row("C536379", quantity=-1))
    run_one(flows["customer"])
    run_one(flows["item"])

    stopped = run_one(flows["invoice"])

    assert (stopped.state, stopped.colour) == (Run.State.FAILED, Run.Colour.RED)
    (issue,) = open_issues()
    assert "GBP" in issue.words
    assert "Activate the currency" in issue.advice
    assert odoo.documents("account.move") == []

    activate_pounds(odoo)
    assert {run_one(flows[name]).colour for name in ("invoice", "credit_note")} == {"green"}
    assert open_issues() == []
    assert odoo.totals("out_invoice") == {"count": 9, "sums": {"GBP": Decimal("22.50")}}
    assert odoo.totals("out_refund") == {"count": 1, "sums": {"GBP": Decimal("2.50")}}


def test_the_shipped_sample_arrives_once_and_again_changes_nothing(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo
) -> None:
    rows = sold_rows()
    with (exchange / "sales.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    activate_pounds(odoo)

    assert {name: run.colour for name, run in run_all(flows).items()} == dict.fromkeys(ORDER, "green")

    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in rows:
        sums[each["InvoiceNo"].strip()] += Decimal(each["Quantity"]) * Decimal(each["UnitPrice"])
    sold = {number: amount for number, amount in sums.items() if not number.startswith("C")}
    back = {number: -amount for number, amount in sums.items() if number.startswith("C")}
    for move_type, expected in (("out_invoice", sold), ("out_refund", back)):
        assert odoo.totals(move_type) == {"count": len(expected), "sums": {"GBP": sum(expected.values())}}

    before = len(odoo.documents("account.move"))
    assert {run.colour for run in run_all(flows).values()} == {"green"}
    assert len(odoo.documents("account.move")) == before


def sold_rows() -> list[dict[str, str]]:
    """The shipped sample."""
    with (Path(next(iter(samples.__path__))) / "online_retail_demo.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("skip", range(4))
def test_a_reply_lost_at_any_step_makes_nothing_twice(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo, skip: int
) -> None:
    put(exchange, *(row(f"53636{n}", f"MUG{n}") for n in range(5)))
    activate_pounds(odoo)
    run_one(flows["customer"])
    run_one(flows["item"])
    reading = 2  # the source is a file; the target's invoices are read before anything is written
    odoo.misbehave(what="drop", on="any", moment="after", path="jsonrpc", skip=skip + reading - 1)

    run_until_done(flows["invoice"])

    assert odoo.totals("out_invoice") == {"count": 5, "sums": {"GBP": Decimal("12.50")}}
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()


def run_until_done(flow: Flow) -> None:
    """Go on with a run that puts itself off."""
    run = start_run(flow, by="test")
    for _ in range(20):
        if isinstance(go_on(run), Done):
            break
    assert run.colour == "green", run.words
