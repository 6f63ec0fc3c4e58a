"""Budgets: no window of the vendor's, wherever it begins, ever holds more calls than the limit; and who goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.wire.limits import Asker, Budget, Heard, Limits, Turn, Urgency, ask, end, finish

NOW = datetime(2026, 9, 14, 10, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REMAINING = {"per_minute": "left"}


def begin(
    limits: Limits, budget: Budget, at: datetime = NOW, *, urgency: Urgency = Urgency.POSTING, batch: bool = False
) -> tuple[Budget, Turn]:
    return ask(limits, budget, at, seconds=60, asker=Asker(urgency=urgency, batch=batch))


def spend(
    limits: Limits, calls: int, budget: Budget | None = None, at: datetime = NOW, *, batch: bool = False
) -> Budget:
    budget = budget or Budget()
    for _ in range(calls):
        budget, turn = begin(limits, budget, at, batch=batch)
        assert turn.taken
        budget = end(limits, budget, at, turn)
    return budget


def next_call(
    limits: Limits, budget: Budget, at: datetime = NOW, *, urgency: Urgency = Urgency.POSTING, batch: bool = False
) -> datetime:
    return begin(limits, budget, at, urgency=urgency, batch=batch)[1].at


def refuse(limits: Limits, budget: Budget, at: datetime = NOW, *, retry_after: float | None = None) -> Budget:
    budget, turn = begin(limits, budget, at)
    return end(limits, budget, at, turn, Heard(refused=True, retry_after=retry_after))


def test_what_is_within_the_limits_goes_at_once() -> None:
    limits = Limits(per_second=10, per_minute=500)
    assert next_call(limits, spend(limits, 9)) == NOW


def test_a_full_second_waits_until_it_is_over() -> None:
    limits = Limits(per_second=10)
    assert SECOND <= next_call(limits, spend(limits, 10)) - NOW <= timedelta(seconds=1.2)


def test_the_scarcest_window_decides() -> None:
    limits = Limits(per_second=10, per_minute=10)
    assert next_call(limits, spend(limits, 10)) - NOW > timedelta(seconds=59)


def test_batches_have_a_window_of_their_own() -> None:
    limits = Limits(per_minute=500, batches_per_minute=1)
    budget = spend(limits, 1, batch=True)
    assert next_call(limits, budget) == NOW
    assert next_call(limits, budget, batch=True) > NOW


def test_no_more_are_under_way_than_the_vendor_takes_at_once() -> None:
    limits = Limits(at_once=2)
    budget, first = begin(limits, Budget())
    budget, _ = begin(limits, budget)
    assert not begin(limits, budget)[1].taken
    assert begin(limits, end(limits, budget, NOW, first))[1].taken


def test_a_worker_that_died_frees_its_place_when_its_call_must_be_over() -> None:
    limits = Limits(at_once=1)
    budget, _ = begin(limits, Budget())
    assert not begin(limits, budget, NOW + MINUTE - SECOND)[1].taken
    assert begin(limits, budget, NOW + MINUTE)[1].taken


def test_a_call_whose_worker_died_still_counts_till_a_window_after_its_latest_end() -> None:
    limits = Limits(per_minute=1)
    budget, _ = begin(limits, Budget())
    assert next_call(limits, budget, NOW + MINUTE) >= NOW + 2 * MINUTE


def test_a_turn_within_ones_patience_is_taken_and_counts() -> None:
    limits, patient = Limits(per_second=1), Asker(patience=2.0)
    budget = spend(limits, 1)
    budget, first = ask(limits, budget, NOW, seconds=60, asker=patient)
    assert first.taken
    assert SECOND <= first.at - NOW < 1.1 * SECOND
    _, second = ask(limits, budget, NOW, seconds=60, asker=patient)
    assert not second.taken


def test_the_vendors_own_time_is_obeyed() -> None:
    budget = refuse(Limits(at_once=9), Budget(), retry_after=90)
    assert next_call(Limits(at_once=9), budget) == NOW + timedelta(seconds=90)


def test_a_vendor_that_names_no_time_is_left_alone_longer_each_time() -> None:
    limits, budget, at, pauses = Limits(at_once=9), Budget(), NOW, []
    for _ in range(12):
        budget = refuse(limits, budget, at)
        free = next_call(limits, budget, at)
        pauses.append((free - at).total_seconds())
        at = free
    assert pauses[:3] == [2, 4, 8]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_a_refusal_long_after_the_last_begins_a_new_row() -> None:
    limits, later = Limits(at_once=9), NOW + HOUR
    budget = refuse(limits, refuse(limits, Budget()), later)
    assert next_call(limits, budget, later) == later + 2 * SECOND


def test_an_absurd_pause_is_bounded() -> None:
    assert next_call(Limits(at_once=9), refuse(Limits(at_once=9), Budget(), retry_after=10**9)) <= NOW + DAY


def test_a_faster_vendor_has_shorter_windows_and_no_more_at_once() -> None:
    limits = Limits(per_minute=10, at_once=3).faster(10)
    assert timedelta(seconds=6) <= next_call(limits, spend(limits, 10)) - NOW < timedelta(seconds=6.1)
    assert limits.at_once == 3
    assert not Limits(per_minute=10).faster(0).are_named


def test_strangers_are_known_from_what_the_vendor_says_is_left() -> None:
    limits = Limits(per_minute=60, remaining=REMAINING)
    budget, turn = begin(limits, Budget())
    budget = end(limits, budget, NOW, turn, Heard(remaining={"per_minute": 2}))
    budget, turn = begin(limits, budget)
    assert turn.taken
    assert next_call(limits, budget, NOW + SECOND) >= NOW + MINUTE


def test_strangers_that_have_left_the_window_are_forgotten() -> None:
    limits = Limits(per_minute=60, remaining=REMAINING)
    budget, turn = begin(limits, Budget())
    budget = end(limits, budget, NOW, turn, Heard(remaining={"per_minute": 1}))
    budget, turn = begin(limits, budget)
    budget = end(limits, budget, NOW + SECOND, turn, Heard(remaining={"per_minute": 50}))
    assert next_call(limits, budget, NOW + SECOND) == NOW + SECOND


def test_strangers_are_known_from_a_refusal_where_the_vendor_says_nothing_and_fade() -> None:
    limits = Limits(per_minute=10)
    budget = refuse(limits, spend(limits, 6), retry_after=0)
    assert next_call(limits, budget) > NOW + 50 * SECOND
    later = NOW + 3 * MINUTE
    assert next_call(limits, spend(limits, 6, budget, later), later) == later
    assert not begin(limits, spend(limits, 8, budget, later), later)[1].taken
    later = NOW + 11 * MINUTE
    assert next_call(limits, spend(limits, 9, budget, later), later) == later


def test_a_backfill_leaves_room_for_postings_at_every_moment() -> None:
    limits, budget, backfill = Limits(per_day=1000), Budget(), 0
    while (turned := begin(limits, budget, urgency=Urgency.BACKFILL))[1].taken:
        budget, backfill = end(limits, turned[0], NOW, turned[1]), backfill + 1
    assert 200 <= backfill <= 250
    while (turned := begin(limits, budget, urgency=Urgency.READING))[1].taken:
        budget = end(limits, turned[0], NOW, turned[1])
    assert next_call(limits, spend(limits, 400, budget)) == NOW


def test_a_backfill_alone_uses_nearly_all_of_a_window() -> None:
    limits, budget, at, sent = Limits(per_day=1000), Budget(), NOW, 0
    while (at := next_call(limits, budget, at, urgency=Urgency.BACKFILL)) < NOW + DAY:
        budget, turn = begin(limits, budget, at + timedelta(milliseconds=1), urgency=Urgency.BACKFILL)
        budget, sent = end(limits, budget, at, turn), sent + turn.taken
        at += SECOND
    assert sent >= 980


def test_one_place_of_several_is_kept_for_postings() -> None:
    limits, budget = Limits(at_once=3), Budget()
    for _ in range(2):
        budget, turn = begin(limits, budget, urgency=Urgency.BACKFILL)
        assert turn.taken
    assert not begin(limits, budget, urgency=Urgency.BACKFILL)[1].taken
    assert begin(limits, budget)[1].taken


def wants(limits: Limits, budget: Budget, who: str, at: datetime, urgency: Urgency) -> tuple[Budget, bool, Turn]:
    budget, turn = ask(limits, budget, at, seconds=60, asker=Asker(who=who, urgency=urgency, patience=2.0))
    return budget, turn.taken, turn


def test_who_posts_goes_before_who_reads_and_who_reads_before_a_backfill() -> None:
    limits = Limits(at_once=1)
    budget, _, running = wants(limits, Budget(), "long", NOW, Urgency.BACKFILL)
    for who, urgency in (("b", Urgency.BACKFILL), ("r", Urgency.READING), ("p", Urgency.POSTING)):
        budget, taken, _ = wants(limits, budget, who, NOW, urgency)
        assert not taken
    budget, order = end(limits, budget, NOW, running), []
    for _ in range(3):
        for who, urgency in (("b", Urgency.BACKFILL), ("r", Urgency.READING), ("p", Urgency.POSTING)):
            if who not in order:
                budget, taken, running = wants(limits, budget, who, NOW + SECOND, urgency)
                if taken:
                    order.append(who)
                    budget = end(limits, budget, NOW + SECOND, running)
                    break
    assert order == ["p", "r", "b"]


def test_those_who_want_the_same_take_turns() -> None:
    limits = Limits(at_once=1)
    budget, _, running = wants(limits, Budget(), "greedy", NOW, Urgency.POSTING)
    budget, _, _ = wants(limits, budget, "patient", NOW, Urgency.POSTING)
    budget = end(limits, budget, NOW + SECOND, running)
    budget, taken, _ = wants(limits, budget, "greedy", NOW + SECOND, Urgency.POSTING)
    assert not taken
    budget, taken, _ = wants(limits, budget, "patient", NOW + SECOND, Urgency.POSTING)
    assert taken


def test_who_does_not_come_back_stops_nobody() -> None:
    limits = Limits(at_once=1)
    budget, _, running = wants(limits, Budget(), "first", NOW, Urgency.POSTING)
    budget, _, _ = wants(limits, budget, "gone", NOW, Urgency.POSTING)
    budget = end(limits, budget, NOW + SECOND, running)
    _, taken, _ = wants(limits, budget, "b", NOW + 10 * SECOND, Urgency.BACKFILL)
    assert taken


def test_a_backfill_that_waits_long_is_let_in_between() -> None:
    limits = Limits(at_once=1)
    budget, _, running = wants(limits, Budget(), "first", NOW, Urgency.POSTING)
    budget, _, _ = wants(limits, budget, "b", NOW, Urgency.BACKFILL)
    budget, later = end(limits, budget, NOW + SECOND, running), NOW + 2 * MINUTE
    budget, taken, running = wants(limits, budget, "second", later, Urgency.POSTING)
    budget, _, _ = wants(limits, budget, "third", later + SECOND, Urgency.POSTING)
    budget, _, _ = wants(limits, budget, "b", later + SECOND, Urgency.BACKFILL)
    budget = end(limits, budget, later + 2 * SECOND, running)
    _, taken, _ = wants(limits, budget, "third", later + 2 * SECOND, Urgency.POSTING)
    assert not taken


def test_a_call_that_never_went_is_not_counted() -> None:
    limits = Limits(per_minute=1)
    budget, turn = begin(limits, Budget())
    assert next_call(limits, end(limits, budget, NOW, turn, Heard(sent=False))) == NOW


@pytest.mark.parametrize(
    ("calls", "each", "least", "most"),
    [(10, 1.0, 10, 10), (600, 0.1, 540, 600), (6000, 0.1, DAY.total_seconds(), 1.1 * DAY.total_seconds())],
    ids=["its own pace", "the minute's", "the day's"],
)
def test_the_finish_is_reckoned_from_the_pace_and_from_the_limits(
    calls: int, each: float, least: float, most: float
) -> None:
    limits = Limits(per_minute=60, per_day=4000)
    at = finish(limits, Budget(), NOW, calls=calls, seconds_each=each, urgency=Urgency.POSTING)
    assert least <= (at - NOW).total_seconds() <= most


def test_a_budget_stays_small_and_can_be_kept() -> None:
    limits = Limits(per_second=10, per_minute=60, per_day=5000)
    budget, at = Budget(), NOW
    for _ in range(3000):
        at += timedelta(seconds=7)
        budget = spend(limits, 1, budget, at)
    kept = msgspec.msgpack.encode(budget)
    assert len(kept) < 4000
    assert msgspec.msgpack.decode(kept, type=Budget) == msgspec.convert(msgspec.to_builtins(budget), Budget)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.floats(0, 3), st.floats(0, 1), st.floats(0, 0.4)), min_size=1, max_size=60
    ),
    st.integers(1, 7),
    st.integers(4, 30),
    st.floats(0, 2),
)
def test_no_window_ever_holds_more_wherever_on_its_way_a_call_reaches_the_vendor_and_however_late_it_goes(
    calls: list[tuple[float, float, float, float]], per_second: int, per_minute: int, patience: float
) -> None:
    limits, budget, now = Limits(per_second=per_second, per_minute=per_minute, at_once=9), Budget(), NOW
    arrived: list[datetime] = []
    ends: list[tuple[datetime, Turn]] = []
    for pause, takes, part, oversleeps in calls:
        now += timedelta(seconds=pause)
        while True:
            for ended, turn in sorted((each for each in ends if each[0] <= now), key=lambda each: each[0]):
                budget = end(limits, budget, ended, turn)
                ends.remove((ended, turn))
            asker = Asker(patience=patience, urgency=Urgency.POSTING)
            budget, turn = ask(limits, budget, now, seconds=60 + len(arrived) / 1000, asker=asker)
            if turn.taken:
                break
            now = max(turn.at, now + timedelta(milliseconds=1))
        goes = turn.at + timedelta(seconds=oversleeps)
        arrived.append(goes + timedelta(seconds=takes * part))
        ends.append((goes + timedelta(seconds=takes), turn))
    arrived.sort()
    for first in arrived:
        assert sum(first <= other < first + SECOND for other in arrived) <= per_second
        assert sum(first <= other < first + MINUTE for other in arrived) <= per_minute
