"""What Odoo's faults mean: by the name of the server's exception, never by its text, which is in the user's language.

HTTP status is 200 for every fault. Names after the server's `http.py`, see shared/vendors/odoo.md, section 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.wire.errors import (
    BadAddress,
    ConsentLost,
    ContractBroken,
    Forbidden,
    Missing,
    Refused,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer, is_web_page, json_of, not_json
from integrations.wire.statuses import error_of as by_status


@dataclass(frozen=True, slots=True)
class Meaning:
    """The branch that a fault takes, and its plain words; empty words are those of the branch."""

    error: type[VendorError]
    explanation: str = ""
    advice: str = ""


_RULE = Meaning(
    Refused,
    "One of Odoo's own rules forbids this; the vendor's words say which.",
    "Correct what the words name, in the record, the mapping or in Odoo, then release it.",
)
_NOT_THERE = Meaning(
    Missing,
    "The record, or one that it names, is not in Odoo or no longer there.",
    "Check in Odoo whether it was deleted; link or create it again, then release the record.",
)
_UNKNOWN = Meaning(
    Refused,
    "Odoo does not know a field or value of this request: its version, or a module of it, is another than was expected.",
    "Check that the modules Invoicing, Sales and Purchase that the flow needs are installed, and that the connection "
    "names the version of this Odoo.",
)
_BUSY = Meaning(
    TryLater,
    "Odoo undid the change because somebody else was changing the same records.",
    "Nothing needs to be done: it is tried again by itself.",
)

MEANINGS: Mapping[str, Meaning] = {
    "odoo.exceptions.AccessDenied": Meaning(
        ConsentLost,
        "Odoo no longer accepts the API key or password of this connection.",
        "Make a new API key in the user's preferences in Odoo, and enter it in the connection.",
    ),
    "odoo.exceptions.AccessError": Meaning(
        Forbidden,
        "The connected Odoo user lacks a right, or works in another company.",
        "Give the user the right that the words name (Invoicing: Billing, say) and the company, then run the flow again.",
    ),
    "odoo.exceptions.MissingError": _NOT_THERE,
    "odoo.exceptions.UserError": _RULE,
    "odoo.exceptions.RedirectWarning": _RULE,
    "odoo.exceptions.ValidationError": _RULE,
    "builtins.ValueError": _UNKNOWN,
    "builtins.TypeError": _UNKNOWN,
    "builtins.KeyError": _UNKNOWN,
    "builtins.AttributeError": _UNKNOWN,
    "psycopg2.errors.SerializationFailure": _BUSY,
    "psycopg2.errors.DeadlockDetected": _BUSY,
    "psycopg2.errors.LockNotAvailable": _BUSY,
    "psycopg2.errors.NotNullViolation": _RULE,
    "psycopg2.errors.UniqueViolation": _RULE,
    "psycopg2.errors.CheckViolation": _RULE,
    # The server tells a wrong name and a busy database server alike.
    "psycopg2.OperationalError": Meaning(
        Forbidden,
        "Odoo cannot open this database: there is none of that name, or its database server takes no more connections.",
        "Check the name of the database in the connection's settings, then run the flow again.",
    ),
}
"""The server undoes the transaction of every fault, so none of them has acted."""

UNKNOWN = frozenset(name for name, meaning in MEANINGS.items() if meaning is _UNKNOWN)
"""The faults of a server that does not know a field or an argument."""


def result_of(answer: Answer) -> Any:
    """What a call returned; None where the method returns nothing. Raises the VendorError that the answer stands for."""
    if answer.status == 404:
        raise BadAddress(
            explanation="There is no Odoo at this address, or it offers no JSON-RPC.",
            advice="Enter the address at which you open Odoo, without /web and what follows it.",
        )
    error = by_status(answer)
    if error is not None:
        raise error
    if is_web_page(answer):
        raise not_json(answer)
    body = json_of(answer)
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
        raise not_json(answer)
    fault = body.get("error")
    if fault is not None:
        raise error_of(fault)
    return body.get("result")


def error_of(fault: Any) -> VendorError:
    """The error that a JSON-RPC fault means."""
    if not isinstance(fault, Mapping):
        return ContractBroken(explanation="Odoo answered with a fault that has no form.")
    data = fault.get("data")
    data = data if isinstance(data, Mapping) else {}
    name, words = str(data.get("name") or ""), str(data.get("message") or fault.get("message") or "")
    meaning = MEANINGS.get(name)
    if meaning is None:
        return Refused(words, code=name or str(fault.get("code") or ""))
    if issubclass(meaning.error, TryLater):
        return TryLater(words, sent=False, code=name, explanation=meaning.explanation, advice=meaning.advice)
    return meaning.error(words, code=name, explanation=meaning.explanation, advice=meaning.advice)


def another_version(error: Refused, version: str) -> Refused:
    """A server that does not know what one of this version knows."""
    return Refused(
        error.words,
        code=error.code,
        explanation=f"This Odoo is not of version {version}: it does not know what that version knows.",
        advice="Choose its version in the connection's settings; Odoo shows it under Settings, at the bottom of the page.",
    )


def refused(why: str) -> Refused:
    """The refusal of something that was not sent; `why` is a sentence without its full stop."""
    return Refused(
        explanation=f"This was not sent to Odoo: {why}.",
        advice="Correct the record in its source or the mapping, then release it.",
    )


def posted_already() -> Refused:
    """A change of the figures of a document that stands in the ledger: Odoo would take it, and we do not."""
    return Refused(
        code="posted",
        explanation="The document is posted in Odoo, and its figures shall change: nothing was sent.",
        advice="Correct it in Odoo, or by a credit note; or allow it in the connection's settings (Posted documents may be "
        "changed), and release the record.",
    )


# --- what `load` says in its answer ----------------------------------------------------------------------------------


def check_loaded(result: Any) -> list[int]:
    """The ids that `load` made or changed. Raises where it did not: then it did nothing at all.

    A currency that is not found concerns the books, not the record: Forbidden, so that the flow stops with one issue.
    """
    if not isinstance(result, Mapping):
        raise ContractBroken(explanation="Odoo's answer to load is no object.")
    ids = result.get("ids")
    messages = [each for each in result.get("messages") or () if isinstance(each, Mapping)]
    if isinstance(ids, list) and all(isinstance(each, int) for each in ids):
        return ids
    words = "; ".join(str(each.get("message") or "") for each in messages)
    fields = {str(each.get("field") or "") for each in messages}
    if "currency_id" in fields:
        raise inactive_currency(words)
    raise Refused(
        words,
        code="load",
        explanation="Odoo could not take one of these records, and so took none; the vendor's words say why.",
        advice="Correct what the words name, in the record, the mapping or in Odoo, then release it.",
    )


def inactive_currency(words: str) -> Forbidden:
    """A currency that Odoo does not have, or has switched off."""
    return Forbidden(
        words,
        code="currency_id",
        explanation="A currency of these documents is not active in Odoo, so nothing was sent.",
        advice="Activate the currency in Odoo (Invoicing, Configuration, Currencies), enter its rates, and run the flow again.",
    )


def no_rate(currency: str, home: str) -> Forbidden:
    """A foreign currency that converts one to one: nobody entered a rate."""
    return Forbidden(
        code="currency_rate",
        explanation=f"Odoo converts {currency} to {home} one to one: no rate is entered for the day of these documents.",
        advice=f"Enter the rate of {currency} in Odoo (Invoicing, Configuration, Currencies), delete the drafts that were "
        "made without it, unlink their records here, and run the flow again.",
    )
