"""Items: what a run meant to do about each record, why, and how it ended; and what was meant for the vendor."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse

from integrations.doors.admin import again, finding
from integrations.doors.admin.base import Button, TenantPages, badge, to_page
from integrations.doors.admin.site import site
from integrations.records.models import Record
from integrations.sync.closing import approve_day, may_approve
from integrations.sync.matching import keep_apart, link_by_hand
from integrations.sync.models import Intent, Item
from integrations.sync.replay import replay_record
from integrations.sync.services import retry


class ItemPages(TenantPages):
    """One item with its differences, before and after."""

    sortable_by = ()
    list_display = ("record", "flow", "operation", "state_shown", "words_shown", "decided_at")
    list_select_related = ("record", "flow", "run__flow")
    list_filter = ("state", "operation", "flow")
    search_fields = ("record__title",)
    search_help_text = "A record's number, name, id or amount"
    fields = (
        "flow", "record_shown", "run", "operation", "state", "reason", "words", "target_id", "edition", "decided_at",
        "ended_at",
    )  # fmt: skip
    readonly_fields = fields
    buttons = (
        Button(name="retry", label="Try again", verb="issue.settle", icon="replay", look="primary",
               shown=lambda item: item.state == Item.State.HELD),
        Button(name="approve_day", label="Book it on the next open day", verb="run.approve", icon="event_available",
               look="primary", shown=may_approve),
        Button(name="apart", label="None of these: make it there", verb="match.decide", icon="person_add",
               shown=lambda item: _is_doubtful(item)),
        Button(name="link", label="Link", verb="match.decide", shown=lambda item: False),  # beside each candidate
        again.BUTTON,
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if search_term.strip():
            queryset = queryset.filter(record__in=finding.records(search_term.strip()))
        return queryset, False

    @display(description="record")
    def record_shown(self, item: Item) -> str:
        return to_page(item.record)

    @display(description="state", ordering="state")
    def state_shown(self, item: Item) -> str:
        return badge(item.state, item.get_state_display())

    @display(description="why")
    def words_shown(self, item: Item) -> str:
        return item.words[:160] or item.reason.replace("_", " ") or ", ".join(item.fields[:6])

    def panel(self, request: HttpRequest, item: Item) -> dict[str, Any]:
        return {
            "candidates": self._candidates(request, item),
            "link_url": self.url("link", item),
            "facts": [
                ("State", badge(item.state, item.get_state_display())),
                ("Record", to_page(item.record)),
                *_days(item),
            ],
            "differences": item.differences,
            "panel_template": "tieout/item.html",
            **again.card(self, request, item),
        }

    def _candidates(self, request: HttpRequest, item: Item) -> list[Record]:
        """Who the record could be at the target, for those who may say so."""
        if not _is_doubtful(item) or not self.allows(request, "match.decide"):
            return []
        there = Record.objects.filter(connection=item.flow.target, object=item.flow.target_object)
        return list(there.filter(external_id__in=item.candidates).order_by("external_id"))

    def do_link(self, request: HttpRequest, item: Item) -> None:
        link_by_hand(item, request.POST.get("target_id", ""), by=request.user)

    def do_apart(self, request: HttpRequest, item: Item) -> None:
        keep_apart(item, by=request.user)

    def do_retry(self, request: HttpRequest, item: Item) -> None:
        retry(item, by=request.user)

    def do_approve_day(self, request: HttpRequest, item: Item) -> None:
        approve_day(item, by=request.user)
        messages.success(request, "The next run of the flow books it on that day.")

    def do_replay(self, request: HttpRequest, item: Item) -> HttpResponse | None:
        return again.begin(request, partial(replay_record, item.record, flow=item.flow))


def _days(item: Item) -> list[tuple[str, str]]:
    """Where a closed period bears on it: the day that was meant, the one it is booked on or could be, and the lock."""
    kept = item.period
    lock = f"{kept['lock']} up to {kept['until']}" if kept.get("until") else kept.get("lock", "")
    return [("Dated", kept.get("meant", "")), ("Booked on", kept.get("booked", "")),
            ("Next open day", kept.get("opens", "")), ("Closed by", lock)]  # fmt: skip


def _is_doubtful(item: Item) -> bool:
    return item.state == Item.State.HELD and bool(item.candidates)


class IntentPages(TenantPages):
    """What we mean to do at a target for one identity, and how it was settled."""

    sortable_by = ()
    list_display = ("key", "operation", "object", "state", "item", "created_at", "settled_at")
    list_select_related = ("item__record",)
    list_filter = ("state", "operation")
    fields = (
        "key", "operation", "connection", "object", "state", "step", "n", "identity", "item", "created_at", "settled_at",
    )  # fmt: skip
    readonly_fields = fields


site.register(Item, ItemPages)
site.register(Intent, IntentPages)
