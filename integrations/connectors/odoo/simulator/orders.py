"""Sales and purchase orders: amounts, confirmation, and the invoices and bills made from them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from . import taxes
from .faults import UserError, ValidationError
from .fields import Values
from .moves import decimals
from .orm import Env
from .posting import action

_QUANTITY = {"sale.order.line": "product_uom_qty", "purchase.order.line": "product_qty"}
_TAXES = {"sale.order.line": "tax_id", "purchase.order.line": "taxes_id"}
_LINE = {"sale.order": "sale.order.line", "purchase.order": "purchase.order.line"}


def prepare(model: str, prefix: str) -> Any:
    """The defaults of a new order; its number comes at once."""

    def fill(env: Env, values: Values, given: frozenset[str]) -> Values:
        values["company_id"] = values.get("company_id") or env.company_id
        company = env.one("res.company", values["company_id"])
        values["currency_id"] = values.get("currency_id") or company["currency_id"]
        values["date_order"] = values.get("date_order") or env.stamp[:19]
        if values.get("name") in (None, "New", "/"):
            values["name"] = f"{prefix}{env.store.next(f'number {model}'):05}"
        partner = values.get("partner_id")
        if partner and model == "sale.order":
            values["partner_invoice_id"] = values.get("partner_invoice_id") or partner
            values["partner_shipping_id"] = values.get("partner_shipping_id") or partner
        if partner and "payment_term_id" not in given:
            side = "property_payment_term_id" if model == "sale.order" else "property_supplier_payment_term_id"
            values["payment_term_id"] = env.within(companies=(company["id"],)).value("res.partner", partner, side)
        return values

    return fill


def prepare_line(model: str) -> Any:
    """The defaults of a line, from its product."""

    def fill(env: Env, values: Values, given: frozenset[str]) -> Values:
        order = env.one(model.removesuffix(".line"), values["order_id"])
        if values.get("display_type"):
            return values | {_QUANTITY[model]: Decimal(), "price_unit": Decimal()}
        if not values.get("product_id"):
            raise ValidationError(
                f"The operation cannot be completed: Missing required fields on accountable {model} (product_id)."
            )
        sales = model == "sale.order.line"
        names = ["display_name", "uom_id", "uom_po_id", "taxes_id", "supplier_taxes_id", "lst_price", "standard_price"]
        product = env.read("product.product", [values["product_id"]], names, named=False)[0]
        values["name"] = values.get("name") or product["display_name"]
        values["product_uom"] = values.get("product_uom") or product["uom_id" if sales else "uom_po_id"]
        if "price_unit" not in given:
            values["price_unit"] = product["lst_price" if sales else "standard_price"]
        if _TAXES[model] not in given:
            rows = env.rows("account.tax", product["taxes_id" if sales else "supplier_taxes_id"])
            values[_TAXES[model]] = [row["id"] for row in rows if row["company_id"] == order["company_id"]]
        if not sales:
            values["date_planned"] = values.get("date_planned") or order["date_planned"] or order["date_order"]
        return values

    return fill


def after(model: str) -> Any:
    def total(env: Env, ids: list[int], changed: frozenset[str]) -> None:
        for order in env.rows(model, ids):
            recompute(env, model, order)

    return total


def after_line(model: str) -> Any:
    def total(env: Env, ids: list[int], changed: frozenset[str]) -> None:
        parent = model.removesuffix(".line")
        if not env.context.get("as_line"):
            for order in env.rows(parent, [row["order_id"] for row in env.rows(model, ids)]):
                recompute(env, parent, order)

    return total


def recompute(env: Env, model: str, order: Values) -> None:
    """Amounts of the lines and of the order, and what is left to invoice."""
    line_model, sales = _LINE[model], model == "sale.order"
    company = env.one("res.company", order["company_id"])
    places = decimals(env, order["currency_id"])
    untaxed = tax = Decimal()
    open_quantity = invoiced_all = False
    lines = [line for line in env.select(line_model, "order_id = ?", order["id"]) if not line["display_type"]]
    for line in lines:
        price = line["price_unit"] * (1 - line["discount"] / 100)
        quantity = line[_QUANTITY[line_model]]
        found = taxes.compute(
            env, line[_TAXES[line_model]], price=price, quantity=quantity, places=places, refund=False,
            globally=company["tax_calculation_rounding_method"] == "round_globally",
        )  # fmt: skip
        untaxed += found.excluded
        tax += found.included - found.excluded
        left = _billable(env, line, sales=sales) - line["qty_invoiced"]
        confirmed = order["state"] in ("sale", "purchase", "done")
        open_quantity |= confirmed and left != 0
        changes = {
            "price_subtotal": found.excluded, "price_total": found.included, "price_tax": found.included - found.excluded,
            "qty_to_invoice": left if confirmed else Decimal(),
        }  # fmt: skip
        if any(line[name] != value for name, value in changes.items()):
            env.update(line_model, [line["id"]], changes)
    invoiced_all = bool(lines) and all(line["qty_invoiced"] >= line[_QUANTITY[line_model]] for line in lines)
    status = "to invoice" if open_quantity else "invoiced" if invoiced_all else "no"
    changes = {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": untaxed + tax, "invoice_status": status}
    if any(order[name] != value for name, value in changes.items()):
        env.update(model, [order["id"]], changes)


def _billable(env: Env, line: Values, *, sales: bool) -> Decimal:
    """The quantity that the product's policy lets us invoice."""
    template = env.one("product.template", env.one("product.product", line["product_id"])["product_tmpl_id"])
    ordered: Decimal
    if sales:
        ordered = line["product_uom_qty"] if template["invoice_policy"] == "order" else line["qty_delivered"]
    else:
        ordered = line["product_qty"] if template["purchase_method"] == "purchase" else line["qty_received"]
    return ordered


def check_unlink(env: Env, rows: list[Values]) -> None:
    for row in rows:
        if row["state"] not in ("draft", "sent", "cancel"):
            raise UserError("You can not delete a confirmed order: you must first cancel it.")
        if "partner_ref" in row and row["state"] != "cancel":
            raise UserError("In order to delete a purchase order, you must cancel it first.")


def _move_to(env: Env, model: str, ids: list[int], state: str, operation: str = "update", **more: Any) -> None:
    env.update(model, ids, {"state": state, **more})
    for order in env.rows(model, ids):
        recompute(env, model, order)
    env.note(operation, model, ids)


# sales


def confirm_sale(env: Env, ids: list[int]) -> bool:
    for order in env.existing(env.model("sale.order"), ids):
        if order["state"] not in ("draft", "sent"):
            raise UserError("Some orders are not in a state requiring confirmation.")
        _move_to(env, "sale.order", [order["id"]], "sale", date_order=env.stamp[:19])
    return True


def cancel_sale(env: Env, ids: list[int]) -> Any:
    """Cancels drafts; for a confirmed order it answers the window that asks whether one is sure."""
    orders = env.existing(env.model("sale.order"), ids)
    if any(order["locked"] for order in orders):
        raise UserError("You cannot cancel a locked order. Please unlock it first.")
    if any(order["state"] not in ("draft", "cancel") for order in orders) and not env.context.get(
        "disable_cancel_warning"
    ):
        return {"name": "Cancel Sales Order", "type": "ir.actions.act_window", "view_mode": "form",
                "res_model": "sale.order.cancel", "context": {"default_order_id": ids[0]}, "target": "new"}  # fmt: skip
    _move_to(env, "sale.order", ids, "cancel", "void")
    return True


def draft_sale(env: Env, ids: list[int]) -> Any:
    orders = [
        order["id"] for order in env.existing(env.model("sale.order"), ids) if order["state"] in ("cancel", "sent")
    ]
    _move_to(env, "sale.order", orders, "draft")
    return True


def create_invoices(env: Env, ids: list[int]) -> Any:
    """The wizard's button: one draft invoice an order, of everything that its policy lets be invoiced."""
    wizard = env.one("sale.advance.payment.inv", ids[0])
    if wizard["advance_payment_method"] != "delivered":
        raise UserError("Down payments are not simulated: use the method 'delivered'.")
    orders = wizard["sale_order_ids"] or list(env.context.get("active_ids") or [])
    made = [_bill(env, "sale.order", order) for order in env.existing(env.model("sale.order"), orders)]
    return action("account.move", made, "Invoices")


# purchases


def confirm_purchase(env: Env, ids: list[int]) -> bool:
    for order in env.existing(env.model("purchase.order"), ids):
        if order["state"] in ("draft", "sent"):
            _move_to(env, "purchase.order", [order["id"]], "purchase", date_approve=env.stamp[:19])
    return True


def cancel_purchase(env: Env, ids: list[int]) -> None:
    for order in env.existing(env.model("purchase.order"), ids):
        for bill in env.rows("account.move", invoices(env, "purchase.order", order["id"])):
            if bill["state"] not in ("cancel", "draft"):
                raise UserError("Unable to cancel this purchase order. You must first cancel the related vendor bills.")
    _move_to(env, "purchase.order", ids, "cancel", "void")


def draft_purchase(env: Env, ids: list[int]) -> Any:
    _move_to(env, "purchase.order", ids, "draft")
    return {}


def done_purchase(env: Env, ids: list[int]) -> None:
    _move_to(env, "purchase.order", ids, "done", priority="0")


def bill_purchase(env: Env, ids: list[int]) -> Any:
    """`action_create_invoice`: one draft bill an order."""
    made = [_bill(env, "purchase.order", order) for order in env.existing(env.model("purchase.order"), ids)]
    return action("account.move", made, "Bills")


def _bill(env: Env, model: str, order: Values) -> int:
    sales, line_model = model == "sale.order", _LINE[model]
    lines = [
        line
        for line in env.select(line_model, "order_id = ? order by sequence, id", order["id"])
        if line["qty_to_invoice"]
    ]
    if not lines or order["state"] not in ("sale", "purchase", "done"):
        raise UserError(
            "There is no invoiceable line. If a product has a control policy based on received or delivered quantity,"
            " please make sure that a quantity has been received or delivered."
        )
    back = "sale_line_ids" if sales else "purchase_line_id"
    body = [
        [0, 0, {
            "product_id": line["product_id"], "name": line["name"], "quantity": line["qty_to_invoice"],
            "price_unit": line["price_unit"], "discount": line["discount"], "product_uom_id": line["product_uom"] or False,
            "tax_ids": [[6, 0, line[_TAXES[line_model]]]], back: [[6, 0, [line["id"]]]] if sales else line["id"]}]
        for line in lines
    ]  # fmt: skip
    move = env.create("account.move", {
        "move_type": "out_invoice" if sales else "in_invoice", "partner_id": order["partner_id"],
        "currency_id": order["currency_id"], "invoice_origin": order["name"], "company_id": order["company_id"],
        "invoice_payment_term_id": order["payment_term_id"] or False, "invoice_line_ids": body,
        "ref": (order["client_order_ref"] if sales else order["partner_ref"]) or False})  # fmt: skip
    for line in lines:
        env.update(line_model, [line["id"]], {"qty_invoiced": line["qty_invoiced"] + line["qty_to_invoice"]})
    recompute(env, model, env.one(model, order["id"]))
    env.note("update", model, [order["id"]])
    return move


def count_billed(env: Env, moves: list[int]) -> None:
    """Counts afresh how much of the purchase orders' lines behind these bills is billed."""
    billing = env.select("account.move.line", "move_id in (select value from json_each(?))", json.dumps(moves))
    for line in env.rows(
        "purchase.order.line", [each["purchase_line_id"] for each in billing if each["purchase_line_id"]]
    ):
        counted = env.store.run(
            "select coalesce(sum(case m.move_type when 'in_refund' then -l.quantity else l.quantity end), 0)"
            " from account_move_line l join account_move m on m.id = l.move_id"
            " where l.purchase_line_id = ? and m.state != 'cancel'",
            line["id"],
        )
        env.update("purchase.order.line", [line["id"]], {"qty_invoiced": Decimal(counted[0][0]) / 10**8})
        recompute(env, "purchase.order", env.one("purchase.order", line["order_id"]))


def invoices(env: Env, model: str, order: int) -> list[int]:
    """The invoices or bills that were made from an order."""
    if model == "sale.order":
        sql = (
            "select distinct l.move_id from account_move_line l, json_each(l.sale_line_ids) s"
            " join sale_order_line o on o.id = s.value where o.order_id = ? order by 1"
        )
    else:
        sql = (
            "select distinct l.move_id from account_move_line l join purchase_order_line o on o.id = l.purchase_line_id"
            " where o.order_id = ? order by 1"
        )
    return [row[0] for row in env.store.run(sql, order)]
