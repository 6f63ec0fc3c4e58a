"""What a failure of QuickBooks Desktop means: the codes of single requests, and those of a whole document.

Codes and severities after the vendor's list of status codes; `memory` is marked. A document that fails as a whole brings
no qbXML, but an HRESULT and a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from integrations.wire.errors import (
    ConsentLost,
    ContractBroken,
    Duplicate,
    Forbidden,
    Missing,
    PeriodClosed,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer

from .qbxml import Told, told

NOT_FOUND = ("1", "500", "3000", "3120")
"""Answers to a question about records that are not there: nothing, or only some of them."""

_MISSING = {
    "3000": "QuickBooks does not take this id.",
    "3120": "QuickBooks does not have this record, or no longer.",
    "3130": "QuickBooks does not have the record that this one belongs to.",
    "3140": "QuickBooks does not have a record that this one refers to.",
}
_LATER = {
    "3170": "QuickBooks cannot change this just now.",
    "3175": "The record is open in QuickBooks.",
    "3176": "A record that belongs to it is open in QuickBooks.",
    "3180": "QuickBooks could not save this just now.",
    "3231": "QuickBooks did not come to it.",
    "1010": "QuickBooks is not available.",
}
_FORBIDDEN = {
    "3250": "The feature is switched off in these books, or this edition does not have it (sales orders: Premier).",
    "3260": "QuickBooks' user may not do this.",
    "3261": "This application may not do this in QuickBooks.",
}
_EXPLAINED = {
    "3070": "A text is longer than QuickBooks takes.",
    "3150": "Something that QuickBooks needs is missing.",
    "3160": "QuickBooks does not delete what is used elsewhere.",
    "3161": "It lies before the closing date of the books.",
    "3171": "It lies before the closing date of the books.",
    "3190": "QuickBooks does not void this.",
    "3210": "QuickBooks does not take this value here, such as more than is still due.",
}
_CLOSED = ("closing date", "closed period")


def error_of(answer: Told) -> VendorError:
    """The error that a failed request amounts to."""
    code, words = answer.code, answer.words
    if code in _MISSING:
        return Missing(words, code=code, explanation=_MISSING[code])
    if code == "3100" or (code == "3180" and answer.name == "SalesRepAdd"):
        return Duplicate(
            words, code=code, explanation="QuickBooks already has an entry with this name or these initials."
        )
    if code == "3200":
        return Stale(words, code=code)
    if code in ("3161", "3171") or any(sign in words.lower() for sign in _CLOSED):
        return PeriodClosed(
            words, code=code, explanation=_EXPLAINED["3161"], advice="Open the period there, or book it later."
        )
    if code in _LATER:
        return TryLater(words, sent=False, code=code, explanation=_LATER[code])
    if code in _FORBIDDEN:
        return Forbidden(words, code=code, explanation=_FORBIDDEN[code])
    if code == "1000":
        return TryLater(words, sent=True, code=code, explanation="QuickBooks had an internal error.")
    return Refused(words, code=code, explanation=_EXPLAINED.get(code, ""))


def answers_in(answer: Answer) -> list[Told]:
    """The answers in a document. Raises VendorError where the document failed as a whole."""
    if answer.status == 200:
        return told(answer)
    raise failure_of(answer.headers.get("code", ""), answer.headers.get("words", ""))


def one_by_id(answers: list[Told]) -> Mapping[str, Told]:
    return {each.id: each for each in answers}


# --- a whole document ------------------------------------------------------------------------------------------------

_NO_CONSENT = ("80040420", "80040418")  # the second: memory
_UNREACHED = {
    "80040401": "QuickBooks cannot be reached on that computer.",
    "80040408": "QuickBooks could not be started on that computer.",
    "8004040A": "Another company file is open in QuickBooks.",
    "8004040D": "The visit ended before QuickBooks came to it.",
    "80040410": "The company file is open in single-user mode by somebody else.",
    "80040414": "A dialog is open in QuickBooks.",
    "80040416": "QuickBooks is closed, and no company file was named.",
    "80040417": "QuickBooks shows no company file.",
}
"""Failures before anything was carried out; 80040408, 8004040A, 80040410, 80040414 and 80040417 are memory."""


def failure_of(code: str, words: str) -> VendorError:
    """The error for an HRESULT and its sentence."""
    number = code.strip().upper().removeprefix("0X")
    if number in _NO_CONSENT:
        return ConsentLost(
            words,
            code=code,
            explanation="QuickBooks' administrator has not allowed this application, or no longer does.",
            advice="Open the company file as Admin, and allow the application under Preferences, Integrated Applications.",
        )
    if number == "80040400":
        return Refused(
            words,
            code=code,
            explanation="QuickBooks could not read what was sent: the fault is ours, and nothing was done.",
            advice="Report it with the record; others go on by themselves.",
        )
    if number in _UNREACHED:
        return TryLater(words, sent=False, code=code, explanation=_UNREACHED[number])
    return TryLater(
        words, sent=True, code=code, explanation="QuickBooks failed in a way that does not tell what it did."
    )


def unanswered() -> ContractBroken:
    """For a document that was answered without a word about one of its requests."""
    return ContractBroken(explanation="QuickBooks' answer says nothing about this record.")
