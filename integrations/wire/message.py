"""What goes over a wire, as values: a Request, its Answer, or Pending while the answer is not here yet.

Nothing here sends anything. The same values serve vendors that we call over HTTP, vendors that poll us, and files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from requests.structures import CaseInsensitiveDict

from .errors import ContractBroken
from .undecoded import opened

_EXACT_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EXACT_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question to a vendor. It carries no secret until `auth.sign` made the copy that is sent.

    `path` lies below the site's address, or is an absolute URL; for drivers other than HTTP, `method` is a verb and
    `path` a name. `timeout` is in seconds and covers the whole exchange.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a vendor answered. Header names are compared without case.

    `asked_at`: the earliest moment as of which it may speak, where that lies long before `received_at`, as for a vendor
    that polls us; None: just before.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", CaseInsensitiveDict(self.headers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The answer is not here yet: send `then`, not before `after` seconds, to learn it.

    A vendor that polls us has still to fetch the request; one that works in the background gave only a receipt.
    The engine keeps `then` with the Call and treats this as Later; the answer at last goes where the first would have
    gone.
    """

    then: Request
    after: float = 5.0


def pack(message: Request | Answer) -> bytes:
    """A message as JSON that can be kept; `unpack_request` and `unpack_answer` make the same message of it."""
    plain = {name: getattr(message, name) for name in type(message).__dataclass_fields__}
    return msgspec.json.encode({**plain, "headers": dict(message.headers)}, order="sorted")


def unpack_request(packed: bytes) -> Request:
    """The request that `pack` kept."""
    return msgspec.json.decode(packed, type=Request)


def unpack_answer(packed: bytes) -> Answer:
    """The answer that `pack` kept."""
    return msgspec.json.decode(packed, type=Answer)


def json_body(obj: Any) -> bytes:
    """JSON as vendors take it: Decimals are JSON numbers with every digit, dates are ISO text."""
    return _EXACT_ENCODER.encode(obj)


def json_of(answer: Answer, *, list_at: Sequence[str] | None = None) -> Any:
    """The JSON of an answer, its fractions as Decimal. Raises ContractBroken on a web page or on no JSON.

    Where `list_at` names the place of a list of records, these are left `Undecoded`.
    """
    try:
        return _EXACT_DECODER.decode(answer.body) if list_at is None else opened(answer.body, list_at)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(answer) from error


def text_of(answer: Answer, *, longest: int = 4000) -> str:
    """The beginning of an answer as text, whatever its bytes."""
    return answer.body[:longest].decode("utf-8", "replace")


def is_web_page(answer: Answer) -> bool:
    """Whether the answer is a page for people: a log-in form, a proxy's or a maintenance page."""
    if "html" in answer.headers.get("Content-Type", "").lower():
        return True
    return answer.body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def not_json(answer: Answer) -> ContractBroken:
    """The error for an answer that should have been JSON, with its first 200 characters."""
    words = text_of(answer, longest=800)
    if not answer.body:
        what = "an empty answer"
    elif is_web_page(answer):
        what = "a web page (a log-in, proxy or maintenance page)"
        words = " ".join(_without_markup(words).split())
    else:
        what = "an answer that is not JSON"
    return ContractBroken(
        words[:200],
        code=f"HTTP {answer.status}",
        explanation=f"The vendor gave {what} where JSON was expected.",
        advice="Check that the address is that of the vendor's interface; otherwise it is tried again later.",
    )


def _without_markup(page: str) -> str:
    return " ".join(piece.partition(">")[2] if ">" in piece else piece for piece in page.split("<"))
