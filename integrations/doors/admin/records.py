"""Records: what each system said last, who that is at the other end, and everything that happened on the way."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, get_args
from urllib.parse import quote, urlencode

import msgspec
from django.contrib import messages
from django.contrib.admin import SimpleListFilter, display
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from integrations.canonical import KINDS
from integrations.canonical.money import UnknownCurrency, minor_units
from integrations.connections.site import site_of
from integrations.connectors.registry import connector
from integrations.crosswalk.models import Link
from integrations.doors.admin import again, finding
from integrations.doors.admin.base import Button, TenantPages, badge, link, to_page
from integrations.doors.admin.calls import pretty
from integrations.doors.admin.site import site
from integrations.doors.admin.timeline import family, timeline
from integrations.records.models import Record, Stream
from integrations.sync import erasure
from integrations.sync.replay import replay_record
from integrations.sync.traces import PARTIES
from integrations.wire.errors import VendorError
from plumbing.masking import mask

FILE = "file:"


class KindFilter(SimpleListFilter):
    """By kind, without asking a table of millions which kinds there are."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind.replace("_", " ")) for kind in KINDS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class RecordPages(TenantPages):
    """Every record that was read, and one with its life at both ends."""

    sortable_by = ()
    list_display = ("title_shown", "kind_shown", "connection", "external_id", "state_shown", "changed_at", "kept_at")
    list_display_links = ("title_shown",)
    list_select_related = ("connection",)
    list_filter = ("connection", KindFilter, "state")
    search_fields = ("title",)
    search_help_text = "Number, name, id or amount"
    buttons = (
        again.BUTTON,
        Button(name="erase", label="Erase this person", verb="payload.erase", icon="person_off", look="danger",
               confirm="What is kept here of this person, at every connection, in their documents and in the audit trail, is "
                       "overwritten for good. The books are not touched: erase the person there first. Erase them here?",
               shown=lambda record: record.kind in PARTIES),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        # A page of a list needs no payloads.
        return super().get_queryset(request).defer("raw", "canonical", "place")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if search_term.strip():
            queryset = queryset.filter(pk__in=finding.records(search_term.strip()).values("pk"))
        return queryset, False

    @display(description="record")
    def title_shown(self, record: Record) -> str:
        return str(record)

    @display(description="kind")
    def kind_shown(self, record: Record) -> str:
        return record.kind.replace("_", " ")

    @display(description="state", ordering="state")
    def state_shown(self, record: Record) -> str:
        return badge(record.state, record.get_state_display())

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        record = self.seen(request, object_id)
        kin = family(record)
        kind = KINDS[record.kind]
        said = _in_order(kind, json.loads(record.canonical))
        currency = said.get("currency", "")
        return self.page(
            request,
            "tieout/record.html",
            record,
            title=str(record),
            record=record,
            kind_words=self.kind_shown(record),
            place=place(record),
            others=[{"record": each, "page": to_page(each), "place": place(each)} for each in kin.others],
            links=[each for each in kin.links if not _is(each, record)],
            said=[(name.replace("_", " "), _cell(name, value, currency)) for name, value in said.items()
                  if name not in ("url", "extra") and not isinstance(value, list) and _cell(name, value, currency)],
            parts=[(name.replace("_", " "), pretty(json.dumps(value))) for name, value in said.items()
                   if isinstance(value, dict) and name != "extra"],
            lines=_lines(kind, said, currency),
            raw=mask(pretty(record.raw)),
            moments=timeline(kin),
            **again.card(self, request, record),
        )  # fmt: skip

    def do_replay(self, request: HttpRequest, record: Record) -> HttpResponse | None:
        return again.begin(request, partial(replay_record, record))

    def do_erase(self, request: HttpRequest, record: Record) -> None:
        done = erasure.erase(erasure.identity_of(record), by=request.user)
        messages.success(request, done.in_words())


def place(record: Record) -> Any:
    """A link to where a person sees the record: in the vendor's own system, or the lines of the file it came from."""
    said = json.loads(record.canonical)
    url = said.get("url") or ""
    if url.startswith(FILE):
        path, _, lines = url.removeprefix(FILE).partition("#")
        page = reverse("admin:integrations_connection_file", args=(record.connection_id,))
        return link(f"{page}?{urlencode({'path': path, 'lines': lines or 'L1'}, quote_via=quote)}", f"{path} {lines}")
    if not url:
        kind = connector(record.connection.connector)
        try:
            url = kind.dialect.link(kind.stream(record.object), record.external_id, site_of(record.connection)) or ""
        except (LookupError, VendorError):
            return ""
    if not url.startswith(("https://", "http://")):
        return ""
    return link(url, f"Open in {record.connection}")


def _in_order(kind: type[Any], said: dict[str, Any]) -> dict[str, Any]:
    """The members in the order in which the record's kind declares them, which is the order a person reads in."""
    declared = [each.encode_name for each in msgspec.structs.fields(kind)]
    return {name: said[name] for name in declared if name in said}


def _lines(kind: type[Any], said: dict[str, Any], currency: str) -> dict[str, Any]:
    """A document's lines as a table of the columns that any of them fills."""
    lines = said.get("lines") or []
    declared = next((each for each in msgspec.structs.fields(kind) if each.name == "lines"), None)
    names = dict.fromkeys(name for line in lines for name, value in line.items() if not isinstance(value, list))
    if declared is not None and (member := _member(declared.type)) is not None:
        names = dict.fromkeys(_in_order(member, names))
    columns = [name for name in names if name not in ("extra", "key", "external_id")]
    rows = [[{"text": _cell(name, line.get(name), currency), "number": _is_figure(name)} for name in columns]
            for line in lines]  # fmt: skip
    heads = [{"text": name.replace("_", " "), "number": _is_figure(name)} for name in columns]
    return {"columns": heads, "rows": rows}


def _member(type_: Any) -> Any:
    return next((each for each in get_args(type_) if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)


def _is_figure(name: str) -> bool:
    return name == "quantity" or "amount" in name or "price" in name or "total" in name


def _cell(name: str, value: Any, currency: str) -> str:
    """A value as a person reads it: amounts with the decimals of their currency, references by what they are called."""
    if isinstance(value, dict):
        return str(value.get("name") or value.get("number") or value.get("external_id") or "")
    if value is None:
        return ""
    if _is_figure(name) and name != "quantity" and isinstance(value, str):
        return _amount(value, currency)
    return str(value)


def _amount(text: str, currency: str) -> str:
    try:
        amount, places = Decimal(text), minor_units(currency)
    except (InvalidOperation, UnknownCurrency):
        return text
    shown = max(places, -int(amount.as_tuple().exponent))
    return f"{amount:,.{shown}f}"


def _is(each: Link, record: Record) -> bool:
    return (each.connection_id, each.object, each.external_id) == (
        record.connection_id,
        record.object,
        record.external_id,
    )


class LinkPages(TenantPages):
    """Who is called what, where: an identity's names."""

    sortable_by = ()
    list_display = ("external_id", "object", "connection", "how", "identity", "made_at")
    list_select_related = ("connection", "identity")
    list_filter = ("connection", "how")
    search_fields = ("external_id",)
    search_help_text = "The id in the system, in full"
    fields = ("connection", "object", "external_id", "how", "made_at", "names_shown")
    readonly_fields = fields

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        word = search_term.strip()
        return (queryset.filter(external_id=word) if word else queryset), False

    @display(description="the same thing elsewhere")
    def names_shown(self, one: Link) -> str:
        others = Link.objects.filter(identity=one.identity_id).exclude(pk=one.pk).select_related("connection")
        return ", ".join(str(each) for each in others[:20])

    def panel(self, request: HttpRequest, one: Link) -> dict[str, Any]:
        named = Record.objects.filter(
            connection=one.connection_id, object=one.object, external_id=one.external_id
        ).first()
        return {"facts": [("Record", to_page(named))]}


class StreamPages(TenantPages):
    """How far each object of each connection has been read."""

    list_display = ("connection", "object", "swept_at", "fully_swept_at", "feed_no", "sweep_started_at")
    list_select_related = ("connection",)
    list_filter = ("connection",)
    fields = ("connection", "object", "feed_no", "swept_at", "fully_swept_at", "sweep_started_at", "edition")
    readonly_fields = fields


site.register(Record, RecordPages)
site.register(Link, LinkPages)
site.register(Stream, StreamPages)
