"""The main job: a file of sales becomes documents in QuickBooks, each once, and both ends agree to the cent."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync.models import Flow, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from integrations.sync.stages import Done

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = ("customer", "item", "invoice", "credit_note")
SLICES = 20  # of a minute each: far more than any job here takes, on a busy machine too
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def run_all(flows: dict[str, Flow], **options: bool) -> dict[str, Run]:
    return {name: run_one(flows[name], **options) for name in ORDER}


def run_one(flow: Flow, **options: bool) -> Run:
    run = start_run(flow, by="test", **options)
    for _ in range(SLICES):
        outcome = carry_out(run, until=timezone.now() + timedelta(minutes=1))
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(wake_at=timezone.now())  # time passes until it is due
        if isinstance(outcome, Done):
            return run
    raise AssertionError(outcome)


def sums_of(rows: list[dict[str, str]]) -> tuple[Counter[str], Decimal, Decimal]:
    """Documents by kind and totals of invoices and credit notes, by nobody's code but this test's."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["InvoiceNo"].strip()] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
    kinds = Counter("credit_note" if number.startswith("C") else "invoice" for number in totals)
    invoices = sum((amount for number, amount in totals.items() if not number.startswith("C")), Decimal())
    credits = -sum((amount for number, amount in totals.items() if number.startswith("C")), Decimal())
    return kinds, invoices, credits


def assert_tied_out(flows: dict[str, Flow], quickbooks: QuickBooksOnline, rows: list[dict[str, str]]) -> None:
    """Each document of the rows stands once in the simulator's own ledger, and its totals are those of the rows."""
    realm = flows["invoice"].target.settings["realmId"]
    kinds, invoices, credits = sums_of(rows)
    for entity, kind, total in (("Invoice", "invoice", invoices), ("CreditMemo", "credit_note", credits)):
        documents = quickbooks.documents(entity, realm)
        assert len(documents) == len({each["DocNumber"] for each in documents}) == kinds[kind]
        assert sum((Decimal(each["TotalAmt"]) for each in documents), Decimal()) == total


def test_every_document_of_the_shipped_sample_arrives_once_and_both_ends_agree(
    flows: dict[str, Flow], demo_file: Path, quickbooks: QuickBooksOnline
) -> None:
    runs = run_all(flows)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green")
    with demo_file.open() as file:
        assert_tied_out(flows, quickbooks, list(csv.DictReader(file)))


@pytest.mark.skipif(not DATA.is_dir(), reason="left out: shared/ is not beside the project")
@pytest.mark.parametrize("name", ["online_retail_first_10000_lines.csv.gz", "online_retail_sample_30000_lines.csv.gz"])
def test_every_document_of_real_sales_arrives_once_and_both_ends_agree(
    name: str, flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    shutil.copy(DATA / name, exchange)

    runs = run_all(flows)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green")
    with gzip.open(exchange / name, "rt") as file:
        assert_tied_out(flows, quickbooks, list(csv.DictReader(file)))
    assert json.dumps(runs["invoice"].totals["source"]) == json.dumps(runs["invoice"].totals["target"])


def test_a_second_run_with_nothing_new_makes_no_write_call(
    flows: dict[str, Flow], demo_file: Path, quickbooks: QuickBooksOnline
) -> None:
    run_all(flows)
    before = quickbooks.journal.calls(wrote=True)

    runs = run_all(flows)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green")
    assert quickbooks.journal.calls(wrote=True) == before
