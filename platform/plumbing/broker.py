"""The queue as one worker's cluster sees it: a task at a time, and a canary that proves that tasks are carried out.

A cluster takes the next task only when its worker is free, so that no task waits behind another while a second cluster
has nothing to do. While there is nothing to do, a canary goes the whole way of a task, from the queue's pusher through
the worker to the monitor, which beats for the cluster; during a task the worker itself beats. What kills any of them,
or hangs it, ends the beat, and whoever supervises the cluster replaces it.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import django_q.brokers
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.signals import post_execute, post_execute_in_worker, post_spawn, pre_execute
from django_q.signing import SignedPackage

from plumbing import health

FREE, BUSY = 0.0, -1.0
LOOK_EVERY = 0.05  # seconds between looks at whether the worker is free
PICKED_UP_WITHIN = 10.0  # seconds after which a worker that has not begun what it was handed is not waited for


class Cluster:
    """What the processes of one cluster share: under which name it beats, how often, and whether its worker is free."""

    def __init__(self, name: str, *, beat_every: float) -> None:
        self.name, self.beat_every = name, beat_every
        # FREE, BUSY, or the moment (of the machine's monotonic clock) at which the worker was handed a task.
        self.worker: Synchronized[float] = multiprocessing.Value("d", FREE)
        self.canary_at = 0.0  # only the pusher's copy counts

    def is_free(self) -> bool:
        state = self.worker.value
        return state == FREE or (state > 0 and time.monotonic() - state > PICKED_UP_WITHIN)

    def beat(self) -> None:
        close_old_connections()
        health.beat(self.name)


_cluster: Cluster | None = None


def join(name: str, *, beat_every: float) -> None:
    """Makes the cluster that this process is about to start a watched one. Before any of its processes is forked."""
    global _cluster
    cluster = _cluster = Cluster(name, beat_every=beat_every)

    def begins(**kwargs: Any) -> None:
        cluster.worker.value = BUSY

    def ends(**kwargs: Any) -> None:
        cluster.worker.value = FREE

    def beats_while_busy(**kwargs: Any) -> None:
        cluster.worker.value = FREE  # its predecessor may have died in the middle of a task
        threading.Thread(target=_beat_while_busy, args=(cluster,), daemon=True).start()

    post_spawn.connect(beats_while_busy, weak=False)
    pre_execute.connect(begins, weak=False)
    post_execute_in_worker.connect(ends, weak=False)
    post_execute.connect(lambda **kwargs: cluster.beat(), weak=False)


def canary() -> None:
    """A task that does nothing; that it was done is the news."""


class Watched(django_q.brokers.Broker):
    """A queue of django-q2, for clusters that are watched and for those that only put tasks in."""

    def dequeue(self) -> Any:
        if _cluster is None:
            return super().dequeue()
        if not _cluster.is_free():
            time.sleep(LOOK_EVERY)
            return None
        tasks = super().dequeue() or self._canary(_cluster)
        if tasks:
            _cluster.worker.value = time.monotonic()
        return tasks

    def _canary(self, cluster: Cluster) -> list[tuple[int, str]]:
        if time.monotonic() < cluster.canary_at:
            return []
        cluster.canary_at = time.monotonic() + cluster.beat_every
        task = {
            "id": "canary",
            "name": "canary",
            "func": "plumbing.broker.canary",
            "args": (),
            "kwargs": {},
            "started": timezone.now(),
            "save": False,
        }
        return [(0, SignedPackage.dumps(task))]


class Broker(Watched, ORM):
    """The queue in the database."""


class RedisBroker(Watched, Redis):
    """The queue in Redis: a task leaves it when a cluster takes it, so the sweep finds again what died in a worker's hand."""


def _beat_while_busy(cluster: Cluster) -> None:
    while True:
        time.sleep(cluster.beat_every)
        if cluster.worker.value == BUSY:
            with suppress(DatabaseError):  # without a database nobody is missed either
                cluster.beat()
            connections.close_all()  # this thread's own
