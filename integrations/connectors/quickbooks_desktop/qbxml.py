"""qbXML: one document of several requests out, and the answers to each of them back, as plain values.

Only here do our members become elements, in the order and length that `grammar` says, and elements members.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.wire import xml
from integrations.wire.errors import ContractBroken, ShapeError
from integrations.wire.message import Answer, text_of

from .grammar import Part, Table

Payload = dict[str, Any]

PROLOG = '<?xml version="1.0" encoding="utf-8"?><?qbxml version="13.0"?>'
"""13.0 is what QuickBooks 2014 and later understand; nothing that we use is newer."""

LONGEST_REQUEST_ID = 50
LONGEST_SET_ID = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of a document: its element without the ending Rq, its content, and how the content is laid out.

    `inside` is the element that the content stands in, such as InvoiceAdd in InvoiceAddRq; none for a question.
    """

    name: str
    content: Mapping[str, Any]
    table: Table
    lines: Mapping[str, Table] = field(default_factory=dict)
    inside: str = ""
    id: str = ""
    iterator: str = ""
    iterator_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer to one request: its rows, each a record as plain values, and what QuickBooks says about the request."""

    name: str
    id: str
    code: str
    severity: str
    words: str
    rows: Sequence[Payload]
    iterator_id: str = ""
    remaining: int = 0

    @property
    def failed(self) -> bool:
        """Whether nothing came of it; warnings come with what there is."""
        return self.severity == "Error"


# --- out -------------------------------------------------------------------------------------------------------------


def document(asked: Sequence[Asked], *, key: str = "") -> bytes:
    """The document of these requests; each is tried, whatever becomes of the others. Raises ShapeError.

    `key` makes QuickBooks keep the outcome, so that the same document sent again is not carried out again.
    """
    attributes = {"onError": "continueOnError"} | ({"newMessageSetID": key[:LONGEST_SET_ID]} if key else {})
    requests = xml.build("QBXMLMsgsRq", (), attributes)
    for each in asked:
        requests.append(_request(each))
    root = xml.build("QBXML", ())
    root.append(requests)
    return xml.serialise(root, prolog=PROLOG)


def _request(asked: Asked) -> xml.Element:
    attributes = {
        "requestID": asked.id[:LONGEST_REQUEST_ID],
        "iterator": asked.iterator,
        "iteratorID": asked.iterator_id,
    }
    content: Any = ordered(asked.table, asked.content, asked.lines, asked.inside or asked.name)
    if asked.inside:
        content = [(asked.inside, content)]
    return xml.build(f"{asked.name}Rq", content, {name: value for name, value in attributes.items() if value})


def ordered(table: Table, values: Mapping[str, Any], lines: Mapping[str, Table], where: str) -> list[tuple[str, Any]]:
    """The elements of a table that `values` names, in the table's order. Raises ShapeError for what it does not know."""
    found: list[tuple[str, Any]] = []
    for part in table:
        if part.name not in values:
            continue
        value, path = values[part.name], f"{where}.{part.name}"
        if part.kinds:
            found.extend(_line(line, lines, where) for line in value if line[xml.KIND] in part.kinds)
        elif part.many:
            found.extend((part.name, _content(part, each, lines, path)) for each in value)
        else:
            found.append((part.name, _content(part, value, lines, path)))
    strange = values.keys() - {part.name for part in table} - {xml.KIND} - TOLD_ONLY
    if strange:
        raise ShapeError(f"{where}.{min(strange)}", "QuickBooks takes no such element here")
    return found


def _line(line: Mapping[str, Any], lines: Mapping[str, Table], where: str) -> tuple[str, Any]:
    kind = line[xml.KIND]
    # The two sides of a journal entry are the only lines that are named alike in requests and answers.
    ending = "" if kind in ("JournalDebitLine", "JournalCreditLine") else where[-3:]
    return f"{kind}{ending}", ordered(lines[kind], line, lines, f"{kind}{ending}")


def _content(part: Part, value: Any, lines: Mapping[str, Table], path: str) -> Any:
    if part.type == "group":
        return ordered(part.inner, value, lines, path)
    if part.type == "ref":
        return _reference(value, path)
    try:
        return _WRITERS[part.type](value, part.most, path)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ShapeError(path, str(error).rstrip(".")) from error


def _reference(value: Mapping[str, Any], path: str) -> list[tuple[str, str]]:
    if value.get("ListID"):
        return [("ListID", str(value["ListID"]))]
    if value.get("FullName"):
        return [("FullName", plain_text(str(value["FullName"]), is_free=False, path=path))]
    raise ShapeError(path, "the reference has neither an id nor a name")


# QuickBooks keeps ISO 8859-1 and makes a question mark of everything else.
_TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2013": "-",
        "\u2014": "-", "\u2010": "-", "\u2011": "-", "\u2022": "-", "\u2026": "...", "\u2122": "(TM)", "\u20ac": "EUR",
        "\u2009": " ", "\u200b": "", "\u2007": " ", "\u202f": " ", "\u0152": "OE", "\u0153": "oe", "\u0141": "L",
        "\u0142": "l", "\u0110": "D", "\u0111": "d",
    }
)  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
CUT = " [cut]"


def plain_text(text: str, *, is_free: bool, path: str) -> str:
    """Text in the characters that QuickBooks keeps: typographic signs made plain, accents it does not know taken off.

    What then is still foreign becomes a question mark in free text; elsewhere it raises ShapeError.
    """
    text = _CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").translate(_TYPOGRAPHY))
    if not is_free:
        text = " ".join(text.split())
    if _is_kept(text):
        return text
    kept = []
    for character in unicodedata.normalize("NFC", text):
        plain = character
        if not _is_kept(character):
            plain = "".join(each for each in unicodedata.normalize("NFKD", character) if _is_kept(each))
        if not plain and not is_free:
            raise ShapeError(
                path, f"QuickBooks has no character {character!r} ({unicodedata.name(character, 'unknown')})"
            )
        kept.append(plain or "?")
    return "".join(kept)


def _is_kept(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _text(value: Any, most: int | None, path: str) -> str:
    text = plain_text(_as_text(value), is_free=False, path=path)
    if most is not None and len(text) > most:
        raise ValueError(f"it takes {most} characters, and {text!r} has {len(text)}")
    return text


def _free(value: Any, most: int | None, path: str) -> str:
    """Free text is cut where it is too long, and its end says so."""
    text = plain_text(_as_text(value), is_free=True, path=path)
    return text if most is None or len(text) <= most else text[: most - len(CUT)].rstrip() + CUT


def _as_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("text was expected here")
    return str(value)


def _figure(digits: int, decimals: int, fixed: int = 0) -> Any:
    """A writer of numbers with at most so many digits before the point and so many after; `fixed` are always shown."""

    def write(value: Any, most: int | None, path: str) -> str:
        if isinstance(value, str):
            return value  # as QuickBooks wrote it
        exact = Decimal(value)
        if exact != round(exact, decimals):
            raise ValueError(f"{exact} has more than {decimals} decimals")
        if abs(exact) >= Decimal(10) ** digits:
            raise ValueError(f"{exact} is too large: QuickBooks takes {digits} digits before the point")
        shown = f"{round(exact, decimals):f}"
        whole, _, fraction = shown.partition(".")
        fraction = fraction.rstrip("0").ljust(fixed, "0")
        return f"{whole}.{fraction}" if fraction else whole

    return write


def _percent(value: Any, most: int | None, path: str) -> str:
    exact: str = _figure(13, 5)(value, most, path)
    return exact


def _bool(value: Any, most: int | None, path: str) -> str:
    if value in ("true", "false"):
        return str(value)
    if not isinstance(value, bool):
        raise ValueError(f"true or false was expected, not {value!r}")
    return "true" if value else "false"


def _date(value: Any, most: int | None, path: str) -> str:
    return date.fromisoformat(str(value)).isoformat()


def _as_it_is(value: Any, most: int | None, path: str) -> str:
    return str(value)


def _whole(value: Any, most: int | None, path: str) -> str:
    return str(int(value))


_WRITERS: Mapping[str, Any] = {
    "text": _text,
    "free": _free,
    "amount": _figure(13, 2, 2),
    "price": _figure(13, 5, 2),
    "quantity": _figure(10, 5),
    "percent": _percent,
    "rate": _figure(12, 10),
    "whole": _whole,
    "bool": _bool,
    "date": _date,
    "moment": _as_it_is,
    "id": _as_it_is,
    "guid": _as_it_is,
}

# --- back ------------------------------------------------------------------------------------------------------------

_SALES = ("Invoice", "CreditMemo", "SalesReceipt", "SalesOrder", "Estimate", "PurchaseOrder")
_SHARED: Mapping[str, tuple[str, str]] = {
    **{f"{name}Line{ending}Ret": ("Lines", f"{name}Line{ending}") for name in _SALES for ending in ("", "Group")},
    **{f"{name}Ret": ("Lines", name) for name in ("ExpenseLine", "ItemLine", "ItemGroupLine")},
    "JournalDebitLine": ("Lines", "JournalDebitLine"),
    "JournalCreditLine": ("Lines", "JournalCreditLine"),
    "AppliedToTxnRet": ("Applied", "AppliedToTxn"),
}
"""Elements whose order among each other matters: one list of lines, each telling its kind."""

_LISTS = frozenset(
    (
        "LinkedTxn", "DataExtRet", "ContactsRet", "AdditionalContactRef", "AdditionalNotesRet", "ShipToAddress",
        "PrefillAccountRef", "ItemGroupLine", "SupportedQBXMLVersion", "Service",
    )
)  # fmt: skip
"""Elements that may repeat."""

TOLD_ONLY = frozenset(
    (
        "TimeCreated", "TimeModified", "EditSequence", "ListID", "TxnID", "TxnNumber", "FullName", "Sublevel", "LinkedTxn",
        "DataExtRet", "ContactsRet", "AdditionalContactRef", "AdditionalNotesRet", "ShipToAddress", "BillAddressBlock",
        "ShipAddressBlock", "VendorAddressBlock", "AddressBlock", "Address", "OverrideUOMSetRef", "TotalBalance",
        "SpecialAccountType", "TaxLineInfoRet", "CashFlowClassification", "BarCodeValue", "AverageCost", "QuantityOnOrder",
        "QuantityOnSalesOrder", "QuantityOnHand", "SpecialItemType", "SuggestedDiscountAmount", "SuggestedDiscountDate",
        "IsFinanceCharge", "IsHomeCurrencyAdjustment", "CreditCardTxnInfo", "CreditCardInfo", "TxnLineID",
        "BalanceRemainingInHomeCurrency", "CreditRemainingInHomeCurrency", "TotalAmountInHomeCurrency",
        "AmountDueInHomeCurrency", "AmountInHomeCurrency", "UnusedCredits", "ExternalGUID", "IsManuallyClosed", "IsBilled", "UnbilledQuantity",
    )
)  # fmt: skip
"""Members that QuickBooks tells and takes nowhere, or only where the tables above say so: they are passed over."""


def told(answer: Answer) -> list[Told]:
    """The answers in a document, in their order. Raises ContractBroken where it is no answer of QuickBooks."""
    try:
        root = _parsed(answer.body)
    except xml.BadXml as error:
        raise ContractBroken(
            text_of(answer, longest=200), explanation=f"QuickBooks' answer cannot be read: {error}."
        ) from error
    messages = root.find("QBXMLMsgsRs")
    if xml.local(root) != "QBXML" or messages is None:
        raise ContractBroken(text_of(answer, longest=200), explanation="This is no answer of QuickBooks.")
    return [_told(each) for each in messages if isinstance(each.tag, str)]


_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")


def _parsed(body: bytes) -> xml.Element:
    """The document; QuickBooks writes control characters that people pasted, which XML does not allow."""
    try:
        return xml.parse(body)
    except xml.BadXml:
        allowed = _REFERENCE.sub(lambda found: found[0] if _is_allowed(found) else b" ", body)
        if allowed == body:
            raise
        return xml.parse(allowed)


def _is_allowed(reference: re.Match[bytes]) -> bool:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000


def _told(element: xml.Element) -> Told:
    rows = []
    for child in element:
        name = xml.local(child)
        plain = xml.to_plain(child, lists=_LISTS, shared=_SHARED)
        if isinstance(plain, dict) and name.endswith("Ret"):  # an ErrorRecovery shows no record
            rows.append({xml.KIND: name.removesuffix("Ret"), **plain})
    return Told(
        name=xml.local(element).removesuffix("Rs"),
        id=element.get("requestID", ""),
        code=element.get("statusCode", ""),
        severity=element.get("statusSeverity", ""),
        words=element.get("statusMessage", ""),
        rows=rows,
        iterator_id=element.get("iteratorID", ""),
        remaining=int(element.get("iteratorRemainingCount") or 0),
    )
