import socket
import sys
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from plumbing import signs
from plumbing.supervisor import Part, Supervisor

MANAGE = (sys.executable, str(settings.BASE / "manage.py"))


class Command(BaseCommand):
    help = (
        "Runs the parts of this installation that are named, and brings back each that dies or hangs. "
        "Everything on one machine: manage.py serve --web --workers 2 --tick"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--web", action="store_true", help="the pages and the API")
        parser.add_argument("--bind", default="127.0.0.1:8000", help="where the web answers")
        parser.add_argument("--web-processes", type=int, default=2)
        parser.add_argument("--workers", type=int, default=0, metavar="N", help="workers, each a cluster of its own")
        parser.add_argument("--tick", action="store_true", help="the look at what is due; one for each installation")
        parser.add_argument("--sandbox", type=int, metavar="PORT", help="the simulated vendors, on loopback")
        parser.add_argument("--patience", type=float, default=75.0, help="seconds that parts have to end in order")

    def handle(self, *, patience: float, **options: Any) -> None:
        parts = [
            *([sandbox(options["sandbox"])] if options["sandbox"] else ()),
            *([web(options["bind"], processes=options["web_processes"])] if options["web"] else ()),
            *([tick(patience)] if options["tick"] else ()),
            *(worker(number, patience) for number in range(1, options["workers"] + 1)),
        ]
        if not parts:
            raise CommandError("Name what to run: --web, --workers N, --tick, --sandbox PORT.")
        Supervisor(parts).run()
        with suppress(DatabaseError):  # it may have been stopped before us
            signs.forget(*(part.name for part in parts))


def web(bind: str, *, processes: int) -> Part:
    """The web server: some processes with threads, since pages wait for the database."""
    options = {
        "--pythonpath": f"{settings.BASE},{settings.BASE / 'platform'}",
        "--chdir": str(settings.BASE),
        "--bind": bind,
        "--workers": str(processes),
        "--worker-class": "gthread",
        "--threads": "8",
        "--graceful-timeout": "10",
        "--log-level": "warning",
    }
    # Its control socket would stand in the home folder, one for all installations of this user; nothing here needs it.
    words = ["--no-control-socket", *(word for option in options.items() for word in option)]
    here = f"127.0.0.1:{bind.rpartition(':')[2]}"
    host = next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"), here)
    return Part(
        name=_name("web"),
        command=(sys.executable, "-m", "gunicorn", *words, "config.wsgi"),
        alive=signs.answers(f"http://{here}/healthz", {"Host": host}),
        stopping=15,
    )


def worker(number: int, patience: float) -> Part:
    """One worker; any number of them share the queue."""
    name = _name(f"worker {number}")
    return Part(name=name, command=(*MANAGE, "work", "--part", name), alive=signs.beats(name), stopping=patience)


def tick(patience: float) -> Part:
    """The look at what is due."""
    name = _name("tick")
    return Part(name=name, command=(*MANAGE, "tick", "--part", name), alive=signs.beats(name), stopping=patience)


def sandbox(port: int) -> Part:
    """The simulated vendors, with their books in a folder."""
    state = Path(settings.VAR) / "sandbox"
    command = (*MANAGE, "sandbox", "--port", str(port), "--state", str(state), "--limits", str(settings.SANDBOX_SPEED))
    return Part(name=_name("sandbox"), command=command, alive=signs.answers(f"http://127.0.0.1:{port}/"), stopping=10)


def _name(part: str) -> str:
    """The part's name on this machine: others may run the same."""
    return f"{part} at {socket.gethostname()}"[:40]
