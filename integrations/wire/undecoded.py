"""The records of a JSON list as they came: each is decoded only when somebody looks into it.

A record that says what it said before need not be understood again, and its bytes are enough to tell that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, overload

import msgspec

from .errors import ShapeError

Text = bytes | msgspec.Raw
Payload = dict[str, Any]

_exact = msgspec.json.Decoder(float_hook=Decimal).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Undecoded(Sequence[Payload]):
    """Payloads that are used as any list of them; `texts` holds their bytes, and looking at one decodes it."""

    __slots__ = ("texts",)

    def __init__(self, texts: Sequence[msgspec.Raw]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, at: int) -> Payload: ...
    @overload
    def __getitem__(self, at: slice) -> Undecoded: ...
    def __getitem__(self, at: int | slice) -> Payload | Undecoded:
        return Undecoded(self.texts[at]) if isinstance(at, slice) else decoded(self.texts[at])


def decoded(text: Text) -> Payload:
    """The payload that these bytes say. Raises ShapeError where they say none."""
    try:
        payload = _exact(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ShapeError("the record", f"it is no JSON: {error}") from error
    if type(payload) is not dict:
        raise ShapeError("the record", f"an object was expected, not {str(payload)[:40]!r}")
    return payload


def opened(text: Text, at: Sequence[str]) -> Any:
    """What JSON says, as usual but for the list at the path `at`: its objects are left undecoded.

    Raises msgspec.DecodeError or UnicodeDecodeError.
    """
    if at and _begins(text, b"{"):
        name, *below = at
        return {key: opened(value, below) if key == name else _exact(value) for key, value in _members(text).items()}
    if not at and _begins(text, b"["):
        elements = _elements(text)
        if all(_begins(element, b"{") for element in elements):
            return Undecoded(elements)
    return _exact(text)


def member(path: Sequence[str]) -> Callable[[Text], Any]:
    """A function that takes the member at a path out of an undecoded payload; None where there is none.

    It raises msgspec.DecodeError where something else than objects lies on the way.
    """
    kind: Any = Any
    for name in reversed(path):
        kind = msgspec.defstruct("Members", [("member", kind, msgspec.field(name=name, default=None))])
    decode = msgspec.json.Decoder(kind, float_hook=Decimal).decode

    def taken(text: Text) -> Any:
        value = decode(text)
        for _ in path:
            value = value and value.member
        return value

    return taken


def _begins(text: Text, with_: bytes) -> bool:
    return bytes(memoryview(text)[:20]).lstrip()[:1] == with_
