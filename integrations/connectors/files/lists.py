"""Lists that are published as files: their rows are records that we keep until a file is made of all of them.

A row is kept as the canonical record says it. Its id there is the key of the intent that made it, so that it is the
same whatever happens in between; no file shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from integrations.canonical import KINDS, codec
from integrations.canonical.record import Record
from integrations.wire.connector import Done, Outcome, Write
from integrations.wire.errors import Refused, ShapeError
from integrations.wire.message import Answer, Request, json_body, json_of
from integrations.wire.shape import F, Shape
from integrations.wire.sheets import BadSheet, Sheet, sheet_of
from integrations.wire.site import Site
from integrations.wire.stream import Page, Stream

R = TypeVar("R", bound=Record)

KEPT = "kept"  # the mark of a list that is kept by us: there is nothing to be read
GONE = "gone"


class Row(Shape[R]):
    """A row of a list: the canonical record itself, as JSON values."""

    def __init__(self, kind: str, record_type: type[R]) -> None:
        super().__init__(record_type, key="external_id", fields=())
        self.fields = tuple(F(name, name) for name in record_type.__struct_fields__)
        self._kind = kind

    def read(self, payload: Mapping[str, Any]) -> R:
        try:
            return msgspec.convert(codec.from_plain(self._kind, dict(payload)), self.record_type)
        except codec.BadRecord as error:
            raise ShapeError(error.path or self._kind, error.message) from error


def list_of(kind: str) -> Stream:
    """The stream of a published list of records of this kind."""
    return Stream(
        f"{kind}_list",
        kind=kind,
        label=f"{kind.replace('_', ' ').capitalize()} list (published)",
        shape=Row(kind, KINDS[kind]),
        writes=frozenset({"create", "update", "void"}),
        batch=200,
        fetch_batch=500,
        settle_seconds=0,  # nothing leaves us before it is published
        lists=True,
        total=total if "total" in KINDS[kind].__struct_fields__ else None,
    )


def sheet_at(stream: Stream, site: Site) -> Sheet:
    """What the file of a list looks like, by the connection's settings. Raises Refused that says what is missing."""
    sheets = site.settings.get("outgoing") or {}
    if not isinstance(sheets, Mapping) or stream.name not in sheets:
        raise Refused(
            explanation=f"Nobody has said what the file of {stream.label.lower()} looks like, so nothing is published.",
            advice=f"Ask the receiver for the specification of that file (name and folder, columns and their order, encoding, "
            f"line ends), and enter it in the connection under “Outgoing files”, as “{stream.name}”.",
        )
    try:
        return sheet_of(sheets[stream.name])
    except BadSheet as bad:
        raise Refused(explanation=str(bad), advice=f"Correct “{stream.name}” under “Outgoing files”.") from bad


def faults(site: Site) -> Iterator[str]:
    """What is wrong with the descriptions of outgoing files, as sentences."""
    sheets, words = site.settings.get("outgoing") or {}, site.settings.get("words") or {}
    if not isinstance(sheets, Mapping) or not isinstance(words, Mapping):
        yield "Outgoing files and words in file names are JSON objects, such as {“cust_id”: “1042”}."
        return
    for name, data in sheets.items():
        if name not in NAMES:
            yield f"There is no list {name} that could be published; there are {', '.join(sorted(NAMES))}."
            continue
        try:
            sheet_of(data)
        except BadSheet as bad:
            yield f"{name}: {' '.join(bad.faults)}"


def ask(stream: Stream) -> Request:
    """Nothing is read, and nothing looked up: what we keep is the list, and what is published of it is proved as a whole."""
    return _keep(stream, [])


def read(stream: Stream, answer: Answer, site: Site) -> Page:
    """Nothing is news. Raises Refused where nobody has said what the list's file looks like."""
    sheet_at(stream, site)
    return Page(raws=json_of(answer), mark=KEPT)


def compose(stream: Stream, writes: Sequence[Write]) -> Request:
    """The rows as they are to be kept; one that is voided leaves the list."""
    return _keep(stream, [_row(write) for write in writes])


def outcomes(writes: Sequence[Write], answer: Answer) -> list[Outcome]:
    return [
        Done(external_id=row["external_id"], raw={} if write.operation == "void" else row)
        for write, row in zip(writes, json_of(answer), strict=True)
    ]


def total(raw: dict[str, Any]) -> Decimal:
    """What a document says that it comes to, else what its lines come to."""
    if "total" in raw:
        return Decimal(raw["total"])
    amounts = (line.get(name, "0") for line in raw.get("lines", ()) for name in ("net_amount", "tax_amount"))
    return sum(map(Decimal, amounts), Decimal(0))


def _row(write: Write) -> dict[str, Any]:
    external_id = write.external_id or write.key
    if write.record is None:
        return {"external_id": external_id, GONE: True}
    row: dict[str, Any] = msgspec.json.decode(codec.encode(write.record))
    return row | {"external_id": external_id}


def _keep(stream: Stream, rows: Sequence[Mapping[str, Any]]) -> Request:
    return Request(method="KEEP", path=stream.name, body=json_body(rows))


LISTS = tuple(map(list_of, ("customer", "vendor", "item", "sales_rep", "invoice", "credit_note", "sales_order")))
NAMES = frozenset(stream.name for stream in LISTS)
