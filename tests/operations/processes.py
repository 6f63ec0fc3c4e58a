"""Processes that a test starts, looks at and ends; each in a session of its own, so that nothing of them stays."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import redis

ROOT = Path(__file__).resolve().parents[2]
Found = TypeVar("Found")


@contextmanager
def running(
    *words: str, env: Mapping[str, str] | None = None, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process for the block; whatever is left of it and its children is killed after it."""
    with command_running(sys.executable, *words, env=env, stdout=stdout) as process:
        yield process


@contextmanager
def command_running(
    *command: str, env: Mapping[str, str] | None = None, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Any process, in the same way."""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, start_new_session=True, stdout=stdout
    )
    try:
        yield process
    finally:
        kill_group(process.pid)
        process.wait()


def kill_group(leader: int) -> None:
    """Kill a process that leads a session, and everything in its group."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def until(look: Callable[[], Found], *, within: float = 30.0, what: str = "it") -> Found:
    """What `look` gives as soon as it gives something true; fails after so many seconds."""
    give_up = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < give_up, f"{what} did not happen within {within} s"
        time.sleep(0.05)
    return found


def runs(process: int) -> bool:
    """Whether the process runs: one that has ended and was not waited for yet does not."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def none_runs(processes: Sequence[int]) -> bool:
    return not any(runs(process) for process in processes)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis on loopback for the block, with nothing on disk: its address."""
    server = shutil.which("redis-server")
    assert server, "redis-server is not installed: this is tried against the real one"
    port = free_port()
    words = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
    address = f"redis://127.0.0.1:{port}/0"
    with command_running(server, *words, stdout=subprocess.DEVNULL):
        until(lambda: _redis_answers(address), what="the answer of Redis")
        yield address


def _redis_answers(address: str) -> bool:
    try:
        return bool(redis.from_url(address).ping())
    except redis.ConnectionError:
        return False
