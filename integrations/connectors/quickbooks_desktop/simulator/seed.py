"""The company file that a fresh simulator opens: a small wholesaler without customers, ready for the demo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import lists
from .company import Company

# role -> (name, number, type); the role is how QuickBooks itself finds the account
_ACCOUNTS = {
    "bank": ("Checking", "1000", "Bank"),
    "undeposited": ("Undeposited Funds", "1090", "OtherCurrentAsset"),
    "inventory": ("Inventory Asset", "1200", "OtherCurrentAsset"),
    "card": ("Company Card", "2100", "CreditCard"),
    "sales tax payable": ("Sales Tax Payable", "2200", "OtherCurrentLiability"),
    "opening": ("Opening Balance Equity", "3000", "Equity"),
    "retained": ("Retained Earnings", "3900", "Equity"),
    "income": ("Sales", "4000", "Income"),
    "services": ("Services", "4100", "Income"),
    "shipping": ("Shipping Income", "4200", "Income"),
    "discounts": ("Discounts Given", "4900", "Income"),
    "cogs": ("Cost of Goods Sold", "5000", "CostOfGoodsSold"),
    "office": ("Office Expenses", "6000", "Expense"),
    "fees": ("Bank Charges", "6100", "Expense"),
    "rent": ("Rent", "6200", "Expense"),
}
_SPECIAL = {
    "undeposited": "UndepositedFunds",
    "inventory": "InventoryAssets", "sales tax payable": "SalesTaxPayable", "opening": "OpeningBalanceEquity",
    "retained": "RetainedEarnings", "cogs": "CostOfGoodsSold",
}  # fmt: skip
# code -> (name as the vendor's list has it, units of the US dollar that one is worth)
CURRENCIES = {
    "USD": ("US Dollar", "1"),
    "GBP": ("British Pound Sterling", "1.27"),
    "EUR": ("Euro", "1.09"),
    "CAD": ("Canadian Dollar", "0.73"),
}
_TERMS = {"Due on receipt": 0, "Net 15": 15, "Net 30": 30, "Net 60": 60}
_METHODS = {"Cash": "Cash", "Check": "Check", "Visa": "Visa", "Bank transfer": "Other"}


def seed(company: Company, tax_percent: str) -> None:
    """Fills a file in which nothing is yet; its settings say the home currency."""
    roles = company.settings.roles
    _currencies(company)
    for role, (name, number, kind) in _ACCOUNTS.items():
        roles[role] = _account(company, name, number, kind, _SPECIAL.get(role, ""))
    for side in ("receivable", "payable"):
        lists.open_item_account(company, side, {"CurrencyRef": {"ListID": company.home}})
    for name, taxable in (("Tax", "true"), ("Non", "false")):
        desc = "Taxable Sales" if name == "Tax" else "Non-Taxable Sales"
        id = _add(company, "SalesTaxCode", {"Name": name, "IsTaxable": taxable, "Desc": desc})
        roles["taxable" if name == "Tax" else "not taxable"] = id
    agency = _add(company, "Vendor", {"Name": "Department of Revenue"})
    for role, name, percent in (("sales tax", "Sales Tax", tax_percent), ("no sales tax", "Out of State", "0")):
        item = {"Name": name, "ItemDesc": name, "TaxRate": percent, "TaxVendorRef": {"ListID": agency}}
        roles[role] = _add(company, "ItemSalesTax", item)
    for name, days in _TERMS.items():
        _add(company, "StandardTerms", {"Name": name, "StdDueDays": str(days)})
    for name, method in _METHODS.items():
        _add(company, "PaymentMethod", {"Name": name, "PaymentMethodType": method})
    for name in ("Retail", "Wholesale"):
        _add(company, "Class", {"Name": name})
    rep = _add(company, "OtherName", {"Name": "Robin Reed", "FirstName": "Robin", "LastName": "Reed"})
    _add(company, "SalesRep", {"Initial": "RR", "SalesRepEntityRef": {"ListID": rep}})
    for name, role in {"Consulting": "services", "Delivery": "shipping"}.items():
        sale = {"Desc": name, "Price": "0.00", "AccountRef": {"ListID": roles[role]}}
        _add(
            company,
            "ItemService",
            {"Name": name, "SalesTaxCodeRef": {"ListID": roles["not taxable"]}, "SalesOrPurchase": sale},
        )
    company.keep_settings()


def _currencies(company: Company) -> None:
    """All currencies have a rate against the home currency; with multicurrency off only that one is in use."""
    home = company.settings.currency
    for code, (name, dollars) in CURRENCIES.items():
        body = {
            "Name": name, "IsActive": "true", "CurrencyCode": code, "IsUserDefinedCurrency": "false",
            "CurrencyFormat": {
                "ThousandSeparator": "Comma", "ThousandSeparatorGrouping": "XX_XXX_XXX", "DecimalPlaces": "2",
                "DecimalSeparator": "Period",
            },
            "ExchangeRate": _rate(dollars, CURRENCIES[home][1]), "AsOfDate": company.today(),
        }  # fmt: skip
        id = company.new_id(listed=True)
        company.give_name("Currency", id, name, None)
        company.keep("Currency", body, id=id)
        company.settings.roles[f"currency {code}"] = id
    company.settings.roles["home currency"] = company.settings.roles[f"currency {home}"]


def _rate(dollars: str, of_home: str) -> str:
    return f"{(Decimal(dollars) / Decimal(of_home)).quantize(Decimal('0.00001')).normalize():f}"


def _account(company: Company, name: str, number: str, kind: str, special: str) -> str:
    sent: dict[str, Any] = {"Name": name, "AccountType": kind, "AccountNumber": number}
    if special:
        sent["SpecialAccountType"] = special
    return _add(company, "Account", sent)


def _add(company: Company, kind: str, sent: dict[str, Any]) -> str:
    return lists.add(company, kind, sent)[0].id
