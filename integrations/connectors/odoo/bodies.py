"""What is wanted of a record in Odoo's own words: the values of a write, or the reason why it cannot go."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from integrations.canonical import ExchangeRate, JournalEntry, Record
from integrations.canonical.documents import Document
from integrations.wire.connector import Write
from integrations.wire.errors import Missing, Refused
from integrations.wire.site import Site
from integrations.wire.stream import Stream

from . import versions
from .booking import booked, net_of
from .faults import refused
from .loading import Sheet, sheet_for_new, sheet_for_old
from .payments import refusal_of
from .reversal import sheet_of

Values = dict[str, Any]

HARMLESS = frozenset(("number", "reference", "memo", "customer_note"))
"""What may change on a posted document without touching the ledger."""

_NEVER_EMPTIED = frozenset(
    ("payment_term", "parent", "tax_ids", "number", "reference", "po_number", "currency", "issued_on", "posted_on")
)
_TOTALS = frozenset(("subtotal", "tax_total", "total", "amount_due", "status", "line_amounts", "gross_amount"))


def new_sheet(stream: Stream, write: Write, site: Site) -> Sheet:
    """The cells that make this record. Raises Refused where it cannot go."""
    record = prepared(write, site)
    fixed: Mapping[str, Any] = stream.facts.get("fixed", {})
    try:
        return sheet_for_new(_with_day({**fixed, **stream.shape.write(record)}, site), write.key)
    except ValueError as error:
        raise refused(str(error)) from error


def reversal_sheet(stream: Stream, write: Write, site: Site) -> Sheet:
    """The cells that make the opposite of this document. Raises Refused where it cannot go."""
    try:
        return sheet_of(write)
    except (LookupError, TypeError, ValueError) as error:
        raise refused("Odoo has not told enough of it to take it back: read it again") from error


def changed_sheet(stream: Stream, write: Write, site: Site) -> Sheet:
    """The cells that change this entry of a list. Raises Refused where it cannot go."""
    record, only = prepared(write, site), _changing(write)
    try:
        return sheet_for_old(stream.shape.write(record, only=only), id_in(write))
    except ValueError as error:
        raise refused(str(error)) from error


def changes(stream: Stream, write: Write, site: Site) -> Values:
    """The values of a `write` that changes this document. Raises Refused where it cannot go."""
    record, only = prepared(write, site), _changing(write)
    if "currency" in only:
        raise refused("the currency of a document that is already in Odoo cannot be changed: void it and make it anew")
    values: Values = stream.shape.patch(write.raw or {}, record, only=only)
    # A patch carries along what else stands in a nested member; Odoo's members are not nested but for lines.
    return _with_day({name: value for name, value in values.items() if value is not None}, site)


def _with_day(values: Values, site: Site) -> Values:
    """The values with the day in the ledger, where the server does not take the document's own by itself."""
    if versions.of(site) >= versions.FIRST_THAT_COMPUTES or "invoice_date" not in values:
        return values
    return {"date": values["invoice_date"], **values}


def _changing(write: Write) -> frozenset[str]:
    only = write.only - _TOTALS
    for name in only & _NEVER_EMPTIED:
        if getattr(write.record, name, None) in (None, [], ""):
            raise refused(f"{name} cannot be emptied in Odoo by this connection: give it another value")
    return only


def id_in(write: Write) -> str:
    """Their id of a record that is there. Raises Refused where it is not known."""
    if write.external_id is None:
        raise refused(f"there is nothing to {write.operation}: the Odoo id is missing")
    return write.external_id


def prepared(write: Write, site: Site) -> Record:
    """The record as Odoo keeps it. Raises Refused where it cannot be booked."""
    record = write.record
    if record is None:
        raise refused(f"there is nothing to {write.operation}: the record is missing")
    record = _plain(record)
    if isinstance(record, Document):
        return _booked(record, site)
    if why := refusal_of(record):
        raise refused(why)
    if isinstance(record, ExchangeRate):
        home = site.settings.get("home_currency")
        if home and record.home_currency != home:
            raise refused(f"it is a rate to {record.home_currency}, and Odoo keeps rates to {home}")
    if isinstance(record, JournalEntry):
        home = site.settings.get("home_currency")
        if home and record.currency != home:
            raise refused(f"an entry in {record.currency} cannot be made: Odoo's debits and credits are in {home}")
    return record


def _plain(record: Record) -> Record:
    """The record with those of Odoo's own fields in `extra` that are written as they are read: no references, no lists."""
    extra = {name: value for name, value in record.extra.items() if not isinstance(value, dict | list)}
    record = msgspec.structs.replace(record, extra=extra)
    if isinstance(record, Document | JournalEntry):
        bare = [msgspec.structs.replace(line, extra={}) for line in record.lines]
        return msgspec.structs.replace(record, lines=bare)
    return record


def _booked(document: Document, site: Site) -> Document:
    decimals = int(site.settings.get("price_decimals") or 2)
    try:
        there = booked(document, price_decimals=decimals)
    except ValueError as error:
        raise refused(str(error)) from error
    if net_of(there) + (document.tax_total or Decimal(0)) < 0:
        raise refused("it comes to less than zero, which Odoo does not post: send it as a credit note")
    return there


def says_all(stream: Stream, write: Write, raw: Mapping[str, Any], site: Site) -> bool:
    """Whether a record of Odoo's says everything that an update wants of it."""
    only = _changing(write)
    wanted = stream.shape.write(prepared(write, site), only=only)
    there = stream.shape.write(_plain(stream.shape.read(dict(raw))), only=only)
    return _holds(there, wanted)


def _holds(there: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_holds(there.get(name, False), each) for name, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(_holds, there, wanted))
    return bool(there == wanted) or (not there and not wanted)


def gone() -> Missing:
    """A record that was there, and is not there now."""
    return Missing(code="gone", explanation="Odoo no longer has this record.")


def paid(write: Write) -> Refused | None:
    """Why a posted document cannot be taken back: money is attached to it, and Odoo would silently detach it."""
    raw = write.raw or {}
    state = raw.get("payment_state")
    if state in (None, False, "not_paid") or not raw.get("amount_total"):
        return None  # what comes to nothing counts as paid without a payment
    return Refused(
        code=str(state),
        explanation="Payments or credits are attached to this document in Odoo; changing it would detach them.",
        advice="Detach the payment in Odoo, or correct the document by a credit note; then release the record.",
    )
