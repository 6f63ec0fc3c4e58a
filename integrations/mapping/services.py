"""What may be done with templates and mappings: verbs that own their transaction and their entry in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping as Plain
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from integrations.mapping import rules
from integrations.mapping import template as templates
from integrations.mapping.check import faults
from integrations.mapping.models import Mapping, MappingEdition, Template, ValueTable
from tenants import audit


def publish_shipped(*, using: str) -> None:
    """Store the templates that come with the product; a version that is there already never changes."""
    for shipped in templates.shipped_templates():
        Template.objects.using(using).get_or_create(
            slug=shipped.slug,
            version=shipped.version,
            defaults={
                "name": shipped.name,
                "description": shipped.description,
                "source": shipped.source,
                "target": shipped.target,
                "body": rules.to_plain(shipped),
                "shipped": True,
                "published_at": timezone.now(),
            },
        )


def opened(template: Template) -> templates.Template:
    """A template's body as a value. Raises BadRules."""
    return rules.from_plain(template.body, templates.Template)


def check_template(template: Template) -> None:
    """Raises ValidationError that names every fault of a template's body."""
    try:
        found = templates.template_faults(opened(template))
    except rules.BadRules as error:
        found = error.faults
    if found:
        raise ValidationError({"body": [str(fault) for fault in found]})


@transaction.atomic
def save_mapping(mapping: Mapping, *, by: Any) -> Mapping:
    """Save a mapping and write down its rules as a new edition where they changed.

    Raises ValidationError that names every rule that cannot be used.
    """
    effective = effective_rules(mapping)
    found = [str(fault) for fault in faults(effective)] + _unanswered(mapping, effective)
    if found:
        raise ValidationError(found)
    mapping.kind_from, mapping.kind_to = effective.kind_from, effective.kind_to
    plain = rules.to_plain(effective)
    before = MappingEdition.objects.filter(mapping=mapping.pk, edition=mapping.edition).first()
    if before is not None and before.rules == plain:
        mapping.save()
        return mapping
    mapping.edition += 1
    mapping.save()
    MappingEdition.objects.create(mapping=mapping, edition=mapping.edition, rules=plain)
    changed = [str(line) for line in _difference(before, effective)]
    audit.record(
        "mapping.saved", subject=mapping, actor=by, data={"edition": mapping.edition, "changes": changed[:100]}
    )
    return mapping


def _unanswered(mapping: Mapping, effective: rules.Rules) -> list[str]:
    """The questions that the rules still ask: without an answer nothing may run."""
    labels = questions(mapping.template) if mapping.template is not None else {}
    asked = (name for name, needed in rules.questions_of(effective).items() if needed)
    return [f"{labels[name].label if name in labels else name}: this needs an answer." for name in sorted(asked)]


def effective_rules(mapping: Mapping) -> rules.Rules:
    """The template's rules with the tenant's changes and answers. Raises ValidationError."""
    base = rules.Rules(kind_from=mapping.kind_from, kind_to=mapping.kind_to, fields=())
    try:
        if mapping.template is not None:
            base = opened(mapping.template).flow(mapping.template_flow).rules
        changes = rules.from_plain(mapping.changes or {}, rules.Changes)
        return rules.answered(rules.merge(base, changes), mapping.answers)
    except rules.BadRules as error:
        raise ValidationError([str(fault) for fault in error.faults]) from error


def offered(mapping: Mapping) -> tuple[Template, list[str]] | None:
    """A newer version of the mapping's template and, line by line, what taking it would change; None where there is none."""
    if mapping.template is None:
        return None
    newer = Template.objects.filter(slug=mapping.template.slug, version__gt=mapping.template.version)
    latest = newer.exclude(published_at=None).order_by("-version").first()
    if latest is None:
        return None
    taken = Mapping(
        template=latest, template_flow=mapping.template_flow, answers=mapping.answers, changes=mapping.changes
    )
    return latest, [str(line) for line in rules.difference(effective_rules(mapping), effective_rules(taken))]


def whole_difference(old: Template, newer: Template) -> list[str]:
    """What a newer version of a template does otherwise as a whole: flows, their settings, and questions."""
    return templates.template_difference(opened(old), opened(newer))


def go_back(mapping: Mapping, edition: MappingEdition, *, by: Any) -> Mapping:
    """Let the rules of an earlier edition hold again, as the tenant's own changes to the template; a new edition says so."""
    base = rules.Rules(kind_from=mapping.kind_from, kind_to=mapping.kind_to, fields=())
    if mapping.template is not None:
        base = rules.answered(opened(mapping.template).flow(mapping.template_flow).rules, mapping.answers)
    wanted = rules.from_plain(edition.rules, rules.Rules)
    mapping.changes = rules.to_plain(rules.changes_between(base, wanted))
    return save_mapping(mapping, by=by)


def take_newer(mapping: Mapping, template: Template, *, by: Any) -> Mapping:
    """Put a mapping on a newer version of its template; the tenant's own answers and changes stay."""
    mapping.template = template
    return save_mapping(mapping, by=by)


def questions(template: Template) -> Plain[str, templates.Question]:
    """What a tenant must answer before the template's flows can run, by name."""
    return {question.name: question for question in opened(template).questions}


def with_suggestions(body: templates.Template, answers: Plain[str, Any]) -> dict[str, Any]:
    """The answers, and the template's own suggestion for every question that was left open."""
    suggested = {question.name: question.suggestion for question in body.questions if question.suggestion is not None}
    return suggested | {name: answer for name, answer in answers.items() if answer not in (None, "")}


def lay_out_tables(body: templates.Template, answers: Plain[str, Any]) -> None:
    """The value tables that answers name, empty where they are not there yet, so that a person finds where to write."""
    named = (answers.get(question.name) for question in body.questions if question.answer == "table")
    for name in filter(None, named):
        ValueTable.objects.get_or_create(name=name)


def _difference(before: MappingEdition | None, after: rules.Rules) -> list[rules.Difference]:
    old = (
        rules.from_plain(before.rules, rules.Rules)
        if before
        else rules.Rules(kind_from=after.kind_from, kind_to=after.kind_to, fields=())
    )
    return rules.difference(old, after)
