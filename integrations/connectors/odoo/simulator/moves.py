"""Journal entries and invoices while they are drafts: defaults, and everything that is worked out from the lines."""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from . import settlement, taxes
from .faults import UserError, ValidationError
from .fields import Values
from .orm import Env
from .taxes import rounded

SALES = frozenset({"out_invoice", "out_refund", "out_receipt"})
PURCHASES = frozenset({"in_invoice", "in_refund", "in_receipt"})
REFUNDS = frozenset({"out_refund", "in_refund"})
INVOICES = SALES | PURCHASES
_NAMES = {
    "entry": "Draft Entry",
    "out_invoice": "Draft Invoice",
    "out_refund": "Draft Credit Note",
    "in_invoice": "Draft Bill",
    "in_refund": "Draft Vendor Credit Note",
    "out_receipt": "Draft Sales Receipt",
    "in_receipt": "Draft Purchase Receipt",
}


def sign(move_type: str) -> int:
    """Of the balance of an invoice's product lines: 1 is a debit."""
    return -1 if move_type in ("out_invoice", "in_refund", "out_receipt") else 1


def label(env: Env, row: Values) -> str:
    name = row["name"] if row["name"] not in (None, "/") else f"{_NAMES[row['move_type']]} (* {row['id']})"
    return f"{name} ({row['ref'][:50]})" if row["ref"] else name


# a move


def prepare(env: Env, values: Values, given: frozenset[str]) -> Values:
    """A new move with what the server adds to it by itself."""
    if values.get("state") == "posted":
        raise UserError("A journal entry cannot be created as posted: make a draft and post it.")
    kind = values["move_type"]
    journal = _journal(env, values, kind)
    company = env.one("res.company", journal["company_id"])
    values |= {"journal_id": journal["id"], "company_id": company["id"]}
    values["currency_id"] = values.get("currency_id") or journal["currency_id"] or company["currency_id"]
    if not values.get("name"):
        values["name"] = "/" if env.version < 18 else None
    elif values["name"] != "/":
        values |= numbered(values["name"])
    if kind in INVOICES and values.get("partner_id"):
        values |= _from_partner(env, values, kind, given)
    if not values.get("date"):  # until 15 a form fills it in, and a caller has to say it
        values["date"] = (accounting_date(env, values, company) if env.version >= 16 else env.today).isoformat()
    return values


def numbered(name: str) -> Values:
    """A number taken apart: what comes before its last digits, and these."""
    stem = name.rstrip("0123456789")
    return {"sequence_prefix": stem, "sequence_number": int(name[len(stem) :] or 0)}


def accounting_date(env: Env, move: Values, company: Values) -> date:
    """The day that a draft counts for: an invoice's own; a bill's is never before the month that is open by the calendar."""
    if not move.get("invoice_date"):
        return date.fromisoformat(move["date"]) if move.get("date") else env.today
    day = date.fromisoformat(move["invoice_date"])
    return day if move["move_type"] in SALES else settlement_day(env, day, move["move_type"])


def settlement_day(env: Env, day: date, kind: str) -> date:
    """Where the server puts a document dated `day`: sales keep their year, everything else its month."""
    if kind in SALES:
        return min(env.today, date(day.year, 12, 31))
    if (env.today.year, env.today.month) > (day.year, day.month):
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return max(day, env.today)


def check_write(env: Env, rows: list[Values], vals: Values) -> Values:
    """Posted moves take nearly everything; locked periods and numbers do not."""
    if "state" in vals:
        raise UserError("The state changes by action_post, button_draft and button_cancel only.")
    for row in rows:
        if row["state"] == "posted":
            check_locks(env, row)
            if vals.get("journal_id", row["journal_id"]) != row["journal_id"]:
                raise UserError("You cannot edit the journal of an account move if it has been posted once.")
        if vals.get("date") and row["state"] == "posted":
            check_locks(env, row | {"date": vals["date"]})
    return vals


def locks(env: Env, move: Values) -> list[str]:
    """The lock dates that a move's accounting day lies behind, newest last."""
    company = env.one("res.company", move["company_id"])
    names = ["fiscalyear_lock_date"]
    if env.version >= 18:
        names.append("hard_lock_date")
        names += ["sale_lock_date"] if move["move_type"] in SALES else []
        names += ["purchase_lock_date"] if move["move_type"] in PURCHASES else []
    taxed = env.store.run(
        "select 1 from account_move_line where move_id = ? and (tax_line_id is not null or tax_ids not in ('[]', ''))"
        " limit 1",
        move["id"],
    )
    names += ["tax_lock_date"] if taxed else []
    days = [company[name] for name in names if company[name]]
    return sorted(day for day in days if move["date"] and move["date"] <= day)


def check_locks(env: Env, move: Values) -> None:
    violated = locks(env, move)
    if violated:
        raise UserError(f"You cannot add/modify entries prior to and inclusive of the lock date {violated[-1]}.")


def after(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    """Works out what follows from the fields and lines that were just kept."""
    for move in env.rows("account.move", ids):
        _follow(env, move, changed)
        recompute(env, env.one("account.move", move["id"]))


def _follow(env: Env, move: Values, changed: frozenset[str]) -> None:
    """Fields of the head that follow other fields of it."""
    made = env.context.get("just_created")
    updates: Values = {}
    if "name" in changed and not made and move["name"] not in (None, "/"):
        updates |= numbered(move["name"])
    if not made and move["state"] == "draft":
        if "partner_id" in changed and move["partner_id"] and move["move_type"] in INVOICES:
            updates |= _from_partner(env, move, move["move_type"], changed)
        if "invoice_date" in changed and "date" not in changed and env.version >= 16:
            updates["date"] = accounting_date(env, move, env.one("res.company", move["company_id"])).isoformat()
        if "journal_id" in changed:
            updates["company_id"] = env.one("account.journal", move["journal_id"])["company_id"]
    if move["partner_id"] and ("partner_id" in changed or made):
        updates["commercial_partner_id"] = commercial(env, move["partner_id"])
        updates["invoice_partner_display_name"] = env.one("res.partner", move["partner_id"])["name"]
        sql = "update account_move_line set partner_id = ? where move_id = ? and display_type is not null"
        env.store.run(sql, updates["commercial_partner_id"], move["id"])
    if updates:
        env.update("account.move", [move["id"]], updates)


def check_unlink(env: Env, rows: list[Values]) -> None:
    for row in rows:
        if row["state"] == "posted":
            raise UserError("You cannot delete a posted journal entry: reset it to draft first.")
        if row["payment_id"] and not env.context.get("with_payment"):
            raise UserError("This entry belongs to a payment: delete the payment.")


# a line


def prepare_line(env: Env, values: Values, given: frozenset[str]) -> Values:
    """A new line with what follows from its product, its partner and its move."""
    move = env.one("account.move", values["move_id"])
    if move["state"] == "posted":
        check_locks(env, move)
    if values.get("debit") and values.get("credit"):
        raise ValidationError("The operation cannot be completed: a line has a debit or a credit, not both.")
    values["currency_id"] = values.get("currency_id") or move["currency_id"]
    values["partner_id"] = values.get("partner_id") or (move["partner_id"] and commercial(env, move["partner_id"]))
    if values.get("display_type") in ("line_section", "line_note"):
        return values | {"account_id": None, "quantity": Decimal(), "price_unit": Decimal()}
    ordinary = move["move_type"] in INVOICES
    values["display_type"] = values.get("display_type") or "product"
    if ordinary:
        values.setdefault("quantity", Decimal(1))
        values |= _from_product(env, move, values, given)
    else:
        _entry_amounts(env, move, values, given)
    if not values.get("account_id"):
        raise ValidationError(
            "The operation cannot be completed: an accounting line needs an account.\n"
            "Model: Journal Item (account.move.line), Field: account_id"
        )
    return values


def check_write_line(env: Env, rows: list[Values], vals: Values) -> Values:
    for row in rows:
        move = env.one("account.move", row["move_id"])
        if move["state"] == "posted":
            check_locks(env, move)
            money = {"account_id", "debit", "credit", "balance", "amount_currency"} & set(vals)
            if money and (row["matching_number"] or row["reconciled"]):
                raise UserError("You cannot do this modification on a reconciled journal entry: unreconcile it first.")
        if move["move_type"] == "entry" and {"debit", "credit", "balance", "amount_currency"} & set(vals):
            amounts = {name: Decimal(str(value or 0)) for name, value in vals.items() if name in _AMOUNTS}
            if len(rows) == 1:
                _entry_amounts(env, move, amounts, frozenset(amounts))
                vals = vals | amounts
    return vals


_AMOUNTS = ("debit", "credit", "balance", "amount_currency")


def after_line(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    if not env.context.get("as_line"):
        _refresh(env, {row["move_id"] for row in env.rows("account.move.line", ids)})


def check_unlink_line(env: Env, rows: list[Values]) -> None:
    for row in rows:
        move = env.one("account.move", row["move_id"])
        if move["state"] == "posted" and not env.context.get("as_line"):
            raise UserError("You cannot delete an item of a posted journal entry.")
        if row["display_type"] in ("tax", "payment_term") and move["move_type"] in INVOICES:
            raise ValidationError("You cannot delete a tax line or a payable/receivable line: they follow the others.")


def after_unlink_line(env: Env, rows: list[Values]) -> None:
    if not env.context.get("as_line"):
        _refresh(env, {row["move_id"] for row in rows})


def _refresh(env: Env, moves: set[int]) -> None:
    for move in env.rows("account.move", sorted(moves)):
        env.update("account.move", [move["id"]], {})
        recompute(env, move)


# what follows from the lines


def recompute(env: Env, move: Values) -> None:
    """Taxes, receivable and payable lines, totals; raises UserError where debits and credits differ."""
    lines = env.select("account.move.line", "move_id = ? order by id", move["id"])
    if move["move_type"] in INVOICES:
        _recompute_invoice(env, move, lines)
    else:
        _recompute_entry(env, move, lines)
    settlement.settle(env, [move["id"]])


def _recompute_invoice(env: Env, move: Values, lines: list[Values]) -> None:
    company = env.one("res.company", move["company_id"])
    direction, places = sign(move["move_type"]), decimals(env, move["currency_id"])
    day = (move["invoice_date"] if env.version >= 16 else None) or move["date"] or env.today.isoformat()
    rate = currency_rate(env, move["currency_id"], company, day)
    globally = company["tax_calculation_rounding_method"] == "round_globally"
    owed: defaultdict[tuple[int, int | None], list[Decimal]] = defaultdict(lambda: [Decimal(), Decimal()])
    untaxed = Decimal()
    for line in lines:
        if line["display_type"] != "product":
            continue
        price = line["price_unit"] * (1 - line["discount"] / 100)
        taxed = taxes.compute(
            env, line["tax_ids"], price=price, quantity=line["quantity"], places=places, globally=globally,
            refund=move["move_type"] in REFUNDS,
        )  # fmt: skip
        untaxed += taxed.excluded
        for part in taxed.parts:
            owed[part.tax, part.account or line["account_id"]][0] += part.base
            owed[part.tax, part.account or line["account_id"]][1] += part.amount
        amounts = _amounts(direction * taxed.excluded, rate, company, env)
        amounts |= {"price_subtotal": taxed.excluded, "price_total": taxed.included, "currency_id": move["currency_id"]}
        _keep(env, line, amounts)
    tax_total = _keep_tax_lines(env, move, lines, owed, direction, rate, company, places)
    total = untaxed + tax_total
    due = _keep_term_lines(env, move, lines, -direction * total, rate, company)
    head = {
        "amount_untaxed": untaxed, "amount_tax": tax_total, "amount_total": total, "invoice_date_due": due,
        "amount_untaxed_signed": -direction * _home(env, untaxed, rate, company),
        "amount_tax_signed": -direction * _home(env, tax_total, rate, company),
        "amount_total_signed": -direction * _home(env, total, rate, company),
        "amount_total_in_currency_signed": -direction * total, "invoice_currency_rate": rate,
    }  # fmt: skip
    _keep(env, move, head, model="account.move")


def _keep_tax_lines(
    env: Env, move: Values, lines: list[Values], owed: Any, direction: int, rate: Decimal, company: Values, places: int
) -> Decimal:
    known = {(line["tax_line_id"], line["account_id"]): line for line in lines if line["display_type"] == "tax"}
    total = Decimal()
    for (tax, account), (base, amount) in owed.items():
        due = rounded(amount, places)
        total += due
        values = _amounts(direction * due, rate, company, env) | {
            "tax_base_amount": _home(env, base, rate, company), "currency_id": move["currency_id"],
        }  # fmt: skip
        line = known.pop((tax, account), None)
        if line:
            _keep(env, line, values)
        elif due:
            name = env.one("account.tax", tax)["name"]
            _add_line(env, move, values | {"name": name, "account_id": account, "tax_line_id": tax}, "tax")
    env.delete("account.move.line", [line["id"] for line in known.values()])
    return total


def _keep_term_lines(
    env: Env, move: Values, lines: list[Values], total: Decimal, rate: Decimal, company: Values
) -> str | None:
    """The receivable or payable lines, one a due date; answers the last of these."""
    known = [line for line in lines if line["display_type"] == "payment_term"]
    parts = _instalments(env, move, total) if any(line["display_type"] == "product" for line in lines) else []
    account = _partner_account(env, move)
    home = -sum(
        (row[0] or 0 for row in env.store.run(
            "select balance from account_move_line where move_id = ? and display_type in ('product', 'tax')", move["id"])),
        0,
    )  # fmt: skip
    rest = Decimal(home) / 10**8
    for index, (due, amount) in enumerate(parts):
        values = _amounts(amount, rate, company, env)
        if index == len(parts) - 1:  # what rounding left goes into the last
            values = _amounts(amount, rate, company, env, balance=rest)
        rest -= values["balance"]
        values |= {
            "date_maturity": due,
            "currency_id": move["currency_id"],
            "partner_id": move["partner_id"] and commercial(env, move["partner_id"]),
        }
        if index < len(known):
            if known[index]["matching_number"] and known[index]["balance"] != values["balance"]:
                raise UserError("You cannot do this modification on a reconciled journal entry: unreconcile it first.")
            _keep(env, known[index], values)
        else:
            name = move["payment_reference"] or ""
            _add_line(env, move, values | {"name": name, "account_id": account}, "payment_term")
    env.delete("account.move.line", [line["id"] for line in known[len(parts) :]])
    return parts[-1][0] if parts else move["invoice_date_due"]


def _instalments(env: Env, move: Values, total: Decimal) -> list[tuple[str, Decimal]]:
    first = date.fromisoformat(move["invoice_date"] or env.today.isoformat())
    term = move["invoice_payment_term_id"]
    if not term:
        return [(move["invoice_date_due"] if _is_later(move, first) else first.isoformat(), total)]
    places = decimals(env, move["currency_id"])
    lines = env.select("account.payment.term.line", "payment_id = ? order by id", term)
    parts: defaultdict[str, Decimal] = defaultdict(Decimal)
    rest = total
    for index, line in enumerate(lines):
        share = total * line["value_amount"] / 100 if line["value"] == "percent" else line["value_amount"]
        amount = rest if index == len(lines) - 1 else rounded(share, places)
        rest -= amount
        parts[_due(first, line)] += amount
    return sorted(parts.items()) or [(first.isoformat(), total)]


def _is_later(move: Values, first: date) -> bool:
    return bool(move["invoice_date_due"]) and move["invoice_date_due"] >= first.isoformat()


def _due(first: date, line: Values) -> str:
    if line["delay_type"] == "days_after_end_of_month":
        first = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    elif line["delay_type"] == "days_after_end_of_next_month":
        later = first.replace(day=28) + timedelta(days=4)
        first = later.replace(day=calendar.monthrange(later.year, later.month)[1])
    return (first + timedelta(days=line["nb_days"])).isoformat()


def _recompute_entry(env: Env, move: Values, lines: list[Values]) -> None:
    debit = sum((line["debit"] for line in lines), Decimal())
    credit = sum((line["credit"] for line in lines), Decimal())
    if debit != credit:
        raise UserError(
            f"The move ({label(env, move)}) is not balanced.\n"
            f"The total of debits equals {debit:.2f} and the total of credits equals {credit:.2f}."
        )
    total = {"amount_total": debit, "amount_total_signed": debit, "amount_total_in_currency_signed": debit}
    _keep(env, move, total, model="account.move")


def _entry_amounts(env: Env, move: Values, values: Values, given: frozenset[str]) -> None:
    """Debit, credit, balance and the amount in the line's own currency, from whichever of them was sent."""
    company = env.one("res.company", move["company_id"])
    if "balance" in given:
        balance = values["balance"]
    elif {"debit", "credit"} & given:
        balance = values.get("debit", Decimal()) - values.get("credit", Decimal())
    elif "amount_currency" in given:
        rate = currency_rate(env, values.get("currency_id") or move["currency_id"], company, move["date"])
        balance = _home(env, values["amount_currency"], rate, company)
    else:
        balance = Decimal()
    values |= {"balance": balance, "debit": max(balance, Decimal()), "credit": max(-balance, Decimal())}
    if "amount_currency" not in given:
        foreign = values.get("currency_id") or move["currency_id"]
        rate = currency_rate(env, foreign, company, move["date"])
        values["amount_currency"] = rounded(balance * rate, decimals(env, foreign))
    if values["amount_currency"] * balance < 0:
        raise ValidationError("The operation cannot be completed: the amount in currency has the sign of the balance.")


# defaults


def _journal(env: Env, values: Values, kind: str) -> Values:
    wanted = "sale" if kind in SALES else "purchase" if kind in PURCHASES else "general"
    if values.get("journal_id"):
        journal = env.one("account.journal", values["journal_id"])
        env.check_rules(env.model("account.journal"), [journal["id"]], "read")
        if kind in INVOICES and journal["type"] != wanted:
            raise UserError(f"Cannot create an invoice of type {kind} with a journal having {journal['type']} as type.")
        return journal
    company = values.get("company_id") or env.company_id
    found = env.select(
        "account.journal",
        "type = ? and company_id = ? and active = 1 order by sequence, type, code limit 1",
        wanted,
        company,
    )
    if not found:
        raise UserError(f"No journal could be found in company {company} for any of those types: {wanted}")
    return found[0]


def _from_partner(env: Env, values: Values, kind: str, given: frozenset[str]) -> Values:
    name = "property_payment_term_id" if kind in SALES else "property_supplier_payment_term_id"
    inside = env.within(companies=(values["company_id"],))
    found: Values = {"commercial_partner_id": commercial(env, values["partner_id"])}
    if "invoice_payment_term_id" not in given:
        found["invoice_payment_term_id"] = inside.value("res.partner", values["partner_id"], name)
    if not values.get("partner_shipping_id") and kind in SALES:
        found["partner_shipping_id"] = values["partner_id"]
    return found


def commercial(env: Env, partner: int) -> int:
    """The partner that the books know: the top of the family, unless a member is a company itself."""
    row = env.one("res.partner", partner)
    while row["parent_id"] and not row["is_company"]:
        row = env.one("res.partner", row["parent_id"])
    return int(row["id"])


def _from_product(env: Env, move: Values, values: Values, given: frozenset[str]) -> Values:
    inside, sales = env.within(companies=(move["company_id"],)), move["move_type"] in SALES
    found: Values = {}
    product = values.get("product_id")
    shown: Values = {}
    if product:
        names = ["display_name", "uom_id", "taxes_id", "supplier_taxes_id", "lst_price", "standard_price",
                 "product_tmpl_id", "description_sale", "description_purchase"]  # fmt: skip
        shown = inside.read("product.product", [product], names, named=False)[0]
    if product and "name" not in given:
        more = shown["description_sale" if sales else "description_purchase"]
        found["name"] = f"{shown['display_name']}\n{more}" if more else shown["display_name"]
    if product and "price_unit" not in given:
        found["price_unit"] = shown["lst_price"] if sales else shown["standard_price"]
    if product and "product_uom_id" not in given:
        found["product_uom_id"] = shown["uom_id"]
    if "account_id" not in given:
        found["account_id"] = _product_account(inside, move, shown.get("product_tmpl_id"), sales=sales)
    if "tax_ids" not in given:
        found["tax_ids"] = _default_taxes(
            inside, move, shown, found.get("account_id") or values.get("account_id"), sales=sales
        )
    return found


def _product_account(env: Env, move: Values, template: int | None, *, sales: bool) -> int | None:
    side = "income" if sales else "expense"
    if template:
        own = env.value("product.template", template, f"property_account_{side}_id")
        category = env.one("product.template", template)["categ_id"]
        account = own or env.value("product.category", category, f"property_account_{side}_categ_id")
        if account:
            return int(account)
    journal = env.one("account.journal", move["journal_id"])
    return int(journal["default_account_id"]) if journal["default_account_id"] else None


def _default_taxes(env: Env, move: Values, product: Values, account: int | None, *, sales: bool) -> list[int]:
    if env.version <= 15:  # a form fills them in
        return []
    listed = product.get("taxes_id" if sales else "supplier_taxes_id") or []
    mine = [row["id"] for row in env.rows("account.tax", listed) if row["company_id"] == move["company_id"]]
    if product:
        return mine
    from_account = env.one("account.account", account)["tax_ids"] if account else []
    if from_account:
        return list(from_account)
    company = env.one("res.company", move["company_id"])
    default = company["account_sale_tax_id" if sales else "account_purchase_tax_id"]
    return [default] if default else []


def _partner_account(env: Env, move: Values) -> int | None:
    name = "property_account_receivable_id" if move["move_type"] in SALES else "property_account_payable_id"
    inside = env.within(companies=(move["company_id"],))
    if move["partner_id"]:
        found = inside.value("res.partner", commercial(env, move["partner_id"]), name)
        return int(found) if found else None
    found = env.store.run(
        "select value from property where model = 'res.partner' and field = ? and record = 0 and company = ?",
        name, move["company_id"],
    )  # fmt: skip
    return int(found[0][0]) if found else None


# amounts


def decimals(env: Env, currency: int) -> int:
    return int(env.one("res.currency", currency)["decimal_places"])


def currency_rate(env: Env, currency: int, company: Values, day: str) -> Decimal:
    """Units of `currency` for one of the company's; 1 where nobody entered a rate for that day or, until 17, before it."""
    if currency == company["currency_id"]:
        return Decimal(1)
    found = env.store.run(
        "select rate from res_currency_rate where currency_id = ? and coalesce(company_id, ?) = ?"
        " and (name <= ? or ?) order by name > ?, case when name > ? then name end, name desc limit 1",
        currency, company["id"], company["id"], day, env.version >= 18, day, day,
    )  # fmt: skip
    return Decimal(found[0][0]) / 10**8 if found and found[0][0] else Decimal(1)


def _home(env: Env, amount: Decimal, rate: Decimal, company: Values) -> Decimal:
    return rounded(amount / rate, decimals(env, company["currency_id"]))


def _amounts(amount: Decimal, rate: Decimal, company: Values, env: Env, balance: Decimal | None = None) -> Values:
    home = _home(env, amount, rate, company) if balance is None else balance
    return {
        "amount_currency": amount, "balance": home, "debit": max(home, Decimal()), "credit": max(-home, Decimal())
    }  # fmt: skip


def _keep(env: Env, row: Values, values: Values, model: str = "account.move.line") -> None:
    changed = {name: value for name, value in values.items() if row.get(name) != value}
    if changed:
        env.update(model, [row["id"]], changed)


def _add_line(env: Env, move: Values, values: Values, kind: str) -> None:
    env.insert(
        "account.move.line",
        {
            "move_id": move["id"], "display_type": kind, "quantity": Decimal(1), "partner_id": values.get("partner_id")
            or (move["partner_id"] and commercial(env, move["partner_id"])), "exclude_from_invoice_tab": True, "sequence": 10000,
            "currency_id": move["currency_id"], "tax_ids": [],
        }
        | values,
    )  # fmt: skip
