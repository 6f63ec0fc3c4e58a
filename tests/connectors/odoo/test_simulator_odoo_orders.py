"""Sales and purchase orders on the simulated server, and what is billed from them."""

from __future__ import annotations

import pytest

from .asking import Caller, Fault, fresh


@pytest.fixture
def odoo(tmp_path):
    return Caller(fresh(tmp_path))


def sale(odoo: Caller, **fields) -> int:
    line = {"product_id": odoo.product(list_price=10), "product_uom_qty": 3}
    return int(odoo.ask("sale.order", "create", {"partner_id": odoo.partner(), "order_line": [[0, 0, line]], **fields}))


def purchase(odoo: Caller, **fields) -> int:
    line = {"product_id": odoo.product(**fields), "product_qty": 2, "price_unit": 7.5}
    return int(
        odoo.ask(
            "purchase.order",
            "create",
            {"partner_id": odoo.partner(), "partner_ref": "V-1", "order_line": [[0, 0, line]]},
        )
    )


def test_an_order_has_its_number_and_amounts_at_once(odoo):
    order = odoo.read("sale.order", sale(odoo), "name", "state", "amount_untaxed", "amount_total")
    assert (order["name"], order["state"], order["amount_untaxed"], order["amount_total"]) == (
        "S00001",
        "draft",
        30.0,
        34.5,
    )


def test_a_confirmed_order_is_invoiced_by_the_wizard_and_not_by_the_private_method(odoo):
    order = sale(odoo)
    assert odoo.ask("sale.order", "action_confirm", [order]) is True
    assert odoo.read("sale.order", order, "invoice_status") == "to invoice"
    assert odoo.refused("sale.order", "_create_invoices", [order]) == "AccessError"
    wizard = odoo.ask("sale.advance.payment.inv", "create", {"sale_order_ids": [[6, 0, [order]]]})
    invoice = odoo.ask("sale.advance.payment.inv", "create_invoices", [wizard])["res_id"]
    assert odoo.read("account.move", invoice, "state", "amount_total", "invoice_origin") == {
        "id": invoice, "state": "draft", "amount_total": 34.5, "invoice_origin": "S00001"
    }  # fmt: skip
    assert odoo.read("sale.order", order, "invoice_status", "invoice_ids") == {
        "id": order,
        "invoice_status": "invoiced",
        "invoice_ids": [invoice],
    }


def test_cancelling_a_confirmed_order_asks_first(odoo):
    order = sale(odoo)
    odoo.ask("sale.order", "action_confirm", [order])
    assert odoo.ask("sale.order", "action_cancel", [order])["res_model"] == "sale.order.cancel"
    assert odoo.read("sale.order", order, "state") == "sale"
    assert odoo.ask("sale.order", "action_cancel", [order], context={"disable_cancel_warning": True}) is True
    assert odoo.read("sale.order", order, "state") == "cancel"


def test_a_purchase_is_billed_only_for_what_was_received(odoo):
    order = purchase(odoo)
    assert odoo.ask("purchase.order", "button_confirm", [order]) is True
    with pytest.raises(Fault, match="no invoiceable line"):
        odoo.ask("purchase.order", "action_create_invoice", [order])
    line = odoo.read("purchase.order", order, "order_line")[0]
    odoo.ask("purchase.order.line", "write", [line], {"qty_received": 2})
    bill = odoo.ask("purchase.order", "action_create_invoice", [order])["res_id"]
    assert odoo.read("account.move", bill, "move_type", "amount_untaxed", "ref") == {
        "id": bill,
        "move_type": "in_invoice",
        "amount_untaxed": 15.0,
        "ref": "V-1",
    }


def test_a_purchase_of_a_service_is_billed_for_what_was_ordered(odoo):
    order = purchase(odoo, detailed_type="service")
    odoo.ask("purchase.order", "button_confirm", [order])
    assert odoo.read("purchase.order", order, "invoice_status") == "to invoice"


def test_a_cancelled_purchase_answers_nothing_and_only_then_may_be_deleted(odoo):
    order = purchase(odoo)
    assert odoo.refused("purchase.order", "unlink", [order]) == "UserError"
    assert odoo.ask("purchase.order", "button_cancel", [order]) is None
    assert odoo.ask("purchase.order", "unlink", [order]) is True


def test_an_order_line_needs_a_product_unless_it_is_a_note(odoo):
    head = {"partner_id": odoo.partner()}
    assert odoo.refused("sale.order", "create", {**head, "order_line": [[0, 0, {"name": "x"}]]}) == "ValidationError"
    assert odoo.ask(
        "sale.order", "create", {**head, "order_line": [[0, 0, {"name": "x", "display_type": "line_note"}]]}
    )
