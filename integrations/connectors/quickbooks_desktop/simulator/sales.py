"""Invoices, credit memos, sales receipts, sales orders and estimates: what follows from customer and lines, and what they post."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from . import ledger
from .company import Company
from .figures import ZERO, amount, cents, day, number, plus, trimmed
from .grammar import Body
from .kinds import TXNS
from .ledger import Posting
from .lines import line_amount
from .lists import open_item_account
from .statuses import missing, not_allowed

KINDS = ("Invoice", "CreditMemo", "SalesReceipt", "SalesOrder", "Estimate")
_FROM_CUSTOMER = {
    "BillAddress": "BillAddress", "ShipAddress": "ShipAddress", "TermsRef": "TermsRef", "SalesRepRef": "SalesRepRef",
    "CustomerSalesTaxCodeRef": "SalesTaxCodeRef", "ItemSalesTaxRef": "ItemSalesTaxRef",
}  # fmt: skip


def complete(company: Company, kind: str, body: Body) -> None:
    """Takes from the customer what was not said, and works out tax, totals and the due day."""
    known = company.the("Customer", body["CustomerRef"]["ListID"]).body if "CustomerRef" in body else {}
    for name, theirs in _FROM_CUSTOMER.items():
        if theirs in known:
            body.setdefault(name, known[theirs])
    roles = company.settings.roles
    body.setdefault("CustomerSalesTaxCodeRef", {"ListID": roles["taxable"]})
    body.setdefault("ItemSalesTaxRef", {"ListID": roles["sales tax"]})
    if kind in ("Invoice", "CreditMemo"):
        body.setdefault("IsPending", "false")
        body.setdefault("ARAccountRef", open_item_account(company, "receivable", body))
        _check_account(company, body)
    if kind == "SalesReceipt":
        body.setdefault("IsPending", "false")
        body.setdefault("DepositToAccountRef", {"ListID": roles["undeposited"]})
    if kind == "Invoice":
        body.setdefault("IsFinanceCharge", "false")
    if kind == "Estimate":
        body.setdefault("IsActive", "true")
    _due(company, body)
    lines = body[f"{TXNS[kind].lines[0]}Ret"]
    if kind != "Invoice" and not lines:
        raise missing(f"{TXNS[kind].lines[0]}Add", kind)
    subtotal = sum((line_amount(line) for line in lines), ZERO)
    rate = tax_rate(company, body["ItemSalesTaxRef"]["ListID"])
    tax = cents(_taxable(company, body, lines) * rate / 100)
    whole = subtotal + tax
    if whole < 0:
        raise not_allowed("Amount", whole, "Transaction amount must be positive.")
    body |= {
        "Subtotal": str(subtotal), "SalesTaxPercentage": trimmed(rate), "SalesTaxTotal": str(tax), "_total": str(whole),
    }  # fmt: skip
    if kind != "Invoice":
        body["TotalAmount"] = str(whole)


def postings(company: Company, kind: str, id: str, body: Body) -> list[Posting]:
    """Income and tax against receivables or money; goods from stock against their cost."""
    sign = -1 if kind == "CreditMemo" else 1
    found = []
    for line in body[f"{TXNS[kind].lines[0]}Ret"]:
        if "ItemRef" not in line:
            continue
        found.append(Posting(_income(company, line), -sign * line_amount(line)))
        found += _cost(company, id, line, sign, Decimal(body["ExchangeRate"]))
    found.append(Posting(company.settings.roles["sales tax payable"], -sign * amount(body["SalesTaxTotal"])))
    whole = sign * amount(body["_total"])
    if kind == "SalesReceipt":
        return [*found, Posting(body["DepositToAccountRef"]["ListID"], whole)]
    return [*found, Posting(body["ARAccountRef"]["ListID"], whole, body["CustomerRef"]["ListID"])]


def tax_rate(company: Company, id: str) -> Decimal:
    """Percent of a tax item, or of all that are in a group of them."""
    group = company.get("ItemSalesTaxGroup", id)
    if group is not None:
        return sum((tax_rate(company, each["ListID"]) for each in group.body["ItemSalesTaxRef"]), Decimal())
    row = company.get("ItemSalesTax", id)
    return (number(row.body.get("TaxRate")) if row else None) or Decimal()


def is_taxable(company: Company, code: str) -> bool:
    row = company.get("SalesTaxCode", code)
    return row is not None and row.body["IsTaxable"] == "true"


def _taxable(company: Company, body: Body, lines: list[Body]) -> Decimal:
    if not is_taxable(company, body["CustomerSalesTaxCodeRef"]["ListID"]):
        return ZERO
    return sum(
        (line_amount(line) for line in lines
         if "ItemRef" in line and is_taxable(company, line["SalesTaxCodeRef"]["ListID"])),
        ZERO,
    )  # fmt: skip


def _due(company: Company, body: Body) -> None:
    if "DueDate" in body:
        return
    issued: date = day(body["TxnDate"])
    terms = company.get("StandardTerms", body.get("TermsRef", {}).get("ListID", ""))
    body["DueDate"] = plus(issued, int(terms.body.get("StdDueDays", 0)) if terms else 0).isoformat()


def _check_account(company: Company, body: Body) -> None:
    account = company.the("Account", body["ARAccountRef"]["ListID"])
    currency = account.body.get("CurrencyRef", {"ListID": company.home})
    if account.body["AccountType"] != "AccountsReceivable" or currency != body["CurrencyRef"]:
        words = "It is not an account for receivables in the currency of the customer."
        raise not_allowed("ARAccountRef", company.name(account.id), words)


def _income(company: Company, line: Body) -> str:
    if "_account" in line:
        return str(line["_account"])
    item = line["ItemRef"]["ListID"]
    row = company.get(company.kind_of(item), item)
    body = row.body if row else {}
    for where, name in ((body.get("SalesOrPurchase", {}), "AccountRef"), (body.get("SalesAndPurchase", {}), "IncomeAccountRef"),
                        (body, "IncomeAccountRef"), (body, "AccountRef")):  # fmt: skip
        if name in where:
            return str(where[name]["ListID"])
    return company.settings.roles["sales tax payable"]


def _cost(company: Company, id: str, line: Body, sign: int, exchange: Decimal) -> list[Posting]:
    item = line["ItemRef"]["ListID"]
    if company.kind_of(item) != "ItemInventory":
        return []
    row = company.the("ItemInventory", item)
    quantity = number(line.get("Quantity")) or Decimal(1)
    ledger.move_stock(company, id, item, -sign * quantity)
    cost = cents(quantity * (number(row.body.get("PurchaseCost")) or Decimal()) / exchange) * sign
    return [Posting(row.body["COGSAccountRef"]["ListID"], cost), Posting(row.body["AssetAccountRef"]["ListID"], -cost)]
