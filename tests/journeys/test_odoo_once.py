"""Once, at Odoo: a worker that dies around any call of any step leaves one document for each sale, and no line twice."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction

from integrations.connectors.odoo.simulator import Odoo
from integrations.sync import calls, settle
from integrations.sync.models import Flow, Intent
from integrations.sync.services import start_run
from integrations.sync.stages import Done
from tests.connectors.odoo import retail
from tests.connectors.odoo.retail import activate_pounds, carried_out
from tests.journeys.stories import dies, go_on, let_leases_lapse, put, row

pytestmark = pytest.mark.django_db(transaction=True)

books, flows, odoo, version = retail.books, retail.flows, retail.odoo, retail.version

READS_BEFORE = 1  # the target's invoices are read before anything is written; the source is a file
POINTS = [
    pytest.param(calls.line, "send", False, READS_BEFORE, id="just-before"),
    pytest.param(calls.line, "send", True, READS_BEFORE, id="when-odoo-had-done-it"),
    pytest.param(calls, "keep_answer", True, 0, id="when-the-answer-was-kept"),
    pytest.param(settle, "conclude", False, 0, id="before-the-outcome-was-committed"),
    pytest.param(settle, "conclude", True, 0, id="when-the-outcome-was-committed"),
]
STEPS = [pytest.param(step, id=name) for step, name in enumerate(("load", "read", "post", "read-again"))]


@pytest.fixture
def ready(flows: dict[str, Flow], exchange: Path, odoo: Odoo) -> Iterator[Flow]:
    """The flow of invoices, with sales to bring and everything that they refer to in place."""
    activate_pounds(odoo)
    put(exchange, *(row(f"53636{n}", f"MUG{n}") for n in range(5)))
    for name in ("customer", "item"):
        carried_out(flows[name])
    yield flows["invoice"]
    assert odoo.totals("out_invoice") == {"count": 5, "sums": {"GBP": Decimal("12.50")}}
    lines = odoo.documents("account.move.line", [["display_type", "=", "product"]], ["id"])
    assert len(lines) == 5  # a load that went twice would have added its lines again
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("place", "name", "after", "skip"), POINTS)
def test_a_worker_that_dies_around_a_call_leaves_one_document_each(
    ready: Flow, monkeypatch: pytest.MonkeyPatch, place: object, name: str, after: bool, skip: int, step: int
) -> None:
    run = start_run(ready, by="test")
    with dies(monkeypatch, place, name, after=after, skip=skip + step):
        go_on(run)
    let_leases_lapse()

    for _ in range(20):
        if isinstance(go_on(run), Done):
            break

    assert run.colour == "green", run.words


@pytest.mark.parametrize("step", STEPS)
def test_a_reply_that_is_lost_at_any_step_makes_nothing_twice(ready: Flow, odoo: Odoo, step: int) -> None:
    odoo.misbehave(what="drop", on="any", moment="after", path="jsonrpc", skip=READS_BEFORE + step)

    assert carried_out(ready).colour == "green"


def test_a_server_that_fails_after_it_loaded_makes_nothing_twice(ready: Flow, odoo: Odoo) -> None:
    odoo.fail_next(502, before_write=False, on="write")

    assert carried_out(ready).colour == "green"
