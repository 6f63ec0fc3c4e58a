"""Files of a tenant: putting one into the folder, and confirming what its columns mean."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.text import get_valid_filename

from integrations.connections import services
from integrations.connections.models import Connection
from integrations.connections.site import folder_of_tenant
from integrations.connectors.files.layout import BadLayout, layout_of
from integrations.connectors.files.ready import READY
from integrations.connectors.files.sniff import Proposal, sniff
from integrations.doors.admin.allowed import check
from integrations.doors.admin.base import told
from integrations.doors.admin.file_pages import page_of_files
from integrations.wire.picking import PICKED_UP
from integrations.wire.tables import TableError
from tenants import audit

if TYPE_CHECKING:
    from integrations.doors.admin.connections import ConnectionPages

LARGEST = 100 * 1024 * 1024  # bytes of an upload; larger files are put into the folder by other ways
TABLES = (".csv", ".tsv", ".txt", ".gz")
SHOWN_FILES = 200
AROUND = 5  # lines before and after those that are asked for
MOST_LINES = 2000
LONGEST_LINE = 2000  # characters
RANGE = re.compile(r"L(\d{1,12})(?:-L(\d{1,12}))?")


def urls(pages: ConnectionPages) -> list[URLPattern]:
    """The addresses of these pages, below a connection's own."""
    wrap, name = pages.admin_site.admin_view, f"{pages.opts.app_label}_{pages.opts.model_name}"
    return [
        path("<uuid:object_id>/layout/", wrap(page_of_files(pages, confirm)), name=f"{name}_layout"),
        path("<uuid:object_id>/file/", wrap(page_of_files(pages, lines)), name=f"{name}_file"),
    ]


def confirm(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """What a file seems to be, for a person to confirm: its columns, its first rows, what they become, and why."""
    check(request, "connection.manage")
    if request.method == "POST":
        with told(request):
            _save(request, connection)
            messages.success(request, "The layout is confirmed; the files are read by it from now on.")
            return redirect(pages.url("change", connection))
    files = _files(connection)
    chosen = next((file for file in files if file["name"] == request.GET.get("file")), files[0] if files else None)
    context: dict[str, Any] = {"files": files, "chosen": chosen, "ready": READY.values(), "kept": _kept(connection)}
    if chosen is not None:
        try:
            found = sniff(_below(connection, chosen["name"]))
            answers = _answers(request, found)
            found = found.answered(answers) if answers else found
        except (TableError, BadLayout, OSError) as error:
            context["trouble"] = str(error)
        else:
            context |= {
                "found": found,
                "rows": [[row.get(column, "") for column in found.columns] for row in found.rows[:10]],
                "proposed": json.dumps(found.layout, indent=2, ensure_ascii=False),
                "answers": answers,
            }
    return pages.page(
        request, "tieout/layout.html", connection, title=f"Files and layout of {connection}", **context,
        server=connection.settings.get("address", ""),
        upload_url=pages.url("upload", connection), back=pages.url("change", connection),
    )  # fmt: skip


def _answers(request: HttpRequest, found: Proposal) -> dict[str, Any]:
    """What the person chose among the answers that a question offers."""
    answers = {}
    for question in found.questions:
        chosen = request.GET.get(f"q_{question.member}", "")
        if chosen.isdigit() and int(chosen) < len(question.choices):
            answers[question.member] = question.choices[int(chosen)][0]
    return answers


def _save(request: HttpRequest, connection: Connection) -> None:
    text = request.POST.get("layout", "").strip()
    if text in READY:
        layout: Any = text
    else:
        try:
            layout = json.loads(text)
            layout_of(layout)
        except (ValueError, BadLayout) as error:
            raise ValidationError(str(error)) from error
    connection.settings = {**connection.settings, "layout": layout}
    services.save_connection(connection, by=request.user)


def upload(pages: ConnectionPages, request: Any, connection: Connection) -> HttpResponse:
    """Put a file into the connection's folder; one of the same name is replaced in one step."""
    given = request.FILES.get("file")
    if given is None:
        raise ValidationError("Choose a file first.")
    name = get_valid_filename(Path(given.name or "").name)
    if not name.lower().endswith(TABLES) or name.startswith("."):
        raise ValidationError(f"Choose a table: {', '.join(TABLES)}.")
    if (given.size or 0) > LARGEST:
        raise ValidationError(f"The file is larger than {LARGEST // 1024**2} MB; have it put into the folder directly.")
    folder = _folder(connection)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.arriving"
    with draft.open("wb") as file:
        for chunk in given.chunks():
            file.write(chunk)
    draft.replace(folder / name)
    audit.record("file.uploaded", subject=connection, actor=request.user, data={"file": name, "bytes": given.size})
    messages.success(request, f"{name} is in the folder.")
    return redirect(f"{pages.url('layout', connection)}?file={name}")


def lines(pages: ConnectionPages, request: HttpRequest, connection: Connection) -> HttpResponse:
    """The lines of a file that a record came from, with those around them."""
    name, found = request.GET.get("path", ""), RANGE.fullmatch(request.GET.get("lines", "L1"))
    if found is None:
        raise Http404("Lines are written as L12-L30.")
    first, last = int(found[1]), int(found[2] or found[1])
    start = max(1, first - AROUND)
    file = _standing(connection, name)
    shown: list[dict[str, Any]] = []
    try:
        with opened(file) as content:
            for number, line in enumerate(content, 1):
                if number > last + AROUND or len(shown) >= MOST_LINES:
                    break
                if number == 1 or number >= start:
                    text = line.decode("utf-8", "replace").rstrip("\r\n")[:LONGEST_LINE]
                    shown.append({"number": number, "text": text, "asked": first <= number <= last})
    except OSError as error:
        raise Http404("This file is no longer in the folder.") from error
    return pages.page(
        request, "tieout/lines.html", connection, title=f"{name}, lines {first} to {last}", lines=shown, name=name,
        back=pages.url("change", connection),
    )  # fmt: skip


def _standing(connection: Connection, name: str) -> Path:
    """A file where it was read, or where it was put when it was picked up."""
    if server := connection.settings.get("address"):
        raise Http404(f"{name} lies on {server}, in the folder {connection.settings.get('folder')}.")
    try:
        return _below(connection, name)
    except Http404:
        return _below(connection, f"{PICKED_UP}/{name}")


def opened(file: Path) -> Any:
    """The file's bytes, unpacked where it is packed."""
    if file.suffix == ".gz":
        return gzip.open(file, "rb")
    return file.open("rb")


def _kept(connection: Connection) -> str:
    layout = connection.settings.get("layout", "")
    return layout if isinstance(layout, str) else json.dumps(layout, indent=2, ensure_ascii=False)


def _files(connection: Connection) -> list[dict[str, Any]]:
    folder = _folder(connection)
    if not folder.is_dir():
        return []
    found = [file for file in folder.rglob("*") if file.is_file() and file.name.lower().endswith(TABLES)]
    found = [file for file in found if not file.name.startswith(".")]
    newest = sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)[:SHOWN_FILES]
    return [{"name": str(file.relative_to(folder)), "size": file.stat().st_size} for file in newest]


def _folder(connection: Connection) -> Path:
    """Where the connection's files are put; copies of those of a server, to be examined, have a place of their own."""
    root = folder_of_tenant().resolve()
    if connection.settings.get("address"):
        return root / "copies" / str(connection.pk)
    folder = (root / str(connection.settings.get("folder", ""))).resolve()
    if not folder.is_relative_to(root):
        raise Http404("The folder leads out of the tenant's own.")
    return folder


def _below(connection: Connection, name: str) -> Path:
    """A file of the connection's folder, and nothing outside it, whatever the name says and wherever links lead."""
    folder = _folder(connection)
    if "\0" in name:
        raise Http404("There is no such file.")
    file = (folder / name).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise Http404(f"There is no file {name} in the folder.")
    return file
