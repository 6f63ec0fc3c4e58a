"""A watched cluster takes a task only when its worker is free, and sends a canary when there is nothing to do."""

from __future__ import annotations

import time

import pytest
from django_q.brokers import get_broker
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from plumbing import broker as watched
from plumbing.broker import BUSY, FREE, Broker, Cluster

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster("one", beat_every=60)
    monkeypatch.setattr(watched, "_cluster", cluster)
    return cluster


def function_of(tasks):
    [(_, payload)] = tasks
    return SignedPackage.loads(payload)["func"]


def test_a_canary_goes_where_there_is_nothing_else_to_do_and_only_now_and_then(cluster):
    async_task("math.floor", 1)

    assert function_of(get_broker().dequeue()) == "math.floor"
    cluster.worker.value = FREE
    assert function_of(get_broker().dequeue()) == "plumbing.broker.canary"
    cluster.worker.value = FREE
    assert not get_broker().dequeue()


def test_a_task_is_left_to_others_while_the_worker_is_at_another(cluster):
    async_task("math.floor", 1)
    cluster.worker.value = BUSY

    assert get_broker().dequeue() is None

    cluster.worker.value = FREE
    assert function_of(get_broker().dequeue()) == "math.floor"


def test_a_worker_that_does_not_begin_what_it_was_handed_is_tried_again_with_a_canary(cluster):
    cluster.worker.value = time.monotonic() - watched.PICKED_UP_WITHIN - 1

    assert function_of(get_broker().dequeue()) == "plumbing.broker.canary"


def test_a_process_that_only_puts_tasks_in_needs_no_cluster():
    async_task("math.floor", 1)

    assert isinstance(get_broker(), Broker)
    assert function_of(get_broker().dequeue()) == "math.floor"
