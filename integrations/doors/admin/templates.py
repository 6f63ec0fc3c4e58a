"""Templates: versions for everybody, and the way from one to flows that run."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold import widgets

from integrations.connections.models import Connection
from integrations.connectors.registry import connector, connectors
from integrations.doors.admin.allowed import check, is_operator
from integrations.doors.admin.base import Button, OperatorPages, ServiceForm, told
from integrations.doors.admin.calls import pretty
from integrations.doors.admin.site import site
from integrations.mapping import rules
from integrations.mapping.models import Template, ValueTable
from integrations.mapping.services import check_template, opened, questions
from integrations.mapping.template import Question
from integrations.mapping.template import Template as Body
from integrations.records.intake import freshen
from integrations.records.models import Record
from integrations.sync.setup import set_up
from plumbing.slices import NotNow

MOST_CHOICES = 2000
READING = timedelta(seconds=45)  # as long as a person waits for a page


class TemplateForm(ServiceForm):
    """A template is its body; what stands beside it is taken from there."""

    class Meta:
        model = Template
        fields = ("body",)

    def save_by_service(self) -> None:
        template = self.instance
        check_template(template)
        body = opened(template)
        for name in ("slug", "version", "name", "description", "source", "target"):
            setattr(template, name, getattr(body, name))
        for end in (body.source, body.target):
            if end not in connectors():
                raise ValidationError({"body": f"There is no connector {end!r}."})
        template.validate_constraints()
        template.save()


class TemplatePages(OperatorPages):
    """Published versions never change; a new version begins as a copy. Members of tenants may read them."""

    form = TemplateForm
    adds = True
    list_display = ("name", "version", "source", "target", "shipped", "published_at")
    ordering = ("slug", "-version")
    buttons = (
        Button(name="publish", label="Publish", verb="template.manage", icon="publish", look="primary",
               confirm="A published version can never be changed again. Publish it?",
               shown=lambda one: one.published_at is None),
        Button(name="renew", label="New version", verb="template.manage", icon="content_copy"),
    )  # fmt: skip

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return is_operator(request) or request.standing is not None

    def has_module_permission(self, request: Any) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return is_operator(request) and (obj is None or obj.published_at is None)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("body",) if self.has_change_permission(request, obj) else ()

    def panel(self, request: HttpRequest, template: Template) -> dict[str, Any]:
        body = opened(template)
        return {
            "facts": [
                ("Version", template.version),
                ("From", template.source),
                ("To", template.target),
                ("Published", template.published_at or "not yet: only drafts can be changed"),
            ],
            "panel_note": template.description,
            "body": body,
            "as_json": "" if self.has_change_permission(request, template) else pretty(json.dumps(template.body)),
            "flows": [(flow, [(rule, rules.in_words(rule)) for rule in flow.rules.fields]) for flow in body.flows],
            "panel_template": "tieout/template.html",
        }

    def do_publish(self, request: HttpRequest, template: Template) -> None:
        check_template(template)
        template.published_at = timezone.now()
        template.save(update_fields=("published_at",))
        messages.success(request, f"{template} is published; tenants on earlier versions see it offered.")

    def do_renew(self, request: HttpRequest, template: Template) -> HttpResponse:
        versions = Template.objects.filter(slug=template.slug).order_by("-version")
        version = versions[0].version + 1
        body = {**copy.deepcopy(template.body), "version": version}
        made = Template.objects.create(
            slug=template.slug, version=version, name=template.name, description=template.description,
            source=template.source, target=template.target, body=body,
        )  # fmt: skip
        return redirect(self.url("change", made))


def offered() -> list[Template]:
    """The newest published version of each template."""
    newest: dict[str, Template] = {}
    for template in Template.objects.exclude(published_at=None).order_by("slug", "-version"):
        newest.setdefault(template.slug, template)
    return list(newest.values())


def page(request: Any) -> HttpResponse:
    """From a template and two connections, by a few answers, to flows."""
    check(request, "flow.manage")
    context: dict[str, Any] = {**site.each_context(request), "title": "Set up from template", "offered": offered()}
    template = _asked(Template.objects.exclude(published_at=None), request.GET.get("template"))
    if template is None:
        return render(request, "tieout/set_up.html", context)
    sources = Connection.objects.filter(connector=template.source).order_by("name")
    targets = Connection.objects.filter(connector=template.target).order_by("name")
    source, target = _one(sources, request.GET.get("source")), _one(targets, request.GET.get("target"))
    context |= {
        "template": template, "source": source, "target": target, "sources": sources, "targets": targets,
        "source_name": connector(template.source).name, "target_name": connector(template.target).name,
        "flows": opened(template).flows,
    }  # fmt: skip
    if source is not None and target is not None:
        form = questions_form(opened(template), source, target)(request.POST or None)
        if request.method == "POST" and form.is_valid() and _made(request, template, source, target, form):
            return redirect("admin:integrations_flow_changelist")
        context["form"] = form
        context["asks_records"] = any(each.answer == "record" for each in questions(template).values())
    return render(request, "tieout/set_up.html", context)


def _made(request: Any, template: Template, source: Connection, target: Connection, form: forms.Form) -> bool:
    answers = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
    try:
        flows = set_up(template, source=source, target=target, answers=answers, by=request.user)
    except ValidationError as refused:
        form.add_error(None, refused)
        return False
    messages.success(request, f"{len(flows)} flows are set up. Preview one first, or press Run now.")
    return True


@require_POST
@transaction.non_atomic_requests
def read_choices(request: Any) -> HttpResponse:
    """Read the records that a template's questions choose from, afresh from their systems."""
    check(request, "flow.manage")
    with transaction.atomic():
        template = _asked(Template.objects.exclude(published_at=None), request.POST.get("template"))
        ends = {end: _asked(Connection.objects.all(), request.POST.get(end)) for end in ("source", "target")}
    if template is None or None in ends.values():
        raise Http404("Choose a template and two connections first.")
    now = timezone.now()
    with told(request):
        for question in questions(template).values():
            if question.answer == "record":
                _read(request, ends[question.end], question, now)
    query = {"template": template.pk, **{end: connection.pk for end, connection in ends.items() if connection}}
    return redirect(reverse("admin:set_up", query=query))


def _read(request: Any, connection: Any, question: Question, now: Any) -> None:
    for name in _streams(connection, question):
        try:
            freshen(connection, name, since=now, until=now + READING)
        except NotNow as pause:
            messages.warning(request, f"{connection}: {pause.why}. Press it again in a moment.")
            return
    messages.success(request, f"{question.label}: read from {connection}.")


def questions_form(body: Body, source: Connection, target: Connection) -> type[forms.Form]:
    """A form with one field for each question of the template."""
    ends = {"source": source, "target": target}
    fields = {each.name: question_field(each, ends[each.end]) for each in body.questions}
    return type("Questions", (forms.Form,), fields)


def question_field(question: Question, at: Connection, *, standing: Any = None) -> forms.Field:
    """The field in which a question is answered; an answer that stands stays a choice, whatever became of its record."""
    told_: dict[str, Any] = {
        "label": question.label, "help_text": question.help, "required": question.required, "initial": question.suggestion,
    }  # fmt: skip
    choose = widgets.UnfoldAdminSelectWidget()
    nothing = [("", "Choose")]
    match question.answer:
        case "record":
            found = record_choices(question, at)
            if standing and standing not in dict(found):
                found.append((str(standing), f"{standing} (not among the records that were read)"))
            return forms.ChoiceField(choices=nothing + found, widget=choose, **told_)
        case "choice":
            choices = [(each, each) for each in question.choices]
            return forms.ChoiceField(choices=nothing + choices, widget=choose, **told_)
        case "table":
            names = list(ValueTable.objects.order_by("name").values_list("name", "name"))
            if question.suggestion and question.suggestion not in dict(names):
                names.insert(0, (question.suggestion, f"{question.suggestion} (a new table, which you fill in)"))
            return forms.ChoiceField(choices=nothing + names, widget=choose, **told_)
        case "yes_no":
            return forms.BooleanField(widget=widgets.UnfoldBooleanSwitchWidget(), **{**told_, "required": False})
        case "date":
            return forms.CharField(
                widget=widgets.UnfoldAdminTextInputWidget(attrs={"placeholder": "2026-01-31"}), **told_
            )
        case _:
            return forms.CharField(widget=widgets.UnfoldAdminTextInputWidget(), **told_)


def record_choices(question: Question, at: Connection) -> list[tuple[str, str]]:
    """The kept records of the question's kind that fit it, by name: (external id, what a person reads)."""
    rows = Record.objects.filter(connection=at, object__in=_streams(at, question), state=Record.State.LIVE)
    choices = []
    for external_id, text in rows.order_by("title").values_list("external_id", "canonical")[:MOST_CHOICES]:
        said = msgspec.json.decode(text)
        if all(str(said.get(name)) in allowed for name, allowed in question.where.items()):
            choices.append((external_id, _label(said) or external_id))
    return choices


def _label(said: dict[str, Any]) -> str:
    number = said.get("number") or said.get("code")
    name = said.get("full_name") or said.get("name")
    parts = [str(part) for part in (number, name) if part]
    return " · ".join(dict.fromkeys(parts))


def _streams(connection: Connection, question: Question) -> list[str]:
    streams = connector(connection.connector).streams
    return [each.name for each in streams if each.kind == question.kind and each.reads]


def _asked(rows: Any, key: str | None) -> Any:
    try:
        return rows.filter(pk=key).first() if key else None
    except ValidationError:
        return None


def _one(rows: Any, key: str | None) -> Any:
    """The one that was asked for, or the only one there is."""
    found = list(rows[:2])
    return _asked(rows, key) or (found[0] if len(found) == 1 and not key else None)


site.register(Template, TemplatePages)
site.own_page("set-up/", page, "set_up")
site.own_page("set-up/read/", read_choices, "set_up_read")
