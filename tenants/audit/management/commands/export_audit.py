import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from tenants.audit import seals
from tenants.finding import tenants_named
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = (
        "Writes a tenant's whole audit trail as JSON lines, which tenants/audit/proof.py checks without this platform."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="the tenant's short name")
        parser.add_argument("file", type=Path, help="what to write; it holds personal data until that is erased")

    def handle(self, *, tenant: str, file: Path, **options: Any) -> None:
        [(pk, _)] = tenants_named(tenant)
        with tenant_scope(pk), file.open("w", encoding="utf-8") as lines:
            for seal, events in seals.told():
                for event in events.values():
                    lines.write(json.dumps({"event": event}, ensure_ascii=False) + "\n")
                if seal is not None:
                    lines.write(json.dumps({"seal": seal.as_json()}, ensure_ascii=False) + "\n")
