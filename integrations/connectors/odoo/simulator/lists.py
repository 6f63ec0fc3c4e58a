"""What lists do by themselves: partners, products, accounts, journals, currencies, external ids."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .faults import UserError, ValidationError
from .fields import Values
from .list_models import ACCOUNT_TYPES_TO_15
from .moves import commercial, currency_rate
from .orm import Env

# partners


def prepare_partner(env: Env, values: Values, given: frozenset[str]) -> Values:
    if not values.get("name") and values.get("type") == "contact":
        raise ValidationError("The operation cannot be completed: Contacts require a name")
    if "company_type" in given:
        values["is_company"] = values["company_type"] == "company"
    return values


def check_write_partner(env: Env, rows: list[Values], vals: Values) -> Values:
    if "name" in vals and not vals["name"] and any(row["type"] == "contact" for row in rows):
        raise ValidationError("The operation cannot be completed: Contacts require a name")
    return vals | ({"is_company": vals["company_type"] == "company"} if "company_type" in vals else {})


def after_partner(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    for row in env.rows("res.partner", ids):
        if row["parent_id"] in (row["id"],):
            raise ValidationError("You cannot create recursive Partner hierarchies.")
        kind = "company" if row["is_company"] else "person"
        top = commercial(env, row["id"])
        if (row["company_type"], row["commercial_partner_id"]) != (kind, top):
            env.update("res.partner", [row["id"]], {"company_type": kind, "commercial_partner_id": top})


def partner_label(env: Env, row: Values) -> str:
    name = row["name"] or ""
    if row["parent_id"] and not row["is_company"]:
        return f"{env.one('res.partner', row['parent_id'])['name']}, {name or (row['type'] or '').capitalize()}"
    return name


def owed(account_type: str, sign: int) -> Any:
    """What partners owe us, or we them, by the books."""

    def total(env: Env, rows: list[Values]) -> list[Decimal]:
        sums = []
        for row in rows:
            found = env.store.run(
                "select coalesce(sum(l.amount_residual), 0) from account_move_line l join account_account a on a.id = l.account_id"
                " join account_move m on m.id = l.move_id"
                " where l.partner_id = ? and m.company_id = ? and m.state = 'posted' and a.account_type = ?",
                row["id"], env.company_id, account_type,
            )  # fmt: skip
            sums.append(sign * Decimal(found[0][0]) / 10**8)
        return sums

    return total


# products


def prepare_template(env: Env, values: Values, given: frozenset[str]) -> Values:
    if env.version <= 17:
        kind = values.get("detailed_type") if "detailed_type" in given else values.get("type", "consu")
        values |= {"detailed_type": kind, "type": kind}
    if values.get("type") == "service" and "purchase_method" not in given:
        values["purchase_method"] = "purchase"
    if "uom_po_id" not in given:
        values["uom_po_id"] = values["uom_id"]
    company = env.company
    for name, default in (("taxes_id", "account_sale_tax_id"), ("supplier_taxes_id", "account_purchase_tax_id")):
        if name not in given and company[default]:
            values[name] = [company[default]]
    return values


def after_template(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    for row in env.rows("product.template", ids):
        if not row["product_variant_id"] and not env.context.get("by_borrower"):
            env.within(as_line=True, by_borrower=False).create(
                "product.product", {"product_tmpl_id": row["id"], "active": row["active"]}
            )
        elif row["product_variant_id"]:
            same = {"active": row["active"]} if "active" in changed else {}
            env.update("product.product", [row["product_variant_id"]], same)


def prepare_product(env: Env, values: Values, given: frozenset[str]) -> Values:
    if values.get("barcode"):
        taken = env.select("product.product", "barcode = ?", values["barcode"])
        if taken:
            raise ValidationError(f"Barcode(s) already assigned: {values['barcode']}")
    return values


def after_product(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    for row in env.rows("product.product", ids):
        template = env.one("product.template", row["product_tmpl_id"])
        if not template["product_variant_id"]:
            env.update("product.template", [template["id"]], {"product_variant_id": row["id"]})
        if "detailed_type" in changed and env.version <= 17:
            env.update("product.template", [template["id"]], {"type": template["detailed_type"]})


def product_label(env: Env, row: Values) -> str:
    name = env.one("product.template", row["product_tmpl_id"])["name"]
    return f"[{row['default_code']}] {name}" if row["default_code"] else name


def template_label(env: Env, row: Values) -> str:
    variant = env.rows("product.product", [row["product_variant_id"]] if row["product_variant_id"] else [])
    code = variant[0]["default_code"] if variant else None
    return f"[{code}] {row['name']}" if code else row["name"]


# accounts, taxes, journals


def prepare_owned(env: Env, values: Values, given: frozenset[str]) -> Values:
    """A record that belongs to a company: the current one, unless somebody said otherwise."""
    return values | {"company_id": values.get("company_id") or env.company_id}


def prepare_account(env: Env, values: Values, given: frozenset[str]) -> Values:
    values = prepare_owned(env, values, given)
    _check_code(env, values["code"], values["company_id"], 0)
    values["account_type"] = values.get("account_type") or "asset_current"
    if values["account_type"] in ("asset_receivable", "liability_payable"):
        values["reconcile"] = True
    return values


def check_write_account(env: Env, rows: list[Values], vals: Values) -> Values:
    for row in rows:
        if vals.get("code"):
            _check_code(env, vals["code"], row["company_id"], row["id"])
    return vals


def _check_code(env: Env, code: str, company: int, but: int) -> None:
    if env.store.run("select 1 from account_account where code = ? and company_id = ? and id != ?", code, company, but):
        raise ValidationError(f"The code of the account must be unique per company! ({code})")


def account_label(env: Env, row: Values) -> str:
    return f"{row['code']} {row['name']}"


def user_types(env: Env, rows: list[Values]) -> list[int | None]:
    """Until 15: the row of the account types that an account points at."""
    known = {ACCOUNT_TYPES_TO_15[row["name"]]: row["id"] for row in env.select("account.account.type", "1")}
    return [known.get(row["account_type"]) for row in rows]


def internal_types(env: Env, rows: list[Values]) -> list[str]:
    kinds = {"asset_receivable": "receivable", "liability_payable": "payable", "asset_cash": "liquidity"}
    return [kinds.get(row["account_type"], "other") for row in rows]


def internal_types_of_lines(env: Env, rows: list[Values]) -> list[str | None]:
    """Until 15: the kind of the account that a line is on."""
    accounts = env.rows("account.account", [row["account_id"] for row in rows if row["account_id"]])
    kinds = dict(zip((row["id"] for row in accounts), internal_types(env, accounts), strict=True))
    return [kinds.get(row["account_id"]) for row in rows]


def counted_from(env: Env, line: Values) -> str:
    """Until 15: from which day the days of a payment term are counted."""
    return "day_after_invoice_date" if line["delay_type"] == "days_after" else "day_following_month"


def internal_groups(env: Env, rows: list[Values]) -> list[str]:
    return [
        "off_balance" if row["account_type"] == "off_balance" else row["account_type"].partition("_")[0] for row in rows
    ]


def balances(env: Env, rows: list[Values]) -> list[Decimal]:
    sums = []
    for row in rows:
        found = env.store.run(
            "select coalesce(sum(l.balance), 0) from account_move_line l join account_move m on m.id = l.move_id"
            " where l.account_id = ? and m.state = 'posted'",
            row["id"],
        )
        sums.append(Decimal(found[0][0]) / 10**8)
    return sums


def prepare_tax(env: Env, values: Values, given: frozenset[str]) -> Values:
    values = prepare_owned(env, values, given)
    same = env.store.run(
        "select 1 from account_tax where name = ? and type_tax_use = ? and company_id = ? and coalesce(tax_scope, '') = ?",
        values["name"], values["type_tax_use"], values["company_id"], values.get("tax_scope") or "",
    )  # fmt: skip
    if same:
        raise ValidationError(f"Tax names must be unique: {values['name']} in {values['type_tax_use']}")
    company = env.one("res.company", values["company_id"])
    if not values.get("tax_group_id"):
        values["tax_group_id"] = env.search("account.tax.group", [], limit=1)[0]
    return values | {"country_id": values.get("country_id") or company["account_fiscal_country_id"]}


def after_tax(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    """A tax without distribution gets the plain one: all of it, onto the account of the line."""
    for row in env.rows("account.tax", ids):
        for side, document in (("invoice_tax_id", "invoice"), ("refund_tax_id", "refund")):
            if not env.select("account.tax.repartition.line", f"{side} = ?", row["id"]):
                common = {
                    side: row["id"],
                    "document_type": document,
                    "factor_percent": Decimal(100),
                    "company_id": row["company_id"],
                }
                env.insert("account.tax.repartition.line", common | {"repartition_type": "base"})
                env.insert("account.tax.repartition.line", common | {"repartition_type": "tax"})


def prepare_journal(env: Env, values: Values, given: frozenset[str]) -> Values:
    values = prepare_owned(env, values, given)
    if env.store.run(
        "select 1 from account_journal where code = ? and company_id = ?", values["code"], values["company_id"]
    ):
        raise ValidationError(
            f"The operation cannot be completed: Journal codes must be unique per company. ({values['code']})"
        )
    if "refund_sequence" not in given:
        values["refund_sequence"] = values["type"] in ("sale", "purchase")
    if "payment_sequence" not in given:
        values["payment_sequence"] = values["type"] in ("bank", "cash", "credit")
    return values


def after_journal(env: Env, ids: list[int], changed: frozenset[str]) -> None:
    for row in env.rows("account.journal", ids):
        if row["type"] in ("bank", "cash", "credit") and not env.select(
            "account.payment.method.line", "journal_id = ?", row["id"]
        ):
            for kind in ("inbound", "outbound"):
                env.insert("account.payment.method.line", {
                    "name": "Manual", "code": "manual", "sequence": 10, "payment_type": kind, "journal_id": row["id"]})  # fmt: skip


# currencies


def current_rates(env: Env, rows: list[Values]) -> list[Decimal]:
    """Units of the currency for one of the company's, today; 1 where nobody ever entered a rate."""
    return [currency_rate(env, row["id"], env.company, env.today.isoformat()) for row in rows]


def rate_dates(env: Env, rows: list[Values]) -> list[str | None]:
    found = [env.store.run("select max(name) from res_currency_rate where currency_id = ?", row["id"]) for row in rows]
    return [dates[0][0] for dates in found]


def prepare_rate(env: Env, values: Values, given: frozenset[str]) -> Values:
    values = prepare_owned(env, values, given)
    if "inverse_company_rate" not in given and values.get("rate", Decimal()) <= 0:
        raise ValidationError("The operation cannot be completed: The currency rate must be strictly positive.")
    same = env.store.run(
        "select 1 from res_currency_rate where name = ? and currency_id = ? and company_id = ?",
        values["name"], values["currency_id"], values["company_id"],
    )  # fmt: skip
    if same:
        raise ValidationError("The operation cannot be completed: Only one currency rate per day allowed!")
    return values


def check_write_currency(env: Env, rows: list[Values], vals: Values) -> Values:
    own = {company["currency_id"] for company in env.select("res.company", "1")}
    if vals.get("active") is False and any(row["id"] in own for row in rows):
        raise UserError("This currency is set on a company and therefore cannot be deactivated.")
    return vals


# external ids and chatter


def prepare_external_id(env: Env, values: Values, given: frozenset[str]) -> Values:
    if " " in values["name"]:
        raise ValidationError("The operation cannot be completed: External IDs cannot contain spaces")
    if env.store.run("select 1 from ir_model_data where module = ? and name = ?", values["module"], values["name"]):
        raise ValidationError(
            f"The operation cannot be completed: the external id {values['module']}.{values['name']} is taken"
            " (ir_model_data_module_name_uniq_index)."
        )
    return values


def message_post(model: str) -> Any:
    def post(env: Env, ids: list[int], body: str = "", subject: str = "", **more: Any) -> int:
        """A note in the chatter of a record; answers its id."""
        row = env.existing(env.model(model), ids)[0]
        text = f"<p>{body}</p>" if body else None
        return env.insert("mail.message", {
            "body": text, "subject": subject or None, "model": model, "res_id": row["id"], "date": env.stamp[:19],
            "message_type": more.get("message_type", "notification")})  # fmt: skip

    return post
