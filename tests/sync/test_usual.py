"""What is usual: weekly patterns never alarm, a volume that stays away does, and no single day decides."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.usual import LEAST_A_DAY, LEAST_WEEKS, Verdict, judge

MONDAY = date(2026, 6, 1)
WEEKS = 12


def hours(total: int, *, opens: int = 8, closes: int = 18) -> list[int]:
    """So many, spread over the hours in which the shop is open."""
    open_hours = closes - opens
    return [total * (h - opens + 1) // open_hours - total * (h - opens) // open_hours if opens <= h < closes else 0
            for h in range(24)]  # fmt: skip


def weeks(pattern: list[int], number: int, chance: random.Random | None = None) -> dict[date, list[int]]:
    """So many weeks of a pattern of seven daily volumes, from a Monday on; with `chance`, as a shop's days vary."""
    return {
        MONDAY + timedelta(days=day): hours(pattern[day % 7] if chance is None else drawn(chance, pattern[day % 7]))
        for day in range(7 * number)
    }


def drawn(chance: random.Random, mean: int) -> int:
    """So many customers of very many, each of whom comes with a small chance."""
    return sum(chance.random() < mean / 400 for _ in range(400))


def verdicts(days: dict[date, list[int]]) -> set[Verdict]:
    return {judge(days, today=day, through=hour).verdict for day in days for hour in (-1, 12)}


patterns = st.lists(st.sampled_from([0, 0, 1, 3, 10, 60, 150]), min_size=7, max_size=7)


@settings(max_examples=15, deadline=None)
@given(patterns)
def test_a_pattern_that_comes_back_every_week_is_never_missed(pattern: list[int]) -> None:
    assert verdicts(weeks(pattern, WEEKS)) <= {Verdict.USUAL, Verdict.UNKNOWN}


@settings(max_examples=10, deadline=None)
@given(patterns, st.integers(0, 2**32))
def test_nor_is_one_whose_days_vary_by_chance(pattern: list[int], seed: int) -> None:
    days = weeks(pattern, 16, random.Random(seed))
    assert Verdict.MISSING not in verdicts(days)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(20, 200), min_size=7, max_size=7), st.integers(5, WEEKS - 1), st.integers(0, 6))
def test_a_holiday_is_shown_and_alarms_nobody_neither_then_nor_in_the_weeks_after(
    pattern: list[int], week: int, weekday: int
) -> None:
    days = weeks(pattern, WEEKS)
    holiday = MONDAY + timedelta(weeks=week, days=weekday)
    days[holiday] = hours(0)

    assert judge(days, today=holiday, through=23).verdict == Verdict.SHORT
    assert Verdict.MISSING not in verdicts(days)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(20, 200), min_size=7, max_size=7), st.integers(5, WEEKS), st.integers(0, 6))
def test_a_volume_that_stays_away_is_missing_on_the_second_day_on_which_it_was_to_come(
    pattern: list[int], week: int, weekday: int
) -> None:
    pattern[6] = 0  # nothing on Sundays
    days = weeks(pattern, WEEKS + 2)
    stops = MONDAY + timedelta(weeks=week, days=weekday)
    for day in days:
        if day >= stops:
            days[day] = hours(0)
    expected = [day for day in sorted(days) if day >= stops and day.weekday() != 6]

    assert judge(days, today=expected[0], through=23).verdict == Verdict.SHORT
    judgement = judge(days, today=expected[1], through=23)
    assert judgement.verdict == Verdict.MISSING
    assert (judgement.since, judgement.came) == (expected[0], 0)


def test_it_is_missing_by_the_hour_at_which_enough_of_it_is_usual() -> None:
    days = weeks([100] * 7, WEEKS)
    stops = max(days) - timedelta(days=1)
    days[stops] = days[max(days)] = hours(0)

    found = {hour: judge(days, today=max(days), through=hour).verdict for hour in range(24)}

    assert {found[hour] for hour in range(8)} == {Verdict.SHORT}  # before it opens nothing is new since yesterday
    assert {found[hour] for hour in range(9, 24)} == {Verdict.MISSING}


def test_what_comes_later_in_the_day_than_usual_is_not_missing_once_it_came() -> None:
    days = weeks([100] * 7, WEEKS)
    today = max(days)
    days[today] = hours(90, opens=15)

    assert judge(days, today=today, through=14).verdict == Verdict.SHORT
    assert judge(days, today=today, through=23).verdict == Verdict.USUAL


def test_a_flow_of_one_day_a_week_is_missed_after_two_of_them() -> None:
    days = weeks([0, 0, 50, 0, 0, 0, 0], WEEKS)
    wednesdays = [day for day in sorted(days) if day.weekday() == 2]
    days[wednesdays[-2]] = days[wednesdays[-1]] = hours(0)

    assert judge(days, today=wednesdays[-2] + timedelta(days=4), through=23).verdict == Verdict.SHORT
    assert judge(days, today=wednesdays[-1], through=23).verdict == Verdict.MISSING


def test_a_few_a_day_are_missed_when_enough_days_are_without_any() -> None:
    days = weeks([LEAST_A_DAY] * 7, WEEKS)
    last = sorted(days)[-6:]
    for day in last:
        days[day] = hours(0)

    found = [judge(days, today=day, through=23).verdict for day in last]

    assert found[0] == Verdict.USUAL
    assert found[-1] == Verdict.MISSING


def test_what_stays_away_for_good_is_learnt() -> None:
    days = weeks([100] * 7, WEEKS)
    for each in range(7 * WEEKS, 7 * (WEEKS + 10)):
        days[MONDAY + timedelta(days=each)] = hours(0)
    found = [judge(days, today=day, through=23).verdict for day in sorted(days)[7 * WEEKS :]]

    assert set(found[1:21]) == {Verdict.MISSING}  # three weeks long
    assert not set(found[63:]) & {Verdict.SHORT, Verdict.MISSING}


def test_days_of_which_nothing_is_known_count_neither_way() -> None:
    days = weeks([100] * 7, WEEKS)
    today = max(days)
    for ago in (1, 2, 3):
        del days[today - timedelta(days=ago)]  # nobody could ask on these days

    assert judge(days, today=today, through=23).verdict == Verdict.USUAL
    del days[today]
    assert judge(days, today=today, through=23).verdict == Verdict.USUAL


def test_nothing_is_said_before_enough_weeks_are_known() -> None:
    days = weeks([100] * 7, LEAST_WEEKS)
    days[max(days)] = days[max(days) - timedelta(days=1)] = hours(0)

    assert judge(days, today=max(days), through=23).verdict == Verdict.UNKNOWN


def test_every_second_week_is_a_pattern_too() -> None:
    days = weeks([80] * 5 + [0, 0], WEEKS)
    for day in days:
        if ((day - MONDAY).days // 7) % 2:
            days[day] = hours(0)

    assert Verdict.MISSING not in verdicts(days)
