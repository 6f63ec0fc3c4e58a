"""Whether the figures of a document add up. `documents.py` says how they hang together.

Only figures that are there are judged, and each law is as strict as real systems allow:

- Sums are exact. Where `rounding` names a difference, each may be off by one minor unit a line.
- A product is rounded by whoever computed it, up or down: less than one minor unit off.
- Tax is rounded on lines by some and on the whole by others: a line each may bring one minor unit, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from integrations.canonical.breach import Breach
from integrations.canonical.documents import Document, Line, LineAmounts, Settled, TaxSummary
from integrations.canonical.money import cash_step, smallest
from integrations.canonical.payments import Refund

ZERO = Decimal(0)
HALF = Decimal("0.5")
HUNDRED = Decimal(100)
SILENT = ("text", "subtotal")  # lines that explain and do not count
EXACT = ZERO


def broken_totals(record: Document | Refund) -> Iterator[Breach]:
    """The laws of arithmetic that a document, or a refund with lines, breaks. UnknownCurrency where it is in none."""
    sheet = Sheet.of(record)
    for n, line in enumerate(record.lines):
        if line.line_type == "text" and (line.net_amount or line.gross_amount):
            yield Breach(f"lines[{n}]", "text-line", "a text line carries no amount: make it an item or a subtotal")
    for path, line in sheet.lines:
        for line_law in (_line_amount, _line_tax, _line_gross):
            yield from line_law(path, line, sheet)
    for law in (_no_tax, _subtotal, _covered, _taxes, _line_taxes, _rounding, _total, _gross):
        yield from law(sheet)
    if isinstance(record, Settled):
        yield from _due(record, sheet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The figures of a document, whatever its kind. `step` is its currency's smallest amount, `lines` those that count."""

    basis: LineAmounts
    step: Decimal
    most_rounding: Decimal
    lines: list[tuple[str, Line]]
    taxes: list[TaxSummary]
    subtotal: Decimal | None
    discount: Decimal
    charge: Decimal
    tax: Decimal | None
    rounding: Decimal
    total: Decimal | None
    total_path: str

    @classmethod
    def of(cls, record: Document | Refund) -> Sheet:
        """The sheet of a document; a refund's amount is its total. Raises UnknownCurrency."""
        tax = record.tax_total
        if tax is None and record.taxes:
            tax = sum((each.amount for each in record.taxes), ZERO)
        elif tax is None and record.line_amounts == "no_tax":
            tax = ZERO
        return cls(
            basis=record.line_amounts,
            step=smallest(record.currency),
            most_rounding=cash_step(record.currency) / 2,
            lines=[(f"lines[{n}]", line) for n, line in enumerate(record.lines) if line.line_type not in SILENT],
            taxes=record.taxes,
            subtotal=record.subtotal,
            discount=record.discount_total or ZERO,
            charge=record.charge_total or ZERO,
            tax=tax,
            rounding=record.rounding or ZERO,
            total=record.amount if isinstance(record, Refund) else record.total,
            total_path="amount" if isinstance(record, Refund) else "total",
        )

    @property
    def named(self) -> Decimal:
        """What a sum must be off by to be wrong: anything, unless `rounding` names a difference."""
        return (len(self.lines) + 1) * self.step if self.rounding else EXACT

    @property
    def a_line_each(self) -> Decimal:
        """What a figure must be off by to be wrong, where each line may have been rounded by itself."""
        return max(self.named, max(1, len(self.lines)) * self.step)

    def is_covered(self, line: Line) -> bool:
        """Whether a line is summed up in discount_total or charge_total, and so is no part of the subtotal."""
        return bool(
            (self.discount and line.line_type == "discount")
            or (self.charge and line.line_type in ("charge", "shipping"))
        )

    def is_discounted(self) -> bool:
        """Whether something is taken off the whole."""
        return bool(self.discount) or any(line.line_type == "discount" for _, line in self.lines)

    def has_more_than_lines(self) -> bool:
        """Whether a discount or charge of the whole is told as a total only, so that lines alone cannot give the whole."""
        types = {line.line_type for _, line in self.lines}
        return bool((self.discount and "discount" not in types) or (self.charge and not types & {"charge", "shipping"}))

    def sum(self, figure: Callable[[Line], Decimal | None], among: Iterable[Line] | None = None) -> Decimal | None:
        """The sum of a figure over the lines, or None where a line does not tell it or there are no lines."""
        total = None
        for line in among if among is not None else (line for _, line in self.lines):
            told = figure(line)
            if told is None:
                return None
            total = told if total is None else total + told
        return total


def _line_gross(path: str, line: Line, sheet: Sheet) -> Iterator[Breach]:
    net, tax, gross = line.net_amount, line.tax_amount, line.gross_amount
    if net is None or tax is None or gross is None:
        return
    if _apart(gross, net + tax, 2 * sheet.step if sheet.rounding else EXACT):
        yield Breach(f"{path}.gross_amount", "line-gross", f"{gross} is not net {net} + tax {tax}")


def _line_amount(path: str, line: Line, sheet: Sheet) -> Iterator[Breach]:
    where, amount = "net_amount", line.net_amount
    if sheet.basis == "inclusive" and line.gross_amount is not None:
        where, amount = "gross_amount", line.gross_amount
    elif sheet.basis == "inclusive":
        amount = None if amount is None or line.tax_amount is None else amount + line.tax_amount
    if amount is None or line.quantity is None or line.unit_price is None:
        return
    expected = _product(line, line.quantity, line.unit_price)
    if amount != expected and _apart(
        amount, expected, _product_limit(line, line.quantity, line.unit_price, sheet.step)
    ):
        product = f"{line.quantity} x {line.unit_price}{_less(line)} = {_short(expected)}"
        yield Breach(f"{path}.{where}", "line-amount", f"{amount} is not {product}")


def _line_tax(path: str, line: Line, sheet: Sheet) -> Iterator[Breach]:
    net, tax, percent = line.net_amount, line.tax_amount, line.tax_percent
    if net is None or tax is None or percent is None or line.tax_override or sheet.is_discounted():
        return  # a discount of the whole lowers the tax of lines by some systems, and not by others
    # The tax of the whole is spread over its lines by some systems, which leaves one of several with the odd unit.
    limit = sheet.step if len(sheet.lines) == 1 else 2 * sheet.step
    expected = net * percent / HUNDRED
    if _apart(tax, expected, limit):
        yield Breach(f"{path}.tax_amount", "line-tax", f"{tax} is not {percent} % of {net} = {_short(expected)}")


def _product(line: Line, quantity: Decimal, price: Decimal) -> Decimal:
    """What quantity and price of a line come to."""
    gross = quantity / line.price_base_quantity * price if line.price_base_quantity else quantity * price
    if line.discount_amount is not None:
        return gross - line.discount_amount
    if line.discount_percent is not None:
        return gross - gross * line.discount_percent / HUNDRED
    return gross


def _product_limit(line: Line, quantity: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """By how much a line's amount must be off its product to be wrong."""
    limit = step
    if line.discount_amount is None and line.discount_percent is not None:
        limit += step  # price less discount is rounded once more
    if (last_place := _last_place(price)) < step:
        count = quantity / (line.price_base_quantity or 1)
        limit += abs(count) * last_place * HALF  # a price with so many decimals is itself a rounded quotient
    return limit


def _no_tax(sheet: Sheet) -> Iterator[Breach]:
    if sheet.basis != "no_tax":
        return
    if sheet.tax:
        yield Breach("tax_total", "no-tax", f"{sheet.tax} on a document without tax")
    for path, line in sheet.lines:
        if line.tax_amount:
            yield Breach(f"{path}.tax_amount", "no-tax", f"{line.tax_amount} on a document without tax")


def _subtotal(sheet: Sheet) -> Iterator[Breach]:
    if sheet.subtotal is None:
        return
    expected = sheet.sum(_net, [line for _, line in sheet.lines if not sheet.is_covered(line)])
    if expected is None:
        return
    # With inclusive lines the net is what remains after each line's tax was rounded; there the gross is held exactly.
    limit = sheet.a_line_each if sheet.basis == "inclusive" else sheet.named
    if _apart(sheet.subtotal, expected, limit):
        yield Breach("subtotal", "subtotal", f"{sheet.subtotal} is not the lines' {expected}")


def _covered(sheet: Sheet) -> Iterator[Breach]:
    if sheet.discount:
        discounts = sheet.sum(_net, [line for _, line in sheet.lines if line.line_type == "discount"])
        if discounts is not None and _apart(sheet.discount, -discounts, sheet.named):
            message = f"{sheet.discount} is not the discount lines' {-discounts}"
            yield Breach("discount_total", "discount-total", message)
    if sheet.charge:
        charges = sheet.sum(_net, [line for _, line in sheet.lines if line.line_type in ("charge", "shipping")])
        if charges is not None and _apart(sheet.charge, charges, sheet.named):
            yield Breach("charge_total", "charge-total", f"{sheet.charge} is not the charge lines' {charges}")


def _taxes(sheet: Sheet) -> Iterator[Breach]:
    if not sheet.taxes:
        return
    for n, each in enumerate(sheet.taxes):
        if each.base is not None and each.rate_percent is not None:
            expected = each.base * each.rate_percent / HUNDRED
            if _apart(each.amount, expected, sheet.a_line_each):
                share = f"{each.rate_percent} % of {each.base} = {_short(expected)}"
                yield Breach(f"taxes[{n}].amount", "tax-of-base", f"{each.amount} is not {share}")
    summed = sum((each.amount for each in sheet.taxes), ZERO)
    if sheet.tax is not None and _apart(sheet.tax, summed, sheet.named):
        yield Breach("tax_total", "tax-total", f"{sheet.tax} is not the {summed} that its taxes come to")


def _line_taxes(sheet: Sheet) -> Iterator[Breach]:
    if sheet.tax is None:
        return
    summed = sheet.sum(lambda line: line.tax_amount)
    if summed is None or sheet.has_more_than_lines():
        return
    if _apart(sheet.tax, summed, sheet.a_line_each):
        yield Breach("tax_total", "line-taxes", f"{sheet.tax} is too far from the lines' {summed}")


def _rounding(sheet: Sheet) -> Iterator[Breach]:
    if not sheet.rounding:
        return
    most = max(sheet.most_rounding, len(sheet.lines) * sheet.step)
    if abs(sheet.rounding) > most:
        yield Breach("rounding", "rounding", f"{sheet.rounding} is more than rounding can bring, {most}")


def _total(sheet: Sheet) -> Iterator[Breach]:
    off = _off(sheet)
    if sheet.total is None or off is None or off in (ZERO, sheet.rounding):
        return
    expected = sheet.total - off + sheet.rounding
    message = f"{sheet.total} is not the {expected} that net, tax and rounding come to"
    yield Breach(sheet.total_path, "total", f"{message}; name a rounding difference in `rounding`")


def _off(sheet: Sheet) -> Decimal | None:
    """By how much the total is above net and tax, or None where that is not told."""
    net = sheet.subtotal
    if net is not None:
        net += sheet.charge - sheet.discount
    elif sheet.basis != "inclusive" and not sheet.has_more_than_lines():
        net = sheet.sum(_net)
    if sheet.total is None or net is None or sheet.tax is None:
        return None
    return sheet.total - net - sheet.tax


def _gross(sheet: Sheet) -> Iterator[Breach]:
    if sheet.total is None:
        return
    summed = sheet.sum(lambda line: line.gross_amount)
    if summed is None or sheet.has_more_than_lines():
        return
    limit = sheet.named if sheet.basis == "inclusive" else sheet.a_line_each
    if _apart(sheet.total, summed, limit) and _apart(sheet.total - sheet.rounding, summed, limit):
        yield Breach(sheet.total_path, "gross-lines", f"{sheet.total} is not the lines' {summed}, tax included")


def _due(record: Settled, sheet: Sheet) -> Iterator[Breach]:
    due = record.amount_due
    if due is None:
        return
    if record.status == "paid" and due > 0:
        yield Breach("amount_due", "status", f"paid, yet {due} is due")
    if record.status == "partially_paid" and due <= 0:
        yield Breach("amount_due", "status", f"partially paid, yet nothing is due ({due})")
    if sheet.total is None:
        return
    settled = (record.amount_paid, record.amount_credited, record.amount_withheld)
    owed = sheet.total - sum((each for each in settled if each is not None), ZERO)
    off = _off(sheet)
    possible = {owed + sheet.rounding} if off == ZERO else {owed} if off is not None else {owed, owed + sheet.rounding}
    if due in possible:
        return
    # What a system does not tell (credits used, say) can only lower what is due.
    tells_all = record.amount_paid is not None and record.amount_credited is not None
    if tells_all or (sheet.total >= 0 and due > max(possible)):
        yield Breach("amount_due", "amount-due", f"{due} is not the {max(possible)} that total less settled comes to")


def _net(line: Line) -> Decimal | None:
    return line.net_amount


def _apart(stated: Decimal, expected: Decimal, limit: Decimal) -> bool:
    """Whether two figures differ by `limit` or more; with EXACT, whether they differ."""
    return stated != expected and abs(stated - expected) >= limit


def _last_place(figure: Decimal) -> Decimal:
    """What one is worth in the last decimal of a figure that is not zero."""
    return Decimal(1).scaleb(min(0, int(figure.normalize().as_tuple().exponent)))


def _less(line: Line) -> str:
    if line.discount_amount is not None:
        return f" less {line.discount_amount}"
    return f" less {line.discount_percent} %" if line.discount_percent is not None else ""


def _short(figure: Decimal) -> str:
    return f"{figure:.6f}".rstrip("0").rstrip(".")
