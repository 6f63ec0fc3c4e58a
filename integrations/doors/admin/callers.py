"""Vendors that poll us: how their side is set up, who came and when, and what waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header

from integrations.connections import callers, queue, visits
from integrations.connections.models import Connection, Errand, Visit
from integrations.doors.admin.allowed import check, may
from integrations.doors.polled import address_of

if TYPE_CHECKING:
    from integrations.doors.admin.connections import ConnectionPages

SHOWN_VISITS = 5


def urls(pages: ConnectionPages) -> list[URLPattern]:
    """The addresses of these pages, below a connection's own."""

    def invitation(request: HttpRequest, object_id: Any) -> HttpResponse:
        return invite(pages, request, _polled(pages.seen(request, object_id)))

    wrap, name = pages.admin_site.admin_view, f"{pages.opts.app_label}_{pages.opts.model_name}"
    return [path("<uuid:object_id>/invitation/", wrap(invitation), name=f"{name}_invitation")]


def card(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> dict[str, Any]:
    """What a connection's page shows of its caller: the way in, the last visits, and what waits since when."""
    waiting = queue.waiting(connection)
    return {
        "caller": callers.caller_of(connection),
        "caller_address": address_of(connection.connector),
        "invitation_url": pages.url("invitation", connection) if may(request, pages.manages) else "",
        "visits": list(Visit.objects.filter(connection=connection)[:SHOWN_VISITS]),
        "errands": [(state.label, waiting.numbers[state]) for state in Errand.State if state in waiting.numbers],
        "waiting_since": waiting.since,
    }


def invite(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """The invitation file, to be opened by the vendor's side; the password is not in it."""
    check(request, pages.manages)
    address = address_of(connection.connector)
    try:
        file = callers.invitation(connection, address=address, support=address)
    except ValueError as refused:
        messages.error(request, str(refused))
        return redirect(pages.url("change", connection))
    disposition = content_disposition_header(as_attachment=True, filename=file.filename)
    return HttpResponse(file.body, content_type=file.content_type, headers={"Content-Disposition": str(disposition)})


def show_password(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """A new password, on a page that is kept nowhere."""
    password = callers.new_password(_polled(connection), by=request.user)
    return pages.page(
        request, "tieout/password.html", connection, title=f"New password of {connection}",
        password=password, caller=callers.caller_of(connection), back=pages.url("change", connection),
    )  # fmt: skip


def was_turned(connection: Connection) -> bool:
    """Whether the last visit came from other books than those of the connection."""
    if not callers.is_polled(connection):
        return False
    last = visits.latest(connection)
    return last is not None and last.is_turned and bool(last.place.get("name"))


def accept_books(request: HttpRequest, connection: Connection) -> str:
    """Take the books of the last visit for the right ones; gives their name."""
    last = visits.latest(_polled(connection))
    if last is None or not was_turned(connection):
        raise PermissionDenied("Nobody came from other books since.")
    callers.accept_books(connection, last.place, by=request.user)
    return str(last.place["name"])


def _polled(connection: Connection) -> Connection:
    if not callers.is_polled(connection):
        raise Http404("Nobody comes for the work of this connection: we go there.")
    return connection
