"""Knocks: a vendor tells us that something happened at its side; we only take from it where to look.

A connector whose vendor does so declares in its `knocks` how such a message proves where it comes from, and where it says
what happened to what. All of it is facts:

    Knocks(
        proof=Signed(header="x-acme-signature"),
        forms=(Form(each=("events",), company="tenantId", says=("category", "type"), id="resourceId", event=("eventId",)),),
        objects={"invoice": ("invoice",), "contact": ("customer", "vendor")},
        gone=frozenset({"deleted"}),
        within=5,
        setup="...",
    )

A place in a message is a dotted path in the event: `data.object.id`. `^.realmId` is looked for one level further out, in
what the event lies in; `header X-Topic` in the headers. Nothing of a message is ever kept as what a record says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import msgspec

HEADER, OUTWARD, NAMELESS = "header ", "^.", "~"
LONGEST_ID, LONGEST_COMPANY = 300, 200

_exact = msgspec.json.Decoder().decode
_ordered = msgspec.json.Encoder(order="sorted").encode


class Malformed(ValueError):
    """A message is not in a form that its vendor is known to use; the text holds nothing of what it said."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came, byte for byte; the headers' names are compared without case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """The header of that name, or nothing."""
        return next((value for each, value in self.headers.items() if each.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Look here: something happened to this record of this stream.

    `company` is whose books, by the vendor's name for them; empty where the address alone tells it. `external_id` is empty
    where only the stream is named. `how` is what the vendor says became of it, and `into` the survivor of a merge: both are
    claims that a direct read confirms. `event` is the same whenever the same event is told again; it begins with
    `NAMELESS` where the vendor's events have neither a name nor a moment, so that two that look alike may be two.
    """

    company: str
    object: str
    external_id: str
    how: Literal["changed", "deleted", "merged"] = "changed"
    into: str = ""
    event: str = ""
    told_at: datetime | None = None


# The proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A header holds an HMAC over the message, made with a key that only the vendor and we know.

    `secret` names the connection's secret that is the key; left out, the key belongs to our application there, and the
    operator enters it. With `member` the header is a list of `name=value`, and the signatures are those under that name;
    `time` is then the member that says when it was sent, in seconds since 1970, and what is older or newer than `tolerance`
    is refused. `signs` says over what: "body", "time", anything else stands for itself.
    """

    header: str
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"
    secret: str = ""
    member: str = ""
    time: str = ""
    tolerance: timedelta = timedelta(minutes=5)
    signs: tuple[str, ...] = ("body",)

    def proves(self, message: Message, keys: Sequence[str], *, now: datetime) -> bool:
        """Whether the message was signed with one of these keys, and just now where it says when. In constant time."""
        said = message.header(self.header)
        members = [tuple(part.strip().partition("=")[::2]) for part in said.split(",")] if self.member else []
        shown = [value for name, value in members if name == self.member] if self.member else [said.strip()]
        moment = next((value for name, value in members if name == self.time), "") if self.time else ""
        if self.time and not self._is_now(moment, now):
            return False
        parts = {"body": message.body, "time": moment.encode()}
        signed = b"".join(parts.get(part, part.encode()) for part in self.signs)
        wanted = [hmac.digest(key.encode(), signed, self.algorithm) for key in keys if key]
        return any(hmac.compare_digest(each, ours) for each in map(self._decoded, shown) for ours in wanted)

    def _decoded(self, shown: str) -> bytes:
        try:
            return bytes.fromhex(shown) if self.encoding == "hex" else base64.b64decode(shown, validate=True)
        except (ValueError, binascii.Error):
            return b""

    def _is_now(self, moment: str, now: datetime) -> bool:
        if not re.fullmatch(r"\d{1,12}", moment, re.ASCII):
            return False
        return abs(int(now.timestamp()) - int(moment)) <= self.tolerance.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretAddress:
    """The vendor signs nothing: who knows the connection's address is believed that there is something to look at."""


Proof = Signed | SecretAddress


def is_of_app(proof: Proof) -> bool:
    """Whether one address and one key, of our application at the vendor, serve all customers."""
    return isinstance(proof, Signed) and not proof.secret


# The message


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a message says what happened. Every place is as the module describes it; "" is nowhere.

    `each` leads to the events: a list, and the list within each of its members, and so on; "" is the value itself, and
    without any the whole body is one event. `says` are the places of the words that `pattern` takes apart, joined by dots:
    its group `entity` is what kind of record, its group `verb` what happened. `id` is the record's id. `merged` is the id
    that went away where two were made one, and `id` is then the survivor. `event` are the places that together name the
    event, `at` when it happened: ISO 8601 (UTC where it names no zone) or seconds since 1970.
    """

    says: tuple[str, ...]
    id: str
    each: tuple[str, ...] = ()
    pattern: str = r"(?P<entity>.+)\.(?P<verb>[^.]+)"
    company: str = ""
    merged: str = ""
    event: tuple[str, ...] = ()
    at: str = ""

    def fits(self, body: Any) -> bool:
        """Whether the body is in this form, as far as its outermost part shows."""
        outermost = self.each[0] if self.each else None
        if outermost is None:
            return isinstance(body, dict)
        return isinstance(_inside(body, outermost), list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocks:
    """How a vendor tells us that something happened.

    The first of the `forms` that fits is read. `objects` leads from the vendor's word for a kind of record, in lower case,
    to the streams where such a record may be; other kinds are no matter of ours. `ids` says how the ids of a stream are
    made of the vendor's, where they are not the same: `{"class": "class:{id}"}`. `gone` and `merged` are the verbs, in
    lower case, that mean these. `within` is how many seconds the vendor waits for our answer. `setup` tells a person where
    the address is entered at the vendor. `direct`: a direct read by ids leaves out what does not belong to its stream; where
    it does not, only the list of what changed tells what belongs.
    """

    proof: Proof
    forms: tuple[Form, ...]
    objects: Mapping[str, tuple[str, ...]]
    within: float
    setup: str
    ids: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    merged: frozenset[str] = frozenset()
    direct: bool = True

    def read(self, message: Message) -> list[Knock]:
        """Where to look, in the order in which it is told. Raises Malformed."""
        try:
            body = _exact(message.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"The body is no JSON: {type(error).__name__}.") from None
        form = next((form for form in self.forms if form.fits(body)), None)
        if form is None:
            raise Malformed("The message is in no form that is known of this vendor.")
        return [knock for event in _events(form.each, (body,)) for knock in self._told(form, message, event)]

    def _told(self, form: Form, message: Message, event: tuple[Any, ...]) -> Iterator[Knock]:
        def at(place: str) -> str:
            return _word(message, event, place)

        words = re.fullmatch(form.pattern, ".".join(map(at, form.says)))
        if words is None:
            return
        named = words.groupdict()
        entity, verb = named["entity"].lower(), (named.get("verb") or "").lower()
        survivor, lost = at(form.id), at(form.merged) if verb in self.merged else ""
        for stream in self.objects.get(entity, ()):
            name = self.ids.get(stream, "{id}")
            told = partial(
                Knock, company=at(form.company)[: LONGEST_COMPANY + 1], object=stream, told_at=_moment(at(form.at))
            )
            event_id = _event_id(form, message, event)
            if survivor:
                id = name.format(id=survivor)
                how: Literal["changed", "deleted"] = "deleted" if verb in self.gone else "changed"
                yield from _sound(told(external_id=id, how=how, event=_digest(event_id, stream, id)))
            elif not form.id:
                yield from _sound(told(external_id="", event=_digest(event_id, stream)))
            if lost:
                id, into = name.format(id=lost), name.format(id=survivor) if survivor else ""
                event_of_it = _digest(event_id, stream, id)
                yield from _sound(told(external_id=id, how="merged", into=into, event=event_of_it))


def _sound(knock: Knock) -> Iterator[Knock]:
    """The knock, unless nothing that we could hold is called so."""
    names = knock.external_id, knock.into
    if all(len(name) <= LONGEST_ID and "\0" not in name for name in names) and _can_be_company(knock.company):
        yield knock


def _can_be_company(name: str) -> bool:
    return len(name) <= LONGEST_COMPANY and "\0" not in name


def _events(each: tuple[str, ...], frames: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Every event with what it lies in, outermost first."""
    if not each:
        yield frames
        return
    inside = _inside(frames[-1], each[0])
    if not isinstance(inside, list):
        raise Malformed(f"There is no list at {each[0] or 'the top'}.")
    for one in inside:
        yield from _events(each[1:], (*frames, one))


def _inside(value: Any, place: str) -> Any:
    for name in filter(None, place.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _word(message: Message, event: tuple[Any, ...], place: str) -> str:
    """The text or number at a place, as a text; nothing where there is none."""
    if place.startswith(HEADER):
        return message.header(place.removeprefix(HEADER))
    outward = 0
    while place.startswith(OUTWARD):
        place, outward = place.removeprefix(OUTWARD), outward + 1
    if not place or outward >= len(event):
        return ""
    found = _inside(event[-1 - outward], place)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _event_id(form: Form, message: Message, event: tuple[Any, ...]) -> tuple[str, ...]:
    """What names the event: the vendor's words for it, or else all that it says."""
    named = tuple(_word(message, event, place) for place in form.event)
    if any(named):
        return ("", *named)
    return NAMELESS, hashlib.sha256(_ordered(event[-1])).hexdigest()


def _digest(event: tuple[str, ...], *about: str) -> str:
    """64 characters for the event and the record."""
    mark, *names = event
    digest = hashlib.sha256(_ordered([*names, *about])).hexdigest()
    return (mark + digest)[:64]


def _moment(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{1,11}", text, re.ASCII):
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
