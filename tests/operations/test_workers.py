"""Real workers over the test's database and a sandbox over HTTP: what they are given is done, once, whoever is killed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import timedelta

import psutil
import pytest
from django.db import transaction
from django.utils import timezone

from integrations.doors.demo.books import BOOKS
from integrations.doors.tasks import look
from integrations.management.commands import serve
from integrations.sync.models import Call, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from plumbing import signs
from tests.operations.processes import kill_group, none_runs, until

pytestmark = pytest.mark.django_db(transaction=True)


def fresh(run: Run) -> Run:
    with transaction.atomic():
        run.refresh_from_db()
    return run


def has_ended(run: Run) -> bool:
    return fresh(run).state not in (Run.State.QUEUED, Run.State.RUNNING)


def test_a_worker_carries_a_run_to_its_end(flows, start_worker):
    start_worker("one")
    run = start_run(flows["customer"], by="test")

    look()

    until(lambda: has_ended(run), what="the end of the run")
    assert (run.state, run.colour) == (Run.State.DONE, Run.Colour.GREEN)


def test_a_run_whose_worker_is_killed_in_the_middle_of_a_call_ends_in_another_with_every_document_once(
    flows, start_worker
):
    for name in ("customer", "item"):
        carry_out(start_run(flows[name], by="test"), until=timezone.now() + timedelta(minutes=1))
    doomed = start_worker("doomed")
    BOOKS["quickbooks_online"].tell("misbehave", what="slow", seconds=3, on="write", moment="after", skip=2)
    run = start_run(flows["invoice"], by="test")
    look()

    until(lambda: is_waiting_for_the_slow_answer(run), what="the slow call")
    kill_group(doomed)
    start_worker("heir")
    let_the_lease_lapse(run)
    look()
    until(lambda: Call.State.LOST in states_of_calls(run) and fresh(run).leased_until is None, what="the loss")
    let_the_lost_call_grow_quiet(run)
    look()
    until(lambda: has_ended(run), what="the end of the run")

    assert (run.state, run.colour) == (Run.State.DONE, Run.Colour.GREEN)
    numbers = Counter(
        document["DocNumber"]
        for document in BOOKS["quickbooks_online"].tell("documents", kind="Invoice", realm=realm_of(run))
    )
    assert len(numbers) == 285
    assert set(numbers.values()) == {1}


def is_waiting_for_the_slow_answer(run: Run) -> bool:
    """The vendor has done what was asked (all of its orders to misbehave are used up), and its answer is not here yet."""
    return not BOOKS["quickbooks_online"].tell("status")["misbehaviour"] and Call.State.SENT in states_of_calls(run)


def states_of_calls(run: Run) -> list[str]:
    with transaction.atomic():
        return list(Call.objects.filter(run=run).values_list("state", flat=True))


def let_the_lease_lapse(run: Run) -> None:
    """Three minutes pass, in which nobody is heard of the worker."""
    now = timezone.now()
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(leased_until=now, wake_at=now)


def let_the_lost_call_grow_quiet(run: Run) -> None:
    """Minutes pass, until the vendor can no longer be at the call."""
    now = timezone.now()
    with transaction.atomic():
        Call.objects.filter(run=run, state=Call.State.LOST).update(quiet_at=now)
        Run.objects.filter(pk=run.pk).update(wake_at=now)


def realm_of(run: Run) -> str:
    with transaction.atomic():
        return Run.objects.select_related("flow__target").get(pk=run.pk).flow.target.settings["realmId"]


def test_an_idle_worker_that_hangs_is_silent_and_so_found_within_a_minute(environment, start_worker):
    cluster = start_worker("one")
    alive = signs.beats("one")
    until(alive, within=5, what="another beat")

    os.kill(worker_of(cluster), signal.SIGSTOP)
    time.sleep(1)  # for what was under way
    alive()

    time.sleep(3)
    assert not alive()
    part = serve.worker(1, 75)
    assert part.silent + 10 < 60


def worker_of(cluster: int) -> int:
    """The process that carries out the cluster's tasks: the first that its guard started."""
    [guard] = psutil.Process(cluster).children()
    return min(guard.children(), key=lambda child: child.pid).pid


def test_a_cluster_whose_guard_is_killed_leaves_no_worker_behind(environment, start_worker):
    cluster = psutil.Process(start_worker("one"))
    guard, *others = cluster.children(recursive=True)

    guard.kill()

    until(lambda: none_runs([other.pid for other in others]), what="the end of the guarded")


def test_a_worker_that_is_told_to_stop_ends_in_order(environment, start_worker):
    cluster = psutil.Process(start_worker("one"))
    everybody = [cluster.pid, *(child.pid for child in cluster.children(recursive=True))]

    cluster.terminate()

    until(lambda: none_runs(everybody), what="the end")


def test_a_cluster_that_hangs_and_lost_its_supervisor_ends_all_the_same_when_told_to(environment, start_worker):
    cluster = psutil.Process(start_worker("one", "--patience", "1"))
    everybody = [cluster.pid, *(child.pid for child in cluster.children(recursive=True))]
    [guard] = cluster.children()
    guard.suspend()

    cluster.terminate()

    until(lambda: none_runs(everybody), what="the end")
