"""Payments, and the wizard that pays invoices."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from . import moves, posting, settlement
from .faults import UserError, ValidationError
from .fields import Values
from .orm import Env
from .taxes import rounded


def prepare(env: Env, values: Values, given: frozenset[str]) -> Values:
    """A new payment and what follows from its journal; its entry is made with it."""
    if values["amount"] < 0:
        raise ValidationError("The operation cannot be completed: The payment amount cannot be negative.")
    entry = env.one("account.move", values["move_id"])
    journal = env.one("account.journal", entry["journal_id"])
    values["currency_id"] = values.get("currency_id") or entry["currency_id"]
    if not values.get("payment_method_line_id"):
        found = env.select(
            "account.payment.method.line", "journal_id = ? and payment_type = ? order by sequence, id limit 1",
            journal["id"], values["payment_type"],
        )  # fmt: skip
        if not found:
            raise ValidationError("Please define a payment method line on your payment.")
        values["payment_method_line_id"] = found[0]["id"]
    method = env.one("account.payment.method.line", values["payment_method_line_id"])
    company = env.one("res.company", journal["company_id"])
    side = "debit" if values["payment_type"] == "inbound" else "credit"
    values["outstanding_account_id"] = (
        method["payment_account_id"]
        or company[f"account_journal_payment_{side}_account_id"]
        or journal["default_account_id"]
    )
    inside = env.within(companies=(company["id"],))
    if not values.get("destination_account_id"):
        name = "receivable" if values["partner_type"] == "customer" else "payable"
        partner = moves.commercial(env, values["partner_id"]) if values.get("partner_id") else None
        values["destination_account_id"] = (
            inside.value("res.partner", partner, f"property_account_{name}_id") if partner else None
        )
    values |= {"company_id": company["id"], "journal_id": journal["id"], "date": entry["date"]}
    return values


def lent_entry(env: Env, lent: Values, own: Values) -> Values:
    """What the entry of a new payment is made from: the lent fields, and a bank journal where none was named."""
    journal = lent.get("journal_id") or own.get("journal_id")
    if not journal:
        found = env.select(
            "account.journal", "type in ('bank', 'cash') and company_id = ? and active = 1 order by sequence, type limit 1",
            own.get("company_id") or env.company_id,
        )  # fmt: skip
        if not found:
            raise UserError("No bank or cash journal could be found.")
        journal = found[0]["id"]
    kept = {name: lent[name] for name in ("ref", "date", "narration", "name") if lent.get(name)}
    if own.get("date"):
        kept["date"] = own["date"]
    if own.get("memo"):
        kept["ref"] = own["memo"]
    if env.one("account.journal", journal)["type"] not in ("bank", "cash", "credit"):
        raise UserError("The journal of a payment must be of type bank or cash.")
    return {
        **kept, "move_type": "entry", "journal_id": journal, "partner_id": own.get("partner_id") or False,
        "currency_id": own.get("currency_id") or False,
    }  # fmt: skip


def after(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    """Writes the lines of the entry from the payment."""
    for payment in env.rows("account.payment", ids):
        head = {"payment_id": payment["id"], "origin_payment_id": payment["id"], "partner_id": payment["partner_id"]}
        if env.version >= 18 and not env.context.get("just_created"):
            head |= {"date": payment["date"], "ref": payment["memo"]}
        env.update("account.move", [payment["move_id"]], head)
        entry = env.one("account.move", payment["move_id"])
        if not changed & {"amount", "payment_type", "partner_id", "currency_id", "partner_type", "date", "move_id"}:
            continue
        if entry["state"] == "posted":
            continue
        _write_lines(env, payment, entry)


def _write_lines(env: Env, payment: Values, entry: Values) -> None:
    env.store.run("delete from account_move_line where move_id = ?", entry["id"])
    sign = 1 if payment["payment_type"] == "inbound" else -1
    company = env.one("res.company", entry["company_id"])
    rate = moves.currency_rate(env, payment["currency_id"], company, entry["date"])
    home = rounded(payment["amount"] / rate)
    who = env.one("res.partner", payment["partner_id"])["name"] if payment["partner_id"] else ""
    kind = "Customer Payment" if payment["partner_type"] == "customer" else "Vendor Payment"
    name = entry["ref"] or f"{kind} {payment['amount']:.2f} - {who} - {entry['date']}"
    for account, side in ((payment["outstanding_account_id"], sign), (payment["destination_account_id"], -sign)):
        if account is None:
            raise UserError("A payment needs the accounts that it moves money between.")
        balance = side * home
        env.insert(
            "account.move.line",
            {
                "move_id": entry["id"], "account_id": account, "name": name, "balance": balance,
                "debit": max(balance, Decimal()), "credit": max(-balance, Decimal()),
                "amount_currency": side * payment["amount"], "currency_id": payment["currency_id"], "display_type": "product",
                "partner_id": payment["partner_id"] and moves.commercial(env, payment["partner_id"]), "tax_ids": [],
                "date_maturity": entry["date"], "quantity": Decimal(1),
            },
        )  # fmt: skip
    env.update("account.payment", [payment["id"]], {"amount_company_currency_signed": sign * home})
    moves.recompute(env, entry)


def check_unlink(env: Env, rows: list[Values]) -> None:
    for row in rows:
        if env.one("account.move", row["move_id"])["state"] == "posted":
            raise UserError("You cannot delete a payment that is posted: reset it to draft first.")


def after_unlink(env: Env, rows: list[Values]) -> None:
    env.within(with_payment=True).unlink("account.move", [row["move_id"] for row in rows])


def label(env: Env, row: Values) -> str:
    name = env.one("account.move", row["move_id"])["name"]
    return name if name not in (None, "/") else "Draft Payment"


def action_post(env: Env, ids: list[int]) -> None:
    rows = env.existing(env.model("account.payment"), ids)
    posting.action_post(env, [row["move_id"] for row in rows])
    _follow(env, rows, "in_process")


def action_draft(env: Env, ids: list[int]) -> None:
    rows = env.existing(env.model("account.payment"), ids)
    posting.button_draft(env, [row["move_id"] for row in rows])
    _follow(env, rows, "draft")


def action_cancel(env: Env, ids: list[int]) -> None:
    rows = env.existing(env.model("account.payment"), ids)
    for row in rows:
        if env.one("account.move", row["move_id"])["state"] == "posted":
            posting.button_draft(env, [row["move_id"]])
    posting.button_cancel(env, [row["move_id"] for row in rows])
    _follow(env, rows, "canceled", operation="void")


def _follow(env: Env, rows: list[Values], state: str, operation: str = "update") -> None:
    for row in rows:
        entry = env.one("account.move", row["move_id"])
        name = entry["name"] if entry["name"] != "/" else None
        env.update("account.payment", [row["id"]], {"state": state, "name": name, "date": entry["date"]})
    env.note(operation, "account.payment", [row["id"] for row in rows])


def reconciled(env: Env, row: Values, kinds: tuple[str, ...]) -> list[int]:
    """The invoices or bills that a payment was applied to."""
    found = settlement.settled_with(env, row["move_id"])
    return sorted(each["id"] for each in env.rows("account.move", found) if each["move_type"] in kinds)


# the wizard


def prepare_register(env: Env, values: Values, given: frozenset[str]) -> Values:
    """What the wizard proposes for the invoices that the context names."""
    lines = _lines_to_pay(env, values)
    company = env.one("account.move", lines[0]["move_id"])["company_id"]
    batches = _batches(env, lines)
    first = batches[0]
    total = sum((line["amount_residual_currency"] for line in first), Decimal())
    values["line_ids"] = [line["id"] for line in lines]
    values["payment_date"] = values.get("payment_date") or env.today.isoformat()
    values["currency_id"] = values.get("currency_id") or first[0]["currency_id"]
    if not values.get("journal_id"):
        found = env.select(
            "account.journal",
            "type in ('bank', 'cash') and company_id = ? and active = 1 order by sequence, type limit 1",
            company,
        )
        values["journal_id"] = found[0]["id"] if found else None
    editable = len(batches) == 1 and (len(first) == 1 or bool(values.get("group_payment")))
    values |= {
        "payment_type": "inbound" if total > 0 else "outbound", "partner_id": first[0]["partner_id"],
        "partner_type": _partner_type(env, first[0]), "company_id": company, "source_currency_id": first[0]["currency_id"],
        "source_amount": abs(sum((line["amount_residual"] for line in first), Decimal())),
        "source_amount_currency": abs(total), "can_edit_wizard": editable,
        "can_group_payments": len(batches) > 1 or len(first) > 1,
    }  # fmt: skip
    if "amount" not in given:
        values["amount"] = _converted(env, abs(total), values)
    if not values.get("communication"):
        values["communication"] = _communication(env, first)
    return values


def action_create_payments(env: Env, ids: list[int]) -> Any:
    """Makes, posts and applies the payments; answers the window that shows them."""
    wizard = env.one("account.payment.register", ids[0])
    lines = env.existing(env.model("account.move.line"), wizard["line_ids"])
    batches = _batches(env, lines)
    if not wizard["group_payment"]:
        batches = [[line] for batch in batches for line in batch]
    whole = len(batches) == 1
    made = [_pay(env, wizard, batch, whole=whole) for batch in batches]
    if env.context.get("dont_redirect_to_payments"):
        return True
    return posting.action("account.payment", made, "Payments")


def difference(env: Env, rows: list[Values]) -> list[Decimal]:
    """What the amount leaves open of what is owed."""
    return [_converted(env, row["source_amount_currency"], row) - row["amount"] for row in rows]


def _lines_to_pay(env: Env, values: Values) -> list[Values]:
    active = list(env.context.get("active_ids") or [])
    if values.get("line_ids"):
        lines = env.existing(env.model("account.move.line"), values["line_ids"])
    elif env.context.get("active_model") == "account.move":
        env.check_rules(env.model("account.move"), active, "read")
        lines = [
            line
            for move in env.existing(env.model("account.move"), active)
            for line in env.select("account.move.line", "move_id = ? order by date_maturity, id", move["id"])
        ]
    elif env.context.get("active_model") == "account.move.line":
        lines = env.existing(env.model("account.move.line"), active)
    else:
        raise UserError(
            "The register payment wizard should only be called on account.move or account.move.line records."
        )
    if any(env.one("account.move", line["move_id"])["state"] != "posted" for line in lines):
        raise UserError("You can only register payment for posted journal entries.")
    kinds = {
        row["id"]: row["account_type"]
        for row in env.rows("account.account", [line["account_id"] for line in lines if line["account_id"]])
    }
    owed = [line for line in lines if kinds.get(line["account_id"]) in ("asset_receivable", "liability_payable")]
    open_lines = [line for line in owed if line["amount_residual_currency"]]
    if not open_lines:
        raise UserError(
            "You can't register a payment because there is nothing left to pay on the selected journal items."
        )
    if len({env.one("account.move", line["move_id"])["company_id"] for line in open_lines}) > 1:
        raise UserError("You can't create payments for entries belonging to different companies.")
    return open_lines


def _batches(env: Env, lines: list[Values]) -> list[list[Values]]:
    """Lines that one payment can settle together."""
    found: defaultdict[tuple[Any, ...], list[Values]] = defaultdict(list)
    for line in lines:
        found[line["partner_id"], line["account_id"], line["currency_id"], line["balance"] > 0].append(line)
    return list(found.values())


def _pay(env: Env, wizard: Values, batch: list[Values], *, whole: bool) -> int:
    owed = sum((line["amount_residual_currency"] for line in batch), Decimal())
    amount = wizard["amount"] if whole else _converted(env, abs(owed), wizard)
    kind = "inbound" if owed > 0 else "outbound"
    words = wizard["communication"] if whole else _communication(env, batch)
    values = {
        "payment_type": kind, "partner_type": _partner_type(env, batch[0]), "partner_id": batch[0]["partner_id"] or False,
        "amount": amount, "currency_id": wizard["currency_id"], "date": wizard["payment_date"],
        "journal_id": wizard["journal_id"], "destination_account_id": batch[0]["account_id"],
        "payment_method_line_id": wizard["payment_method_line_id"] or False,
        ("memo" if env.version >= 18 else "ref"): words,
    }  # fmt: skip
    payment = env.create("account.payment", values)
    writes_off = whole and wizard["payment_difference_handling"] == "reconcile" and wizard["writeoff_account_id"]
    if writes_off:
        _write_off(env, payment, wizard, abs(owed))
    row = env.one("account.payment", payment)
    posting.post(env, [row["move_id"]])
    theirs = env.select(
        "account.move.line", "move_id = ? and account_id = ? and not reconciled", row["move_id"], batch[0]["account_id"]
    )
    settlement.reconcile(env, [line["id"] for line in (*batch, *theirs)])
    env.update("account.payment", [payment], {"is_reconciled": True})
    _follow(env, [row], "paid")
    return payment


def _write_off(env: Env, payment: int, wizard: Values, owed: Decimal) -> None:
    """Books what the payment leaves open onto an account, so that nothing is left."""
    row = env.one("account.payment", payment)
    entry = env.one("account.move", row["move_id"])
    company = env.one("res.company", entry["company_id"])
    rate = moves.currency_rate(env, row["currency_id"], company, entry["date"])
    rest = _converted(env, owed, wizard) - row["amount"]
    sign = 1 if row["payment_type"] == "inbound" else -1
    lines = env.select("account.move.line", "move_id = ? order by id", entry["id"])
    counter = lines[1]
    amount = counter["amount_currency"] - sign * rest
    home = rounded(amount / rate)
    env.update("account.move.line", [counter["id"]], {
        "amount_currency": amount, "balance": home, "debit": max(home, Decimal()), "credit": max(-home, Decimal())})  # fmt: skip
    home = -(lines[0]["balance"] + env.one("account.move.line", counter["id"])["balance"])
    env.insert("account.move.line", {
        "move_id": entry["id"], "account_id": wizard["writeoff_account_id"], "name": wizard["writeoff_label"], "balance": home,
        "debit": max(home, Decimal()), "credit": max(-home, Decimal()), "amount_currency": sign * rest,
        "currency_id": row["currency_id"], "display_type": "product", "tax_ids": [], "partner_id": counter["partner_id"]})  # fmt: skip
    moves.recompute(env, entry)


def _converted(env: Env, amount: Decimal, wizard: Values) -> Decimal:
    """An amount of what is owed, in the currency that is paid in."""
    source, paid = wizard["source_currency_id"], wizard["currency_id"]
    if not source or source == paid:
        return amount
    company = env.one("res.company", wizard["company_id"])
    day = wizard["payment_date"] or date.isoformat(env.today)
    home = amount / moves.currency_rate(env, source, company, day)
    return rounded(home * moves.currency_rate(env, paid, company, day))


def _partner_type(env: Env, line: Values) -> str:
    kind = env.one("account.account", line["account_id"])["account_type"]
    return "customer" if kind == "asset_receivable" else "supplier"


def _communication(env: Env, lines: list[Values]) -> str:
    found = env.rows("account.move", [line["move_id"] for line in lines])
    return " ".join(dict.fromkeys(str(move["payment_reference"] or move["ref"] or move["name"]) for move in found))
