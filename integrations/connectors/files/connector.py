"""Files as a source: exports of sales in a folder, read by a layout that the tenant confirms."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from integrations.connectors.files import records
from integrations.connectors.files.layout import Layout, layout_of
from integrations.connectors.files.ready import READY
from integrations.connectors.files.shapes import CREDIT_NOTE, CUSTOMER, INVOICE, ITEM
from integrations.connectors.files.totals import credit_note_total, invoice_total
from integrations.wire.addresses import Addresses
from integrations.wire.auth import NoAuth
from integrations.wire.connector import Company, Connector, Dialect, Outcome, Setting, Write
from integrations.wire.errors import Refused
from integrations.wire.message import Answer, Request, json_of
from integrations.wire.site import Site
from integrations.wire.spool import Grouping
from integrations.wire.stream import Cursor, Page, Problem, Stream
from integrations.wire.tables import Reading


class Files(Dialect):
    """What is asked of the files driver, and what its answers mean by the connection's layout."""

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        return self._request(stream, site, since=cursor.mark, page=cursor.page)

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        keys = ["" if key == records.WITHOUT_CUSTOMER else key for key in external_ids]
        return self._request(stream, site, keys=msgspec.json.encode(keys).decode())

    def _request(self, stream: Stream, site: Site, **params: str | None) -> Request:
        layout = layout_at(site)
        asked = {
            "pattern": layout.pattern,
            "reading": _json(reading(layout)),
            "edition": _edition(layout, site),
            "limit": str(stream.page_size),
            **params,
        }
        if stream.name in ("customer", "item"):
            asked["grouping"] = _json(grouping(layout, stream.name))
        return Request(
            method="READ",
            path=site.settings["folder"],
            params={name: value for name, value in asked.items() if value is not None},
        )

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        content = json_of(answer)
        layout = layout_at(site)
        read = _documents if stream.name in ("invoice", "credit_note") else _masters
        raws, problems = read(stream.name, content, layout, site.settings)
        return Page(
            raws=raws,
            problems=[*_troubles(stream.name, content["problems"], layout), *problems],
            next=content["next"],
            mark=content["mark"],
            whole=content["whole"],
        )

    def whoami(self, site: Site) -> Request:
        return Request(method="LIST", path=site.settings["folder"], params={"pattern": layout_at(site).pattern})

    def company(self, answer: Answer, site: Site) -> Company:
        folder = json_of(answer)["folder"]
        currency = site.settings.get("home_currency") or layout_at(site).currency
        return Company(name=f"Files in {folder}", id=folder, currency=currency, environment=site.environment)

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        return None  # each record's own url names file and lines

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        raise _read_only()

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        raise _read_only()

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        raise _read_only()

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        raise _read_only()


def layout_at(site: Site) -> Layout:
    """The connection's layout: the name of a ready one, or a layout as JSON values. Raises BadLayout."""
    chosen = site.settings["layout"]
    if isinstance(chosen, str) and chosen in READY:
        return READY[chosen]
    return layout_of(chosen)


def _edition(layout: Layout, site: Site) -> str:
    """Changes with the layout and the settings, for then every row may mean something else."""
    said = [site.settings.get(name) or "" for name in ("default_customer", "home_currency")]
    return sha256(msgspec.json.encode([layout, said])).hexdigest()


def reading(layout: Layout) -> Reading:
    """What the driver must know of a layout."""
    return Reading(
        format=layout.format,
        columns=tuple(column.column for column in layout.columns),
        key=layout.key,
        key_transforms=layout.key_transforms,
        leave_out=layout.leave_out,
    )


def grouping(layout: Layout, area: str) -> Grouping:
    """Which columns say something about a customer, or about an item."""
    columns = [column for column in layout.columns if column.to.startswith(f"{area}.")]
    key = next((column for column in columns if column.to == f"{area}.key"), None)
    if key is None:
        raise Refused(
            explanation=f"The layout {layout.name} has no column for {area}.key, so the files list no {area}s.",
            advice=f"Switch the flow for {area}s off, or name the column in the layout.",
        )
    return Grouping(by=key.column, transforms=key.transforms, take=tuple(column.column for column in columns))


def _documents(
    name: str, content: Mapping[str, Any], layout: Layout, settings: Mapping[str, Any]
) -> tuple[list[records.Raw], list[Problem]]:
    raws, problems = [], []
    for found in content["documents"]:
        if _stream_of(found["key"], layout) != name:
            continue
        made = records.document(
            found,
            layout,
            default_customer=settings.get("default_customer") or "",
            home_currency=settings.get("home_currency") or "",
        )
        if isinstance(made, Problem):
            problems.append(made)
        else:
            raws.append(made)
    return raws, problems


def _masters(
    name: str, content: Mapping[str, Any], layout: Layout, settings: Mapping[str, Any]
) -> tuple[list[records.Raw], list[Problem]]:
    default = settings.get("default_customer") or ""
    made = [
        records.item(group, layout) if name == "item" else records.customer(group, layout, default_customer=default)
        for group in content["groups"]
    ]
    return [raw for raw in made if raw is not None], []


def _stream_of(key: str, layout: Layout) -> str:
    """The stream to which a document belongs; rejected ones are reported with the invoices."""
    rule = layout.kind_rule(key)
    becomes = rule.becomes if rule else layout.otherwise
    return "invoice" if becomes == "reject" else becomes


def _troubles(name: str, troubles: Sequence[Mapping[str, Any]], layout: Layout) -> list[Problem]:
    """What the driver could not read; a document's row is reported with the document's kind only."""
    return [
        Problem(
            where=f"{trouble['path']}, line {trouble['line']}" if trouble["line"] else trouble["path"],
            what=trouble["what"],
            advice=trouble["advice"],
            raw=trouble["raw"],
        )
        for trouble in troubles
        if name not in ("invoice", "credit_note") or not trouble["key"] or _stream_of(trouble["key"], layout) == name
    ]


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _read_only() -> Refused:
    return Refused(
        explanation="Files are read, nothing is written into them.",
        advice="Choose another target for this flow.",
    )


CONNECTOR = Connector(
    slug="files",
    name="Files (CSV, TSV)",
    manual="our own; layouts after the exports they read",
    driver="files",
    environments={"production": Addresses(api="file:")},
    auth=NoAuth(),
    dialect=Files(),
    streams=(
        Stream("customer", shape=CUSTOMER, page_size=500, fetch_batch=500),
        Stream("item", shape=ITEM, page_size=500, fetch_batch=500),
        Stream("invoice", shape=INVOICE, page_size=500, fetch_batch=500, total=invoice_total),
        Stream("credit_note", shape=CREDIT_NOTE, page_size=500, fetch_batch=500, total=credit_note_total),
    ),
    settings=(
        Setting(
            name="folder",
            label="Folder",
            kind="folder",
            help="Where the files are put, below the place that is kept for this tenant.",
        ),
        Setting(
            name="layout",
            label="Layout",
            kind="json",
            default="online_retail",
            help="The name of a ready layout, or a layout of your own; let a file be examined to get a proposal.",
        ),
        Setting(
            name="home_currency",
            label="Home currency",
            required=False,
            help="The currency of files that name none, such as GBP.",
        ),
        Setting(
            name="default_customer",
            label="Default customer",
            required=False,
            help="Who stands for rows that name no customer, such as “Counter sales”. Without it they are reported.",
        ),
    ),
    can=(
        "Read customers, items, invoices and credit notes from CSV and TSV files, packed as .gz or not.",
        "Show for every record the file and the lines it came from.",
        "Read corrected files again and change only what was corrected.",
    ),
    cannot=(
        "Write files, or read them from FTP and SFTP servers.",
        "Tell a deleted document from one that is no longer exported: what vanishes from the files stays as it was.",
    ),
)
