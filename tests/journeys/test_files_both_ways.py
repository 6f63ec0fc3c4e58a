"""Files both ways through the whole engine: what is read becomes a list, and the list a file, at once and whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.records.models import Issue
from integrations.sync.models import Flow, Item, Run
from integrations.sync.publications import Publication
from integrations.sync.services import approve_run, start_run
from integrations.sync.stages import Later
from tests.journeys.publishing import flow_by, lines, part, receiver
from tests.journeys.stories import go_on, put, row, run_one

NUMBER = {"to": "number", "expression": "record.number | default(record.external_id)"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def out(exchange: Path) -> Path:
    """The folder into which files are published."""
    folder = exchange.parent / "out"
    (folder / "latest1042").mkdir(parents=True)
    return folder / "latest1042"


@pytest.fixture
def devices(out: Path) -> Connection:
    return receiver()


@pytest.fixture
def customers(sales: Connection, devices: Connection) -> Flow:
    return flow_by(part("customers"), sales, devices, rules=(NUMBER,))


def test_a_list_becomes_a_file_and_both_ends_agree(customers: Flow, exchange: Path, out: Path) -> None:
    put(exchange, row("1", customer="17850"), row("2", customer="12345"))

    run = run_one(customers)

    print(run.colour, run.words, run.totals, run.counts, list(out.iterdir()))
    assert run.colour == "green"
    assert [cells[1] for cells in lines(out / "customer.fil")] == ["Customer 12345", "Customer 17850"]
