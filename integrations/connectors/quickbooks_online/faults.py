"""What QuickBooks Online's faults mean: a table from fault code to the branch of our error tree, in plain words.

Codes and texts after the vendor's error-code page and the recorded faults; those known from `memory` are marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.wire.errors import (
    ConsentLost,
    Duplicate,
    Forbidden,
    Missing,
    PeriodClosed,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer, is_web_page, json_of, not_json, text_of

THROTTLED_SECONDS = 60.0
"""How long to wait after a throttle: its answer carries no dependable Retry-After."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which error a fault is, what it means to a bookkeeper, and what to do; "" leaves the error's own words."""

    error: type[VendorError]
    explanation: str = ""
    advice: str = ""
    may_have_acted: bool = False


_RECONNECT = Meaning(
    ConsentLost,
    "QuickBooks no longer accepts the access that was given to this connection.",
    "Open the connection and connect it to QuickBooks again.",
)
_FORBIDDEN = Meaning(
    Forbidden,
    "QuickBooks does not let this connection do that: the company is locked, or the user who connected it lacks rights.",
    "Connect again as an administrator of the QuickBooks company, then release the record.",
)
_DOWN = Meaning(
    TryLater,
    "QuickBooks had a failure of its own, or is under maintenance.",
    "Nothing needs to be done: it is tried again by itself.",
    may_have_acted=True,
)
_OUR_REQUEST = Meaning(
    Refused,
    "QuickBooks did not understand the request itself.",
    "Report this with the vendor's words: the connector has to be corrected, not the record.",
)
_BAD_VALUE = Meaning(
    Refused,
    "QuickBooks does not accept one of the values: it is too long, not of the form it wants, or not one of its words.",
    "Correct the value that the vendor's words name, in the record or in the mapping, then release it.",
)
_NOT_THERE = Meaning(
    Missing,
    "The record, or an account, item or customer that it names, is not in QuickBooks or was made inactive.",
    "Make it active again in QuickBooks, or link another one, then release the record.",
)
_TAX = Meaning(
    Refused,
    "QuickBooks does not accept the tax of this document: a line lacks its tax code, or the code does not fit.",
    "Map every line's tax to an active tax code of the QuickBooks company, then release it.",
)
_CLOSED = Meaning(
    PeriodClosed,
    "The books are closed up to a date on or after this document's date.",
    "Give the document a later date, or have an administrator move the closing date in QuickBooks, then release it.",
)
_NO_VOID = Meaning(
    Refused,
    "QuickBooks does not allow this document to be voided or changed in its present state.",
    "Undo in QuickBooks what depends on it (payment, deposit, filed tax), then release it.",
)

MEANINGS: Mapping[str, Meaning] = {
    "3200": _RECONNECT,
    "3202": _RECONNECT,  # memory
    "3100": _RECONNECT,  # memory: the app is not authorised for this company
    "120": _FORBIDDEN,
    "130": _FORBIDDEN,
    "140": _FORBIDDEN,
    "5020": _FORBIDDEN,
    "6190": Meaning(
        Forbidden,
        "The QuickBooks subscription of this company has ended or is suspended.",
        "Renew the subscription in QuickBooks, then release the record.",
    ),
    "5030": Meaning(
        Forbidden,
        "The QuickBooks company has not switched on, or its edition lacks, a feature that this record needs.",
        "Switch the feature on in QuickBooks (Account and settings), or leave the field out of the mapping.",
    ),
    "610": _NOT_THERE,
    "2500": _NOT_THERE,
    "6250": Meaning(
        Refused,
        "The customer is inactive in QuickBooks.",
        "Make the customer active again in QuickBooks, then release the record.",
    ),
    "5010": Meaning(Stale),
    "600": Meaning(
        TryLater,
        "QuickBooks has already seen this request, so it may have been carried out.",
        "Nothing needs to be done: it is looked up in QuickBooks before anything is sent again.",
        may_have_acted=True,
    ),
    "2130": _OUR_REQUEST,
    "6240": Meaning(
        Duplicate,
        "The name is taken: QuickBooks wants names unique over customers, vendors and employees together, "
        "and unique among items and among accounts.",
        "Link the record that has the name, or give this one another name.",
    ),
    "6140": Meaning(
        Duplicate,
        "The document number is taken, and this QuickBooks company forbids using a number twice.",
        "Link the document that has the number, or give this one another number.",
    ),
    "630": Meaning(Duplicate),
    "2010": _OUR_REQUEST,
    "2020": Meaning(
        Refused,
        "A value that QuickBooks requires is missing.",
        "Fill the value that the vendor's words name, in the record or in the mapping, then release it.",
    ),
    "2030": _BAD_VALUE,
    "2040": _BAD_VALUE,
    "2050": _BAD_VALUE,
    **{str(code): _BAD_VALUE for code in range(2060, 2121, 10)},
    "2170": _BAD_VALUE,
    "2210": _BAD_VALUE,
    "2250": Meaning(
        Refused,
        "The document has no line that QuickBooks can book.",
        "Add a line with an amount and an item, then release it.",
    ),
    "2300": Meaning(
        Refused,
        "Debits and credits of the entry differ.",
        "Correct the entry in its source so that both sides agree, then release it.",
    ),
    "4000": _OUR_REQUEST,
    "4001": _OUR_REQUEST,
    "4002": _OUR_REQUEST,
    "500": _OUR_REQUEST,
    "1040": _OUR_REQUEST,
    "6000": Meaning(
        Refused,
        "One of QuickBooks' business rules forbids it; the vendor's words say which.",
        "Correct what the words name, in the record, the mapping or in QuickBooks, then release it.",
    ),
    "6070": Meaning(
        Refused,
        "A line's amount is not its quantity times its price.",
        "Correct quantity, price or amount of the line in the source, then release it.",
    ),
    "6080": Meaning(
        Refused,
        "The record has no name.",
        "Give it a name in the source or in the mapping, then release it.",
    ),
    "6100": _TAX,
    "6160": _TAX,
    "6170": _TAX,
    "6200": _CLOSED,
    "6210": _CLOSED,
    "6430": _NO_VOID,
    "6440": _NO_VOID,
    "6450": _NO_VOID,
    "6480": Meaning(
        Refused,
        "The transaction is matched with a bank line in QuickBooks.",
        "Undo the match in QuickBooks' banking page, then release it.",
    ),
    "6540": Meaning(
        Refused,
        "The payment is already part of a bank deposit in QuickBooks.",
        "Take it out of the deposit in QuickBooks, then release it.",
    ),
    "3001": Meaning(
        TryLater,
        "QuickBooks takes no more requests from this company for the moment.",
        "Nothing needs to be done: it goes on after a minute.",
    ),
    "10000": _DOWN,
    "10100": _DOWN,
    "10200": _DOWN,
    "150": _DOWN,
}

# For codes that the table does not know, the fault's type decides. The XSD writes one of them without an i.
_BY_TYPE: Mapping[str, Meaning] = {
    "authentication": _RECONNECT,
    "authenticationfault": _RECONNECT,
    "authorizationfault": _FORBIDDEN,
    "authorizatonfault": _FORBIDDEN,
    "systemfault": _DOWN,
    "service": _DOWN,
    "validationfault": Meaning(Refused),
}


def body_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises the VendorError that its fault, status or form stands for."""
    if answer.status >= 400 and (is_web_page(answer) or not _looks_like_json(answer)):
        raise _by_status(answer.status, text_of(answer, longest=300))
    body = json_of(answer)
    if not isinstance(body, dict):
        raise not_json(answer)
    fault = fault_in(body)
    if fault is not None:
        raise error_of(fault, status=answer.status)
    if answer.status >= 400:
        raise _by_status(answer.status, text_of(answer, longest=300))
    return body


def fault_in(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fault that an answer or one item of a batch carries, whatever its HTTP status; 401 spells it in lower case."""
    fault = body.get("Fault") or body.get("fault")
    return fault if isinstance(fault, Mapping) else None


def error_of(fault: Mapping[str, Any], *, status: int = 400) -> VendorError:
    """The error that a fault means."""
    errors = [each for each in _member(fault, "Error") or () if isinstance(each, Mapping)]
    first: Mapping[str, Any] = errors[0] if errors else {}
    code = str(_member(first, "code") or "")
    meaning = _meaning(code, str(_member(first, "Message") or ""), str(_member(fault, "type") or ""))
    words = "; ".join(_words(each) for each in errors)
    if meaning is None:
        return _by_status(status, words, code=code)
    return _made(meaning, words, code=code)


def _meaning(code: str, message: str, fault_type: str) -> Meaning | None:
    known = MEANINGS.get(code)
    # Older texts print another code beside this message.
    if known is None and "duplicate document number" in message.lower():
        return MEANINGS["6140"]
    return known or _BY_TYPE.get(fault_type.lower())


def _by_status(status: int, words: str, *, code: str = "") -> VendorError:
    code = code or f"HTTP {status}"
    if status == 401:
        return _made(_RECONNECT, words, code=code)
    if status == 403:
        return _made(_FORBIDDEN, words, code=code)
    if status == 429:
        return _made(MEANINGS["3001"], words, code=code)
    if status >= 500:
        return _made(_DOWN, words, code=code)
    return _made(_OUR_REQUEST, words, code=code)


def _made(meaning: Meaning, words: str, *, code: str) -> VendorError:
    told = {"code": code, "explanation": meaning.explanation, "advice": meaning.advice}
    if issubclass(meaning.error, TryLater):
        wait = None if meaning.may_have_acted else THROTTLED_SECONDS
        return TryLater(words, sent=meaning.may_have_acted, retry_after=wait, **told)
    return meaning.error(words, **told)


def _words(error: Mapping[str, Any]) -> str:
    message, detail = str(_member(error, "Message") or ""), str(_member(error, "Detail") or "")
    said = detail if detail.startswith(message) else f"{message}: {detail}" if detail else message
    element = _member(error, "element")
    return f"{said} ({element})" if element else said


def _member(of: Mapping[str, Any], name: str) -> Any:
    return of.get(name, of.get(name[0].lower() + name[1:]))


def _looks_like_json(answer: Answer) -> bool:
    return answer.body.lstrip()[:1] in (b"{", b"[")
