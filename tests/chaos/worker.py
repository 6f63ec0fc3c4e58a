"""Workers by the hundred: a process that has everything loaded and forks one for each order that it reads.

An order is a JSON line: {"tenant", "run", "sandbox", "without"}, and where wanted "point", "passage" and "patience". Each worker
carries its run as far as it gets, as a task of the queue does, and says in lines of JSON: "born", "at" (it stands still at its
point), "end" (with how it ended).
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  # Django first
from django.db import connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from integrations.connections import line  # noqa: E402
from integrations.connectors.registry import connectors  # noqa: E402
from integrations.sync.models import Run  # noqa: E402
from integrations.sync.run import carry_out  # noqa: E402
from integrations.sync.stages import Done  # noqa: E402
from plumbing.leases import Leased  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tests import database  # noqa: E402
from tests.chaos import without  # noqa: E402
from tests.chaos.points import Watch  # noqa: E402

SLICE = timedelta(seconds=60)
LEASE = 4.0  # seconds: so that the campaign need not wait minutes until one has lapsed
MARGIN = 1.0


def main(name: str, place: str) -> None:
    database.use(name)
    for setting, value in json.loads(place).items():
        setattr(settings, setting, Path(value) if setting in ("VAR", "FILES") else value)
    shorten_leases()
    connectors()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    gc.freeze()  # what everybody has need not be copied for anybody
    say("ready")
    for order in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work(json.loads(order))
            os._exit(0)


def work(order: dict[str, Any]) -> None:
    """One worker's life."""
    say("born", order=order["number"])
    settings.SANDBOX_URL = order["sandbox"]
    # By this name the campaign finds its connections to the database.
    connections.settings["default"]["OPTIONS"] = {"application_name": f"worker {os.getpid()}"}
    if patience := order.get("patience"):  # seconds for an answer
        line.MARGIN = LEASE - patience
    Watch(order.get("point", ""), order.get("passage", 0), say=lambda words: say(words, order=order["number"])).begin()
    ended = "broken"
    try:
        with tenant_scope(order["tenant"]):
            if order["without"]:
                without.give_up(order["without"])
            with transaction.atomic():
                Run.objects.filter(pk=order["run"]).update(wake_at=timezone.now())  # it is due
                run = Run.objects.get(pk=order["run"])
            outcome = carry_out(run, until=timezone.now() + SLICE)
            ended = "done" if isinstance(outcome, Done) else "later"
    except Exception as error:  # a worker that breaks is one more thing that the next has to cope with
        ended = f"{type(error).__name__}: {error}"[:300]
    say("end", order=order["number"], how=ended)


def shorten_leases() -> None:
    """Everything as in the product, but quicker: leases, and the margin that a call keeps to the end of its lease."""
    claim, renew = Leased.claim, Leased.renew
    Leased.claim = lambda self, *, seconds: claim(self, seconds=min(seconds, LEASE))
    Leased.renew = lambda self, *, seconds: renew(self, seconds=min(seconds, LEASE))
    line.MARGIN = MARGIN


def say(what: str, **more: Any) -> None:
    """One line, in one piece: many workers write to the same pipe."""
    os.write(1, (json.dumps({"pid": os.getpid(), "what": what, **more}) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
