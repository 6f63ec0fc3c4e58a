"""Files both ways: exports in a folder, read by a layout that the tenant confirms, and lists that are published."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from integrations.connectors.files import lists, records
from integrations.connectors.files.layout import BadLayout, Layout, layout_of
from integrations.connectors.files.ready import READY
from integrations.connectors.files.shapes import CREDIT_NOTE, CUSTOMER, INVOICE, ITEM, SALES_ORDER
from integrations.connectors.files.totals import credit_note_total, invoice_total
from integrations.wire.addresses import Addresses
from integrations.wire.auth import NoAuth
from integrations.wire.connector import Company, Connector, Dialect, Outcome, Setting, Write
from integrations.wire.errors import Refused
from integrations.wire.message import Answer, Request, json_of
from integrations.wire.sheets import Sheet
from integrations.wire.site import Site
from integrations.wire.spool import Grouping
from integrations.wire.stream import Cursor, Page, Problem, Stream
from integrations.wire.tables import Reading


class Files(Dialect):
    """What is asked of the files driver, and what its answers mean by the connection's layout."""

    def ask(self, stream: Stream, cursor: Cursor, site: Site) -> Request:
        if stream.name in lists.NAMES:
            return lists.ask(stream)
        return self._request(stream, site, since=cursor.mark, page=cursor.page)

    def fetch(self, stream: Stream, external_ids: Sequence[str], site: Site) -> Request:
        if stream.name in lists.NAMES:
            return lists.ask(stream)
        keys = ["" if key == records.WITHOUT_CUSTOMER else key for key in external_ids]
        return self._request(stream, site, keys=msgspec.json.encode(keys).decode())

    def _request(self, stream: Stream, site: Site, **params: str | None) -> Request:
        layout = layout_at(site)
        asked = {**_way(layout, site), "limit": str(stream.page_size), **params}
        if stream.name in ("customer", "item"):
            asked["grouping"] = _json(grouping(layout, stream.name))
        return Request(
            method="READ",
            path=site.settings["folder"],
            params={name: value for name, value in asked.items() if value is not None},
        )

    def read(self, stream: Stream, cursor: Cursor, answer: Answer, site: Site) -> Page:
        if stream.name in lists.NAMES:
            return lists.read(stream, answer, site)
        content = json_of(answer)
        layout = layout_at(site)
        if stream.name == "sales_order" and not layout.makes("sales_order"):
            raise Refused(
                explanation=f"The layout {layout.name} makes no sales orders of what it reads.",
                advice="Ask the sender what the file of orders looks like, and say so in the layout of the connection; "
                "there, “otherwise” or a rule under “kinds” must be “sales_order”.",
            )
        read = _documents if stream.name in DOCUMENTS else _masters
        raws, problems = read(stream.name, content, layout, site.settings)
        return Page(
            raws=raws,
            problems=[*_troubles(stream.name, content["problems"], layout), *problems],
            next=content["next"],
            mark=content["mark"],
            whole=content["whole"],
        )

    def faults(self, site: Site) -> Sequence[str]:
        found = list(lists.faults(site))
        try:
            if site.settings.get("layout"):
                layout_at(site)
        except Refused as refused:
            found.append(refused.explanation)
        return found

    def picked_up(self, marks: Sequence[str], leave: Sequence[str], site: Site) -> Request | None:
        how = site.settings.get("picked_up") or "leave"
        if how == "leave":
            return None
        told = {"marks": msgspec.json.encode(marks).decode(), "leave": msgspec.json.encode(leave).decode(), "how": how}
        return Request(method="PICK_UP", path=site.settings["folder"], params={**_way(layout_at(site), site), **told})

    def sheet(self, stream: Stream, site: Site) -> Sheet | None:
        return lists.sheet_at(stream, site) if stream.name in lists.NAMES else None

    def whoami(self, site: Site) -> Request:
        pattern = layout_at(site).pattern if site.settings.get("layout") else "*"
        return Request(method="LIST", path=site.settings["folder"], params={"pattern": pattern})

    def company(self, answer: Answer, site: Site) -> Company:
        folder = json_of(answer)["folder"]
        currency = site.settings.get("home_currency")
        if not currency and site.settings.get("layout"):
            currency = layout_at(site).currency
        where = f"{site.settings['address']}/{folder.lstrip('/')}" if site.settings.get("address") else folder
        return Company(name=f"Files in {where}", id=where, currency=currency, environment=site.environment)

    def link(self, stream: Stream, external_id: str, site: Site) -> str | None:
        return None  # each record's own url names file and lines

    def compose(self, stream: Stream, writes: Sequence[Write], key: str, site: Site, step: int = 1) -> Request:
        return lists.compose(stream, writes)

    def outcomes(
        self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site, step: int = 1
    ) -> list[Outcome]:
        return lists.outcomes(writes, answer)

    def look_up(self, stream: Stream, writes: Sequence[Write], site: Site) -> Request:
        return lists.ask(stream)

    def found(self, stream: Stream, writes: Sequence[Write], answer: Answer, site: Site) -> list[Outcome | None]:
        return [None] * len(writes)


DOCUMENTS = ("invoice", "credit_note", "sales_order")


def layout_at(site: Site) -> Layout:
    """The connection's layout: the name of a ready one, or a layout as JSON values. Raises Refused."""
    chosen = site.settings.get("layout")
    if not chosen:
        raise Refused(
            explanation="Nobody has said what the columns of the files mean, so nothing is read.",
            advice="Let a file be examined on the connection's page, or enter a layout there.",
        )
    if isinstance(chosen, str) and chosen in READY:
        return READY[chosen]
    try:
        return layout_of(chosen)
    except BadLayout as bad:
        raise Refused(explanation=str(bad), advice="Correct the layout in the connection's settings.") from bad


def _way(layout: Layout, site: Site) -> dict[str, str]:
    """What tells the driver which files are meant and how they are read."""
    return {
        "pattern": layout.pattern,
        "reading": _json(reading(layout)),
        "edition": _edition(layout, site),
    }


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
    """The stream to which a document belongs; rejected ones are reported with those that no rule names."""
    rule = layout.kind_rule(key)
    becomes = rule.becomes if rule else layout.otherwise
    return layout.otherwise if becomes == "reject" else becomes


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
        if name not in DOCUMENTS or not trouble["key"] or _stream_of(trouble["key"], layout) == name
    ]


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


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
        Stream("sales_order", shape=SALES_ORDER, page_size=500, fetch_batch=500, total=invoice_total),
        *lists.LISTS,
    ),
    settings=(
        Setting(
            name="address",
            label="Server",
            kind="server",
            required=False,
            help="sftp://, ftps:// or ftp:// and the server's name; empty for files that are put here. Plain ftp:// sends "
            "passwords and files readable by others: use it only where the server offers nothing else.",
        ),
        Setting(name="user", label="User name", required=False, help="At the server."),
        Setting(
            name="folder",
            label="Folder",
            kind="folder",
            default=".",
            help="Where the files are: below the place that is kept for this tenant, or on the server, as it names it.",
        ),
        Setting(
            name="layout",
            label="Layout",
            kind="json",
            required=False,
            default="online_retail",
            help="What is read: the name of a ready layout, or a layout of your own; let a file be examined to get a proposal.",
        ),
        Setting(
            name="picked_up",
            label="Files that were read",
            kind="choice",
            required=False,
            default="leave",
            choices=(
                ("leave", "stay where they are"),
                ("move", "are moved into the folder “processed”"),
                ("delete", "are deleted"),
            ),
            help="Only when everything in them is kept here and nothing of them needs a person.",
        ),
        Setting(
            name="outgoing",
            label="Outgoing files",
            kind="json",
            required=False,
            help="What is published: for each list (customer_list, item_list, invoice_list …) what its file looks like.",
        ),
        Setting(
            name="words",
            label="Words in file names",
            kind="json",
            required=False,
            help="What stands for <places> in the names of outgoing files and folders, such as {“cust_id”: “1042”}.",
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
        Setting(
            name="host_key",
            label="Host key",
            required=False,
            help="Of an SFTP server, as a person has confirmed it; leave it empty and confirm the one that the server shows.",
        ),
        Setting(
            name="certificate",
            label="Certificate",
            required=False,
            help="Of an FTPS server or its authority (PEM), where it is none that is trusted anyway: then only this one is.",
        ),
    ),
    secrets=(
        Setting(
            name="password",
            label="Password",
            kind="secret",
            required=False,
            help="Of the user at the server, or of the private key.",
        ),
        Setting(
            name="private_key",
            label="Private key",
            kind="secret",
            required=False,
            help="For SFTP, instead of a password.",
        ),
    ),
    can=(
        "Read customers, items, invoices, credit notes and sales orders from CSV and TSV files, packed as .gz or not.",
        "Read and publish here and on FTP, FTPS and SFTP servers.",
        "Publish lists of customers, vendors, items, sales representatives, invoices, credit notes and sales orders as files: "
        "each appears at once and whole, and one that shrank by much waits for a person.",
        "Show for every record the file and the lines it came from.",
        "Read corrected files again and change only what was corrected.",
    ),
    cannot=(
        "Tell a deleted document from one that is no longer exported: what vanishes from the files stays as it was.",
    ),
)
