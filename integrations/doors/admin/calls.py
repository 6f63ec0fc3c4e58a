"""Calls: exactly what was sent and what came back, secrets masked."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib.admin import display
from django.http import HttpRequest

from integrations.doors.admin.base import TenantPages, badge, to_page
from integrations.doors.admin.site import site
from integrations.sync.models import Call, CallIntent
from plumbing.masking import mask

LONGEST = 200_000  # characters of a body that a page shows


class CallPages(TenantPages):
    """One call with everything that went and came."""

    sortable_by = ()
    list_display = ("method", "path_shown", "purpose", "connection", "object", "state_shown", "status", "sent_at")
    list_display_links = ("method", "path_shown")
    list_select_related = ("connection",)
    list_filter = ("state", "purpose", "connection")
    search_fields = ("key",)
    fields = ("connection", "object", "run", "purpose", "key", "sends", "prepared_at", "sent_at", "answered_at")
    readonly_fields = fields

    @display(description="address")
    def path_shown(self, call: Call) -> str:
        return mask(call.path)[:100]

    @display(description="state", ordering="state")
    def state_shown(self, call: Call) -> str:
        return badge(call.state, call.get_state_display())

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (queryset.filter(key=search_term.strip()) if search_term.strip() else queryset), False

    def panel(self, request: HttpRequest, call: Call) -> dict[str, Any]:
        carried = CallIntent.objects.filter(call=call).select_related("intent__item__record")
        return {
            "facts": [
                ("State", badge(call.state, call.get_state_display())),
                ("Status", call.status),
                ("Run", to_page(call.run)),
            ],
            "panel_note": mask(call.words),
            "panel_template": "tieout/call.html",
            "told": exchange(call),
            "carried": [
                {"operation": each.intent.operation, "record": to_page(each.intent.item.record),
                 "state": each.intent.get_state_display(), "key": each.intent.key}
                for each in carried[:200]
            ],
        }  # fmt: skip


def exchange(call: Call) -> dict[str, str]:
    """The request and its answer as texts to read, with every secret masked."""
    query = "&".join(f"{name}={value}" for name, value in call.params.items())
    head = f"{call.method} {call.path}{'?' + query if query else ''}"
    return {
        "request": mask("\n".join([head, *_headers(call.headers), "", pretty(call.body)]).strip()),
        "answer": mask("\n".join([*_headers(call.answer_headers), "", pretty(call.answer)]).strip()),
    }


def pretty(text: str) -> str:
    """JSON with line breaks, anything else as it came; numbers stay exactly as they were written."""
    if len(text) > LONGEST:
        return f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} characters more"
    try:
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        return text


def _headers(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


site.register(Call, CallPages)
