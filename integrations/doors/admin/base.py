"""What every page about a model shares: permissions by role, buttons that call services, and lists that stay fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from integrations.doors.admin.allowed import is_operator, may, note_support
from integrations.wire.errors import VendorError
from tenants.audit import Reference
from tenants.audit.models import Event, with_asides

COUNTED = 10_000  # rows: more are not counted, so that a list of millions opens at once
HISTORY = 200  # events


class ShortPaginator(Paginator):
    """Counts no further than it must: beyond that, filters and search lead on."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class ShortList(ChangeList):
    """A list that says "show all" only where something is left out."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if getattr(self, "full_result_count", None) is None and not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


@dataclass(frozen=True, kw_only=True)
class Button:
    """Something that may be done with an object: posts to `do_<name>` of its page.

    `calls_vendor`: no transaction is open while it runs, because a vendor is asked. `shown` says for which objects.
    """

    name: str
    label: str
    verb: str
    icon: str = "play_arrow"
    look: str = "default"
    confirm: str = ""
    calls_vendor: bool = False
    shown: Callable[[Any], bool] = lambda thing: True


class TenantPages(ModelAdmin):
    """Pages about a tenant's rows: seen by `sees`, changed by `manages` (nobody where it is empty), never deleted."""

    sees: ClassVar[str] = "record.read"
    manages: ClassVar[str] = ""
    adds: ClassVar[bool] = False
    has_history: ClassVar[bool] = True
    deletes: ClassVar[bool] = False
    buttons: ClassVar[tuple[Button, ...]] = ()

    paginator: ClassVar[Any] = ShortPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they would count every table once for each choice
    list_per_page = 50
    # The tables that grow for ever say `sortable_by = ()`: sorting a million rows by a column without an index takes minutes.
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    actions: ClassVar[Any] = None
    list_filter_submit = False
    admin_site: Any  # the TieoutSite
    change_form_outer_before_template = "tieout/panel.html"

    # Who may

    def allows(self, request: Any, verb: str) -> bool:
        """Whether the person may press a button of that verb."""
        return may(request, verb)

    def has_module_permission(self, request: Any) -> bool:
        return may(request, self.sees)

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return may(request, self.sees)

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(self.manages) and may(request, self.manages)

    def has_add_permission(self, request: Any) -> bool:
        return self.adds and self.has_change_permission(request)

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return self.deletes and self.has_change_permission(request, obj)

    # Objects of others do not exist, and what happened stands in the audit trail and nowhere else.

    def _get_obj_does_not_exist_redirect(self, request: Any, opts: Any, object_id: str) -> Any:
        raise Http404(f"There is no {opts.verbose_name} {unquote(object_id)} here.")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            note_support(request, found)
        return found

    def changelist_view(self, request: Any, extra_context: Any = None) -> Any:
        if self.has_view_permission(request):
            note_support(request, Reference(self.opts.label_lower, name=f"list of {self.opts.verbose_name_plural}"))
        return super().changelist_view(request, extra_context)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        found = self.seen(request, object_id)
        events = with_asides(Event.objects).filter(subject_kind=found._meta.label_lower, subject_id=str(found.pk))
        return self.page(request, "tieout/history.html", found, title=f"History of {found}", events=events[:HISTORY])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ShortList

    # Pages and buttons

    def seen(self, request: Any, object_id: Any) -> Any:
        """The object that a page of our own is about, only to be looked at. Raises Http404 and PermissionDenied."""
        if object_id is None or request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(str(object_id)))
        if found is None:
            raise Http404(f"There is no such {self.opts.verbose_name} here.")
        return found

    def page(self, request: Any, template: str, thing: Any, **context: Any) -> HttpResponse:
        """A page of our own about an object, in the look of the site."""
        given = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": thing,
            "buttons": self.buttons_for(request, thing) if thing is not None else [],
            "model_admin": self,
            **context,
        }
        return render(request, template, given)

    def buttons_for(self, request: Any, thing: Any) -> list[dict[str, Any]]:
        """What this person may do with this object, with the address that does it."""
        return [
            {"button": each, "url": self.url(each.name, thing)}
            for each in self.buttons
            if self.allows(request, each.verb) and each.shown(thing)
        ]

    def changeform_view(
        self, request: Any, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id and request.method == "GET":
            thing = self.get_object(request, unquote(object_id))
            if thing is not None:
                context |= {"buttons": self.buttons_for(request, thing), **self.panel(request, thing)}
        context |= {"show_save_and_add_another": False, "show_history": self.has_history}
        return super().changeform_view(request, object_id, form_url, context)

    def panel(self, request: Any, thing: Any) -> dict[str, Any]:
        """What the change page shows above its form: `facts` (label, value), `panel_template` for more, and what that needs."""
        return {}

    def url(self, name: str, thing: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=(thing.pk,))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(f"<uuid:object_id>/{each.name}/", self._pressed(each), name=self._url_name(each.name))
            for each in self.buttons
        ]
        return [*own, *super().get_urls()]

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def _pressed(self, button: Button) -> Callable[..., HttpResponse]:
        def view(request: Any, object_id: Any) -> HttpResponse:
            if not self.allows(request, button.verb):
                raise PermissionDenied(f"Your role does not include {button.verb}.")
            with transaction.atomic() if button.calls_vendor else nullcontext():
                thing = self.get_queryset(request).filter(pk=object_id).first()
            if thing is None:
                raise Http404
            with told(request):
                answer = getattr(self, f"do_{button.name}")(request, thing)
                if answer is not None:
                    return answer
            return redirect(self.url("change", thing))

        posted = require_POST(view)
        wrapped = self.admin_site.admin_view(posted)
        return transaction.non_atomic_requests(wrapped) if button.calls_vendor else wrapped

    # Saving by a service: see ServiceForm

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user}) if issubclass(form, ServiceForm) else form

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        if not isinstance(form, ServiceForm):
            raise TypeError(f"{type(self).__name__} saves by a ServiceForm, so that a service does it.")


class ServiceForm(forms.ModelForm):
    """A form whose last judge is the service that saves: what it refuses stands on the form, beside its field."""

    by: Any = None

    def save_by_service(self) -> None:
        """Save `self.instance` by its service. Raises ValidationError."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which its type hints leave out
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.save_by_service()
        except ValidationError as refused:
            self._show(refused)
        except VendorError as error:
            self.add_error(None, str(error))

    def _show(self, refused: ValidationError) -> None:
        if not hasattr(refused, "error_dict"):
            self.add_error(None, refused)
            return
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


class OperatorPages(TenantPages):
    """Pages about what belongs to no tenant: the operator's."""

    needs_tenant = has_history = False

    def allows(self, request: Any, verb: str) -> bool:
        return is_operator(request)

    def has_module_permission(self, request: Any) -> bool:
        return is_operator(request)

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return is_operator(request)

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return is_operator(request)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404("What belongs to no tenant has no trail of a tenant.")


@contextmanager
def told(request: Any) -> Iterator[None]:
    """What a service or a vendor refuses becomes a message to the person."""
    try:
        yield
    except ValidationError as refused:
        for message in refused.messages:
            messages.error(request, message)
    except VendorError as error:
        messages.error(request, str(error))


# How things look in lists

COLOURS = {
    "green": "success", "amber": "warning", "red": "danger",
    "connected": "success", "renewing": "warning", "consent_lost": "danger", "paused": "warning", "new": "info",
    "done": "success", "failed": "danger", "stopped": "warning", "running": "info", "queued": "info",
    "previewed": "info", "cancelled": "",
    "applied": "success", "held": "danger", "waiting": "warning", "applying": "info", "planned": "info",
    "skipped": "", "superseded": "",
    "open": "danger", "solved": "success", "ignored": "",
    "settled": "success", "lost": "danger", "sent": "warning", "answered": "info", "prepared": "info",
    "live": "success", "archived": "", "voided": "warning", "deleted": "danger", "merged": "warning",
    "unreadable": "danger",
    "production": "production", "sandbox": "warning", "simulator": "info",
}  # fmt: skip


def badge(value: str, text: str = "") -> SafeString:
    """A word on its colour."""
    return format_html('<span class="t-badge t-{}">{}</span>', COLOURS.get(value) or "plain", text or value)


def link(url: str, text: Any) -> SafeString:
    """A link to one of our pages."""
    return format_html('<a class="t-link" href="{}">{}</a>', url, text)


def to_page(thing: Any) -> SafeString | str:
    """A link to the page of a row; nothing where there is none."""
    if thing is None:
        return ""
    return link(reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_change", args=(thing.pk,)), thing)
