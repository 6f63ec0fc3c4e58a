"""How our lines become lines that Odoo books to the same cent: pure arithmetic.

Odoo keeps a unit price with as many decimals as its setting "Product Price" says (2 unless raised), a quantity with
those of "Product Unit of Measure", and a line comes to their rounded product. What does not fit is booked as one unit at
the line's whole amount, its own quantity and price told in the text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from integrations.canonical import Line, Ref, round_to_minor
from integrations.canonical.documents import Document

from .quirks import id_of

D = TypeVar("D", bound=Document)

QUANTITY_DECIMALS = 2
DISCOUNT_DECIMALS = 2
_LONGEST_TEXT = 2000


def booked(document: D, *, price_decimals: int) -> D:
    """The document with lines as Odoo keeps them, every net amount told.

    Raises ValueError that names the line which cannot be booked, and why.
    """
    lines = [
        _line(line, document, place, price_decimals)
        for place, line in enumerate(document.lines, start=1)
        if line.line_type != "subtotal"
    ]
    types = {line.line_type for line in lines}
    if document.discount_total and "discount" not in types:
        raise ValueError("there is a total of discounts but no line for them: Odoo books discounts as lines")
    if document.charge_total and not types & {"charge", "shipping"}:
        raise ValueError("there is a total of charges but no line for them: Odoo books charges as lines")
    return replace(document, lines=lines)


def net_of(document: Document) -> Decimal:
    """What the lines of a booked document come to without tax."""
    return sum((line.net_amount or Decimal(0) for line in document.lines if line.line_type != "text"), Decimal(0))


def _line(line: Line, document: Document, place: int, price_decimals: int) -> Line:
    if line.line_type == "text":
        return line
    for reference in (line.item, line.account, line.tax_rate):
        _check(reference, place)
    net = _net(line, document, place)
    if fitting := _as_told(line, net, document, price_decimals):
        return fitting
    if _places(net) > price_decimals:
        raise ValueError(f"line {place} comes to {net}, and this Odoo keeps prices with {price_decimals} decimals only")
    shown = _shown(line) if line.quantity not in (None, 1) else line.description
    return replace(
        line, description=shown, quantity=Decimal(1), unit_price=net, discount_percent=None, net_amount=net
    )  # fmt: skip


def _check(reference: Ref | None, place: int) -> None:
    if reference is not None:
        try:
            id_of(reference)
        except ValueError as error:
            raise ValueError(f"line {place}: {error}") from error


def _as_told(line: Line, net: Decimal, document: Document, price_decimals: int) -> Line | None:
    """The line with its own quantity and price, where Odoo keeps both as they are and they give the amount."""
    quantity, price = line.quantity, line.unit_price
    if quantity is None or price is None or document.line_amounts == "inclusive":
        return None
    if (line.price_base_quantity or 1) != 1 or line.discount_amount is not None:
        return None
    percent = line.discount_percent or Decimal(0)
    if _places(price) > price_decimals or _places(quantity) > QUANTITY_DECIMALS or _places(percent) > DISCOUNT_DECIMALS:
        return None
    if round_to_minor(quantity * price * (1 - percent / 100), document.currency) != net:
        return None
    return replace(line, net_amount=net)


def _net(line: Line, document: Document, place: int) -> Decimal:
    """What a line comes to without tax, as told or as its figures give it."""
    if line.net_amount is not None:
        return round_to_minor(line.net_amount, document.currency)
    if document.line_amounts == "inclusive":
        return _net_of_gross(line, document, place)
    return _product(line, document, place)


def _net_of_gross(line: Line, document: Document, place: int) -> Decimal:
    gross = line.gross_amount if line.gross_amount is not None else _product(line, document, place)
    if line.tax_amount is not None:
        return gross - line.tax_amount
    if line.tax_percent is not None:
        return round_to_minor(gross / (1 + line.tax_percent / 100), document.currency)
    if not gross:
        return gross
    raise ValueError(f"line {place} has its price with tax, but says neither its net amount nor its tax")


def _product(line: Line, document: Document, place: int) -> Decimal:
    if line.unit_price is None:
        raise ValueError(f"line {place} has neither an amount nor a price")
    full = (Decimal(1) if line.quantity is None else line.quantity) * line.unit_price / (line.price_base_quantity or 1)
    if line.discount_amount is not None:
        full -= line.discount_amount
    elif line.discount_percent is not None:
        full -= full * line.discount_percent / 100
    return round_to_minor(full, document.currency)


def _shown(line: Line) -> str:
    """The line's text with what it really is: 6 × 0.335."""
    price = "" if line.unit_price is None else f" × {line.unit_price.normalize():f}"
    quantity = line.quantity if line.quantity is not None else Decimal(1)
    text = f"{line.description or ''} ({quantity.normalize():f}{price})"
    return text.strip()[:_LONGEST_TEXT]


def _places(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))
