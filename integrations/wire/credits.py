"""Credits: a document is taken back by another one, its credit note, where the vendor makes no difference between the two ways.

The credit note is an ordinary new record of its own stream, made from the document as the vendor last told it. It bears
the day on which it is made, which the vendor fills in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any, TypeVar

from msgspec.structs import replace

from integrations.canonical import Bill, CreditNote, Invoice, VendorCredit
from integrations.canonical.documents import Line

from .connector import Done, Outcome, Write
from .errors import Refused
from .stream import Stream

_TAKEN_OVER = (
    "issued_on", "currency", "exchange_rate", "line_amounts", "discount_total", "charge_total", "rounding", "tax_total",
    "subtotal", "total", "taxes", "dimensions",
)  # fmt: skip


def creations(stream: Stream, writes: Sequence[Write]) -> tuple[Stream, Sequence[Write]]:
    """Where these writes are credits, the creations of their credit notes in `stream.credits`; else they themselves.

    Raises Refused where a document is not known well enough.
    """
    if writes[0].operation != "credit":
        return stream, writes
    if stream.credits is None:
        raise Refused(explanation=f"No document credits a {stream.label.lower()} here.")
    into = stream.credits
    return into, [
        changed(
            write, operation="create", record=_credit_of(stream, write, into), external_id=None, version=None, raw=None
        )
        for write in writes
    ]


Told = TypeVar("Told", Outcome, Outcome | None)


def told(writes: Sequence[Write], made: Sequence[Told], into: str) -> list[Told]:
    """What became of these credits, by what became of their credit notes."""
    return [
        Done(external_id=write.external_id or "", version=write.version, credit=(into, outcome.external_id))
        if isinstance(outcome, Done)
        else outcome
        for write, outcome in zip(writes, made, strict=True)
    ]


def _credit_of(stream: Stream, write: Write, into: Stream) -> CreditNote | VendorCredit:
    if write.raw is None:
        raise Refused(explanation="The document is not known well enough to be credited: it has to be read first.")
    document = stream.shape.read(write.raw)
    number = f"CR{(document.number or write.key)[-(into.longest_number - 2) :]}"
    head: dict[str, Any] = {name: getattr(document, name) for name in _TAKEN_OVER}
    head |= {"number": number, "lines": [_line(line) for line in document.lines]}
    head |= {"memo": f"Takes back {document.number or document.external_id}"}
    match document:
        case Invoice():
            return CreditNote(customer=document.customer, receivable_account=document.receivable_account, **head)
        case Bill():
            return VendorCredit(vendor=document.vendor, payable_account=document.payable_account, **head)
    raise Refused(explanation=f"A {stream.label.lower()} is not credited by another document.")


def _line(line: Line) -> Line:
    """A line of its own: it stands for no order, and is nobody's line yet."""
    return replace(line, external_id=None, key=None, purchase_order_line=None, extra={})
