"""What QuickBooks Desktop's documents have in common: shapes that book and tell figures, lines, heads, sums, statuses.

Sales are in `sales`, purchases in `purchases`; the arithmetic is in `booking`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from integrations.canonical import Line
from integrations.canonical.documents import Document
from integrations.wire.shape import F, Fixed, LineEdit, Lines, Shape
from integrations.wire.xml import KIND

from .booking import booked, is_group, line_figures, told
from .quirks import is_void
from .shapes import CODE, Payload, bare, blocks, code_id, ref, refers, tags, to_ref

D = TypeVar("D", bound=Document)

TXN: Mapping[str, Any] = {
    "key": "TxnID",
    "version": "EditSequence",
    "created_at": "TimeCreated",
    "changed_at": "TimeModified",
    "cleared": "",
    "ignore": (KIND, "ExternalGUID", *blocks("BillAddress", "ShipAddress", "VendorAddress")),
}
"""Where every transaction says whose it is, and what carries nothing."""

NEW_LINE = "-1"
"""The id of a line that a change adds."""


class DocumentShape(Shape[D]):
    """A shape whose lines are told and booked as the two sides mean their figures.

    Besides ShapeError, writing raises ValueError that names the line which cannot be booked, and why.
    """

    def read(self, payload: Payload) -> D:
        return told(super().read(payload))

    def write(self, record: D, *, only: Collection[str] | None = None) -> Payload:
        return super().write(booked(record), only=only)

    def patch(self, raw: Payload, record: D, *, only: Collection[str], whole: bool = False) -> Payload:
        return super().patch(raw, booked(record), only=only, whole=whole)


# --- lines -----------------------------------------------------------------------------------------------------------


def put_lines(edits: Sequence[LineEdit]) -> list[Payload]:
    """All lines: once one is listed, QuickBooks deletes those that are not.

    A line that stays is listed by its id alone, a group with the ids of its parts, a changed line with what changes, a
    new one with the id -1.
    """
    listed = []
    for edit in edits:
        if edit.values is None:
            continue
        if edit.raw is None:
            listed.append({"TxnLineID": NEW_LINE, **edit.values})
        elif edit.raw.get("TxnLineID"):
            listed.append({**_named(edit.raw), **_settled(edit)})
        else:  # an entry of a list without ids is written as it is
            listed.append(edit.whole)
    return listed


def _named(raw: Payload) -> Payload:
    """A line by its id alone."""
    inside = {"Lines": [_named(part) for part in raw["Lines"]]} if "Lines" in raw else {}
    return {KIND: raw.get(KIND), "TxnLineID": raw["TxnLineID"], **inside}


def _settled(edit: LineEdit) -> Payload:
    """What changes in a line; where one of its figures does, all that are told go, so that none is left to contradict."""
    values = dict(edit.values or {})
    figures = ("Quantity", "Rate", "Cost", "Amount")
    if any(name in values and not _same(values[name], (edit.raw or {}).get(name)) for name in figures):
        return values | {name: edit.whole[name] for name in ("Quantity",) if name in edit.whole}
    return {name: value for name, value in values.items() if name not in figures and value != ""}


def _same(ours: Any, theirs: Any) -> bool:
    return theirs is not None and ours != "" and Decimal(ours) == Decimal(theirs)


def is_kind(*kinds: str) -> Callable[[Payload], bool]:
    def when(raw: Payload) -> bool:
        return raw.get(KIND) in kinds

    return when


def _line_type(raw: Payload) -> str:
    """A text has no item; a discount is an item that takes something off and is not counted."""
    quantity, amount = line_figures(raw)
    if raw.get("ItemRef") is None:
        return "text"
    return "discount" if quantity is None and amount is not None and amount < 0 else "item"


def _tax_code(value: Payload) -> Payload:
    return {"external_id": code_id(value["ListID"]) if value.get("ListID") else None, "name": value.get("FullName")}


RATE = "#rate"
"""Where a line that we write names a rate of tax: QuickBooks has it in the head only, where `bodies` puts it."""

NOT_TAXED = "#not taxed"
"""A mark for `bodies`: the line is not taxed, by whatever code the company has for that."""


def _to_tax_code(line: Line) -> Payload:
    if line.tax_rate is None:
        return {NOT_TAXED: True} if line.tax_amount is not None and not line.tax_amount else {}
    told: str = to_ref(line.tax_rate)["ListID"]
    if told.startswith(CODE):
        return {"SalesTaxCodeRef": {"ListID": bare(told)}}
    return {RATE: told}


TAX = F("tax_rate", "SalesTaxCodeRef", read=_tax_code, write=None)
TO_TAX = F("tax_rate", "", read=None, write=_to_tax_code)


def sale_lines(entity: str, *fields: F) -> tuple[Lines, ...]:
    """The lines of a document of sale: items, and texts between them; groups are kept, not made."""
    kind = f"{entity}Line"
    return (
        Lines(
            "lines",
            "Lines",
            key="TxnLineID",
            when=is_kind(kind),
            fits=lambda line: not is_group(line),
            put=put_lines,
            fields=(
                Fixed(KIND, kind),
                F("line_type", "", read=_line_type, write=None),
                refers("item", "ItemRef"),
                F("description", "Desc"),
                F("quantity", "Quantity"),
                F("unit", "UnitOfMeasure"),
                F("unit_price", "Rate"),
                F("net_amount", "Amount"),
                TAX,
                TO_TAX,
                tags(),
                *fields,
            ),
        ),
        group_lines(f"{entity}LineGroup"),
    )


def group_lines(kind: str) -> Lines:
    """A group of items is one line of the group's item; its parts stay in the line's extra."""
    return Lines(
        "lines",
        "Lines",
        key="TxnLineID",
        when=is_kind(kind),
        fits=is_group,
        fields=(
            Fixed(KIND, kind),
            F("item", "ItemGroupRef", read=ref, write=None),
            F("description", "Desc", write=None),
            F("quantity", "Quantity", write=None),
            F("unit", "UnitOfMeasure", write=None),
            F("net_amount", "TotalAmount", write=None),
        ),
    )


# --- heads and sums --------------------------------------------------------------------------------------------------

CURRENCY: tuple[F, ...] = (
    F("currency", "CurrencyRef.CurrencyCode", write=None, uses=("CurrencyRef.ListID", "CurrencyRef.FullName")),
    F("exchange_rate", "ExchangeRate"),
)
HEAD: tuple[F, ...] = (
    F("number", "RefNumber"),
    F("issued_on", "TxnDate"),
    *CURRENCY,
    F("line_amounts", "", read=lambda payload: "exclusive", write=None),
    F("memo", "Memo"),
    refers("payment_term", "TermsRef"),
)


def amount_of(payload: Mapping[str, Any], *names: str) -> Decimal | None:
    """The first of these amounts that is told."""
    return next((Decimal(payload[name]) for name in names if payload.get(name) not in (None, "")), None)


def total_of(payload: Mapping[str, Any]) -> Decimal:
    """A document's total straight from the payload, for control totals: its lines, and the tax on them.

    QuickBooks tells no total for an invoice, only what it comes to before tax and the tax.
    """
    before_tax, tax = payload.get("Subtotal"), payload.get("SalesTaxTotal")
    if before_tax is not None:
        return Decimal(before_tax) + Decimal(tax or 0)
    whole = payload.get("TotalAmount", payload.get("AmountDue", payload.get("Amount")))
    if whole is None:
        raise ValueError("QuickBooks tells no amount of this document")
    return Decimal(whole)


def void_or(status: Callable[[Payload], str]) -> F:
    """Where a document stands, if it was not voided."""

    def read(payload: Payload) -> str:
        return "void" if is_void(payload) else status(payload)

    return F("status", "", read=read, write=None)
