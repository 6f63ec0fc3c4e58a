"""The demo's flows brought to Odoo: a currency that is switched off first, then every sale once and to the cent."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.files import samples
from integrations.connectors.odoo.simulator import Odoo
from integrations.sync import calls
from integrations.sync.closing import set_rule
from integrations.sync.models import Call, Flow, Run
from tests.connectors.odoo import retail
from tests.connectors.odoo.retail import activate_pounds, all_carried_out, carried_out, open_issues, sold, totals_of
from tests.journeys.stories import ORDER, put, row

pytestmark = pytest.mark.django_db(transaction=True)

books, flows, odoo, version = retail.books, retail.flows, retail.odoo, retail.version

EVERY = pytest.mark.parametrize("version", [14, 16, 17, 18], indirect=True)


@pytest.fixture
def sample(exchange: Path) -> Path:
    """The shipped sample in the folder."""
    return Path(shutil.copy(Path(next(iter(samples.__path__))) / "online_retail_demo.csv", exchange))


def in_books(odoo: Odoo) -> dict[str, Any]:
    return {move_type: odoo.totals(move_type) for move_type in ("out_invoice", "out_refund")}


@EVERY
def test_the_sample_stops_with_one_issue_goes_on_once_pounds_are_active_and_changes_nothing_again(
    flows: dict[str, Flow], sample: Path, odoo: Odoo
) -> None:
    for name in ("customer", "item"):
        assert carried_out(flows[name]).colour == "green"

    stopped = [carried_out(flows[name]) for name in ("invoice", "credit_note")]

    assert {(run.state, run.colour) for run in stopped} == {(Run.State.FAILED, Run.Colour.RED)}
    (issue,) = open_issues()
    assert "GBP" in issue.words
    assert "Activate the currency" in issue.advice
    assert odoo.documents("account.move") == []

    activate_pounds(odoo)
    assert {name: carried_out(flows[name]).colour for name in ORDER} == dict.fromkeys(ORDER, "green")
    assert open_issues() == []
    assert in_books(odoo) == totals_of(sold())
    assert odoo.trial()["sum"] == 0

    before = odoo.journal.calls(wrote=True)
    assert {run.colour for run in all_carried_out(flows).values()} == {"green"}
    assert odoo.journal.calls(wrote=True) == before


def test_a_currency_without_a_rate_for_the_days_of_sale_stops_before_anything_is_posted(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo
) -> None:
    put(exchange, row("536365"))
    for name in ("customer", "item"):
        carried_out(flows[name])
    activate_pounds(odoo, rate="0.8", day="2026-01-01")  # the sale is of 2010

    stopped = carried_out(flows["invoice"])

    assert (stopped.state, stopped.colour) == (Run.State.FAILED, Run.Colour.RED)
    (issue,) = open_issues()
    assert "one to one" in issue.explanation
    assert odoo.totals("out_invoice")["count"] == 0


@pytest.mark.parametrize(
    ("version", "lock"), [(14, "fiscalyear_lock_date"), (18, "sale_lock_date")], indirect=["version"]
)
def test_nothing_lands_behind_a_lock_and_by_rule_it_is_booked_on_the_next_open_day(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo, lock: str
) -> None:
    put(exchange, row("536365"))
    activate_pounds(odoo)
    for name in ("customer", "item"):
        carried_out(flows[name])
    odoo.lock("2011-12-31", kind=lock)

    assert carried_out(flows["invoice"]).colour == "amber"
    assert odoo.documents("account.move") == []
    (issue,) = open_issues()
    assert "dated 2010-12-01" in issue.words
    assert f"closed up to 2011-12-31 ({lock.replace('_', ' ')})" in issue.words

    set_rule(flows["invoice"].target, "invoice", "next_open_day", by=None)
    assert carried_out(flows["invoice"]).colour == "green"
    (document,) = odoo.documents("account.move")
    assert (document["state"], document["invoice_date"], document["date"]) == ("posted", "2012-01-01", "2012-01-01")
    assert open_issues() == []
    assert odoo.totals("out_invoice") == {"count": 1, "sums": {"GBP": Decimal("2.50")}}


def test_a_day_that_odoo_moves_by_itself_is_noticed_and_the_run_stays_green(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exchange, row("536365"))
    activate_pounds(odoo)
    for name in ("customer", "item"):
        carried_out(flows[name])
    real = calls.send

    def locked_meanwhile(run: Run, call: Call) -> None:
        if "action_post" in call.body:
            odoo.lock("2011-12-31")
        real(run, call)

    monkeypatch.setattr(calls, "send", locked_meanwhile)
    run = carried_out(flows["invoice"])

    assert run.colour == "green"
    (document,) = odoo.documents("account.move")
    assert (document["state"], document["invoice_date"]) == ("posted", "2010-12-01")
    assert document["date"] > "2011-12-31"
    (issue,) = open_issues()
    assert issue.code == "day_moved_there"
    assert "dated 2010-12-01" in issue.words
    assert f"itself booked it on {document['date']}" in issue.words
    assert carried_out(flows["invoice"]).colour == "green"


def test_a_sale_that_changed_after_it_was_posted_is_held_and_odoo_is_not_written_to(
    flows: dict[str, Flow], exchange: Path, odoo: Odoo
) -> None:
    put(exchange, row("536365"))
    activate_pounds(odoo)
    all_carried_out(flows)
    before = odoo.journal.calls(wrote=True)
    put(exchange, row("536365", quantity=5))

    run = all_carried_out(flows)["invoice"]

    assert run.colour == "amber"
    (issue,) = open_issues()
    assert "is posted in Odoo" in issue.explanation
    assert odoo.journal.calls(wrote=True) == before
