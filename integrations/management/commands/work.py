import logging
import os
from argparse import ArgumentParser
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

    def handle(self, *, part: str, beat_every: float, **options: Any) -> None:
        broker.join(part, beat_every=beat_every)
        logging.getLogger("django-q").addFilter(lambda record: "canary" not in record.getMessage())
        # A cluster's guard that was killed would leave its worker behind, unguarded.
        os.register_at_fork(after_in_child=end_with_parent)
        Cluster().start()
