"""QuickBooks Online's sales documents as two-way tables.

Line kinds and members after the vendor's schema (Finance.xsd) and the recorded answers. The arithmetic is in `booking`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from integrations.canonical import CreditNote, Invoice, Line, Quote, Refund, SalesReceipt
from integrations.canonical.documents import Document
from integrations.wire.nested import member
from integrations.wire.shape import F, Fixed, LineEdit, Lines, Shape

from .booking import SHIPPING_ITEM, booked, is_bundle, is_plain_discount, told
from .dimensions import tags
from .methods import method
from .quirks import without_mark
from .shapes import ENTITY, NOISE, Payload, address, address_noise, ref, refers

D = TypeVar("D", bound=Document | Refund)


class DocumentShape(Shape[D]):
    """A shape whose lines are told and booked as the two sides mean their figures.

    Besides ShapeError, writing raises ValueError that names the line which cannot be booked, and why.
    """

    def read(self, payload: Payload) -> D:
        return told(super().read(payload))

    def write(self, record: D, *, only: Collection[str] | None = None) -> Payload:
        return super().write(booked(record), only=only)

    def patch(self, raw: Payload, record: D, *, only: Collection[str], whole: bool = False) -> Payload:
        return super().patch(raw, booked(record), only=only, whole=whole)


# --- lines -----------------------------------------------------------------------------------------------------------


def kind(detail_type: str) -> Any:
    def when(raw: Payload) -> bool:
        return raw.get("DetailType") == detail_type

    return when


def _sales_line_type(raw: Payload) -> str:
    return "shipping" if member(raw, "SalesItemLineDetail.ItemRef.value") == SHIPPING_ITEM else "item"


def _discount_amount(amount: Decimal) -> Decimal:
    return -Decimal(amount)


def _to_discount(line: Line) -> Payload:
    percent = line.discount_percent
    detail = {"PercentBased": percent is not None, **({} if percent is None else {"DiscountPercent": percent})}
    return {"Amount": -(line.net_amount or Decimal(0)), "DiscountLineDetail": detail}


def _group_amount(raw: Payload) -> Decimal:
    """A bundle's amount: older answers say 0 and leave it to its parts (recorded)."""
    parts = member(raw, "GroupLineDetail.Line") or []
    return Decimal(raw.get("Amount") or 0) or sum(
        (Decimal(part.get("Amount") or 0) for part in parts), start=Decimal(0)
    )


def put_lines(edits: Sequence[LineEdit]) -> list[Payload]:
    """All lines, as QuickBooks replaces the list by what it gets; its own subtotals are left out."""
    return [edit.whole for edit in edits if edit.values is not None and not is_their_subtotal(edit.whole)]


def is_their_subtotal(raw: Payload) -> bool:
    return raw.get("DetailType") == "SubTotalLineDetail" and not raw.get("Id")


def of_type(line_type: str) -> F:
    return F("line_type", "", read=lambda raw: line_type, write=None, uses=("LineNum", "DetailType"))


_ITEM_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=kind("SalesItemLineDetail"),
    fits=lambda line: line.item is not None and not is_bundle(line),
    put=put_lines,
    fields=(
        Fixed("DetailType", "SalesItemLineDetail"),
        F("line_type", "", read=_sales_line_type, write=None, uses=("LineNum",)),
        refers("item", "SalesItemLineDetail.ItemRef"),
        F("description", "Description"),
        F("quantity", "SalesItemLineDetail.Qty"),
        F("unit_price", "SalesItemLineDetail.UnitPrice"),
        F("net_amount", "Amount"),
        F("gross_amount", "SalesItemLineDetail.TaxInclusiveAmt"),
        refers("tax_rate", "SalesItemLineDetail.TaxCodeRef"),
        refers("account", "SalesItemLineDetail.ItemAccountRef", write=None),
        F("service_on", "SalesItemLineDetail.ServiceDate"),
        tags("SalesItemLineDetail", "class"),
    ),
)

TEXT_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=kind("DescriptionOnly"),
    fits=lambda line: line.line_type == "text",
    fields=(
        Fixed("DetailType", "DescriptionOnly"),
        Fixed("DescriptionLineDetail", {}),
        of_type("text"),
        F("description", "Description"),
        F("service_on", "DescriptionLineDetail.ServiceDate"),
    ),
)

_DISCOUNT_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=kind("DiscountLineDetail"),
    fits=is_plain_discount,
    fields=(
        Fixed("DetailType", "DiscountLineDetail"),
        of_type("discount"),
        F("description", "Description"),
        F("net_amount", "Amount", read=_discount_amount, write=None),
        F("discount_percent", "DiscountLineDetail.DiscountPercent", write=None),
        F("net_amount", "", read=None, write=_to_discount, uses=("DiscountLineDetail.PercentBased",)),
        refers("account", "DiscountLineDetail.DiscountAccountRef"),
        refers("tax_rate", "DiscountLineDetail.TaxCodeRef"),
    ),
)

# A bundle is read as one line of the bundle's item; its parts stay in the line's extra. It is kept when the document
# is changed, but neither made nor changed: its parts would have to be priced as well.
_GROUP_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=kind("GroupLineDetail"),
    fits=is_bundle,
    fields=(
        of_type("item"),
        F("item", "GroupLineDetail.GroupItemRef", read=ref, write=None),
        F("description", "Description"),
        F("quantity", "GroupLineDetail.Quantity", write=None),
        F("net_amount", "", read=_group_amount, write=None, uses=("Amount",)),
    ),
)

_SUBTOTAL_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=kind("SubTotalLineDetail"),
    fits=lambda line: line.line_type == "subtotal",
    fields=(
        Fixed("DetailType", "SubTotalLineDetail"),
        Fixed("SubTotalLineDetail", {}),
        of_type("subtotal"),
        F("description", "Description"),
        F("net_amount", "Amount", write=None),
    ),
)

SALES_LINES = (_ITEM_LINE, TEXT_LINE, _DISCOUNT_LINE, _GROUP_LINE, _SUBTOTAL_LINE)


# --- the head --------------------------------------------------------------------------------------------------------

_TAX_MODES = {"TaxExcluded": "exclusive", "TaxInclusive": "inclusive", "NotApplicable": "no_tax"}
_TAX_MODES_WRITTEN = {ours: theirs for theirs, ours in _TAX_MODES.items()}


def _line_amounts(payload: Payload) -> str:
    """How line amounts are meant; US companies do not say, their tax comes on top."""
    return _TAX_MODES.get(str(payload.get("GlobalTaxCalculation")), "exclusive")


def _to_tax_mode(document: Document | Refund) -> Payload:
    return {"GlobalTaxCalculation": _TAX_MODES_WRITTEN[document.line_amounts]}


def _subtotal(payload: Payload) -> Decimal | None:
    subtotals = [line["Amount"] for line in payload.get("Line", ()) if is_their_subtotal(line) and "Amount" in line]
    return Decimal(subtotals[-1]) if subtotals else None


def _discount_total(payload: Payload) -> Decimal | None:
    is_discount = kind("DiscountLineDetail")
    discounts = [Decimal(line.get("Amount") or 0) for line in payload.get("Line", ()) if is_discount(line)]
    return sum(discounts, start=Decimal(0)) if discounts else None


def _taxes(payload: Payload) -> list[Payload] | None:
    found = []
    for line in member(payload, "TxnTaxDetail.TaxLine") or ():
        detail = line.get("TaxLineDetail", {})
        percent, base = detail.get("TaxPercent"), detail.get("NetAmountTaxable")
        found.append(
            {
                "amount": Decimal(line.get("Amount") or 0),
                "rate_percent": None if percent is None else Decimal(percent),
                "base": None if base is None else Decimal(base),
                "name": member(detail, "TaxRateRef.name"),
            }
        )
    return found or None


def is_void(payload: Mapping[str, Any]) -> bool:
    """Whether a document was voided: QuickBooks has no status for it, only a zero total and a note (recorded)."""
    return payload.get("TotalAmt") == 0 and str(payload.get("PrivateNote") or "").startswith("Voided")


def _status(payload: Payload) -> str:
    """Where a document stands, from its total, what of it is still open, and whether it was sent."""
    if is_void(payload):
        return "void"
    total, still_open = payload.get("TotalAmt"), payload.get("RemainingCredit", payload.get("Balance"))
    if total is None or still_open is None:
        return "unknown"
    if still_open == 0 and total > 0:
        return "paid"
    if 0 < still_open < total:
        return "partially_paid"
    return "sent" if payload.get("EmailStatus") == "EmailSent" else "open"


def total_of(payload: Mapping[str, Any]) -> Decimal:
    """A document's total straight from the payload, for control totals."""
    return Decimal(payload["TotalAmt"])


CURRENCY: tuple[F, ...] = (
    F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
    F("exchange_rate", "ExchangeRate"),
)
TAX_MODE = F("line_amounts", "", read=_line_amounts, write=_to_tax_mode, uses=("GlobalTaxCalculation",))
MEMO = F("memo", "PrivateNote", read=without_mark)

# What every document says, whoever it goes to; its lines come between.
HEAD: tuple[F, ...] = (
    F("number", "DocNumber"),
    F("issued_on", "TxnDate"),
    *CURRENCY,
    TAX_MODE,
    MEMO,
    refers("payment_term", "SalesTermRef"),
    *address("shipping_address", "ShipAddr"),
)
SUMS: tuple[F, ...] = (
    F("subtotal", "", read=_subtotal, write=None),
    F("discount_total", "", read=_discount_total, write=None),
    F("tax_total", "TxnTaxDetail.TotalTax", write=None),
    F("taxes", "", read=_taxes, write=None, uses=("TxnTaxDetail.TaxLine",)),
)
TOTALS: tuple[F, ...] = (*SUMS, F("total", "TotalAmt", write=None))
STATUS = F("status", "", read=_status, write=None)
DOCUMENT_NOISE = (*NOISE, *address_noise("BillAddr", "ShipAddr", "VendorAddr"), "HomeBalance", "HomeTotalAmt")

_SALES_HEAD: tuple[F | Fixed | Lines, ...] = (
    *HEAD,
    tags("", "class", "location"),
    refers("customer", "CustomerRef"),
    F("customer_note", "CustomerMemo.value"),
    *address("billing_address", "BillAddr"),
    *SALES_LINES,
    *TOTALS,
)
_OWED: tuple[F | Fixed | Lines, ...] = (
    STATUS,
    refers("receivable_account", "ARAccountRef", write=None),
)

INVOICE = DocumentShape(
    Invoice,
    **ENTITY,
    edition=2,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_SALES_HEAD,
        *_OWED,
        F("due_on", "DueDate"),
        F("amount_due", "Balance", write=None),
    ),
)

CREDIT_NOTE = DocumentShape(
    CreditNote,
    **ENTITY,
    edition=2,
    ignore=(*DOCUMENT_NOISE, "Balance"),
    fields=(
        *_SALES_HEAD,
        *_OWED,
        F("remaining_credit", "RemainingCredit", write=None),
    ),
)

_QUOTE_STATUSES = {
    "Pending": "sent",
    "Accepted": "accepted",
    "Closed": "invoiced",
    "Converted": "invoiced",
    "Rejected": "declined",
}
# Drafts, expired and void ones have no word there: the day says what has expired.
_QUOTE_STATUSES_WRITTEN = {"sent": "Pending", "accepted": "Accepted", "invoiced": "Closed", "declined": "Rejected"}


def _quote_status(payload: Payload) -> str:
    return _QUOTE_STATUSES.get(str(payload.get("TxnStatus")), "unknown")


def _to_quote_status(quote: Quote) -> Payload:
    theirs = _QUOTE_STATUSES_WRITTEN.get(quote.status)
    return {"TxnStatus": theirs} if theirs else {}


QUOTE = DocumentShape(
    Quote,
    **ENTITY,
    edition=2,
    ignore=DOCUMENT_NOISE,
    fields=(
        *_SALES_HEAD,
        F("expires_on", "ExpirationDate"),
        F("accepted_on", "AcceptedDate"),
        F("status", "", read=_quote_status, write=_to_quote_status),
    ),
)


def _receipt_status(payload: Payload) -> str:
    return "void" if is_void(payload) else "paid"


SALES_RECEIPT = DocumentShape(
    SalesReceipt,
    **ENTITY,
    edition=2,
    ignore=(*DOCUMENT_NOISE, "Balance"),
    fields=(
        *_SALES_HEAD,
        refers("deposit_account", "DepositToAccountRef"),
        method(),
        F("method_reference", "PaymentRefNum"),
        F("status", "", read=_receipt_status, write=None),
    ),
)
