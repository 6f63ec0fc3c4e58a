"""What is bought: the order, the vendor's bill, and what he gives back."""

from __future__ import annotations

from datetime import date

from integrations.canonical.documents import Document, InvoicingStatus, OrderStatus, Settled
from integrations.canonical.record import Amount, said
from integrations.canonical.refs import AccountRef, PurchaseOrderRef, VendorRef


class Bill(Settled, frozen=True, kw_only=True):
    """What we owe a vendor. `number` is the vendor's own number of it."""

    vendor: VendorRef
    payable_account: AccountRef | None = None
    purchase_orders: list[PurchaseOrderRef] = []


class VendorCredit(Settled, frozen=True, kw_only=True):
    """What a vendor owes us back: amounts and quantities are positive, as on the bill it takes back.

    What uses it up is a bill payment; `number` is the vendor's own number of it.
    """

    vendor: VendorRef
    payable_account: AccountRef | None = None
    reason: str | None = None
    remaining_credit: Amount | None = None


class PurchaseOrder(Document, frozen=True, kw_only=True):
    """What we have ordered of a vendor."""

    vendor: VendorRef
    expected_on: date | None = None
    vendor_note: str | None = None
    status: OrderStatus = said("unknown")
    invoicing_status: InvoicingStatus | None = None
