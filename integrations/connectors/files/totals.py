"""Control totals: what a document comes to, from the cells of its rows alone and by other arithmetic than `records`."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from integrations.canonical.money import minor_units


def invoice_total(raw: dict[str, Any]) -> Decimal:
    """The sum over the rows of the product of their figures, each row rounded as money is."""
    digits = minor_units(raw["currency"])
    units = sum(_units(row, raw["figures"], digits) for row in raw["rows"])
    return Decimal(units).scaleb(-digits)


def credit_note_total(raw: dict[str, Any]) -> Decimal:
    """The same as a positive amount, whichever sign credit notes have in the file."""
    return abs(invoice_total(raw))


def _units(row: dict[str, str], figures: dict[str, Any], digits: int) -> int:
    """The amount of a row in the currency's smallest units, halves away from zero."""
    product = Fraction(10**digits)
    for column in figures["multiply"]:
        product *= _fraction(row[column], figures)
    units = int(abs(product) + Fraction(1, 2))
    return units if product > 0 else -units


def _fraction(cell: str, figures: dict[str, Any]) -> Fraction:
    kept = "".join(sign for sign in cell if sign.isdigit() or sign == figures["decimal"])
    is_negative = any(sign in cell for sign in "-\u2212(")
    value = Fraction(kept.replace(figures["decimal"], "."))
    return -value if is_negative else value
