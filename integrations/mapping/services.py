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
    """Save a mapping and write down its rules, with the value tables that they use, as a new edition where they changed.

    Raises ValidationError that names every rule that cannot be used.
    """
    effective = effective_rules(mapping)
    found = [str(fault) for fault in faults(effective)] + _unanswered(mapping, effective)
    if found:
        raise ValidationError(found)
    mapping.kind_from, mapping.kind_to = effective.kind_from, effective.kind_to
    _write_edition(mapping, effective, by=by)
    return mapping


@transaction.atomic
def renew(mapping: Mapping) -> None:
    """Begin a new edition where a value table that the rules use was changed since; the mapping is that of now then."""
    Mapping.objects.select_for_update().get(pk=mapping.pk)
    mapping.refresh_from_db()
    latest = MappingEdition.objects.get(mapping=mapping, edition=mapping.edition)
    held = rules.from_plain(latest.rules, rules.Rules)
    if latest.tables != _tables_now(held):
        _write_edition(mapping, held, by=None)


def _write_edition(mapping: Mapping, effective: rules.Rules, *, by: Any) -> None:
    """Save the mapping, with a new edition where the rules or their tables are not those of the latest."""
    plain, tables = rules.to_plain(effective), _tables_now(effective)
    before = MappingEdition.objects.filter(mapping=mapping.pk, edition=mapping.edition).first()
    if before is not None and (before.rules, before.tables) == (plain, tables):
        mapping.save()
        return
    mapping.edition += 1
    mapping.save()
    edition = MappingEdition.objects.create(mapping=mapping, edition=mapping.edition, rules=plain, tables=tables)
    audit.record(
        "mapping.saved",
        subject=mapping,
        actor=by,
        data={"edition": mapping.edition, "changes": changes_of(edition, before)[:100]},
    )


def _tables_now(effective: rules.Rules) -> dict[str, dict[str, str]]:
    names = rules.tables_of(effective)
    return dict(ValueTable.objects.filter(name__in=names).values_list("name", "entries")) if names else {}


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


def changes_of(edition: MappingEdition, before: MappingEdition | None) -> list[str]:
    """What an edition changed against the one before it, rule by rule and entry by entry."""
    after = rules.from_plain(edition.rules, rules.Rules)
    old = (
        rules.from_plain(before.rules, rules.Rules)
        if before
        else rules.Rules(kind_from=after.kind_from, kind_to=after.kind_to, fields=())
    )
    was = before.tables if before else {}
    entries = [
        f"table {name}: {value} is {_called(edition.tables, name, value)}, was {_called(was, name, value)}"
        for name in sorted(was.keys() | edition.tables.keys())
        for value in sorted(was.get(name, {}).keys() | edition.tables.get(name, {}).keys())
        if _called(edition.tables, name, value) != _called(was, name, value)
    ]
    return [str(line) for line in rules.difference(old, after)] + entries


def _called(tables: Plain[str, Plain[str, str]], name: str, value: str) -> str:
    """What a value is called by a table, for people to read."""
    entries = tables.get(name, {})
    return repr(entries[value]) if value in entries else "nothing"
