"""Closed periods, purely: which day, by which rule."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.decide import Agreed, Match, Skip, Update, decide
from integrations.sync.periods import Moved, Operation, Rule, Shut, barring, is_taxed, judge, next_open
from integrations.sync.policy import Policy
from integrations.sync.replay import anew
from integrations.wire.locks import Lock, from_plain, to_plain

DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 3, 31))
LOCKS = st.lists(
    st.builds(
        Lock,
        name=st.sampled_from(("closing date", "hard lock date")),
        until=DAYS,
        kinds=st.sampled_from((frozenset[str](), frozenset(("invoice",)))),
        taxed=st.booleans(),
        learned=st.booleans(),
    ),
    max_size=4,
)
OPERATIONS = st.sampled_from(("create", "update", "void"))
RULES = st.sampled_from(("hold", "next_open_day", "approve"))
YEAR_END = Lock(name="closing date", until=date(2025, 12, 31))


@settings(max_examples=60)
@given(OPERATIONS, DAYS, st.none() | DAYS, LOCKS, RULES, st.none() | DAYS)
def test_nothing_ever_lands_behind_a_lock_whatever_the_rule(
    operation: Operation, wanted: date, stands: date | None, locks: list[Lock], rule: Rule, approved: date | None
) -> None:
    stands = None if operation == "create" else stands
    verdict = judge(operation, wanted=wanted, stands=stands, locks=locks, rule=rule, approved=approved)
    if isinstance(verdict, Shut):
        assert barring(verdict.meant, locks) is not None
        return
    if operation != "create" and stands is not None:
        assert barring(stands, locks) is None
    if operation != "void":
        lands = verdict.day if isinstance(verdict, Moved) else wanted
        assert barring(lands, locks) is None


@settings(max_examples=40)
@given(DAYS, LOCKS)
def test_the_next_open_day_is_the_first_that_no_lock_binds(day: date, locks: list[Lock]) -> None:
    found = next_open(day, locks)
    assert found >= day
    assert barring(found, locks) is None
    assert found == day or barring(found - timedelta(days=1), locks) is not None


@settings(max_examples=40)
@given(OPERATIONS, DAYS, st.none() | DAYS, LOCKS, st.none() | DAYS)
def test_the_rule_hold_moves_nothing_that_nobody_approved(
    operation: Operation, wanted: date, stands: date | None, locks: list[Lock], approved: date | None
) -> None:
    verdict = judge(operation, wanted=wanted, stands=stands, locks=locks, rule="hold", approved=approved)
    assert not isinstance(verdict, Moved) or verdict.day == approved


@settings(max_examples=40)
@given(LOCKS)
def test_locks_are_kept_as_they_were_told(locks: list[Lock]) -> None:
    assert sorted(map(repr, from_plain(to_plain(locks)))) == sorted(map(repr, locks))


@pytest.mark.parametrize(
    ("rule", "approved", "expected"),
    [
        ("hold", None, Shut(date(2025, 12, 30), YEAR_END, date(2026, 1, 1))),
        ("approve", None, Shut(date(2025, 12, 30), YEAR_END, date(2026, 1, 1))),
        ("approve", date(2026, 1, 1), Moved(date(2025, 12, 30), date(2026, 1, 1), YEAR_END)),
        ("next_open_day", None, Moved(date(2025, 12, 30), date(2026, 1, 1), YEAR_END)),
    ],
)
def test_the_rule_says_what_becomes_of_a_new_document(rule: Rule, approved: date | None, expected: object) -> None:
    day = date(2025, 12, 30)
    assert judge("create", wanted=day, stands=None, locks=[YEAR_END], rule=rule, approved=approved) == expected


def test_what_stands_behind_a_lock_is_held_by_every_rule() -> None:
    for rule in ("hold", "next_open_day", "approve"):
        verdict = judge("update", wanted=date(2026, 2, 1), stands=date(2025, 12, 30), locks=[YEAR_END], rule=rule)
        assert verdict == Shut(date(2025, 12, 30), YEAR_END)


def test_where_only_a_refusal_is_known_there_is_no_day_to_move_to() -> None:
    learned = Lock(name="a refusal", until=date(2025, 12, 30), learned=True)
    verdict = judge("create", wanted=date(2025, 12, 30), stands=None, locks=[learned], rule="next_open_day")
    assert verdict == Shut(date(2025, 12, 30), learned)


def test_a_lock_binds_the_kinds_and_the_taxed_that_it_is_about() -> None:
    sales = Lock(name="sale lock date", until=date(2026, 1, 31), kinds=frozenset(("invoice",)))
    tax = Lock(name="tax lock date", until=date(2026, 1, 31), taxed=True)
    assert sales.binds("invoice", taxed=False)
    assert not sales.binds("bill", taxed=False)
    assert tax.binds("bill", taxed=True)
    assert not tax.binds("bill", taxed=False)
    assert is_taxed({"lines": [{"tax_rate": {"external_id": "7"}}]})
    assert not is_taxed({"lines": [{"net_amount": "1"}]})


# --- replay: what is decided when nothing is new ---------------------------------------------------------------------

FIELDS = st.fixed_dictionaries({name: st.sampled_from(("", "a", "b")) for name in ("number", "memo", "total")})


@settings(max_examples=40)
@given(FIELDS, FIELDS, st.none() | st.tuples(FIELDS, FIELDS))
def test_a_replay_makes_the_target_say_what_is_wanted_or_says_that_it_does(
    wanted: dict[str, str], holds: dict[str, str], agreed: tuple[dict[str, str], dict[str, str]] | None
) -> None:
    before = None if agreed is None else Agreed(*agreed)
    change = decide(wanted, Match("77", holds=holds), anew(before, wanted), Policy(conflicts="source"))
    if isinstance(change, Update):
        after = {**holds, **{each.field: each.after for each in change.differences}}
        assert after == wanted
    else:
        assert change == Skip("same_already")
        assert holds == wanted
