"""The servers of the demo: `manage.py serve`, started in the background and ended with the demo."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from plumbing.signs import answers
from plumbing.supervisor import end_with

START_WITHIN, STOP_WITHIN = 90.0, 20.0  # seconds


class DidNotStart(Exception):
    """The servers ended, or did not answer in time; the message holds the last they wrote."""


@contextmanager
def running(*, web: int, sandbox: int) -> Iterator[Callable[[str], None]]:
    """Servers for the block; gives a function that waits until the address answers."""
    log = settings.VAR / "demo.log"
    command = [
        *(sys.executable, str(settings.BASE / "manage.py"), "serve", "--patience", str(STOP_WITHIN - 5)),
        *("--web", "--bind", f"127.0.0.1:{web}", "--web-processes", "1"),
        *("--workers", "2", "--tick", "--sandbox", str(sandbox)),
    ]
    with log.open("w") as file:
        # A session of its own: Ctrl-C is for the demo, which then ends the servers in order.
        process = subprocess.Popen(  # noqa: S603
            command, stdout=file, stderr=file, start_new_session=True, preexec_fn=end_with(signal.SIGTERM)
        )
    try:
        yield lambda address: _wait(process, address, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.terminate()  # told twice, they end at once
            process.wait(STOP_WITHIN)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    answer, until = answers(address), time.monotonic() + START_WITHIN
    while not answer():
        if process.poll() is not None or time.monotonic() > until:
            last = "".join(log.read_text().splitlines(keepends=True)[-20:])
            raise DidNotStart(f"{address} does not answer. The end of {log}:\n{last}")
        time.sleep(0.2)
