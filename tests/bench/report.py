"""What a measured process says of itself, and of the database's processes that worked for it."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

SAMPLE = 0.1  # seconds between two looks at the database's processes
TICK = os.sysconf("SC_CLK_TCK")


def timed(name: str, work: Callable[[], object], *, database: str) -> dict[str, float]:
    """Seconds that the work takes, and the processors' seconds that it costs here and in that database's processes.

    The latter count on a machine on which others are at work too; they are told on Linux, for a server on this machine.
    """
    server = _Server(database)
    server.start()
    begun, spent = time.perf_counter(), time.process_time()
    work()
    seconds, processor = time.perf_counter() - begun, time.process_time() - spent
    return {name: seconds, f"{name}_processor": processor + server.stop()}


def tell(**seconds: float) -> None:
    """Print the times and this process's peak memory as one line of JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**seconds, "peak_mb": round(peak)}) + "\n")


class _Server(Thread):
    """Looks again and again at what the processes that serve one database have spent; each says which it serves."""

    def __init__(self, database: str) -> None:
        super().__init__(daemon=True)
        self.mark = f" {database} ".encode()
        self.over = Event()
        self.begun = self._spent()
        self.last = dict(self.begun)

    def run(self) -> None:
        while not self.over.wait(SAMPLE):
            self.last |= self._spent()

    def stop(self) -> float:
        self.over.set()
        self.join()
        self.last |= self._spent()
        return sum(spent - self.begun.get(process, 0) for process, spent in self.last.items())

    def _spent(self) -> dict[str, float]:
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                title = (process / "cmdline").read_bytes()
                if title.startswith(b"postgres: ") and self.mark in title:
                    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                    found[process.name] = (int(user) + int(system)) / TICK
            except OSError:
                continue  # it has just ended
        return found
