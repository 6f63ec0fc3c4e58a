"""The nursery as the campaign sees it: it gives orders to the process that forks workers, and hears what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from typing import Any, Self

PATIENCE = 60.0  # seconds for one worker's life


class Nursery:
    """The process that forks workers, and what they say."""

    def __init__(self, name: str, place: Mapping[str, Any]) -> None:
        command = [sys.executable, "-m", "tests.chaos.worker", name, json.dumps(place)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said: dict[int, Queue[dict[str, Any]]] = {}
        self.number = 0
        self._one_at_a_time = threading.Lock()
        assert self.process.stdout is not None
        self.process.stdout.readline()  # ready
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    @contextmanager
    def opened(cls, name: str, place: Mapping[str, Any]) -> Iterator[Self]:
        """A nursery for the block, over this database."""
        made = cls(name, place)
        try:
            yield made
        finally:
            made.close()

    def start(self, **order: Any) -> tuple[int, int]:
        """A worker with this order: its number, and its process."""
        with self._one_at_a_time:
            self.number += 1
            number, heard = self.number, self.said.setdefault(self.number, Queue())
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps({"number": number, **order}) + "\n")
            self.process.stdin.flush()
        return number, heard.get(timeout=PATIENCE)["pid"]

    def hears(self, number: int, within: float = PATIENCE) -> dict[str, Any] | None:
        """What that worker says next, or None where it says nothing for so long."""
        try:
            return self.said[number].get(timeout=within)
        except Empty:
            return None

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            self.said[told["order"]].put(told)
