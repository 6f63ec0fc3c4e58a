"""A lane: one company's sales flowing into one vendor's books, round after round, while its workers are killed.

Each round adds documents to a file, then runs the flows to their end. Now and then a document is edited, or edited and put back,
while the answer to its first posting is not known; and a second flow brings the same documents into the same books at the
same time. A round ends when every run has ended; then the vendor's ledger is compared with the file, document by document.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.mapping.models import Template
from integrations.records.models import Stream
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import start_run
from integrations.sync.setup import set_up
from tenants.scope import tenant_scope
from tests.chaos import points
from tests.chaos.nursery import PATIENCE, Nursery
from tests.chaos.sales import Sales
from tests.chaos.tally import Tally
from tests.chaos.vendors import CalledVendor
from tests.chaos.without import GUARDS

STANDS_STILL = 0.3  # seconds in which a worker that was told to stop has stopped
VENDOR_SLOW = 0.6  # seconds for which the vendor is at a call, where that is to be seen
DELAY = 1.3  # seconds: less than the vendor's longest, more than an impatient worker waits
LAPSED = 4.5  # seconds after which a lease of the campaign has lapsed by itself
HEIR = 4.0  # seconds for which another goes on alone, before the stopped worker comes back
MOST_STARTS = 400  # workers for one round: a campaign that does not end has found something, too


class Lane:
    """One company, one vendor, and whoever troubles both."""

    def __init__(
        self,
        tenant: UUID,
        name: str,
        vendor: CalledVendor,
        folder: Path,
        nursery: Nursery,
        admin: psycopg.Connection[Any],
        *,
        seed: int,
        without: str,
    ) -> None:
        self.tenant, self.name, self.vendor, self.nursery, self.admin = tenant, name, vendor, nursery, admin
        self.without = without
        self.chance = random.Random(f"{seed}/{name}")
        self.not_green: list[str] = []  # of the last cycle
        self.sales = Sales(folder / "sales.csv", self.chance)
        self.tally = Tally()

    def set_up(self) -> None:
        """The connections, and the shipped template's flows between them; the one for invoices twice."""
        with tenant_scope(self.tenant):
            options = {"folder": "sales", "layout": "online_retail", "home_currency": "GBP", "default_customer": "Cash"}
            files = save_connection(Connection(name="Sales", connector="files", settings=options), by=None)
            books = self.vendor.connect()
            with transaction.atomic():
                template = Template.objects.get(slug=f"online_retail_to_{self.vendor.slug}")
            self.flows = set_up(template, source=files, target=books, answers=self.vendor.answers(), by=None)
            with transaction.atomic():
                [twin] = [flow for flow in self.flows if flow.source_object == "invoice"]
                self.twin = Flow.objects.get(pk=twin.pk)
                self.twin.pk, self.twin.name, self.twin._state.adding = None, f"{twin.name}, once more", True
                self.twin.id = Flow._meta.pk.get_default()
                self.twin.save(force_insert=True)

    def round(self, number: int, documents: int) -> None:
        """Sell, bring everything to the books whatever happens on the way, and ask the ledger."""
        edits = self.tally.deeds["edit while unknown"]
        with tenant_scope(self.tenant):
            self.sales.sell(number, documents)
            if number % 3 == 0 and self.vendor.changes_posted:
                self.sales.edit(self.chance.choice([*self.sales.sold]))
            self._bring(troubled=True)
            if number % 4 == 0 or self.tally.deeds["edit while unknown"] > edits:
                self._bring_in_peace()
            self._compare()

    def _bring_in_peace(self) -> None:
        """Without any trouble: all is green, at the latest in a second cycle.

        Which a flow may need whose records were still being written by the other one, that had lost an answer.
        """
        self.vendor.tell("behave")
        self._bring(troubled=False)
        if self.not_green:
            self._bring(troubled=False)
        self.tally.not_green += self.not_green

    def _bring(self, *, troubled: bool) -> None:
        """Run every flow to its end, in their order; the two for invoices side by side."""
        self.not_green = []
        for flow in self.flows:
            together = [flow, self.twin] if flow.source_object == "invoice" else [flow]
            runs = [start_run(each, by="chaos") for each in together]
            names = {run.pk: each.name for run, each in zip(runs, together, strict=True)}
            starts = 0
            while open_runs := [run for run in runs if self._is_open(run)]:
                starts += 1
                if starts > MOST_STARTS:
                    self.tally.not_green.append(f"{flow.name} did not end: {open_runs[0].words}")
                    return
                for run in open_runs:
                    self._one_worker(run, troubled=troubled and starts < MOST_STARTS // 2)
            for run in runs:
                if run.colour != Run.Colour.GREEN and not troubled:
                    words = f"{names[run.pk]}: {run.state} {run.colour} {run.words} {self._held(run)}"
                    self.not_green.append(words[:600])

    def _one_worker(self, run: Run, *, troubled: bool) -> None:
        """One worker takes the run up; what happens to it is drawn."""
        point, deed = self._draw() if troubled else ("", "")
        if deed:
            self._tell_vendor(point)
        patience = 0.0
        if troubled and self.chance.random() < 0.1:
            self._trouble_answers()
        elif not deed and troubled and self.chance.random() < 0.5:
            patience = self._delay_answers()
        order = {
            "tenant": str(self.tenant), "run": str(run.pk), "sandbox": self.vendor.sandbox, "without": self.without,
        }  # fmt: skip
        passage = self.chance.randint(1, 40) if point == points.ANYWHERE else self.chance.choice((1, 1, 2))
        number, pid = self.nursery.start(point=point, passage=passage, patience=patience, **order)
        twice = self.nursery.start(**order) if troubled and self.chance.random() < 0.05 else None
        heard = self.nursery.hears(number)
        if heard is None:
            self.tally.not_green.append(f"a worker said nothing for {PATIENCE:.0f} s")
            self._kill(pid)
        elif heard["what"] == "at":
            self._do(deed, point, number, pid, run, order)
        elif heard["how"].startswith(("ProgrammingError", "IntegrityError", "AssertionError", "AttributeError")):
            self.tally.not_green.append(f"a worker broke: {heard['how']}")
        if twice is not None:
            self.nursery.hears(twice[0])
            self.tally.deeds["task given twice"] += 1
        self._let_time_pass(run)

    def _draw(self) -> tuple[str, str]:
        """A point, those that were seldom drawn first, and what is done to whoever comes there."""
        if self.chance.random() < 0.15:
            return "", ""
        if self.without and self.chance.random() < 0.5:
            deed, point = GUARDS[self.without]
            return point, deed
        least = sorted(points.POINTS, key=lambda point: (self.tally.kills[point], self.chance.random()))
        deed = self.chance.choices(("kill", "stop", "cut"), weights=(78, 11, 11))[0]
        return self.chance.choice(least[:3]), deed

    def _tell_vendor(self, point: str) -> None:
        """Where the vendor is to be met at a call, it takes its time: before it acts, or after."""
        self.vendor.tell("behave")
        moment = {points.DURING_THE_CALL: "before", points.AFTER_THE_VENDOR: "after"}.get(point)
        if moment:
            self.vendor.tell("misbehave", what="slow", seconds=VENDOR_SLOW, on="write", moment=moment, times=3)

    def _trouble_answers(self) -> None:
        what = self.chance.choice(("drop", 500, 502, 504, 429))
        order: dict[str, Any] = {"what": "drop"} if what == "drop" else {"what": "fail", "status": what}
        moment = "before" if what == 429 else "after"
        self.vendor.tell("misbehave", on="write", moment=moment, skip=self.chance.randint(0, 1), **order)
        self.tally.deeds[f"answer {what}"] += 1

    def _delay_answers(self) -> float:
        """The vendor's next write takes longer than the worker has patience for, which is told: before it acts, or after."""
        moment = self.chance.choice(("before", "after"))
        self.vendor.tell("behave")
        self.vendor.tell("misbehave", what="slow", seconds=DELAY, on="write", moment=moment)
        self.tally.deeds[f"answer too late, {moment} the write"] += 1
        return DELAY * 0.6

    def _do(self, deed: str, point: str, number: int, pid: int, run: Run, order: Mapping[str, Any]) -> None:
        """The worker stands still at its point: kill it, cut its database connection, or let its lease lapse and go on."""
        if point == points.AFTER_THE_VENDOR:
            give_up = time.monotonic() + VENDOR_SLOW
            while time.monotonic() < give_up:
                time.sleep(0.05)
        self.tally.kills[point] += 1
        self.tally.deeds[deed] += 1
        if deed == "kill":
            self._kill(pid)
            if point in (points.DURING_THE_CALL, points.ANSWERED) and self.chance.random() < 0.2:
                self._edit_and_back()
            return
        if deed == "cut":
            self.admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [f"worker {pid}"]
            )
        else:
            time.sleep(LAPSED)
            heir, _ = self.nursery.start(**order)
            self.nursery.hears(heir, within=HEIR)  # what the stopped one has locked it gets only later
        os.kill(pid, signal.SIGCONT)
        self.nursery.hears(number)
        self._kill(pid)

    def _edit_and_back(self) -> None:
        """A → B → A at the source, or A → B, while nobody knows what became of the posting."""
        number = self.chance.choice([*self.sales.sold][-20:])
        before = self.sales.sold[number]
        self.sales.edit(number)
        if self.chance.random() < 0.5 or not self.vendor.changes_posted:
            self.sales.put_back(number, before)
        self.tally.deeds["edit while unknown"] += 1

    @staticmethod
    def _kill(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(pid).wait(5)

    def _let_time_pass(self, run: Run) -> None:
        """Minutes go by: what the dead held lapses, what waited for its time is due. The vendor's own time is not touched."""
        now = timezone.now()
        with transaction.atomic():
            Run.objects.filter(pk=run.pk).update(leased_until=None, wake_at=now)
            Stream.objects.filter(leased_until__gt=now).update(leased_until=None)
            Connection.objects.filter(leased_until__gt=now).update(leased_until=None)
            waits = Call.objects.filter(run=run, state=Call.State.LOST).order_by("quiet_at").first()
        if waits is not None and waits.quiet_at is not None:
            time.sleep(max(0.0, (waits.quiet_at - timezone.now()).total_seconds()))

    def _is_open(self, run: Run) -> bool:
        with transaction.atomic():
            run.refresh_from_db()
            if run.state == Run.State.STOPPED:
                Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING, approved_by="chaos")
                run.refresh_from_db()
        return run.state in (Run.State.QUEUED, Run.State.RUNNING)

    @staticmethod
    def _held(run: Run) -> str:
        """What keeps the flow from being green, each reason with one example."""
        with transaction.atomic():
            items = Item.objects.filter(flow=run.flow_id, state__in=(Item.State.HELD, Item.State.WAITING))
            told = {(item.state, item.reason): f"{item.words} {item.differences}" for item in items}
        return "; ".join(f"{state} {reason}: {words}" for (state, reason), words in told.items())

    def _compare(self) -> None:
        """The vendor's own ledger against the file: each document once, and its total to the cent."""
        self.sales.compare(self.vendor.documents(), self.vendor.made(), self.tally)
        with transaction.atomic():
            self.tally.unknown = Intent.objects.filter(settled_at=None).count()
