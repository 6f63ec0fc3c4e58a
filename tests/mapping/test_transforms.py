"""Each transform on ordinary and odd values; arguments are typed; nothing grows without bound."""

from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.mapping.transforms import TRANSFORMS, CannotTransform, UnknownTransform, transform_called
from integrations.mapping.values import MAX_TEXT

D = Decimal


def apply(name, value, **arguments):
    return transform_called(name).bind(arguments)(value)


@pytest.mark.parametrize(
    ("name", "arguments", "value", "result"),
    [
        ("strip", {}, "  a b ", "a b"),
        ("single_blanks", {}, " a \t b\n", "a b"),
        ("upper", {}, "straße", "STRASSE"),
        ("lower", {}, "ÅB", "åb"),
        ("title", {}, "o'neill AND sons", "O'neill And Sons"),
        ("truncate", {"length": 3}, "ab cd", "ab"),
        ("truncate", {"length": 9}, "ab cd", "ab cd"),
        ("keep_end", {"length": 2}, "abc", "bc"),
        ("keep_end", {"length": 0}, "abc", ""),
        ("replace", {"find": "a", "by": "bb"}, "banana", "bbbnbbnbb"),
        ("replace", {"find": "a"}, "banana", "bnn"),
        ("prefix", {"text_before": "INV-"}, D("17850"), "INV-17850"),
        ("suffix", {"text_after": "/x"}, "a", "a/x"),
        ("pad", {"length": 5}, "42", "00042"),
        ("pad", {"length": 4, "fill": " "}, "42", "  42"),
        ("digits", {}, "+44 (0)20", "44020"),
        ("part", {"separator": "/", "number": 2}, "a/b/c", "b"),
        ("part", {"separator": "/", "number": -1}, "a/b/c", "c"),
        ("part", {"separator": "/", "number": 9}, "a/b/c", ""),
        ("display_name", {}, 'Ada:\t"Lovelace"\n <x>', "Ada Lovelace x"),
        ("display_name", {"length": 5}, "Ada  Lovelace", "Ada L"),
        ("country_code", {}, "united kingdom", "GB"),
        ("country_code", {}, "EIRE", "IE"),
        ("country_code", {}, "fr", "FR"),
        ("country_code", {}, "Cote d'Ivoire", "CI"),
        ("country_code", {}, "St. Lucia", "LC"),
        ("country_code", {}, "Trinidad & Tobago", "TT"),
        ("number", {}, "(1,234.50)", D("-1234.50")),
        ("number", {"decimal_mark": ","}, "€ 1.234,5", D("1234.5")),
        ("round_to", {}, D("2.345"), D("2.35")),
        ("round_to", {}, D("-2.345"), D("-2.35")),
        ("round_to", {"decimals": 0}, "2.5", D("3")),
        ("round_to_minor", {"currency": "JPY"}, D("10.5"), D("11")),
        ("round_to_minor", {"currency": "KWD"}, D("1.0005"), D("1.001")),
        ("negate", {}, D("1.10"), D("-1.10")),
        ("absolute", {}, D("-1.10"), D("1.10")),
        ("multiply", {"by": "0.1"}, D("0.3"), D("0.03")),
        ("divide", {"by": "100"}, D("20"), D("0.2")),
        ("shift_days", {"days": 30}, date(2026, 1, 31), date(2026, 3, 2)),
        ("shift_days", {"days": -1}, "2026-01-01", date(2025, 12, 31)),
        ("shift_months", {"months": 1}, date(2026, 1, 31), date(2026, 2, 28)),
        ("shift_months", {"months": -13}, date(2024, 3, 31), date(2023, 2, 28)),
        ("start_of_month", {}, date(2026, 2, 9), date(2026, 2, 1)),
        ("end_of_month", {}, date(2024, 2, 9), date(2024, 2, 29)),
        ("date_text", {"pattern": "DD/MM/YY"}, date(2026, 2, 9), "09/02/26"),
        ("date_text", {"pattern": "D.M.YYYY"}, date(2026, 2, 9), "9.2.2026"),
        ("read_date", {"pattern": "DD/MM/YYYY"}, "09/02/2026 10:00", date(2026, 2, 9)),
        ("read_date", {"pattern": "M/D/YYYY"}, "2/9/2026", date(2026, 2, 9)),
        ("first", {}, [None, "", "a", "b"], "a"),
        ("join", {}, ["a", None, D("1.50")], "a, 1.50"),
        ("sum_of", {}, [D("0.1"), "0.2", None], D("0.3")),
        ("sum_of", {}, None, D(0)),
        ("count", {}, ["a", "", None], D(1)),
        ("default", {"instead": "x"}, "", "x"),
        ("default", {"instead": "x"}, D(0), D(0)),
        ("default", {"instead": "x"}, False, False),
    ],
)
def test_a_transform_gives(name, arguments, value, result):
    got = apply(name, value, **arguments)
    assert got == result
    assert type(got) is type(result)


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - {"default", "sum_of", "count"}))
def test_nothing_stays_nothing(name):
    arguments = {known.name: {"whole": 1, "number": "1"}.get(known.type, "GBP") for known in TRANSFORMS[name].arguments}
    arguments |= {"fill": "0"} if name == "pad" else {}
    arguments |= {"decimal_mark": "."} if name == "number" else {}
    assert apply(name, None, **arguments) is None


@pytest.mark.parametrize(
    ("name", "arguments", "value", "says"),
    [
        ("country_code", {}, "Channel Islands", "country_code: 'Channel Islands' is no country"),
        ("negate", {}, "twelve", "negate: 'twelve' is not a number"),
        ("end_of_month", {}, "31/12/2026", "'31/12/2026' is not a date; dates are written YYYY-MM-DD"),
        ("upper", {}, ["a", "b"], "a list of 2 is not text; take one of its values first"),
        ("first", {}, "abc", "'abc' is not a list"),
        ("multiply", {"by": "2"}, True, "yes is not a number"),
        ("divide", {"by": "0"}, D(1), "divide: 1 leads out of bounds"),
        ("shift_days", {"days": 40000}, date(9999, 1, 1), "9999-01-01 leads out of bounds"),
        ("shift_months", {"months": -1200}, date(50, 1, 1), "is no date"),
        ("read_date", {"pattern": "DD/MM/YYYY"}, "31/02/2026", "'31/02/2026' is no date"),
        ("read_date", {"pattern": "DD/MM"}, "31/02", "needs YYYY, MM or M, and DD or D"),
        ("number", {}, "12..5", "'12..5' is not a number"),
        ("round_to_minor", {"currency": "XXY"}, D(1), "XXY"),
        ("number", {}, "9" * 31, "is not a number"),
        ("upper", {}, D("1e999999999"), "more than 30 digits"),
        ("negate", {}, "1e99", "more than 30 digits"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name, arguments, value, says):
    with pytest.raises(CannotTransform) as refused:
        apply(name, value, **arguments)
    assert str(refused.value).startswith(f"{name}: ")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("uper", {}, "there is no transform 'uper'; did you mean upper"),
        ("truncate", {}, "'length'"),
        ("truncate", {"length": "x"}, "truncate: 'x' is not a number"),
        ("truncate", {"length": -1}, "truncate: Expected 'int' >= 0"),
        ("truncate", {"length": 5, "with": 1}, "'with'"),
        ("pad", {"length": 5, "fill": "ab"}, "'fill'"),
        ("pad", {"length": 10**9}, "<= 4000"),
        ("round_to_minor", {"currency": "gbp"}, "'currency'"),
        ("replace", {"find": ""}, "'find'"),
    ],
)
def test_wrong_arguments_are_refused_before_any_record_comes(name, arguments, says):
    with pytest.raises(UnknownTransform) as refused:
        transform_called(name).check(arguments)
    assert says in str(refused.value)


def test_arguments_may_be_written_as_text():
    assert apply("truncate", "abcdef", length="2") == "ab"


def test_replacing_again_and_again_stays_within_bounds():
    text = "a" * 4000
    with pytest.raises(CannotTransform, match="longer than"):
        apply("replace", text, find="a", by="b" * 4000)
    assert len(apply("replace", text, find="a", by="b" * 16)) <= MAX_TEXT


def test_every_transform_has_its_words_for_the_choice_list():
    for name, known in TRANSFORMS.items():
        assert known.label, name
        assert known.help.endswith("."), name
        assert "\n" not in known.help, name


MEMBERS = st.one_of(st.text(max_size=3), st.decimals(), st.none())
ANY_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    st.decimals(),
    st.integers(),
    st.dates(),
    st.lists(MEMBERS, max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


@given(st.sampled_from(sorted(TRANSFORMS)), ANY_VALUE, st.lists(ANY_VALUE, max_size=3))
def test_whatever_comes_a_transform_gives_a_value_or_says_why_not(name, value, arguments):
    with suppress(CannotTransform):
        TRANSFORMS[name].call(value, *arguments)
