"""Alerts: the people who look after a tenant's flows are told by mail of what they could not see without looking."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from integrations.records.models import Issue
from plumbing.roles import dispatch
from tenants.access import telling
from tenants.models import Tenant
from tenants.scope import tenant_scope

MAY = "issue.settle"  # who may do this looks after the flows
MOST = 50  # in one mail


def tenants_to_tell() -> list[UUID]:
    """The tenants with issues of which nobody was told yet."""
    with dispatch():
        untold = Issue.everywhere.filter(state=Issue.State.OPEN, alert=True, told_at=None)
        return list(untold.order_by().values_list("tenant_id", flat=True).distinct())


def tell(tenant_id: UUID | str) -> int:
    """Send one mail about everything of which the tenant's people were not told yet, and give how many issues that were.

    Raises OSError where the mail server does not take it: it is tried again with the next look, rather twice than never.
    """
    with tenant_scope(tenant_id):
        with transaction.atomic():
            tenant = Tenant.objects.get(pk=tenant_id)
            untold = Issue.objects.filter(state=Issue.State.OPEN, alert=True, told_at=None)
            issues = list(untold.order_by("opened_at")[:MOST])
        if not issues:
            return 0
        number = "one thing needs" if len(issues) == 1 else f"{len(issues)} things need"
        telling.mail(MAY, subject=f"{tenant.name}: {number} a look", text=_text(tenant, issues))
        with transaction.atomic():
            Issue.objects.filter(pk__in=[issue.pk for issue in issues]).update(told_at=timezone.now())
        return len(issues)


def _text(tenant: Tenant, issues: Sequence[Issue]) -> str:
    pages = [settings.PUBLIC_URL + reverse("admin:integrations_issue_change", args=(issue.pk,)) for issue in issues]
    return render_to_string(
        "tieout/alert.txt", {"tenant": tenant, "issues": list(zip(issues, pages, strict=True))}
    ).strip()
