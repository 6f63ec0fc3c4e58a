"""The site: one look, one tenant a session, and who may come in at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from integrations.doors.admin import dashboard, finding
from tenants.access.middleware import choose

# Pages that make sense before a tenant is chosen, or without one; those of models say so themselves (`needs_tenant`).
WITHOUT_TENANT = {"choose", "customers", "logout", "jsi18n", "auth_user_password_change"}


class TieoutSite(UnfoldAdminSite):
    """Only what is registered here has pages: no table of a library shows itself."""

    site_title = site_header = "Tieout"
    index_title = "Overview"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._own_pages: list[tuple[str, Callable[..., HttpResponse], str]] = []

    def own_page(self, route: str, view: Callable[..., HttpResponse], name: str) -> None:
        """Add a page that is about no single model."""
        self._own_pages.append((route, view, name))

    def has_permission(self, request: Any) -> bool:
        """Members, supporters who were let in, and the operator; `is_staff` says nothing here."""
        user = request.user
        return bool(user.is_active and (user.is_superuser or getattr(request, "standings", ())))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Signing in is allauth's, second factor included; who is signed in and may not come in is told so."""
        if request.user.is_authenticated:
            raise PermissionDenied("You belong to no tenant yet: ask its owner to add you.")
        wanted = request.GET.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
        return redirect(reverse("account_login", query={"next": wanted} if is_ours else None))

    def admin_view(self, view: Any, cacheable: bool = False) -> Callable[..., HttpResponse]:
        """A page of the site: a tenant is chosen, and times are told in its zone."""
        inner = super().admin_view(view, cacheable)

        def page(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if self.has_permission(request):
                if request.standing is None and self._needs_tenant(request):
                    return redirect("admin:choose" if request.standings else "admin:customers")
                if request.standing is not None:
                    _tell_local_time(request)
            return inner(request, *args, **kwargs)

        page.__dict__.update(inner.__dict__)
        return page

    def _needs_tenant(self, request: Any) -> bool:
        page = request.resolver_match.url_name
        shared = [model._meta for model, pages in self._registry.items() if not getattr(pages, "needs_tenant", True)]
        return page not in WITHOUT_TENANT and not any(
            page.startswith(f"{meta.app_label}_{meta.model_name}_") for meta in shared
        )

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("choose/", self.admin_view(self.choose), name="choose"),
            path("find/", self.admin_view(finding.find), name="find"),
            *(path(route, self.admin_view(view), name=name) for route, view, name in self._own_pages),
        ]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return render(
            request,
            "tieout/dashboard.html",
            {**self.each_context(request), **dashboard.content(request), "index": True},
        )

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The box in the sidebar finds records by number, name, id or amount."""
        return finding.suggest(request)

    def choose(self, request: Any) -> HttpResponse:
        """Choose whose data the session shows."""
        if request.method == "POST" and choose(request, request.POST.get("tenant", "")):
            return redirect("admin:index")
        context = {**self.each_context(request), "title": "Whose books?"}
        return render(request, "tieout/choose.html", context)


def _tell_local_time(request: Any) -> None:
    if connection.in_atomic_block:
        zone = request.tenant.zone
    else:
        with transaction.atomic():
            zone = request.tenant.zone
    # Until the answer is rendered, which is still within the middleware's page.
    request.page.enter_context(timezone.override(zone))


site = TieoutSite(name="admin")
