"""One tenant for each session, one short transaction for each page."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tenants.access.who import Standing, standings
from tenants.models import Tenant
from tenants.scope import tenant_scope

SESSION_KEY = "tenant"


class TenantMiddleware:
    """Opens the scope of the session's tenant, if the person still belongs there, and a transaction around the page.

    Gives `request.standings` (all tenants of the person), `request.standing` and `request.tenant` (both None where no tenant is
    chosen). A page that fails, or that the API answers with an error, is rolled back. Views marked
    `@transaction.non_atomic_requests` open their own transactions, as do the bodies of streamed answers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.standings, request.standing, request.tenant = [], None, None
        request.page_failed = False
        with ExitStack() as page:
            request.page = page
            response = self.get_response(request)
            # REST framework turns errors into answers by itself; they must not be half done either.
            if request.page_failed or getattr(response, "exception", False):
                _roll_back()
            return response

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            request.standings = standings(user)
            request.standing = chosen(request)
        if request.standing is not None:
            tenant_id = request.standing.tenant_id
            request.page.enter_context(tenant_scope(tenant_id))
            request.tenant = SimpleLazyObject(lambda: Tenant.objects.get(pk=tenant_id))
        if DEFAULT_DB_ALIAS not in getattr(view, "_non_atomic_requests", ()):
            request.page.enter_context(transaction.atomic())

    def process_exception(self, request: Any, exception: Exception) -> None:
        # Rolled back at the end of the page: until then other middleware may still ask the database how to answer.
        request.page_failed = True


def chosen(request: Any) -> Standing | None:
    """The standing in the session's tenant; the only one there is where none was chosen."""
    wanted = request.session.get(SESSION_KEY)
    for standing in request.standings:
        if str(standing.tenant_id) == wanted:
            return standing
    return request.standings[0] if wanted is None and len(request.standings) == 1 else None


def choose(request: Any, tenant_id: Any) -> bool:
    """Makes this the session's tenant from the next request on; False where the person does not belong there."""
    if not any(str(standing.tenant_id) == str(tenant_id) for standing in standings(request.user)):
        return False
    request.session[SESSION_KEY] = str(tenant_id)
    return True


def _roll_back() -> None:
    if connection.in_atomic_block:
        transaction.set_rollback(True)
