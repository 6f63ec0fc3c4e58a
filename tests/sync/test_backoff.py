"""How long a run waits: never less than the vendor asks, ever longer, bounded, and not all at the same moment."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.backoff import LONGEST, pause
from tests.house.source import files, is_within, module

tries = st.integers(1, 32_000)
chances = st.floats(0, 1)


@given(tries, st.floats(0, 1e6), chances)
@settings(max_examples=50)
def test_a_run_never_comes_back_before_the_vendor_said(number: int, asked: float, chance: float) -> None:
    assert pause(number, asked=asked, chance=chance) >= asked


@given(tries, chances)
@settings(max_examples=50)
def test_a_wait_is_bounded_and_grows(number: int, chance: float) -> None:
    assert 1 <= pause(number, chance=chance) <= LONGEST
    assert pause(number, chance=chance) <= pause(number + 1, chance=chance)


def test_a_vendor_that_asks_for_no_time_at_all_is_not_asked_again_and_again() -> None:
    assert sum(pause(number, asked=0, chance=0.5) for number in range(1, 20)) > 3600


def test_those_that_were_sent_away_together_do_not_come_back_together() -> None:
    chance = random.Random(1)
    seconds = {round(pause(1, asked=60, chance=chance.random()), 1) for _ in range(50)}
    assert len(seconds) > 25
    assert max(seconds) <= 66


def test_nothing_that_carries_out_a_run_ever_sleeps() -> None:
    """Only who waits for a turn, a token or a visitor's message does, for seconds at most, and none of them is here."""
    rooms = [f"integrations.{room}" for room in ("records", "crosswalk", "mapping", "sync")]
    within = [path for path in files() if any(is_within(module(path), room) for room in rooms)]
    asleep = [module(path) for path in within if "sleep(" in path.read_text()]
    assert asleep == ["integrations.sync.polled"]  # in a web process, for a visitor
