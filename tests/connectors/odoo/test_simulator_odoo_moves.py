"""Invoices, bills, credit notes and entries as the simulated server keeps them: what was measured on a real one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .asking import Caller, Fault, fresh


@pytest.fixture
def odoo(tmp_path):
    return Caller(fresh(tmp_path))


def test_unit_prices_are_rounded_to_the_product_price_precision_and_totals_follow(odoo):
    lines = [{"name": "a", "quantity": 3, "price_unit": 0.335}, {"name": "b", "price_unit": 10.005}]
    move = odoo.move(lines=lines)
    prices = [
        row["price_unit"]
        for row in odoo.ask(
            "account.move.line",
            "search_read",
            [["move_id", "=", move], ["display_type", "=", "product"]],
            ["price_unit"],
        )
    ]
    assert prices == [0.34, 10.01]
    assert odoo.read("account.move", move, "amount_untaxed", "amount_tax", "amount_total") == {
        "id": move, "amount_untaxed": 11.03, "amount_tax": 1.65, "amount_total": 12.68
    }  # fmt: skip


def test_left_out_taxes_are_the_default_and_an_empty_set_is_none(odoo):
    assert odoo.read("account.move", odoo.move(), "amount_tax") == 15.0
    assert (
        odoo.read(
            "account.move", odoo.move(lines=[{"name": "x", "price_unit": 100, "tax_ids": [[6, 0, []]]}]), "amount_tax"
        )
        == 0.0
    )


def test_a_move_without_a_type_is_a_journal_entry(odoo):
    id = odoo.ask("account.move", "create", {"partner_id": odoo.partner()})
    assert odoo.read("account.move", id, "move_type") == "entry"


def test_posting_gives_the_next_number_of_the_journal_and_answers_false(odoo):
    ids = [odoo.move() for _ in range(3)]
    assert odoo.read("account.move", ids[0], "name") == "/"
    assert odoo.ask("account.move", "action_post", ids) is False
    assert [row["name"] for row in odoo.ask("account.move", "read", ids, ["name"])] == [
        "INV/2026/00001",
        "INV/2026/00002",
        "INV/2026/00003",
    ]


def test_credit_notes_bills_and_entries_are_numbered_apart(odoo):
    assert odoo.read("account.move", odoo.posted("out_refund"), "name") == "RINV/2026/00001"
    assert odoo.read("account.move", odoo.posted("in_invoice", ref="V-1"), "name") == "BILL/2026/11/0001"


def test_a_number_set_by_hand_is_kept_and_the_next_goes_on_from_it(odoo):
    first = odoo.move(name="A/2026/0100")
    odoo.ask("account.move", "action_post", [first])
    assert odoo.read("account.move", odoo.posted(), "name") == "A/2026/0101"


def test_posting_into_a_locked_period_moves_the_date_without_a_word(odoo):
    odoo.vendor.lock("2026-11-10")
    move = odoo.posted(invoice_date="2026-11-03")
    assert odoo.read("account.move", move, "state", "invoice_date", "date") == {
        "id": move, "state": "posted", "invoice_date": "2026-11-03", "date": "2026-11-20"
    }  # fmt: skip


def test_a_posted_move_in_a_locked_period_can_be_neither_changed_nor_reset(odoo):
    move = odoo.posted()
    odoo.vendor.lock("2026-11-10")
    assert odoo.refused("account.move", "write", [move], {"ref": "x"}) == "UserError"
    assert odoo.refused("account.move", "button_draft", [move]) == "UserError"


def test_a_bill_of_a_past_month_counts_for_the_last_day_of_that_month(odoo):
    assert odoo.read("account.move", odoo.move("in_invoice", invoice_date="2026-09-12"), "date") == "2026-09-30"
    assert (
        odoo.read("account.move", odoo.move("in_invoice", invoice_date="2026-09-12", date="2026-09-12"), "date")
        == "2026-09-12"
    )


def test_writing_to_a_posted_invoice_is_accepted_even_a_new_line(odoo):
    move = odoo.posted()
    more = [[0, 0, {"name": "More", "price_unit": 10.0, "tax_ids": [[6, 0, []]]}]]
    assert odoo.ask("account.move", "write", [move], {"invoice_line_ids": more}) is True
    assert odoo.read("account.move", move, "amount_total", "amount_residual") == {
        "id": move,
        "amount_total": 125.0,
        "amount_residual": 125.0,
    }


def test_a_posted_invoice_cannot_be_deleted_but_a_draft_goes_without_a_trace(odoo):
    assert odoo.refused("account.move", "unlink", [odoo.posted()]) == "UserError"
    draft = odoo.move()
    assert odoo.ask("account.move", "unlink", [draft]) is True
    assert odoo.ask("account.move", "read", [draft], ["name"]) == []
    assert odoo.ask("account.move.line", "search", [["move_id", "=", draft]]) == []


def test_a_second_bill_with_the_same_reference_is_refused_when_it_is_posted(odoo):
    vendor = odoo.partner()
    odoo.posted("in_invoice", ref="V-7", partner_id=vendor)
    second = odoo.move("in_invoice", ref="V-7", partner_id=vendor)
    with pytest.raises(Fault, match="Duplicated vendor reference"):
        odoo.ask("account.move", "action_post", [second])


def test_two_customer_invoices_may_carry_the_same_reference(odoo):
    customer = odoo.partner()
    assert odoo.posted(ref="S-1", partner_id=customer) != odoo.posted(ref="S-1", partner_id=customer)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"partner_id": False}, "Customer"),
        ({"lines": [{"name": "x", "price_unit": -5}]}, "negative"),
        ({"move_type": "in_invoice", "invoice_date": False}, "date is required"),
    ],
)
def test_what_is_missing_refuses_the_posting(odoo, fields, words):
    move = odoo.move(fields.pop("move_type", "out_invoice"), **fields)
    with pytest.raises(Fault, match=words):
        odoo.ask("account.move", "action_post", [move])


def test_an_invoice_is_not_posted_twice_nor_created_as_posted(odoo):
    with pytest.raises(Fault, match="must be in draft"):
        odoo.ask("account.move", "action_post", [odoo.posted()])
    assert odoo.refused("account.move", "create", {"move_type": "out_invoice", "state": "posted"}) == "UserError"


def test_one_bad_move_keeps_all_of_them_from_being_posted(odoo):
    good, bad = odoo.move(), odoo.move(lines=[{"name": "x", "price_unit": -5}])
    assert odoo.refused("account.move", "action_post", [good, bad]) == "UserError"
    assert odoo.read("account.move", good, "state") == "draft"


def test_posting_in_an_inactive_currency_is_refused_and_works_once_it_is_switched_on(odoo):
    move = odoo.move(currency_id=odoo.currency("GBP"))
    with pytest.raises(Fault, match="inactive currency: GBP"):
        odoo.ask("account.move", "action_post", [move])
    odoo.vendor.activate_currency("GBP")
    odoo.ask("account.move", "action_post", [move])
    assert (
        odoo.read("account.move", move, "amount_total_signed") == 115.0
    )  # a currency without a rate converts one to one


def test_a_foreign_invoice_is_booked_at_the_rate_of_its_day(odoo):
    odoo.vendor.activate_currency("GBP", "0.8", "2026-11-01")
    move = odoo.posted(currency_id=odoo.currency("GBP"))
    assert odoo.read("account.move", move, "amount_total", "amount_total_signed") == {
        "id": move,
        "amount_total": 115.0,
        "amount_total_signed": 143.75,
    }
    assert odoo.vendor.trial()["sum"] == 0


def test_due_days_come_from_the_terms_and_split_the_receivable(odoo):
    term = odoo.ask("account.payment.term", "search", [["name", "=like", "30%% Now%".replace("%%", "%")]])[0]
    move = odoo.posted(invoice_payment_term_id=term)
    lines = odoo.ask(
        "account.move.line",
        "search_read",
        [["move_id", "=", move], ["display_type", "=", "payment_term"]],
        ["debit", "date_maturity"],
    )
    assert [(line["debit"], line["date_maturity"]) for line in lines] == [(34.5, "2026-11-03"), (80.5, "2027-01-02")]


def test_a_discount_and_a_tax_inside_the_price_are_worked_out(odoo):
    tax = odoo.ask("account.tax", "create", {"name": "20 in", "amount": 20, "price_include": True})
    lines = [{"name": "x", "quantity": 2, "price_unit": 60, "discount": 50, "tax_ids": [[6, 0, [tax]]]}]
    assert odoo.read("account.move", odoo.move(lines=lines), "amount_untaxed", "amount_tax")["amount_untaxed"] == 50.0


def test_taxes_are_rounded_per_line_or_once_as_the_company_says(odoo):
    lines = [{"name": "x", "price_unit": 0.03} for _ in range(3)]
    assert odoo.read("account.move", odoo.move(lines=lines), "amount_tax") == 0.0
    odoo.vendor.change("res.company", 1, {"tax_calculation_rounding_method": "round_globally"})
    assert odoo.read("account.move", odoo.move(lines=lines), "amount_tax") == 0.01


def test_an_entry_must_balance(odoo):
    def entry(credit: float) -> list:
        return [
            [0, 0, {"account_id": odoo.account("101401"), "debit": 10.0}],
            [0, 0, {"account_id": odoo.account("600000"), "credit": credit}],
        ]

    assert odoo.refused("account.move", "create", {"line_ids": entry(9.0)}) == "UserError"
    move = odoo.ask("account.move", "create", {"line_ids": entry(10.0), "date": "2026-11-05"})
    odoo.ask("account.move", "action_post", [move])
    assert odoo.read("account.move", move, "name", "amount_total") == {
        "id": move,
        "name": "MISC/2026/11/0001",
        "amount_total": 10.0,
    }


def test_a_line_with_debit_and_credit_or_without_account_is_refused(odoo):
    both = {"line_ids": [[0, 0, {"account_id": odoo.account("101401"), "debit": 1.0, "credit": 1.0}]]}
    assert odoo.refused("account.move", "create", both) == "ValidationError"
    assert odoo.refused("account.move", "create", {"line_ids": [[0, 0, {"debit": 1.0}]]}) == "ValidationError"


def test_reset_and_cancel_keep_the_number(odoo):
    move = odoo.posted()
    assert odoo.ask("account.move", "button_draft", [move]) is None
    assert odoo.read("account.move", move, "state", "name") == {"id": move, "state": "draft", "name": "INV/2026/00001"}
    odoo.ask("account.move", "button_cancel", [move])
    assert odoo.read("account.move", move, "state", "name") == {"id": move, "state": "cancel", "name": "INV/2026/00001"}


def test_from_17_on_a_posted_move_is_cancelled_through_draft_and_before_with_its_settlements(tmp_path):
    odoo = Caller(fresh(tmp_path))
    move = odoo.posted()
    odoo.pay([move])
    odoo.vendor.set_version(16)
    odoo.ask("account.move", "button_cancel", [move])
    assert odoo.ask("account.partial.reconcile", "search_count", []) == 1
    odoo.vendor.set_version(17)
    odoo.ask("account.move", "button_draft", [move])
    assert odoo.ask("account.partial.reconcile", "search_count", []) == 0


def test_a_reversal_is_a_draft_credit_note_that_names_what_it_reverses(odoo):
    move = odoo.posted()
    context = {"active_model": "account.move", "active_ids": [move]}
    wizard = odoo.ask("account.move.reversal", "create", {"reason": "broken"}, context=context)
    action = odoo.ask("account.move.reversal", "reverse_moves", [wizard])
    credit = odoo.read(
        "account.move", action["res_id"], "state", "move_type", "ref", "reversed_entry_id", "amount_total"
    )
    assert (credit["state"], credit["move_type"], credit["amount_total"]) == ("draft", "out_refund", 115.0)
    assert credit["ref"] == "Reversal of: INV/2026/00001, broken"
    assert credit["reversed_entry_id"][0] == move


def test_a_correction_reverses_the_invoice_and_makes_a_new_draft(odoo):
    move = odoo.posted()
    wizard = odoo.ask("account.move.reversal", "create", {"move_ids": [[6, 0, [move]]]})
    odoo.ask("account.move.reversal", "modify_moves", [wizard])
    assert odoo.read("account.move", move, "payment_state", "amount_residual") == {
        "id": move,
        "payment_state": "reversed",
        "amount_residual": 0.0,
    }
    assert len(odoo.read("account.move.reversal", wizard, "new_move_ids")) == 2


def test_until_16_the_wizard_is_told_how_far_to_go(odoo):
    move = odoo.posted()
    odoo.vendor.set_version(16)
    wizard = odoo.ask("account.move.reversal", "create", {"move_ids": [[6, 0, [move]]], "refund_method": "cancel"})
    odoo.ask("account.move.reversal", "reverse_moves", [wizard])
    assert odoo.read("account.move", move, "payment_state") == "reversed"
    assert odoo.refused("account.move.reversal", "refund_moves", [wizard]) == "AttributeError"


@pytest.mark.parametrize("version", [14, 15, 16, 17, 18])
def test_every_version_creates_posts_pays_reverses_and_balances(odoo, version):
    odoo.vendor.set_version(version)
    paid, reversed_ = odoo.posted(), odoo.posted()
    odoo.pay([paid])
    wizard = odoo.ask("account.move.reversal", "create", {"move_ids": [[6, 0, [reversed_]]]})
    credit = odoo.ask("account.move.reversal", "reverse_moves", [wizard])["res_id"]
    odoo.ask("account.move", "action_post", [credit])
    assert odoo.read("account.move", paid, "payment_state") == "paid"
    # Until 15 a tax has to be said.
    assert odoo.read("account.move", credit, "amount_total_signed") == (-115.0 if version >= 16 else -100.0)
    assert odoo.call("common", "version")["result"]["server_version_info"][0] == version
    assert odoo.vendor.trial()["sum"] == 0


def test_older_servers_number_by_month_and_have_no_type_on_ordinary_lines(odoo):
    odoo.vendor.set_version(14)
    move = odoo.posted()
    assert odoo.read("account.move", move, "name") == "INV/2026/11/0001"
    shown = odoo.ask(
        "account.move.line",
        "search_read",
        [["move_id", "=", move], ["exclude_from_invoice_tab", "=", False]],
        ["display_type"],
    )
    assert [line["display_type"] for line in shown] == [False]


def test_a_user_without_the_billing_right_may_not_post(odoo):
    move = odoo.move()
    odoo.vendor.add_user("clerk", "secret", billing=False)
    clerk = Caller(odoo.vendor, "clerk", "secret")
    assert clerk.refused("account.move", "action_post", [move]) == "AccessError"
    assert clerk.ask("account.move", "check_access_rights", "create", raise_exception=False) is False


def test_documents_of_one_company_are_out_of_reach_in_the_other(odoo):
    europe = odoo.vendor.add_company("Europe", "EUR")
    here = {"allowed_company_ids": [1]}
    there = {"allowed_company_ids": [europe]}
    partner = odoo.partner()
    move = odoo.ask("account.move", "create", {"move_type": "out_invoice", "partner_id": partner}, context=there)
    assert odoo.ask("account.move", "search", [], context=here) == []
    assert odoo.refused("account.move", "read", [move], ["name"], context=here) == "AccessError"
    assert odoo.ask("account.move", "read", [move], ["currency_id"], context=there)[0]["currency_id"][1] == "EUR"
    assert odoo.refused("account.move", "search", [], context={"allowed_company_ids": [99]}) == "AccessError"


def test_the_handles_tell_totals_and_a_trial_balance(odoo):
    odoo.posted()
    odoo.posted("in_invoice", ref="V-1")
    odoo.move()
    assert odoo.vendor.totals("out_invoice") == {"count": 1, "sums": {"USD": Decimal(115)}}
    trial = odoo.vendor.trial()
    assert trial["sum"] == 0
    assert trial["accounts"]["121000 Account Receivable"] == Decimal(115)
    assert len(odoo.vendor.documents("account.move", only=["name"])) == 3
