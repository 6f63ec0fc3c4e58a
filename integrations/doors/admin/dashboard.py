"""The overview: is everything tied out, what runs now, and what needs a person."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Subquery

from integrations.connections.models import Connection
from integrations.doors.admin.allowed import may
from integrations.records.models import Issue
from integrations.sync.arrivals import MISSING
from integrations.sync.models import Flow, Run
from integrations.sync.polled import NOBODY_CAME
from integrations.sync.silence import NOT_HEARD

SHOWN = 50
SHOWN_ISSUES = 8
# Nothing is wrong, and that is what is wrong: nothing came.
DID_NOT_COME = (MISSING, NOT_HEARD, NOBODY_CAME)


def content(request: Any) -> dict[str, Any]:
    """What the page shows: nothing of a tenant where none is chosen."""
    if not may(request, "tenant.read"):
        return {"title": "Overview", "flows": [], "connections": []}
    latest = Run.objects.filter(flow=OuterRef("pk"), preview=False).order_by("-pk")
    flows = Flow.objects.select_related("source", "target").annotate(
        last_id=Subquery(latest.values("pk")[:1]),
        last_state=Subquery(latest.values("state")[:1]),
        last_colour=Subquery(latest.values("colour")[:1]),
        last_words=Subquery(latest.values("words")[:1]),
        last_at=Subquery(latest.values("created_at")[:1]),
    )
    shown: list[Any] = list(flows[:SHOWN])
    for flow in shown:
        colour, state = flow.last_colour, flow.last_state
        flow.told = (colour or state or "none", (Run.Colour(colour) if colour else Run.State(state)).label if state
                     else "never ran")  # fmt: skip
    open_issues = Issue.objects.filter(state=Issue.State.OPEN)
    quiet = list(open_issues.filter(code__in=DID_NOT_COME).order_by("opened_at")[:SHOWN])
    silent = {issue.connection_id for issue in quiet if issue.code != MISSING}
    connections: list[Any] = list(Connection.objects.order_by("name")[:SHOWN])
    for each in connections:
        each.is_silent = each.pk in silent
    running = Run.objects.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).select_related("flow")
    colours = [flow.told[0] for flow in shown if flow.enabled]
    return {
        "title": "Overview",
        "flows": shown,
        "connections": connections,
        "quiet": quiet,
        "issues": list(open_issues.order_by("-seen_at")[:SHOWN_ISSUES]),
        "issue_kinds": list(open_issues.order_by().values("code").annotate(number=Count("pk")).order_by("-number")[:6]),
        "running": list(running[:SHOWN]),
        "stopped": list(Run.objects.filter(state=Run.State.STOPPED).select_related("flow")[:SHOWN]),
        "tied_out": colours.count("green"),
        "to_look_at": colours.count("amber"),
        "wrong": colours.count("red") + colours.count("failed"),
        "begun": bool(shown),
    }
