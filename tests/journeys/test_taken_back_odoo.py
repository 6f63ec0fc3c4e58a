"""Odoo: documents cancelled or reversed by policy, and what it tells nobody: deletions, and changes behind an approved plan."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from integrations.connectors.odoo.simulator import Odoo
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.records.models import Record
from integrations.sync.models import Run
from integrations.sync.services import approve_run, start_run
from tests.journeys import test_all_kinds_odoo as kinds
from tests.journeys.ledgers import Company, Move
from tests.journeys.stories import go_on, run_one
from tests.journeys.test_taken_back import preview_is_silent

pytestmark = pytest.mark.django_db(transaction=True)

back, here, odoo, there, move = kinds.back, kinds.here, kinds.odoo, kinds.there, kinds.move


def test_odoo_cancels_or_reverses_as_the_flow_says(
    here: Company, move: Move, odoo: Odoo, quickbooks: QuickBooksOnline
) -> None:
    alder = here.customer("Alder & Sons")
    gone = {number: here.invoice(number, amount, alder) for number, amount in (("1001", "60"), ("1002", "12.34"))}
    move.green("customers", "items", "invoices")
    for number, by in (("1001", "void"), ("1002", "credit")):
        move.policy("invoices", source_gone="void", gone_by=by)
        here.delete("Invoice", gone[number]["Id"])
        preview_is_silent(move, "invoices", quickbooks, odoo)
        move.green("invoices")
    move.run("invoices", full=True)

    invoices = odoo.documents("account.move", [["move_type", "=", "out_invoice"]])
    assert {each["ref"]: each["state"] for each in invoices} == {"1001": "cancel", "1002": "posted"}
    (reversal,) = odoo.documents("account.move", [["move_type", "=", "out_refund"]])
    assert (reversal["state"], reversal["amount_total"]) == ("posted", Decimal("12.34"))
    assert odoo.trial()["sum"] == 0


def test_an_approved_plan_leaves_alone_what_somebody_changed_in_odoo_which_guards_nothing_itself(
    here: Company, move: Move, odoo: Odoo
) -> None:
    ids = {name: here.customer(name)["value"] for name in ("Alder & Sons", "Birch Ltd")}
    move.green("customers")
    for id in ids.values():
        here.change("Customer", id, PrimaryPhone={"FreeFormNumber": "0161 2"})
    preview = run_one(move.flows["customers"], preview=True)
    (birch,) = odoo.documents("res.partner", [["name", "=", "Birch Ltd"]], ["id"])
    odoo.change("res.partner", birch["id"], {"phone": "by hand"})

    approve_run(preview, by=None)
    go_on(preview)

    phones = {each["name"]: each["phone"] for each in odoo.documents("res.partner", [["customer_rank", ">", 0]])}
    assert (phones["Alder & Sons"], phones["Birch Ltd"]) == ("0161 2", "by hand")
    assert (preview.counts["applied"], preview.counts["moved"]) == (1, 1)


@pytest.fixture
def compares_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.records.absence.COMPARE_EVERY", timedelta(0))


@transaction.atomic
def in_odoo(object: str) -> dict[str, str]:
    return dict(Record.objects.filter(connection__name="Odoo", object=object).values_list("title", "state"))


@pytest.mark.usefixtures("compares_at_once")
def test_odoo_tells_nobody_what_was_deleted_and_it_is_found_all_the_same(
    here: Company, back: Move, odoo: Odoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.connectors.odoo.dialect._MOST_IDS", 3)
    ids = {
        name: odoo.by_hand("res.partner", "create", {"name": name, "customer_rank": 1})
        for name in ("Ash", "Beech", "Cedar", "Dogwood", "Elm", "Fir", "Hazel")
    }
    back.green("customers")
    odoo.by_hand("res.partner", "unlink", [ids["Ash"]])
    odoo.change("res.partner", ids["Beech"], {"active": False})
    odoo.change("res.partner", ids["Cedar"], {"customer_rank": 0})  # no longer among the customers, and still there

    back.policy("customers", source_gone="leave")
    run_one(back.flows["customers"])  # not in full

    assert {name: state for name, state in in_odoo("customer").items() if state != "live"} == {
        "Ash": "deleted",
        "Beech": "archived",
    }
    active = {
        each["DisplayName"].removesuffix(" (deleted)"): each["Active"]
        for each in here.all("Customer")
        if "Active" in each
    }
    assert (active["Beech"], active["Ash"], active["Cedar"]) == (False, True, True)


@pytest.mark.usefixtures("compares_at_once")
def test_a_changed_filter_at_odoo_stops_the_run_and_nobody_is_taken_for_deleted(
    here: Company, back: Move, odoo: Odoo
) -> None:
    ids = [odoo.by_hand("res.partner", "create", {"name": f"C {n}", "customer_rank": 1}) for n in range(10)]
    back.green("customers")
    for id in ids:
        odoo.change("res.partner", id, {"customer_rank": 0})

    run = start_run(back.flows["customers"], by="test")
    go_on(run)

    assert (run.state, run.words) == (Run.State.STOPPED, "10 of 10 records are no longer listed by Odoo (customer).")
    assert set(in_odoo("customer").values()) == {"live"}
