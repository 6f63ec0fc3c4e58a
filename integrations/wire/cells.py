"""What a text cell means: named ways to tidy it, numbers in any country's writing, calendar days."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal

MOST_DIGITS = 14  # so that the product of two numbers is exact
_WHOLE = re.compile(r"(-?\d+)\.0*")


def _whole_number(text: str) -> str:
    """A whole number that went through a float ("17850.0") as it was; anything else unchanged."""
    found = _WHOLE.fullmatch(text.strip())
    return found[1] if found else text


TRANSFORMS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "upper": str.upper,
    "lower": str.lower,
    "one_space": lambda text: " ".join(text.split()),
    "whole_number": _whole_number,
    "digits": lambda text: "".join(sign for sign in text if sign.isdigit()),
    "no_leading_zeros": lambda text: text.lstrip("0") or text[:1],
}


def tidy(text: str, transforms: Iterable[str]) -> str:
    """The cell after each of these named transforms, in their order."""
    for name in transforms:
        text = TRANSFORMS[name](text)
    return text


def number(text: str, *, decimal: str = ".", thousands: str = "") -> Decimal:
    """The number that this text writes with these signs, exactly as written; raises ValueError in plain words.

    "1.234,50" with decimal "," and thousands "." is 1234.50; a sign may stand at either end, brackets mean minus.
    """
    plain = text.strip().replace("\u00a0", " ").replace("\u202f", " ")
    if thousands:
        plain = _without_thousands(plain, decimal=decimal, thousands=thousands)
    negative = False
    if plain.startswith("(") and plain.endswith(")"):
        negative, plain = True, plain[1:-1]
    elif plain.endswith("-"):
        negative, plain = True, plain[:-1]
    elif plain.startswith(("-", "+", "\u2212")):
        negative, plain = plain[0] != "+", plain[1:]
    whole, _, fraction = plain.partition(decimal)
    if not re.fullmatch(r"[0-9]*", whole, re.ASCII) or not re.fullmatch(r"[0-9]*", fraction, re.ASCII):
        raise ValueError(_not_a_number(text, decimal, thousands))
    if len(whole) + len(fraction) > MOST_DIGITS:
        raise ValueError(f"“{text[:60]}” has more than {MOST_DIGITS} digits")
    if not whole and not fraction:
        raise ValueError(_not_a_number(text, decimal, thousands))
    value = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole)
    return -value if negative else value


def _without_thousands(plain: str, *, decimal: str, thousands: str) -> str:
    whole = plain.partition(decimal)[0].strip("+-\u2212()")
    groups = whole.split(thousands)
    # "1.5" under a layout with thousands "." would become 15: groups of three or nothing.
    if len(groups) > 1 and not (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])):
        raise ValueError(_not_a_number(plain, decimal, thousands))
    return plain.replace(thousands, "", len(groups) - 1)


def _not_a_number(text: str, decimal: str, thousands: str) -> str:
    signs = f"decimal sign “{decimal}”" + (f", thousands sign “{thousands}”" if thousands else "")
    return f"“{text}” is not a number ({signs})" if text.strip() else "the cell is empty, a number is needed"


def day(text: str, formats: Iterable[str]) -> date:
    """The calendar day that this text writes in the first format that fits (as in strptime); raises ValueError."""
    text = text.strip()
    if not text:
        raise ValueError("the cell is empty, a date is needed")
    tried = []
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            tried.append(pattern)
    raise ValueError(f"“{text}” is not a date in the form {' or '.join(in_words(pattern) for pattern in tried)}")


_PARTS = {"%Y": "yyyy", "%y": "yy", "%m": "mm", "%d": "dd", "%H": "hh", "%M": "mm", "%S": "ss", "%f": "ffffff",
          "%b": "Mon", "%B": "Month", "%I": "hh", "%p": "AM/PM", "%z": "+zzzz"}  # fmt: skip


def in_words(pattern: str) -> str:
    """A date format as people write it: %d/%m/%Y is dd/mm/yyyy."""
    return re.sub(r"%[a-zA-Z]", lambda found: _PARTS.get(found[0], found[0]), pattern)
