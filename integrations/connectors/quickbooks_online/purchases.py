"""QuickBooks Online's bills and purchase orders as two-way tables: their lines go to an item or to an account.

Members after the vendor's schema (Finance.xsd), derived/samples_from_xml/bill_create_response.json, purchase_order.json.
"""

from __future__ import annotations

from typing import Any

from integrations.canonical import Bill, Line, PurchaseOrder
from integrations.wire.shape import F, Fixed, Lines

from .documents import DOCUMENT_NOISE, HEAD, STATUS, TEXT_LINE, TOTALS, DocumentShape, kind, put_lines, tags
from .shapes import ENTITY, Payload, member, refers

_BY_ITEM, _BY_ACCOUNT = "ItemBasedExpenseLineDetail", "AccountBasedExpenseLineDetail"


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
        tags(detail),
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


def _order_status(payload: Payload) -> str:
    return {"Open": "open", "Closed": "closed"}.get(str(payload.get("POStatus")), "unknown")


_HEAD: tuple[Any, ...] = (*HEAD, refers("vendor", "VendorRef"), *_LINES, *TOTALS)

BILL = DocumentShape(
    Bill,
    **ENTITY,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_HEAD,
        F("due_on", "DueDate"),
        F("amount_due", "Balance", write=None),
        refers("payable_account", "APAccountRef"),
        STATUS,
    ),
)

PURCHASE_ORDER = DocumentShape(
    PurchaseOrder,
    **ENTITY,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_HEAD,
        F("expected_on", "DueDate"),
        F("vendor_note", "Memo"),
        F("status", "", read=_order_status, write=None),
    ),
)
