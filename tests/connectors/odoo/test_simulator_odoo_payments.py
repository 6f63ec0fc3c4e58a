"""Payments on the simulated server: by the wizard, by hand, in other currencies, taken apart again."""

from __future__ import annotations

import pytest

from .asking import Caller, Fault, fresh


@pytest.fixture
def odoo(tmp_path):
    return Caller(fresh(tmp_path))


def test_the_wizard_pays_an_invoice_in_full_with_nothing_but_a_context(odoo):
    move = odoo.posted()
    action = odoo.pay([move])
    assert action["res_model"] == "account.payment"
    assert odoo.read("account.move", move, "payment_state", "amount_residual") == {
        "id": move,
        "payment_state": "paid",
        "amount_residual": 0.0,
    }
    payment = odoo.read(
        "account.payment", action["res_id"], "amount", "state", "ref", "journal_id", "name", "reconciled_invoice_ids"
    )
    assert (payment["amount"], payment["state"], payment["ref"]) == (115.0, "posted", "INV/2026/00001")
    assert payment["name"] == "PBNK1/2026/00001"
    assert payment["reconciled_invoice_ids"] == [move]


def test_a_part_leaves_the_rest_open_until_it_is_paid(odoo):
    move = odoo.posted()
    odoo.pay([move], amount=15.0, communication="part", payment_date="2026-11-05")
    assert odoo.read("account.move", move, "payment_state", "amount_residual") == {
        "id": move,
        "payment_state": "partial",
        "amount_residual": 100.0,
    }
    odoo.pay([move])
    assert odoo.read("account.move", move, "payment_state") == "paid"


def test_a_difference_is_written_off_where_the_wizard_is_told_so(odoo):
    move = odoo.posted()
    account = odoo.account("620000")
    odoo.pay([move], amount=110.0, payment_difference_handling="reconcile", writeoff_account_id=account)
    assert odoo.read("account.move", move, "payment_state") == "paid"
    assert odoo.vendor.trial()["accounts"]["620000 Bank Fees"] == 5


def test_several_invoices_are_paid_one_by_one_or_as_a_group(odoo):
    customer = odoo.partner()
    first, second, third, fourth = (odoo.posted(partner_id=customer) for _ in range(4))
    apart = odoo.pay([first, second])
    assert len(odoo.ask("account.payment", "search", apart["domain"])) == 2
    together = odoo.pay([third, fourth], group_payment=True)
    assert odoo.read("account.payment", together["res_id"], "amount") == 230.0


def test_a_bill_is_paid_outward(odoo):
    bill = odoo.posted("in_invoice", ref="V-1")
    payment = odoo.read("account.payment", odoo.pay([bill])["res_id"], "payment_type", "partner_type")
    assert (payment["payment_type"], payment["partner_type"]) == ("outbound", "supplier")
    assert odoo.vendor.trial()["sum"] == 0


@pytest.mark.parametrize(("paid", "words"), [(True, "nothing left to pay"), (False, "posted journal entries")])
def test_what_is_paid_or_a_draft_cannot_be_paid(odoo, paid, words):
    move = odoo.posted() if paid else odoo.move()
    if paid:
        odoo.pay([move])
    with pytest.raises(Fault, match=words):
        odoo.pay([move])


def test_without_the_redirect_the_wizard_does_not_say_what_it_made(odoo):
    context = {"active_model": "account.move", "active_ids": [odoo.posted()]}
    wizard = odoo.ask("account.payment.register", "create", {}, context=context)
    assert (
        odoo.ask(
            "account.payment.register", "action_create_payments", [wizard], context={"dont_redirect_to_payments": True}
        )
        is True
    )


def test_a_payment_made_by_hand_is_applied_by_its_receivable_line(odoo):
    customer = odoo.partner()
    move = odoo.posted(partner_id=customer)
    bank = odoo.ask("account.journal", "search", [["code", "=", "BNK1"]])[0]
    payment = odoo.ask("account.payment", "create", {
        "payment_type": "inbound", "partner_type": "customer", "partner_id": customer, "amount": 115.0, "date": "2026-11-06",
        "journal_id": bank, "ref": "key"})  # fmt: skip
    assert odoo.ask("account.payment", "action_post", [payment]) is None
    entry = odoo.read("account.payment", payment, "move_id")[0]
    line = odoo.ask(
        "account.move.line", "search", [["move_id", "=", entry], ["account_type", "=", "asset_receivable"]]
    )[0]
    odoo.ask("account.move", "js_assign_outstanding_line", [move], line)
    assert odoo.read("account.move", move, "payment_state") == "paid"
    assert odoo.ask("account.payment", "search", [["ref", "=", "key"]]) == [payment]


def test_a_negative_payment_is_refused(odoo):
    assert (
        odoo.refused("account.payment", "create", {"amount": -1.0, "partner_id": odoo.partner()}) == "ValidationError"
    )


def test_resetting_a_payment_opens_the_invoice_again(odoo):
    move = odoo.posted()
    payment = odoo.pay([move])["res_id"]
    odoo.ask("account.payment", "action_draft", [payment])
    assert odoo.read("account.move", move, "payment_state", "amount_residual") == {
        "id": move,
        "payment_state": "not_paid",
        "amount_residual": 115.0,
    }
    odoo.ask("account.payment", "action_cancel", [payment])
    assert odoo.read("account.payment", payment, "state") == "cancel"


def test_a_settlement_can_be_taken_apart_alone(odoo):
    move = odoo.posted()
    odoo.pay([move])
    partial = odoo.ask("account.partial.reconcile", "search", [])[0]
    odoo.ask("account.move", "js_remove_outstanding_partial", [move], partial)
    assert odoo.read("account.move", move, "amount_residual") == 115.0


def test_a_credit_note_settles_an_invoice_which_then_is_reversed(odoo):
    customer = odoo.partner()
    move, credit = odoo.posted(partner_id=customer), odoo.posted("out_refund", partner_id=customer)
    line = odoo.ask("account.move.line", "search", [["move_id", "=", credit], ["display_type", "=", "payment_term"]])[0]
    odoo.ask("account.move", "js_assign_outstanding_line", [move], line)
    assert odoo.read("account.move", move, "payment_state") == "reversed"
    assert odoo.read("account.move", credit, "payment_state") == "paid"


def test_a_rate_that_changed_before_the_payment_is_booked_as_a_difference(odoo):
    odoo.vendor.activate_currency("GBP", "0.8", "2026-11-01")
    pounds = odoo.currency("GBP")
    move = odoo.posted(currency_id=pounds)
    odoo.vendor.by_hand("res.currency.rate", "create", {"currency_id": pounds, "name": "2026-11-10", "rate": "0.5"})
    odoo.pay([move])
    assert odoo.read("account.move", move, "payment_state", "amount_residual_signed") == {
        "id": move,
        "payment_state": "paid",
        "amount_residual_signed": 0.0,
    }
    trial = odoo.vendor.trial()
    assert trial["accounts"]["441000 Foreign Exchange Gain"] == -86.25  # 230.00 came in for 143.75
    assert trial["accounts"]["121000 Account Receivable"] == 0
    assert trial["sum"] == 0


def test_from_18_on_a_payment_has_a_memo_and_a_state_of_its_own(odoo):
    odoo.vendor.set_version(18)
    move = odoo.posted()
    payment = odoo.pay([move], communication="key")["res_id"]
    assert odoo.read("account.payment", payment, "memo", "state") == {"id": payment, "memo": "key", "state": "paid"}
    assert odoo.refused("account.payment", "search", [["ref", "=", "key"]]) == "ValueError"


def test_a_paid_invoice_whose_total_would_change_is_protected(odoo):
    move = odoo.posted()
    odoo.pay([move])
    more = [[0, 0, {"name": "More", "price_unit": 10.0}]]
    assert odoo.refused("account.move", "write", [move], {"invoice_line_ids": more}) == "UserError"
    assert odoo.read("account.move", move, "amount_total") == 115.0
