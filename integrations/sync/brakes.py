"""Brakes: what looks like an accident stops for a person before anything is sent.

What is unusual is set by a person, or learnt from what the flow did before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integrations.records.absence import Limit

PAST = 20  # runs that are looked back on
ENOUGH = 5  # runs from which something can be learnt


@dataclass(frozen=True, slots=True)
class Brakes:
    """From where on a run is unusual. Shares are of all records that the flow has linked, or that a list held before."""

    void_share: int = 20  # percent
    voids_at_least: int = 5
    update_share: int = 50  # percent
    updates_at_least: int = 100
    creates_at_most: int = 0  # 0: any number
    amount_at_most: int = 0  # of one document, in its own currency; 0: any amount
    sum_at_most: int = 0  # of one run's documents in one currency; 0: any amount
    times_usual: int = 10  # so many times what is usual in the flow; 0: nothing is learnt
    learnt_from_number: int = 100  # fewer records than this are never unusual by what is learnt
    learnt_from_amount: int = 10_000  # nor are smaller amounts
    shrink_share: int = 20  # percent of the rows that a published list had last time
    vanish_share: int = 20  # percent of the records that were there before
    vanished_at_least: int = 5

    @property
    def vanishing(self) -> Limit:
        """How many records may be missing from a list before a person must look."""
        return Limit(self.vanish_share, self.vanished_at_least)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a plan comes to: records by operation, and of what is created or changed the sum and the largest amount by currency."""

    counts: Mapping[str, int] = field(default_factory=dict)
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    largest: Mapping[str, Decimal] = field(default_factory=dict)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Figures:
        """Figures as they are kept with a run."""
        sums, largest = ({code: Decimal(text) for code, text in kept.get(name, {}).items()} for name in AMOUNTS)
        return cls(kept.get("counts", {}), sums, largest)

    def as_json(self) -> dict[str, Any]:
        """The figures as they are kept with a run."""
        amounts = {name: {code: f"{sum:f}" for code, sum in getattr(self, name).items()} for name in AMOUNTS}
        return {"counts": dict(self.counts), **amounts}


AMOUNTS = ("sums", "largest")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person should look first: in words, and the two figures, what is planned and what would have passed."""

    words: str
    planned: str
    passes: str


def usual(past: Sequence[Figures]) -> Figures | None:
    """What is usual in a flow, by its last runs that sent something; None where they are too few to tell.

    It is the second largest of each figure: a day of the week with more keeps counting, and one exceptional run (the
    first load, say) does not.
    """
    past = past[:PAST]
    if len(past) < ENOUGH:
        return None
    return Figures(
        counts={name: int(_second(each.counts.get(name, 0) for each in past)) for name in ("create", "update")},
        **{
            name: {
                code: Decimal(_second(getattr(each, name).get(code, 0) for each in past))
                for code in {code for each in past for code in getattr(each, name)}
            }
            for name in AMOUNTS
        },
    )


def _second(figures: Iterable[Decimal | int]) -> Decimal | int:
    return sorted(figures)[-2]


def unusual(planned: Figures, *, linked: int, usual: Figures | None, brakes: Brakes) -> list[Reason]:
    """Why a person should look at this plan first; empty where nothing is unusual.

    `linked` is how many records stand at the target already, `usual` what the flow does otherwise.
    """
    return [*_too_many(planned.counts, linked, brakes), *_too_much(planned, brakes), *_learnt(planned, usual, brakes)]


def _too_many(counts: Mapping[str, int], linked: int, brakes: Brakes) -> Iterable[Reason]:
    back, updates, creates = (
        counts.get("void", 0) + counts.get("credit", 0),
        counts.get("update", 0),
        counts.get("create", 0),
    )
    if back >= brakes.voids_at_least and back * 100 > linked * brakes.void_share:
        words = f"{back:,} of {linked:,} records would be voided or credited: look whether the source is complete."
        yield Reason(
            words, f"{back:,} of {linked:,}", f"{brakes.void_share} %, or fewer than {brakes.voids_at_least:,}"
        )
    if updates >= brakes.updates_at_least and updates * 100 > linked * brakes.update_share:
        words = f"{updates:,} of {linked:,} records would be changed: look whether the mapping or the source changed by mistake."
        passes = f"{brakes.update_share} %, or fewer than {brakes.updates_at_least:,}"
        yield Reason(words, f"{updates:,} of {linked:,}", passes)
    if brakes.creates_at_most and creates > brakes.creates_at_most:
        words = f"{creates:,} records would be created, and the flow allows {brakes.creates_at_most:,} in one run."
        yield Reason(words, f"{creates:,}", f"{brakes.creates_at_most:,}")


def _too_much(planned: Figures, brakes: Brakes) -> Iterable[Reason]:
    for name, most, what in (
        ("largest", brakes.amount_at_most, "One document comes to"),
        ("sums", brakes.sum_at_most, "The documents come to"),
    ):
        for code, amount in sorted(getattr(planned, name).items()):
            if most and amount > most:
                words = f"{what} {_money(amount, code)}, and the flow allows {_money(Decimal(most), code)}."
                yield Reason(words, _money(amount, code), _money(Decimal(most), code))


def _learnt(planned: Figures, usual: Figures | None, brakes: Brakes) -> Iterable[Reason]:
    if usual is None or not brakes.times_usual:
        return
    for name, done in (("create", "created"), ("update", "changed")):
        number, most = planned.counts.get(name, 0), usual.counts.get(name, 0) * brakes.times_usual
        if number >= brakes.learnt_from_number and number > most:
            words = f"{number:,} records would be {done}, and {usual.counts.get(name, 0):,} is usual in a large run."
            yield Reason(words, f"{number:,}", f"{max(most, brakes.learnt_from_number - 1):,}")
    for name, what in (("largest", "One document comes to"), ("sums", "The documents come to")):
        for code, amount in sorted(getattr(planned, name).items()):
            known = getattr(usual, name).get(code, Decimal(0))
            if amount >= brakes.learnt_from_amount and amount > known * brakes.times_usual:
                words = f"{what} {_money(amount, code)}, and {_money(known, code)} is usual in a large run."
                passes = max(known * brakes.times_usual, Decimal(brakes.learnt_from_amount - 1))
                yield Reason(words, _money(amount, code), _money(passes, code))


def _money(amount: Decimal, code: str) -> str:
    return f"{amount:,.2f} {code}".strip()


def shrank(rows: int, before: int | None, *, brakes: Brakes) -> str:
    """Why a person should look at a list before it replaces the published one; empty where nothing is unusual.

    `before` is how many rows it had last time; None where nothing was published yet.
    """
    if not rows:
        return "The list is empty: look whether the source is complete."
    if before is not None and (before - rows) * 100 > before * brakes.shrink_share:
        return f"The list has {rows} rows and had {before} last time: look whether the source is complete."
    return ""
