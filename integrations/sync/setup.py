"""Set-up: from a template, two connections and a few answers to flows that run."""

from __future__ import annotations

from collections.abc import Mapping as Plain
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.canonical import rank
from integrations.connections.models import Connection
from integrations.mapping.models import Mapping, Template
from integrations.mapping.rules import to_plain
from integrations.mapping.services import lay_out_tables, opened, save_mapping, with_suggestions
from integrations.mapping.template import TemplateFlow, unanswered
from integrations.sync.models import Flow
from integrations.sync.schedule import next_slot
from tenants import audit


@transaction.atomic
def set_up(
    template: Template,
    *,
    source: Connection,
    target: Connection,
    answers: Plain[str, Any],
    by: Any,
    enabled: bool = True,
) -> list[Flow]:
    """Make a template's mappings and flows between two connections; those that are there already stay as they are.

    A question that is left open is answered as the template suggests. Raises ValidationError where a connection is of
    another kind, or a question is not answered.
    """
    body = opened(template)
    for connection, slug in ((source, template.source), (target, template.target)):
        if connection.connector != slug:
            raise ValidationError(f"{connection} is a connection to {connection.connector}; the template needs {slug}.")
    if source == target:
        raise ValidationError("Choose two connections: a flow from a connection into itself would chase its own tail.")
    answers = with_suggestions(body, answers)
    if open_questions := unanswered(body, answers):
        raise ValidationError([f"{question.label}: this needs an answer." for question in open_questions])
    lay_out_tables(body, answers)
    flows = [
        _flow(template, flow, source=source, target=target, answers=answers, by=by, enabled=enabled)
        for flow in body.flows
    ]
    audit.record(
        "template.set_up",
        subject=template,
        actor=by,
        data={"source": str(source.pk), "target": str(target.pk), "flows": [str(flow.pk) for flow in flows]},
    )
    return flows


def _flow(
    template: Template,
    part: TemplateFlow,
    *,
    source: Connection,
    target: Connection,
    answers: Plain[str, Any],
    by: Any,
    enabled: bool,
) -> Flow:
    name = f"{part.label}: {source} → {target}"
    standing = Flow.objects.filter(name=name).first()
    if standing is not None:
        return standing
    mapping = Mapping(
        name=name,
        template=template,
        template_flow=part.name,
        kind_from=part.rules.kind_from,
        kind_to=part.rules.kind_to,
        answers=dict(answers),
    )
    save_mapping(mapping, by=by)
    flow = Flow(
        name=name,
        source=source,
        source_object=part.source,
        target=target,
        target_object=part.target,
        mapping=mapping,
        condition=part.condition,
        policy=to_plain(part.policy) | {"match": [list(group) for group in part.match]},
        enabled=enabled,
        rank=rank(part.rules.kind_to),
    )
    if part.schedule.every_minutes:
        flow.schedule, flow.every_minutes = Flow.Schedule.INTERVAL, part.schedule.every_minutes
    elif part.schedule.cron:
        flow.schedule, flow.cron = Flow.Schedule.CRON, part.schedule.cron
    flow.next_run_at = next_slot(flow)
    flow.save()
    return flow
