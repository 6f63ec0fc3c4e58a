"""The play: set the stage, do the main job, tell what was done and where to look, and keep the doors open."""

from __future__ import annotations

import importlib.resources
import json
import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from integrations.connectors.files import samples
from integrations.doors.demo import job, servers, stage
from integrations.doors.demo.books import BOOKS, Books
from integrations.doors.demo.companies import COMPANIES, Company
from integrations.records.models import Issue
from integrations.sync.models import Flow, Item, Run
from tenants.access.permissions import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope

SAMPLE = "online_retail_demo"
ISSUES_SHOWN = 10

console = Console(highlight=False, soft_wrap=True)


def play(*, web: int, sandbox: int, data: Path | None, books: str, stays: bool) -> int:
    """The whole demo; gives the status to end with."""
    logging.getLogger().setLevel(logging.WARNING)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # both, also where a shell that does not wait has it ignore the latter
        signal.signal(number, _interrupt)
    begun = time.monotonic()
    try:
        with step("Database"):
            call_command("migrate", verbosity=0)
        with servers.running(web=web, sandbox=sandbox) as wait_for:
            bad = _play(wait_for, data, BOOKS[books])
            console.print(f"\nAll of it took {time.monotonic() - begun:.0f} s.")
            if stays:
                console.print("It keeps running until you press Ctrl-C.")
                with suppress(KeyboardInterrupt):
                    signal.pause()
                console.print("\nIt ends.")
    except servers.DidNotStart as problem:
        console.print(f"[red]{escape(str(problem))}[/]")
        return 1
    except KeyboardInterrupt:
        console.print("\nIt was stopped; the next demo goes on where this one was.")
        return 130
    return 1 if bad else 0


def _play(wait_for: Callable[[str], None], data: Path | None, books: Books) -> list[str]:
    first = COMPANIES[0]
    with step("Companies and people"):
        support = stage.operators()
        tenants = {company: stage.people(company, support=support) for company in COMPANIES}
    with step("Servers and simulated vendors"):
        wait_for(settings.SANDBOX_URL)
        wait_for(f"{settings.PUBLIC_URL}/healthz")
        stage.register_with_vendors()
    with step("Connections and flows"):
        flows, *_ = [_flows(company, tenants[company], books, enabled=company == first) for company in books.companies]
    file, expected = _put(data, first)
    console.print(f"\n[b]The main job:[/] the sales in {file.name} become documents in the books of {first.name}\n")
    before = books.writes()
    with tenant_scope(tenants[first].pk):
        results = _do(flows)
        bad = job.faults(results, expected)
        _say_what_was_done(results)
        _say_verdict(bad, expected, writes=books.writes() - before)
        _say_issues()
        _say_where(results)
    return bad


def _flows(company: Company, tenant: Tenant, books: Books, *, enabled: bool) -> list[Flow]:
    with tenant_scope(tenant.pk):
        return stage.flows(company, books, enabled=enabled)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Tells what is being done, and how long it took."""
    begun = time.monotonic()
    with console.status(f"{name} …"):
        yield
    console.print(f"[green]✓[/] {name} [dim]{time.monotonic() - begun:.1f} s[/]")


def _put(data: Path | None, company: Company) -> tuple[Path, dict[str, Any] | None]:
    """The file in the company's folder, and the figures it must come to, which only the shipped sample has."""
    folder = settings.FILES / company.slug / stage.FOLDER
    with importlib.resources.as_file(importlib.resources.files(samples)) as shipped:
        source = data or shipped / f"{SAMPLE}.csv"
        expected = None if data else json.loads((shipped / f"{SAMPLE}.json").read_text())
        target = folder / source.name
        # Untouched where it is there already: a changed file would be read again.
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)
    return target, expected


def _do(flows: Sequence[Flow]) -> list[job.Result]:
    columns = TextColumn("{task.description:12}"), BarColumn(), TextColumn("{task.fields[at]:24}"), TimeElapsedColumn()
    results = []
    with Progress(*columns, console=console) as progress:
        for flow in flows:
            bar = progress.add_task(_name(flow), total=None, at="")

            def told(run: Run, done: int, of: int, bar: TaskID = bar) -> None:
                progress.update(
                    bar, completed=done, total=of or None, at=f"{run.stage} {done} of {of}" if of else run.stage
                )

            result = job.do(flow, told=told)
            number = sum(result.did.values())
            progress.update(bar, completed=1, total=1, at=f"{number} dealt with" if number else "nothing new")
            results.append(result)
    return results


def _say_what_was_done(results: Sequence[job.Result]) -> None:
    did = Table("Records", *results[0].did, "files hold", "books hold", "", box=SIMPLE_HEAD)
    sums = Table("Control totals", "files", "books", box=SIMPLE_HEAD)
    for table in (did, sums):
        table.columns[0].no_wrap = True
        for column in table.columns[1:]:
            column.justify = "right"
    for each in results:
        colour = {Run.Colour.GREEN: "green", Run.Colour.AMBER: "yellow"}.get(Run.Colour(each.run.colour), "red")
        numbers = (*each.did.values(), each.totals.source_count, each.totals.target_count)
        did.add_row(_name(each.flow), *map(str, numbers), f"[{colour}]{each.run.colour or each.run.state}[/]")
        if each.flow.source_object in job.AMOUNTS:
            sums.add_row(_name(each.flow), _sums(each.totals.source), _sums(each.totals.target))
    console.print(did, sums)


def _sums(sums: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount:,} {currency}" for currency, amount in sorted(sums.items()))


def _say_verdict(bad: Sequence[str], expected: dict[str, Any] | None, *, writes: int) -> None:
    console.print(f"Calls that changed the books: {writes}")
    for sentence in bad:
        console.print(f"[red]✗ {escape(sentence)}[/]")
    if not bad:
        known = ", and are the figures that the sample is known to hold" if expected else ""
        console.print(f"[green]✓ Tied out:[/] the totals asked afresh from the books are those of the files{known}.")


def _say_issues() -> None:
    """What needs a person: where, what and what to do; the same thing met by several flows is said once."""
    with transaction.atomic():
        found = list(Issue.objects.filter(state=Issue.State.OPEN).order_by("opened_at"))
    told = list(dict.fromkeys((issue.where, issue.words, issue.advice) for issue in found))
    for where, words, advice in told[:ISSUES_SHOWN]:
        console.print(f"  [b]{escape(where)}[/]: {escape(words)} [dim]{escape(advice)}[/]")
    if len(told) > ISSUES_SHOWN:
        console.print(f"  … and {len(told) - ISSUES_SHOWN} more; they are all listed under Issues.")


def _say_where(results: Sequence[job.Result]) -> None:
    invoices = next(each.flow for each in results if each.flow.source_object == "invoice")
    with transaction.atomic():
        items = Item.objects.filter(flow=invoices, state=Item.State.APPLIED)
        invoice = items.order_by("decided_at").values_list("record_id", flat=True).first()
    console.print("\n[b]Where to look[/]")
    _say("Pages", settings.PUBLIC_URL + reverse("admin:index"))
    for each in results:
        _say(f"Run of {_name(each.flow).lower()}", _page("integrations_run_change", each.run.pk))
    if invoice:
        _say("One invoice, every step", _page("integrations_record_change", invoice))
    _say("The simulated vendors", settings.SANDBOX_URL)
    _say("What the servers write", str(settings.VAR / "demo.log"))
    console.print(f"\n[b]Sign in[/] with the password [b]{stage.PASSWORD}[/] as")
    for company in COMPANIES:
        _say(company.name, ", ".join(f"{role}@" for role in Role) + f" {company.slug}.example")
    _say("The operator", stage.OPERATOR)
    _say("Support, let in to look", stage.SUPPORT)


def _say(name: str, what: str) -> None:
    console.print(f"  {name:26}{escape(what)}")


def _page(name: str, key: object) -> str:
    return settings.PUBLIC_URL + reverse(f"admin:{name}", args=[key])


def _name(flow: Flow) -> str:
    return flow.name.partition(":")[0]


def _interrupt(*told: object) -> None:
    raise KeyboardInterrupt
