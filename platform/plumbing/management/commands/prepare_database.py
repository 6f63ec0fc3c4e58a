from argparse import ArgumentParser
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from plumbing import roles


class Command(BaseCommand):
    help = (
        "Creates the roles and the database that DATABASE_URL and DATABASE_OWNER_URL name, with their passwords, from an "
        "administrator's login. May be run again at any time."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--admin-url", required=True, help="postgresql://administrator:password@host:port/postgres")

    def handle(self, *, admin_url: str, **options: Any) -> None:
        application: dict[str, Any] = settings.DATABASES["default"]
        owner: dict[str, Any] | None = settings.DATABASES.get(roles.OWNER_ALIAS)
        if "EMBEDDED" in application:
            raise CommandError("Without DATABASE_URL the embedded database is used, which prepares itself.")
        if not owner:
            raise CommandError("Set DATABASE_OWNER_URL beside DATABASE_URL for this command.")
        for variable, login, role in (
            ("DATABASE_URL", application, roles.APP),
            ("DATABASE_OWNER_URL", owner, roles.OWNER),
        ):
            if login["USER"] != role:
                raise CommandError(f"{variable} must log in as {role}, not as {login['USER'] or 'nobody'}.")
        if application["NAME"] != owner["NAME"]:
            raise CommandError("DATABASE_URL and DATABASE_OWNER_URL name different databases.")
        try:
            with psycopg.connect(admin_url, autocommit=True) as admin:
                roles.prepare(
                    admin,
                    database=application["NAME"],
                    app_password=application["PASSWORD"],
                    owner_password=owner["PASSWORD"],
                )
        except psycopg.errors.InsufficientPrivilege as refused:
            raise CommandError(
                f"The administrator's login may not do this: {refused.diag.message_primary}. It needs CREATEROLE, CREATEDB and "
                "BYPASSRLS; on PostgreSQL 15 only a superuser may give BYPASSRLS to another role."
            ) from None
        self.stdout.write(f"Roles and database {application['NAME']} are ready; now run manage.py migrate.")
