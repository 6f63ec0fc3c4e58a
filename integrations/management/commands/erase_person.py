"""Erases a person at their request, for an operator who has been asked to."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from integrations.records.models import Record
from integrations.sync import erasure
from tenants.audit import Reference
from tenants.finding import tenants_named
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = (
        "Overwrites for good what is kept of a person, at all connections of a tenant, in documents, calls, issues and the "
        "audit trail. The books are not touched: erase the person there first, or the next reading brings them back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="the tenant's short name")
        parser.add_argument("--by", required=True, help="who asks for it: it stands in the tenant's audit trail")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--record", type=UUID, help="the id of a record of theirs, as its page shows it")
        what.add_argument("--identity", type=UUID, help="the id of who they are over all connections")

    def handle(self, *, tenant: str, by: str, record: UUID | None, identity: UUID | None, **options: Any) -> None:
        ((found, _),) = tenants_named(tenant)
        with tenant_scope(found), transaction.atomic():
            try:
                who = identity or erasure.identity_of(Record.objects.get(pk=cast(UUID, record)))
                done = erasure.erase(who, by=Reference("person", name=by))
            except Record.DoesNotExist as unknown:
                raise CommandError(f"There is no record {record} of {tenant}.") from unknown
            except ValidationError as refused:
                raise CommandError(" ".join(refused.messages)) from refused
        self.stdout.write(done.in_words())
