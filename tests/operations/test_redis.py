"""With the queue in Redis: what is due is done, and a worker that is killed with a task in hand loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from integrations.connections.models import Connection
from integrations.doors.demo.books import BOOKS
from integrations.sync.models import Call, Flow, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from tests.operations.processes import kill_group, redis_server, running, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A Redis of this test, which the processes that it starts have their queue in."""
    with redis_server(tmp_path) as address:
        environment["TIEOUT_REDIS_URL"] = address
        yield address


def tasks_in(address: str) -> list[str]:
    """The names of the rows that the tasks in this Redis are about."""
    tasks = [SignedPackage.loads(each) for each in redis.from_url(address).lrange("django_q:tieout:q", 0, -1)]
    return [task["args"][-1] for task in tasks]


def test_a_worker_killed_with_a_task_of_redis_in_hand_loses_nothing(
    queue: str, environment: dict[str, str], flows: dict[str, Flow], start_worker: Callable[..., int]
) -> None:
    for name in ("customer", "item"):
        carry_out(start_run(flows[name], by="test"), until=timezone.now() + timedelta(minutes=1))
    brief(flows["credit_note"].target)
    doomed = start_worker("doomed")
    BOOKS["quickbooks_online"].tell("misbehave", what="slow", seconds=3, on="write", moment="after")
    run = start_run(flows["credit_note"], by="test")

    with running("manage.py", "tick", "--every", "0.3", env=environment):
        until(lambda: Call.State.SENT in states_of_calls(run), what="the slow call")
        assert not OrmQ.objects.exists()  # the database holds no tasks
        assert str(run.pk) not in tasks_in(queue)  # and Redis has given this one away
        kill_group(doomed)
        start_worker("heir")
        let_the_lease_lapse(run)
        until(lambda: fresh(run).state == Run.State.DONE, what="the end of the run")

    assert run.colour == Run.Colour.GREEN
    realm = flows["credit_note"].target.settings["realmId"]
    numbers = Counter(
        each["DocNumber"] for each in BOOKS["quickbooks_online"].tell("documents", kind="CreditMemo", realm=realm)
    )
    assert len(numbers) == 15
    assert set(numbers.values()) == {1}


def test_a_redis_that_is_killed_with_tasks_in_it_loses_nothing(
    environment: dict[str, str], flows: dict[str, Flow], start_worker: Callable[..., int], tmp_path: Path
) -> None:
    run = start_run(flows["customer"], by="test")
    with redis_server(tmp_path) as address:
        environment["TIEOUT_REDIS_URL"] = address
        with running("manage.py", "tick", "--once", env=environment) as tick:
            assert tick.wait(60) == 0
        assert str(run.pk) in tasks_in(address)
    assert fresh(run).state == Run.State.QUEUED

    with transaction.atomic():  # a minute passes
        Run.objects.filter(pk=run.pk).update(wake_at=timezone.now())
    with redis_server(tmp_path) as address:
        environment["TIEOUT_REDIS_URL"] = address
        start_worker("heir")
        with running("manage.py", "tick", "--once", env=environment):
            until(lambda: fresh(run).state == Run.State.DONE, what="the end of the run")


def fresh(run: Run) -> Run:
    with transaction.atomic():
        run.refresh_from_db()
    return run


def states_of_calls(run: Run) -> list[Any]:
    with transaction.atomic():
        return list(Call.objects.filter(run=run).values_list("state", flat=True))


def brief(books: Connection) -> None:
    """A vendor that is never at a call for longer than four seconds."""
    with transaction.atomic():
        books.refresh_from_db()
        books.settings |= {"settle_seconds": 4}
        books.save()


def let_the_lease_lapse(run: Run) -> None:
    """Three minutes pass, in which nobody is heard of the worker."""
    now = timezone.now()
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(leased_until=now, wake_at=now)
