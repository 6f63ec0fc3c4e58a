"""Run the campaign: `bin/chaos [--kills N] [--seed N] [--to VENDORS] [--without GUARD]`. Status 0 where nothing came of it."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextvars import copy_context
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TIEOUT_DEMO", "1")
os.environ.setdefault("TIEOUT_LOG_LEVEL", "ERROR")
django.setup()

from django.conf import settings  # noqa: E402  # Django first
from django.db import connections  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from plumbing import signs  # noqa: E402
from tests import database  # noqa: E402
from tests.chaos.lane import Lane, Nursery, administrator, nursery  # noqa: E402
from tests.chaos.points import POINTS  # noqa: E402
from tests.chaos.vendors import VENDORS  # noqa: E402
from tests.chaos.without import GUARDS  # noqa: E402
from tests.operations.processes import free_port, running, until  # noqa: E402

DOCUMENTS = 45  # in a round
console = Console(width=100)


def main() -> int:
    asked = argparse.ArgumentParser(prog="bin/chaos")
    asked.add_argument("--kills", type=int, default=1000, help="workers killed, stopped or cut off, over all lanes")
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--to", default=",".join(VENDORS), help="the vendors, with commas between them")
    asked.add_argument("--without", choices=GUARDS, default="", help="take a guard away: the campaign must fail")
    options = asked.parse_args()
    console.print(f"seed {options.seed}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lanes = campaign(options, Path(folder))
    report(lanes, seconds=time.monotonic() - begun)
    return 0 if all(lane.tally.is_good for lane in lanes) else 1


def campaign(options: Any, folder: Path) -> Sequence[Lane]:
    """Every lane in a thread of its own, round after round, until enough was killed."""
    database.administrator()  # the server of the tests, before this campaign has a place of its own
    port = free_port()
    place = {
        "VAR": folder, "FILES": folder / "exchange", "SANDBOX_URL": f"http://127.0.0.1:{port}", "SANDBOX_SPEED": 0,
    }  # fmt: skip
    for name, value in place.items():
        setattr(settings, name, value)
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in place.items()}
    sandbox = ("manage.py", "sandbox", "--port", str(port), "--state", str(folder / "sandbox"), "--limits", "0")
    with (
        database.clone("chaos") as name,
        running(*sandbox),
        nursery(name, plain) as workers,
        administrator(database.administrator() | {"dbname": name}) as admin,
    ):
        database.use(name)
        until(signs.answers(place["SANDBOX_URL"]), what="the sandbox's answer")
        lanes = [lane(slug, tenant, folder, workers, options, admin) for slug, tenant in whose(options.to)]
        each = -(-options.kills // len(lanes))
        threads = [threading.Thread(target=copy_context().run, args=(go, one, each)) for one in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connections.close_all()
    return lanes


def whose(slugs: str) -> Sequence[tuple[str, Any]]:
    """A tenant for each vendor."""
    return list(zip(slugs.split(","), database.TENANTS.values(), strict=False))


def lane(slug: str, tenant: Any, folder: Path, workers: Nursery, options: Any, admin: Any) -> Lane:
    sales = folder / "exchange" / next(name for name, key in database.TENANTS.items() if key == tenant) / "sales"
    sales.mkdir(parents=True)
    made = Lane(tenant, VENDORS[slug](), sales, workers, seed=options.seed, without=options.without, admin=admin)
    made.set_up()
    return made


def go(lane: Lane, kills: int) -> None:
    """Rounds until so many were killed, or something has gone wrong."""
    number = 0
    while lane.tally.kills.total() < kills and lane.tally.is_good:
        number += 1
        lane.round(number, DOCUMENTS)
        tally = lane.tally
        console.print(f"{lane.vendor.slug}: round {number}, {tally.documents} documents, {tally.kills.total()} kills")
    connections.close_all()


def report(lanes: Sequence[Lane], *, seconds: float) -> None:
    """What was done, and what came of it."""
    done = Table(title="Stood still, and were killed, stopped or cut off", title_justify="left")
    done.add_column("at")
    for lane in lanes:
        done.add_column(lane.vendor.slug, justify="right")
    for point in POINTS:
        done.add_row(point, *(str(lane.tally.kills[point]) for lane in lanes))
    done.add_row("in all", *(str(lane.tally.kills.total()) for lane in lanes))
    for deed in sorted({deed for lane in lanes for deed in lane.tally.deeds}):
        done.add_row(f"  {deed}", *(str(lane.tally.deeds[deed]) for lane in lanes), style="dim")
    console.print(done)
    became = Table(title="By the vendors' own ledgers", title_justify="left")
    for heading in ("", "documents", "lost", "doubled", "other totals", "unknown left"):
        became.add_column(heading, justify="left" if not heading else "right")
    for lane in lanes:
        tally = lane.tally
        figures = (tally.documents, tally.lost, tally.doubled, tally.different, tally.unknown)
        became.add_row(lane.vendor.slug, *map(str, figures))
    console.print(became)
    for lane in lanes:
        for words in lane.tally.not_green[:5]:
            console.print(f"{lane.vendor.slug}: {words}", style="red")
    console.print(f"{seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
