from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from plumbing.management.owner import OwnerCommand
from plumbing.roles import OWNER_ALIAS
from tenants import audit
from tenants.models import Tenant
from tenants.scope import tenant_scope


class Command(OwnerCommand):
    help = "Adds a customer to this installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="a short name for addresses, like blue-bottle")
        parser.add_argument("name")
        parser.add_argument("--currency", required=True, help="the currency of its books, like EUR")
        parser.add_argument("--time-zone", default="UTC", help="the zone its days begin in, like Europe/Vienna")

    def handle(self, *, slug: str, name: str, currency: str, time_zone: str, **options: Any) -> None:
        tenant = Tenant(slug=slug, name=name, home_currency=currency, time_zone=time_zone)
        try:
            tenant.clean_fields()
            with transaction.atomic(OWNER_ALIAS):
                tenant.save(using=OWNER_ALIAS, force_insert=True)
        except ValidationError as refused:
            raise CommandError("; ".join(refused.messages)) from None
        except IntegrityError:
            raise CommandError(f"There is a tenant {slug} already.") from None
        with tenant_scope(tenant.pk), transaction.atomic():
            audit.record("tenant.added", subject=tenant, data={"slug": slug})
        self.stdout.write(f"{tenant.pk}")
