"""A whole installation under `manage.py serve`, whose own processes are killed while documents flow to three vendors.

Run as a process of its own, in the environment of that installation: `python -m tests.chaos.house KILLS SEED SECONDS`. Whoever
is killed is a process that this campaign started, or one that such a process did, and is ended by its id: workers at work and
idle, the guards, pushers and monitors of their clusters, the tick, the web, the sandbox, the embedded database and one of its
backends, and the supervisor, which is started again as a machine's init would do. Some are stopped (SIGSTOP), and left so.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import django
import psutil

django.setup()

from django.conf import settings  # noqa: E402  # Django first
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402
from rich.console import Console  # noqa: E402

from integrations.connections.callers import caller_of, new_password  # noqa: E402
from integrations.connections.models import Connection  # noqa: E402
from integrations.doors.demo import stage  # noqa: E402
from integrations.doors.demo.books import BOOKS  # noqa: E402
from integrations.doors.demo.companies import COMPANIES  # noqa: E402
from integrations.records.models import Stream  # noqa: E402
from integrations.sync.models import Call, Flow, Run  # noqa: E402
from integrations.sync.services import start_run  # noqa: E402
from plumbing import signs  # noqa: E402
from plumbing.models import Heartbeat  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tests.chaos.sales import Sales  # noqa: E402
from tests.chaos.tally import Tally  # noqa: E402
from tests.chaos.told import told_of_parts  # noqa: E402
from tests.chaos.vendors import SETTLE_SECONDS, VENDORS, Vendor  # noqa: E402
from tests.operations.processes import kill_group, until  # noqa: E402

DOCUMENTS = 40  # in a round, for each vendor
WORKERS = 2
PACE = 1.0  # seconds between two blows
TIME_PASSES = 10.0  # seconds after which time passes, if nobody is struck before
SOON = timedelta(seconds=3)
VENDOR_SLOW = 0.5  # seconds for which the vendors are at a writing call
LONGEST_ROUND = 600.0
Found = TypeVar("Found")
console = Console(width=110, highlight=False)


@dataclass
class Lane:
    """A tenant's sales on their way into one vendor's books."""

    vendor: Vendor
    tenant: UUID
    flows: Sequence[Flow]
    sales: Sales
    runs: list[Run] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Victim:
    """A process that can be struck: what it is, whose part it belongs to, and its id."""

    kind: str
    part: str
    pid: int


class House:
    """The installation, as whoever troubles it sees it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"{seed}/house")
        self.kills: Counter[str] = Counter()
        self.back: dict[str, float] = {}  # the longest time until a part of this kind was at work again
        self._struck: dict[str, tuple[str, datetime]] = {}
        self._roles: dict[int, dict[str, int]] = {}  # by guard: who of its children is what
        self._process: subprocess.Popen[bytes] | None = None
        self._parts: dict[int, psutil.Process] = {}  # every part that there was

    # running

    @contextmanager
    def open(self) -> Iterator[None]:
        """The installation runs for the block."""
        try:
            self._start()
            until(signs.answers(settings.SANDBOX_URL), within=60, what="the sandbox's answer")
            until(signs.answers(f"{settings.PUBLIC_URL}/healthz"), within=60, what="the web's answer")
            until(lambda: Heartbeat.objects.count() >= WORKERS + 1, within=60, what="the beats of workers and tick")
            yield
        finally:
            self._end()

    def _start(self) -> None:
        web, sandbox = (address.rpartition(":")[2] for address in (settings.PUBLIC_URL, settings.SANDBOX_URL))
        words = [
            "serve", "--tick", "--workers", str(WORKERS), "--patience", "5",
            "--web", "--bind", f"127.0.0.1:{web}", "--web-processes", "1", "--sandbox", sandbox,
        ]  # fmt: skip
        with (settings.VAR / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", *words], start_new_session=True, stdout=log, stderr=log
            )

    def _end(self) -> None:
        if self._process is None:
            return
        ours = self._everybody()
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        kill_group(self._process.pid)
        for process in ours:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for part in self._parts.values():  # a killed supervisor only tells its parts to end
            if part.is_running():
                kill_group(part.pid)
        self._process.wait()

    def _everybody(self) -> list[psutil.Process]:
        assert self._process is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    # striking

    def strike(self) -> str | None:
        """Kill or stop somebody of the kind that was struck least; what kind it was."""
        victims: dict[str, list[Victim]] = {}
        for victim in self._victims():
            victims.setdefault(victim.kind, []).append(victim)
        if not victims:
            return None
        stops = self.chance.random() < 0.06
        deed = " stopped" if stops else ""
        kinds = sorted((kind for kind in victims if not (stops and kind in NEVER_STOPPED)), key=self._how_often(deed))
        if not kinds:
            return None
        victim = self.chance.choice(victims[self.chance.choice(kinds[:2])])
        with suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGSTOP if stops else signal.SIGKILL)
            self._struck[victim.part] = (f"{victim.kind}{deed}", timezone.now())
            self.kills[f"{victim.kind}{deed}"] += 1
        if victim.kind == "supervisor":
            assert self._process is not None
            ours = self._everybody()
            self._process.wait()
            psutil.wait_procs(ours, timeout=30)  # they end with it
            self._start()
        return victim.kind

    def _how_often(self, deed: str) -> Callable[[str], tuple[float, float]]:
        return lambda kind: (self.kills[f"{kind}{deed}"] * COSTS.get(kind, 1), self.chance.random())

    def look_who_is_back(self) -> None:
        """Note how long it took until parts that were struck gave a sign of life again."""
        beats = dict(Heartbeat.objects.values_list("name", "at"))
        for part, (kind, at) in [*self._struck.items()]:
            name = next((name for name in beats if name.startswith(part)), "")
            if part == "sandbox":
                beat = timezone.now() if signs.answers(settings.SANDBOX_URL)() else None
            elif part == "web":
                beat = timezone.now() if signs.answers(f"{settings.PUBLIC_URL}/healthz")() else None
            elif part == "everything":
                beat = min(beats.values(), default=None)
            else:
                beat = beats.get(name)
            if beat is not None and beat > at:
                self.back[kind] = max(self.back.get(kind, 0.0), (beat - at).total_seconds())
                self._struck.pop(part, None)

    def wait_for_all(self) -> list[str]:
        """Wait until everybody is back; who is not, a minute and some after it was struck."""
        give_up = time.monotonic() + 75
        while self._struck and time.monotonic() < give_up:
            steadily(self.look_who_is_back)
            time.sleep(0.2)
        return [kind for kind, _ in self._struck.values()]

    def _victims(self) -> Iterator[Victim]:
        assert self._process is not None
        yield Victim("supervisor", "everything", self._process.pid)
        with suppress(psutil.NoSuchProcess):
            for part in psutil.Process(self._process.pid).children():
                self._parts.setdefault(part.pid, part)
                with suppress(psutil.NoSuchProcess, ValueError, IndexError):
                    yield from self._of_part(part)
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            postmaster = int((settings.VAR / "postgres" / "postmaster.pid").read_text().split()[0])
            yield Victim("database", "everything", postmaster)
            backends = [
                each.pid for each in psutil.Process(postmaster).children() if "tieout_app" in " ".join(each.cmdline())
            ]
            yield Victim("a backend of the database", "everything", self.chance.choice(backends))

    def _of_part(self, part: psutil.Process) -> Iterator[Victim]:
        words = part.cmdline()
        if "gunicorn" in words:
            yield Victim("web", "web", part.pid)
        elif "tick" in words:
            yield Victim("tick", "tick", part.pid)
        elif "sandbox" in words:
            yield Victim("sandbox", "sandbox", part.children()[0].pid)
        elif "work" in words:
            name = words[words.index("--part") + 1].split(" at ")[0]
            [guard] = part.children()
            yield Victim("cluster", name, part.pid)
            yield Victim("sentinel", name, guard.pid)
            for role, pid in self._who_is_what(guard).items():
                if role == "worker":
                    role = "worker, busy" if _speaks_to_vendor(pid) else "worker, idle"
                yield Victim(role, name, pid)

    def _who_is_what(self, guard: psutil.Process) -> dict[str, int]:
        """A guard starts worker, monitor and pusher in this order; whoever is new took the place of who is gone."""
        alive = sorted(child.pid for child in guard.children() if child.status() != psutil.STATUS_ZOMBIE)
        known = self._roles.get(guard.pid, {})
        roles = {role: pid for role, pid in known.items() if pid in alive}
        free = [role for role in ("worker", "monitor", "pusher") if role not in roles]
        roles |= dict(zip(free, (pid for pid in alive if pid not in roles.values()), strict=False))
        self._roles[guard.pid] = roles
        return roles


# How much longer everybody is away after these than after the others: they are struck the more rarely.
COSTS = {"supervisor": 4, "cluster": 2, "sentinel": 2, "database": 2}
# Who hangs without anything that asks it whether it lives: a stopped database is the operator's to see, and the
# supervisor is watched by the machine's init.
NEVER_STOPPED = ("supervisor", "database", "a backend of the database")


def _speaks_to_vendor(pid: int) -> bool:
    port = int(settings.SANDBOX_URL.rpartition(":")[2])
    return any(each.raddr and each.raddr.port == port for each in psutil.Process(pid).net_connections())


def steadily(work: Callable[[], Found]) -> Found:
    """Do it; again, for a while, where the database is just being killed."""
    give_up = time.monotonic() + 60
    while True:
        try:
            return work()
        except (DatabaseError, InterfaceError, OSError):
            if time.monotonic() > give_up:
                raise
            connection.close()
            time.sleep(0.3)


def set_up(slug: str) -> Lane:
    """A company of the demo with its sales and this vendor's books, its flows ready."""
    company, books = replace(COMPANIES[0], slug=slug.replace("_", "-")), BOOKS[slug]
    tenant = stage.people(company, support=stage.operators())
    vendor = VENDORS[slug](settings.SANDBOX_URL)
    with tenant_scope(tenant.pk):
        flows = stage.flows(company, books, enabled=True)
        with transaction.atomic():
            Flow.objects.update(schedule=Flow.Schedule.BY_HAND)  # this campaign begins the runs
            target = Connection.objects.get(pk=flows[0].target_id)
            target.settings |= {"settle_seconds": SETTLE_SECONDS}
            target.save()
        vendor.meet(target)
    folder = settings.FILES / company.slug / stage.FOLDER
    return Lane(vendor, tenant.pk, flows, Sales(folder / "sales.csv", random.Random(slug)))


def visit_again(lane: Lane) -> Callable[[], None]:
    """What a PC does when it is switched on again: its web connector comes to us as before."""
    with tenant_scope(lane.tenant):
        with transaction.atomic():
            books = Connection.objects.get(connector=lane.vendor.slug)
        password = new_password(books, by=None)
        with transaction.atomic():
            user = caller_of(books).user
    address = f"{settings.PUBLIC_URL}/polled/{lane.vendor.slug}/"

    def come() -> None:
        with suppress(OSError):
            if not lane.vendor.tell("visits"):
                lane.vendor.tell("start_visits", url=address, user=user, password=password, every=0.5)

    return come


def round_of(house: House, lanes: Sequence[Lane], come: Callable[[], None], number: int, kills: int) -> None:
    """Sell to everybody, strike until all of it is booked, and compare."""
    for lane in lanes:
        lane.sales.sell(number, DOCUMENTS)
        with tenant_scope(lane.tenant):
            lane.runs = [steadily(lambda flow=flow: start_run(flow, by="chaos")) for flow in lane.flows]
    give_up, pass_at, struck = time.monotonic() + LONGEST_ROUND, 0.0, False
    while steadily(lambda: are_open(lanes)):
        come()
        make_slow(lanes)
        if house.kills.total() < kills and steadily(lambda: is_busy(lanes)) and house.strike():
            struck = True
        steadily(house.look_who_is_back)
        if struck or time.monotonic() > pass_at:
            steadily(lambda: let_time_pass(lanes))
            struck, pass_at = False, time.monotonic() + TIME_PASSES
        time.sleep(PACE)
        if time.monotonic() > give_up:
            for lane in lanes:
                stuck = [f"{run.stage} {run.words}" for run in lane.runs if run.state not in Run.ENDED]
                lane.tally.not_green += [f"did not end: {words}" for words in stuck]
            return
    for lane in lanes:
        with tenant_scope(lane.tenant):
            steadily(lambda lane=lane: compare(lane))


def make_slow(lanes: Sequence[Lane]) -> None:
    """The vendors take their time at each write, so that somebody can be met at it."""
    for lane in lanes:
        with suppress(OSError):
            if not lane.vendor.tell("status")["misbehaviour"]:
                lane.vendor.tell("misbehave", what="slow", seconds=VENDOR_SLOW, on="write", moment="after", times=50)


def is_busy(lanes: Sequence[Lane]) -> bool:
    """Whether a call is on its way, or a transaction open, somewhere."""
    for lane in lanes:
        with tenant_scope(lane.tenant), transaction.atomic():
            if Call.objects.filter(state__in=(Call.State.SENT, Call.State.WAITING)).exists():
                return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def are_open(lanes: Sequence[Lane]) -> bool:
    """Whether a run of any of them has not ended."""
    found = False
    for lane in lanes:
        with tenant_scope(lane.tenant), transaction.atomic():
            for run in lane.runs:
                run.refresh_from_db()
                if run.state == Run.State.STOPPED:  # for a person, who says: go on
                    Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING, approved_by="chaos")
                found |= run.state not in Run.ENDED
    return found


def let_time_pass(lanes: Sequence[Lane]) -> None:
    """Leases last three minutes here: those of the dead are let go at once, as if the minutes had passed.

    A holder that is alive after all finds another number at its next step, and lets go itself.
    """
    for lane in lanes:
        with tenant_scope(lane.tenant), transaction.atomic():
            now = timezone.now()
            for kind in (Run, Stream, Connection):
                kind.objects.filter(leased_until__gt=now).update(leased_until=None)
            Run.objects.filter(wake_at__gt=now + SOON, state__in=(Run.State.QUEUED, Run.State.RUNNING)).update(
                wake_at=now
            )


def compare(lane: Lane) -> None:
    """The vendor's own ledger against what was sold."""
    lane.sales.compare(lane.vendor.documents(), lane.vendor.made(), lane.tally)
    with transaction.atomic():
        lane.tally.unknown = Call.objects.exclude(state=Call.State.SETTLED).count()
    for run in lane.runs:
        if run.state != Run.State.DONE:
            lane.tally.not_green.append(f"{run.flow}: {run.state} {run.words}"[:300])


def main(kills: int, seed: int, seconds: float) -> int:
    signal.signal(signal.SIGTERM, lambda *told: sys.exit(1))  # and end whatever was started
    begun = time.monotonic()
    call_command("migrate", verbosity=0)
    house, number = House(seed), 0
    with house.open():
        stage.register_with_vendors()
        lanes = [set_up(slug) for slug in BOOKS]
        come = visit_again(next(lane for lane in lanes if lane.vendor.slug == "quickbooks_desktop"))
        ends = time.monotonic() + seconds
        while house.kills.total() < kills and time.monotonic() < ends and all(lane.tally.is_good for lane in lanes):
            number += 1
            round_of(house, lanes, come, number, kills)
            told = f"round {number}: {house.kills.total()} struck so far, {time.monotonic() - begun:.0f} s"
            console.print(f"installation {told}")
        away = house.wait_for_all()
    told_of_parts(console, house.kills, house.back, {lane.vendor.slug: lane.tally for lane in lanes}, away)
    console.print(
        f"{house.kills.total()} processes of an installation killed or stopped in {time.monotonic() - begun:.0f} s"
    )
    return 0 if all(lane.tally.is_good for lane in lanes) and not away else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
