"""The companies that a fresh simulator holds: one in the United States, one in the United Kingdom; no customers yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .books import Books
from .company import Company, Settings
from .entities import ENTITIES
from .tax_service import save_code, save_rate

if TYPE_CHECKING:
    from .app import Vendor

US_REALM = "9341452000000001"
UK_REALM = "9341452000000002"

# role -> (name, type, subtype); the role is how the simulator itself finds the account
_ACCOUNTS = {
    "receivable": ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    "payable": ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    "undeposited": ("Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    "card": ("Credit Card", "Credit Card", "CreditCard"),
    "income": ("Sales", "Income", "SalesOfProductIncome"),
    "services": ("Services", "Income", "ServiceFeeIncome"),
    "shipping": ("Shipping Income", "Income", "SalesOfProductIncome"),
    "discounts": ("Discounts given", "Income", "DiscountsRefundsGiven"),
    "cogs": ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    "inventory": ("Inventory Asset", "Other Current Asset", "Inventory"),
    "expense": ("Office Expenses", "Expense", "OfficeGeneralAdministrativeExpenses"),
    "fees": ("Bank Charges & Fees", "Expense", "BankCharges"),
    "opening": ("Opening Balance Equity", "Equity", "OpeningBalanceEquity"),
    "retained": ("Retained Earnings", "Equity", "RetainedEarnings"),
}
_TERMS = {"Due on receipt": 0, "Net 15": 15, "Net 30": 30, "Net 60": 60}
_METHODS = {
    "Cash": "NON_CREDIT_CARD",
    "Check": "NON_CREDIT_CARD",
    "Visa": "CREDIT_CARD",
    "Bank transfer": "NON_CREDIT_CARD",
}


def seed(vendor: Vendor) -> None:
    """Makes both companies."""
    united_states(vendor, US_REALM)
    united_kingdom(vendor, UK_REALM)


def united_states(vendor: Vendor, realm: str) -> Company:
    """Dollars, automated sales tax: lines are TAX or NON, the vendor works out the amount."""
    settings = Settings(
        name="Larkspur Trading Co.", country="US", currency="USD", zone="America/Los_Angeles",
        automated_sales_tax=True, custom_fields=["Source"],
    )  # fmt: skip
    company = vendor.add_company(realm, settings)
    _basics(company, tax_account="Sales Tax Payable", bank="Checking")
    agency = _agency(company, "California Department of Tax and Fee Administration")
    rate = save_rate(company, "California", 8, agency)
    save_code(company, "TAX", [], [], id="TAX")
    save_code(company, "NON", [], [], id="NON", taxable=False)
    ref = {"TaxRateRef": {"value": rate["Id"], "name": rate["Name"]}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
    company.settings.default_tax_code = save_code(company, "California", [ref], [])["Id"]
    company.keep_settings()
    _items(company)
    return company


def united_kingdom(vendor: Vendor, realm: str) -> Company:
    """Pounds, a VAT code on every line, books in one currency."""
    settings = Settings(
        name="Harbour & Pine Ltd", country="GB", currency="GBP", zone="Europe/London", custom_fields=["Source"]
    )
    company = vendor.add_company(realm, settings)
    _basics(company, tax_account="VAT Control", bank="Current Account")
    agency = _agency(company, "HM Revenue and Customs")
    for name, percent in {"20.0% S": 20, "5.0% R": 5, "0.0% Z": 0, "Exempt": 0, "No VAT": 0}.items():
        lists = []
        for side in ("Sales", "Purchases"):
            rate = save_rate(company, f"{name} ({side})", percent, agency)
            ref = {"value": rate["Id"], "name": rate["Name"]}
            lists.append([{"TaxRateRef": ref, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}])
        save_code(company, name, lists[0], lists[1], taxable=name != "No VAT")
    _items(company)
    return company


def _basics(company: Company, *, tax_account: str, bank: str) -> None:
    books = Books(company, _unnoted)
    accounts = {
        **_ACCOUNTS,
        "bank": (bank, "Bank", "Checking"),
        "tax": (tax_account, "Other Current Liability", "GlobalTaxPayable"),
    }
    for role, (name, kind, subtype) in accounts.items():
        made = books.write(ENTITIES["Account"], {"Name": name, "AccountType": kind, "AccountSubType": subtype})
        company.settings.accounts[role] = made["Id"]
    company.keep_settings()
    for name, days in _TERMS.items():
        books.write(ENTITIES["Term"], {"Name": name, "DueDays": days})
    for name, kind in _METHODS.items():
        books.write(ENTITIES["PaymentMethod"], {"Name": name, "Type": kind})


def _items(company: Company) -> None:
    books = Books(company, _unnoted)
    for name, role in {"Sales": "income", "Services": "services"}.items():
        account = {"value": company.settings.accounts[role]}
        books.write(ENTITIES["Item"], {"Name": name, "Type": "Service", "IncomeAccountRef": account})


def _agency(company: Company, name: str) -> str:
    return str(Books(company, _unnoted).write(ENTITIES["TaxAgency"], {"DisplayName": name})["Id"])


def _unnoted(operation: str, kind: str, id: str) -> None:
    """What a company is born with is no entry in the journal."""
