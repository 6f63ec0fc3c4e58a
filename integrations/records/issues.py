"""Issues: what cannot go on by itself is written down once, counted again each time it is met, and ended when solved."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from integrations.connections.models import Connection
from integrations.records.models import Issue
from plumbing.pages import update_page, write_page
from tenants.scope import current_tenant_id


def open_issues(issues: Iterable[Issue]) -> None:
    """Open these issues; one that stands already about the same thing is brought up to date and counted again.

    One that a person ignored stays ignored for as long as it says the same.
    """
    now = timezone.now()
    latest = {issue.about: issue for issue in issues}
    if not latest:
        return
    told = Issue.objects.filter(about__in=latest, state__in=(Issue.State.OPEN, Issue.State.IGNORED)).select_for_update()
    met = []
    for old in told.order_by("-seen_at"):
        new = latest.get(old.about)
        if new is None or (old.state == Issue.State.IGNORED and old.words != new.words):
            continue
        del latest[old.about]
        old.where, old.words, old.explanation, old.advice = new.where, new.words, new.explanation, new.advice
        old.times, old.seen_at = old.times + 1, now
        met.append(old)
    update_page(met, "where", "words", "explanation", "advice", "times", "seen_at")
    for issue in latest.values():
        issue.tenant_id, issue.seen_at, issue.opened_at = current_tenant_id(), now, now
    # Somebody else may be telling the same in this moment: it is told once.
    write_page(list(latest.values()), unique=("tenant_id", "about"))


def solve(abouts: Collection[str]) -> None:
    """End the open issues about these things: they went well since."""
    now = timezone.now()
    Issue.objects.filter(state=Issue.State.OPEN, about__in=abouts).update(state=Issue.State.SOLVED, ended_at=now)


def solve_unmet(code: str, *, connection: Connection, object: str, since: datetime) -> None:
    """End the open issues of this code that were not met since: everything was read, and they were not there any more."""
    standing = Issue.objects.filter(state=Issue.State.OPEN, code=code, connection=connection, object=object)
    standing.filter(seen_at__lt=since).update(state=Issue.State.SOLVED, ended_at=timezone.now())


def solve_met(code: str, *, flow: Any) -> None:
    """End the open issues of this code that this flow was the first to meet: it went well since."""
    standing = Issue.objects.filter(state=Issue.State.OPEN, code=code, flow=flow, record=None)
    standing.update(state=Issue.State.SOLVED, ended_at=timezone.now())


def about(code: str, *parts: Any) -> str:
    """What an issue is about, as a key: the same thing met twice gives the same key."""
    return "/".join([code, *(str(part) for part in parts)])[:400]
