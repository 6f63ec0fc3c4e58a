"""What is sold: from the quote to the invoice and back."""

from __future__ import annotations

from datetime import date
from typing import Literal

from integrations.canonical.documents import Document, DocumentStatus, InvoicingStatus, OrderStatus, Settled
from integrations.canonical.payments import Method
from integrations.canonical.record import Amount, Exact, said
from integrations.canonical.refs import AccountRef, CustomerRef, InvoiceRef, QuoteRef, SalesOrderRef, SalesRepRef


class Invoice(Settled, frozen=True, kw_only=True):
    """What a customer owes for goods or services. `memo` is internal, `customer_note` is printed."""

    customer: CustomerRef
    po_number: str | None = None
    customer_note: str | None = None
    sales_rep: SalesRepRef | None = None
    receivable_account: AccountRef | None = None
    sales_orders: list[SalesOrderRef] = []
    service_from: date | None = None
    service_to: date | None = None


class CreditUse(Exact, frozen=True, kw_only=True):
    """How much of a credit note an invoice took. `amount` is None where the whole invoice is meant."""

    invoice: InvoiceRef
    amount: Amount | None = None
    used_on: date | None = None


class CreditNote(Settled, frozen=True, kw_only=True):
    """What a customer gets back: amounts and quantities are positive, as on the invoice it takes back."""

    customer: CustomerRef
    po_number: str | None = None
    customer_note: str | None = None
    sales_rep: SalesRepRef | None = None
    receivable_account: AccountRef | None = None
    reason: str | None = None
    applies_to: list[CreditUse] = []
    remaining_credit: Amount | None = None


class SalesReceipt(Document, frozen=True, kw_only=True):
    """A sale paid on the spot. Walk-in customers have no name."""

    customer: CustomerRef | None = None
    customer_note: str | None = None
    sales_rep: SalesRepRef | None = None
    deposit_account: AccountRef | None = None
    method: Method | None = None
    method_reference: str | None = None
    status: DocumentStatus = said("unknown")


class Quote(Document, frozen=True, kw_only=True):
    """What a customer would pay."""

    customer: CustomerRef
    expires_on: date | None = None
    accepted_on: date | None = None
    customer_note: str | None = None
    sales_rep: SalesRepRef | None = None
    status: Literal["draft", "sent", "accepted", "declined", "expired", "invoiced", "void", "unknown"] = said("unknown")


class SalesOrder(Document, frozen=True, kw_only=True):
    """What a customer has ordered."""

    customer: CustomerRef
    po_number: str | None = None
    customer_note: str | None = None
    expected_on: date | None = None
    sales_rep: SalesRepRef | None = None
    quotes: list[QuoteRef] = []
    status: OrderStatus = said("unknown")
    invoicing_status: InvoicingStatus | None = None
