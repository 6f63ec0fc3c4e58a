"""The embedded PostgreSQL is one server for all who ask, and leaves with the last of them."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

ASK = """
import sys, time
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/platform"]
from plumbing import embedded
import psycopg
folder = Path({folder!r})
socket = embedded.serve(folder)
with psycopg.connect(host=socket, user="tieout_app", dbname="tieout") as connection:
    print(connection.execute("SELECT current_user::text, pg_postmaster_start_time()::text").fetchone(), flush=True)
    sys.stdin.readline()
"""


def ask(folder: Path) -> subprocess.Popen[str]:
    program = ASK.format(root=str(ROOT), folder=str(folder))
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)


def server(folder: Path) -> psutil.Process | None:
    """The server over this folder, where it runs."""
    pid_file = folder / "postmaster.pid"
    if not pid_file.exists():
        return None
    try:
        return psutil.Process(int(pid_file.read_text().split()[0]))
    except psutil.NoSuchProcess:
        return None


@pytest.fixture
def folder(settings):
    # Not pytest's own folder, which it closes to the user that the server runs as where we are root.
    place = settings.VAR / "tests" / f"embedded-{os.getpid()}"
    yield place
    if running := server(place):
        running.send_signal(signal.SIGINT)  # a fast shutdown
        running.wait(30)
    shutil.rmtree(place)


def test_several_who_start_at_once_get_one_server_and_the_last_one_stops_it(folder):
    processes = [ask(folder) for _ in range(4)]
    said = {process.stdout.readline().strip() for process in processes}
    assert len(said) == 1
    assert "tieout_app" in said.pop()
    for process in processes[:-1]:
        leave(process)
    assert server(folder)
    leave(processes[-1])
    assert server(folder) is None


def test_one_that_was_killed_keeps_nobody_from_stopping_it(folder):
    killed, stays = ask(folder), ask(folder)
    killed.stdout.readline(), stays.stdout.readline()
    killed.kill()
    killed.wait()
    leave(stays)
    assert server(folder) is None


def test_what_was_written_is_there_after_a_crash(folder):
    first = ask(folder)
    first.stdout.readline()
    os.kill(server(folder).pid, 9)
    first.kill()
    first.wait()
    again = ask(folder)
    assert "tieout_app" in again.stdout.readline()
    leave(again)


FORK = """
import multiprocessing
def child():
    with psycopg.connect(host=embedded.serve(folder), user="tieout_app", dbname="tieout") as connection:
        print(connection.execute("SELECT current_user::text").fetchone(), flush=True)
        sys.stdin = open(0)
        sys.stdin.readline()
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
"""


@pytest.mark.parametrize("first", ["the parent used it first", "only the child uses it"])
def test_a_parent_that_ends_before_its_forked_child_does_not_take_the_server_away(folder, first):
    """So it is with django-q2: the main thread is done at once, and the interpreter waits for the cluster."""
    used = "embedded.serve(folder)" if first == "the parent used it first" else ""
    preamble = ASK[: ASK.index("socket =")].format(root=str(ROOT), folder=str(folder))
    program = subprocess.Popen(
        [sys.executable, "-c", f"{preamble}\n{used}\n{FORK}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert "tieout_app" in program.stdout.readline()
    assert server(folder)
    leave(program)
    assert server(folder) is None
