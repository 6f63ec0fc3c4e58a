"""Numbers, days and moments as QuickBooks writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from .statuses import bad_value

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """Two decimals, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def amount(text: str) -> Decimal:
    return cents(Decimal(text))


def number(text: str | None) -> Decimal | None:
    """A price, quantity, percentage or rate; nothing where the element is empty. Raises 3040 for a sign without digits."""
    bare = (text or "").rstrip("%")
    if not bare:
        return None
    try:
        return Decimal(bare)
    except ArithmeticError:
        raise bad_value(3040, "amount", bare) from None


def trimmed(value: Decimal) -> str:
    """A quantity or rate without needless zeros, at most five decimals."""
    plain = value.quantize(Decimal("0.00001"), rounding=ROUND_HALF_UP).normalize()
    return f"{plain:f}"


def price(value: Decimal) -> str:
    """A price has at least two decimals and at most five."""
    text = trimmed(value)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"


def day(text: str) -> date:
    """Raises 3020 for a day that no calendar has."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_value(3020, "date", text) from None


def seconds(text: str, zone: ZoneInfo) -> int:
    """A moment of a filter in seconds since 1970; without an offset it is by the clock of the PC. Raises 3030."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return int(moment.timestamp())
    except (ValueError, OverflowError):
        raise bad_value(3030, "date/time", text) from None


def moment(epoch: int, zone: ZoneInfo) -> str:
    """Seconds since 1970 as the PC's clock shows them, with its offset."""
    return datetime.fromtimestamp(epoch, UTC).astimezone(zone).isoformat(timespec="seconds")


def plus(of: date, days: int) -> date:
    return of + timedelta(days=days)


def normal(form: str, text: str) -> str:
    """A value that was sent, as QuickBooks shows it afterwards."""
    if not text.strip():
        return ""
    if form == "bool":
        return {"1": "true", "0": "false"}.get(text, text)
    if form == "amt":
        return str(amount(text))
    if form == "date":
        return day(text).isoformat()
    if form in ("quan", "price", "percent", "float"):
        value = number(text) or Decimal()
        if form == "float":
            return f"{value.normalize():f}"
        return price(value) if form == "price" else trimmed(value)
    if form in ("int", "int1", "month", "day"):
        return str(int(text))
    return text
