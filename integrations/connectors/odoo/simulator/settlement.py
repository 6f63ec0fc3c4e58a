"""What is still owed: lines matched against lines, residuals, payment states, exchange differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from .faults import UserError
from .fields import Values
from .orm import Env

_ZERO = Decimal()
_OWED = ("asset_receivable", "liability_payable")


def settle(env: Env, moves: Iterable[int]) -> None:
    """Works out afresh the residuals of the moves' lines, and from these what is left of each invoice and its state."""
    for move in env.rows("account.move", moves):
        lines = env.select("account.move.line", "move_id = ? and account_id is not null", move["id"])
        open_accounts = {
            row["id"]: row for row in env.rows("account.account", [line["account_id"] for line in lines])
            if row["reconcile"] or row["account_type"] in _OWED
        }  # fmt: skip
        home = foreign = _ZERO
        matched = False
        for line in lines:
            if line["account_id"] not in open_accounts:
                continue
            balance, amount = _left(env, line)
            reconciled = not balance and not amount and move["state"] == "posted"
            matched |= balance != line["balance"] or amount != line["amount_currency"]
            changes = {"amount_residual": balance, "amount_residual_currency": amount, "reconciled": reconciled}
            if any(line[name] != value for name, value in changes.items()):
                env.update("account.move.line", [line["id"]], changes)
            if line["display_type"] == "payment_term":
                home += balance
                foreign += amount
        if move["move_type"] != "entry":
            _keep_state(env, move, home, foreign, matched=matched)


def _left(env: Env, line: Values) -> tuple[Decimal, Decimal]:
    """What is not matched of a line, in the company's currency and in its own."""
    balance, amount = line["balance"], line["amount_currency"]
    for partial in env.select("account.partial.reconcile", "debit_move_id = ?", line["id"]):
        balance -= partial["amount"]
        amount -= partial["debit_amount_currency"]
    for partial in env.select("account.partial.reconcile", "credit_move_id = ?", line["id"]):
        balance += partial["amount"]
        amount += partial["credit_amount_currency"]
    return balance, amount


def _keep_state(env: Env, move: Values, home: Decimal, foreign: Decimal, *, matched: bool) -> None:
    sign = 1 if move["move_type"] in ("out_invoice", "in_refund", "out_receipt") else -1
    state = "not_paid"
    if move["state"] == "posted" and not foreign and matched:
        state = "reversed" if _is_reversed(env, move) else "paid"
    elif move["state"] == "posted" and matched:
        state = "partial"
    elif move["state"] == "posted" and not foreign and not move["amount_total"]:
        state = "paid"
    changes = {"payment_state": state, "amount_residual": sign * foreign, "amount_residual_signed": home}
    if move["state"] == "cancel":
        changes |= {"amount_residual": _ZERO, "amount_residual_signed": _ZERO}
    if any(move[name] != value for name, value in changes.items()):
        env.update("account.move", [move["id"]], changes)


def _is_reversed(env: Env, move: Values) -> bool:
    """Whether an invoice was settled by credit notes only."""
    others = {row["move_type"] for row in env.rows("account.move", settled_with(env, move["id"]))}
    mirror = {"out_invoice": "out_refund", "in_invoice": "in_refund"}.get(move["move_type"])
    return bool(others) and others == {mirror}


def settled_with(env: Env, move: int) -> list[int]:
    """The moves that a move's lines were matched with."""
    sql = (
        "select other.move_id from account_move_line mine"
        " join account_partial_reconcile p on mine.id in (p.debit_move_id, p.credit_move_id)"
        " join account_move_line other on other.id in (p.debit_move_id, p.credit_move_id) and other.id != mine.id"
        " where mine.move_id = ?"
    )
    return list(dict.fromkeys(row[0] for row in env.store.run(sql, move)))


def reconcile(env: Env, ids: Sequence[int]) -> None:
    """Matches posted lines of one account, oldest first; raises UserError for lines that cannot be matched."""
    lines = env.existing(env.model("account.move.line"), ids)
    if any(line["reconciled"] for line in lines):
        raise UserError("You are trying to reconcile some entries that are already reconciled.")
    if len({line["account_id"] for line in lines}) > 1:
        raise UserError("Entries are not from the same account.")
    if any(env.one("account.move", line["move_id"])["state"] != "posted" for line in lines):
        raise UserError("You can only reconcile posted entries.")
    lines.sort(key=lambda line: (line["date_maturity"] or "", line["id"]))
    debits = [line for line in lines if line["balance"] > 0]
    credits = [line for line in lines if line["balance"] < 0]
    touched = {line["move_id"] for line in lines}
    while debits and credits:
        debit, credit = debits[0], credits[0]
        touched |= _match(env, debit, credit)
        for queue, line in ((debits, debit), (credits, credit)):
            line["amount_residual"], line["amount_residual_currency"] = _left(env, line)
            if not line["amount_residual"] and not line["amount_residual_currency"]:
                queue.pop(0)
    _number(env, [line["id"] for line in lines])
    settle(env, sorted(touched))
    env.note("update", "account.move", sorted(touched))


def _match(env: Env, debit: Values, credit: Values) -> set[int]:
    """One partial; where rates differ the difference is booked. Answers the moves that this made."""
    (debit_home, debit_foreign), (credit_home, credit_foreign) = _left(env, debit), _left(env, credit)
    company = env.one("res.company", env.one("account.move", debit["move_id"])["company_id"])
    same = debit["currency_id"] == credit["currency_id"] != company["currency_id"]
    amount = min(debit_home, -credit_home)
    if same:
        foreign = min(debit_foreign, -credit_foreign)
        amount = min(_share(debit_home, foreign, debit_foreign), _share(-credit_home, foreign, -credit_foreign))
        sides = (foreign, foreign)
    else:
        sides = (_share(debit_foreign, amount, debit_home), _share(-credit_foreign, amount, -credit_home))
    partial = env.insert(
        "account.partial.reconcile",
        {
            "debit_move_id": debit["id"], "credit_move_id": credit["id"], "amount": amount,
            "debit_amount_currency": sides[0], "credit_amount_currency": sides[1], "company_id": company["id"],
            "debit_currency_id": debit["currency_id"], "credit_currency_id": credit["currency_id"],
            "max_date": env.today.isoformat(),
        },
    )  # fmt: skip
    made = set()
    for line in (debit, credit):
        home, own = _left(env, line)
        if same and home and not own:
            made.add(_book_difference(env, company, line, home, partial))
    return made


def _share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    return whole if part == of else (whole * part / of).quantize(Decimal("0.01")) if of else _ZERO


def _book_difference(env: Env, company: Values, line: Values, left: Decimal, partial: int) -> int:
    """The entry that takes what a changed rate left open, matched with the line that it was left on."""
    side = "expense" if left > 0 else "income"
    account = company[f"{side}_currency_exchange_account_id"]
    move = env.create(
        "account.move",
        {"journal_id": company["currency_exchange_journal_id"], "date": env.today.isoformat(), "line_ids": [
            [0, 0, {"account_id": line["account_id"], "name": "Currency exchange rate difference",
                    "balance": -left, "amount_currency": 0, "currency_id": line["currency_id"],
                    "partner_id": line["partner_id"] or False}],
            [0, 0, {"account_id": account, "name": "Currency exchange rate difference", "balance": left,
                    "amount_currency": 0, "currency_id": line["currency_id"]}]]},
    )  # fmt: skip
    from .posting import post  # the one that posts also settles

    post(env, [move])
    mine = env.select("account.move.line", "move_id = ? and account_id = ? order by id", move, line["account_id"])[0]
    pair = (line["id"], mine["id"]) if left > 0 else (mine["id"], line["id"])
    env.insert(
        "account.partial.reconcile",
        {"debit_move_id": pair[0], "credit_move_id": pair[1], "amount": abs(left), "company_id": company["id"],
         "debit_amount_currency": _ZERO, "credit_amount_currency": _ZERO, "debit_currency_id": line["currency_id"],
         "credit_currency_id": line["currency_id"], "max_date": env.today.isoformat()},
    )  # fmt: skip
    env.update("account.partial.reconcile", [partial], {"exchange_move_id": move})
    return move


def _number(env: Env, ids: Sequence[int]) -> None:
    """Lines that belong together share a number: `P…` while something is open."""
    lines = env.rows("account.move.line", ids)
    done = all(not any(_left(env, line)) for line in lines)
    number = env.store.next("matching")
    env.update("account.move.line", ids, {"matching_number": f"{'' if done else 'P'}{number}"})


def unmatch(env: Env, line_ids: Sequence[int]) -> None:
    """Takes lines out of every settlement."""
    touched: defaultdict[int, set[int]] = defaultdict(set)
    for id in line_ids:
        for partial in env.select("account.partial.reconcile", "debit_move_id = ? or credit_move_id = ?", id, id):
            remove_partial(env, partial, touched)
    settle(env, sorted(touched))


def remove_partial(env: Env, partial: Values, touched: defaultdict[int, set[int]]) -> None:
    lines = env.rows("account.move.line", [partial["debit_move_id"], partial["credit_move_id"]])
    env.delete("account.partial.reconcile", [partial["id"]])
    for line in lines:
        touched[line["move_id"]].add(line["id"])
        if not env.select(
            "account.partial.reconcile", "debit_move_id = ? or credit_move_id = ?", line["id"], line["id"]
        ):
            env.update("account.move.line", [line["id"]], {"matching_number": None, "reconciled": False})
    env.note("update", "account.move", [line["move_id"] for line in lines])


# what callers may ask for


def remove_move_reconcile(env: Env, ids: list[int]) -> None:
    unmatch(env, ids)


def assign_outstanding(env: Env, ids: list[int], line_id: int) -> None:
    """`js_assign_outstanding_line`: applies an open line of a payment or credit note to an invoice."""
    line = env.one("account.move.line", line_id)
    mine = [
        row["id"]
        for move in env.existing(env.model("account.move"), ids)
        for row in env.select("account.move.line", "move_id = ? and not reconciled", move["id"])
        if row["account_id"] == line["account_id"]
    ]
    reconcile(env, [*mine, line_id])


def remove_outstanding(env: Env, ids: list[int], partial_id: int) -> None:
    """`js_remove_outstanding_partial`: takes one settlement apart."""
    touched: defaultdict[int, set[int]] = defaultdict(set)
    remove_partial(env, env.one("account.partial.reconcile", partial_id), touched)
    settle(env, sorted(touched))
