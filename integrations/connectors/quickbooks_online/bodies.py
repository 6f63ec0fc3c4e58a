"""What is sent for a write: the body that QuickBooks Online takes, or the reason why it cannot go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.canonical import Record, Refund
from integrations.canonical.documents import Document
from integrations.wire.connector import Write
from integrations.wire.errors import Refused, VendorError
from integrations.wire.site import Site
from integrations.wire.stream import Stream

from .booking import is_bundle
from .methods import with_method_ids
from .queries import bare
from .quirks import mark_in, mark_of, with_mark
from .requirements import refusal_of

Body = dict[str, Any]


def bodies_for(stream: Stream, writes: Sequence[Write], site: Site) -> list[Body | VendorError]:
    """What is sent for each write, or why it cannot be sent."""
    return [body_for(stream, write, site) for write in writes]


def body_for(stream: Stream, write: Write, site: Site) -> Body | VendorError:
    """What is sent for one write, or why it cannot be sent; the same for the same write and site."""
    try:
        if stream.facts.get("by_day"):
            body = _rate(stream, write, site)
        elif write.operation == "create":
            body = _creation(stream, write, site)
        else:
            body = _identity(write)
            if write.operation == "update":
                body |= {"sparse": True, **_changes(stream, write, site)}
            elif write.operation == "void" and "include" in (stream.facts.get("void") or {}):
                body["sparse"] = True  # such a void is a kind of update
    except VendorError as error:
        return error
    except ValueError as error:
        return _not_sent(str(error))
    why = refusal_of(stream, write, body)
    return body if why is None else _not_sent(why)


def _creation(stream: Stream, write: Write, site: Site) -> Body:
    body = stream.shape.write(_prepared(write))
    if stream.facts.get("dated_today"):
        body.pop("TxnDate", None)
    if stream.facts.get("transaction"):
        body["PrivateNote"] = with_mark(body.get("PrivateNote"), mark_of(write.key))
    if body.get("Type") == "Inventory":  # stock is counted from nothing, or from what the record's extra says
        body = {"TrackQtyOnHand": True, "QtyOnHand": 0, **body}
    body = _for_company(body, site)
    if stream.facts.get("transaction") and site.settings.get("home_currency"):
        _check_rate(body)
    return body


def _check_rate(body: Body) -> None:
    """A foreign document says what its currency was worth: else QuickBooks takes a rate of its own, silently."""
    if "CurrencyRef" in body and "ExchangeRate" not in body:
        raise ValueError(f"it is in {body['CurrencyRef']['value']}, a foreign currency here, and has no exchange rate")


def _changes(stream: Stream, write: Write, site: Site) -> Body:
    only = set(write.only)
    record = _prepared(write)
    # Lines are replaced whole, and read by the tax mode beside them.
    if only & {"lines", "discount_total", "charge_total", "line_amounts"} and isinstance(record, Document | Refund):
        only |= {"lines", "line_amounts"}
        if write.raw is not None and any(is_bundle(line) for line in record.lines):
            _refuse_changed_bundles(stream.shape.read(write.raw), record)
    body = (
        stream.shape.write(record, only=only) if write.raw is None else stream.shape.patch(write.raw, record, only=only)
    )
    mark = mark_in((write.raw or {}).get("PrivateNote"))
    if "PrivateNote" in body and mark:
        body["PrivateNote"] = with_mark(body["PrivateNote"], mark)
    return _for_company(_emptied(body, write.raw or {}), site)


def _rate(stream: Stream, write: Write, site: Site) -> Body:
    """A rate is said whole each time, for a day and a currency: it has neither id nor version."""
    body = stream.shape.write(_prepared(write))
    home = site.settings.get("home_currency")
    if home and body.get("TargetCurrencyCode") != home:
        raise ValueError(f"QuickBooks keeps rates into {home}, the home currency of its company, only")
    return body


def _refuse_changed_bundles(there: Document | Refund, wanted: Document | Refund) -> None:
    known = {line.external_id: line for line in there.lines if is_bundle(line)}
    for line in wanted.lines:
        was = known.get(line.external_id)
        if was is not None and (was.quantity, was.net_amount) != (line.quantity, line.net_amount):
            raise ValueError(f"the line of the bundle {line.description or line.external_id} cannot be changed")


def _prepared(write: Write) -> Record:
    if write.record is None:
        raise ValueError("there is no record to send")
    return write.record


def _identity(write: Write) -> Body:
    version = write.version or (write.raw or {}).get("SyncToken")
    if write.external_id is None or version is None:
        raise ValueError("its QuickBooks id or version is not known: it has to be read first")
    return {"Id": bare(write.external_id), "SyncToken": version}


def _for_company(body: Body, site: Site) -> Body:
    """Without what this company does not take: a US company has no tax mode, a home currency is not said."""
    left_out = set()
    if (site.settings.get("country") or "US") == "US":
        left_out.add("GlobalTaxCalculation")
    currency = body.get("CurrencyRef")
    if isinstance(currency, Mapping) and currency.get("value") == site.settings.get("home_currency"):
        left_out |= {"CurrencyRef", "ExchangeRate"}
    kept: Body = with_method_ids({name: value for name, value in body.items() if name not in left_out}, site)
    return kept


# Only a text can be emptied, by "": a sparse update takes a missing member as unchanged, and has no null.
_NEVER_EMPTY = ("Ref", "Date", "Price", "Cost", "Rate", "Days", "Due", "Percent", "Taxable", "Active", "Included")


def _emptied(body: Body, raw: Body) -> Body:
    """The changes with only those texts emptied that are there to be emptied."""
    body = {name: value for name, value in _fewer(body, raw).items() if name != "Line"} | (
        {"Line": [_without_empty(line) for line in body["Line"]]} if "Line" in body else {}
    )
    fixed = [name for name, value in body.items() if value == "" and name.endswith(_NEVER_EMPTY)]
    if fixed:
        raise ValueError(f"QuickBooks offers no way to empty {', '.join(fixed)}: give it another value instead")
    return body


def _fewer(value: Body, there: Any) -> Body:
    """`value` without the empty texts whose place is empty there already."""
    kept: Body = {}
    for name, each in value.items():
        theirs = there.get(name) if isinstance(there, Mapping) else None
        if isinstance(each, Mapping):
            if inner := _fewer(dict(each), theirs):
                kept[name] = inner
        elif each != "" or theirs not in (None, ""):
            kept[name] = each
    return kept


def _without_empty(line: Any) -> Any:
    """A line without its empty members: lines are replaced whole, so that what is missing is empty."""
    if isinstance(line, Mapping):
        return {name: _without_empty(each) for name, each in line.items() if each != ""}
    return line


def _not_sent(why: str) -> Refused:
    return Refused(
        explanation=f"This was not sent to QuickBooks: {why}.",
        advice="Correct the record in its source or the mapping, then release it.",
    )
