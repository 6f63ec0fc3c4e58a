"""`bin/demo`: what was asked for becomes this installation's environment; only then are its settings read."""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WEB, SANDBOX = 8000, 8100
FIRST = "quickbooks_online"
OTHERS = ("odoo", "quickbooks_desktop")
SPEED = 20  # how many times faster than the vendors' their limits of rate run: real, but nobody has to wait long

_claims: list[socket.socket] = []


def main() -> int:
    asked = _arguments()
    var = Path(os.environ.get("TIEOUT_VAR") or ROOT / "var").resolve()
    if asked.data:
        # Other data is another demo: totals stay those of one file, and nothing is posted beside the sample.
        var = var / "demo" / asked.data.name.split(".")[0]
    if asked.books != FIRST:
        var = var / "demo" / asked.books
    with _alone(var):
        web, sandbox = free_port(asked.port or WEB), free_port(SANDBOX)
        if asked.port and web != asked.port:
            raise SystemExit(f"Port {asked.port} is taken on 127.0.0.1: name another, or none.")
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "TIEOUT_DEMO": "1",
            "TIEOUT_VAR": str(var),
            "TIEOUT_URL": f"http://127.0.0.1:{web}",
            "TIEOUT_SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
            "TIEOUT_SANDBOX_SPEED": str(SPEED),
        }
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "TIEOUT_HOSTS"):
            os.environ.pop(name, None)
        # platform/ is a shelf, not a package: `config` and `plumbing` stand on it.
        sys.path.insert(0, str(ROOT / "platform"))

        import django

        django.setup()
        from integrations.doors.demo import play

        return play.play(web=web, sandbox=sandbox, data=asked.data, books=asked.books, stays=not asked.exit)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/demo", description="Shows the main job: a file of sales becomes books.")
    parser.add_argument("--data", type=_file, help="a file of sales as the sample is one, .csv or .csv.gz")
    parser.add_argument("--books", choices=(FIRST, *OTHERS), default=FIRST, help="whose books; a demo of its own")
    parser.add_argument("--port", type=int, help=f"where the pages are; {WEB} or a free one unless you say")
    parser.add_argument("--exit", action="store_true", help="end after the job: with 0 only if everything ties out")
    return parser.parse_args()


def _file(name: str) -> Path:
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def free_port(port: int) -> int:
    """The port, or a free one where it is taken."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
                found = int(probe.getsockname()[1])
                _claim(found)
            except OSError:
                continue
            return found
    raise SystemExit("No port is free on 127.0.0.1.")


def _claim(port: int) -> None:
    """Until a server listens on the port, another demo that starts just now would find it free, and ask our vendors."""
    claim = socket.socket(socket.AF_UNIX)
    claim.bind(f"\0tieout.demo.{port}")  # an abstract name: it is gone with this process, however that ends
    _claims.append(claim)


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    """One demo at a time in a folder: the simulated books have one owner."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"A demo is running already in {var}: end it with Ctrl-C.") from None
        yield


if __name__ == "__main__":
    sys.exit(main())
