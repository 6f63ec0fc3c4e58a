"""Run the benchmark cases and print them as ratios: `bin/bench [--invoices N] [--documents N] [--flows N] [--rounds N]`.

Who is compared reads from the same local source into the same PostgreSQL, one after the other, in turns that begin with
another each time. Documents are the real sales in shared/ where these are beside the project; with N, so many made-up ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TIEOUT_DEMO", "1")
django.setup()

import psycopg  # noqa: E402  # Django first
from psycopg.conninfo import make_conninfo  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from tests import database  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
DLT = "dlt[postgres]==1.31.0"
TIMES = ("first", "first_processor", "again", "again_processor")
GOAL = {"first": 4, "again": 10}  # how many times our time dlt is to take
SALES = ROOT.parent / "shared" / "data" / "online_retail_sample_30000_lines.csv.gz"
console = Console(width=120)

Result = dict[str, float]


def main() -> None:
    asked = argparse.ArgumentParser(prog="bin/bench")
    asked.add_argument(
        "--invoices", type=int, default=100_000, help="of three lines each, for the intake; 0 leaves it out"
    )
    asked.add_argument("--documents", type=int, help="made-up ones for plan and apply; 0 leaves it out")
    asked.add_argument("--flows", type=int, default=50_000, help="for the tick; 0 leaves it out")
    asked.add_argument("--rounds", type=int, default=1, help="turns; medians are compared")
    options = asked.parse_args()
    if options.invoices:
        with tempfile.TemporaryDirectory() as folder:
            intake(options.invoices, options.rounds, Path(folder))
    if options.documents != 0:
        apply(options.documents, options.rounds)
    if options.flows:
        tick(options.flows)


def intake(invoices: int, rounds: int, folder: Path) -> None:
    """The first load and an unchanged re-read: ours, dlt's, and the bare limit."""
    sides = {"ours": ours, "dlt": by_dlt, "bare limit": bare}
    found: dict[str, list[Result]] = {who: [] for who in sides}
    with source(invoices) as url:
        for turn in range(rounds):
            for step in range(len(sides)):
                who = list(sides)[(turn + step) % len(sides)]
                found[who].append(sides[who](url, turn, folder))
    table = Table(
        title=f"Intake of {invoices:,} invoices of three lines, medians of {turns(rounds)}", title_justify="left"
    )
    for heading in ("", *("first load", "x", "processors", "x"), *("re-read", "x", "processors", "x"), "peak"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for who, results in found.items():
        times = [(of(results, name), of(results, name) / of(found["ours"], name)) for name in TIMES]
        cells = [(f"{seconds:.1f} s", f"{ratio:.2f}") for seconds, ratio in times]
        table.add_row(who, *chain.from_iterable(cells), f"{of(results, 'peak_mb'):.0f} MB")
    table.add_section()
    goals = chain.from_iterable(("", f"{GOAL[name.partition('_')[0]]}.00") for name in TIMES)
    table.add_row("goal: dlt", *goals, "flat")
    console.print(table)


def ours(url: str, turn: int, folder: Path) -> Result:
    with scratch(f"bench_ours_{turn}", clone=True) as name:
        return run([sys.executable, "-m", "tests.bench.ours", url, name])


def by_dlt(url: str, turn: int, folder: Path) -> Result:
    with scratch(f"bench_dlt_{turn}") as name:
        return run([str(dlt_environment()), str(HERE / "with_dlt.py"), url, address(name), str(folder / str(turn))])


def bare(url: str, turn: int, folder: Path) -> Result:
    with scratch(f"bench_bare_{turn}") as name:
        return run([sys.executable, "-m", "tests.bench.bare", url, conninfo(name)])


def apply(documents: int | None, rounds: int) -> None:
    """Plan and apply to the simulated QuickBooks: how much of the time is ours, and how much the simulator's."""
    sales = str(documents or (SALES if SALES.exists() else 12_392))
    results = []
    for turn in range(rounds):
        with scratch(f"bench_apply_{turn}", clone=True) as name:
            results.append(run([sys.executable, "-m", "tests.bench.apply", sales, name]))
    whole, vendor, records = (of(results, name) for name in ("first_processor", "vendor", "records"))
    title = f"{of(results, 'documents'):,.0f} documents and what they name, {records:,.0f} records, into the QuickBooks simulator"
    table = Table(title=f"{title}, medians of {turns(rounds)}", title_justify="left")
    for heading in ("", "processors", "a record", "share"):
        table.add_column(heading, justify="left" if not heading else "right")
    for who, seconds in (("all of it", whole), ("the simulator", vendor), ("ours", whole - vendor)):
        table.add_row(who, f"{seconds:.1f} s", f"{seconds / records * 1000:.2f} ms", f"{seconds / whole:.0%}")
    table.add_row("an unchanged run", f"{of(results, 'again_processor'):.1f} s", "", "")
    console.print(table)
    console.print(f"It took {of(results, 'first'):.1f} s, and {of(results, 'again'):.1f} s again.")
    console.print(f"Peak memory {of(results, 'peak_mb'):.0f} MB, simulator included.")


def tick(flows: int) -> None:
    """What the tick costs with so many flows: when none is due, and when a thousand are, of two tenants and of a thousand."""
    with scratch("bench_tick", clone=True) as name:
        found = run([sys.executable, "-m", "tests.bench.tick", str(flows), name])
    table = Table(title=f"The tick over {flows:,} flows of 1,000 tenants", title_justify="left")
    for heading in ("", "time", "processors", "goal"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("none is due, a look", f"{found['idle']:.1f} ms", f"{found['idle_processor']:.1f} ms", "50.0 ms")
    for case, tenants in (("few", "2"), ("many", "1,000")):
        words = f"1,000 due of {tenants} tenants, {found[f'{case}_dispatched']:,.0f} dispatched in one look"
        table.add_row(words, f"{found[case]:.1f} s", f"{found[f'{case}_processor']:.1f} s", "60.0 s")
    console.print(table)


def turns(rounds: int) -> str:
    return f"{rounds} turns" if rounds > 1 else "one turn"


def of(results: Sequence[Result], name: str) -> float:
    return median(result[name] for result in results)


def run(command: Sequence[str]) -> Result:
    """What a measured process told in its last line."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "platform"))),
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@contextmanager
def source(invoices: int) -> Iterator[str]:
    """The local vendor, in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "source.py"), str(invoices)], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the source says nothing")
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/invoices"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def scratch(name: str, *, clone: bool = False) -> Iterator[str]:
    """A database of its own: ours migrated and with its roles, or an empty one."""
    if clone:
        with database.clone(name) as ours:
            yield ours
        return
    with psycopg.connect(**database.administrator(), autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield name
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def conninfo(name: str) -> str:
    return make_conninfo(**database.administrator() | {"dbname": name})


def address(name: str) -> str:
    """The database as dlt wants it said: with a host and a password even where a socket needs neither."""
    where = database.administrator()
    login = f"{where.get('user', 'postgres')}:{where.get('password', 'unused')}"
    host = str(where.get("host", "localhost"))
    if host.startswith("/"):
        return f"postgresql://{login}@localhost/{name}?host={host}"
    return f"postgresql://{login}@{host}:{where.get('port', 5432)}/{name}"


def dlt_environment() -> Path:
    """The interpreter of an environment with dlt, which this project does not need otherwise."""
    folder = ROOT / "var" / "bench"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", DLT], check=True)
    return python


if __name__ == "__main__":
    main()
