"""What is bought: the order and the vendor's bill."""

from __future__ import annotations

from datetime import date

from integrations.canonical.documents import Document, InvoicingStatus, OrderStatus, Settled
from integrations.canonical.record import said
from integrations.canonical.refs import AccountRef, PurchaseOrderRef, VendorRef


class Bill(Settled, frozen=True, kw_only=True):
    """What we owe a vendor. `number` is the vendor's own number of it."""

    vendor: VendorRef
    payable_account: AccountRef | None = None
    purchase_orders: list[PurchaseOrderRef] = []


class PurchaseOrder(Document, frozen=True, kw_only=True):
    """What we have ordered of a vendor."""

    vendor: VendorRef
    expected_on: date | None = None
    vendor_note: str | None = None
    status: OrderStatus = said("unknown")
    invoicing_status: InvoicingStatus | None = None
