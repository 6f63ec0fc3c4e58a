"""What became of a document goes back to where it came from: its status and what is owed, by a flow of its own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.mapping.models import Template
from integrations.records.models import Issue
from integrations.sync.models import Flow
from tests.journeys.conftest import moved
from tests.journeys.ledgers import Company, Move, settling
from tests.journeys.stories import put, row, run_one

pytestmark = pytest.mark.django_db(transaction=True)

STATUS = {
    "file": "back/status.csv",
    "columns": [
        {"name": "DOCUMENT", "source": "number", "required": True},
        {"name": "STATUS", "source": "status"},
        {"name": "TOTAL", "source": "total", "format": "0.00"},
        {"name": "OWED", "source": "amount_due", "format": "0.00"},
    ],
}
ORDER = ("customer", "item", "invoice")


@pytest.fixture
def here(quickbooks: QuickBooksOnline, books: Connection) -> Company:
    """The people in QuickBooks."""
    return Company(quickbooks, books)


@pytest.fixture
def sold(flows: dict[str, Flow], exchange: Path, here: Company) -> None:
    """Three documents of a file, in QuickBooks, where somebody has made a fourth by hand."""
    put(exchange, row("1", price="10"), row("2", price="20"), row("3", price="30"))
    for name in ORDER:
        assert run_one(flows[name]).colour == "green"
    here.invoice("9001", "99", here.customer("Walk-in"))


@pytest.fixture
def back(books: Connection, sales: Connection, exchange: Path) -> Move:
    """The shipped template that tells the files' sender how its documents stand."""
    (exchange / "back").mkdir()
    with transaction.atomic():
        sales.settings = {**sales.settings, "outgoing": {"invoice_list": STATUS}}
        save_connection(sales, by=None)
        template = Template.objects.get(slug="quickbooks_online_to_files")
    return moved(template, books, sales)


def told(exchange: Path) -> dict[str, tuple[str, str, str]]:
    """What the published file says: document → (status, total, owed)."""
    rows = [line.split(",") for line in (exchange / "back" / "status.csv").read_text().split()]
    return {number: (status, total, owed) for number, status, total, owed in rows[1:]}


def numbered(here: Company) -> dict[str, dict[str, Any]]:
    return {each["DocNumber"]: each for each in here.all("Invoice")}


def paid(here: Company, number: str, amount: str) -> None:
    """A customer pays, in QuickBooks."""
    invoice = numbered(here)[number]
    here.hand(
        "Payment", CustomerRef=invoice["CustomerRef"], TotalAmt=Decimal(amount), TxnDate="2026-09-25",
        Line=[settling(amount, "Invoice", invoice["Id"])],
    )  # fmt: skip


@pytest.mark.usefixtures("sold")
def test_status_and_balance_of_what_came_from_the_files_go_back_to_them(
    here: Company, back: Move, exchange: Path
) -> None:
    first, second, third = sorted(set(numbered(here)) - {"9001"})
    back.green("invoices")
    assert {number: status for number, (status, *_) in told(exchange).items()} == dict.fromkeys(
        (first, second, third), "open"
    )

    total = {number: f"{each['TotalAmt']:.2f}" for number, each in numbered(here).items()}
    paid(here, first, total[first])
    paid(here, second, "5")
    here.void("Invoice", numbered(here)[third]["Id"])
    back.green("invoices")

    owed = f"{Decimal(total[second]) - 5:.2f}"
    assert told(exchange) == {
        first: ("paid", total[first], "0.00"),
        second: ("partially_paid", total[second], owed),
        third: ("void", "0.00", "0.00"),
    }


@pytest.mark.usefixtures("sold")
def test_telling_a_status_changes_nothing_in_the_books_and_nothing_comes_in_by_it(
    here: Company, back: Move, flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    back.green("invoices")
    before = len(quickbooks.journal.calls(wrote=True))
    published = (exchange / "back" / "status.csv").stat().st_ino

    for _ in range(2):
        for name in ORDER:
            assert run_one(flows[name]).colour == "green"
        back.green("invoices")

    assert len(quickbooks.journal.calls(wrote=True)) == before
    assert (exchange / "back" / "status.csv").stat().st_ino == published
    with transaction.atomic():
        assert not Issue.objects.filter(state=Issue.State.OPEN).exists()
