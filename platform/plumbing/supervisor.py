"""The supervisor: starts the parts of an installation, and brings back each that dies or hangs.

    Supervisor([Part(name="web", command=("gunicorn", …), alive=answers("http://127.0.0.1:8000/healthz"))]).run()

A part is a process with whatever it starts itself: it has a session of its own, so that all of it can be ended at once.
Only processes that were started here are ever ended, by their own id.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

log = logging.getLogger(__name__)

LOOK_EVERY = 0.2  # seconds between looks at who has ended
STEADY = 60.0  # seconds after which a part that was brought back counts as well again
LONGEST_PAUSE = 30.0  # seconds before a part that keeps dying is started once more

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process to keep running.

    `alive` says whether it gave a sign of life since it was asked last; where it raises, nothing is concluded. A part
    that stays `silent` for so many seconds (`starting`: after its start) is hung. It has `stopping` seconds to end in order.
    """

    name: str
    command: Sequence[str]
    alive: Callable[[], bool] | None = None
    silent: float = 45.0
    starting: float = 60.0
    stopping: float = 75.0


class Supervisor:
    """Keeps parts running until it is told to stop. Runs in the main thread, whose end ends the parts."""

    def __init__(self, parts: Sequence[Part], *, ask_every: float = 5.0) -> None:
        self._kept = [_Kept(part) for part in parts]
        self._ask_every = ask_every
        self._stop = self._at_once = False

    def run(self) -> None:
        """Start all parts, watch them, and end them all on SIGTERM or SIGINT; the second signal does not wait."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        try:
            ask_at = 0.0
            while not self._stop:
                asks = time.monotonic() >= ask_at
                if asks:
                    ask_at = time.monotonic() + self._ask_every
                for kept in self._kept:
                    kept.look(asks=asks)
                time.sleep(LOOK_EVERY)
        finally:
            self._end_all()

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._at_once, self._stop = self._stop, True

    def _end_all(self) -> None:
        running = [kept.running for kept in self._kept if kept.running]
        for each in running:
            each.ask_to_stop()
        while any(each.has_time_to_stop() for each in running) and not self._at_once:
            time.sleep(LOOK_EVERY)
        for each in running:
            each.kill()


class _Kept:
    """A part, and the process that plays it now, if any does."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.running: _Running | None = None
        self._start_at = 0.0
        self._falls = 0

    def look(self, *, asks: bool) -> None:
        """Start it if it is due, and end it if it is dead or hung: a later look starts it again."""
        if self.running is None:
            if time.monotonic() >= self._start_at:
                log.info("%s starts", self.part.name)
                self.running = _Running(self.part)
        elif (status := self.running.ended()) is not None:
            self._fell(self.running, f"ended ({status})")
        elif asks and (seconds := self.running.silent_for()):
            self._fell(self.running, f"gave no sign of life for {seconds:.0f} s")

    def _fell(self, running: _Running, how: str) -> None:
        self._falls = 0 if time.monotonic() - running.started > STEADY else self._falls + 1
        pause = min(LONGEST_PAUSE, 0.5 * 2**self._falls) if self._falls else 0.0
        log.error("%s %s; it is started again in %.0f s", self.part.name, how, pause)
        running.kill()
        self.running, self._start_at = None, time.monotonic() + pause


class _Running:
    """A process that plays a part."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.started = self._heard = time.monotonic()
        self._spoke = False
        self._stop_by = 0.0
        self._process = subprocess.Popen(  # noqa: S603  # the commands are our own
            part.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with(signal.SIGTERM),
        )

    def ended(self) -> int | None:
        """How the process ended; None while it runs. It is not waited for yet: so nobody else can get its number."""
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return None if found is None else found.si_status

    def silent_for(self) -> float:
        """For how many seconds it has been silent, where that is too long; otherwise 0."""
        if self.part.alive is None:
            return 0.0
        now = time.monotonic()
        try:
            heard = self.part.alive()
        except Exception as problem:  # whatever keeps us from knowing is no proof against the part
            log.warning("%s: cannot tell whether it is alive: %s", self.part.name, problem)
            self._heard = now
            return 0.0
        if heard:
            self._heard, self._spoke = now, True
        silent = now - self._heard
        return silent if silent > (self.part.silent if self._spoke else self.part.starting) else 0.0

    def ask_to_stop(self) -> None:
        """Let it end in order."""
        os.kill(self._process.pid, signal.SIGTERM)
        os.killpg(self._process.pid, signal.SIGCONT)  # whoever was stopped with SIGSTOP hears nothing until it goes on
        self._stop_by = time.monotonic() + self.part.stopping

    def has_time_to_stop(self) -> bool:
        """Whether it runs still and has been given time for that."""
        return self.ended() is None and time.monotonic() < self._stop_by

    def kill(self) -> None:
        """End the process and everything that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def end_with_parent() -> None:
    """Let this process be killed when the thread that started it ends, however it ends (Linux)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with(number: signal.Signals) -> Callable[[], None]:
    """What a child does before it becomes its command: have the signal sent to it when this thread ends, however it ends."""
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before it could be watched
            os._exit(1)

    return prepare
