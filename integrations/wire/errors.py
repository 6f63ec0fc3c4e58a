"""What can go wrong with a vendor, as a tree: the branch decides, nobody parses messages.

    VendorError                 everything a vendor can do to us
    ├── TryLater                429, 5xx, timeout, cut line: again, not before `retry_after` seconds
    │   └── NoRoom              our own budget for this vendor leaves no room just now: the vendor was not even asked
    ├── Refused                 the vendor read it and said no: hold it for a person, in the vendor's words
    │   ├── Duplicate           the name, number or key is taken
    │   ├── Missing             the record is not there, or no longer
    │   ├── PeriodClosed        its day lies in a period that is closed there
    │   └── Forbidden           the connection's user may not do this: rights, edition or subscription
    ├── Stale                   it changed under us: read again, decide again
    ├── OutOfLimits             the vendor's quota for a longer time is used up: go on at `until`
    ├── ConsentLost             the customer must connect again: pause the connection
    ├── ContractBroken          the answer is not what the vendor's contract says: stop and show it
    ├── ShapeError              one member of one record cannot be read or written: the page goes on
    └── BadAddress              an address that we must not or cannot connect to: correct the settings

Each says `.words` (the vendor's own, masked and bounded), `.explanation` (what that means, in plain words) and
`.advice` (what to do). `.may_have_acted` is the question that decides about posting twice: it is False only where the
vendor is known to have done nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from .masking import masked

LONGEST_WORDS = 600
"""Characters of the vendor's words that an error keeps."""


class VendorError(Exception):
    """Everything a vendor can do to us."""

    usual_explanation: ClassVar[str] = "The vendor reported a problem."
    usual_advice: ClassVar[str] = "Read the vendor's words and correct the cause, then try again."

    def __init__(self, words: str = "", *, code: str = "", explanation: str = "", advice: str = "") -> None:
        self.words = masked(words, longest=LONGEST_WORDS)
        self.code = masked(code, longest=100)
        self.explanation = masked(explanation, longest=LONGEST_WORDS) or self.usual_explanation
        self.advice = advice or self.usual_advice
        super().__init__(self.words or self.explanation)

    @property
    def may_have_acted(self) -> bool:
        """Whether the vendor may have done what the request asked for."""
        return False

    def __str__(self) -> str:
        """Vendor's words with their code, what it means, what to do: one line."""
        words = f"{self.code}: {self.words}" if self.code and self.words else self.words or self.code
        said = f'"{words}" ' if words else ""
        return f"{said}{self.explanation} {self.advice}"


class TryLater(VendorError):
    """Not now: try again, not before `retry_after` seconds where the vendor named a time.

    `sent` says that the request may have left us, so that a write may have been done although no answer came:
    then look it up before sending it again.
    """

    usual_explanation = "The vendor could not answer just now."
    usual_advice = "Nothing needs to be done: it is tried again by itself."

    def __init__(
        self,
        words: str = "",
        *,
        sent: bool,
        retry_after: float | None = None,
        code: str = "",
        explanation: str = "",
        advice: str = "",
    ) -> None:
        super().__init__(words, code=code, explanation=explanation, advice=advice)
        self.sent = sent
        self.retry_after = retry_after

    @property
    def may_have_acted(self) -> bool:
        return self.sent


class NoRoom(TryLater):
    """Our own budget for this vendor leaves no room just now: nothing was sent, and nothing is wrong with the vendor."""

    usual_explanation = "The vendor's limits leave no room for another call just now."

    def __init__(self, *, retry_after: float, explanation: str = "") -> None:
        super().__init__(sent=False, retry_after=retry_after, explanation=explanation)


class Refused(VendorError):
    """The vendor read it, said no and did nothing: it is held for a person, in the vendor's words."""

    usual_explanation = "The vendor refused this record."
    usual_advice = "Correct the record or the mapping as the vendor's words say, then release it."


class Duplicate(Refused):
    """The name, number or key is taken by another record of the vendor."""

    usual_explanation = "The vendor already has a record with this name or number."
    usual_advice = "Link the existing record, or give this one another name or number."


class Missing(Refused):
    """The record, or one that it refers to, is not there or no longer there."""

    usual_explanation = "The vendor does not have this record, or no longer."
    usual_advice = "Check in the vendor's system whether it was deleted or merged; link or create it again."


class PeriodClosed(Refused):
    """The day of the record lies in a period whose books are closed; the tenant's rule decides what becomes of it."""

    usual_explanation = "The books are closed up to a date on or after this record's date."
    usual_advice = "Have the period opened in the vendor's system, or give the record a later date, then release it."


class Forbidden(Refused):
    """The connection's user may not do this: missing rights, edition or subscription."""

    usual_explanation = "The connected user is not allowed to do this, or the vendor's edition does not offer it."
    usual_advice = "Give the connected user the right in the vendor's system, or switch this flow off."


class Stale(VendorError):
    """It changed under us and the vendor did nothing: read again, decide again."""

    usual_explanation = "The record was changed in the vendor's system since it was last read."
    usual_advice = "Nothing needs to be done: it is read and decided again."


class OutOfLimits(VendorError):
    """A quota of the vendor is used up and it did nothing: go on at `until`, if it is known."""

    usual_explanation = "The vendor's quota for this period is used up."
    usual_advice = "Nothing needs to be done: it goes on when the vendor's next period begins."

    def __init__(
        self,
        words: str = "",
        *,
        until: datetime | None = None,
        code: str = "",
        explanation: str = "",
        advice: str = "",
    ) -> None:
        super().__init__(words, code=code, explanation=explanation, advice=advice)
        self.until = until


class ConsentLost(VendorError):
    """The customer's consent, key or password no longer holds: the connection pauses until it is connected again."""

    usual_explanation = "The vendor no longer accepts the permission that was given to this connection."
    usual_advice = "Open the connection and connect it again."


class ContractBroken(VendorError):
    """The answer is not what the vendor's contract says, so nothing may be concluded from it."""

    usual_explanation = "The vendor's answer is not in the agreed form."
    usual_advice = "Check the address and the vendor's status page; if it stays so, report it with these words."

    @property
    def may_have_acted(self) -> bool:
        return True


class BadAddress(VendorError):
    """An address that we must not or cannot connect to; nothing was sent."""

    usual_explanation = "This address cannot be used."
    usual_advice = "Correct the address in the connection's settings."


class ShapeError(VendorError):
    """One member of one record that cannot be read or written; nothing was sent. `path` says where.

    Only this record is concerned: whoever reads a page turns it into a Problem or an Issue, and the page goes on.
    """

    usual_advice = "Correct the record at its source, or report the member and its value."

    def __init__(self, path: str, message: str) -> None:
        super().__init__(explanation=f"{path} cannot be read or written: {message}.")
        self.path = path
        self.message = message
