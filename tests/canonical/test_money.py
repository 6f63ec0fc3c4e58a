"""Money is exact and never mixes currencies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Money, UnknownCurrency, minor_units, round_to_minor

EUR_5 = Money(Decimal("5.00"), "EUR")


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("HRK", 2)])
def test_a_currency_has_its_decimals(currency, decimals):
    assert minor_units(currency) == decimals


@pytest.mark.parametrize("text", ["", "eur", "EURO", "XXX", "XAU", "€", "BTC"])
def test_what_is_no_currency_is_refused(text):
    with pytest.raises(UnknownCurrency, match="no currency of ISO 4217"):
        minor_units(text)
    with pytest.raises(UnknownCurrency):
        Money(Decimal(1), text)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.125", "EUR", "0.13"),
        ("-0.125", "EUR", "-0.13"),
        ("0.124999", "EUR", "0.12"),
        ("0.5", "JPY", "1"),
        ("2.5", "JPY", "3"),
        ("1.0005", "KWD", "1.001"),
        ("7", "EUR", "7.00"),
    ],
)
def test_halves_are_rounded_away_from_zero(amount, currency, rounded):
    assert str(round_to_minor(Decimal(amount), currency)) == rounded
    assert str(Money(Decimal(amount), currency).rounded().amount) == rounded


@pytest.mark.parametrize("amount", [5.0, 5, "5"])
def test_money_takes_decimals_only(amount):
    with pytest.raises(TypeError, match="money takes a Decimal"):
        Money(amount, "EUR")


@given(*[st.decimals(-(10**9), 10**9, places=2)] * 2)
def test_money_adds_to_its_like(one, other):
    added = Money(one, "EUR") + Money(other, "EUR")
    assert added == Money(one + other, "EUR")
    assert added - Money(other, "EUR") == Money(one, "EUR")
    assert (Money(one, "EUR") < Money(other, "EUR")) == (one < other)


@pytest.mark.parametrize("act", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b])
def test_money_refuses_other_currencies_and_bare_numbers(act):
    with pytest.raises(ValueError, match="convert it first"):
        act(EUR_5, Money(Decimal(5), "USD"))
    with pytest.raises(TypeError, match="no money"):
        act(EUR_5, Decimal(5))


def test_money_of_two_currencies_is_never_equal():
    assert Money(Decimal(5), "USD") != EUR_5
    assert Money(Decimal(5), "EUR") == EUR_5
