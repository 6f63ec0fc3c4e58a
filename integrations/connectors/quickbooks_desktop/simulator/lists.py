"""List elements: making, changing, deleting and showing them."""

from __future__ import annotations

from typing import Any

from integrations.simulation.store import Row

from . import figures, ledger
from .company import Company
from .grammar import Body
from .kinds import ITEMS, LISTS
from .statuses import (
    Refusal,
    cannot_change,
    cannot_delete,
    missing,
    name_taken,
    not_allowed,
    out_of_date,
    switched_off,
)

Written = tuple[Row, list[str]]  # the row as it is now, and the elements that were ignored

_RENAMED = {
    "SalesOrPurchaseMod": "SalesOrPurchase",
    "SalesAndPurchaseMod": "SalesAndPurchase",
    "AdditionalNotes": "AdditionalNotesRet",
    "AdditionalNotesMod": "AdditionalNotesRet",
    "BarCode": "",
}
_NOT_KEPT = ("ListID", "EditSequence", "Name", "Initial")
# What an account of a kind is, for the statement of cash flows; the vendor works it out.
_CASH_FLOW = {
    "FixedAsset": "Investing",
    "LongTermLiability": "Financing",
    "Equity": "Financing",
    "NonPosting": "NotApplicable",
}
_OPEN_ITEMS = {
    "receivable": ("Accounts Receivable", "AccountsReceivable"), "payable": ("Accounts Payable", "AccountsPayable"),
}  # fmt: skip
_PROFIT_AND_LOSS = ("Income", "Expense", "CostOfGoodsSold", "OtherIncome", "OtherExpense")


def add(company: Company, kind: str, sent: Body) -> Written:
    """A new element of a list; raises Refusal."""
    name = _good_name(kind, sent[LISTS[kind].name])
    if kind == "Currency":
        company_must_have_currencies(company)
    body, ignored = company.take(kind, f"{kind}Ret", _to_keep(sent))
    body[LISTS[kind].name] = name
    _complete(company, kind, body)
    id = company.new_id(listed=True)
    _give_name(company, kind, id, name, body)
    return company.keep(kind, body, id=id, active=body["IsActive"] == "true"), ignored


def change(company: Company, kind: str, sent: Body) -> Written:
    """Changes the elements that were sent; raises Refusal, with the present record where the edit sequence is old."""
    row = company.the(kind, sent["ListID"])
    if sent["EditSequence"] != str(row.version):
        raise out_of_date(sent["EditSequence"], (f"{kind}Ret", show(company, kind, row)))
    body, ignored = company.take(kind, f"{kind}Ret", _to_keep(sent), into=row.body)
    name = _good_name(kind, sent.get(LISTS[kind].name, row.body[LISTS[kind].name]))
    body[LISTS[kind].name] = name
    if body.get("CurrencyRef") != row.body.get("CurrencyRef") and company.is_used(row.id):
        raise cannot_change(kind, "The currency cannot be changed once it has been used in a transaction.")
    if "AccountType" in sent and sent["AccountType"] != row.body["AccountType"] and ledger.is_posted(company, row.id):
        raise cannot_change(kind, "The type of an account that is in use cannot be changed.")
    if body.get("ParentRef", {}).get("ListID") in company.with_children(row.id):
        raise not_allowed("ParentRef", body["ParentRef"]["ListID"], "An element cannot stand below itself.")
    _complete(company, kind, body)
    _give_name(company, kind, row.id, name, body)
    return company.keep(kind, body, before=row, active=body["IsActive"] == "true"), ignored


def delete(company: Company, kind: str, id: str) -> Row:
    """Takes an element away that nothing refers to."""
    row = company.the(kind if kind in LISTS else "", id)
    if company.is_used(id) or id in company.settings.roles.values():
        raise cannot_delete(id, "The list element cannot be deleted because it is in use.")
    if company.children(id):
        raise cannot_delete(id, "The list element has elements below it.")
    company.remove(kind, row, company.name(id))
    company.forget_name(id)
    return row


def show(company: Company, kind: str, row: Row) -> Body:
    """The element as answers hold it."""
    body: Body = {**company.head(row, listed=True), **company.shown(row.body)}
    full = company.name(row.id)
    body["FullName"] = full
    if LISTS[kind].tree:
        body["Sublevel"] = str(full.count(":"))
    if kind == "Customer":
        own, below = ledger.owed(company, [row.id]), ledger.owed(company, company.with_children(row.id))
        body |= {"Balance": str(own), "TotalBalance": str(below)}
    elif kind == "Vendor":
        body["Balance"] = str(-ledger.owed(company, [row.id]))
    elif kind == "Account" and body["AccountType"] not in _PROFIT_AND_LOSS:
        own = ledger.balance(company, [row.id], kind=body["AccountType"])
        below = ledger.balance(company, company.with_children(row.id), kind=body["AccountType"])
        body |= {"Balance": str(own), "TotalBalance": str(below)}
    elif kind == "ItemInventory":
        body |= {
            "QuantityOnHand": figures.trimmed(ledger.on_hand(company, row.id)),
            "AverageCost": body.get("PurchaseCost", "0.00"),
        }
        body |= {"QuantityOnOrder": "0", "QuantityOnSalesOrder": "0"}
    for member in ("BillAddress", "ShipAddress", "VendorAddress", "OtherNameAddress"):
        if member in body:
            body[f"{member}Block"] = address_block(body[member])
    if not company.settings.multicurrency:
        body.pop("CurrencyRef", None)
    return body


def address_block(address: Body) -> Body:
    """An address as it is printed: at most five lines."""
    lines = [address[f"Addr{number}"] for number in range(1, 6) if address.get(f"Addr{number}")]
    place = ", ".join(address[name] for name in ("City", "State") if address.get(name))
    place = " ".join(part for part in (place, address.get("PostalCode", "")) if part)
    lines += [line for line in (place, address.get("Country", "")) if line]
    return {f"Addr{number}": line[:41] for number, line in enumerate(lines[:5], start=1)}


def open_item_account(company: Company, side: str, body: Body) -> Body:
    """The account for what customers ("receivable") or vendors ("payable") have open in a document's currency.

    The first document in a currency makes it.
    """
    currency = body["CurrencyRef"]["ListID"]
    role = f"{side} {currency}"
    if role not in company.settings.roles:
        name, kind = _OPEN_ITEMS[side]
        sent: Body = {"AccountType": kind, "SpecialAccountType": kind, "Name": name}
        if currency != company.home:
            row = company.the("Currency", currency)
            sent |= {"CurrencyRef": {"ListID": currency}, "Name": f"{name} - {row.body['CurrencyCode']}"}
        company.settings.roles[role] = add(company, "Account", sent)[0].id
        company.keep_settings()
    return {"ListID": company.settings.roles[role]}


def company_must_have_currencies(company: Company) -> None:
    if not company.settings.multicurrency:
        raise switched_off("multicurrency")


def _to_keep(sent: Body) -> Body:
    kept: dict[str, Any] = {}
    for name, value in sent.items():
        new = _RENAMED.get(name, name)
        if new and name not in _NOT_KEPT:
            kept[new] = value
    return kept


def _good_name(kind: str, name: str) -> str:
    name = name.strip()
    if not name:
        raise missing(LISTS[kind].name, kind)
    if ":" in name:
        raise not_allowed(LISTS[kind].name, name, "A name cannot hold a colon.")
    return name


def _give_name(company: Company, kind: str, id: str, name: str, body: Body) -> None:
    try:
        company.give_name(kind, id, name, body.get("ParentRef", {}).get("ListID"))
    except Refusal:
        if kind != "SalesRep":
            raise name_taken(name) from None
        words = f'There was an error when saving a Sales Reps list, element "{name}".  QuickBooks error message: This name is already in use.'
        raise Refusal(3180, words) from None


def _complete(company: Company, kind: str, body: Body) -> None:
    """What QuickBooks adds by itself, and what it must have."""
    body.setdefault("IsActive", "true")
    for number, note in enumerate(body.get("AdditionalNotesRet", ()), start=1):
        note |= {"NoteID": str(number), "Date": company.today()}
    if kind in ("Customer", "Vendor"):
        if "CurrencyRef" in body:
            company_must_have_currencies(company)
        body.setdefault("CurrencyRef", {"ListID": company.home})
    if kind == "Customer":
        body.setdefault("JobStatus", "None")
    elif kind == "Account":
        if "CurrencyRef" in body:
            company_must_have_currencies(company)
        body["CashFlowClassification"] = _CASH_FLOW.get(body["AccountType"], "Operating")
        parent = company.get("Account", body.get("ParentRef", {}).get("ListID", ""))
        if parent and parent.body["AccountType"] != body["AccountType"]:
            raise not_allowed("ParentRef", parent.id, "An account and the one above it are of one type.")
    elif kind == "SalesTaxCode":
        body.setdefault("IsTaxable", "false")
    elif kind == "ItemSalesTax":
        body.setdefault("TaxRate", "0")
    elif kind in ITEMS:
        _complete_item(company, kind, body)
    elif kind == "Currency":
        body.setdefault("IsUserDefinedCurrency", "true")
        if "CurrencyCode" not in body:
            raise missing("CurrencyCode", kind)
        body["CurrencyCode"] = body["CurrencyCode"].upper()


def _complete_item(company: Company, kind: str, body: Body) -> None:
    needed: dict[str, Any] = {}
    if kind == "ItemInventory":
        needed = dict.fromkeys(("IncomeAccountRef", "COGSAccountRef", "AssetAccountRef"), body)
    elif "SalesOrPurchase" in body:
        needed = {"AccountRef": body["SalesOrPurchase"]}
    elif "SalesAndPurchase" in body:
        needed = dict.fromkeys(("IncomeAccountRef", "ExpenseAccountRef"), body["SalesAndPurchase"])
    elif kind == "ItemDiscount":
        needed = {"AccountRef": body}
    elif kind != "ItemSalesTaxGroup":
        raise missing("SalesOrPurchase", kind)
    for name, where in needed.items():
        if name not in where:
            raise missing(name, kind)
    if kind in ("ItemService", "ItemNonInventory", "ItemOtherCharge", "ItemInventory"):
        body.setdefault("SalesTaxCodeRef", {"ListID": company.settings.roles["taxable"]})
