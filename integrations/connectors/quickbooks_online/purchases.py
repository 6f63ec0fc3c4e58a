"""QuickBooks Online's bills, vendor credits and purchase orders as two-way tables: lines go to an item or to an account.

Members after the vendor's schema (Finance.xsd), derived/samples_from_xml/bill_create_response.json, purchase_order.json.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from integrations.canonical import Bill, Line, PurchaseOrder, VendorCredit
from integrations.wire.nested import member
from integrations.wire.shape import F, Fixed, Lines

from .dimensions import tags
from .documents import (
    CURRENCY,
    DOCUMENT_NOISE,
    HEAD,
    MEMO,
    STATUS,
    TAX_MODE,
    TEXT_LINE,
    TOTALS,
    DocumentShape,
    kind,
    put_lines,
)
from .shapes import ENTITY, Payload, refers, to_ref

_BY_ITEM, _BY_ACCOUNT = "ItemBasedExpenseLineDetail", "AccountBasedExpenseLineDetail"
_ORDER = "PurchaseOrder"


def _billable(detail: str) -> F:
    """Whether the customer for whom it was bought is to be charged; the vendor's word stays in the line's extra."""

    def read(raw: Payload) -> bool | None:
        # HasBeenBilled is told as neither, so that a change of the line never makes it billable again.
        return {"Billable": True, "NotBillable": False}.get(str(member(raw, f"{detail}.BillableStatus")))

    def write(line: Line) -> Payload:
        if line.billable is None:
            return {}
        return {detail: {"BillableStatus": "Billable" if line.billable else "NotBillable"}}

    return F("billable", "", read=read, write=write)


def _order_line(raw: Payload) -> Payload | None:
    """The line of the order that a line was made from; one made from several is told as made from none."""
    links = [link for link in raw.get("LinkedTxn", ()) if link.get("TxnType") == _ORDER and link.get("TxnLineId")]
    return {"external_id": f"{links[0]['TxnId']}/{links[0]['TxnLineId']}"} if len(links) == 1 else None


def _to_order_line(line: Line) -> Payload:
    if line.purchase_order_line is None:
        return {}
    order, _, order_line = to_ref(line.purchase_order_line)["value"].partition("/")
    return {"LinkedTxn": [{"TxnId": order, "TxnType": _ORDER, "TxnLineId": order_line}]}


def _fields(detail: str, *own: F) -> tuple[F | Fixed, ...]:
    return (
        Fixed("DetailType", detail),
        F("line_type", "", read=lambda raw: "item", write=None, uses=("LineNum",)),
        F("description", "Description"),
        *own,
        F("net_amount", "Amount"),
        F("gross_amount", f"{detail}.TaxInclusiveAmt"),
        refers("tax_rate", f"{detail}.TaxCodeRef"),
        refers("customer", f"{detail}.CustomerRef"),
        _billable(detail),
        F("purchase_order_line", "", read=_order_line, write=_to_order_line),
        tags(detail, "class"),
    )


_LINES: tuple[Lines, ...] = (
    Lines(
        "lines",
        "Line",
        key="Id",
        when=kind(_BY_ITEM),
        fits=lambda line: line.item is not None,
        put=put_lines,
        fields=_fields(
            _BY_ITEM,
            refers("item", f"{_BY_ITEM}.ItemRef"),
            F("quantity", f"{_BY_ITEM}.Qty"),
            F("unit_price", f"{_BY_ITEM}.UnitPrice"),
        ),
    ),
    Lines(
        "lines",
        "Line",
        key="Id",
        when=kind(_BY_ACCOUNT),
        fits=lambda line: line.account is not None,
        fields=_fields(_BY_ACCOUNT, refers("account", f"{_BY_ACCOUNT}.AccountRef")),
    ),
    TEXT_LINE,
)


def _orders(payload: Payload) -> list[Payload] | None:
    """The purchase orders that a bill, or a line of it, was made from."""
    linked = [
        *payload.get("LinkedTxn", ()),
        *(link for line in payload.get("Line", ()) for link in line.get("LinkedTxn", ())),
    ]
    ids = dict.fromkeys(link["TxnId"] for link in linked if link.get("TxnType") == _ORDER)
    return [{"external_id": id} for id in ids] or None


def _to_orders(bill: Bill) -> Payload:
    links = [{"TxnId": to_ref(order)["value"], "TxnType": _ORDER} for order in bill.purchase_orders]
    return {"LinkedTxn": links} if links else {}


class BillShape(DocumentShape[Bill]):
    """A shape that leaves alone the other links of a bill and its lines, to what has paid it, when those to orders change."""

    def patch(self, raw: Payload, record: Bill, *, only: Collection[str], whole: bool = False) -> Payload:
        body = super().patch(raw, record, only=only, whole=whole)
        lines = {line.get("Id"): line for line in raw.get("Line", ())}
        for changed, was in ((body, raw), *((line, lines.get(line.get("Id"), {})) for line in body.get("Line", ()))):
            if "LinkedTxn" in changed:
                orders = [link for link in changed["LinkedTxn"] if link.get("TxnType") == _ORDER]
                others = [link for link in was.get("LinkedTxn", ()) if link.get("TxnType") != _ORDER]
                changed["LinkedTxn"] = [*orders, *others]
        return body


_ORDER_STATUSES = {"Open": "open", "Closed": "closed"}
_ORDER_STATUSES_WRITTEN = {ours: theirs for theirs, ours in _ORDER_STATUSES.items()}


def _order_status(payload: Payload) -> str:
    return _ORDER_STATUSES.get(str(payload.get("POStatus")), "unknown")


def _to_order_status(order: PurchaseOrder) -> Payload:
    theirs = _ORDER_STATUSES_WRITTEN.get(order.status)
    return {"POStatus": theirs} if theirs else {}


_HEAD: tuple[Any, ...] = (*HEAD, refers("vendor", "VendorRef"), *_LINES, *TOTALS)

BILL = BillShape(
    Bill,
    **ENTITY,
    edition=3,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_HEAD,
        tags("", "location"),
        F("purchase_orders", "", read=_orders, write=_to_orders),
        F("due_on", "DueDate"),
        F("amount_due", "Balance", write=None),
        refers("payable_account", "APAccountRef"),
        STATUS,
    ),
)

# It has no terms, no due date and no address.
VENDOR_CREDIT = DocumentShape(
    VendorCredit,
    **ENTITY,
    ignore=DOCUMENT_NOISE,
    fields=(
        F("number", "DocNumber"),
        F("issued_on", "TxnDate"),
        *CURRENCY,
        TAX_MODE,
        MEMO,
        refers("vendor", "VendorRef"),
        *_LINES,
        *TOTALS,
        tags("", "location"),
        F("remaining_credit", "Balance", write=None),
        refers("payable_account", "APAccountRef"),
        STATUS,
    ),
)

PURCHASE_ORDER = DocumentShape(
    PurchaseOrder,
    **ENTITY,
    edition=2,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_HEAD,
        tags("", "class", "location"),
        F("expected_on", "DueDate"),
        F("vendor_note", "Memo"),
        F("status", "", read=_order_status, write=_to_order_status),
    ),
)
