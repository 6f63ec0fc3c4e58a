"""Pages of a connection to files: what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from integrations.connections.models import Connection
from integrations.connectors.registry import connector
from integrations.doors.admin.allowed import note_support

if TYPE_CHECKING:
    from integrations.doors.admin.connections import ConnectionPages

Show = Callable[["ConnectionPages", HttpRequest, Connection], HttpResponse]


def page_of_files(pages: ConnectionPages, show: Show) -> Callable[..., HttpResponse]:
    """The view that shows this page of a connection to files to those who may see the connection."""

    def view(request: HttpRequest, object_id: Any) -> HttpResponse:
        connection = pages.get_queryset(request).filter(pk=object_id).first()
        if connection is None or connector(connection.connector).driver != "files":
            raise Http404("There is no such connection to files here.")
        if not pages.has_view_permission(request, connection):
            raise PermissionDenied
        note_support(request, connection)
        return show(pages, request, connection)

    return view
