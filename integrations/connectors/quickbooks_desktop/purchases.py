"""QuickBooks Desktop's bills and purchase orders as two-way tables: a bill's lines go to an item or to an account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.canonical import Bill, Line, PurchaseOrder
from integrations.wire.shape import F, Fixed, Lines
from integrations.wire.xml import KIND

from .booking import is_group, line_figures
from .documents import HEAD, TXN, DocumentShape, amount_of, group_lines, is_kind, put_lines, void_or
from .shapes import Payload, address, refers, tags, to_ref


def _billable() -> F:
    """Whether the customer for whom it was bought is to be charged; HasBeenBilled is told as neither."""

    def read(raw: Payload) -> bool | None:
        return {"Billable": True, "NotBillable": False}.get(str(raw.get("BillableStatus")))

    def write(line: Line) -> Payload:
        return {} if line.billable is None else {"BillableStatus": "Billable" if line.billable else "NotBillable"}

    return F("billable", "", read=read, write=write)


_EXPENSES = Lines(
    "lines",
    "Lines",
    key="TxnLineID",
    when=is_kind("ExpenseLine"),
    fits=lambda line: line.item is None and not is_group(line),
    put=put_lines,
    fields=(
        Fixed(KIND, "ExpenseLine"),
        F("line_type", "", read=lambda raw: "item", write=None),
        refers("account", "AccountRef"),
        F("description", "Memo"),
        F("net_amount", "Amount"),
        refers("customer", "CustomerRef"),
        _billable(),
        tags(),
    ),
)
_ITEMS = Lines(
    "lines",
    "Lines",
    key="TxnLineID",
    when=is_kind("ItemLine"),
    fits=lambda line: line.item is not None and not is_group(line),
    fields=(
        Fixed(KIND, "ItemLine"),
        F("line_type", "", read=lambda raw: "item" if raw.get("ItemRef") else "text", write=None),
        refers("item", "ItemRef"),
        F("description", "Desc"),
        F("quantity", "Quantity"),
        F("unit", "UnitOfMeasure"),
        F("unit_price", "Cost"),
        F("net_amount", "Amount"),
        refers("customer", "CustomerRef"),
        _billable(),
        tags(),
    ),
)


def _bill_status(payload: Payload) -> str:
    if payload.get("IsPaid") == "true":
        return "paid"
    left, due = amount_of(payload, "OpenAmount"), amount_of(payload, "AmountDue")
    return "partially_paid" if left is not None and due is not None and 0 < left < due else "open"


def _still_due(payload: Payload) -> Decimal | None:
    """AmountDue is what the bill came to; what of it is open stands in OpenAmount, in newer answers only."""
    left = amount_of(payload, "OpenAmount")
    return Decimal(0) if left is None and payload.get("IsPaid") == "true" else left


def _orders(payload: Payload) -> list[Payload] | None:
    links = [link for link in payload.get("LinkedTxn", ()) if link.get("TxnType") == "PurchaseOrder"]
    return [{"external_id": link["TxnID"], "number": link.get("RefNumber")} for link in links] or None


def _to_orders(bill: Bill) -> Payload:
    """Links to orders are made with the bill; QuickBooks then adds the orders' open lines to those of the bill."""
    if bill.purchase_orders and bill.lines:
        return {}
    return {"LinkToTxnID": [to_ref(order)["ListID"] for order in bill.purchase_orders]} if bill.purchase_orders else {}


BILL = DocumentShape(
    Bill,
    **TXN,
    fields=(
        *HEAD,
        refers("vendor", "VendorRef"),
        *address("billing_address", "VendorAddress"),
        F("due_on", "DueDate"),
        refers("payable_account", "APAccountRef"),
        _EXPENSES,
        _ITEMS,
        group_lines("ItemGroupLine"),
        F("total", "AmountDue", write=None),
        F("amount_due", "", read=_still_due, write=None, uses=("OpenAmount",)),
        F("purchase_orders", "", read=_orders, write=_to_orders),
        void_or(_bill_status),
        F("status", "", read=None, write=lambda bill: {}, uses=("IsPaid",)),
    ),
)


def _order_status(payload: Payload) -> str:
    if payload.get("IsManuallyClosed") == "true" or payload.get("IsFullyReceived") == "true":
        return "closed"
    received = [Decimal(line["ReceivedQuantity"]) for line in payload.get("Lines", ()) if line.get("ReceivedQuantity")]
    return "partially_fulfilled" if any(received) else "open"


def _to_closed(order: Any) -> Payload:
    return {"IsManuallyClosed": True} if order.status == "closed" else {}


def _order_line_type(raw: Payload) -> str:
    quantity, amount = line_figures(raw)
    return "text" if raw.get("ItemRef") is None and not quantity and not amount else "item"


PURCHASE_ORDER = DocumentShape(
    PurchaseOrder,
    **TXN,
    fields=(
        *HEAD,
        refers("vendor", "VendorRef"),
        *address("billing_address", "VendorAddress"),
        *address("shipping_address", "ShipAddress"),
        F("expected_on", "ExpectedDate"),
        F("vendor_note", "VendorMsg"),
        tags(),
        Lines(
            "lines",
            "Lines",
            key="TxnLineID",
            when=is_kind("PurchaseOrderLine"),
            fits=lambda line: not is_group(line),
            put=put_lines,
            fields=(
                Fixed(KIND, "PurchaseOrderLine"),
                F("line_type", "", read=_order_line_type, write=None),
                refers("item", "ItemRef"),
                F("description", "Desc"),
                F("quantity", "Quantity"),
                F("unit", "UnitOfMeasure"),
                F("unit_price", "Rate"),
                F("net_amount", "Amount"),
                refers("customer", "CustomerRef"),
                F("service_on", "ServiceDate"),
                F("quantity_fulfilled", "ReceivedQuantity", write=None),
                tags(),
            ),
        ),
        group_lines("PurchaseOrderLineGroup"),
        F("total", "TotalAmount", write=None),
        F("status", "", read=_order_status, write=_to_closed, uses=("IsManuallyClosed", "IsFullyReceived")),
    ),
)
