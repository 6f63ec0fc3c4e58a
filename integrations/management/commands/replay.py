"""Runs a record, an issue or a flow again, for an operator who has been asked to."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from integrations.records.models import Issue, Record
from integrations.sync import replay
from integrations.sync.models import Flow, Run
from integrations.sync.services import AlreadyRunning
from tenants.audit import Reference
from tenants.finding import tenants_named
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = (
        "Decides once more about a record, about what an issue is about, or about all that changed at a flow's source "
        "since a day. It makes no second document: it changes what differs, or says that both say the same already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="the tenant's short name")
        parser.add_argument("--by", required=True, help="who asks for it: it stands in the tenant's audit trail")
        parser.add_argument("--why", required=True, help="why: it stands there as well")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--record", type=UUID, help="the id of a record, as its page shows it")
        what.add_argument("--issue", type=UUID, help="the id of an issue")
        what.add_argument("--flow", help="the name of a flow; needs --since")
        parser.add_argument("--since", type=date.fromisoformat, help="with --flow: from which day on, as 2026-03-31")
        parser.add_argument("--mapping", default=replay.TODAY, help="today, then, or the number of an edition")
        parser.add_argument("--preview", action="store_true", help="only show what would be done")

    def handle(self, *, tenant: str, **wish: Any) -> None:
        ((found, _),) = tenants_named(tenant)
        with tenant_scope(found), transaction.atomic():
            try:
                runs = _begin(**wish)
            except ValidationError as refused:
                raise CommandError(" ".join(refused.messages)) from refused
            except AlreadyRunning as error:
                raise CommandError(f"{error} Wait until it has ended, or cancel it.") from error
            for run in runs:
                self.stdout.write(f"run {run.pk} of {run.flow}: it begins as soon as a worker is free")


def _begin(
    *,
    by: str,
    why: str,
    record: UUID | None,
    issue: UUID | None,
    flow: str | None,
    since: date | None,
    mapping: str,
    preview: bool,
    **options: Any,
) -> list[Run]:
    asked: dict[str, Any] = {
        "why": why, "by": Reference("operator", name=by), "mapping": mapping, "preview": preview,
    }  # fmt: skip
    if record is not None:
        return replay.replay_record(_one(Record, pk=record), **asked)
    if issue is not None:
        return replay.replay_issue(_one(Issue, pk=issue), **asked)
    if since is None:
        raise CommandError("--flow needs --since: from which day on is it to run again?")
    return [replay.replay_flow(_one(Flow, name=flow), since=since, **asked)]


def _one(model: Any, **by: Any) -> Any:
    found = model.objects.filter(**by).first()
    if found is None:
        raise CommandError(f"This tenant has no {model._meta.verbose_name} {next(iter(by.values()))}.")
    return found
