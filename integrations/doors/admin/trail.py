"""The audit trail, for reading: nobody changes it here or anywhere."""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.contrib.admin import display
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from integrations.doors.admin.base import TenantPages, link
from integrations.doors.admin.site import site
from plumbing.masking import mask
from tenants.audit.models import Event, with_asides


class EventPages(TenantPages):
    """One event with its facts and a way to what it is about."""

    sees = "audit.read"
    sortable_by = ()
    list_display = ("at", "verb", "subject_shown", "actor_name")
    search_fields = ("verb",)
    search_help_text = "A verb such as run.approved, or the id of a thing"
    fields = ("at", "verb", "actor_name", "actor_kind", "subject_shown", "data_shown", "payload_hash")
    readonly_fields = fields
    ordering = ("-at", "-id")

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_asides(super().get_queryset(request))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        word = search_term.strip()
        if word:
            by_verb = queryset.filter(verb=word)
            queryset = by_verb if "." in word else queryset.filter(subject_id=word)
        return queryset, False

    @display(description="what it is about")
    def subject_shown(self, event: Event) -> str:
        return subject(event)

    @display(description="facts")
    def data_shown(self, event: Event) -> str:
        return mask(json.dumps(event.facts, indent=2, ensure_ascii=False))


def subject(event: Event) -> str:
    """What an event is about, as a link where it has a page."""
    name = event.name or event.subject_id
    try:
        model = apps.get_model(event.subject_kind)
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(event.subject_id,))
    except (LookupError, ValueError, NoReverseMatch):
        return f"{event.subject_kind} {name}"
    return link(url, name)


site.register(Event, EventPages)
