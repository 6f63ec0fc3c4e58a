"""Run the campaign: `bin/chaos`; its `--help` tells what can be asked.

First workers at named points, then the processes of a whole installation. Status 0 where every record has its one document.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TIEOUT_DEMO", "1")
os.environ.setdefault("TIEOUT_LOG_LEVEL", "CRITICAL")
django.setup()

from django.db import connections  # noqa: E402  # Django first
from rich.console import Console  # noqa: E402

from tests.chaos.ground import ground, sandboxes  # noqa: E402
from tests.chaos.lane import Lane  # noqa: E402
from tests.chaos.told import report  # noqa: E402
from tests.chaos.vendors import CALLED  # noqa: E402
from tests.chaos.without import GUARDS  # noqa: E402
from tests.operations.processes import free_port, redis_server  # noqa: E402

DOCUMENTS = 45  # in a round
console = Console(width=110)


def main() -> int:
    asked = argparse.ArgumentParser(prog="bin/chaos")
    asked.add_argument("--kills", type=int, default=1000, help="workers killed, stopped or cut off, over all lanes")
    asked.add_argument(
        "--seconds", type=float, default=float("inf"), help="begin no round so long after the lanes are set up"
    )
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--to", default=",".join(CALLED), help="the vendors, with commas between them")
    asked.add_argument("--lanes", type=int, default=2, help="for each vendor, each with a tenant of its own")
    asked.add_argument("--parts", type=int, default=100, help="processes of an installation killed, after that")
    asked.add_argument("--redis", action="store_true", help="that installation has its queue in Redis")
    asked.add_argument("--without", choices=GUARDS, default="", help="take a guard away: the campaign must fail")
    options = asked.parse_args()
    console.print(f"seed {options.seed}" + (f", without {options.without}" if options.without else ""))
    begun = time.monotonic()
    good = True
    if options.kills:
        with tempfile.TemporaryDirectory() as folder:
            lanes = campaign(options, Path(folder))
        report(console, lanes, seconds=time.monotonic() - begun)
        good = all(lane.tally.is_good for lane in lanes)
    if options.parts and not options.without:
        good &= installation(options)
    return 0 if good else 1


def installation(options: Any) -> bool:
    """The same for an installation under `manage.py serve`, in a process that has its settings; whether all went well."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        web, sandbox = free_port(), free_port()
        place = {
            "TIEOUT_VAR": folder,
            "TIEOUT_URL": f"http://127.0.0.1:{web}",
            "TIEOUT_SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
            "TIEOUT_SANDBOX_SPEED": "0",
        }
        if options.redis:
            place["TIEOUT_REDIS_URL"] = stack.enter_context(redis_server(Path(folder)))
        words = ("-m", "tests.chaos.house", str(options.parts), str(options.seed), str(options.seconds))
        ours = {name: text for name, text in os.environ.items() if not name.startswith("DATABASE_")}
        return subprocess.run([sys.executable, *words], env=ours | place).returncode == 0


def campaign(options: Any, folder: Path) -> Sequence[Lane]:
    """Every lane in a thread of its own, round after round, until enough was killed."""
    with ground(folder) as here, sandboxes(folder, options.lanes) as addresses:
        lanes = [
            here.lane(slug, number, address, seed=options.seed, without=options.without)
            for number, address in enumerate(addresses)
            for slug in options.to.split(",")
        ]
        enough = Enough(lanes, kills=options.kills, ends=time.monotonic() + options.seconds)
        threads = [threading.Thread(target=copy_context().run, args=(go, lane, enough)) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connections.close_all()
    return lanes


class Enough:
    """When the campaign is over: enough was killed, the time is up, or something has gone wrong."""

    def __init__(self, lanes: Sequence[Lane], *, kills: int, ends: float) -> None:
        self._lanes, self._kills, self._ends = lanes, kills, ends

    def __bool__(self) -> bool:
        killed = sum(lane.tally.kills.total() for lane in self._lanes)
        return (
            killed >= self._kills
            or time.monotonic() >= self._ends
            or not all(lane.tally.is_good for lane in self._lanes)
        )


def go(lane: Lane, enough: Enough) -> None:
    """Round after round."""
    number = 0
    try:
        while not enough:
            number += 1
            begun = time.monotonic()
            lane.round(number, DOCUMENTS)
            told = f"round {number}: {lane.tally.documents} documents, {lane.tally.kills.total()} kills so far"
            console.print(f"{lane.name} {told}, {time.monotonic() - begun:.0f} s")
    except Exception as error:
        lane.tally.not_green.append(f"the campaign itself broke: {type(error).__name__}: {error}"[:600])
        raise
    finally:
        connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
