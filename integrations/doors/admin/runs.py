"""Runs: how far they are, what they did, and whether both ends agree."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import display
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse

from integrations.doors.admin.base import Button, TenantPages, badge
from integrations.doors.admin.site import site
from integrations.records.models import Issue, Stream
from integrations.sync.approval import VANISHED
from integrations.sync.brakes import Figures
from integrations.sync.models import Item, Run
from integrations.sync.outlook import outlook
from integrations.sync.services import AlreadyRunning, approve_run, cancel_run

PLANNED = 25  # items of a plan that are shown on the run's page
State = Run.State

# Count -> what a person reads, in the order of a record's way.
COUNTS = {
    "read_new": "read: new", "read_changed": "read: changed", "read_same": "read: as before",
    "read_unreadable": "could not be read",
    "create": "to create", "update": "to change", "void": "to void", "credit": "to credit", "skipped": "nothing to do",
    "waiting": "wait for others", "held": "held", "applied": "applied", "moved": "refused: moved at the target",
}  # fmt: skip


def is_over(run: Run) -> bool:
    """Whether nothing more will happen with it by itself."""
    return run.state not in (State.QUEUED, State.RUNNING)


class RunPages(TenantPages):
    """One run live, and all of them with their colours. A run is never edited."""

    sees = "run.read"
    list_display = ("flow", "created_at", "state_shown", "colour_shown", "what", "started_by", "finished_at")
    list_select_related = ("flow",)
    list_filter = ("state", "colour", "preview", "flow")
    buttons = (
        Button(name="approve", label="Approve and go on", verb="run.approve", icon="check", look="primary",
               confirm="What this run planned is sent exactly as it is shown; a line whose record has moved at the target "
               "since is refused. Go on?",
               shown=lambda run: run.state == State.STOPPED and not _misses(run)),
        Button(name="apply", label="Apply exactly this", verb="run.approve", icon="check", look="primary",
               confirm="What this preview shows is sent exactly as it is shown; a line whose record has moved at the target "
               "since is refused. Apply it?",
               shown=lambda run: run.state == State.PREVIEWED and run.flow.enabled),
        Button(name="gone", label="They are really gone: go on", verb="run.approve", icon="check", look="primary",
               confirm="Each of them is asked for by itself, and what is not there counts as deleted. Go on?",
               shown=lambda run: run.state == State.STOPPED and _misses(run)),
        Button(name="cancel", label="Cancel", verb="run.cancel", icon="stop", look="danger",
               confirm="What was sent stays; what was only planned is decided anew by the next run. Cancel it?",
               shown=lambda run: run.state in Run.OPEN),
    )  # fmt: skip

    @display(description="state", ordering="state")
    def state_shown(self, run: Run) -> str:
        return badge(run.state, run.get_state_display())

    @display(description="result", ordering="colour")
    def colour_shown(self, run: Run) -> str:
        return badge(run.colour, run.get_colour_display()) if run.colour else "-"

    @display(description="did")
    def what(self, run: Run) -> str:
        told = [f"{run.counts[name]:,} {words}" for name, words in COUNTS.items()
                if name in ("create", "update", "void", "credit", "applied", "held", "moved") and run.counts.get(name)]  # fmt: skip
        return ", ".join(told) or ("preview" if run.preview else "-")

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.seen(request, object_id)
        brakes = Issue.objects.filter(flow=run.flow_id, state=Issue.State.OPEN).order_by("-seen_at")
        return self.page(
            request,
            "tieout/run.html",
            run,
            title=str(run),
            run=run,
            is_preview=run.state == State.PREVIEWED,
            state_shown=self.state_shown(run),
            plan=_plan(run),
            reasons=run.brake.get("reasons", []) if run.state in (State.STOPPED, State.PREVIEWED) else [],
            figures=_figures(run),
            progress=progress(run),
            poll=reverse("admin:integrations_run_progress", args=(run.pk,)),
            is_over=is_over(run),
            counts=_counts(run),
            totals=_totals(run),
            differences=run.totals.get("differences", []),
            items=_items(run),
            issues=list(brakes[:10]),
        )

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<uuid:object_id>/progress/", view, name="integrations_run_progress"), *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: Any) -> JsonResponse:
        """How far the run is, for the page that asks every second or two."""
        run = self.get_queryset(request).filter(pk=object_id).first()
        if run is None or not self.has_view_permission(request):
            raise Http404("There is no such run here.")
        return JsonResponse(progress(run))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("flow__source", "flow__target")

    def do_approve(self, request: HttpRequest, run: Run) -> None:
        self._approve(request, run, "The run goes on as it was planned.")

    def do_apply(self, request: HttpRequest, run: Run) -> None:
        self._approve(request, run, "What the preview shows is applied now.")

    def do_gone(self, request: HttpRequest, run: Run) -> None:
        self._approve(request, run, "The run reads on, and asks for each of them by itself.")

    def _approve(self, request: HttpRequest, run: Run, words: str) -> None:
        try:
            approve_run(run, by=request.user)
        except (ValueError, AlreadyRunning) as late:
            messages.error(request, str(late))
        else:
            messages.success(request, words)

    def do_cancel(self, request: HttpRequest, run: Run) -> None:
        try:
            cancel_run(run, by=request.user)
        except ValueError as late:
            messages.error(request, str(late))
        else:
            messages.success(request, "The run is cancelled.")


def progress(run: Run) -> dict[str, Any]:
    """Where a run stands, in figures that cost nothing to know."""
    return {
        "state": run.state,
        "state_label": run.get_state_display(),
        "stage": run.stage,
        "words": run.words,
        "percent": _percent(run),
        "counts": _counts(run),
        "over": is_over(run),
        "expected": str(outlook(run) or ""),
    }


def _percent(run: Run) -> int:
    """Reading is the first fifth, planning the second, applying the rest."""
    if is_over(run):
        return 100
    if run.stage == "planning":
        last = Stream.objects.filter(connection=run.flow.source_id, object=run.flow.source_object)
        feed_no = last.values_list("feed_no", flat=True).first() or 0
        return 20 + (20 * min(run.position, feed_no) // feed_no if feed_no else 0)
    if run.stage == "applying":
        planned = sum(run.counts.get(name, 0) for name in ("create", "update", "void", "credit"))
        return 40 + min(59, 60 * run.counts.get("applied", 0) // planned if planned else 59)
    return 5 if run.stage == "reading" else 0


def _counts(run: Run) -> list[dict[str, Any]]:
    return [{"name": name, "label": label, "count": run.counts[name]} for name, label in COUNTS.items()
            if run.counts.get(name)]  # fmt: skip


def _totals(run: Run) -> list[dict[str, str]]:
    """Both ends side by side, by currency."""
    ends = run.totals.get("source", {}), run.totals.get("target", {})
    return [
        {
            "currency": currency or "no amounts",
            "source": ends[0].get(currency, "0"),
            "target": ends[1].get(currency, "0"),
        }
        for currency in sorted({*ends[0], *ends[1]})
    ]


def _misses(run: Run) -> bool:
    """Whether a run stopped because so much is missing from a list."""
    return run.brake.get("what") == VANISHED


def _figures(run: Run) -> list[dict[str, Any]]:
    """What the run's plan comes to in each currency: the sum of what is created or changed, and the largest document."""
    planned = Figures.from_json(run.planned)
    return [
        {"currency": code or "no currency", "sum": sum, "largest": planned.largest.get(code)}
        for code, sum in sorted(planned.sums.items())
    ]


def _plan(run: Run) -> list[Item]:
    """The first of what a preview or a stopped run would do, for a person to look at."""
    if run.state not in (State.PREVIEWED, State.STOPPED):
        return []
    meant = Item.objects.filter(run=run, state__in=(Item.State.PREVIEWED, Item.State.PLANNED))
    return list(meant.select_related("record").order_by("pk")[:PLANNED])


def _items(run: Run) -> list[dict[str, Any]]:
    listing = reverse("admin:integrations_item_changelist")
    return [
        {"label": label, "state": state, "url": f"{listing}?run__id__exact={run.pk}&state__exact={state}"}
        for state, label in Item.State.choices
        if Item.objects.filter(run=run, state=state).exists()
    ]


site.register(Run, RunPages)
