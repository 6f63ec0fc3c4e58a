"""How our figures become the ones that QuickBooks Online books, and its figures become ours: pure arithmetic on lines.

`booked` and `told` are each other's inverse as far as QuickBooks keeps what it is told.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from msgspec.structs import replace

from integrations.canonical import Bill, Line, PurchaseOrder, Ref, Refund, VendorCredit, round_to_minor
from integrations.canonical.documents import Document

Booked = Document | Refund
D = TypeVar("D", bound=Booked)

SHIPPING_ITEM = "SHIPPING_ITEM_ID"
"""The item that stands for freight in every company (memory)."""

_CENT = Decimal("0.01")
_PRICE_STEP = Decimal("0.0000001")
"""QuickBooks keeps unit prices with seven decimals (recorded)."""


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
        if isinstance(document, Bill | VendorCredit | PurchaseOrder):
            raise ValueError("there is a total of discounts but no line for them, with an item or an account")
        lines.append(Line(line_type="discount", net_amount=-document.discount_total))
    if document.charge_total and not kinds & {"charge", "shipping"}:
        raise ValueError(
            "there is a total of charges but no line for them: QuickBooks books charges as lines of an item"
        )
    return replace(document, lines=lines)


def told(document: D) -> D:
    """The document with its lines as ours mean them: prices with tax where line amounts are with tax."""
    return replace(document, lines=[_told_line(line, document) for line in document.lines])


def _told_line(line: Line, document: Booked) -> Line:
    if line.gross_amount is not None and not line.gross_amount and line.net_amount:
        return replace(line, gross_amount=None)  # some answers say 0 for "not told" (recorded)
    if document.line_amounts != "inclusive" or line.gross_amount is None or not line.quantity:
        return line
    return replace(line, unit_price=_stepped(line.gross_amount / line.quantity))


def _booked_line(line: Line, document: Booked, place: int) -> Line:
    if line.line_type == "text":
        return line
    if is_bundle(line):
        if line.external_id is None:
            raise ValueError(f"line {place} is a bundle: QuickBooks bundles cannot be made, only kept")
        return line
    if isinstance(document, Bill | VendorCredit | PurchaseOrder):
        if line.item is None and line.account is None:
            raise ValueError(f"line {place} names neither an item nor an account")
    else:
        if line.line_type == "shipping" and line.item is None:
            line = replace(line, item=Ref(external_id=SHIPPING_ITEM))
        if is_plain_discount(line):
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


def is_plain_discount(line: Line) -> bool:
    """A discount on the whole document; one that names an item is booked as a line of that item, below zero."""
    return line.line_type == "discount" and line.item is None


def _booked_discount(line: Line, document: Booked, place: int) -> Line:
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
