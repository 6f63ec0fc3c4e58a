from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.audit import keys, proof, seals
from tenants.finding import tenants_named
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Checks the audit trail: every seal, event and payload, against the checkpoint kept outside the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="a tenant's short name; all tenants where it is left out")
        parser.add_argument("--keys", action="store_true", help="print the public keys that an auditor needs, and end")

    def handle(self, *, tenant: str | None, **options: Any) -> None:
        if options["keys"]:
            for key_id, public in keys.public_keys().items():
                self.stdout.write(f"{key_id} {public.hex()}")
            return
        wrong = []
        for pk, slug in tenants_named(tenant):
            with tenant_scope(pk):
                verdict = seals.verdict()
            self.stdout.write(f"{slug}: {proof.told(verdict)}")
            if not verdict.is_good:
                wrong.append(slug)
        if wrong:
            raise CommandError(
                f"The trail of {', '.join(wrong)} is not as it was written. Keep the database as it is, and see the runbook."
            )
