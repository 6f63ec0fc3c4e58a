"""What is due begins once, and what was lost on the way is handed out again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ

from integrations.doors.tasks import enqueue, look
from integrations.sync.models import Flow, Run
from integrations.sync.services import start_run

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_due_flow_begins_once_although_several_ticks_look_at_the_same_time(flows):
    with transaction.atomic():
        Flow.objects.filter(pk=flows["customer"].pk).update(next_run_at=timezone.now() - timedelta(minutes=1))
    together = threading.Barrier(4)

    def tick() -> None:
        together.wait()
        look()
        connection.close()

    ticks = [threading.Thread(target=tick) for _ in range(4)]
    for each in ticks:
        each.start()
    for each in ticks:
        each.join()

    with transaction.atomic():
        assert Run.objects.count() == 1
        assert Flow.objects.get(pk=flows["customer"].pk).next_run_at > timezone.now()
    assert OrmQ.objects.count() == 1


def test_a_run_whose_task_was_lost_is_handed_out_again_a_minute_later(flows):
    run = start_run(flows["customer"], by="test")
    look()
    get_broker().purge_queue()

    look()
    assert OrmQ.objects.count() == 0  # nobody knows yet that it was lost

    a_minute_passes(run)
    look()
    assert OrmQ.objects.count() == 1


def a_minute_passes(run: Run) -> None:
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(wake_at=timezone.now())


def test_the_tick_is_not_behind_a_backfill(flows):
    backfill = start_run(flows["invoice"], by="test", full=True)
    for _ in range(50):  # every worker is busy with it, and more of it waits
        enqueue(tenant_id=str(backfill.tenant_id), run_id=str(backfill.pk))
    with transaction.atomic():
        Flow.objects.filter(pk=flows["customer"].pk).update(next_run_at=timezone.now())

    look()

    with transaction.atomic():
        due = Run.objects.get(flow=flows["customer"])
        assert due.handed_at is not None
    assert OrmQ.objects.count() == 52


def test_a_run_whose_worker_died_is_handed_out_when_its_lease_has_lapsed(flows):
    run = start_run(flows["customer"], by="test")
    with transaction.atomic():
        run.claim(seconds=100)
        Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING, wake_at=None)
    look()
    assert OrmQ.objects.count() == 0

    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(leased_until=timezone.now())
    look()

    assert OrmQ.objects.count() == 1
