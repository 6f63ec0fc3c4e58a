"""Closed periods: what a tenant wants there, and up to when the books behind each connection are closed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import display
from django.http import HttpRequest
from unfold import widgets

from integrations.canonical.days import LEDGER_DAY
from integrations.connections.locks import LockDates
from integrations.connectors.registry import connectors
from integrations.doors.admin.base import ServiceForm, TenantPages
from integrations.doors.admin.site import site
from integrations.sync.closing import PeriodRule, set_rule
from integrations.wire.locks import from_plain


class PeriodRuleForm(ServiceForm):
    """A rule for one object of one connection."""

    class Meta:
        model = PeriodRule
        fields = ("connection", "object", "rule")

    def save_by_service(self) -> None:
        rule = self.instance
        saved = set_rule(rule.connection, rule.object, rule.rule, by=self.by)
        rule.pk, rule._state.adding = saved.pk, False


class PeriodRulePages(TenantPages):
    """What becomes of a record whose day lies in a closed period; without a rule it is held."""

    form = PeriodRuleForm
    sees, manages, adds = "tenant.read", "flow.manage", True
    list_display = ("connection", "object", "rule")
    list_display_links = ("object",)
    list_select_related = ("connection",)
    list_filter = ("connection", "rule")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("connection", "object")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "object":
            streams = [stream for each in connectors().values() for stream in each.streams if stream.kind in LEDGER_DAY]
            names = sorted({stream.name for stream in streams if stream.writes})
            return forms.ChoiceField(
                choices=[(name, name.replace("_", " ")) for name in names], widget=widgets.UnfoldAdminSelectWidget()
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class LockDatesPages(TenantPages):
    """Up to when the books are closed, as each vendor told it last."""

    sees = "tenant.read"
    list_display = ("connection", "locks_shown", "read_at", "changed_at")
    list_select_related = ("connection",)
    list_filter = ("connection",)
    fields = ("connection", "locks_shown", "read_at", "changed_at")
    readonly_fields = fields

    @display(description="closed up to")
    def locks_shown(self, row: LockDates) -> str:
        return in_words(row)


def in_words(row: LockDates | None) -> str:
    """The lock dates of a connection as a person reads them; empty where none are known."""
    if row is None:
        return ""
    locks = from_plain(row.locks)
    return ", ".join(f"{lock.until} ({_whose(lock.name, lock.kinds, lock.taxed)})" for lock in locks) or "nothing"


def _whose(name: str, kinds: frozenset[str], taxed: bool) -> str:
    about = [*(kind.replace("_", " ") for kind in sorted(kinds)), *(["what bears tax"] if taxed else [])]
    return f"{name}: {', '.join(about)}" if about else name


site.register(PeriodRule, PeriodRulePages)
site.register(LockDates, LockDatesPages)
