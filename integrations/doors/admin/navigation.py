"""The sidebar, and whose data a page shows: built for the person who asks."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from integrations.doors.admin.allowed import is_operator, may
from integrations.records.models import Issue
from integrations.sync.models import Run

SHOWN_COUNT = 99

# Group -> (title, icon, page, verb that lets one see it).
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "",
        (
            ("Overview", "space_dashboard", "index", ""),
            ("Issues", "flag", "integrations_issue_changelist", "record.read"),
            ("Runs", "play_circle", "integrations_run_changelist", "run.read"),
        ),
    ),
    (
        "Set up",
        (
            ("Connections", "cable", "integrations_connection_changelist", "tenant.read"),
            ("Set up from template", "auto_awesome", "set_up", "flow.manage"),
            ("Flows", "sync_alt", "integrations_flow_changelist", "tenant.read"),
            ("Mappings", "rule", "integrations_mapping_changelist", "tenant.read"),
            ("Value tables", "table_rows", "integrations_valuetable_changelist", "tenant.read"),
            ("Closed periods", "event_busy", "integrations_periodrule_changelist", "tenant.read"),
            ("Lock dates", "lock_clock", "integrations_lockdates_changelist", "tenant.read"),
        ),
    ),
    (
        "Look up",
        (
            ("Records", "description", "integrations_record_changelist", "record.read"),
            ("Items of runs", "checklist", "integrations_item_changelist", "record.read"),
            ("Links", "link", "integrations_link_changelist", "record.read"),
            ("Calls", "swap_horiz", "integrations_call_changelist", "record.read"),
            ("Reading progress", "downloading", "integrations_stream_changelist", "record.read"),
            ("Audit trail", "history_edu", "audit_event_changelist", "audit.read"),
        ),
    ),
    (
        "Company",
        (
            ("Company", "apartment", "tenants_tenant_changelist", "tenant.read"),
            ("Members", "group", "access_membership_changelist", "tenant.read"),
            ("Support access", "support_agent", "access_supportaccess_changelist", "tenant.read"),
        ),
    ),
)
OPERATOR = (
    ("Customers", "domain", "customers"),
    ("Users", "person", "access_user_changelist"),
    ("Templates", "library_books", "integrations_template_changelist"),
    ("Vendor apps", "key", "integrations_vendorapp_changelist"),
)


def sidebar(request: Any) -> list[dict[str, Any]]:
    """The groups of pages that this person may open."""
    groups = []
    for title, pages in SECTIONS:
        items = [
            {"title": name, "icon": icon, "link": reverse(f"admin:{page}"), **_badge(request, page)}
            for name, icon, page, verb in pages
            if request.standing is not None and (not verb or may(request, verb))
        ]
        if items:
            groups.append({"title": title, "separator": bool(title), "items": items})
    if is_operator(request):
        items = [{"title": name, "icon": icon, "link": reverse(f"admin:{page}")} for name, icon, page in OPERATOR]
        groups.append({"title": "This installation", "separator": True, "items": items})
    return groups


def whose(request: Any) -> list[str] | None:
    """The tenant whose data the page shows, for its header."""
    if getattr(request, "standing", None) is None:
        return None
    if request.standing.role == "support":
        return [f"{request.standing.tenant_name} (support, read only)", "warning"]
    return [request.standing.tenant_name, "primary"]


def tenants(request: Any) -> list[dict[str, Any]]:
    """A way to the other tenants of the person, where there are any."""
    if len(getattr(request, "standings", ())) < 2:
        return []
    return [{"icon": "swap_horiz", "title": "Change to another company", "link": reverse("admin:choose")}]


def account(request: Any) -> list[dict[str, str]]:
    """The person's own pages, which are allauth's."""
    return [
        {"title": "E-mail addresses", "link": reverse("account_email")},
        {"title": "Change password", "link": reverse("account_change_password")},
        {"title": "Second factor", "link": reverse("mfa_index")},
    ]


def _badge(request: Any, page: str) -> dict[str, Any]:
    if page == "integrations_issue_changelist":
        count = Issue.objects.filter(state=Issue.State.OPEN)[: SHOWN_COUNT + 1].count()
        return {"badge": _few(count), "badge_variant": "danger"} if count else {}
    if page == "integrations_run_changelist":
        count = Run.objects.filter(state=Run.State.STOPPED)[: SHOWN_COUNT + 1].count()
        return {"badge": _few(count), "badge_variant": "warning"} if count else {}
    return {}


def _few(count: int) -> str:
    return f"{SHOWN_COUNT}+" if count > SHOWN_COUNT else str(count)
