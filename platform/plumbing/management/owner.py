"""Commands that only the owner of the database may run."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from plumbing.roles import OWNER_ALIAS


class OwnerCommand(BaseCommand):
    """Works through the owner's login (DATABASE_OWNER_URL) instead of the application's."""

    def execute(self, *args: Any, **options: Any) -> Any:
        if OWNER_ALIAS not in connections:
            raise CommandError(
                "Set DATABASE_OWNER_URL for this command (and for no server process): only the owner may run it."
            )
        if "database" in options:
            options["database"] = OWNER_ALIAS
        return super().execute(*args, **options)
