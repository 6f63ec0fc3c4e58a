"""What a campaign did, and what came of it, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.lane import Lane, Tally
from tests.chaos.points import POINTS


def report(console: Console, lanes: Sequence[Lane], *, seconds: float) -> None:
    """Kills by point and vendor, the other troubles, and what the vendors' own ledgers say."""
    by_vendor: dict[str, list[Tally]] = {}
    for lane in lanes:
        by_vendor.setdefault(lane.vendor.slug, []).append(lane.tally)
    kills = {slug: sum((tally.kills for tally in tallies), Counter()) for slug, tallies in by_vendor.items()}
    deeds = {slug: sum((tally.deeds for tally in tallies), Counter()) for slug, tallies in by_vendor.items()}

    done = _table("Killed, stopped past the lease or cut off", "at", *by_vendor, "in all")
    for point in POINTS:
        _row(done, point, [kills[slug][point] for slug in by_vendor])
    _row(done, "in all", [kills[slug].total() for slug in by_vendor])
    console.print(done)

    other = _table("What was done", "", *by_vendor, "in all")
    for deed in sorted({deed for counted in deeds.values() for deed in counted}):
        _row(other, deed, [deeds[slug][deed] for slug in by_vendor])
    console.print(other)

    became = _table("By the vendors' own ledgers", "", "documents", "lost", "doubled", "other totals", "unknown left")
    for slug, tallies in by_vendor.items():
        figures = [(each.documents, each.lost, each.doubled, each.different, each.unknown) for each in tallies]
        became.add_row(slug, *(str(sum(column)) for column in zip(*figures, strict=True)))
    console.print(became)

    for lane in lanes:
        for words in lane.tally.not_green[:5]:
            console.print(f"{lane.name}: {words}", style="red")
    total = sum(counted.total() for counted in kills.values())
    console.print(f"{total} kills in {seconds:.0f} s, {60 * total / seconds:.0f} a minute")


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _row(table: Table, name: str, figures: Sequence[int]) -> None:
    table.add_row(name, *map(str, figures), str(sum(figures)))
