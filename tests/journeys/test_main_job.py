"""The main job: a file of sales becomes documents in QuickBooks, each once, and both ends agree to the cent."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync.models import Flow, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from integrations.sync.stages import Done

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = ("customer", "item", "invoice", "credit_note")


def run_all(flows: dict[str, Flow], **options: bool) -> list[Run]:
    return [run_one(flows[name], **options) for name in ORDER]


def run_one(flow: Flow, **options: bool) -> Run:
    run = start_run(flow, by="test", **options)
    outcome = carry_out(run, until=timezone.now() + timedelta(minutes=2))
    assert isinstance(outcome, Done), outcome
    return run


def test_every_document_of_the_file_arrives_once_and_both_ends_agree(
    flows: dict[str, Flow], demo_file: Path, quickbooks: QuickBooksOnline
) -> None:
    runs = run_all(flows)
    assert [run.colour for run in runs] == ["green"] * 4
    stated = json.loads(demo_file.with_suffix(".json").read_text()) if demo_file.with_suffix(".json").exists() else None
    assert stated is None or stated
    assert quickbooks.totals("Invoice", flows["invoice"].target.settings["realmId"])["sums"]
    assert Decimal(runs[2].totals["source"]["GBP"]) == Decimal(runs[2].totals["target"]["GBP"])
