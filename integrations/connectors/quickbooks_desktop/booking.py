"""How our figures become the ones that QuickBooks Desktop books, and its figures become ours: arithmetic on lines.

QuickBooks multiplies quantity and rate itself and rounds to the cent. Where that does not give what the line comes to,
the quantity goes with the amount, and QuickBooks works the rate out.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from integrations.canonical import Bill, Line, PurchaseOrder, round_to_minor
from integrations.canonical.documents import Document

D = TypeVar("D", bound=Document)

CENT = Decimal("0.01")
FINEST = Decimal("0.00001")
"""Quantities and prices have five decimals at most."""

ORDERS_AND_BILLS = (Bill, PurchaseOrder)


def booked(document: D) -> D:
    """The document with every line as QuickBooks wants to be told it: net, and with either a price or an amount.

    Raises ValueError that names the line which cannot be booked, and why.
    """
    lines = [
        _booked_line(line, document, place)
        for place, line in enumerate(document.lines, start=1)
        if line.line_type != "subtotal"  # that is an item of its own there, and only for people
    ]
    types = {line.line_type for line in lines}
    if document.discount_total and "discount" not in types:
        raise ValueError("there is a total of discounts but no line for them: QuickBooks books a discount as an item")
    if document.charge_total and not types & {"charge", "shipping"}:
        raise ValueError("there is a total of charges but no line for them: QuickBooks books a charge as an item")
    if isinstance(document, ORDERS_AND_BILLS) and (document.tax_total or any(line.tax_amount for line in lines)):
        raise ValueError(
            "it has tax, and QuickBooks takes no tax on what is bought: map the tax to a line of its own, "
            "or the lines to their amounts with tax"
        )
    return replace(document, lines=lines)


def _booked_line(line: Line, document: Document, place: int) -> Line:
    if line.line_type == "text":
        return replace(line, item=None, quantity=None, unit_price=None, net_amount=None)
    if is_group(line):
        if line.external_id is None:
            raise ValueError(f"line {place} is a group of items: such lines are kept, but not made")
        return line
    if isinstance(document, ORDERS_AND_BILLS):
        if line.item is None and (line.account is None or isinstance(document, PurchaseOrder)):
            what = "no item" if isinstance(document, PurchaseOrder) else "neither an item nor an account"
            raise ValueError(f"line {place} names {what}")
    elif line.item is None:
        raise ValueError(
            f"line {place} ({line.line_type}) names no item: QuickBooks books every line of a sale, "
            "discounts and freight too, through an item"
        )
    return _priced(replace(line, net_amount=_net(line, document, place)), with_price=line.item is not None)


def is_group(line: Line) -> bool:
    """Whether a line was read from a group of items, whose parts are in its extra."""
    return "Lines" in line.extra


def _net(line: Line, document: Document, place: int) -> Decimal:
    """What a line comes to without tax."""
    if line.net_amount is not None:
        return line.net_amount
    full = _reckoned(line, document, place)
    if document.line_amounts != "inclusive" or not full:
        return full
    gross = line.gross_amount if line.gross_amount is not None else full
    if line.tax_amount is not None:
        return gross - line.tax_amount
    if line.tax_percent is not None:
        return round_to_minor(gross / (1 + line.tax_percent / 100), document.currency)
    raise ValueError(f"line {place} has its price with tax, but says neither its net amount nor its tax")


def _reckoned(line: Line, document: Document, place: int) -> Decimal:
    if line.unit_price is None:
        if line.gross_amount is not None and document.line_amounts == "inclusive":
            return line.gross_amount
        if line.discount_amount is not None and line.line_type == "discount":
            return -abs(line.discount_amount)
        raise ValueError(f"line {place} has neither an amount nor a price")
    quantity = Decimal(1) if line.quantity is None else line.quantity
    full = quantity * line.unit_price / (line.price_base_quantity or 1)
    if line.discount_amount is not None:
        full -= line.discount_amount
    elif line.discount_percent is not None:
        full -= full * line.discount_percent / 100
    return round_to_minor(full, document.currency)


def _priced(line: Line, *, with_price: bool) -> Line:
    """The line with a price that gives its amount to the cent, or with the amount alone.

    Where the price gives it, the amount is not told a second time.
    """
    net, quantity = line.net_amount or Decimal(0), line.quantity
    if not with_price or not quantity:
        return replace(line, quantity=None, unit_price=None)
    if quantity != round(quantity, 5):
        return replace(line, quantity=round(quantity, 5), unit_price=None)
    price = line.unit_price
    if price is not None:
        price = price / (line.price_base_quantity or 1)
        if price == price.quantize(FINEST) and product(quantity, price) == net:
            return replace(line, unit_price=price, net_amount=None)
    return replace(line, unit_price=None)


def product(quantity: Decimal, price: Decimal) -> Decimal:
    """What QuickBooks makes of a quantity and a rate."""
    return (quantity * price).quantize(CENT, rounding=ROUND_HALF_UP)


# --- back ------------------------------------------------------------------------------------------------------------


def told(document: D) -> D:
    """The document with its lines as ours mean them: subtotals known as such, prices only where they give the amount."""
    lines = [_told_line(line) for line in document.lines]
    return replace(document, lines=_with_subtotals(lines, document.subtotal))


def _told_line(line: Line) -> Line:
    price, quantity, net = line.unit_price, line.quantity, line.net_amount
    if price is None or net is None:
        return line
    one = Decimal(1) if quantity is None else quantity
    # An estimate's markup comes on top of its rate, and a percentage stands in the place of a price.
    return line if abs(one * price - net) <= CENT else replace(line, unit_price=None)


def _with_subtotals(lines: list[Line], subtotal: Decimal | None) -> list[Line]:
    """A line of a subtotal item looks like any other: it is one if the document does not count it."""
    amounts = [line.net_amount or Decimal(0) for line in lines]
    if subtotal is None or sum(amounts, start=Decimal(0)) == subtotal:
        return lines
    marked, since, found = [], Decimal(0), Decimal(0)
    for line, amount in zip(lines, amounts, strict=True):
        if line.quantity is None and line.unit_price is None and amount and amount == since:
            marked.append(replace(line, line_type="subtotal"))
            since, found = Decimal(0), found + amount
        else:
            marked.append(line)
            since += amount
    return marked if sum(amounts, start=Decimal(0)) - found == subtotal else lines


def line_figures(raw: dict[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """Quantity and amount of a line as QuickBooks tells them."""
    quantity, amount = raw.get("Quantity"), raw.get("Amount")
    return (None if quantity is None else Decimal(quantity), None if amount is None else Decimal(amount))
