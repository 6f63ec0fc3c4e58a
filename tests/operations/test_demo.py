"""The demo's verdict: good only if every run is green, both ends agree, and the sample is what its maker says."""

from __future__ import annotations

import importlib.resources
import json
from collections import defaultdict
from decimal import Decimal

import pytest

from integrations.connectors.files import samples
from integrations.doors.demo import job
from integrations.doors.demo.__main__ import free_port
from integrations.sync.models import Flow, Run
from integrations.sync.reconcile import Totals

SAMPLE = json.loads((importlib.resources.files(samples) / "online_retail_demo.json").read_text())


def result(name: str, count: int, amount: str = "0", *, books: str | None = None, colour: str = "green") -> job.Result:
    """A flow's result, with as much in the books as in the files unless told otherwise."""
    currency = "GBP" if name in job.AMOUNTS else ""
    return job.Result(
        flow=Flow(name=f"{name}: files → books", source_object=name),
        run=Run(colour=colour, state=Run.State.DONE, words="why"),
        did={},
        totals=Totals(
            source=defaultdict(Decimal, {currency: Decimal(amount)}),
            target=defaultdict(Decimal, {currency: Decimal(books or amount)}),
            source_count=count,
            target_count=count,
            differing=int(books is not None),
        ),
    )


@pytest.fixture
def results() -> dict[str, job.Result]:
    return {
        "customer": result("customer", 39),
        "item": result("item", 63),
        "invoice": result("invoice", 285, "213883.30"),
        "credit_note": result("credit_note", 15, "788.35"),
    }


def test_the_sample_as_its_maker_made_it_ties_out(results):
    assert job.faults(list(results.values()), SAMPLE) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(result("invoice", 285, "213883.29"), id="a cent less, at both ends"),
        pytest.param(result("invoice", 286, "213883.30"), id="a document more, at both ends"),
        pytest.param(result("invoice", 285, "213883.30", books="213883.29"), id="a cent less in the books"),
        pytest.param(result("invoice", 285, "213883.30", colour="amber"), id="something held"),
        pytest.param(result("invoice", 285, "213883.30", colour=""), id="a run that did not end"),
    ],
)
def test_anything_else_does_not(results, wrong):
    faults = job.faults(list((results | {"invoice": wrong}).values()), SAMPLE)

    assert len(faults) >= 1
    assert all("invoice" in fault for fault in faults)


def test_other_data_need_only_agree_with_itself(results):
    other = [result("invoice", 7, "12.50")]

    assert job.faults(other, None) == []
    assert job.faults([result("invoice", 7, "12.50", books="12.49")], None) != []


def test_two_demos_that_start_at_once_get_ports_of_their_own():
    wanted = free_port(0)  # claimed, though nobody listens there yet

    assert free_port(wanted) != wanted
