"""QuickBooks Desktop through the whole engine and over the real door: nobody can call it, it comes when it likes."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.mapping.models import Template
from integrations.sync.models import Flow
from integrations.sync.setup import set_up
from tenants.models import Tenant
from tests.journeys.desktop import ORDER, Desk, run_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("integrations.sync.polled", "integrations.connections.queue"):
        monkeypatch.setattr(f"{room}.LOOK_EVERY", 0.01)
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 0.2)


@pytest.fixture
def program() -> QuickBooksDesktop:
    return QuickBooksDesktop(currency="GBP")


@pytest.fixture
def books(tenant: Tenant) -> Connection:
    return save_connection(
        Connection(name="QuickBooks", connector="quickbooks_desktop", environment="production"), by=None
    )


@pytest.fixture
def desk(program: QuickBooksDesktop, books: Connection) -> Desk:
    return Desk(program, books)


@pytest.fixture
def flows(sales: Connection, books: Connection, program: QuickBooksDesktop) -> dict[str, Flow]:
    """The shipped template, set up between the folder and QuickBooks."""
    answers = {
        "income_account": program.id_of("Account", "Sales"),
        "tax_code": f"code:{program.id_of('SalesTaxCode', 'Non')}",
    }
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_quickbooks_desktop")
    made = set_up(template, source=sales, target=books, answers=answers, by=None)
    return {flow.source_object: flow for flow in made}


def assert_tied_out(program: QuickBooksDesktop, rows: list[dict[str, str]]) -> None:
    """Each document of the rows stands once in the simulator's own books, and its totals are those of the rows."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["InvoiceNo"].strip()] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
    kinds = Counter("CreditMemo" if number.startswith("C") else "Invoice" for number in totals)
    for kind, sign in (("Invoice", 1), ("CreditMemo", -1)):
        numbers = [each["RefNumber"] for each in program.documents(kind, only=["RefNumber"])]
        assert len(numbers) == len(set(numbers)) == kinds[kind]
        wanted = sum(
            (total for number, total in totals.items() if number.startswith("C") == (kind == "CreditMemo")), Decimal()
        )
        assert program.totals(kind)["sums"] == {"GBP": sign * wanted}


def test_every_document_of_the_shipped_sample_arrives_once_and_both_ends_agree(
    flows: dict[str, Flow], demo_file: Path, program: QuickBooksDesktop, desk: Desk
) -> None:
    runs = run_all(flows, desk)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green"), [
        run.words for run in runs.values()
    ]
    with demo_file.open() as file:
        assert_tied_out(program, list(csv.DictReader(file)))
