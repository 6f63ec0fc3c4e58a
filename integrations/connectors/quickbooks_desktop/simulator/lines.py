"""The lines of documents: what was sent becomes what is kept, with what the item and the arithmetic add."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .company import Company
from .figures import amount, cents, number, price, trimmed
from .grammar import ANSWERS, Body
from .statuses import bad_reference, missing, not_allowed, not_found

_JOURNAL = ("JournalDebitLine", "JournalCreditLine")


def new_lines(company: Company, kind: str, stem: str, sent: list[Body]) -> list[Body]:
    """The lines of a new document."""
    return [_line(company, kind, stem, each, {}) for each in sent]


def changed_lines(company: Company, kind: str, stem: str, sent: list[Body], before: list[Body]) -> list[Body]:
    """The lines after a change: those listed, in that order; -1 is a new one; what is not listed is gone."""
    known = {line["TxnLineID"]: line for line in before}
    found = []
    for each in sent:
        id = each.get("TxnLineID", "-1")
        if id != "-1" and id not in known:
            raise not_found(id)
        found.append(_line(company, kind, stem, each, known.get(id, {})))
    return found


def _line(company: Company, kind: str, stem: str, sent: Body, before: Body) -> Body:
    if "Group" in sent.get("#", ""):
        raise bad_reference("ItemGroup", sent.get("ItemGroupRef", {}).get("FullName", ""), kind)
    form = ANSWERS.forms[f"{kind}Ret"].children[stem if stem == "JournalDebitLine" else f"{stem}Ret"].form
    # The side of a journal line is an element of its own in a change.
    side = {"Debit": _JOURNAL[0], "Credit": _JOURNAL[1]}.get(
        sent.get("JournalLineType", ""), before.get("#", sent.get("#"))
    )
    given = {name: value for name, value in sent.items() if name not in ("#", "TxnLineID", "JournalLineType")}
    account = given.pop("OverrideItemAccountRef", None)
    line, _ = company.take(kind, form, given, into=before)
    line["TxnLineID"] = before.get("TxnLineID") or company.new_id(listed=False)
    line["#"] = side if stem == "JournalDebitLine" else f"{stem}Ret"
    if account:
        line["_account"] = company.resolve("OverrideItemAccountRef", account, in_kind=kind)["ListID"]
    if "LinkToTxn" in given:
        line["_from"] = given["LinkToTxn"]
    return line


def price_line(
    company: Company, kind: str, line: Body, sent: Body, *, rate: str, exchange: Decimal, preceding: Decimal
) -> None:
    """Works out the amount of a line with an item; `rate` is the element of the price (Rate or Cost).

    What the item knows is taken where it was not sent. Raises 3150 for money without an item, and 3210 where quantity,
    price and amount contradict each other.
    """
    item = line.get("ItemRef", {}).get("ListID")
    if item is None:
        if any(sent.get(name) for name in (rate, "Amount", "Quantity", "RatePercent")):
            raise missing("ItemRef", kind)
        return
    if line.get("Amount") and not any(name in sent for name in ("ItemRef", "Quantity", rate, "RatePercent", "Amount")):
        return
    side = _side(company, item, buying=rate == "Cost" or kind == "PurchaseOrder")
    if "ItemRef" in sent:
        if "Desc" not in sent and side["desc"]:
            line["Desc"] = side["desc"]
        if not any(name in sent for name in (rate, "RatePercent", "Amount")) and side["price"] is not None:
            line[rate] = price(side["price"] / exchange)
    quantity, unit = number(line.get("Quantity")), number(line.get(rate))
    if "RatePercent" in line:
        percent = number(line["RatePercent"]) or Decimal()
        line["Amount"] = str(cents(preceding * percent / 100))
    elif sent.get("Amount"):
        given = amount(sent["Amount"])
        if (
            sent.get(rate)
            and quantity is not None
            and unit is not None
            and abs(cents(quantity * unit) - given) > Decimal("0.01")
        ):
            raise not_allowed("Amount", sent["Amount"], "The amount is not the quantity times the rate.")
        line["Amount"] = str(given)
        if not sent.get(rate) and quantity:
            line[rate] = price(given / quantity)
    elif unit is not None:
        line["Amount"] = str(cents((1 if quantity is None else quantity) * unit))
    else:
        line.setdefault("Amount", "0.00")
    if company.kind_of(item) == "ItemDiscount":
        _discount(company, item, line, sent, preceding)


def tax_code(company: Company, line: Body) -> None:
    """The tax code of a sales line: its own, else the item's, else the taxable one."""
    if "ItemRef" in line and "SalesTaxCodeRef" not in line:
        row = company.get(company.kind_of(line["ItemRef"]["ListID"]), line["ItemRef"]["ListID"])
        code = row.body.get("SalesTaxCodeRef") if row else None
        line["SalesTaxCodeRef"] = code or {"ListID": company.settings.roles["taxable"]}


def line_amount(line: Body) -> Decimal:
    return amount(line["Amount"]) if line.get("Amount") else Decimal("0.00")


def copied(company: Company, stem: str, line: Body, quantity: Decimal | None) -> Body:
    """A line of an order as a line of the document made from it, with its quantity or what is left of it."""
    kept = (
        "ItemRef",
        "Desc",
        "UnitOfMeasure",
        "Rate",
        "Cost",
        "ClassRef",
        "SalesTaxCodeRef",
        "Other1",
        "Other2",
        "_account",
    )
    new: Body = {name: line[name] for name in kept if name in line}
    if stem == "ItemLine" and "Rate" in new:
        new["Cost"] = new.pop("Rate")
    unit = number(new.get("Rate") or new.get("Cost"))
    if quantity is not None:
        new["Quantity"] = trimmed(quantity)
    if "ItemRef" in new:
        whole = quantity is None or quantity == number(line.get("Quantity"))
        new["Amount"] = line.get("Amount", "0.00") if whole or unit is None else str(cents(unit * (quantity or 0)))
    return {"#": f"{stem}Ret", "TxnLineID": company.new_id(listed=False), **new}


def _side(company: Company, item: str, *, buying: bool) -> dict[str, Any]:
    """Description and price of an item on the side where it is used."""
    row = company.get(company.kind_of(item), item)
    body = row.body if row else {}
    both = body.get("SalesAndPurchase") or (body if "SalesPrice" in body or "COGSAccountRef" in body else None)
    if both is not None:
        names = ("PurchaseDesc", "PurchaseCost") if buying else ("SalesDesc", "SalesPrice")
        return {"desc": both.get(names[0], ""), "price": number(both.get(names[1]))}
    one = body.get("SalesOrPurchase", {})
    return {"desc": one.get("Desc", body.get("ItemDesc", "")), "price": number(one.get("Price"))}


def _discount(company: Company, item: str, line: Body, sent: Body, preceding: Decimal) -> None:
    """A discount takes away, however its sign was sent; without figures it is what the item says."""
    row = company.the("ItemDiscount", item)
    percent = number(row.body.get("DiscountRatePercent"))
    if not any(sent.get(name) for name in ("Amount", "Rate", "RatePercent")) and "ItemRef" in sent:
        if percent is not None:
            line["RatePercent"] = f"-{trimmed(percent)}"
            line.pop("Rate", None)
            line["Amount"] = str(cents(preceding * percent / 100))
        elif number(row.body.get("DiscountRate")) is not None:
            line["Amount"] = row.body["DiscountRate"]
    line["Amount"] = str(-abs(amount(line.get("Amount", "0"))))
    if "Rate" in line:
        line["Rate"] = price(-abs(number(line["Rate"]) or Decimal()))
