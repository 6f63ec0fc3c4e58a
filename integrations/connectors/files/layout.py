"""A layout: what the columns of an export mean, as data that a person can read, change and keep.

layout_of(data)      from JSON values to a Layout; raises BadLayout that names every fault
plain(layout)        and back
in_words(layout)     the rules as sentences for the person who confirms them
"""

import codecs
import string
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from integrations.canonical.money import UnknownCurrency, minor_units
from integrations.wire.cells import TRANSFORMS
from integrations.wire.cells import in_words as date_in_words
from integrations.wire.tables import Format, LeaveOut

Cells = Literal["text", "number", "day", "key"]

# Every place that a column can fill, and what must stand in its cells.
TARGETS: dict[str, Cells] = {
    "document.number": "text",
    "document.issued_on": "day",
    "document.due_on": "day",
    "document.expected_on": "day",
    "document.currency": "text",
    "document.po_number": "text",
    "document.reference": "text",
    "document.memo": "text",
    "document.customer_note": "text",
    "customer.key": "key",
    "customer.name": "text",
    "customer.email": "text",
    "customer.phone": "text",
    "customer.line1": "text",
    "customer.line2": "text",
    "customer.city": "text",
    "customer.region": "text",
    "customer.postal_code": "text",
    "customer.country": "text",
    "item.key": "key",
    "item.name": "text",
    "item.unit": "text",
    "line.description": "text",
    "line.quantity": "number",
    "line.unit_price": "number",
    "line.net_amount": "number",
}

Choice = Literal["first", "latest", "longest", "most_frequent"]


class BadLayout(ValueError):
    """A layout that cannot be used; `faults` names everything that is wrong with it."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("The layout cannot be used: " + " ".join(self.faults))


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a layout."""


class Column(Part, frozen=True, kw_only=True):
    """Which place a column fills, and how its cells are tidied first (see `wire.cells.TRANSFORMS`)."""

    column: str
    to: str
    transforms: tuple[str, ...] = ("strip",)


class KindRule(Part, frozen=True, kw_only=True):
    """What a document is when its key starts so; the first rule that fits decides. Rejected ones become issues."""

    starts: str
    becomes: Literal["invoice", "credit_note", "sales_order", "reject"]
    because: str = ""


class Layout(Part, frozen=True, kw_only=True):
    """What an export's columns mean, and what is done about the odd cases."""

    name: str
    title: str = ""
    pattern: str = "*.csv"
    format: Format = Format()
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    dates: tuple[str, ...]  # as in strptime; the first that fits is taken
    key: str  # the column that says which lines are one document
    key_transforms: tuple[str, ...] = ("strip",)
    columns: tuple[Column, ...]
    leave_out: tuple[LeaveOut, ...] = ()
    kinds: tuple[KindRule, ...] = ()
    otherwise: Literal["invoice", "credit_note", "sales_order"] = "invoice"
    credit_notes_are_negative: bool = True  # in the file; the records' amounts are positive
    zero_prices: Literal["keep", "reject"] = "keep"
    negative_prices: Literal["keep", "reject"] = "reject"
    currency: str | None = None  # where no column says it; without it, the connection's home currency
    line_amounts: Literal["exclusive", "inclusive", "no_tax"] = "no_tax"
    item_type: Literal["inventory", "non_inventory", "service"] = "non_inventory"
    charges: dict[str, str] = {}  # keys that are fees, not goods, with the name each gets ("" = as in the file)
    item_name: Choice = "most_frequent"
    customer_name: str = "Customer {key}"  # where no column names the customer
    customer_values: Choice = "most_frequent"  # where the rows of one customer disagree
    country_codes: dict[str, str] = {}  # names of countries beyond the usual ones; "" = the name says nothing

    def column_for(self, target: str) -> Column | None:
        return next((column for column in self.columns if column.to == target), None)

    def makes(self, kind: str) -> bool:
        """Whether any document becomes one of this kind."""
        return kind in {self.otherwise, *(rule.becomes for rule in self.kinds)}

    def kind_rule(self, key: str) -> KindRule | None:
        return next((rule for rule in self.kinds if key.startswith(rule.starts)), None)


def plain(layout: Layout) -> dict[str, Any]:
    """The layout as JSON values."""
    values: dict[str, Any] = msgspec.to_builtins(layout)
    return values


def layout_of(data: Any) -> Layout:
    """The layout that these JSON values describe. Raises BadLayout that names every fault and what to do."""
    try:
        layout = msgspec.convert(data, Layout)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        where = place.strip("`").removeprefix("$").lstrip(".") or "the top"
        raise BadLayout([f"At {where}: {message}."]) from None
    faults = [*_format_faults(layout), *_column_faults(layout), *_rule_faults(layout)]
    if faults:
        raise BadLayout(faults)
    return layout


def _format_faults(layout: Layout) -> Iterable[str]:
    form = layout.format
    if len(form.delimiter) != 1 or form.delimiter in "\r\n":
        yield f"The delimiter {form.delimiter!r} must be one character, such as a comma, a semicolon or a tab."
    if form.quote is not None and (len(form.quote) != 1 or form.quote == form.delimiter):
        yield f"The quote {form.quote!r} must be one character other than the delimiter, or null where none is used."
    try:
        if not codecs.lookup(form.encoding)._is_text_encoding:
            raise LookupError
    except LookupError:
        yield f"The encoding {form.encoding!r} is not known: use utf-8, cp1252, iso-8859-15 or utf-16."
    if not form.header and not form.names:
        yield "Without a header row, format.names must name the columns by their position."
    if form.header and form.names:
        yield "format.names is only for files without a header row: remove it, or set format.header to false."
    if form.skip < 0:
        yield "format.skip counts the lines above the header and cannot be negative."
    if layout.decimal == layout.thousands:
        yield f"The decimal and the thousands sign are both “{layout.decimal}”: they must differ."
    if not layout.dates:
        yield "dates must name at least one date format, such as “%d/%m/%Y”."
    for pattern in layout.dates:
        if not _is_date_format(pattern):
            yield f"The date format “{pattern}” must hold day, month and year, such as “%Y-%m-%d”."


def _is_date_format(pattern: str) -> bool:
    day = datetime(2023, 11, 30)  # noqa: DTZ001 - a calendar day has no zone
    try:
        return datetime.strptime(day.strftime(pattern), pattern) == day  # noqa: DTZ007
    except ValueError:
        return False


def _column_faults(layout: Layout) -> Iterable[str]:
    targets = [column.to for column in layout.columns]
    for column in layout.columns:
        if column.to not in TARGETS:
            yield f"The column “{column.column}” goes to “{column.to}”, which does not exist; there are {', '.join(TARGETS)}."
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        yield f"More than one column goes to {target}: keep one of them."
    for target in ("document.issued_on", "customer.key"):
        if target not in targets:
            yield f"No column goes to {target}: every document needs it."
    if "line.net_amount" not in targets and not {"line.quantity", "line.unit_price"} <= set(targets):
        yield "The lines need an amount: a column for line.net_amount, or columns for line.quantity and line.unit_price."
    for place, names in (
        ("key_transforms", layout.key_transforms),
        *((column.column, column.transforms) for column in layout.columns),
    ):
        for name in names:
            if name not in TRANSFORMS:
                yield f"{place}: there is no transform “{name}”; there are {', '.join(TRANSFORMS)}."
    if layout.format.names:
        used = {layout.key, *(column.column for column in layout.columns), *(rule.column for rule in layout.leave_out)}
        for name in sorted(used - set(layout.format.names)):
            yield f"The column “{name}” is used but not among format.names."


def _rule_faults(layout: Layout) -> Iterable[str]:
    if ".." in layout.pattern.split("/") or layout.pattern.startswith("/") or not layout.pattern:
        yield f"The file pattern “{layout.pattern}” must stay below the folder, like “*.csv”."
    for rule in layout.kinds:
        if not rule.starts:
            yield "A rule under kinds needs the beginning of the key; what holds for all others is “otherwise”."
        if rule.becomes == "reject" and not rule.because:
            yield f"The rule for keys that start with “{rule.starts}” needs a reason (because)."
    for left in layout.leave_out:
        if not left.because:
            yield f"The rule that leaves out rows by “{left.column}” needs a reason (because)."
        if not left.value and left.test not in ("blank", "not_blank"):
            yield f"The rule that leaves out rows by “{left.column}” needs a value."
    if layout.currency is not None:
        try:
            minor_units(layout.currency)
        except UnknownCurrency:
            yield f"“{layout.currency}” is no currency: give its three capital letters, such as GBP."
    for name, code in layout.country_codes.items():
        if code and not (len(code) == 2 and code.isascii() and code.isupper()):
            yield f"The country “{name}” needs two capital letters, such as IE, not “{code}”."
    fields = [field for _, field, _, _ in string.Formatter().parse(layout.customer_name) if field is not None]
    if fields != ["key"]:
        yield "customer_name must hold {key} once, such as “Customer {key}”."


def in_words(layout: Layout) -> list[str]:
    """What this layout does, as sentences for the person who confirms it."""
    said = [f"Rows with the same “{layout.key}” are one document."]
    for rule in layout.kinds:
        because = f", because: {rule.because}" if rule.because else ""
        what = {
            "invoice": "is an invoice",
            "credit_note": "is a credit note",
            "sales_order": "is a sales order",
            "reject": "is not taken over but reported",
        }
        said.append(f"A document whose {layout.key} starts with “{rule.starts}” {what[rule.becomes]}{because}.")
    said.append(f"Every other document is {_a_kind(layout.otherwise)}.")
    if layout.credit_notes_are_negative:
        said.append("Credit notes have negative quantities or amounts in the file; they are taken over as positive.")
    said += [f"Rows are left out and counted: {rule.because}." for rule in layout.leave_out]
    said.append(
        "Lines with a price of zero are kept, and so is a document that comes to zero in all."
        if layout.zero_prices == "keep"
        else "A document with a price of zero is not taken over but reported."
    )
    said.append(
        "Lines with a negative price are kept."
        if layout.negative_prices == "keep"
        else "A document with a negative price is not taken over but reported."
    )
    said.append("A document whose total has the wrong sign for what it is, is not taken over but reported.")
    said.append("One bad row holds back its whole document: a document is never taken over with a line missing.")
    said.append(
        "Where the rows of a document name several moments or texts, the first is taken; two customers are an error."
    )
    said.append("A document that stands in several files is taken whole from the newest of them.")
    said.append(f"Dates are written {' or '.join(date_in_words(pattern) for pattern in layout.dates)}.")
    sign = f", thousands with “{layout.thousands}”" if layout.thousands else ""
    said.append(f"Numbers are written with the decimal sign “{layout.decimal}”{sign}.")
    if layout.charges:
        said.append(f"These items are fees, not goods: {', '.join(sorted(layout.charges))}.")
    said.append(f"An item's name is the {_CHOICES[layout.item_name]} that is not blank.")
    said.append(
        f"Where one customer's rows disagree, the {_CHOICES[layout.customer_values]} value counts; it is noted."
    )
    return said


_CHOICES: dict[str, str] = {
    "first": "first",
    "latest": "latest",
    "longest": "longest",
    "most_frequent": "most frequent",
}


def _a_kind(kind: str) -> str:
    return f"{'an' if kind == 'invoice' else 'a'} {kind.replace('_', ' ')}"
