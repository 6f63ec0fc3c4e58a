"""Budgets: no window of the vendor's, wherever it begins, ever holds more calls than the limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.wire.limits import Budget, Limits, begin, end, next_call, slow_down

NOW = datetime(2026, 9, 14, 10, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def spend(limits: Limits, calls: int, budget: Budget | None = None, at: datetime = NOW) -> Budget:
    budget = budget or Budget()
    for _ in range(calls):
        budget = end(limits, begin(limits, budget, at, at + MINUTE), at, at + MINUTE)
    return budget


def test_what_is_within_the_limits_goes_at_once() -> None:
    limits = Limits(per_second=10, per_minute=500)
    assert next_call(limits, spend(limits, 9), NOW) == NOW


def test_a_full_second_waits_until_it_is_over() -> None:
    limits = Limits(per_second=10)
    wait = next_call(limits, spend(limits, 10), NOW) - NOW
    assert timedelta(seconds=1) <= wait <= timedelta(seconds=1.2)


def test_the_scarcest_window_decides() -> None:
    limits = Limits(per_second=10, per_minute=10)
    assert next_call(limits, spend(limits, 10), NOW) - NOW > timedelta(seconds=59)


def test_batches_have_a_window_of_their_own() -> None:
    limits = Limits(per_minute=500, batches_per_minute=1)
    budget = end(limits, begin(limits, Budget(), NOW, NOW + MINUTE, batch=True), NOW, NOW + MINUTE, batch=True)
    assert next_call(limits, budget, NOW) == NOW
    assert next_call(limits, budget, NOW, batch=True) > NOW


def test_no_more_are_under_way_than_the_vendor_takes_at_once() -> None:
    limits = Limits(at_once=2)
    first, second = NOW + MINUTE, NOW + 2 * MINUTE
    budget = begin(limits, begin(limits, Budget(), NOW, first), NOW, second)
    assert next_call(limits, budget, NOW) == first
    assert next_call(limits, end(limits, budget, NOW, second), NOW) == NOW


def test_a_worker_that_died_frees_its_place_when_its_call_must_be_over() -> None:
    limits = Limits(at_once=1)
    budget = begin(limits, Budget(), NOW, NOW + MINUTE)
    assert next_call(limits, budget, NOW + MINUTE) == NOW + MINUTE


def test_the_vendors_own_time_is_obeyed() -> None:
    budget = slow_down(Budget(), NOW, 90)
    assert next_call(Limits(), budget, NOW) == NOW + timedelta(seconds=90)


def test_a_vendor_that_names_no_time_is_left_alone_longer_each_time() -> None:
    budget, at, pauses = Budget(), NOW, []
    for _ in range(12):
        budget = end(Limits(), begin(Limits(), budget, at, at + MINUTE), at, at + MINUTE)
        budget = slow_down(budget, at)
        free = next_call(Limits(), budget, at)
        pauses.append((free - at).total_seconds())
        at = free
    assert pauses[:3] == [2, 4, 8]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_a_refusal_long_after_the_last_begins_a_new_row() -> None:
    budget = slow_down(slow_down(Budget(), NOW), NOW)
    later = NOW + timedelta(hours=1)
    assert next_call(Limits(), slow_down(budget, later), later) == later + timedelta(seconds=2)


def test_a_faster_vendor_has_higher_rates_and_no_more_at_once() -> None:
    limits = Limits(per_minute=500, at_once=3)
    assert limits.faster(10) == Limits(per_minute=5000, at_once=3)
    assert limits.faster(0) == Limits()


def test_an_absurd_pause_is_bounded() -> None:
    budget = slow_down(Budget(), NOW, 10**9)
    assert next_call(Limits(), budget, NOW) <= NOW + timedelta(days=1)


def test_a_budget_stays_small_and_can_be_kept_as_json() -> None:
    limits = Limits(per_second=10, per_minute=500, per_day=5000)
    budget, at = Budget(), NOW
    for _ in range(3000):
        at += timedelta(seconds=0.7)
        budget = end(limits, begin(limits, budget, at, at + MINUTE), at, at + MINUTE)
    kept = msgspec.json.encode(budget)
    assert len(kept) < 1000
    assert msgspec.json.decode(kept, type=Budget) == budget


@settings(max_examples=60)
@given(st.lists(st.floats(min_value=0, max_value=0.7), min_size=1, max_size=80), st.integers(1, 7), st.integers(1, 20))
def test_no_window_of_the_vendors_ever_holds_more_than_the_limit(
    pauses: list[float], per_second: int, per_minute: int
) -> None:
    limits = Limits(per_second=per_second, per_minute=per_minute)
    budget, at, sent = Budget(), NOW, []
    for pause in pauses:
        at = next_call(limits, budget, at + timedelta(seconds=pause))
        budget = end(limits, begin(limits, budget, at, at + MINUTE), at, at + MINUTE)
        sent.append(at)
    for first in sent:
        assert sum(first <= other < first + timedelta(seconds=1) for other in sent) <= per_second
        assert sum(first <= other < first + MINUTE for other in sent) <= per_minute


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 3), st.floats(0, 1)), min_size=1, max_size=60),
    st.integers(1, 7),
)
def test_a_call_counts_whenever_on_its_way_it_reaches_the_vendor(
    calls: list[tuple[float, float, float]], per_second: int
) -> None:
    limits, budget, at = Limits(per_second=per_second, at_once=100), Budget(), NOW
    arrived: list[datetime] = []
    ends: list[tuple[datetime, datetime]] = []

    def end_those_before(moment: datetime) -> None:
        nonlocal budget
        for ended, over_by in sorted(each for each in ends if each[0] <= moment):
            budget = end(limits, budget, ended, over_by)
            ends.remove((ended, over_by))

    for number, (pause, takes, part) in enumerate(calls):
        wanted = at + timedelta(seconds=pause)
        end_those_before(wanted)
        while (at := next_call(limits, budget, wanted)) > wanted:
            wanted = at
            end_those_before(wanted)
        over_by = at + MINUTE + timedelta(microseconds=number)
        budget = begin(limits, budget, at, over_by)
        ends.append((at + timedelta(seconds=takes), over_by))
        arrived.append(at + timedelta(seconds=takes * part))
    for first in arrived:
        assert sum(first <= other < first + timedelta(seconds=1) for other in arrived) <= per_second


def test_most_of_a_limit_can_be_used() -> None:
    limits = Limits(per_minute=60)
    budget, at, sent = Budget(), NOW, 0
    while at < NOW + 10 * MINUTE:
        at = next_call(limits, budget, at)
        budget = end(limits, begin(limits, budget, at, at + MINUTE), at, at + MINUTE)
        sent += 1
    assert sent > 600 * 0.9
