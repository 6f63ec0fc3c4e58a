"""The tick: over all tenants, each slot once, each slice to one worker, and nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.sync import due
from integrations.sync import schedule as schedules
from integrations.sync.models import Flow, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from integrations.sync.stages import Later
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.journeys.stories import dies, let_leases_lapse
from tests.sync.toys import Toy
from tests.sync.words import go_on

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def many(flow: Flow, number: int) -> None:
    """So many flows like this one, all of them due."""
    past = timezone.now() - timedelta(hours=5)
    with transaction.atomic():
        Flow.objects.bulk_create(
            Flow(
                name=f"flow {each}",
                source=flow.source,
                source_object=flow.source_object,
                target=flow.target,
                target_object=flow.target_object,
                mapping=flow.mapping,
                schedule=Flow.Schedule.INTERVAL,
                every_minutes=5,
                next_run_at=past,
            )
            for each in range(number)
        )


def in_no_scope(work: Callable[[], object]) -> object:
    """As the tick calls it: no tenant is in scope."""
    return Context().run(work)


def test_a_thousand_flows_that_are_due_begin_once_each_although_two_ticks_look(bring: Bring) -> None:
    many(bring("customer"), 1000)
    begun: list[int] = []
    ready = threading.Barrier(2)

    def tick() -> None:
        ready.wait()
        begun.append(due.start_due_flows())
        connection.close()

    ticks = [threading.Thread(target=Context().run, args=(tick,)) for _ in range(2)]
    for each in ticks:
        each.start()
    for each in ticks:
        each.join()

    assert sum(begun) == 1000
    with transaction.atomic():
        assert Run.objects.count() == 1000
        assert not Flow.objects.filter(next_run_at__lte=timezone.now()).exists()
    assert in_no_scope(due.start_due_flows) == 0


def test_a_run_is_handed_out_once_a_minute_at_most(bring: Bring) -> None:
    run = start_run(bring("customer"), by="test")

    assert in_no_scope(due.take_due_runs) == [(run.tenant_id, run.pk)]
    assert in_no_scope(due.take_due_runs) == []
    with transaction.atomic():
        Run.objects.update(wake_at=timezone.now())
    assert in_no_scope(due.take_due_runs) == [(run.tenant_id, run.pk)]


def test_a_run_whose_worker_has_it_is_not_handed_out(bring: Bring) -> None:
    run = start_run(bring("customer"), by="test")
    with transaction.atomic():
        run.claim(seconds=60)

    assert in_no_scope(due.take_due_runs) == []


def test_a_run_whose_worker_died_is_found_again(
    bring: Bring, shop: Toy, books: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.sync import plan

    shop.put("customer", "1", name="Ann")
    run = start_run(bring("customer"), by="test")
    in_no_scope(due.take_due_runs)
    with dies(monkeypatch, plan, "propose"):
        go_on(run)
    assert in_no_scope(due.take_due_runs) == []
    let_leases_lapse()
    with transaction.atomic():
        Run.objects.update(handed_at=timezone.now() - due.HAND_OUT_AGAIN)

    assert in_no_scope(due.take_due_runs) == [(run.tenant_id, run.pk)]


def test_a_slot_that_comes_while_the_flow_runs_is_not_begun_and_not_kept(bring: Bring) -> None:
    flow = bring("customer", schedule="interval", every_minutes=5)
    start_run(flow, by="test")
    with transaction.atomic():
        Flow.objects.update(next_run_at=timezone.now() - timedelta(hours=9))

    assert in_no_scope(due.start_due_flows) == 0

    with transaction.atomic():
        assert Run.objects.count() == 1
        flow.refresh_from_db()
    assert flow.next_run_at is not None
    assert flow.next_run_at > timezone.now()


def test_flows_of_every_tenant_begin_in_their_own_scope(bring: Bring, other_tenant: Tenant) -> None:
    many(bring("customer"), 2)
    with tenant_scope(other_tenant.pk):
        copy_of_theirs = _same_flow_for_another()
        many(copy_of_theirs, 3)

    assert in_no_scope(due.start_due_flows) == 5
    assert len(in_no_scope(due.take_due_runs)) == 5

    with tenant_scope(other_tenant.pk), transaction.atomic():
        assert Run.objects.count() == 3


def test_the_trouble_of_one_tenant_does_not_keep_the_others_waiting(
    bring: Bring, tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(bring("customer"), 1)
    with tenant_scope(other_tenant.pk):
        many(_same_flow_for_another(), 1)
    from tenants.scope import current_tenant_id

    def troubled(flow: Flow, **options: Any) -> object:
        if current_tenant_id() == tenant.pk:
            raise ValueError("a time zone that nobody knows")
        return schedules.next_slot(flow, **options)

    monkeypatch.setattr(due, "next_slot", troubled)

    assert in_no_scope(due.start_due_flows) == 1


def test_a_flow_that_is_switched_off_is_not_begun(bring: Bring) -> None:
    many(bring("customer"), 1)
    with transaction.atomic():
        Flow.objects.update(enabled=False)

    assert in_no_scope(due.start_due_flows) == 0


def _same_flow_for_another() -> Flow:
    from integrations.connections.models import Connection
    from integrations.connections.services import save_connection
    from integrations.mapping.models import Mapping
    from integrations.mapping.services import save_mapping
    from integrations.sync.services import save_flow
    from tests.sync.words import CUSTOMER

    source = save_connection(Connection(name="Shop", connector="shop"), by=None)
    target = save_connection(Connection(name="Books", connector="books"), by=None)
    mapping = Mapping(name="m", kind_from="customer", kind_to="customer", changes={"put": CUSTOMER})
    with transaction.atomic():
        save_mapping(mapping, by=None)
    flow = Flow(
        name="theirs", source=source, source_object="customer", target=target, target_object="customer", mapping=mapping
    )
    return save_flow(flow, by=None)


def test_a_run_that_is_handed_out_twice_begins_no_sooner_than_it_is_due(bring: Bring, shop: Toy, books: Toy) -> None:
    shop.answers = [{"error": "throttled"}]
    run = start_run(bring("customer"), by="test")
    first = go_on(run)
    asked = len(shop.asked)
    with transaction.atomic():
        again = Run.objects.get(pk=run.pk)

    second = carry_out(again, until=timezone.now() + timedelta(minutes=1))

    assert isinstance(first, Later)
    assert isinstance(second, Later)
    assert second.at == run.wake_at
    assert len(shop.asked) == asked
    with transaction.atomic():
        run.refresh_from_db()
    assert run.leased_until is None
