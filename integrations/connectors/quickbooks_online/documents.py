"""QuickBooks Online's sales documents as two-way tables, and how our figures become the ones that it books.

Line kinds and members after the vendor's schema (Finance.xsd) and the recorded answers. A document is first `booked`,
which is pure arithmetic on our own record, and then written by its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from integrations.canonical import CreditNote, Invoice, Line, Quote, Ref, SalesReceipt, round_to_minor
from integrations.canonical.documents import Document
from integrations.wire.shape import F, Fixed, LineEdit, Lines, Shape

from .quirks import without_mark
from .shapes import ENTITY, NOISE, Payload, address, address_noise, member, ref, refers, to_ref

D = TypeVar("D", bound=Document)

SHIPPING_ITEM = "SHIPPING_ITEM_ID"
"""The item that stands for freight in every company (memory)."""

_CENT = Decimal("0.01")
_PRICE_STEP = Decimal("0.0000001")
"""QuickBooks keeps unit prices with seven decimals (recorded)."""


# --- how our figures become theirs -----------------------------------------------------------------------------------


def booked(document: D) -> D:
    """The document with every amount that QuickBooks wants to be told, lines in the kinds that it knows.

    Raises ValueError that names the line which cannot be booked, and why.
    """
    lines = [
        _booked_line(line, document, place)
        for place, line in enumerate(document.lines, start=1)
        if line.line_type != "subtotal"  # QuickBooks writes its subtotals itself
    ]
    kinds = {line.line_type for line in lines}
    if document.discount_total and "discount" not in kinds:
        lines.append(Line(line_type="discount", net_amount=-document.discount_total))
    if document.charge_total and not kinds & {"charge", "shipping"}:
        raise ValueError(
            "there is a total of charges but no line for them: QuickBooks books charges as lines of an item"
        )
    return replace(document, lines=lines)


def _booked_line(line: Line, document: Document, place: int) -> Line:
    if line.line_type == "text":
        return line
    if is_bundle(line):
        if line.external_id is None:
            raise ValueError(f"line {place} is a bundle: QuickBooks bundles cannot be made, only kept")
        return line
    if line.line_type == "shipping" and line.item is None:
        line = replace(line, item=Ref(external_id=SHIPPING_ITEM))
    if _is_plain_discount(line):
        return _booked_discount(line, document, place)
    if line.item is None:
        raise ValueError(f"line {place} names no item: QuickBooks books a sales line through its item")
    currency = document.currency
    if document.line_amounts == "inclusive":
        gross = _whole_amount(line, line.gross_amount, currency, place)
        net = _net_of(line, gross, currency, place)
        return _priced(replace(line, gross_amount=gross, net_amount=net, unit_price=None))
    net = _whole_amount(line, line.net_amount, currency, place)
    return _priced(replace(line, gross_amount=None, net_amount=net))


def is_bundle(line: Line) -> bool:
    """Whether a line was read from a bundle (GroupLineDetail), whose parts are in its extra."""
    return "GroupLineDetail" in line.extra


def _is_plain_discount(line: Line) -> bool:
    """A discount on the whole document; one that names an item is booked as a line of that item, below zero."""
    return line.line_type == "discount" and line.item is None


def _booked_discount(line: Line, document: Document, place: int) -> Line:
    if line.net_amount is not None:
        return line
    if line.discount_amount is not None:
        return replace(line, net_amount=-abs(line.discount_amount))
    if line.discount_percent is None:
        raise ValueError(f"line {place} is a discount without an amount or a percentage")
    others = [each for each in document.lines if each.line_type not in ("text", "subtotal", "discount")]
    base = sum(
        (_whole_amount(each, each.net_amount, document.currency, at) for at, each in enumerate(others, start=1)),
        start=Decimal(0),
    )
    return replace(line, net_amount=-round_to_minor(base * line.discount_percent / 100, document.currency))


def _whole_amount(line: Line, told: Decimal | None, currency: str, place: int) -> Decimal:
    """What a line comes to: as told, else quantity times price less what the line takes off."""
    if told is not None:
        return told
    if line.unit_price is None:
        raise ValueError(f"line {place} has neither an amount nor a price")
    quantity = Decimal(1) if line.quantity is None else line.quantity
    full = quantity * line.unit_price / (line.price_base_quantity or 1)
    if line.discount_amount is not None:
        full -= line.discount_amount
    elif line.discount_percent is not None:
        full -= full * line.discount_percent / 100
    return round_to_minor(full, currency)


def _net_of(line: Line, gross: Decimal, currency: str, place: int) -> Decimal:
    if line.net_amount is not None:
        return line.net_amount
    if line.tax_amount is not None:
        return gross - line.tax_amount
    if line.tax_percent is not None:
        return round_to_minor(gross / (1 + line.tax_percent / 100), currency)
    if not gross:
        return gross
    raise ValueError(
        f"line {place} has its price with tax, but says neither its net amount nor its tax: "
        "QuickBooks wants the net amount"
    )


def _priced(line: Line) -> Line:
    """The line with a price that gives its amount to the cent, in any currency: QuickBooks refuses others (6070).

    A price that does not, because the line takes something off or the source rounds otherwise, gives way to amount
    over quantity; where even seven decimals do not give the amount, quantity and price are left out.
    """
    quantity, net = line.quantity, line.net_amount or Decimal(0)
    if quantity is None:
        return replace(line, unit_price=None)
    price = line.unit_price
    if price is not None:
        price /= line.price_base_quantity or 1
    elif quantity:
        price = net / quantity
    for candidate in (price, net / quantity if quantity else None):
        if candidate is not None:
            stepped = _stepped(candidate)
            if (quantity * stepped).quantize(_CENT, rounding=ROUND_HALF_UP) == net:
                return replace(line, unit_price=stepped)
    return replace(line, quantity=None, unit_price=None)


def _stepped(price: Decimal) -> Decimal:
    exact = price.quantize(_PRICE_STEP, rounding=ROUND_HALF_UP)
    return price if exact == price else exact


# --- lines -----------------------------------------------------------------------------------------------------------


def _kind(detail_type: str) -> Any:
    def when(raw: Payload) -> bool:
        return raw.get("DetailType") == detail_type

    return when


def _sales_line_type(raw: Payload) -> str:
    return "shipping" if member(raw, "SalesItemLineDetail.ItemRef.value") == SHIPPING_ITEM else "item"


def _unit_price(raw: Payload) -> Decimal | None:
    """A line's price: with tax where the line tells its amount with tax, as our inclusive documents have it."""
    price, quantity = member(raw, "SalesItemLineDetail.UnitPrice"), member(raw, "SalesItemLineDetail.Qty")
    gross = member(raw, "SalesItemLineDetail.TaxInclusiveAmt")
    if price is None:
        return None
    if gross is not None and quantity:
        return _stepped(Decimal(gross) / Decimal(quantity))
    return Decimal(price)


def _to_unit_price(line: Line) -> Payload:
    return {} if line.unit_price is None else {"SalesItemLineDetail": {"UnitPrice": line.unit_price}}


def _tags(where: str) -> F:
    """The class and the location (Department at the API) that a document or line is tagged with."""
    prefix = f"{where}." if where else ""
    kinds = (("class", f"{prefix}ClassRef"), ("location", f"{prefix}DepartmentRef"))

    def read(payload: Payload) -> list[Payload] | None:
        found = [(kind, member(payload, path)) for kind, path in kinds]
        return [{"type": kind, "value": ref(value)} for kind, value in found if value] or None

    def write(record: Any) -> Payload:
        values = {tag.type: to_ref(tag.value) for tag in record.dimensions}
        members = {path.rpartition(".")[2]: values[kind] for kind, path in kinds if kind in values}
        return {where: members} if where and members else members

    return F("dimensions", "", read=read, write=write, uses=tuple(path for _, path in kinds))


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
    return [edit.whole for edit in edits if edit.values is not None and not _is_their_subtotal(edit.whole)]


def _is_their_subtotal(raw: Payload) -> bool:
    return raw.get("DetailType") == "SubTotalLineDetail" and not raw.get("Id")


def _of_type(line_type: str) -> F:
    return F("line_type", "", read=lambda raw: line_type, write=None, uses=("LineNum", "DetailType"))


_ITEM_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=_kind("SalesItemLineDetail"),
    fits=lambda line: line.item is not None and not is_bundle(line),
    put=put_lines,
    fields=(
        Fixed("DetailType", "SalesItemLineDetail"),
        F("line_type", "", read=_sales_line_type, write=None, uses=("LineNum",)),
        refers("item", "SalesItemLineDetail.ItemRef"),
        F("description", "Description"),
        F("quantity", "SalesItemLineDetail.Qty"),
        F("unit_price", "", read=_unit_price, write=_to_unit_price, uses=("SalesItemLineDetail.UnitPrice",)),
        F("net_amount", "Amount"),
        F("gross_amount", "SalesItemLineDetail.TaxInclusiveAmt"),
        refers("tax_rate", "SalesItemLineDetail.TaxCodeRef"),
        refers("account", "SalesItemLineDetail.ItemAccountRef", write=None),
        F("service_on", "SalesItemLineDetail.ServiceDate"),
        _tags("SalesItemLineDetail"),
    ),
)

_TEXT_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=_kind("DescriptionOnly"),
    fits=lambda line: line.line_type == "text",
    fields=(
        Fixed("DetailType", "DescriptionOnly"),
        Fixed("DescriptionLineDetail", {}),
        _of_type("text"),
        F("description", "Description"),
        F("service_on", "DescriptionLineDetail.ServiceDate"),
    ),
)

_DISCOUNT_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=_kind("DiscountLineDetail"),
    fits=_is_plain_discount,
    fields=(
        Fixed("DetailType", "DiscountLineDetail"),
        _of_type("discount"),
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
    when=_kind("GroupLineDetail"),
    fits=is_bundle,
    fields=(
        _of_type("item"),
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
    when=_kind("SubTotalLineDetail"),
    fits=lambda line: line.line_type == "subtotal",
    fields=(
        Fixed("DetailType", "SubTotalLineDetail"),
        Fixed("SubTotalLineDetail", {}),
        _of_type("subtotal"),
        F("description", "Description"),
        F("net_amount", "Amount", write=None),
    ),
)

SALES_LINES = (_ITEM_LINE, _TEXT_LINE, _DISCOUNT_LINE, _GROUP_LINE, _SUBTOTAL_LINE)


# --- the head --------------------------------------------------------------------------------------------------------

_TAX_MODES = {"TaxExcluded": "exclusive", "TaxInclusive": "inclusive", "NotApplicable": "no_tax"}
_TAX_MODES_WRITTEN = {ours: theirs for theirs, ours in _TAX_MODES.items()}


def _line_amounts(payload: Payload) -> str:
    """How line amounts are meant; US companies do not say, their tax comes on top."""
    return _TAX_MODES.get(str(payload.get("GlobalTaxCalculation")), "exclusive")


def _to_tax_mode(document: Document) -> Payload:
    return {"GlobalTaxCalculation": _TAX_MODES_WRITTEN[document.line_amounts]}


def _subtotal(payload: Payload) -> Decimal | None:
    subtotals = [line["Amount"] for line in payload.get("Line", ()) if _is_their_subtotal(line) and "Amount" in line]
    return Decimal(subtotals[-1]) if subtotals else None


def _discount_total(payload: Payload) -> Decimal | None:
    is_discount = _kind("DiscountLineDetail")
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


_SALES_HEAD: tuple[F | Fixed | Lines, ...] = (
    F("number", "DocNumber"),
    refers("customer", "CustomerRef"),
    F("issued_on", "TxnDate"),
    F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
    F("exchange_rate", "ExchangeRate"),
    F("line_amounts", "", read=_line_amounts, write=_to_tax_mode, uses=("GlobalTaxCalculation",)),
    F("memo", "PrivateNote", read=without_mark),
    F("customer_note", "CustomerMemo.value"),
    refers("payment_term", "SalesTermRef"),
    *address("billing_address", "BillAddr"),
    *address("shipping_address", "ShipAddr"),
    *SALES_LINES,
    F("subtotal", "", read=_subtotal, write=None),
    F("discount_total", "", read=_discount_total, write=None),
    F("tax_total", "TxnTaxDetail.TotalTax", write=None),
    F("taxes", "", read=_taxes, write=None, uses=("TxnTaxDetail.TaxLine",)),
    F("total", "TotalAmt", write=None),
    _tags(""),
)
_OWED: tuple[F | Fixed | Lines, ...] = (
    F("status", "", read=_status, write=None),
    refers("receivable_account", "ARAccountRef", write=None),
)
_SALES_NOISE = (*NOISE, *address_noise("BillAddr", "ShipAddr"), "HomeBalance", "HomeTotalAmt")

INVOICE = Shape(
    Invoice,
    **ENTITY,
    ignore=_SALES_NOISE,
    fields=(
        *_SALES_HEAD,
        *_OWED,
        F("due_on", "DueDate"),
        F("amount_due", "Balance", write=None),
    ),
)

CREDIT_NOTE = Shape(
    CreditNote,
    **ENTITY,
    ignore=(*_SALES_NOISE, "Balance"),
    fields=(
        *_SALES_HEAD,
        *_OWED,
        F("remaining_credit", "RemainingCredit", write=None),
    ),
)

_QUOTE_STATUSES = {"Pending": "sent", "Accepted": "accepted", "Closed": "invoiced", "Rejected": "declined"}


def _quote_status(payload: Payload) -> str:
    return _QUOTE_STATUSES.get(str(payload.get("TxnStatus")), "unknown")


QUOTE = Shape(
    Quote,
    **ENTITY,
    ignore=_SALES_NOISE,
    fields=(
        *_SALES_HEAD,
        F("expires_on", "ExpirationDate"),
        F("accepted_on", "AcceptedDate"),
        F("status", "", read=_quote_status, write=None),
    ),
)


def _receipt_status(payload: Payload) -> str:
    return "void" if is_void(payload) else "paid"


SALES_RECEIPT = Shape(
    SalesReceipt,
    **ENTITY,
    ignore=(*_SALES_NOISE, "Balance"),
    fields=(
        *_SALES_HEAD,
        refers("deposit_account", "DepositToAccountRef"),
        F("method_reference", "PaymentRefNum"),
        F("status", "", read=_receipt_status, write=None),
    ),
)
