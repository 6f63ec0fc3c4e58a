"""What becomes of a draft: posted, reset, cancelled, reversed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from . import moves, settlement
from .faults import AccessError, UserError, ValidationError
from .fields import Values
from .moves import INVOICES, PURCHASES, REFUNDS, SALES
from .orm import ROOT, Env

_NO_RIGHT = "You don't have the access rights to post an invoice."
_TEXT = ("line_section", "line_note")
_REVERSED = {
    "entry": "entry",
    "out_invoice": "out_refund",
    "out_refund": "entry",
    "in_invoice": "in_refund",
    "in_refund": "entry",
    "out_receipt": "out_refund",
    "in_receipt": "in_refund",
}


def action_post(env: Env, ids: list[int]) -> bool:
    """Posts drafts; false, which is the server's word for success."""
    if env.uid != ROOT and 2 not in (env.one("res.users", env.uid)["groups_id"]):
        raise AccessError(_NO_RIGHT)
    post(env, ids)
    return False


def post(env: Env, ids: list[int]) -> None:
    for move in env.existing(env.model("account.move"), ids):
        _post(env, move)
        env.note("update", "account.move", [move["id"]])


def _post(env: Env, move: Values) -> None:
    _check_postable(env, move)
    updates: Values = {}
    if move["move_type"] in SALES and not move["invoice_date"]:
        updates["invoice_date"] = env.today.isoformat()
        updates["date"] = updates["invoice_date"]
    if updates:
        env.update("account.move", [move["id"]], updates)
        moves.recompute(env, env.one("account.move", move["id"]))
        move = env.one("account.move", move["id"])
    violated = moves.locks(env, move)
    if violated:  # a locked period moves the document to the next open day, without a word
        day = date.fromisoformat(violated[-1]) + timedelta(days=1)
        move["date"] = moves.settlement_day(env, day, move["move_type"]).isoformat()
    updates = {"state": "posted", "posted_before": True, "date": move["date"]}
    if move["name"] in (None, "/"):
        updates |= _next_number(env, move)
    if move["move_type"] in SALES and not move["payment_reference"]:
        updates["payment_reference"] = updates.get("name") or move["name"]
    env.update("account.move", [move["id"]], updates)
    if "payment_reference" in updates:
        env.store.run(
            "update account_move_line set name = ? where move_id = ? and display_type = 'payment_term' and coalesce(name, '') = ''",
            updates["payment_reference"], move["id"],
        )  # fmt: skip
    settlement.settle(env, [move["id"]])
    if move["reversed_entry_id"] and env.one("account.move", move["reversed_entry_id"])["state"] == "posted":
        _match_with(env, move["reversed_entry_id"], move["id"])
    if move["move_type"] in INVOICES and move["partner_id"]:
        rank = "customer_rank" if move["move_type"] in SALES else "supplier_rank"
        top = env.one("res.partner", moves.commercial(env, move["partner_id"]))
        env.update("res.partner", [top["id"]], {rank: top[rank] + 1})


def _check_postable(env: Env, move: Values) -> None:
    name = moves.label(env, move)
    if move["state"] == "posted":
        raise UserError(f"The entry {name} (id {move['id']}) must be in draft.")
    lines = env.select("account.move.line", "move_id = ?", move["id"])
    if not any(line["display_type"] not in ("line_section", "line_note") for line in lines):
        raise UserError("You need to add a line before posting.")
    if move["move_type"] in INVOICES:
        side = "Customer" if move["move_type"] in SALES else "Vendor"
        if not move["partner_id"]:
            raise UserError(f"The field '{side}' is required, please complete it to validate the document.")
        if move["amount_total"] < 0:
            raise UserError(
                "You cannot validate an invoice with a negative total amount. You should create a credit note instead."
            )
    if move["move_type"] in PURCHASES and not move["invoice_date"]:
        raise UserError("The Bill/Refund date is required to validate this document.")
    journal, currency = env.one("account.journal", move["journal_id"]), env.one("res.currency", move["currency_id"])
    if not journal["active"]:
        raise UserError(f"You cannot post an entry in an archived journal ({journal['name']})")
    if not currency["active"]:
        raise UserError(f"You cannot validate a document with an inactive currency: {currency['name']}")
    for account in env.rows("account.account", [line["account_id"] for line in lines if line["account_id"]]):
        if account["deprecated"]:
            raise UserError(f"The account {account['name']} ({account['code']}) is deprecated.")
    if move["move_type"] in ("in_invoice", "in_refund") and move["ref"]:
        _check_vendor_reference(env, move)
    if move["name"] not in (None, "/"):
        same = env.store.run(
            "select 1 from account_move where name = ? and journal_id = ? and state = 'posted' and id != ?",
            move["name"], move["journal_id"], move["id"],
        )  # fmt: skip
        if same:
            raise ValidationError(
                f"Posted journal entry must have an unique sequence number per company: {move['name']}"
            )


def _check_vendor_reference(env: Env, move: Values) -> None:
    found = duplicates(env, move, posted=True)
    if found:
        raise ValidationError(
            "Duplicated vendor reference detected. You probably encoded twice the same vendor bill/credit note: "
            + ", ".join(moves.label(env, row) for row in env.rows("account.move", found))
        )


def duplicates(env: Env, move: Values, *, posted: bool = False) -> list[int]:
    """Bills of the same vendor with the same reference."""
    if move["move_type"] not in ("in_invoice", "in_refund") or not move["ref"] or not move["partner_id"]:
        return []
    found = env.select(
        "account.move", "ref = ? and move_type = ? and commercial_partner_id = ? and company_id = ? and id != ?",
        move["ref"], move["move_type"], moves.commercial(env, move["partner_id"]), move["company_id"], move["id"],
    )  # fmt: skip
    return [
        row["id"]
        for row in found
        if (row["state"] == "posted" or not posted)
        and row["state"] != "cancel"
        and (row["invoice_date"] == move["invoice_date"] or not row["invoice_date"] or posted)
    ]


def _next_number(env: Env, move: Values) -> Values:
    """The next number of the journal in the period of the move; numbers set by hand set the pattern for what follows."""
    journal, day = env.one("account.journal", move["journal_id"]), date.fromisoformat(move["date"])
    yearly = env.version >= 15 and (
        journal["type"] == "sale" or (env.version >= 16 and journal["type"] in ("bank", "cash"))
    )
    refund = "R" if journal["refund_sequence"] and move["move_type"] in REFUNDS else ""
    payment = "P" if journal["payment_sequence"] and move["payment_id"] else ""
    prefix = f"{payment}{refund}{journal['code']}/{day.year}/" + ("" if yearly else f"{day.month:02}/")
    digits = 5 if yearly else 4
    period = f"{day.year}-" if yearly else f"{day.year}-{day.month:02}-"
    last = env.store.run(
        "select sequence_prefix, length(name) - length(sequence_prefix) from account_move where journal_id = ? and state"
        " = 'posted' and date like ? and (move_type in ('out_refund', 'in_refund')) = ? and (payment_id is not null) = ?"
        " order by id desc limit 1",
        journal["id"], f"{period}%", bool(refund), bool(payment),
    )  # fmt: skip
    if last and last[0][0]:
        prefix, digits = last[0]
    highest = env.store.run(
        "select max(sequence_number) from account_move where journal_id = ? and sequence_prefix = ?",
        journal["id"],
        prefix,
    )[0][0]
    number = (highest or 0) + 1
    return {"name": f"{prefix}{number:0{digits}}", "sequence_prefix": prefix, "sequence_number": number}


# back


def button_draft(env: Env, ids: list[int]) -> None:
    for move in env.existing(env.model("account.move"), ids):
        if move["state"] not in ("posted", "cancel"):
            raise UserError("Only posted/cancelled journal entries can be reset to draft.")
        if move["state"] == "posted":
            moves.check_locks(env, move)
        _unmatch(env, move)
        env.update("account.move", [move["id"]], {"state": "draft"})
        settlement.settle(env, [move["id"]])
        env.note("update", "account.move", [move["id"]])


def button_cancel(env: Env, ids: list[int]) -> None:
    """From 17 on a posted move goes through draft; before that nothing is checked, and settlements stay."""
    for move in env.existing(env.model("account.move"), ids):
        if env.version >= 17:
            if move["state"] == "posted":
                button_draft(env, [move["id"]])
            elif move["state"] != "draft":
                raise UserError("Only draft journal entries can be cancelled.")
        env.update("account.move", [move["id"]], {"state": "cancel", "auto_post": "no"})
        settlement.settle(env, [move["id"]])
        env.note("void", "account.move", [move["id"]])


def _unmatch(env: Env, move: Values) -> None:
    lines = env.select("account.move.line", "move_id = ?", move["id"])
    settlement.unmatch(env, [line["id"] for line in lines])


# reversal


def prepare_reversal(env: Env, values: Values, given: frozenset[str]) -> Values:
    active = env.context.get("active_ids") if env.context.get("active_model") == "account.move" else None
    if "move_ids" not in given and active:
        values["move_ids"] = list(active)
    values.setdefault("date", env.today.isoformat())
    return values


def after_reversal(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    for wizard in env.rows("account.move.reversal", ids):
        found = env.existing(env.model("account.move"), wizard["move_ids"])
        if any(move["state"] != "posted" for move in found):
            raise UserError("You can only reverse posted moves.")
        if len({move["company_id"] for move in found}) > 1:
            raise UserError("All selected moves for reversal must belong to the same company.")
        if found and not wizard["journal_id"]:
            env.update("account.move.reversal", [wizard["id"]], {"journal_id": found[0]["journal_id"]})


def reverse_moves(env: Env, ids: list[int], is_modify: bool = False) -> dict[str, Any]:
    """Makes the credit notes; before 17 `refund_method` says how far it goes."""
    wizard = env.one("account.move.reversal", ids[0])
    method = wizard["refund_method"] if env.version <= 16 else "modify" if is_modify else "refund"
    made: list[int] = []
    for move in env.existing(env.model("account.move"), wizard["move_ids"]):
        credit = _reverse(env, move, wizard)
        made.append(credit)
        if method in ("cancel", "modify") or move["move_type"] == "entry":
            post(env, [credit])
            _match_with(env, move["id"], credit)
        if method == "modify":
            made.append(_again(env, move, wizard))
    env.update("account.move.reversal", ids, {"new_move_ids": made})
    return action("account.move", made, "Reverse Moves")


def refund_moves(env: Env, ids: list[int]) -> dict[str, Any]:
    return reverse_moves(env, ids)


def modify_moves(env: Env, ids: list[int]) -> dict[str, Any]:
    return reverse_moves(env, ids, is_modify=True)


def action(model: str, ids: list[int], name: str) -> dict[str, Any]:
    """The window that a client would open to show what was made."""
    found: dict[str, Any] = {
        "name": name,
        "type": "ir.actions.act_window",
        "res_model": model,
        "context": {"create": False},
    }
    if len(ids) == 1:
        return found | {"view_mode": "form", "res_id": ids[0]}
    return found | {"view_mode": "tree,form", "domain": [["id", "in", ids]]}


def _reverse(env: Env, move: Values, wizard: Values) -> int:
    reason = f"Reversal of: {move['name']}" + (f", {wizard['reason']}" if wizard["reason"] else "")
    head = {
        "move_type": _REVERSED[move["move_type"]], "ref": reason, "date": wizard["date"], "reversed_entry_id": move["id"],
        "journal_id": wizard["journal_id"] or move["journal_id"], "partner_id": move["partner_id"] or False,
        "currency_id": move["currency_id"],
    }  # fmt: skip
    if head["move_type"] in INVOICES:
        head |= {
            "invoice_date": wizard["date"],
            "invoice_payment_term_id": False,
            "invoice_line_ids": copied_lines(env, move),
        }
    else:
        lines = env.select("account.move.line", "move_id = ? order by id", move["id"])
        head["line_ids"] = [
            [0, 0, {"account_id": line["account_id"], "name": line["name"] or False, "debit": line["credit"],
                    "credit": line["debit"], "amount_currency": -line["amount_currency"],
                    "currency_id": line["currency_id"], "partner_id": line["partner_id"] or False}]
            for line in lines
        ]  # fmt: skip
    return env.create("account.move", head)


def copied_lines(env: Env, move: Values) -> list[Any]:
    """The lines that a user sees of an invoice, as commands that make them again."""
    names = [
        "name",
        "quantity",
        "price_unit",
        "discount",
        "product_id",
        "account_id",
        "display_type",
        "product_uom_id",
        "sequence",
    ]
    lines = env.select("account.move.line", "move_id = ? order by id", move["id"])
    return [
        [0, 0, {name: line[name] or False for name in names if name != "display_type" or line[name] in _TEXT}
               | {"tax_ids": [[6, 0, line["tax_ids"]]]}]
        for line in lines
        if line["display_type"] in ("product", *_TEXT)
    ]  # fmt: skip


def _again(env: Env, move: Values, wizard: Values) -> int:
    """The draft that takes the place of an invoice that was reversed to be corrected."""
    names = ["move_type", "partner_id", "currency_id", "journal_id", "ref", "invoice_payment_term_id"]
    head = {name: move[name] or False for name in names} | {"invoice_date": wizard["date"]}
    return env.create("account.move", head | {"invoice_line_ids": copied_lines(env, move)})


def _match_with(env: Env, first: int, second: int) -> None:
    lines = env.select(
        "account.move.line", "move_id in (?, ?) and not reconciled and account_id is not null", first, second
    )
    accounts = {row["id"] for row in env.rows("account.account", [line["account_id"] for line in lines])
                if row["reconcile"] or row["account_type"] in ("asset_receivable", "liability_payable")}  # fmt: skip
    for account in sorted(accounts):
        ids = [line["id"] for line in lines if line["account_id"] == account and line["balance"]]
        if len(ids) > 1:
            settlement.reconcile(env, ids)
