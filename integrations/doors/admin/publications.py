"""Files that go out: what they look like, what was published, and whether the server is the one that it says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from integrations.connections import line, services
from integrations.connections.models import Connection
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.doors.admin.allowed import check
from integrations.doors.admin.base import told
from integrations.doors.admin.file_pages import page_of_files
from integrations.sync.publications import Publication
from integrations.wire.errors import VendorError
from integrations.wire.places import is_readable_by_others
from integrations.wire.sftp import UnknownHost, fingerprint
from integrations.wire.sheets import in_words
from tenants import audit

if TYPE_CHECKING:
    from integrations.doors.admin.connections import ConnectionPages

SHOWN = 30  # publications
SEEN_KEY = "seen_host_key"  # where the session keeps the key that a server showed, until a person has confirmed it


def urls(pages: ConnectionPages) -> list[URLPattern]:
    """The addresses of these pages, below a connection's own."""
    wrap, name = pages.admin_site.admin_view, f"{pages.opts.app_label}_{pages.opts.model_name}"
    return [
        path("<uuid:object_id>/outgoing/", wrap(page_of_files(pages, outgoing)), name=f"{name}_outgoing"),
        path("<uuid:object_id>/host-key/", wrap(page_of_files(pages, host_key)), name=f"{name}_host_key"),
    ]


def outgoing(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """Each list with what its file looks like in words, or what is wrong with that; and what was published."""
    rows = Publication.objects.filter(connection=connection).order_by("-began_at")[:SHOWN]
    return pages.page(
        request, "tieout/outgoing.html", connection, title=f"Outgoing files of {connection}", lists=_lists(connection),
        publications=rows, caution=caution(connection), back=pages.url("change", connection),
    )  # fmt: skip


def _lists(connection: Connection) -> list[dict[str, Any]]:
    kind, place = connector(connection.connector), site_of(connection)
    named = connection.settings.get("outgoing") or {}
    found: list[dict[str, Any]] = []
    for stream in kind.streams:
        if stream.name not in named:
            continue
        try:
            sheet = kind.dialect.sheet(stream, place)
            found.append({"name": stream.name, "label": stream.label, "words": in_words(sheet) if sheet else []})
        except VendorError as error:
            found.append({"name": stream.name, "label": stream.label, "trouble": error.explanation})
    return found


def caution(connection: Connection) -> str:
    """What a person should know of how the files travel; empty where there is nothing to say."""
    if not is_readable_by_others(connection.settings):
        return ""
    return "Plain FTP: the password and the files cross the network readable by others. Use ftps:// or sftp:// if the server offers it."


def has_host_key(connection: Connection) -> bool:
    """Whether the connection leads to a server that shows a host key."""
    return str(connection.settings.get("address") or "").startswith("sftp://")


def ask_host_key(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """Ask the server for its host key; it is shown on a page of its own. Outside any transaction."""
    kind = connector(connection.connector)
    try:
        line.send(connection, kind.dialect.whoami(site_of(connection)))
    except UnknownHost as unknown:
        request.session[SEEN_KEY] = {"connection": str(connection.pk), "key": unknown.key}
        return redirect(pages.url("host_key", connection))
    messages.success(request, "The server shows the host key that was confirmed.")
    return redirect(pages.url("change", connection))


def host_key(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """The key that the server showed, and the one that was confirmed before; a person says that it is the right one."""
    check(request, "connection.manage")
    seen = request.session.get(SEEN_KEY) or {}
    shown = seen.get("key", "") if seen.get("connection") == str(connection.pk) else ""
    if request.method == "POST":
        with told(request):
            _confirm(request, connection, shown)
            del request.session[SEEN_KEY]
            messages.success(request, "The host key is confirmed: no server with another one is believed.")
            return redirect(pages.url("change", connection))
    known = str(connection.settings.get("host_key") or "")
    return pages.page(
        request, "tieout/host_key.html", connection, title=f"Host key of {connection}",
        shown=fingerprint(shown) if shown else "", known=fingerprint(known) if known else "",
        back=pages.url("change", connection),
    )  # fmt: skip


def _confirm(request: Any, connection: Connection, shown: str) -> None:
    """Take the very key that the page showed."""
    if not shown or request.POST.get("fingerprint") != fingerprint(shown):
        raise ValidationError("This is not the key that the server showed last: ask for it again.")
    before = str(connection.settings.get("host_key") or "")
    connection.settings = {**connection.settings, "host_key": shown}
    services.save_connection(connection, by=request.user)
    data = {"key": fingerprint(shown), "before": fingerprint(before) if before else ""}
    audit.record("connection.host_key_confirmed", subject=connection, actor=request.user, data=data)
