"""The rules of names and lists: customers, vendors, items, accounts, terms and their kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integrations.simulation.store import Row

from .company import Body, Company, shown, trimmed
from .entities import CURRENCIES, Entity
from .faults import Fault

DELETED = " (deleted)"

# AccountType -> (classification, subtype where none is given)
ACCOUNT_TYPES = {
    "Bank": ("Asset", "CashOnHand"),
    "Accounts Receivable": ("Asset", "AccountsReceivable"),
    "Other Current Asset": ("Asset", "OtherCurrentAssets"),
    "Fixed Asset": ("Asset", "FurnitureAndFixtures"),
    "Other Asset": ("Asset", "OtherLongTermAssets"),
    "Accounts Payable": ("Liability", "AccountsPayable"),
    "Credit Card": ("Liability", "CreditCard"),
    "Other Current Liability": ("Liability", "OtherCurrentLiabilities"),
    "Long Term Liability": ("Liability", "OtherLongTermLiabilities"),
    "Equity": ("Equity", "OpeningBalanceEquity"),
    "Income": ("Revenue", "SalesOfProductIncome"),
    "Other Income": ("Revenue", "OtherMiscellaneousIncome"),
    "Cost of Goods Sold": ("Expense", "SuppliesMaterialsCogs"),
    "Expense": ("Expense", "OtherMiscellaneousServiceCost"),
    "Other Expense": ("Expense", "OtherMiscellaneousExpense"),
}


def prepare(company: Company, entity: Entity, body: Body, old: Row | None) -> Body:
    """The entry as the vendor keeps it: checked, with the vendor's defaults, renamed when it is switched off."""
    body.setdefault("Active", True)
    _RULES.get(entity.name, _plain)(company, entity, body, old)
    _rename_when_switched(entity, body, old)
    _place_in_tree(company, entity, body)
    return body


def _person(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    parts = [body[part] for part in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix") if body.get(part)]
    if not body.get("DisplayName"):
        body["DisplayName"] = " ".join(parts) or body.get("CompanyName", "")
    if not body["DisplayName"].strip():
        raise Fault(
            "6080", "Must have at least one name element set: DisplayName, GivenName, FamilyName or CompanyName"
        )
    _no_forbidden(body["DisplayName"], "DisplayName")
    body["DisplayName"] = body["DisplayName"].strip()
    body.setdefault("PrintOnCheckName", body.get("CompanyName") or body["DisplayName"])
    if entity.name == "Employee":
        return
    _email(body, "PrimaryEmailAddr")
    _fixed_currency(company, body, old)
    for address in ("BillAddr", "ShipAddr"):
        if body.get(address):
            body[address] = kept_address(company, body[address], old.body.get(address) if old else None)
    body["Balance"] = old.body["Balance"] if old else 0
    if entity.name == "Customer":
        body["BalanceWithJobs"] = old.body["BalanceWithJobs"] if old else 0
        body.setdefault("Taxable", company.settings.is_us)
        body.setdefault("Job", False)
        body.setdefault("BillWithParent", False)
        body.setdefault("PreferredDeliveryMethod", "Print")
        if company.settings.default_tax_code and body["Taxable"]:
            body.setdefault("DefaultTaxCodeRef", {"value": company.settings.default_tax_code})
        if body["Job"] and "ParentRef" not in body:
            raise Fault("2020", "Required parameter ParentRef is missing in the request", element="ParentRef")
    else:
        body.setdefault("Vendor1099", False)
        if body.get("TaxIdentifier"):
            # The vendor shows the last four characters only (recorded).
            body["TaxIdentifier"] = "XXXXXX" + body["TaxIdentifier"][-4:]


def _item(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    _named(body)
    body.setdefault("Type", "Service")
    kind = body["Type"]
    if kind not in ("Service", "NonInventory", "Inventory", "Category", "Group"):
        raise Fault("2170", f"Enumeration value {kind} is not valid for Type", element="Type")
    if kind == "Category":
        return
    if old and old.body.get("Type") != kind:
        raise Fault("6000", "Business Validation Error: The type of an item cannot be changed this way.")
    for ref, types in {
        "IncomeAccountRef": ("Income", "Other Income"),
        "ExpenseAccountRef": ("Expense", "Other Expense", "Cost of Goods Sold"),
        "AssetAccountRef": ("Other Current Asset",),
    }.items():
        account_of_type(company, body, ref, types if kind == "Inventory" else ())
    if kind == "Inventory":
        for needed in ("QtyOnHand", "InvStartDate", "IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef"):
            if needed not in body:
                raise _missing(needed)
        if not body.get("TrackQtyOnHand"):
            raise Fault("6000", "Business Validation Error: An inventory item must track its quantity on hand.")
        body["QtyOnHand"] = trimmed(body["QtyOnHand"])
    elif kind != "Group" and "IncomeAccountRef" not in body and "ExpenseAccountRef" not in body:
        raise _missing("IncomeAccountRef")
    body.setdefault("Taxable", False)
    body.setdefault("TrackQtyOnHand", False)
    body["UnitPrice"] = trimmed(body.get("UnitPrice", 0))
    body["PurchaseCost"] = trimmed(body.get("PurchaseCost", 0))


def _account(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    _named(body, also='"')
    if "AccountType" not in body:
        raise _missing("AccountType")
    if body["AccountType"] not in ACCOUNT_TYPES:
        raise Fault(
            "2170", f"Enumeration value {body['AccountType']} is not valid for AccountType", element="AccountType"
        )
    if old and old.body["AccountType"] != body["AccountType"]:
        raise Fault("6000", "Business Validation Error: The type of an account in use cannot be changed.")
    classification, subtype = ACCOUNT_TYPES[body["AccountType"]]
    body["Classification"] = classification
    body.setdefault("AccountSubType", subtype)
    body.setdefault("SubAccount", "ParentRef" in body)
    _fixed_currency(company, body, old)


def _term(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    _named(body)
    if "DueDays" not in body and "DayOfMonthDue" not in body:
        raise _missing("DueDays")
    body.setdefault("Type", "STANDARD" if "DueDays" in body else "DATE_DRIVEN")
    for percent in ("DiscountPercent",):
        body[percent] = trimmed(body.get(percent, 0))


def _currency(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    if not company.settings.multicurrency:
        raise Fault("5030", "Multi currency is not switched on in this company")
    if body.get("Code") not in CURRENCIES:
        raise Fault("2170", f"Enumeration value {body.get('Code')} is not valid for Code", element="Code")
    body["Name"] = CURRENCIES[body["Code"]]


def _agency(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    if not body.get("DisplayName"):
        raise _missing("DisplayName")
    body.setdefault("TaxTrackedOnSales", True)
    body.setdefault("TaxTrackedOnPurchases", False)
    body.pop("Active")  # agencies are never shown with it


def _plain(company: Company, entity: Entity, body: Body, old: Row | None) -> None:
    _named(body)


_RULES: dict[str, Callable[[Company, Entity, Body, Row | None], None]] = {
    "Customer": _person,
    "Vendor": _person,
    "Employee": _person,
    "Item": _item,
    "Account": _account,
    "Term": _term,
    "CompanyCurrency": _currency,
    "TaxAgency": _agency,
}


def kept_address(company: Company, address: Body, old: Body | None) -> Body:
    """An address with the vendor's id and position, as answers carry it; a sandbox cannot place it (recorded)."""
    bare = {name: value for name, value in address.items() if name not in ("Id", "Lat", "Long") and value != ""}
    if old and bare == {name: value for name, value in old.items() if name not in ("Id", "Lat", "Long")}:
        return old
    id = str(company.store.next(f"{company.realm} address", 2))
    return {"Id": id, **bare, "Lat": "INVALID", "Long": "INVALID"}


def _rename_when_switched(entity: Entity, body: Body, old: Row | None) -> None:
    """A name that is switched off frees its name by the suffix (recorded), and gets it back when switched on."""
    if entity.label not in body:
        return
    name = body[entity.label]
    if body["Active"] is False and not name.endswith(DELETED):
        body[entity.label] = name + DELETED
    elif body["Active"] and old is not None and not old.active and name.endswith(DELETED):
        body[entity.label] = name.removesuffix(DELETED)


def _place_in_tree(company: Company, entity: Entity, body: Body) -> None:
    if entity.name not in ("Customer", "Item", "Account", "Class", "Department"):
        return
    name = body[entity.label]
    parent = body.get("ParentRef")
    if parent:
        above = company.row(entity, parent["value"]).body
        name = f"{above['FullyQualifiedName']}:{name}"
        if entity.name in ("Customer", "Item"):
            body["Level"] = above.get("Level", 0) + 1
        body["ParentRef"] = {"value": parent["value"]}
    body["FullyQualifiedName"] = name
    switch = {"Item": "SubItem", "Class": "SubClass", "Department": "SubDepartment"}.get(entity.name)
    if switch and (parent or entity.name != "Item"):
        body[switch] = bool(parent)


def _named(body: Body, also: str = "") -> None:
    if not body.get("Name", "").strip():
        raise _missing("Name")
    _no_forbidden(body["Name"], "Name", also)


def _no_forbidden(text: str, element: str, also: str = "") -> None:
    if any(sign in text for sign in f":\t\n{also}"):
        raise Fault(
            "2040", f"{element} must not contain a colon, a tab or a line break. Supplied value:{text}", element=element
        )


def _email(body: Body, name: str) -> None:
    address = body.get(name, {}).get("Address", "")
    if address and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise Fault("2210", f"Email Address does not conform to the syntax rules of RFC 822. Supplied value:{address}")


def _fixed_currency(company: Company, body: Body, old: Row | None) -> None:
    code = company.currency_of(body)
    if old is not None and code != company.currency_of(old.body):
        raise Fault("6000", "Business Validation Error: The currency cannot be changed after creation.")
    body["CurrencyRef"] = company.check_currency(code)


def account_of_type(company: Company, body: Body, ref: str, types: tuple[str, ...]) -> None:
    """Raises Fault 6430 where a reference names an account of none of these types."""
    if ref not in body or not types:
        return
    row = company.store.get(company.realm, "Account", body[ref]["value"])
    if row is not None and row.body["AccountType"] not in types:
        raise Fault("6430", f"Invalid account type: {ref} wants an account of type {' or '.join(types)}", element=ref)


def _missing(name: str) -> Fault:
    return Fault("2020", f"Required parameter {name} is missing in the request", element=name)


def owe_more(company: Company, entity: Entity, id: str, amount: Decimal) -> None:
    """Moves the balance of a customer or vendor; the time of change moves with it, the version does not (recorded)."""
    if not amount:
        return
    row = company.row(entity, id)
    changes: dict[str, Any] = {"Balance": shown(Decimal(row.body["Balance"]) + amount)}
    if entity.name == "Customer":
        changes["BalanceWithJobs"] = shown(Decimal(row.body["BalanceWithJobs"]) + amount)
    company.touch(entity, row, changes, new_version=False)
    while entity.name == "Customer" and "ParentRef" in row.body:
        row = company.row(entity, row.body["ParentRef"]["value"])
        total = shown(Decimal(row.body["BalanceWithJobs"]) + amount)
        company.touch(entity, row, {"BalanceWithJobs": total}, new_version=False)
