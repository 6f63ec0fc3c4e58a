"""Arrivals: how much came in for a flow, hour by hour. From them it is told what is usual, and that it did not arrive."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from integrations.records import issues
from integrations.records.models import Issue
from integrations.sync.models import Flow, Run
from integrations.sync.schedule import tenant_zone
from integrations.sync.usual import LONGEST_EPISODE, LOOK_BACK, Judgement, Verdict, judge
from tenants.owned import TenantForeignKey, TenantOwned

MISSING = "volume_missing"
KEPT = LOOK_BACK + LONGEST_EPISODE
HOURS = 24
NOTHING = (Verdict.UNKNOWN, Verdict.USUAL)


class Arrivals(TenantOwned):
    """What came in for a flow on one day of the tenant; there is none of a day on which its source was not asked."""

    flow = TenantForeignKey(Flow, on_delete=models.CASCADE)
    day = models.DateField()
    # Changes at the source, in each hour of the day by the tenant's clocks.
    hours = ArrayField(models.PositiveIntegerField(), size=HOURS)

    class Meta(TenantOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("tenant", "flow", "day"), name="one_day_of_arrivals"),)
        verbose_name_plural = "arrivals"

    def __str__(self) -> str:
        return f"{self.flow}, {self.day}"


def note(run: Run, *, now: datetime | None = None) -> str:
    """Count what came in up to this run, and say in words if it is less than usual. Inside the run's transaction.

    Where it is missing on more than one day, people are told; where it came, what they were told is over.
    """
    flow, now = run.flow, now or timezone.now()
    zone = tenant_zone()
    local = now.astimezone(zone)
    _count(flow, up_to=run.position, local=local)
    if flow.schedule == Flow.Schedule.BY_HAND:
        return ""  # nobody can say when something is to be expected
    judgement = judge(past(flow, today=local.date()), today=local.date(), through=_through(flow, local, zone))
    about = issues.about(MISSING, flow.pk)
    if judgement.verdict in NOTHING:
        issues.solve([about])
        return ""
    words = in_words(judgement)
    if judgement.verdict == Verdict.MISSING:
        _tell(flow, about, words, judgement)
    return words


def past(flow: Flow, *, today: date) -> dict[date, list[int]]:
    """The days of the flow that are known, as far back as they are of use."""
    rows = Arrivals.objects.filter(flow=flow, day__gte=today - KEPT, day__lte=today)
    return dict(rows.values_list("day", "hours"))


def in_words(judgement: Judgement) -> str:
    """What is missing, with the figures that say so."""
    if judgement.verdict in NOTHING:
        return ""
    latest = judgement.days[0]
    weeks = ", ".join(str(each) for each in latest.before)
    if judgement.verdict == Verdict.SHORT:
        return (
            f"Less came than usual since {judgement.since:%A, %-d %B}: {judgement.came}, where {judgement.usual:g} are usual "
            f"by this time of a {latest.day:%A} (the weeks before: {weeks}). It may be a holiday: if it goes on, people are told."
        )
    return (
        f"Less came than usual since {judgement.since:%A, %-d %B}: {judgement.came} on {len(judgement.days)} days, where "
        f"{judgement.usual:g} are usual. {latest.day:%A}: {latest.came} instead of {latest.usual:g} "
        f"(the weeks before: {weeks})."
    )


def _count(flow: Flow, *, up_to: int, local: datetime) -> None:
    """Add to the day's hours what the feed brought since it was last counted. What was there before the first time is no arrival."""
    came = 0 if flow.counted_no is None else max(0, up_to - flow.counted_no)
    if up_to != flow.counted_no:
        flow.counted_no = max(up_to, flow.counted_no or 0)
        flow.save(update_fields=("counted_no",))
    row = Arrivals.objects.filter(flow=flow, day=local.date()).first()
    if row is None:
        row = Arrivals(flow=flow, day=local.date(), hours=[0] * HOURS)
        Arrivals.objects.filter(flow=flow, day__lt=local.date() - KEPT).delete()
    elif not came:
        return
    row.hours[local.hour] += came
    row.save()


def _through(flow: Flow, local: datetime, zone: ZoneInfo) -> int:
    """The last hour of today of which all has been asked: this one only if the flow runs in it no more."""
    following = flow.next_run_at
    end_of_hour = local.replace(minute=0, second=0, microsecond=0).astimezone(zone) + timedelta(hours=1)
    return local.hour if following is not None and following >= end_of_hour else local.hour - 1


def _tell(flow: Flow, about: str, words: str, judgement: Judgement) -> None:
    """Open the issue once: it counts no higher with every run that brings nothing either."""
    standing = Issue.objects.filter(about=about, state__in=(Issue.State.OPEN, Issue.State.IGNORED))
    if standing.filter(opened_at__date__gte=judgement.since).exists():
        return
    issues.open_issues(
        [
            Issue(
                code=MISSING,
                about=about,
                flow=flow,
                connection_id=flow.source_id,
                object=flow.source_object,
                where=flow.name,
                words=words,
                explanation="The source was asked and answered, but hardly anything of what usually comes at this time came, "
                "on more than one day.",
                advice="Look into the source: are the records there? Then a filter, a right or a setting keeps them from "
                "being read. If there was nothing to come, ignore this: it ends by itself, and what stays so is learnt.",
                alert=True,
            )
        ]
    )
