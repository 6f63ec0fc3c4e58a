"""Whatever a line says, what Odoo makes of it comes to the same cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Line, Ref, round_to_minor
from integrations.connectors.odoo.booking import booked, net_of
from integrations.connectors.odoo.quirks import figure, mark_of, marked_up, plain
from tests.connectors.odoo import made


def odoo_makes(line: Line, currency: str) -> Decimal:
    """What the server reckons of what it keeps of a line: two decimals of quantity, price and discount."""
    kept = [
        (value or Decimal(0)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        for value in (line.quantity, line.unit_price, line.discount_percent)
    ]
    quantity, price, discount = kept
    return round_to_minor(quantity * price * (1 - discount / 100), currency)


@given(
    quantity=st.decimals(-1000, 1000, places=3),
    price=st.decimals(0, 1000, places=4),
    discount=st.none() | st.decimals(0, 100, places=3),
    currency=st.sampled_from(["USD", "JPY"]),
)
def test_a_line_comes_to_the_same_cent(
    quantity: Decimal, price: Decimal, discount: Decimal | None, currency: str
) -> None:
    line = Line(quantity=quantity, unit_price=price, discount_percent=discount)
    document = booked(made.invoice(lines=[line], currency=currency), price_decimals=2)
    full = quantity * price * (1 - (discount or Decimal(0)) / 100)
    assert odoo_makes(document.lines[0], currency) == net_of(document) == round_to_minor(full, currency)


@given(st.decimals(-100000, 100000, places=2), st.decimals(1, 50, places=2), st.decimals(0, 9, places=4))
def test_the_stated_amount_of_a_line_wins_over_its_price(net: Decimal, quantity: Decimal, price: Decimal) -> None:
    line = Line(quantity=quantity, unit_price=price, net_amount=net)
    document = booked(made.invoice(lines=[line]), price_decimals=2)
    assert odoo_makes(document.lines[0], "USD") == net


def test_a_line_that_fits_keeps_its_quantity_and_price() -> None:
    (line,) = booked(made.invoice(lines=[made.lantern()]), price_decimals=2).lines
    assert (line.quantity, line.unit_price, line.net_amount) == (6, Decimal("3.39"), Decimal("20.34"))


def test_a_price_with_tax_gives_way_to_the_net_amount() -> None:
    line = Line(quantity=Decimal(2), unit_price=Decimal("11.50"), tax_percent=Decimal(15), description="Lantern")
    (there,) = booked(made.invoice(lines=[line], line_amounts="inclusive"), price_decimals=2).lines
    assert (there.quantity, there.unit_price, there.description) == (1, Decimal("20.00"), "Lantern (2 × 11.5)")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (Line(net_amount=Decimal("1.234")), "line 1 comes to 1.234, and this Odoo keeps"),
        (Line(quantity=Decimal(2)), "line 1 has neither an amount nor a price"),
        (Line(quantity=Decimal(1), unit_price=Decimal(1), account=Ref(name="Sales")), "line 1: Sales has no Odoo id"),
    ],
)
def test_a_line_that_cannot_be_booked_is_named(line: Line, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        booked(made.invoice(lines=[line], currency="KWD"), price_decimals=2)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=80))
def test_a_note_is_read_as_it_was_written(words: str) -> None:
    assert (plain(marked_up(words)) or "") == "\n".join(words.splitlines()).strip()


@given(st.text(min_size=1, max_size=50))
def test_an_external_id_has_no_space_and_no_dot(key: str) -> None:
    assert not set(" .") & set(mark_of(key))


def test_the_noise_of_binary_fractions_is_taken_off() -> None:
    noisy: Any = Decimal("12.680000000000001")
    assert figure(noisy) == Decimal("12.68")
    assert figure(3) == 3
