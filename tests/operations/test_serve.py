"""`manage.py serve` as it is run: its parts come up, come back, and go."""

from __future__ import annotations

import signal

import psutil
import pytest

from plumbing import signs
from plumbing.models import Heartbeat
from tests.operations.processes import free_port, none_runs, running, runs, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served(environment):
    address = f"127.0.0.1:{free_port()}"
    words = ("--web", "--bind", address, "--web-processes", "1", "--workers", "1", "--tick", "--patience", "10")
    with running("manage.py", "serve", *words, env=environment) as process:
        supervisor = psutil.Process(process.pid)
        try:
            until(signs.answers(f"http://{address}/healthz"), what="the web's answer")
            until(lambda: Heartbeat.objects.count() == 2, what="the beats of worker and tick")
            yield supervisor
        finally:
            if supervisor.is_running():
                supervisor.send_signal(signal.SIGTERM)
                supervisor.wait(30)


def test_an_installation_comes_up_mends_itself_and_leaves_nothing_behind(served):
    worker = next(part for part in served.children() if "work" in part.cmdline())
    everybody = {part.pid for part in served.children(recursive=True)}
    beat = Heartbeat.objects.get(name__startswith="worker").at

    worker.kill()

    until(lambda: Heartbeat.objects.get(name__startswith="worker").at > beat, what="a beat of the new worker")
    assert not runs(worker.pid)
    everybody |= {part.pid for part in served.children(recursive=True)}
    served.send_signal(signal.SIGTERM)
    served.wait(30)
    assert none_runs(sorted(everybody))
    assert not Heartbeat.objects.exists()  # nobody misses what was ended in order
