"""What QuickBooks Online demands of what is sent, checked before it goes, so that a person reads a clear sentence.

Lengths and required members after the vendor's schema prose for QuickBooks Online and its error list; `memory` is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrations.wire.connector import Write
from integrations.wire.stream import Stream

Body = Mapping[str, Any]

_ADDRESS = {
    **{f"Line{number}": 500 for number in range(1, 6)},
    "City": 255,
    "CountrySubDivisionCode": 255,
    "PostalCode": 30,
    "Country": 255,
}
_PARTY: Mapping[str, int] = {
    "DisplayName": 500,  # memory
    "PrimaryEmailAddr.Address": 100,
    "PrimaryPhone.FreeFormNumber": 21,
    "WebAddr.URI": 1000,
    **{f"{place}.{name}": longest for place in ("BillAddr", "ShipAddr") for name, longest in _ADDRESS.items()},
}
_SALES = ("Estimate", "Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt")
_DOCUMENTS = (*_SALES, "PurchaseOrder", "Bill", "VendorCredit", "JournalEntry", "Deposit")
_DOCUMENT: Mapping[str, int] = {
    "DocNumber": 21,
    "PaymentRefNum": 21,  # memory
    "CustomerMemo.value": 1000,
    "PrivateNote": 4000,  # memory
    "Line.Description": 4000,
    **{f"{place}.{name}": longest for place in ("BillAddr", "ShipAddr") for name, longest in _ADDRESS.items()},
}
LONGEST: Mapping[str, Mapping[str, int]] = {
    "Customer": _PARTY,
    "Vendor": _PARTY,
    "Item": {"Name": 100, "Sku": 100, "Description": 4000},
    "Account": {"Name": 100},
    "Term": {"Name": 31},
    "Class": {"Name": 100},
    "Department": {"Name": 100},
    **dict.fromkeys(_DOCUMENTS, _DOCUMENT),
    "Payment": {"PaymentRefNum": 21, "PrivateNote": 4000},  # memory
    "BillPayment": {"DocNumber": 21, "PrivateNote": 4000},
}
"""How many characters each text may have, by entity and dotted path; a list's members are meant one by one."""


def refusal_of(stream: Stream, write: Write, body: Body) -> str | None:
    """Why QuickBooks would refuse this, in a sentence without its full stop; None where nothing is known against it."""
    for path, longest in LONGEST.get(stream.at, {}).items():
        for text in _texts(body, path.split(".")):
            if len(text) > longest:
                return f"{path} takes {longest} characters, and {text!r} has {len(text)}"
    if write.operation == "update" and "currency" in write.only and stream.facts.get("list"):
        return "QuickBooks never changes the currency of a record once it is made"
    if write.operation == "create":
        for why in (required(body) for required in _REQUIRED.get(stream.at, ())):
            if why:
                return why
    return None


def _item_accounts(body: Body) -> str | None:
    if "IncomeAccountRef" not in body:
        return "an item needs the income account that its sales are booked to (sale.account)"
    if body.get("Type") != "Inventory":
        return None
    missing = [
        ours
        for ours, theirs in (
            ("purchase.account", "ExpenseAccountRef"),
            ("asset_account", "AssetAccountRef"),
            ("extra.InvStartDate", "InvStartDate"),
        )
        if theirs not in body
    ]
    return f"an item kept in stock also needs {', '.join(missing)}" if missing else None


def _has_lines(body: Body) -> str | None:
    return None if body.get("Line") else "the document has no lines"


def _paid_from(body: Body) -> str | None:
    return None if "PayType" in body else "a bill payment needs the account that it is paid from (payment_account)"


def _gives_from(body: Body) -> str | None:
    return (
        None if "DepositToAccountRef" in body else "a refund needs the account that it is paid from (payment_account)"
    )


_REQUIRED: Mapping[str, tuple[Callable[[Body], str | None], ...]] = {
    "Item": (_item_accounts,),
    **dict.fromkeys(_DOCUMENTS, (_has_lines,)),
    "RefundReceipt": (_has_lines, _gives_from),
    "BillPayment": (_paid_from,),
}


def _texts(value: Any, steps: list[str]) -> Iterable[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each, steps)
    elif not steps:
        if isinstance(value, str):
            yield value
    elif isinstance(value, Mapping) and steps[0] in value:
        yield from _texts(value[steps[0]], steps[1:])
