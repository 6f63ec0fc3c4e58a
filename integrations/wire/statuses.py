"""What an HTTP status means where the vendor follows the standard; a vendor's own codes come first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .errors import (
    ConsentLost,
    ContractBroken,
    Forbidden,
    Missing,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from .message import Answer, is_web_page, not_json

Codes = Mapping[str, Callable[..., VendorError]]
"""A vendor's own error codes, and the branch that each belongs to (TryLater ones need `sent`: use a partial)."""

_BRANCHES: Mapping[int, Callable[..., VendorError]] = {
    401: ConsentLost,
    402: Forbidden,
    403: Forbidden,
    404: Missing,
    410: Missing,
    412: Stale,
    501: Refused,
}


def error_of(answer: Answer, *, words: str = "", code: str = "", codes: Codes | None = None) -> VendorError | None:
    """The error that an answer is; None where its status is a success and its code means nothing bad.

    `words` and `code` are the vendor's own, taken from the body by whoever knows where they stand. A 401 is
    ConsentLost: whoever holds tokens refreshes them and asks again before believing it. Of a 5xx nobody knows whether
    it came before or after the write.
    """
    status = answer.status
    if codes and code in codes:
        return codes[code](words, code=code)
    if 200 <= status < 300:
        return None
    shown = code or f"HTTP {status}"
    if status in (425, 429):
        return TryLater(words, code=shown, sent=False, retry_after=retry_after(answer), explanation=_BUSY)
    if status == 408 or (status >= 500 and status != 501):
        if not words and is_web_page(answer):
            words = not_json(answer).words
        return TryLater(words, code=shown, sent=True, retry_after=retry_after(answer))
    if status in _BRANCHES:
        return _BRANCHES[status](words, code=shown)
    if 400 <= status < 500:
        return Refused(words, code=shown)
    return ContractBroken(words, code=shown)


_BUSY = "The vendor asks us to slow down."


LONGEST_WAIT = 24 * 3600.0
"""Seconds that we stay away at most, whatever a vendor says."""


def retry_after(answer: Answer) -> float | None:
    """Seconds to wait by the Retry-After header, from 0 to a day; None where it says nothing sensible."""
    text = answer.headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - answered_at(answer)).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT) if math.isfinite(seconds) else None


def answered_at(answer: Answer) -> datetime:
    """The vendor's clock at the answer, by its Date header; ours where it sends none."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one at the end of time
        return answer.received_at
