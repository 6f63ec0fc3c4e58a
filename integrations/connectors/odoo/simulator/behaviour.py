"""Which model does what: the one table that ties the models to their logic."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from . import lists, moves, orders, payments, posting, settlement
from .fields import Values
from .moves import PURCHASES, SALES
from .orm import LOGIC, Env, Logic


def _each(compute: Callable[[Env, Values], Any]) -> Callable[[Env, list[Values]], list[Any]]:
    return lambda env, rows: [compute(env, row) for row in rows]


def _not_empty(name: str) -> Callable[[Env, list[Values]], list[Any]]:
    return lambda env, rows: [row[name] or "" for row in rows]


def _after_move(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    moves.after(env, ids, changed)
    orders.count_billed(env, ids)


def _order(model: str, prefix: str, methods: dict[str, Callable[..., Any]]) -> Logic:
    made = _each(lambda env, row: orders.invoices(env, model, row["id"]))
    return Logic(
        prepare=orders.prepare(model, prefix),
        after=orders.after(model),
        check_unlink=orders.check_unlink,
        computed={
            "invoice_ids": made,
            "invoice_count": _each(lambda env, row: len(orders.invoices(env, model, row["id"]))),
        },
        methods={**methods, "message_post": lists.message_post(model)},
    )


LOGIC.update(
    {
        "res.partner": Logic(
            prepare=lists.prepare_partner,
            check_write=lists.check_write_partner,
            after=lists.after_partner,
            label=lists.partner_label,
            computed={
                "complete_name": _each(lists.partner_label),
                "credit": lists.owed("asset_receivable", 1),
                "debit": lists.owed("liability_payable", -1),
                "currency_id": _each(lambda env, row: env.company["currency_id"]),
            },
            methods={"message_post": lists.message_post("res.partner")},
        ),
        "product.template": Logic(
            prepare=lists.prepare_template,
            after=lists.after_template,
            label=lists.template_label,
            computed={
                "product_variant_count": _each(lambda env, row: 1),
                "currency_id": _each(lambda env, row: env.company["currency_id"]),
            },
        ),
        "product.product": Logic(
            prepare=lists.prepare_product,
            after=lists.after_product,
            label=lists.product_label,
            computed={
                "lst_price": _each(lambda env, row: env.one("product.template", row["product_tmpl_id"])["list_price"]),
                "partner_ref": _each(lists.product_label),
                "price_extra": _each(lambda env, row: Decimal()),
            },
            methods={"message_post": lists.message_post("product.product")},
        ),
        "product.category": Logic(computed={"complete_name": _not_empty("name")}),
        "account.account": Logic(
            prepare=lists.prepare_account,
            check_write=lists.check_write_account,
            label=lists.account_label,
            computed={
                "user_type_id": lists.user_types,
                "internal_type": lists.internal_types,
                "internal_group": lists.internal_groups,
                "company_ids": _each(lambda env, row: [row["company_id"]]),
                "current_balance": lists.balances,
            },
        ),
        "account.tax": Logic(prepare=lists.prepare_tax, after=lists.after_tax),
        "account.journal": Logic(prepare=lists.prepare_journal, after=lists.after_journal),
        "account.fiscal.position": Logic(prepare=lists.prepare_owned),
        "account.analytic.line": Logic(prepare=lists.prepare_owned),
        "account.payment.term.line": Logic(
            computed={
                "days": _each(lambda env, row: row["nb_days"]),
                "months": _each(lambda env, row: 0),
                "end_month": _each(lambda env, row: row["delay_type"] != "days_after"),
                "option": _each(lists.counted_from),
            }
        ),
        "res.currency": Logic(
            check_write=lists.check_write_currency,
            computed={
                "rate": lists.current_rates,
                "inverse_rate": lambda env, rows: [1 / rate for rate in lists.current_rates(env, rows)],
                "date": lists.rate_dates,
            },
        ),
        "res.currency.rate": Logic(
            prepare=lists.prepare_rate,
            computed={
                "company_rate": _each(lambda env, row: row["rate"]),
                "inverse_company_rate": _each(lambda env, row: 1 / row["rate"]),
            },
        ),
        "ir.model.data": Logic(
            prepare=lists.prepare_external_id,
            computed={
                "complete_name": _each(lambda env, row: f"{row['module']}.{row['name']}"),
                "reference": _each(lambda env, row: f"{row['model']},{row['res_id']}"),
            },
        ),
        "account.move": Logic(
            prepare=moves.prepare,
            check_write=moves.check_write,
            after=_after_move,
            check_unlink=moves.check_unlink,
            label=moves.label,
            computed={
                "has_reconciled_entries": _each(lambda env, row: bool(settlement.settled_with(env, row["id"]))),
                "duplicated_ref_ids": _each(posting.duplicates),
            },
            methods={
                "action_post": posting.action_post,
                "button_draft": posting.button_draft,
                "button_cancel": posting.button_cancel,
                "js_assign_outstanding_line": settlement.assign_outstanding,
                "js_remove_outstanding_partial": settlement.remove_outstanding,
                "message_post": lists.message_post("account.move"),
            },
        ),
        "account.move.line": Logic(
            prepare=moves.prepare_line,
            check_write=moves.check_write_line,
            after=moves.after_line,
            check_unlink=moves.check_unlink_line,
            after_unlink=moves.after_unlink_line,
            computed={"account_internal_type": lists.internal_types_of_lines},
            methods={
                "reconcile": settlement.reconcile,
                "remove_move_reconcile": settlement.remove_move_reconcile,
            },
        ),
        "account.move.reversal": Logic(
            prepare=posting.prepare_reversal,
            after=posting.after_reversal,
            methods={
                "reverse_moves": posting.reverse_moves,
                "refund_moves": posting.refund_moves,
                "modify_moves": posting.modify_moves,
            },
        ),
        "account.payment": Logic(
            prepare=payments.prepare,
            lend=payments.lent_entry,
            after=payments.after,
            check_unlink=payments.check_unlink,
            after_unlink=payments.after_unlink,
            label=payments.label,
            computed={
                "reconciled_invoice_ids": _each(lambda env, row: payments.reconciled(env, row, tuple(SALES))),
                "reconciled_bill_ids": _each(lambda env, row: payments.reconciled(env, row, tuple(PURCHASES))),
                "invoice_ids": _each(lambda env, row: payments.reconciled(env, row, tuple(SALES | PURCHASES))),
                "reconciled_invoices_count": _each(lambda env, row: len(payments.reconciled(env, row, tuple(SALES)))),
                "reconciled_bills_count": _each(lambda env, row: len(payments.reconciled(env, row, tuple(PURCHASES)))),
                "amount_signed": _each(
                    lambda env, row: row["amount"] if row["payment_type"] == "inbound" else -row["amount"]
                ),
            },
            methods={
                "action_post": payments.action_post,
                "action_draft": payments.action_draft,
                "action_cancel": payments.action_cancel,
                "message_post": lists.message_post("account.payment"),
            },
        ),
        "account.payment.register": Logic(
            prepare=payments.prepare_register,
            computed={"payment_difference": payments.difference},
            methods={"action_create_payments": payments.action_create_payments},
        ),
        "sale.order": _order(
            "sale.order",
            "S",
            {
                "action_confirm": orders.confirm_sale,
                "action_cancel": orders.cancel_sale,
                "action_draft": orders.draft_sale,
            },
        ),
        "sale.order.line": Logic(
            prepare=orders.prepare_line("sale.order.line"), after=orders.after_line("sale.order.line")
        ),
        "sale.advance.payment.inv": Logic(methods={"create_invoices": orders.create_invoices}),
        "purchase.order": _order(
            "purchase.order",
            "P",
            {
                "button_confirm": orders.confirm_purchase,
                "button_cancel": orders.cancel_purchase,
                "button_draft": orders.draft_purchase,
                "button_done": orders.done_purchase,
                "action_create_invoice": orders.bill_purchase,
            },
        ),
        "purchase.order.line": Logic(
            prepare=orders.prepare_line("purchase.order.line"), after=orders.after_line("purchase.order.line")
        ),
    }
)
_SINCE = {"refund_moves": 17, "modify_moves": 17}  # methods that older servers lack


def method(model: str, name: str, version: int) -> Callable[..., Any] | None:
    """What a model does beyond the methods that every model has."""
    logic = LOGIC.get(model)
    return logic.methods.get(name) if logic and _SINCE.get(name, 0) <= version else None
