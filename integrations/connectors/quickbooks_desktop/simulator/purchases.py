"""Bills, vendor credits and purchase orders: what follows from vendor and lines, and what they post."""

from __future__ import annotations

from decimal import Decimal

from . import ledger
from .company import Company
from .figures import ZERO, amount, day, number, plus
from .grammar import Body
from .kinds import TXNS
from .ledger import Posting
from .lines import line_amount
from .lists import open_item_account
from .statuses import missing, not_allowed


def complete(company: Company, kind: str, body: Body) -> None:
    """Takes from the vendor what was not said, and works out totals and the due day."""
    vendor = company.the("Vendor", body["VendorRef"]["ListID"])
    if kind != "VendorCredit":
        for name in ("TermsRef", "VendorAddress"):
            if name in vendor.body:
                body.setdefault(name, vendor.body[name])
        _due(company, body)
    lines = [line for stem in TXNS[kind].lines for line in body[f"{stem}Ret"]]
    for line in body.get("ExpenseLineRet", ()):
        if "AccountRef" not in line:
            raise missing("AccountRef", kind)
        line.setdefault("Amount", "0.00")
    whole = sum((line_amount(line) for line in lines), ZERO)
    if whole < 0:
        raise not_allowed("Amount", whole, "Transaction amount must be positive.")
    body["_total"] = str(whole)
    body[{"Bill": "AmountDue", "VendorCredit": "CreditAmount"}.get(kind, "TotalAmount")] = str(whole)
    if kind != "PurchaseOrder":
        body.setdefault("APAccountRef", open_item_account(company, "payable", body))
        account = company.get("Account", body["APAccountRef"]["ListID"])
        if account is None or account.body["AccountType"] != "AccountsPayable":
            raise not_allowed(
                "APAccountRef", company.name(body["APAccountRef"]["ListID"]), "It is not an account for payables."
            )


def postings(company: Company, kind: str, id: str, body: Body) -> list[Posting]:
    """Expenses and goods against payables."""
    sign = 1 if kind == "Bill" else -1
    found = [Posting(line["AccountRef"]["ListID"], sign * line_amount(line)) for line in body["ExpenseLineRet"]]
    found += [
        Posting(_account(company, id, line, sign), sign * line_amount(line))
        for line in body["ItemLineRet"]
        if "ItemRef" in line
    ]
    vendor = body["VendorRef"]["ListID"]
    return [*found, Posting(body["APAccountRef"]["ListID"], -sign * amount(body["_total"]), vendor)]


def _account(company: Company, id: str, line: Body, sign: int) -> str:
    item = line["ItemRef"]["ListID"]
    row = company.get(company.kind_of(item), item)
    body = row.body if row else {}
    if company.kind_of(item) == "ItemInventory":
        ledger.move_stock(company, id, item, sign * (number(line.get("Quantity")) or Decimal(1)))
    if "_account" in line:
        return str(line["_account"])
    for where, name in ((body, "AssetAccountRef"), (body.get("SalesAndPurchase", {}), "ExpenseAccountRef"),
                        (body.get("SalesOrPurchase", {}), "AccountRef"), (body, "AccountRef")):  # fmt: skip
        if name in where:
            return str(where[name]["ListID"])
    return company.settings.roles["sales tax payable"]


def _due(company: Company, body: Body) -> None:
    if "DueDate" in body:
        return
    terms = company.get("StandardTerms", body.get("TermsRef", {}).get("ListID", ""))
    days = int(terms.body.get("StdDueDays", 0)) if terms else 10  # the preference for bills without terms
    body["DueDate"] = plus(day(body["TxnDate"]), days).isoformat()
