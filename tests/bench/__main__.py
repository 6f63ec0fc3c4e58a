"""Run the benchmark cases and print them as ratios: `bin/bench [--invoices N] [--documents N] [--rounds N]`.

Who is compared reads from the same local source into the same PostgreSQL, one after the other, in turns.
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
console = Console(width=100)

Result = dict[str, float]


def main() -> None:
    asked = argparse.ArgumentParser(prog="bin/bench")
    asked.add_argument("--invoices", type=int, default=100_000, help="of three lines each, for the intake")
    asked.add_argument("--documents", type=int, default=12_392, help="for plan and apply")
    asked.add_argument("--rounds", type=int, default=1, help="turns; medians are compared")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        intake(options.invoices, options.rounds, Path(folder))
        apply(options.documents, options.rounds)


def intake(invoices: int, rounds: int, folder: Path) -> None:
    """The first load and an unchanged re-read: ours, dlt's, and the bare limit."""
    python = dlt_environment()
    found: dict[str, list[Result]] = {"ours": [], "dlt": [], "bare limit": []}
    with source(invoices) as url:
        for turn in range(rounds):
            with scratch(f"bench_ours_{turn}", clone=True) as name:
                found["ours"].append(run([sys.executable, "-m", "tests.bench.ours", url, name]))
            with scratch(f"bench_dlt_{turn}") as name:
                place = str(folder / str(turn))
                found["dlt"].append(run([str(python), str(HERE / "with_dlt.py"), url, address(name), place]))
            with scratch(f"bench_bare_{turn}") as name:
                found["bare limit"].append(run([sys.executable, "-m", "tests.bench.bare", url, conninfo(name)]))
    table = Table(title=f"Intake of {invoices:,} invoices of three lines, {rounds} turns", title_justify="left")
    for heading in ("", "first load, s", "times ours", "re-read, s", "times ours", "peak MB"):
        table.add_column(heading, justify="left" if not heading else "right")
    base = {name: of(found["ours"], name) for name in ("first", "again")}
    for who, results in found.items():
        first, again = of(results, "first"), of(results, "again")
        table.add_row(
            who,
            f"{first:.1f}",
            f"{first / base['first']:.2f}",
            f"{again:.1f}",
            f"{again / base['again']:.2f}",
            f"{of(results, 'peak_mb'):.0f}",
        )
    console.print(table)


def apply(documents: int, rounds: int) -> None:
    """Plan and apply to the simulated QuickBooks: how much of the time is ours, and how much the simulator's."""
    results = []
    for turn in range(rounds):
        with scratch(f"bench_apply_{turn}", clone=True) as name:
            results.append(run([sys.executable, "-m", "tests.bench.apply", str(documents), name]))
    whole, vendor = of(results, "first"), of(results, "vendor")
    table = Table(title=f"{documents:,} documents into the QuickBooks simulator", title_justify="left")
    for heading in ("", "s", "ms a document", "share"):
        table.add_column(heading, justify="left" if not heading else "right")
    for who, seconds in (("all of it", whole), ("the simulator", vendor), ("ours", whole - vendor)):
        table.add_row(who, f"{seconds:.1f}", f"{seconds / documents * 1000:.2f}", f"{seconds / whole:.0%}")
    table.add_row("an unchanged run", f"{of(results, 'again'):.1f}", "", "")
    console.print(table)
    console.print(f"Peak memory {of(results, 'peak_mb'):.0f} MB, simulator included.")


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
