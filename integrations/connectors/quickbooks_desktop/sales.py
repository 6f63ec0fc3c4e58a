"""QuickBooks Desktop's documents of sale as two-way tables: estimates, orders, invoices, receipts, credit memos."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.canonical import CreditNote, Invoice, Quote, SalesOrder, SalesReceipt
from integrations.wire.shape import F

from .documents import HEAD, TXN, DocumentShape, amount_of, sale_lines, void_or
from .methods import method
from .shapes import CODE, Payload, address, refers, tags, to_ref


def _tax_total(payload: Payload) -> Decimal | None:
    return amount_of(payload, "SalesTaxTotal")


def _taxes(payload: Payload) -> list[Payload] | None:
    """One tax for the whole document, named by its item."""
    amount, item = amount_of(payload, "SalesTaxTotal"), payload.get("ItemSalesTaxRef")
    if item is None or amount is None:
        return None
    percent = payload.get("SalesTaxPercentage")
    return [
        {
            "amount": amount,
            "rate_percent": None if percent is None else Decimal(str(percent).removesuffix("%")),
            "tax_rate": {"external_id": item.get("ListID"), "name": item.get("FullName")},
            "name": item.get("FullName"),
        }
    ]


def _total(payload: Payload) -> Decimal | None:
    whole = amount_of(payload, "TotalAmount")
    if whole is not None:
        return whole
    due, applied = amount_of(payload, "BalanceRemaining"), amount_of(payload, "AppliedAmount")
    subtotal = amount_of(payload, "Subtotal")
    if due is not None and applied is not None and (due or applied):
        return due + abs(applied)
    return None if subtotal is None else subtotal + (_tax_total(payload) or 0)


def _to_taxes(document: Any) -> Payload:
    rates = {tax.tax_rate.external_id for tax in document.taxes if tax.tax_rate and tax.tax_rate.external_id}
    if any(rate.startswith(CODE) for rate in rates):
        raise ValueError("its head names a sales tax code, and QuickBooks wants a rate there")
    if len(rates) > 1:
        raise ValueError("it has several rates of tax, and QuickBooks reckons one for the whole document")
    return {"ItemSalesTaxRef": {"ListID": rates.pop()}} if rates else {}


_HEAD: tuple[F, ...] = (
    *HEAD,
    refers("customer", "CustomerRef"),
    refers("sales_rep", "SalesRepRef"),
    F("customer_note", "CustomerMsgRef.FullName", uses=("CustomerMsgRef.ListID",)),
    *address("billing_address", "BillAddress"),
    *address("shipping_address", "ShipAddress"),
    tags(),
    F("subtotal", "Subtotal", write=None),
    F("tax_total", "", read=_tax_total, write=None, uses=("SalesTaxTotal", "SalesTaxPercentage")),
    F("taxes", "", read=_taxes, write=_to_taxes, uses=("ItemSalesTaxRef",)),
    F("total", "", read=_total, write=None, uses=("TotalAmount",)),
)
_ORDERED: tuple[F, ...] = (F("po_number", "PONumber"),)
_OTHER = F("reference", "Other")
_SERVED = F("service_on", "ServiceDate")
_TO_ACCOUNT = F("account", "OverrideItemAccountRef", read=None, write=to_ref)


def _linked(*types: str) -> Any:
    """What a document was made from, by the links of those types."""

    def read(payload: Payload) -> list[Payload] | None:
        links = [link for link in payload.get("LinkedTxn", ()) if link.get("TxnType") in types]
        return [{"external_id": link["TxnID"], "number": link.get("RefNumber")} for link in links] or None

    return read


def _paid_status(payload: Payload) -> str:
    if payload.get("IsPending") == "true":
        return "draft"
    if payload.get("IsPaid") == "true":
        return "paid"
    applied, due = amount_of(payload, "AppliedAmount"), amount_of(payload, "BalanceRemaining")
    return "partially_paid" if applied and due else "open"


def _to_pending(document: Any) -> Payload:
    return {"IsPending": True} if document.status == "draft" else {}


def _paid(payload: Payload) -> Decimal | None:
    applied = amount_of(payload, "AppliedAmount")
    return None if applied is None else abs(applied)  # told below zero


INVOICE = DocumentShape(
    Invoice,
    **TXN,
    fields=(
        *_HEAD,
        *_ORDERED,
        _OTHER,
        F("due_on", "DueDate"),
        refers("receivable_account", "ARAccountRef"),
        *sale_lines("Invoice", _SERVED, _TO_ACCOUNT),
        F("amount_paid", "", read=_paid, write=None, uses=("AppliedAmount",)),
        F("amount_due", "BalanceRemaining", write=None),
        F("sales_orders", "", read=_linked("SalesOrder"), write=None),
        void_or(_paid_status),
        F("status", "", read=None, write=_to_pending, uses=("IsPending", "IsPaid")),
    ),
)


def _credit_status(payload: Payload) -> str:
    if payload.get("IsPending") == "true":
        return "draft"
    left, total = amount_of(payload, "CreditRemaining"), amount_of(payload, "TotalAmount")
    if left is None or not total:
        return "open"
    return "open" if left == total else "partially_paid" if left else "paid"


CREDIT_NOTE = DocumentShape(
    CreditNote,
    **TXN,
    fields=(
        *_HEAD,
        *_ORDERED,
        _OTHER,
        F("due_on", "DueDate"),
        refers("receivable_account", "ARAccountRef"),
        *sale_lines("CreditMemo", _SERVED, _TO_ACCOUNT),
        F("remaining_credit", "CreditRemaining", write=None),
        void_or(_credit_status),
        F("status", "", read=None, write=_to_pending, uses=("IsPending",)),
    ),
)


def _order_status(payload: Payload) -> str:
    return "closed" if payload.get("IsManuallyClosed") == "true" or payload.get("IsFullyInvoiced") == "true" else "open"


def _to_closed(order: Any) -> Payload:
    return {"IsManuallyClosed": True} if order.status == "closed" else {}


def _invoicing(payload: Payload) -> str | None:
    if payload.get("IsFullyInvoiced") == "true":
        return "invoiced"
    told = [Decimal(line["Invoiced"]) for line in payload.get("Lines", ()) if line.get("Invoiced")]
    return "partially_invoiced" if any(told) else "not_invoiced"


SALES_ORDER = DocumentShape(
    SalesOrder,
    **TXN,
    fields=(
        *_HEAD,
        *_ORDERED,
        _OTHER,
        F("expected_on", "ShipDate"),
        *sale_lines("SalesOrder", F("quantity_invoiced", "Invoiced", write=None)),
        F("quotes", "", read=_linked("Estimate"), write=None),
        void_or(_order_status),
        F("status", "", read=None, write=_to_closed, uses=("IsManuallyClosed",)),
        F("invoicing_status", "", read=_invoicing, write=None, uses=("IsFullyInvoiced",)),
    ),
)


def _quote_status(payload: Payload) -> str:
    if any(link.get("TxnType") in ("Invoice", "SalesOrder") for link in payload.get("LinkedTxn", ())):
        return "invoiced"
    return "declined" if payload.get("IsActive") == "false" else "sent"


def _to_active(quote: Quote) -> Payload:
    return {"IsActive": False} if quote.status in ("declined", "expired", "void") else {}


QUOTE = DocumentShape(
    Quote,
    **TXN,
    fields=(
        *_HEAD,
        _OTHER,
        F("expires_on", "DueDate"),
        *sale_lines("Estimate"),
        void_or(_quote_status),
        F("status", "", read=None, write=_to_active, uses=("IsActive",)),
    ),
)


def _receipt_status(payload: Payload) -> str:
    return "draft" if payload.get("IsPending") == "true" else "paid"


SALES_RECEIPT = DocumentShape(
    SalesReceipt,
    **TXN,
    fields=(
        *(field for field in _HEAD if field.ours != "payment_term"),
        _OTHER,
        *sale_lines("SalesReceipt", _SERVED, _TO_ACCOUNT),
        refers("deposit_account", "DepositToAccountRef"),
        method(),
        F("method_reference", "CheckNumber"),
        void_or(_receipt_status),
        F("status", "", read=None, write=_to_pending, uses=("IsPending",)),
    ),
)
