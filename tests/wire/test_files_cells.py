"""What text cells mean: numbers and days in any country's writing."""

from datetime import date

import pytest

from integrations.wire.cells import day, in_words, number, tidy


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "value"),
    [
        ("2.55", ".", "", "2.55"),
        (" 7 ", ".", "", "7"),
        (".5", ".", "", "0.5"),
        ("-0,10", ",", "", "-0.10"),
        ("1.234.567,8", ",", ".", "1234567.8"),
        ("1,234", ".", ",", "1234"),
        ("1'234.50", ".", "'", "1234.50"),
        ("1 234,5", ",", " ", "1234.5"),
        ("(12.50)", ".", "", "-12.50"),
        ("12.50-", ".", "", "-12.50"),
        ("\u221212", ".", "", "-12"),
        ("+3", ".", "", "3"),
    ],
)
def test_a_number_is_read_exactly_as_written(text, decimal, thousands, value):
    assert str(number(text, decimal=decimal, thousands=thousands)) == value


@pytest.mark.parametrize(
    ("text", "decimal", "thousands"),
    [
        ("", ".", ""),
        (".", ".", ""),
        ("1,5", ".", ""),
        ("1.5", ",", "."),  # as thousands it would be 15
        ("12.34.567", ",", "."),
        ("1e3", ".", ""),
        ("NaN", ".", ""),
        ("--1", ".", ""),
        ("١٢", ".", ""),
        ("1" * 30, ".", ""),
    ],
)
def test_what_is_no_number_in_this_writing_is_refused(text, decimal, thousands):
    with pytest.raises(ValueError):
        number(text, decimal=decimal, thousands=thousands)


def test_a_moment_becomes_its_calendar_day():
    assert day("01/02/2011 23:59", ("%Y-%m-%d", "%d/%m/%Y %H:%M")) == date(2011, 2, 1)
    with pytest.raises(ValueError, match="“soon” is not a date in the form dd/mm/yyyy"):
        day("soon", ("%d/%m/%Y",))
    assert in_words("%d.%m.%y") == "dd.mm.yy"


@pytest.mark.parametrize(
    ("text", "transforms", "tidied"),
    [
        ("17850.0", ("whole_number",), "17850"),
        ("17850.5", ("whole_number",), "17850.5"),
        (" 85123a ", ("strip", "upper"), "85123A"),
        (" a   b ", ("one_space",), "a b"),
        ("00012", ("no_leading_zeros",), "12"),
        ("000", ("no_leading_zeros",), "0"),
        ("AB-12/3", ("digits",), "123"),
    ],
)
def test_named_transforms_tidy_a_cell(text, transforms, tidied):
    assert tidy(text, transforms) == tidied
