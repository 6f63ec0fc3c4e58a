"""Mappings: what holds in words, what the tenant does otherwise, how it came about, and what a newer template offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from msgspec.structs import replace
from unfold import widgets

from integrations.canonical import KINDS
from integrations.doors.admin.base import Button, ServiceForm, TenantPages, to_page
from integrations.doors.admin.site import site
from integrations.doors.admin.templates import question_field
from integrations.mapping import rules
from integrations.mapping.models import Mapping, MappingEdition, ValueTable
from integrations.mapping.services import (
    changes_of,
    effective_rules,
    go_back,
    offered,
    questions,
    save_mapping,
    take_newer,
    whole_difference,
)
from integrations.mapping.values import shown
from integrations.sync.models import Flow
from integrations.sync.ready import gaps
from tenants import audit

WINNERS = {
    "": "as the flow says", "source": "the source wins", "target": "the target wins",
    "newest": "the side that was changed last wins", "ask": "hold it and ask me",
}  # fmt: skip
SHARING = ("conflicts", "of_source", "of_target")
SAID_APART = ("owners", "conflicts", "comes_to")  # of the changes: by questions of their own
EDITIONS = 20
ANSWER = "answer_"
ARROW = "=>"


class MappingForm(ServiceForm):
    """The tenant's own part of a mapping, as JSON; every rule that cannot be used is named."""

    asked: tuple[str, ...] = ()

    conflicts = forms.ChoiceField(
        label="Both sides changed the same field",
        choices=list(WINNERS.items()),
        required=False,
        widget=widgets.UnfoldAdminSelectWidget(),
        help_text="Of fields that belong to both: one that only one side has changed goes to the other.",
    )
    of_source = forms.MultipleChoiceField(
        label="Belong to the source",
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What the source says holds: an edit at the target is put back when the record is next decided.",
    )
    of_target = forms.MultipleChoiceField(
        label="Belong to the target",
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Filled in when the record is made there, and never changed by us again.",
    )

    comes_to = forms.CharField(
        label="What a document comes to there",
        required=False,
        help_text="Only where this mapping changes amounts on purpose: round(context.total * 1.2, 2). Both ends are compared "
        "with that. Empty: the same as at the source.",
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"class": "t-code"}),
    )

    class Meta:
        model = Mapping
        fields = ("name", "kind_from", "kind_to", "changes")
        help_texts = {
            "changes": 'What this mapping does otherwise than its template: {"put": [rules], "drop": ["lines[].unit"]}. '
            'A rule: {"to": "memo", "from": "reference"}, with "transforms", "table", "default", "constant" or "expression".',
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.update({ANSWER + name: self.instance.answers.get(name) for name in self.asked})
        if self.instance._state.adding or "changes" not in self.fields:
            return
        self.initial["changes"] = _without_sharing(self.instance.changes)
        for name in ("conflicts", "comes_to"):
            self.initial[name] = (self.instance.changes or {}).get(name) or ""
        paths, owners = _sharing(self.instance)
        for name, owner in (("of_source", "source"), ("of_target", "target")):
            choices: Any = self.fields[name]
            choices.choices = [(path, path.replace("lines[].", "line: ").replace("_", " ")) for path in paths]
            self.initial[name] = [path for path in paths if owners.get(path) == owner]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if both := set(given.get("of_source") or ()) & set(given.get("of_target") or ()):
            self.add_error("of_target", f"{', '.join(sorted(both))}: this belongs to one side or to both, not to each.")
        return given

    def save_by_service(self) -> None:
        if not self.instance._state.adding:
            self.instance.changes = _with_sharing(self.instance, self.cleaned_data)
        said = {name: self.cleaned_data[ANSWER + name] for name in self.asked}
        answers = {**self.instance.answers, **said}
        self.instance.answers = {name: value for name, value in answers.items() if value not in (None, "")}
        save_mapping(self.instance, by=self.by)


def _sharing(mapping: Mapping) -> tuple[list[str], dict[str, str]]:
    """The fields that the rules set, those of lines one by one, and to whom each belongs; none where the rules are broken."""
    try:
        effective = effective_rules(mapping)
    except ValidationError:
        return [], {}
    paths: dict[str, str] = {}
    for rule in effective.fields:
        paths.setdefault(rule.to.partition(".")[0], rule.owner)
        if rule.to == "lines":
            paths |= {f"lines[].{each.to.partition('.')[0]}": each.owner for each in rule.each}
    return list(paths), paths


def _without_sharing(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in (changes or {}).items() if name not in SAID_APART}


def _with_sharing(mapping: Mapping, given: dict[str, Any]) -> dict[str, Any]:
    """The tenant's changes with what the form says of owners and winners, where that is not what the template says."""
    changes = _without_sharing(mapping.changes)
    as_given = Mapping(
        template=mapping.template, template_flow=mapping.template_flow, answers=mapping.answers, changes=changes,
        kind_from=mapping.kind_from, kind_to=mapping.kind_to,
    )  # fmt: skip
    paths, usual = _sharing(as_given)
    said = dict.fromkeys(given["of_source"], "source") | dict.fromkeys(given["of_target"], "target")
    owners = {path: said.get(path, "both") for path in paths if said.get(path, "both") != usual[path]}
    if owners:
        changes["owners"] = owners
    return changes | {name: given[name] for name in ("conflicts", "comes_to") if given[name]}


def form_for(mapping: Mapping) -> type[MappingForm]:
    """The form for a mapping of a template: with its questions, asked about the flow's own connections."""
    flow = Flow.objects.select_related("source", "target").filter(mapping=mapping).first()
    if mapping.template is None or flow is None:
        return MappingForm
    ends = {"source": flow.source, "target": flow.target}
    asked = questions(mapping.template)
    fields: dict[str, Any] = {
        ANSWER + name: question_field(each, ends[each.end], standing=mapping.answers.get(name))
        for name, each in asked.items()
    }
    return type("MappingForm", (MappingForm,), {"asked": tuple(asked), **fields})


class MappingPages(TenantPages):
    """A mapping as a table of rules to read; its questions and changes as a form."""

    form = MappingForm
    sees, manages, adds = "tenant.read", "mapping.manage", True
    list_display = ("name", "kind_from", "kind_to", "template", "edition")
    list_select_related = ("template",)
    search_fields = ("name",)
    ordering = ("name",)
    buttons = (Button(name="take", label="Take the newer version", verb="mapping.manage", shown=lambda one: False),)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("kind_from", "kind_to"):
            kinds = [(kind, kind.replace("_", " ")) for kind in KINDS]
            return forms.ChoiceField(choices=kinds, widget=widgets.UnfoldAdminSelectWidget())
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "changes":
            field.widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 10, "class": "t-code"})
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            kwargs["form"] = form_for(obj)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        by_template = obj is not None and obj.template_id is not None
        names = ["name", "changes"] if by_template else ["name", "kind_from", "kind_to", "changes"]
        sharing = ("Which side keeps which field, and what it comes to", {"fields": (*SHARING, "comes_to")})
        if not by_template:
            may_share = obj is not None and self.has_change_permission(request, obj)
            return [(None, {"fields": names}), *([sharing] if may_share else [])]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": [*names, "answers"]})]
        asked = [ANSWER + name for name in form_for(obj).asked]
        return [(None, {"fields": ["name"]}), *([("Answers", {"fields": asked})] if asked else []),
                sharing, ("Your own changes", {"fields": ["changes"]})]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            () if self.has_change_permission(request, obj) else ("name", "kind_from", "kind_to", "changes", "answers")
        )

    def panel(self, request: HttpRequest, mapping: Mapping) -> dict[str, Any]:
        try:
            effective, trouble = list(_rows(effective_rules(mapping).fields)), ""
        except ValidationError as refused:
            effective, trouble = [], "; ".join(refused.messages)
        newer = offered(mapping) if not trouble else None
        flow = Flow.objects.select_related("source", "target", "mapping").filter(mapping=mapping).first()
        return {
            "facts": [
                ("Template", to_page(mapping.template)),
                ("From", mapping.kind_from),
                ("To", mapping.kind_to),
                ("Edition", mapping.edition),
            ],
            "panel_template": "tieout/mapping.html",
            "effective": effective,
            "trouble": trouble,
            "gaps": gaps(flow) if flow and not trouble else [],
            "newer": newer,
            "whole": whole_difference(mapping.template, newer[0]) if newer and mapping.template else [],
            "take_url": self.url("take", mapping) if newer and self.has_change_permission(request, mapping) else "",
            "editions": _editions(mapping),
        }

    def do_take(self, request: HttpRequest, mapping: Mapping) -> None:
        newer = offered(mapping)
        if newer is None:
            raise ValidationError("There is no newer version of the template.")
        take_newer(mapping, newer[0], by=request.user)
        messages.success(request, f"The mapping follows {newer[0]} now; your own changes stay.")


def _rows(fields: Iterable[rules.Rule], inside: str = "") -> Iterator[dict[str, Any]]:
    """Each rule as a row to read: the target's field, where it comes from, and what happens on the way."""
    for rule in fields:
        come = rule.source or (rule.expression if rule.expression is not None else shown(rule.constant))
        kind = "field" if rule.source else "expression" if rule.expression is not None else "always"
        words = rules.in_words(replace(rule, each=(), required=False))
        yield {
            "to": f"{inside}{rule.to}",
            "from": come,
            "kind": kind,
            "words": "" if words in (come, f"always {come}") else words,
            "required": rule.required,
        }
        yield from _rows(rule.each, f"{inside}{rule.to}[].")


def _editions(mapping: Mapping) -> list[dict[str, Any]]:
    """The latest editions, newest first, each with what it changed."""
    found = list(MappingEdition.objects.filter(mapping=mapping).order_by("-edition")[: EDITIONS + 1])
    told: list[dict[str, Any]] = []
    for new, old in pairwise([*found, None]):
        if new is None:
            break
        changes = changes_of(new, old) if old is not None else []
        first = old is None and new.edition == 1
        told.append({"edition": new, "page": to_page(new), "changes": changes, "first": first})
    return told[:EDITIONS]


class EditionPages(TenantPages):
    """The rules as they stood: what a past figure was made with."""

    sees = "tenant.read"
    list_display = ("mapping", "edition", "saved_at")
    list_select_related = ("mapping",)
    fields = ("mapping", "edition", "saved_at")
    readonly_fields = fields
    buttons = (
        Button(
            name="go_back",
            label="Let these rules hold again",
            verb="mapping.manage",
            icon="undo",
            confirm="The mapping gets these rules as a new edition; nothing runs by itself.",
            shown=lambda edition: edition.edition != edition.mapping.edition,
        ),
    )

    def panel(self, request: HttpRequest, edition: MappingEdition) -> dict[str, Any]:
        held = rules.from_plain(edition.rules, rules.Rules)
        now = rules.from_plain(_latest(edition.mapping).rules, rules.Rules)
        return {
            "panel_template": "tieout/mapping.html",
            "effective": list(_rows(held.fields)),
            "since": [str(line) for line in rules.difference(held, now)],
        }

    def do_go_back(self, request: HttpRequest, edition: MappingEdition) -> None:
        saved = go_back(edition.mapping, edition, by=request.user)
        messages.success(request, f"The rules of edition {edition.edition} hold again, as edition {saved.edition}.")


def _latest(mapping: Mapping) -> MappingEdition:
    return MappingEdition.objects.get(mapping=mapping, edition=mapping.edition)


class ValueTableForm(ServiceForm):
    """A value table as lines that a person reads: what the source says => what the target calls it."""

    lines = forms.CharField(
        label="Values",
        required=False,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 16, "class": "t-code"}),
        help_text=f"One on each line: what the source says {ARROW} what the target calls it. Germany {ARROW} DE. "
        f"Nothing after the arrow leaves the field empty there; * {ARROW} stands for everything else.",
    )

    class Meta:
        model = ValueTable
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["lines"] = "\n".join(f"{key} {ARROW} {value}" for key, value in self.instance.entries.items())

    def clean_lines(self) -> str:
        entries: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["lines"].splitlines(), 1):
            if not line.strip():
                continue
            key, arrow, value = line.partition(ARROW)
            if not arrow or not key.strip():
                raise ValidationError(f"Line {number} is not of the form: source {ARROW} target.")
            if key.strip() in entries:
                raise ValidationError(f"Line {number} says {key.strip()!r} a second time.")
            entries[key.strip()] = value.strip()
        self.entries = entries
        return self.cleaned_data["lines"]

    def save_by_service(self) -> None:
        self.instance.entries = self.entries
        self.instance.save()
        audit.record(
            "value_table.saved", subject=self.instance, actor=self.by, data={"entries": len(self.instance.entries)}
        )


class ValueTablePages(TenantPages):
    """What values are called at the target."""

    form = ValueTableForm
    fields = ("name", "lines")
    sees, manages, adds = "tenant.read", "mapping.manage", True
    list_display = ("name", "number")
    search_fields = ("name",)
    ordering = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else ("name", "entries")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "lines") if self.has_change_permission(request, obj) else ("name", "entries")

    @display(description="values")
    def number(self, table: ValueTable) -> int:
        return len(table.entries)


site.register(Mapping, MappingPages)
site.register(MappingEdition, EditionPages)
site.register(ValueTable, ValueTablePages)
