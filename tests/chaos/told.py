"""What a campaign did, and what came of it, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.lane import Lane
from tests.chaos.points import POINTS
from tests.chaos.tally import Tally


def report(console: Console, lanes: Sequence[Lane], *, seconds: float) -> None:
    """Kills by point and vendor, the other troubles, and what the vendors' own ledgers say."""
    by_vendor: dict[str, list[Tally]] = {}
    for lane in lanes:
        by_vendor.setdefault(lane.vendor.slug, []).append(lane.tally)
    nothing: Counter[str] = Counter()
    kills = {slug: sum((tally.kills for tally in tallies), nothing) for slug, tallies in by_vendor.items()}
    deeds = {slug: sum((tally.deeds for tally in tallies), nothing) for slug, tallies in by_vendor.items()}

    done = _table("Killed, stopped past the lease or cut off", "at", *by_vendor, "in all")
    for point in POINTS:
        _row(done, point, [kills[slug][point] for slug in by_vendor])
    _row(done, "in all", [kills[slug].total() for slug in by_vendor])
    console.print(done)

    other = _table("What was done", "", *by_vendor, "in all")
    for deed in sorted({deed for counted in deeds.values() for deed in counted}):
        _row(other, deed, [deeds[slug][deed] for slug in by_vendor])
    console.print(other)

    console.print(_ledgers(by_vendor))
    for lane in lanes:
        for words in lane.tally.not_green[:5]:
            console.print(f"{lane.name}: {words}", style="red")
    total = sum(counted.total() for counted in kills.values())
    console.print(f"{total} kills in {seconds:.0f} s, {60 * total / seconds:.0f} a minute")


def told_of_parts(
    console: Console, kills: Counter[str], back: Mapping[str, float], tallies: Mapping[str, Tally], away: Sequence[str]
) -> None:
    """Which processes of an installation were killed or stopped, when they were back at the latest, and what the ledgers say."""
    done = _table("Killed or stopped under manage.py serve", "", "times", "back within, s")
    for kind in sorted(kills):
        done.add_row(kind, str(kills[kind]), f"{back[kind]:.0f}" if kind in back else "")
    done.add_row("in all", str(kills.total()), "")
    console.print(done)
    console.print(_ledgers({slug: [tally] for slug, tally in tallies.items()}))
    for slug, tally in tallies.items():
        for words in tally.not_green[:5]:
            console.print(f"{slug}: {words}", style="red")
    for kind in away:
        console.print(f"{kind}: did not come back", style="red")


def _ledgers(by_vendor: Mapping[str, Sequence[Tally]]) -> Table:
    table = _table("By the vendors' own ledgers", "", "documents", "lost", "doubled", "other totals", "unknown left")
    for slug, tallies in by_vendor.items():
        columns = zip(*(tally.became for tally in tallies), strict=True)
        table.add_row(slug, *(str(sum(column)) for column in columns))
    return table


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _row(table: Table, name: str, figures: Sequence[int]) -> None:
    table.add_row(name, *map(str, figures), str(sum(figures)))
