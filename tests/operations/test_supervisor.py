"""What dies or hangs comes back, what is told to stop stops, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.operations.processes import kill_group, none_runs, running, runs, until

SCRIPT = str(Path(__file__).with_name("supervised.py"))


@contextmanager
def supervised(folder: Path, *names: str) -> Iterator[subprocess.Popen[bytes]]:
    with running(SCRIPT, str(folder), *names) as supervisor:
        try:
            for name in names:
                until(lambda name=name: started(folder, name), what=f"the start of {name}")
            yield supervisor
        finally:
            for name in names:
                for leader, _ in started(folder, name):
                    kill_group(leader)


def started(folder: Path, name: str) -> list[tuple[int, int]]:
    """Every process that played the part so far, with the one that it started itself."""
    file = folder / name
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines]


def everybody(folder: Path, name: str) -> list[int]:
    return [process for pair in started(folder, name) for process in pair]


def test_a_part_that_is_killed_comes_back_and_what_it_had_started_is_gone(tmp_path):
    with supervised(tmp_path, "steady"):
        [(leader, child)] = started(tmp_path, "steady")

        os.kill(leader, signal.SIGKILL)

        until(lambda: len(started(tmp_path, "steady")) == 2, what="the second start")
        assert none_runs([leader, child])
        assert runs(started(tmp_path, "steady")[1][0])


def test_a_part_that_hangs_is_replaced(tmp_path):
    with supervised(tmp_path, "steady"):
        [(leader, child)] = started(tmp_path, "steady")
        until(lambda: (tmp_path / "steady.beat").exists(), what="a beat")

        os.kill(leader, signal.SIGSTOP)

        until(lambda: len(started(tmp_path, "steady")) == 2, what="the second start")
        assert none_runs([leader, child])


def test_a_part_that_cannot_be_asked_is_left_alone(tmp_path):
    with supervised(tmp_path, "mute"):
        time.sleep(2.5)  # longer than it may be silent

        assert len(started(tmp_path, "mute")) == 1
        assert runs(started(tmp_path, "mute")[0][0])


def test_a_part_that_keeps_dying_is_started_ever_more_rarely_and_harms_no_other(tmp_path):
    with supervised(tmp_path, "doomed", "steady"):
        time.sleep(4)

        assert 2 <= len(started(tmp_path, "doomed")) <= 4  # after 1 s and 2 s more
        assert len(started(tmp_path, "steady")) == 1


@pytest.mark.parametrize("name", ["steady", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_that_is_told_to_stop_leaves_nothing_behind(tmp_path, name, number):
    with supervised(tmp_path, name) as supervisor:
        supervisor.send_signal(number)

        assert supervisor.wait(timeout=20) == 0
        assert none_runs(everybody(tmp_path, name))


def test_a_frozen_part_does_not_keep_its_supervisor_from_stopping(tmp_path):
    with supervised(tmp_path, "mute") as supervisor:
        os.kill(started(tmp_path, "mute")[0][0], signal.SIGSTOP)

        supervisor.terminate()

        assert supervisor.wait(timeout=20) == 0
        assert none_runs(everybody(tmp_path, "mute"))


def test_a_supervisor_that_is_killed_takes_its_parts_with_it(tmp_path):
    with supervised(tmp_path, "steady") as supervisor:
        [(leader, _)] = started(tmp_path, "steady")

        supervisor.kill()

        until(lambda: not runs(leader), what="the end of the part")
