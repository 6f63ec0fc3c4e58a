import logging
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from integrations.connections import knocks
from integrations.doors.tasks import alert_all, look, miss_callers, seal_audits, watch_all
from integrations.records import consents
from plumbing import health, signs
from tenants.audit import partitions

log = logging.getLogger(__name__)

AFTER_TROUBLE = 10.0  # seconds
LOOK_AROUND_EVERY = 60.0
WATCH_EVERY = 600.0
TIDY_EVERY = 3600.0


class Command(BaseCommand):
    help = "Looks for flows and runs that are due, and hands them to the workers. Any number of ticks may look at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--part", default="tick", help="the name it beats under")
        parser.add_argument("--every", type=float, default=2.0, help="seconds between looks")
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *, part: str, every: float, once: bool, **options: Any) -> None:
        if once:
            look()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *told: stop.set())
        around_at = watch_at = tidy_at = 0.0
        while not stop.is_set():
            close_old_connections()
            pause = every
            try:
                look()
                health.beat(part)
                if time.monotonic() >= around_at:
                    seal_audits()
                    miss_callers()
                    consents.watch()
                    alert_all()
                    around_at = time.monotonic() + LOOK_AROUND_EVERY
                if time.monotonic() >= watch_at:
                    watch_all()
                    watch_at = time.monotonic() + WATCH_EVERY
                if time.monotonic() >= tidy_at:
                    signs.forget_the_long_gone()
                    knocks.forget_old()
                    partitions.make_months()
                    tidy_at = time.monotonic() + TIDY_EVERY
            except Exception:  # what is due stays due; a look that keeps failing ends the beat, and shows
                log.exception("A look at what is due failed")
                pause = AFTER_TROUBLE
            stop.wait(pause)
