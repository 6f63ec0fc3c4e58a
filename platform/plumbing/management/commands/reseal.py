from typing import Any

from django.core.management.base import CommandError

from plumbing import resealing, sealing
from plumbing.management.owner import OwnerCommand


class Command(OwnerCommand):
    help = "Seals every stored secret under the first key of TIEOUT_SEALING_KEYS; afterwards the other keys may be dropped."

    def handle(self, **options: Any) -> None:
        try:
            for model, field in resealing.sealed_fields():
                self.stdout.write(f"{field.place}: {resealing.reseal(model, field)}")
            for name, reseal in resealing.others.items():
                self.stdout.write(f"{name}: {reseal()}")
        except (sealing.BadKey, sealing.CannotOpen) as problem:
            raise CommandError(
                f"{problem} Nothing is lost: put the missing key back on the ring and run this again."
            ) from None
