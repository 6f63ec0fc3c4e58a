"""Money: an exact amount in a known currency, and how many decimals each currency has."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217, as of 2026. Codes that name no money (metals, test codes, "no currency") are left out.
_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
        "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
        "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU "
        "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
        "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED "
        "VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Withdrawn, but standing in old documents.
_WITHDRAWN = {0: "BYR", 2: "ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL"}

_DECIMALS = {
    code: decimals
    for table in (_MINOR_UNITS, _WITHDRAWN)
    for decimals, codes in table.items()
    for code in codes.split()
}
_STEPS = {decimals: Decimal(1).scaleb(-decimals) for decimals in _MINOR_UNITS}

# What the smallest coin in use is, where it is more than one whole unit; where not, bills are rounded to the unit at most.
_CASH_STEPS = {"CLP": 10, "COP": 50, "HUF": 5, "IDR": 100, "KRW": 10, "LAK": 500, "TZS": 50, "UGX": 50, "VND": 500}


class UnknownCurrency(ValueError):
    """The text is no currency code of ISO 4217."""


def minor_units(currency: str) -> int:
    """How many decimals amounts of a currency have: 0, 2, 3 or 4. Raises UnknownCurrency."""
    try:
        return _DECIMALS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is no currency of ISO 4217: give its three capital letters") from None


def smallest(currency: str) -> Decimal:
    """The smallest amount of a currency, such as 0.01. Raises UnknownCurrency."""
    return _STEPS[minor_units(currency)]


def cash_step(currency: str) -> Decimal:
    """What amounts may be rounded to where they are paid in cash, or by custom: from one unit of the currency up."""
    return Decimal(_CASH_STEPS.get(currency, 1))


def round_to_minor(amount: Decimal, currency: str) -> Decimal:
    """The amount with as many decimals as the currency has, halves away from zero. Raises UnknownCurrency."""
    return amount.quantize(smallest(currency), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of a currency, which adds to and compares with its like only.

    Raises TypeError for anything but a Decimal, UnknownCurrency for what is no currency.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"{self.amount!r} is a {type(self.amount).__name__}: money takes a Decimal")
        minor_units(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._like(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._like(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._like(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._like(other)

    def rounded(self) -> Money:
        """The same with as many decimals as the currency has."""
        return Money(round_to_minor(self.amount, self.currency), self.currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _like(self, other: Money) -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"{other!r} is no money")
        if other.currency != self.currency:
            raise ValueError(f"{other} does not go with {self.currency}: convert it first")
        return other.amount
