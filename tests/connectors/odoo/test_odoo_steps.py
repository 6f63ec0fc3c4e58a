"""Several calls make one document: what each says, what stops it before it is posted, and how a lost one is found."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as changed

from integrations.wire.connector import Done, Failed, Write
from integrations.wire.errors import Duplicate, Forbidden, Missing, Refused
from tests.connectors.odoo import made
from tests.connectors.odoo.made import DIALECT, KEY, SITE, STREAMS, asked, create, lantern, update

INVOICE, CUSTOMER, BILL = STREAMS["invoice"], STREAMS["customer"], STREAMS["bill"]
LOAD, CHECK, POST, READ = 1, 2, 3, 4

ROW = made.sample("invoice") | {
    "payment_state": "not_paid",
    "amount_untaxed": Decimal("20.34"),
    "amount_tax": Decimal("3.05"),
    "amount_total": Decimal("23.39"),
    "amount_total_signed": Decimal("23.39"),
    "amount_residual": Decimal("23.39"),
    "invoice_line_ids": made.sample("invoice")["invoice_line_ids"][:1],
}
DRAFT = ROW | {"state": "draft", "name": "/"}


def begun(record: Any = None, raw: dict[str, Any] | None = None, **more: Any) -> Write:
    """A creation whose draft is there."""
    return create(record or made.invoice(**more), external_id="77", raw=raw)


def heard(write: Write, row: Any, step: int, stream: Any = INVOICE) -> Any:
    """What became of a step that read the document."""
    rows = [] if row is None else [row]
    (outcome,) = DIALECT.outcomes(stream, [write], made.answer({"length": len(rows), "records": rows}), SITE, step)
    return outcome


def found(write: Write, row: Any, stream: Any = INVOICE) -> Any:
    """What a look-up of a lost step shows."""
    (outcome,) = DIALECT.found(stream, [write], made.answer({"length": 1, "records": [row] if row else []}), SITE)
    return outcome


def test_a_document_takes_four_calls_and_an_entry_of_a_list_two() -> None:
    assert [DIALECT.steps(INVOICE, operation) for operation in ("create", "update", "void")] == [4, 5, 3]
    assert [DIALECT.steps(CUSTOMER, operation) for operation in ("create", "update")] == [2, 2]


@pytest.mark.parametrize(
    ("total", "converted", "stops"), [("14.57", "14.57", True), ("0.01", "0.01", False), ("14.57", "18.21", False)]
)
def test_only_an_amount_that_tells_shows_that_a_rate_is_missing(total: str, converted: str, stops: bool) -> None:
    line = made.lantern(quantity=Decimal(1), unit_price=Decimal(total), tax_rate=None)
    amounts = {
        "amount_untaxed": Decimal(total),
        "amount_total": Decimal(total),
        "amount_total_signed": Decimal(converted),
    }
    row = made.sample("invoice.draft") | amounts | {"id": 77, "currency_id": {"id": 142, "name": "GBP"}}
    write = begun(made.invoice(lines=[line], currency="GBP"))
    with pytest.raises(Forbidden, match="one to one") if stops else nullcontext():
        assert isinstance(heard(write, row, 2), Done)


def test_a_load_brings_the_ids_in_the_order_of_the_records() -> None:
    writes = [create(made.invoice(number=f"N-{n}"), key=f"k{n}") for n in range(3)]
    outcomes = DIALECT.outcomes(INVOICE, writes, made.answer({"ids": [7, 8, 9], "messages": [], "nextrow": 0}), SITE)
    assert outcomes == [Done(external_id="7"), Done(external_id="8"), Done(external_id="9")]


def test_one_bad_row_refuses_the_load_and_nothing_was_done() -> None:
    said = {"ids": False, "messages": [{"type": "error", "field": "partner_id", "record": 0, "message": "No match"}]}
    with pytest.raises(Refused, match="No match") as error:
        DIALECT.outcomes(INVOICE, [create(made.invoice())], made.answer(said), SITE)
    assert not isinstance(error.value, Forbidden)
    assert not error.value.may_have_acted


def test_an_inactive_currency_stops_the_flow_and_says_what_to_do() -> None:
    words = "No matching record found for name 'GBP' in field 'Currency'"
    said = {"ids": False, "messages": [{"type": "error", "field": "currency_id", "record": 0, "message": words}]}
    with pytest.raises(Forbidden, match="GBP") as error:
        DIALECT.outcomes(INVOICE, [create(made.invoice(currency="GBP"))], made.answer(said), SITE)
    assert "Activate the currency" in error.value.advice
    assert not error.value.may_have_acted


def test_a_draft_with_the_figures_of_its_source_is_posted_and_read() -> None:
    checked = heard(begun(total=Decimal("23.39")), DRAFT, CHECK)
    assert checked == Done(external_id="77", version=DRAFT["write_date"], raw=DRAFT)
    write = begun(raw=checked.raw)
    assert asked(DIALECT.compose(INVOICE, [write], KEY, SITE, POST))[:3] == ("account.move", "action_post", [[77]])
    assert DIALECT.outcomes(INVOICE, [write], made.answer(False), SITE, POST) == [Done(external_id="77")]
    assert heard(write, ROW, READ).raw == ROW


@pytest.mark.parametrize(
    "differing", [{"total": Decimal("23.40")}, {"tax_total": Decimal(0)}, {"lines": [lantern(quantity=Decimal(7))]}]
)
def test_a_draft_with_other_figures_is_not_posted(differing: dict[str, Any]) -> None:
    outcome = heard(begun(**differing), DRAFT, CHECK)
    assert isinstance(outcome, Failed)
    assert "left as a draft" in outcome.error.explanation


def test_a_foreign_currency_that_converts_one_to_one_stops_the_flow() -> None:
    row = DRAFT | {"currency_id": {"id": 142, "name": "GBP"}}
    with pytest.raises(Forbidden, match="no rate"):
        heard(begun(currency="GBP"), row, CHECK)
    assert isinstance(heard(begun(currency="GBP"), row | {"amount_total_signed": Decimal("29.7")}, CHECK), Done)


def test_a_bill_that_odoo_has_already_is_not_posted() -> None:
    row = made.sample("bill") | {"id": 77, "state": "draft", "duplicated_ref_ids": [88]}
    outcome = heard(begun(made.bill()), row, CHECK, BILL)
    assert isinstance(outcome.error, Duplicate)


def test_a_date_that_a_locked_period_moved_is_read_back_for_the_hub_to_notice() -> None:
    outcome = heard(begun(), ROW | {"date": "2026-10-01"}, READ)
    made = INVOICE.shape.read(outcome.raw)
    assert (made.issued_on.isoformat(), made.posted_on.isoformat()) == ("2026-09-14", "2026-10-01")


def test_a_draft_of_the_source_stays_one() -> None:
    write = begun(raw=DRAFT, status="draft")
    assert asked(DIALECT.compose(INVOICE, [write], KEY, SITE, POST))[1] == "web_search_read"
    assert isinstance(heard(write, DRAFT, READ), Done)


def test_one_bad_document_among_many_is_refused_for_all_so_that_they_go_one_by_one() -> None:
    writes = [begun(raw=DRAFT), create(made.invoice(), external_id="78", raw=DRAFT | {"id": 78})]
    refused = made.fault("odoo.exceptions.UserError", "Duplicated vendor reference")
    with pytest.raises(Refused, match="Duplicated vendor reference") as error:
        DIALECT.outcomes(INVOICE, writes, refused, SITE, POST)
    assert not isinstance(error.value, Forbidden)


def test_what_vanished_between_two_steps_is_missing() -> None:
    assert isinstance(heard(begun(), None, CHECK).error, Missing)


# --- was it done? ----------------------------------------------------------------------------------------------------


def test_a_lost_load_is_looked_up_by_external_ids() -> None:
    writes = [create(made.invoice(), key=f"k{n}") for n in range(3)]
    model, method, (domain,), _ = asked(DIALECT.look_up(INVOICE, writes, SITE))
    assert (model, method) == ("ir.model.data", "search_read")
    assert domain == [["module", "=", "tieout"], ["model", "=", "account.move"], ["name", "in", ["k0", "k1", "k2"]]]
    rows = [{"id": 1, "name": "k2", "res_id": 79}, {"id": 2, "name": "k0", "res_id": 77}]
    assert DIALECT.found(INVOICE, writes, made.answer(rows), SITE) == [
        Done(external_id="77"), None, Done(external_id="79"),
    ]  # fmt: skip


def test_a_lost_posting_is_done_where_the_document_is_posted() -> None:
    assert found(begun(raw=DRAFT), ROW) == Done(external_id="77", version=ROW["write_date"], raw=ROW)
    assert found(begun(raw=DRAFT), DRAFT) is None


def test_a_lost_reading_is_simply_read() -> None:
    assert found(begun(), DRAFT).raw == DRAFT
    assert found(begun(raw=ROW), ROW).raw == ROW


def changing(raw: dict[str, Any]) -> Write:
    first = INVOICE.shape.read(raw).lines[0]
    line = changed(first, quantity=Decimal(7), net_amount=None, gross_amount=None)
    return update(changed(INVOICE.shape.read(raw), lines=[line], status="unknown"), raw, "lines")


def with_quantity(row: dict[str, Any], quantity: int) -> dict[str, Any]:
    net = Decimal("3.39") * quantity
    line = {**row["invoice_line_ids"][0], "quantity": Decimal(quantity), "price_subtotal": net}
    return row | {"invoice_line_ids": [line]}


def test_each_step_of_a_change_is_found_by_how_far_the_document_came() -> None:
    reset, written, posted = DRAFT, with_quantity(DRAFT, 7), with_quantity(ROW, 7)
    to_reset, to_write = changing(ROW), changing(DRAFT)
    to_post = update(to_write.record, written, "lines")
    assert found(to_reset, ROW) is None
    assert found(to_reset, reset).raw == reset
    assert found(to_write, reset) is None
    assert found(to_write, written).raw == written
    assert found(to_post, written) is None
    assert found(to_post, posted).raw == posted


def test_a_lost_void_is_done_where_the_document_is_cancelled() -> None:
    void = Write(key=KEY, operation="void", external_id="77", raw=ROW)
    assert found(void, ROW) is None
    assert found(void, ROW | {"state": "cancel"}).external_id == "77"


def test_a_lost_change_of_a_customer_is_done_where_it_says_so() -> None:
    raw = made.sample("customer")
    write = update(made.customer(email="new@okafor.example"), raw, "email")

    def answered(row: dict[str, Any]) -> Any:
        return DIALECT.found(CUSTOMER, [write], made.answer([row]), SITE)[0]

    assert answered(raw) is None
    assert answered(raw | {"email": "new@okafor.example"}).external_id == "14"


def test_a_change_of_what_is_gone_says_so() -> None:
    assert isinstance(found(changing(ROW), None).error, Missing)
