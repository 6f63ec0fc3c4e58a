from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.simulation.sandbox import serve


class Command(BaseCommand):
    help = "Serves the simulated vendors on one port; needs no database."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8100)
        parser.add_argument("--host", default="127.0.0.1", help="loopback unless told otherwise")
        parser.add_argument(
            "--state", type=Path, help="folder where the vendors keep their state; without it in memory"
        )
        parser.add_argument("--threads", type=int, default=8)
        parser.add_argument(
            "--limits",
            type=float,
            default=1.0,
            help="how many times faster than the vendors' their rate limits run; 0: none",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = f"http://{options['host']}:{options['port']}/"
        serve(
            port=options["port"],
            state=options["state"],
            host=options["host"],
            threads=options["threads"],
            limits=options["limits"],
            ready=lambda: self.stdout.write(f"Sandbox vendors at {address}"),
        )
