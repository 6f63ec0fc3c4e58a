"""The lines of a transaction: which kinds it takes, their ids, amounts and defaults."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.simulation.store import Row

from .company import Body, Company, digits, rounded, shown, trimmed
from .faults import Fault

_SALE = ("SalesItemLineDetail", "DescriptionOnly", "DiscountLineDetail", "GroupLineDetail", "SubTotalLineDetail")
_EXPENSE = ("AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail", "DescriptionOnly")
TAKES = {
    "Invoice": _SALE,
    "CreditMemo": _SALE,
    "SalesReceipt": _SALE,
    "RefundReceipt": _SALE,
    "Estimate": _SALE,
    "Bill": _EXPENSE,
    "VendorCredit": _EXPENSE,
    "Purchase": _EXPENSE,
    "PurchaseOrder": _EXPENSE,
    "JournalEntry": ("JournalEntryLineDetail", "DescriptionOnly"),
    "Deposit": ("DepositLineDetail",),
}
SALES_FORMS = ("Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt", "Estimate")
PURCHASE_FORMS = ("Bill", "VendorCredit", "Purchase", "PurchaseOrder")


def prepare_lines(company: Company, kind: str, body: Body, old: Row | None) -> None:
    """Checks and completes `Line`, which is always replaced as a whole; a line keeps its Id where it was sent back.

    Raises Fault 2250 without lines, 2020 without amount or detail, 6070 where the amount is not quantity times price.
    """
    lines = [line for line in body.get("Line", []) if line.get("DetailType") != "SubTotalLineDetail"]
    if not any(line.get("DetailType") != "DescriptionOnly" for line in lines):
        raise Fault(
            "2250", "Required parameter Line is missing in the request. At least one line is required.", element="Line"
        )
    places = digits(company.currency_of(body))
    numbers = _LineIds(old)
    body["Line"] = [_line(company, kind, line, places, numbers) for line in lines]
    if kind in SALES_FORMS:
        subtotal = sum((Decimal(line["Amount"]) for line in _amounts(body["Line"])), Decimal())
        for line in body["Line"]:
            _discount(company, line, subtotal, places)
        _after_items(
            body["Line"], {"Amount": shown(subtotal), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
        )


def net_total(body: Body) -> Decimal:
    """What the lines add up to before tax."""
    total = Decimal()
    for line in body["Line"]:
        if line["DetailType"] == "DiscountLineDetail":
            total -= line["Amount"]
        elif line["DetailType"] == "GroupLineDetail":
            total += sum((Decimal(member["Amount"]) for member in line["GroupLineDetail"].get("Line", [])), Decimal())
        elif line["DetailType"] not in ("SubTotalLineDetail", "DescriptionOnly"):
            total += line["Amount"]
    return total


def zeroed(lines: list[Body]) -> list[Body]:
    """The lines of a voided document: everything as it was, at nothing (recorded)."""
    result = []
    for line in lines:
        line = {**line, "Amount": 0} if "Amount" in line else dict(line)
        kind = line.get("DetailType", "")
        detail = dict(line.get(kind, {}))
        if "Qty" in detail:
            detail["Qty"] = 0
        if "TaxInclusiveAmt" in detail:
            detail["TaxInclusiveAmt"] = 0
        if "Line" in detail:
            detail["Line"] = zeroed(detail["Line"])
        result.append({**line, kind: detail} if kind in line else line)
    return result


class _LineIds:
    """Ids of lines go up within a document and are not used again (recorded)."""

    def __init__(self, old: Row | None) -> None:
        self.held = {str(line["Id"]) for line in _nested(old.body.get("Line", []))} if old else set()
        self._highest = max((int(id) for id in self.held if id.isdigit()), default=0)
        self._line = 0

    def number(self, line: Body) -> Body:
        """The line with its id and position."""
        self._line += 1
        id = line.get("Id")
        if id in self.held:
            self.held.discard(id)
        else:
            self._highest += 1
            id = str(self._highest)
        return {"Id": id, "LineNum": self._line, **{k: v for k, v in line.items() if k not in ("Id", "LineNum")}}


def _line(company: Company, kind: str, line: Body, places: int, numbers: _LineIds) -> Body:
    detail_type = line.get("DetailType")
    if detail_type is None:
        raise _missing("Line.DetailType")
    if detail_type not in TAKES[kind]:
        raise Fault(
            "2170", f"Enumeration value {detail_type} is not valid for DetailType of {kind}", element="DetailType"
        )
    line = numbers.number(line)
    if line.get("Description") == "":
        del line["Description"]
    if detail_type == "DescriptionOnly":
        return line | {"DescriptionLineDetail": line.get("DescriptionLineDetail", {})}
    if detail_type == "GroupLineDetail":
        return _group(company, kind, line, places, numbers)
    detail = {name: value for name, value in line.get(detail_type, {}).items() if value != ""}
    percent_discount = detail_type == "DiscountLineDetail" and detail.get("PercentBased")
    if "Amount" not in line and not percent_discount:
        raise _missing("Line.Amount")
    if "Amount" in line:
        line["Amount"] = shown(rounded(Decimal(line["Amount"]), places))
    if detail_type in ("SalesItemLineDetail", "ItemBasedExpenseLineDetail"):
        _item_detail(company, kind, line, detail, places)
    elif detail_type == "AccountBasedExpenseLineDetail":
        _account_detail(company, detail)
    elif detail_type == "JournalEntryLineDetail":
        _journal_detail(company, line, detail)
    elif detail_type == "DepositLineDetail" and "AccountRef" not in detail and not line.get("LinkedTxn"):
        raise _missing("DepositLineDetail.AccountRef")
    line[detail_type] = detail
    return line


def _item_detail(company: Company, kind: str, line: Body, detail: Body, places: int) -> None:
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    # Clients that write every member of their objects send 0 for what they do not mean.
    if quantity == 0 and price == 0 and line["Amount"]:
        del detail["Qty"], detail["UnitPrice"]
    elif quantity is not None and price is not None:
        exact = rounded(Decimal(quantity) * Decimal(price), places)
        if exact != Decimal(line["Amount"]):
            raise Fault(
                "6070", f"Amount is not equal to UnitPrice * Qty. Supplied value:{line['Amount']}, expected {exact}"
            )
    elif quantity:
        detail["UnitPrice"] = rounded(Decimal(line["Amount"]) / Decimal(quantity), 7)
    for number in ("Qty", "UnitPrice"):
        if number in detail:
            detail[number] = trimmed(detail[number])
    if "ItemRef" not in detail and kind in PURCHASE_FORMS:
        raise _missing("ItemBasedExpenseLineDetail.ItemRef")
    if kind in PURCHASE_FORMS:
        detail.setdefault("BillableStatus", "NotBillable")
    if company.settings.is_us and "TaxCodeRef" not in detail:
        item = company.store.get(company.realm, "Item", detail.get("ItemRef", {}).get("value", ""))
        taxable = kind in SALES_FORMS and item is not None and item.body.get("Taxable")
        detail["TaxCodeRef"] = {"value": "TAX" if taxable else "NON"}


def _account_detail(company: Company, detail: Body) -> None:
    if "AccountRef" not in detail:
        raise _missing("AccountBasedExpenseLineDetail.AccountRef")
    detail.setdefault("BillableStatus", "NotBillable")
    if company.settings.is_us:
        detail.setdefault("TaxCodeRef", {"value": "NON"})


def _journal_detail(company: Company, line: Body, detail: Body) -> None:
    for needed in ("PostingType", "AccountRef"):
        if needed not in detail:
            raise _missing(f"JournalEntryLineDetail.{needed}")
    if Decimal(line["Amount"]) < 0:
        raise Fault(
            "2080", f"Amount of a journal line must not be negative. Supplied value:{line['Amount']}", element="Amount"
        )
    account = company.store.get(company.realm, "Account", detail["AccountRef"]["value"])
    wanted = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}.get(
        account.body["AccountType"] if account else ""
    )
    if wanted and detail.get("Entity", {}).get("Type") != wanted:
        raise Fault("6000", f"Business Validation Error: When you use {account and account.body['AccountType']}, you must choose a {wanted.lower()} in the Name field.")  # fmt: skip  # noqa: E501


def _discount(company: Company, line: Body, subtotal: Decimal, places: int) -> None:
    if line["DetailType"] != "DiscountLineDetail":
        return
    detail = line["DiscountLineDetail"]
    detail.setdefault("PercentBased", False)
    if detail["PercentBased"]:
        if "DiscountPercent" not in detail:
            raise _missing("DiscountLineDetail.DiscountPercent")
        line["Amount"] = shown(rounded(subtotal * Decimal(detail["DiscountPercent"]) / 100, places))
    else:
        detail.pop("DiscountPercent", None)
    account = company.settings.accounts["discounts"]
    detail.setdefault("DiscountAccountRef", {"value": account, "name": "Discounts given"})


def _group(company: Company, kind: str, line: Body, places: int, numbers: _LineIds) -> Body:
    detail = dict(line.get("GroupLineDetail", {}))
    item = company.store.get(company.realm, "Item", detail.get("GroupItemRef", {}).get("value", ""))
    if item is None or item.body["Type"] != "Group":
        raise Fault(
            "2500", "Invalid Reference Id : GroupItemRef must name an item of type Group", element="GroupItemRef"
        )
    quantity = Decimal(detail.setdefault("Quantity", 1))
    members = detail.get("Line") or [
        _member(company, component, quantity, places)
        for component in item.body.get("ItemGroupDetail", {}).get("ItemGroupLine", [])
    ]
    detail["Line"] = [_line(company, kind, member, places, numbers) for member in members]
    return line | {"Amount": 0, "GroupLineDetail": detail}


def _member(company: Company, component: Body, quantity: Decimal, places: int) -> Body:
    row = company.store.get(company.realm, "Item", component["ItemRef"]["value"])
    price = Decimal(row.body["UnitPrice"]) if row else Decimal()
    count = quantity * Decimal(component.get("Qty", 1))
    detail: dict[str, Any] = {"ItemRef": component["ItemRef"], "Qty": count, "UnitPrice": price}
    return {
        "Amount": rounded(count * price, places),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
    }


def _amounts(lines: list[Body]) -> list[Body]:
    """The lines that carry the amounts, those of groups included."""
    return [line for line in _nested(lines) if line.get("DetailType") in ("SalesItemLineDetail",)]


def _nested(lines: list[Body]) -> list[Body]:
    flat = []
    for line in lines:
        if "Id" in line or "Amount" in line:
            flat.append(line)
        flat += line.get("GroupLineDetail", {}).get("Line", [])
    return [line for line in flat if "Id" in line]


def _after_items(lines: list[Body], subtotal: Body) -> None:
    """The subtotal stands before the discount."""
    place = next((i for i, line in enumerate(lines) if line["DetailType"] == "DiscountLineDetail"), len(lines))
    lines.insert(place, subtotal)


def _missing(name: str) -> Fault:
    return Fault("2020", f"Required parameter {name} is missing in the request", element=name.rpartition(".")[2])
