import logging
import os
import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django_q.cluster import Cluster

from plumbing import broker
from plumbing.supervisor import end_with_parent


class Command(BaseCommand):
    help = "Carries out tasks of the queue: one worker, in a cluster of its own that beats. `manage.py serve` runs and watches it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--part", default="worker", help="the name it beats under")
        parser.add_argument("--beat-every", type=float, default=15.0, help="seconds between beats")
        parser.add_argument(
            "--patience", type=float, default=90.0, help="seconds in which it ends, told to, in order or not"
        )

    def handle(self, *, part: str, beat_every: float, patience: float, **options: Any) -> None:
        broker.join(part, beat_every=beat_every)
        logging.getLogger("django-q").addFilter(lambda record: "canary" not in record.getMessage())
        # A cluster's guard that was killed would leave its worker behind, unguarded.
        os.register_at_fork(after_in_child=end_with_parent)
        cluster = Cluster()

        def told_to_end(number: int, frame: FrameType | None) -> None:
            # One of its processes may hang: then this one is ended by the alarm, and takes the others with it. Its supervisor
            # would see to that, if it were still there.
            signal.setitimer(signal.ITIMER_REAL, patience)
            cluster.sig_handler(number, frame)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, told_to_end)
        cluster.start()
