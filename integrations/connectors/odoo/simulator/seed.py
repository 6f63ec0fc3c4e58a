"""What a freshly made database holds: one company in US dollars, the generic chart, and currencies nobody switched on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .fields import Values
from .list_models import ACCOUNT_TYPES_TO_15
from .orm import Env
from .tables import MODELS

# code, name, type, reconcile; the generic chart as a bare outline, in our own words
ACCOUNTS = (
    ("101000", "Current Assets", "asset_current"),
    ("101401", "Bank", "asset_cash"),
    ("101402", "Bank Suspense Account", "asset_current"),
    ("101403", "Outstanding Receipts", "asset_current"),
    ("101404", "Outstanding Payments", "asset_current"),
    ("101501", "Cash", "asset_cash"),
    ("101701", "Liquidity Transfer", "asset_current"),
    ("110100", "Stock Valuation", "asset_current"),
    ("121000", "Account Receivable", "asset_receivable"),
    ("121100", "Products to Receive", "asset_current"),
    ("131000", "Tax Paid", "asset_current"),
    ("132000", "Tax Receivable", "asset_current"),
    ("141000", "Prepayments", "asset_prepayments"),
    ("151000", "Fixed Asset", "asset_fixed"),
    ("191000", "Non-current Assets", "asset_non_current"),
    ("201000", "Current Liabilities", "liability_current"),
    ("211000", "Account Payable", "liability_payable"),
    ("251000", "Tax Received", "liability_current"),
    ("252000", "Tax Payable", "liability_current"),
    ("291000", "Non-current Liabilities", "liability_non_current"),
    ("301000", "Capital", "equity"),
    ("302000", "Dividends", "equity"),
    ("400000", "Product Sales", "income"),
    ("441000", "Foreign Exchange Gain", "income"),
    ("442000", "Cash Difference Gain", "income"),
    ("450000", "Other Income", "income_other"),
    ("500000", "Cost of Goods Sold", "expense_direct_cost"),
    ("600000", "Expenses", "expense"),
    ("611000", "Purchase of Equipments", "expense"),
    ("612000", "Rent", "expense"),
    ("620000", "Bank Fees", "expense"),
    ("630000", "Salary Expenses", "expense"),
    ("641000", "Foreign Exchange Loss", "expense"),
    ("642000", "Cash Difference Loss", "expense"),
    ("961000", "R&D Expenses", "expense"),
    ("999999", "Undistributed Profits/Losses", "equity_unaffected"),
)
_RECONCILED = frozenset({"101402", "101403", "101404", "101701"})
# name, code, type, default account; the order is the order in which the server offers them
JOURNALS = (
    ("Customer Invoices", "INV", "sale", "400000", 5),
    ("Vendor Bills", "BILL", "purchase", "600000", 6),
    ("Miscellaneous Operations", "MISC", "general", None, 9),
    ("Exchange Difference", "EXCH", "general", None, 10),
    ("Cash Basis Taxes", "CABA", "general", None, 11),
    ("Bank", "BNK1", "bank", "101401", 7),
    ("Cash", "CSH1", "cash", "101501", 8),
)
CURRENCIES = (
    ("USD", "United States dollar", "$", 2),
    ("EUR", "Euro", "€", 2),
    ("GBP", "Pound sterling", "£", 2),
    ("CHF", "Swiss franc", "CHF", 2),
    ("CAD", "Canadian dollar", "$", 2),
    ("AUD", "Australian dollar", "$", 2),
    ("SEK", "Swedish krona", "kr", 2),
    ("JPY", "Japanese yen", "¥", 0),
    ("KWD", "Kuwaiti dinar", "د.ك", 3),
)
COUNTRIES = (
    ("US", "United States", "USD"), ("GB", "United Kingdom", "GBP"), ("DE", "Germany", "EUR"), ("FR", "France", "EUR"),
    ("IE", "Ireland", "EUR"), ("NL", "Netherlands", "EUR"), ("BE", "Belgium", "EUR"), ("ES", "Spain", "EUR"),
    ("IT", "Italy", "EUR"), ("PT", "Portugal", "EUR"), ("AT", "Austria", "EUR"), ("FI", "Finland", "EUR"),
    ("GR", "Greece", "EUR"), ("CY", "Cyprus", "EUR"), ("MT", "Malta", "EUR"), ("LT", "Lithuania", "EUR"),
    ("CH", "Switzerland", "CHF"), ("NO", "Norway", None), ("SE", "Sweden", "SEK"), ("DK", "Denmark", None),
    ("IS", "Iceland", None), ("PL", "Poland", None), ("CZ", "Czech Republic", None), ("JP", "Japan", "JPY"),
    ("AU", "Australia", "AUD"), ("CA", "Canada", "CAD"), ("SG", "Singapore", None), ("HK", "Hong Kong", None),
    ("IL", "Israel", None), ("AE", "United Arab Emirates", None), ("SA", "Saudi Arabia", None), ("BR", "Brazil", None),
    ("ZA", "South Africa", None), ("BH", "Bahrain", None), ("LB", "Lebanon", None), ("NG", "Nigeria", None),
    ("IN", "India", None), ("CN", "China", None), ("MX", "Mexico", None), ("NZ", "New Zealand", None),
)  # fmt: skip
STATES = (
    ("US", "CA", "California"),
    ("US", "NY", "New York"),
    ("US", "TX", "Texas"),
    ("US", "IL", "Illinois"),
    ("CA", "ON", "Ontario"),
)
# name, lines of (percent, days, counted from)
TERMS: tuple[tuple[str, tuple[tuple[int, int, str], ...]], ...] = (
    ("Immediate Payment", ((100, 0, "days_after"),)),
    ("15 Days", ((100, 15, "days_after"),)),
    ("21 Days", ((100, 21, "days_after"),)),
    ("30 Days", ((100, 30, "days_after"),)),
    ("45 Days", ((100, 45, "days_after"),)),
    ("End of Following Month", ((100, 0, "days_after_end_of_next_month"),)),
    ("30% Now, Balance 60 Days", ((30, 0, "days_after"), (70, 60, "days_after"))),
)
MODULES = ("base", "web", "mail", "product", "uom", "analytic", "account", "l10n_generic_coa", "sale", "purchase")
# the parts of external ids under which version 15 and older know the types of accounts
_ACCOUNT_TYPE_NAMES = {
    "Receivable": "account_type_receivable", "Payable": "account_type_payable", "Bank and Cash": "account_type_liquidity",
    "Credit Card": "account_type_credit_card", "Current Assets": "account_type_current_assets",
    "Non-current Assets": "account_type_non_current_assets", "Prepayments": "account_type_prepayments",
    "Fixed Assets": "account_type_fixed_assets", "Current Liabilities": "account_type_current_liabilities",
    "Non-current Liabilities": "account_type_non_current_liabilities", "Equity": "account_type_equity",
    "Current Year Earnings": "unaffected_earnings", "Other Income": "account_type_other_income",
    "Income": "account_type_revenue", "Depreciation": "account_type_depreciation", "Expenses": "account_type_expenses",
    "Cost of Revenue": "account_type_direct_costs", "Off-Balance Sheet": "account_off_sheet",
}  # fmt: skip


def seed(env: Env) -> None:
    """Fills an empty database."""
    for name, places in (("Product Price", 2), ("Discount", 2), ("Product Unit of Measure", 2), ("Payment Terms", 6)):
        env.insert("decimal.precision", {"name": name, "digits": places})
    for name, full, symbol, places in CURRENCIES:
        env.insert("res.currency", {
            "name": name, "full_name": full, "symbol": symbol, "decimal_places": places, "active": name == "USD",
            "rounding": Decimal(1).scaleb(-places), "position": "before" if name == "USD" else "after"})  # fmt: skip
    for code, name, currency in COUNTRIES:
        env.insert(
            "res.country",
            {"code": code, "name": name, "currency_id": currency and _id(env, "res.currency", "name", currency)},
        )
    for country, code, name in STATES:
        env.insert(
            "res.country.state", {"country_id": _id(env, "res.country", "code", country), "code": code, "name": name}
        )
    env.insert("res.lang", {"name": "English (US)", "code": "en_US", "active": True})
    category = env.insert("uom.category", {"name": "Unit"})
    env.insert(
        "uom.uom",
        {"name": "Units", "category_id": category, "active": True, "uom_type": "reference", "factor": Decimal(1)},
    )
    hours = env.insert("uom.category", {"name": "Working Time"})
    env.insert(
        "uom.uom",
        {"name": "Hours", "category_id": hours, "active": True, "uom_type": "reference", "factor": Decimal(1)},
    )
    for name in ("All", "Saleable", "Expenses"):
        env.insert("product.category", {"name": name, "parent_id": None if name == "All" else 1})
    for name, kind in ACCOUNT_TYPES_TO_15.items():
        env.insert("account.account.type", {"name": name, "internal_group": kind.partition("_")[0], "type": "other"})
    env.insert("account.analytic.plan", {"name": "Project"})
    for name in ("Invoicing / Administrator", "Invoicing / Billing", "Administration / Access Rights"):
        env.insert("res.groups", {"name": name, "full_name": name})
    for name in MODULES:
        env.insert(
            "ir.module.module",
            {
                "name": name,
                "shortdesc": name.title(),
                "state": "installed",
                "installed_version": f"{env.version}.0.1.0",
            },
        )
    for model in MODELS.values():
        _describe(env, model.name)
    add_company(env, "My Company", "USD", "US")
    partner = env.insert(
        "res.partner", {"name": "Administrator", "active": True, "type": "contact", "email": "admin@example.com"}
    )
    env.insert(
        "res.users",
        {
            "name": "System",
            "login": "__system__",
            "active": False,
            "company_id": 1,
            "company_ids": [1],
            "groups_id": [1, 2, 3],
        },
    )
    env.insert("res.users", {"name": "Administrator", "login": "admin", "active": True, "company_id": 1, "company_ids": [1],
                             "groups_id": [1, 2, 3], "partner_id": partner, "lang": "en_US"})  # fmt: skip
    _name_records(env)
    env.deeds.clear()


def _name_records(env: Env) -> None:
    """The external ids by which modules and clients know the first records."""
    named: list[tuple[str, str, int]] = [
        ("base.main_company", "res.company", 1), ("base.main_partner", "res.partner", 1), ("base.partner_admin", "res.partner", 2),
        ("base.user_root", "res.users", 1), ("base.user_admin", "res.users", 2), ("uom.product_uom_unit", "uom.uom", 1),
        ("uom.product_uom_hour", "uom.uom", 2), ("product.product_category_all", "product.category", 1),
        ("account.group_account_manager", "res.groups", 1), ("base.group_erp_manager", "res.groups", 3),
        ("account.group_account_invoice", "res.groups", 2),
    ]  # fmt: skip
    kinds = env.select("account.account.type", "1")
    named += [(f"account.data_{_ACCOUNT_TYPE_NAMES[row['name']]}", "account.account.type", row["id"]) for row in kinds]
    named += [(f"base.{row['name']}", "res.currency", row["id"]) for row in env.select("res.currency", "1")]
    named += [(f"base.{str(row['code']).lower()}", "res.country", row["id"]) for row in env.select("res.country", "1")]
    for external, model, id in named:
        env.name_record(external, model, id)


def add_company(env: Env, name: str, currency: str, country: str) -> int:
    """A company with the generic chart; its currency is switched on with it."""
    money, land = _id(env, "res.currency", "name", currency), _id(env, "res.country", "code", country)
    env.update("res.currency", [money], {"active": True})
    partner = env.insert(
        "res.partner",
        {
            "name": name,
            "is_company": True,
            "active": True,
            "type": "contact",
            "company_type": "company",
            "country_id": land,
        },
    )
    company = env.insert("res.company", {
        "name": name, "partner_id": partner, "currency_id": money, "country_id": land, "account_fiscal_country_id": land,
        "active": True, "sequence": 10, "tax_calculation_rounding_method": "round_per_line", "fiscalyear_last_day": 31,
        "fiscalyear_last_month": "12", "po_double_validation": "one_step", "po_lock": "edit", "chart_template": "generic_coa"})  # fmt: skip
    inside = env.within(companies=(company,))
    accounts = {
        code: env.insert("account.account", {
            "code": code, "name": label, "account_type": kind, "company_id": company, "tax_ids": [],
            "reconcile": kind in ("asset_receivable", "liability_payable") or code in _RECONCILED})
        for code, label, kind in ACCOUNTS
    }  # fmt: skip
    for label, code, kind, account, sequence in JOURNALS:
        inside.create("account.journal", {"name": label, "code": code, "type": kind, "sequence": sequence,
                                          "default_account_id": accounts[account] if account else False})  # fmt: skip
    if not env.count("account.tax.group", []):
        env.insert("account.tax.group", {"name": "Tax 15%", "sequence": 10})
    sale = _tax(inside, "sale", accounts["251000"])
    purchase = _tax(inside, "purchase", accounts["131000"])
    env.update("res.company", [company], {
        "account_sale_tax_id": sale, "account_purchase_tax_id": purchase, "transfer_account_id": accounts["101701"],
        "account_journal_payment_debit_account_id": accounts["101403"],
        "account_journal_payment_credit_account_id": accounts["101404"],
        "income_currency_exchange_account_id": accounts["441000"], "expense_currency_exchange_account_id": accounts["641000"],
        "currency_exchange_journal_id": env.select("account.journal", "code = 'EXCH' and company_id = ?", company)[0]["id"]})  # fmt: skip
    for model, field, code in (
        ("res.partner", "property_account_receivable_id", "121000"), ("res.partner", "property_account_payable_id", "211000"),
        ("product.category", "property_account_income_categ_id", "400000"),
        ("product.category", "property_account_expense_categ_id", "600000"),
    ):  # fmt: skip
        env.set_property(model, field, 0, accounts[code], company=company)
    if not env.count("account.payment.term", []):
        _terms(env)
    return company


def _tax(env: Env, use: str, account: int) -> int:
    tax = env.create(
        "account.tax",
        {"name": "15%", "amount": 15, "amount_type": "percent", "type_tax_use": use, "description": "15%"},
    )
    env.store.run(
        "update account_tax_repartition_line set account_id = ? where repartition_type = 'tax' and ? in (invoice_tax_id, refund_tax_id)",
        account, tax,
    )  # fmt: skip
    return tax


def _terms(env: Env) -> None:
    for name, lines in TERMS:
        term = env.insert(
            "account.payment.term",
            {"name": name, "active": True, "sequence": 10, "note": f"<p>Payment terms: {name}</p>"},
        )
        for percent, days, kind in lines:
            env.insert("account.payment.term.line", {
                "payment_id": term, "value": "percent", "value_amount": Decimal(percent), "nb_days": days, "delay_type": kind})  # fmt: skip


def _describe(env: Env, name: str) -> None:
    """The rows by which the server describes its own models."""
    model = MODELS[name]
    id = env.insert("ir.model", {"name": name.replace(".", " ").title(), "model": name, "state": "base"})
    for field in env.fields(model).values():
        values: Values = {
            "name": field.name, "model": name, "model_id": id, "relation": field.relation or None, "ttype": field.type,
            "relation_field": field.inverse or None, "required": field.required, "readonly": field.readonly,
            "store": field.is_column, "state": "base", "field_description": field.name.replace("_", " ").title(),
            "related": field.related or None, "index": False,
        }  # fmt: skip
        env.insert("ir.model.fields", values)


def _id(env: Env, model: str, field: str, value: Any) -> int:
    return int(env.store.run(f"select id from {MODELS[model].table} where {field} = ?", value)[0][0])  # noqa: S608 our own names
