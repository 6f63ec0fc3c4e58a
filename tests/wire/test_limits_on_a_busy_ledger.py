"""Thirty tenants, a backfill of 200,000 records and a stranger on one ledger that is as strict as its manual: simulated.

The ledger (`strict_ledger`) knows nothing of ours; the deciding is what runs in production. Time is simulated: what a worker
does while it waits, and how late it comes back after it was sent away, is modelled on the tick's two seconds.
`test_budgets_between_processes` shows the same with real processes and a real database.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from integrations.wire.limits import Asker, Budget, Heard, Limits, Urgency, ask, end
from tests.wire.strict_ledger import DAY, MINUTE, Clock, StrictLedger

BEGAN = datetime(2026, 9, 14, tzinfo=UTC)
TENANTS = 30
BACKFILL = 200_000 // 50  # calls of 50 records
PATIENCE, TICK = 2.0, 2.0
FIGURES = (
    "{hours:.0f} h: {used:.1%} used ({ours} ours, {strangers} a stranger's), 429: {refused:.2%}, 95 % of {postings} postings "
    "in {late:.0f} s, slowest tenant {slowest:.0f} s, backfill {backfill} calls, {asks:.2f} questions a call"
)

log = logging.getLogger(__name__)  # pytest --log-cli-level=info shows the figures

Work = Generator[float, None, int]


@dataclass
class Town:
    """The ledger, all who use it, and what became of their calls."""

    limits: Limits
    ledger: StrictLedger
    seed: int
    clock: Clock = field(default_factory=Clock)
    budget: Budget = field(default_factory=Budget)
    answered: int = 0
    refused: int = 0
    asked: int = 0
    strangers: int = 0
    backfilled: int = 0
    waited: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.clock.now)

    def turn(self, who: str, urgency: Urgency) -> Work:
        """One call of a worker of ours, and however long it waits for it; gives the status."""
        while True:
            self.asked += 1
            asker = Asker(who=who, urgency=urgency, patience=PATIENCE)
            self.budget, turn = ask(self.limits, self.budget, self.now(), seconds=60, asker=asker)
            wait = (turn.at - self.now()).total_seconds()
            if turn.taken:
                break
            yield max(wait, 0.05) if wait <= PATIENCE else min(wait, 30) + self.chance.uniform(0, TICK + 0.3)
        yield max(wait, 0) + self.chance.uniform(0.05, 0.2)
        said = self.ledger.arrive(self.clock.now)
        yield self.chance.uniform(0.1, 0.5)
        if said.status == 200:
            self.ledger.leave()
            self.answered += 1
        else:
            self.refused += 1
        left = {"per_minute": said.minute_left, "per_day": said.day_left}
        told = {window: left[window] for window in self.limits.remaining}
        heard = Heard(remaining=told, refused=said.status == 429, retry_after=said.retry_after)
        self.budget = end(self.limits, self.budget, self.now(), turn, heard)
        return said.status

    def call(self, who: str, urgency: Urgency) -> Work:
        """One call that is made again until it is answered."""
        while (yield from self.turn(who, urgency)) != 200:
            yield self.chance.uniform(0, TICK)
        return 200

    def posting(self, tenant: int) -> Work:
        """A new posting: what the target says now is read, then it is posted."""
        born = self.clock.now
        yield from self.call(f"t{tenant}", Urgency.READING)
        yield from self.call(f"t{tenant}", Urgency.POSTING)
        self.waited.setdefault(tenant, []).append(self.clock.now - born)
        return 200

    def tenant(self, number: int, every: float) -> Work:
        while True:
            yield self.chance.expovariate(1 / every)
            self.clock.begin(self.posting(number))

    def backfill(self) -> Work:
        for _ in range(BACKFILL):
            yield from self.call("t0", Urgency.BACKFILL)
            self.backfilled += 1
        return 200

    def stranger(self, every: float) -> Work:
        """Another program, on its timer."""
        while True:
            yield self.chance.uniform(0.7, 1.3) * every
            if self.ledger.arrive(self.clock.now).status == 200:
                self.strangers += 1
                self.clock.begin(self.leaves())

    def leaves(self) -> Work:
        yield 0.3
        self.ledger.leave()
        return 200

    def live(self, seconds: float, *, posting_every: float, stranger_every: float) -> None:
        for number in range(TENANTS):
            self.clock.begin(self.tenant(number, posting_every))
        self.clock.begin(self.backfill())
        self.clock.begin(self.stranger(stranger_every))
        self.clock.run(lambda: self.clock.now >= seconds)

    def late(self) -> float:
        """Within how many seconds 95 of 100 postings were in."""
        every = sorted(each for tenant in self.waited.values() for each in tenant)
        return every[int(len(every) * 0.95)]

    def figures(self, allowed: float) -> str:
        return FIGURES.format(
            hours=self.clock.now / 3600,
            used=(self.answered + self.strangers) / allowed,
            ours=self.answered,
            strangers=self.strangers,
            refused=self.refused / (self.answered + self.refused),
            late=self.late(),
            postings=sum(map(len, self.waited.values())),
            slowest=max(sum(each) / len(each) for each in self.waited.values()),
            backfill=self.backfilled,
            asks=self.asked / (self.answered + self.refused),
        )


def limits(*, day: int) -> Limits:
    return Limits(
        per_minute=60, per_day=day, at_once=5, remaining={"per_minute": "MinLimit-Left", "per_day": "DayLimit-Left"}
    )


def check(town: Town, allowed: float) -> None:
    log.info(town.figures(allowed))
    assert town.answered + town.strangers >= 0.95 * allowed
    assert town.refused < 0.005 * (town.answered + town.refused)
    assert town.late() <= MINUTE
    assert len(town.waited) == TENANTS
    assert max(sum(each) / len(each) for each in town.waited.values()) < MINUTE
    assert town.backfilled > 0


def test_an_hour_in_which_all_together_want_more_than_the_minutes_limit() -> None:
    # The day's limit is out of reach, so that only the minute's decides; a stranger's timer takes 30 % of it.
    town = Town(limits(day=10**6), StrictLedger(day=10**6), seed=1)
    town.live(3600, posting_every=180, stranger_every=MINUTE / 18)
    check(town, 60 * 60)


def test_a_day_in_which_all_together_want_more_than_the_days_limit() -> None:
    town = Town(limits(day=5000), StrictLedger(day=5000), seed=1)
    town.live(DAY, posting_every=DAY / 20, stranger_every=DAY / 1500)
    check(town, 5000)


def test_who_does_not_listen_to_what_the_vendor_says_is_refused_far_more_often() -> None:
    deaf = Town(replace(limits(day=10**6), remaining={}), StrictLedger(day=10**6), seed=1)
    deaf.live(1200, posting_every=180, stranger_every=MINUTE / 18)
    assert deaf.refused > 0.005 * (deaf.answered + deaf.refused)
