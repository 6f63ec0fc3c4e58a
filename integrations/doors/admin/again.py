"""Run again: the card on a record's, an item's, an issue's and a flow's page by which a person has it decided once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from integrations.doors.admin.base import Button, TenantPages
from integrations.sync import replay
from integrations.sync.models import Run
from integrations.sync.services import AlreadyRunning

# Not among the buttons on top: it asks for a reason first, in its card.
BUTTON = Button(name="replay", label="Run again", verb="run.start", icon="replay", shown=lambda thing: False)
MAPPINGS = ((replay.TODAY, "with the mapping of today"), (replay.THEN, "with the mapping of then"))


def card(pages: TenantPages, request: Any, thing: Any, *, from_a_day: bool = False) -> dict[str, Any]:
    """What the card shows; nothing to those who may not run anything."""
    if not pages.allows(request, BUTTON.verb):
        return {}
    return {"again": {"url": pages.url(BUTTON.name, thing), "mappings": MAPPINGS, "from_a_day": from_a_day}}


def begin(request: HttpRequest, start: Callable[..., list[Run]]) -> HttpResponse | None:
    """Begin what the card asks for, and show its run; None where it is refused, or is several. Raises ValidationError."""
    try:
        runs = start(
            why=request.POST.get("why", ""),
            mapping=request.POST.get("mapping") or replay.TODAY,
            preview="preview" in request.POST,
            by=request.user,
        )
    except AlreadyRunning as running:
        messages.error(request, f"{running} Run it again when that run has ended.")
        return None
    messages.success(request, f"It is run again by {', '.join(str(run.flow) for run in runs)}.")
    if len(runs) > 1:
        return None
    return redirect(reverse("admin:integrations_run_change", args=(runs[0].pk,)))


def day_of(request: HttpRequest) -> date:
    """The day that the card asks for. Raises ValidationError."""
    try:
        return date.fromisoformat(request.POST.get("since", ""))
    except ValueError:
        raise ValidationError("Say from which day on it is to run again.") from None
