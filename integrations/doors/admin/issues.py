"""Issues: what needs a person, in the vendor's words and in plain ones, and what may be done about it."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import SimpleListFilter, action, display
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.doors.admin import again
from integrations.doors.admin.allowed import check, may
from integrations.doors.admin.base import Button, TenantPages, badge, to_page
from integrations.doors.admin.site import site
from integrations.records.models import Issue
from integrations.sync.closing import HELD, approve_day, may_approve
from integrations.sync.models import Item, Run
from integrations.sync.replay import replay_issue
from integrations.sync.services import retry
from tenants import audit

State = Issue.State


def _is_open(issue: Issue) -> bool:
    return bool(issue.state == State.OPEN)


def _may_retry(issue: Issue) -> bool:
    return _is_open(issue) and issue.record_id is not None and issue.flow_id is not None


class OpenFirst(SimpleListFilter):
    """By state; without a choice only what is open, because that is what somebody comes for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(State.SOLVED, "solved"), (State.IGNORED, "ignored by a person"), ("all", "all")]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": "open"} if choice["display"] == str(_("All")) else choice

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        return queryset.filter(state=self.value() or State.OPEN)


class IssuePages(TenantPages):
    """What is open comes first; several can be settled at once."""

    list_display = ("words_shown", "where_shown", "code_shown", "times", "seen_at", "state_shown")
    list_filter = (OpenFirst, "connection", "flow")
    search_fields = ("words", "where")
    ordering = ("-seen_at",)
    fields = ("where", "times", "opened_at", "seen_at", "ended_at")
    readonly_fields = fields
    actions: ClassVar[Any] = ("retry_chosen", "ignore_chosen")
    buttons = (
        Button(name="retry", label="Try again", verb="issue.settle", icon="replay", look="primary", shown=_may_retry),
        Button(name="approve_day", label="Book it on the next open day", verb="run.approve", icon="event_available",
               look="primary", shown=lambda issue: _to_approve(issue) is not None),
        again.BUTTON,
        Button(name="ignore", label="Ignore", verb="issue.settle", icon="visibility_off", shown=_is_open,
               confirm="The record stays as it is, and this issue is no longer shown. Ignore it?"),
    )  # fmt: skip

    def get_actions(self, request: HttpRequest) -> Any:
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found if may(request, "issue.settle") else {}

    @display(description="what", ordering="words")
    def words_shown(self, issue: Issue) -> str:
        return issue.words[:140]

    @display(description="where")
    def where_shown(self, issue: Issue) -> str:
        return issue.where[:80]

    @display(description="kind", ordering="code")
    def code_shown(self, issue: Issue) -> str:
        return issue.code.replace("_", " ")

    @display(description="state", ordering="state")
    def state_shown(self, issue: Issue) -> str:
        return badge(issue.state, issue.get_state_display())

    def panel(self, request: HttpRequest, issue: Issue) -> dict[str, Any]:
        stopped = None
        if issue.code == "brake" and issue.flow_id:
            stopped = Run.objects.select_related("flow").filter(flow=issue.flow_id, state=Run.State.STOPPED).first()
        return {
            "facts": [
                ("State", badge(issue.state, issue.get_state_display())),
                ("Kind", issue.code.replace("_", " ")),
                ("Record", to_page(issue.record)),
                ("Flow", to_page(issue.flow)),
                ("Connection", to_page(issue.connection)),
                *([("Stopped run", to_page(stopped))] if stopped else []),
            ],
            "panel_template": "tieout/issue.html",
            "issue": issue,
            **again.card(self, request, issue),
        }

    def do_retry(self, request: HttpRequest, issue: Issue) -> None:
        if _retry(request, issue):
            messages.success(request, "The next run of the flow decides the record again.")
        else:
            messages.warning(request, "Nothing is held for this any more: the next run sees to it.")

    def do_approve_day(self, request: HttpRequest, issue: Issue) -> None:
        item = _to_approve(issue)
        if item is None:
            messages.warning(request, "No day waits to be approved here any more.")
            return
        approve_day(item, by=request.user)
        messages.success(request, "The next run of the flow books it on that day.")

    def do_replay(self, request: HttpRequest, issue: Issue) -> HttpResponse | None:
        return again.begin(request, partial(replay_issue, issue))

    def do_ignore(self, request: HttpRequest, issue: Issue) -> None:
        _ignore(request, issue)
        messages.success(request, "The issue is no longer shown among the open ones.")

    @action(description="Try the chosen ones again")
    def retry_chosen(self, request: HttpRequest, queryset: Any) -> None:
        check(request, "issue.settle")
        done = sum(_retry(request, issue) for issue in queryset.filter(state=State.OPEN))
        messages.success(request, f"{done} held records are decided again by the next run.")

    @action(description="Ignore the chosen ones")
    def ignore_chosen(self, request: HttpRequest, queryset: Any) -> None:
        check(request, "issue.settle")
        for issue in queryset.filter(state=State.OPEN):
            _ignore(request, issue)
        messages.success(request, "They are no longer shown among the open ones.")


def _retry(request: Any, issue: Issue) -> bool:
    """Let the next run decide the issue's record again; False where nothing of it is held."""
    held = Item.objects.filter(flow=issue.flow_id, record=issue.record_id, state=Item.State.HELD)
    item = held.select_related("record").first() if issue.flow_id and issue.record_id else None
    if item is not None:
        retry(item, by=request.user)
    return item is not None


def _to_approve(issue: Issue) -> Item | None:
    """The held record that waits for another day to be approved, if the issue is about one."""
    if issue.code != HELD or not _may_retry(issue):
        return None
    item = Item.objects.filter(flow=issue.flow_id, record=issue.record_id, state=Item.State.HELD).first()
    return item if item is not None and may_approve(item) else None


def _ignore(request: Any, issue: Issue) -> None:
    Issue.objects.filter(pk=issue.pk, state=State.OPEN).update(state=State.IGNORED, ended_at=timezone.now())
    audit.record("issue.ignored", subject=issue, actor=request.user, data={"code": issue.code, "about": issue.about})


site.register(Issue, IssuePages)
