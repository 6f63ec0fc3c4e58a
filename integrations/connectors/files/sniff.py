"""From a file that nobody has described yet to a proposed layout, with reasons, for a person to confirm.

proposal = sniff(path)                  or sniff(content, name="export.csv")
proposal.questions                      what the data cannot tell; each names the member of the layout it settles
proposal.answered({"dates": [...]})     the proposal after a person has answered
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from integrations.connectors.files import evidence, records
from integrations.connectors.files.layout import TARGETS, BadLayout, Layout, in_words, layout_of, plain
from integrations.connectors.files.ready import READY
from integrations.wire.cells import in_words as date_in_words
from integrations.wire.cells import tidy
from integrations.wire.stream import Problem
from integrations.wire.tables import Format, Row, Table, TableError

SAMPLE = 1 << 20  # bytes that are looked at
ENCODING = "format.encoding"
SHOWN_ROWS = 20
SHOWN_DOCUMENTS = 5

# What columns are usually called, in English and German: letters only, in lower case.
USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "document.number": (
        "invoiceno", "invoicenumber", "invoice", "invoiceid", "documentno", "documentnumber", "orderno", "ordernumber",
        "receiptno", "rechnungsnr", "rechnungsnummer", "belegnr", "belegnummer", "auftragsnr",
    ),
    "document.issued_on": (
        "invoicedate", "date", "documentdate", "issuedate", "orderdate", "datum", "rechnungsdatum", "belegdatum",
    ),
    "document.due_on": ("duedate", "faelligkeit", "fälligkeit", "fälligam"),
    "document.currency": ("currency", "currencycode", "währung", "waehrung"),
    "document.po_number": ("ponumber", "purchaseorder", "bestellnummer"),
    "customer.key": (
        "customerid", "customerno", "customernumber", "customercode", "accountno", "kundennr", "kundennummer", "debitor",
    ),
    "customer.name": ("customername", "customer", "client", "kunde", "kundenname", "firma", "company"),
    "customer.email": ("email", "customeremail", "mail"),
    "customer.country": ("country", "land", "countrycode"),
    "customer.city": ("city", "town", "ort", "stadt"),
    "customer.postal_code": ("postcode", "postalcode", "zip", "zipcode", "plz"),
    "customer.line1": ("address", "street", "address1", "straße", "strasse"),
    "item.key": ("stockcode", "sku", "itemcode", "itemno", "productcode", "productid", "artikelnr", "artikelnummer"),
    "item.name": ("description", "itemname", "productname", "product", "item", "bezeichnung", "artikel", "beschreibung"),
    "item.unit": ("unit", "uom", "einheit"),
    "line.quantity": ("quantity", "qty", "menge", "anzahl"),
    "line.unit_price": ("unitprice", "price", "einzelpreis", "preis", "stückpreis"),
    "line.net_amount": ("netamount", "linetotal", "lineamount", "amount", "net", "betrag", "nettobetrag"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that a person has to say: `member` of the layout, and the values it could have with their meaning."""

    member: str
    text: str
    choices: tuple[tuple[Any, str], ...]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a file seems to be.

    `layout` holds JSON values for `layout_of`; it is complete when `questions` is empty. `rows` are the first rows by
    column, `documents` what the layout makes of them, `problems` what it cannot take;
    `rules` say in words what the layout does, `faults` why it is none yet.
    """

    layout: dict[str, Any]
    ready: str | None
    reasons: tuple[str, ...]
    questions: tuple[Question, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[dict[str, str], ...] = ()
    documents: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    rules: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    sample: bytes = b""

    def answered(self, answers: Mapping[str, Any]) -> "Proposal":
        """The proposal with these members of the layout set by a person."""
        layout = {**self.layout}
        for member, value in answers.items():
            group, _, name = member.partition(".")
            if group == "columns":
                others = [column for column in layout["columns"] if column["to"] != name]
                layout["columns"] = [*others, {"column": value, "to": name, "transforms": ["strip"]}]
                if name == "document.number":
                    layout["key"] = value
            elif name:
                layout[group] = {**layout[group], name: value}
            else:
                layout[member] = value
        left = tuple(question for question in self.questions if question.member not in answers)
        return _shown(self, layout, left)


def sniff(source: Path | bytes, *, name: str = "") -> Proposal:
    """What this file seems to be, from its first megabyte. Raises TableError where it is no table at all."""
    sample = _beginning(source)
    if not sample.strip():
        raise TableError("The file is empty.", "Choose a file that holds at least a header and one row.")
    reasons: list[str] = []
    questions: list[Question] = []
    form, rows = _format(sample, reasons, questions)
    body = rows[1:] if form.header else rows
    columns = tuple(cell.strip() for cell in rows[0]) if form.header else form.names
    found_dates = _date_columns(columns, body)

    fitting = next((layout for layout in READY.values() if _fits(layout, columns)), None)
    if fitting is not None:
        reasons.append(f"Its columns are those of the ready layout “{fitting.title}”.")
        layout = plain(fitting)
    else:
        reasons.append("No ready layout has these columns; they are proposed by their names.")
        layout = _by_names(name or (source.name if isinstance(source, Path) else "export.csv"), columns)
        questions += _missing(layout, columns)
        if not any(entry["to"] == "document.currency" for entry in layout["columns"]):
            reasons.append("No column names the currency: the connection's home currency counts.")
    layout["format"] = msgspec.to_builtins(form)
    _settle_numbers(layout, _figures(layout, columns, body), reasons, questions)
    _settle_dates(layout, found_dates, reasons, questions)
    draft = Proposal(
        layout={}, ready=fitting.name if fitting else None, reasons=tuple(reasons), questions=(), columns=columns,
        rows=tuple(dict(zip(columns, row, strict=False)) for row in body[:SHOWN_ROWS]), sample=sample,
    )  # fmt: skip
    return _shown(draft, layout, tuple(questions))


def _beginning(source: Path | bytes) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            sample = file.read(SAMPLE)
    else:
        sample = source[:SAMPLE]
    if sample.startswith(b"\x1f\x8b"):
        try:
            # The sample may cut the archive; what comes out of it till then is enough.
            sample = zlib.decompressobj(wbits=31).decompress(sample, SAMPLE)
        except zlib.error as error:
            raise TableError(f"The gz archive is damaged: {error}.", "Send the file again.") from None
    cut = sample.rfind(b"\n")
    return sample[: cut + 1] if len(sample) == SAMPLE and cut > 0 else sample


def _format(sample: bytes, reasons: list[str], questions: list[Question]) -> tuple[Format, list[list[str]]]:
    found = evidence.encoding(sample)
    reasons.append(found.reason)
    coding = found.value or "cp1252"
    text = sample.decode("utf-8-sig" if coding == "utf-8" else coding, errors="replace")
    if found.is_guess or found.value is None:
        odd = next((line for line in text.splitlines() if not line.isascii()), "")[:120]
        others = [name for name in ("cp1252", "iso-8859-15", "cp1250", "utf-8") if name != coding]
        questions.append(
            Question(
                member=ENCODING,
                text=f"The encoding {coding} is a guess. Is this row written correctly: {odd}",
                choices=tuple((name, name) for name in (coding, *others)),
            )
        )
    cut = evidence.delimiter(text)
    if cut.value is None:
        raise TableError(cut.reason, "Choose a file in which each row is one line with cells.")
    reasons.append(cut.reason)
    quote = None if cut.value == "\t" and '"' not in text else '"'
    rows = evidence.rows_of(text, cut.value, quote=quote)
    skip = evidence.lines_above(rows)
    if skip:
        reasons.append(f"{skip} lines above the table have another number of cells; they are skipped.")
        rows = rows[skip:]
    named = evidence.header(rows)
    reasons.append(named.reason)
    names = () if named.value else tuple(f"column {number}" for number in range(1, len(rows[0]) + 1))
    ends = text.endswith(("\n", "\r"))
    if not ends:
        reasons.append("The file does not end with a line break; so the layout cannot tell a file that was cut short.")
    form = Format(
        delimiter=cut.value, quote=quote, encoding=coding, header=bool(named.value), names=names, skip=skip,
        ends_with_line_break=ends,
    )  # fmt: skip
    return form, rows


def _date_columns(columns: Sequence[str], body: Sequence[Sequence[str]]) -> dict[str, evidence.Finding[evidence.Dates]]:
    found = {}
    for at, column in enumerate(columns):
        finding = evidence.dates(row[at] for row in body if at < len(row))
        if finding is not None:
            found[column] = finding
    return found


def _fits(layout: Layout, columns: Sequence[str]) -> bool:
    return {layout.key, *(column.column for column in layout.columns)} <= set(columns)


def _by_names(name: str, columns: Sequence[str]) -> dict[str, Any]:
    chosen: list[dict[str, Any]] = []
    for target, usual in USUAL_NAMES.items():
        taken = {entry["column"] for entry in chosen}
        column = next((one for word in usual for one in columns if _letters(one) == word and one not in taken), None)
        if column:
            chosen.append({"column": column, "to": target, "transforms": ["strip"]})
    number = next((entry["column"] for entry in chosen if entry["to"] == "document.number"), "")
    stem = Path(name).name.removesuffix(".gz")
    pattern = f"*{Path(stem).suffix}" if Path(stem).suffix else stem
    return {"name": Path(stem).stem or "export", "pattern": pattern, "key": number, "columns": chosen, "dates": []}


def _letters(column: str) -> str:
    return "".join(sign for sign in column.casefold() if sign.isalpha())


def _missing(layout: Mapping[str, Any], columns: Sequence[str]) -> list[Question]:
    there = {entry["to"] for entry in layout["columns"]}
    needed = ["document.number", "document.issued_on", "customer.key"]
    if "line.net_amount" not in there:
        needed += ["line.quantity", "line.unit_price"]
    return [
        Question(
            member=f"columns.{target}",
            text=f"Which column holds {_MEANINGS[target]}?",
            choices=tuple((column, column) for column in columns),
        )
        for target in needed
        if target not in there
    ]


_MEANINGS = {
    "document.number": "the number of the document, which tells which rows belong together",
    "document.issued_on": "the date of the document",
    "customer.key": "the customer's number or name",
    "line.quantity": "the quantity",
    "line.unit_price": "the price of one unit",
}


def _figures(
    layout: Mapping[str, Any], columns: Sequence[str], body: Sequence[Sequence[str]]
) -> evidence.Finding[evidence.Numbers]:
    """How numbers are written, judged by the columns of quantities and amounts; by all where none is known yet."""
    known = [entry["column"] for entry in layout["columns"] if TARGETS.get(entry["to"]) == "number"]
    places = [at for at, column in enumerate(columns) if column in known or not known]
    return evidence.numbers(row[at] for row in body for at in places if at < len(row))


def _settle_numbers(
    layout: dict[str, Any], found: evidence.Finding[evidence.Numbers], reasons: list[str], questions: list[Question]
) -> None:
    reasons.append(found.reason)
    if found.value is not None:
        layout |= found.value._asdict()
        return
    questions.append(
        Question(
            member="decimal",
            text=f"Which sign stands before the decimals? {found.reason}",
            choices=((".", "a point, as in 2.55"), (",", "a comma, as in 2,55")),
        )
    )


def _settle_dates(
    layout: dict[str, Any],
    found: Mapping[str, evidence.Finding[evidence.Dates]],
    reasons: list[str],
    questions: list[Question],
) -> None:
    column = next((entry["column"] for entry in layout["columns"] if entry["to"] == "document.issued_on"), None)
    finding = found.get(column or "")
    if finding is None or finding.value is None:
        if column is not None:
            questions.append(
                Question(
                    member="dates",
                    text=f"How are the dates in “{column}” written?",
                    choices=tuple(([p], date_in_words(p)) for p in ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y")),
                )
            )
        return
    reasons.append(f"{column}: {finding.reason}")
    layout["dates"] = list(finding.value.formats)
    if not finding.value.formats:
        both = (("day", finding.value.day_first), ("month", finding.value.month_first))
        questions.append(
            Question(
                member="dates",
                text=f"Does the day or the month stand first? {finding.reason}",
                choices=tuple((list(formats), f"the {which}: {date_in_words(formats[0])}") for which, formats in both),
            )
        )


def _shown(proposal: Proposal, values: dict[str, Any], questions: tuple[Question, ...]) -> Proposal:
    """The proposal with these values, and what they make of the first rows as soon as they are a layout."""
    proposal = replace(proposal, layout=values, questions=questions)
    if any(question.member != ENCODING for question in questions):
        return proposal
    try:
        layout = layout_of(values)
    except BadLayout as bad:
        return replace(proposal, faults=bad.faults)
    documents, problems = _first_documents(proposal.sample, layout)
    return replace(proposal, documents=documents, problems=problems, rules=tuple(in_words(layout)), faults=())


def _first_documents(sample: bytes, layout: Layout) -> tuple[tuple[dict[str, Any], ...], tuple[Problem, ...]]:
    key = layout.key
    groups: dict[str, dict[str, Any]] = {}
    table = Table(io.BytesIO(sample), layout.format, expected=(key, *(column.column for column in layout.columns)))
    for row in table:
        if not isinstance(row, Row):
            continue
        cells = dict(zip(table.columns, row.cells, strict=True))
        name = tidy(cells[key], layout.key_transforms)
        if name not in groups and len(groups) == SHOWN_DOCUMENTS:
            break
        group = groups.setdefault(name, {"key": name, "path": "", "digest": "", "lines": [], "rows": []})
        group["lines"].append((row.line, row.last))
        group["rows"].append(cells)
    made = [
        records.document(group, layout, default_customer="(the default customer)", home_currency="EUR")
        for group in groups.values()
    ]
    problems = tuple(one for one in made if isinstance(one, Problem))
    return tuple(one for one in made if not isinstance(one, Problem)), problems
