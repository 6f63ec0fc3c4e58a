"""Deciding is a function of values: each row of the table is a case somebody's books depend on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sync.alike import says
from integrations.sync.decide import (
    SKIPS,
    Agreed,
    Change,
    Create,
    Difference,
    Hold,
    Match,
    Skip,
    Update,
    decide,
)
from integrations.sync.fields import comparable
from integrations.sync.policy import Policy

USUAL = Policy()
HERE = {"name": "Ann", "total": "12.5"}
AGREED = Agreed(source=HERE, target=HERE)


def there(**fields: object) -> Match:
    """The record stands at the target and says what both agreed on, but for these fields."""
    return Match("7", holds={**HERE, **fields})


def later(match: Match, newer: bool | None) -> Match:
    """The same, where the source's record is known to have been changed after it, before it, or neither."""
    return replace(match, newer=newer)


def case(name: str, wanted: dict[str, object], match: Match, agreed: Agreed | None, policy: Policy, change: Change):
    return pytest.param(wanted, match, agreed, policy, change, id=name)


def changed(field: str, before: object, after: object) -> Update:
    return Update((Difference(field, before, after),))


NEWS = {"name": "Anna", "total": "12.5"}
CASES = [
    case("new-is-created", HERE, Match(), None, USUAL, Create()),
    case("new-is-left-where-nothing-may-be-created", HERE, Match(), None, Policy(may=("update",)), Skip("no_creates")),
    case(
        "two-candidates-are-for-a-person",
        HERE,
        Match(candidates=("7", "8")),
        None,
        USUAL,
        Hold(
            "several_candidates",
            "it cannot be told who this is there: 7, 8 could be, and not for sure",
            candidates=("7", "8"),
        ),
    ),
    case("nothing-new", HERE, there(), AGREED, USUAL, Skip("nothing_new")),
    case("one-field-changed", NEWS, there(), AGREED, USUAL, changed("name", "Ann", "Anna")),
    case(
        "a-change-that-may-not-be-made",
        NEWS,
        there(),
        AGREED,
        Policy(may=("create",)),
        Skip("no_updates", changed("name", "Ann", "Anna").differences),
    ),
    case(
        "a-change-there-is-not-overwritten",
        HERE,
        there(name="Zoe"),
        AGREED,
        USUAL,
        Skip("changed_there", (Difference("name", "Zoe", "Ann"),)),
    ),
    case(
        "both-changed-the-same-field",
        NEWS,
        there(name="Zoe"),
        AGREED,
        USUAL,
        Hold("both_changed", "both sides changed name since they last agreed"),
    ),
    case(
        "both-changed-and-the-source-wins",
        NEWS,
        there(name="Zoe"),
        AGREED,
        Policy(conflicts="source"),
        changed("name", "Zoe", "Anna"),
    ),
    case(
        "both-changed-and-the-target-wins",
        NEWS,
        there(name="Zoe"),
        AGREED,
        Policy(conflicts="target"),
        Skip("target_wins", (Difference("name", "Zoe", "Anna"),)),
    ),
    case(
        "both-changed-and-the-source-was-later",
        NEWS,
        later(there(name="Zoe"), True),
        AGREED,
        Policy(conflicts="newest"),
        changed("name", "Zoe", "Anna"),
    ),
    case(
        "both-changed-and-the-target-was-later",
        NEWS,
        later(there(name="Zoe"), False),
        AGREED,
        Policy(conflicts="newest"),
        Skip("target_wins", (Difference("name", "Zoe", "Anna"),)),
    ),
    case(
        "both-changed-and-nobody-can-tell-who-was-later",
        NEWS,
        later(there(name="Zoe"), None),
        AGREED,
        Policy(conflicts="newest"),
        Hold("both_changed", "both sides changed name since they last agreed"),
    ),
    case(
        "the-target-wins-one-field-and-the-other-goes-on",
        {"name": "Anna", "total": "13"},
        there(name="Zoe"),
        AGREED,
        Policy(conflicts="target"),
        changed("total", "12.5", "13"),
    ),
    case("each-side-changed-another-field", NEWS, there(total="9"), AGREED, USUAL, changed("name", "Ann", "Anna")),
    case("both-changed-to-the-same", NEWS, there(name="Anna"), AGREED, USUAL, Skip("same_already")),
    case("recognised-and-the-same", HERE, there(), None, USUAL, Skip("same_already")),
    case("recognised-and-brought-up-to-date", HERE, there(name="Zoe"), None, USUAL, changed("name", "Zoe", "Ann")),
    case(
        "recognised-and-the-target-wins",
        HERE,
        there(name="Zoe"),
        None,
        Policy(first_match="target"),
        Skip("target_wins", (Difference("name", "Zoe", "Ann"),)),
    ),
    case(
        "recognised-and-asked",
        HERE,
        there(name="Zoe"),
        None,
        Policy(first_match="ask"),
        Hold("differs_on_first_match", "recognised there, but name differ"),
    ),
    case(
        "gone-at-the-target",
        NEWS,
        Match("7", gone="deleted"),
        AGREED,
        USUAL,
        Hold("target_gone", "the target's record 7 is deleted there, but lives at the source"),
    ),
    case("a-field-newly-mapped", {**HERE, "memo": "x"}, there(), AGREED, USUAL, changed("memo", None, "x")),
    case("a-field-emptied", {"name": "Ann", "total": None}, there(), AGREED, USUAL, changed("total", "12.5", None)),
]


@pytest.mark.parametrize(("wanted", "match", "agreed", "policy", "change"), CASES)
def test_a_live_record(wanted: dict, match: Match, agreed: Agreed | None, policy: Policy, change: Change) -> None:
    assert decide(wanted, match, agreed, policy) == change


def test_every_reason_for_a_skip_is_listed() -> None:
    told = {each.values[4].reason for each in CASES if isinstance(each.values[4], Skip)}

    assert told <= SKIPS.keys()


values = st.recursive(
    st.none() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_said_says_itself(value: object) -> None:
    said = comparable(value)

    assert says(said, said)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_idle_zeros_do_not_count(amount: Decimal) -> None:
    assert comparable(amount) == comparable(Decimal(f"{amount}000"))


def test_no_negative_zero_and_no_exponent_is_stored() -> None:
    assert [comparable(Decimal(text)) for text in ("-0.00", "1E+3", "12.50", "0E-8")] == ["0", "1000", "12.5", "0"]


def test_an_amount_keeps_every_digit() -> None:
    exact = "1234567890123456789012345678901234567890.123456789"

    assert comparable(Decimal(exact)) == exact


SAYINGS = [
    ({"external_id": "5"}, {"external_id": "5", "name": "Ann"}, True),
    ({"external_id": "5", "name": "Old name"}, {"external_id": "5", "name": "New name"}, True),
    ({"external_id": "6", "name": "Ann"}, {"external_id": "5", "name": "Ann"}, False),
    ({"name": "Ann"}, {"external_id": "5", "name": "Ann"}, True),
    ({"city": "Wien"}, {"city": "Wien", "country": "AT"}, True),
    ({"city": "Wien", "country": "AT"}, {"city": "Wien"}, False),
    ({}, None, True),
    ([], None, True),
    (None, [], True),
    ("", None, True),
    (None, "", True),
    (None, "x", False),
    ("Ann ", " Ann", True),
    ("Ann", "ann", False),
    ([{"key": "1", "quantity": "2"}], [{"quantity": "2", "amount": "5"}], True),
    ([{"quantity": "2"}], [{"quantity": "2"}, {"quantity": "3"}], False),
    (False, None, False),
    (False, False, True),
]


@pytest.mark.parametrize(("wanted", "holds", "answer"), SAYINGS)
def test_whether_a_value_says_all_that_is_wanted(wanted: object, holds: object, answer: bool) -> None:
    assert says(holds, wanted) is answer
