"""Vendors that poll us: their side comes, signs in, fetches one request at a time, brings its answer, and leaves.

    Hello*, SignIn, (Next, Brought)*, Leaving           one visit; Trouble and WhyNothing wherever they like

A connector whose driver is "polled" says in its `reception` how these messages look in its vendor's protocol, and
nothing more: who is let in, what is fetched and what is waited for is decided by those who serve it.

message = reception.read(body, headers)
reply = ...                                     # the message decides which: see REPLIES
return reception.write(message, reply)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .locks import Lock
from .message import Answer, Request

# What their side says


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A question about versions, before anybody has signed in; `question` is the vendor's name for it.

    The reception answers it by itself: it gets Said with our version, and may write anything else.
    """

    question: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who comes, and the proof. Answered by Welcome, Busy or Turned."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which set of books is open where the visitor comes from.

    `id` is the place id that our invitation gave to this connection, as it is found there; None where these books have
    none yet. `name` is the books' own name. `settings` are facts that the dialect needs (edition, version, currency):
    they are kept among the connection's settings, by these names. `locks` are the closed periods, None where it does not tell.
    """

    name: str
    id: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    locks: Sequence[Lock] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What have you for me? `place` is None where the message does not tell it. Answered by Take, NothingNow,
    NothingMore or Turned."""

    ticket: str = field(repr=False)
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """The answer to the request that was fetched last. Answered by GoOn or Turned.

    `answer` has status 200 and the body as the vendor wrote it, utf-8; where their side failed, status 500 and the
    headers "code" and "words".
    """

    ticket: str = field(repr=False)
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Their side cannot reach the books: the vendor's code and words. Answered by Said."""

    ticket: str = field(repr=False)
    code: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNothing:
    """Why was there nothing, or what went wrong? Answered by NothingNow (ask again soon) or Said."""

    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The visit ends. Answered by Said."""

    ticket: str = field(repr=False)


Message = Hello | SignIn | Next | Brought | Trouble | WhyNothing | Leaving

# What we answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Let in: `ticket` is to be shown with every message of this visit. `work`: whether it is worth to go on now."""

    ticket: str = field(repr=False)
    work: bool


@dataclass(frozen=True, slots=True)
class Busy:
    """Another visit to the same connection is under way: come again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """Turned away: a wrong name or password, or a ticket that is good for nothing (any longer)."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Carry this out, and bring the answer."""

    request: Request


@dataclass(frozen=True, slots=True)
class NothingNow:
    """Nothing just now, but more may come within seconds: ask again soon."""


@dataclass(frozen=True, slots=True)
class NothingMore:
    """Nothing more in this visit: leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """The answer is taken. `percent` done of what is to be done: below 100, ask for the next; 100, leave."""

    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words for the person in front of their side; protocols that want a fixed word instead write that."""

    words: str


Reply = Welcome | Busy | Turned | Take | NothingNow | NothingMore | GoOn | Said

REPLIES: Mapping[type, tuple[type, ...]] = {
    Hello: (Said,),
    SignIn: (Welcome, Busy, Turned),
    Next: (Take, NothingNow, NothingMore, Turned),
    Brought: (GoOn, Turned),
    Trouble: (Said, Turned),
    WhyNothing: (NothingNow, Said, Turned),
    Leaving: (Said, Turned),
}
"""What each message may be answered with: a reception writes every one of these."""


class Malformed(ValueError):
    """Their message is not in the agreed form; its text says what is wrong and holds nothing of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A file for the person who sets their side up: it names the address and the user, never the password."""

    filename: str
    content_type: str
    body: bytes


class Reception(Protocol):
    """How a vendor's side speaks to us: pure functions between bytes and the values above.

    `content_type` is that of everything written. `fault_status` is the HTTP status that goes with a `fault`.
    """

    content_type: str
    fault_status: int

    def read(self, body: bytes, headers: Mapping[str, str]) -> Message:
        """What they say; header names are compared without case. Expands no entities. Raises Malformed."""
        ...

    def write(self, message: Message, reply: Reply) -> bytes:
        """Our reply to their message, in their protocol; see REPLIES."""
        ...

    def fault(self, words: str) -> bytes:
        """The protocol's own way to say that a message could not be read, or that we failed."""
        ...

    def invitation(
        self, *, name: str, address: str, support: str, user: str, place_id: str, every_minutes: int
    ) -> Invitation:
        """The file that makes their side come to `address` every so many minutes.

        `name` is what they see, `support` a page on the same host, `place_id` a GUID in lower case without braces:
        what Place.id says later, once their side has stored it with the books. Raises ValueError, in words for a
        person, where their side would not come to this address.
        """
        ...
