"""What is promised of every connector whose vendor polls us: it speaks to strangers, so it believes nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.connectors.registry import connectors
from integrations.wire.connector import EVERY_MINUTES, Connector
from integrations.wire.message import Answer, Request
from integrations.wire.polled import (
    REPLIES,
    Brought,
    GoOn,
    Leaving,
    Malformed,
    Message,
    Next,
    Reception,
    Reply,
    Said,
    SignIn,
    Take,
    Trouble,
    Turned,
    Welcome,
    WhyNothing,
)

POLLED = [each for each in connectors().values() if each.driver == "polled"]
TICKET = "a-ticket"
MESSAGES: tuple[Message, ...] = (
    SignIn(user="someone", password="sesame"),
    Next(ticket=TICKET),
    Brought(ticket=TICKET, answer=Answer(status=200)),
    Trouble(ticket=TICKET, code="1", words="closed"),
    WhyNothing(ticket=TICKET),
    Leaving(ticket=TICKET),
)
REPLIED: dict[type, Reply] = {
    Welcome: Welcome(ticket=TICKET, work=True),
    Take: Take(request=Request(method="ASK", path="x", body="<x>ä&amp;</x>".encode())),
    Turned: Turned(why="Nobody & nothing <here>."),
    GoOn: GoOn(percent=40),
    Said: Said(words="Nothing & more <words>."),
}
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (name, *[name - 1] * 10)
    for name in range(ord("b"), ord("k"))
) + b"]><x>&j;</x>"  # fmt: skip
NONSENSE = {
    "nothing": b"",
    "zeros": b"\0" * 1000,
    "no text": b"\xff\xfe\xfd",
    "a number": b"1",
    "half a document": b'<?xml version="1.0"?><a><b>',
    "another document": b"<a><b/></a>",
    "a web page": b"<!doctype html><p>Hello",
    "json": b'{"say": "something"}',
    "entities in entities": LAUGHS,
    "a file of ours": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    "very deep": b"<a>" * 100_000,
}

pytestmark = pytest.mark.parametrize("connector", POLLED, ids=lambda each: each.slug)


def reception(connector: Connector) -> Reception:
    assert connector.reception is not None
    return connector.reception


def test_it_says_how_often_its_side_comes(connector: Connector) -> None:
    assert EVERY_MINUTES in connector.settings


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_what_is_not_its_protocol_is_malformed(connector: Connector, body: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(Malformed) as malformed:
        reception(connector).read(body, {"Content-Type": "text/xml; charset=utf-8"})
    assert time.monotonic() - began < 1
    assert "root:" not in str(malformed.value)


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        pytest.param(message, REPLIED.get(kind) or kind(), id=f"{type(message).__name__}-{kind.__name__}")
        for message in MESSAGES
        for kind in REPLIES[type(message)]
    ],
)
def test_every_reply_can_be_written(connector: Connector, message: Message, reply: Any) -> None:
    written = reception(connector).write(message, reply)
    assert written
    assert b"sesame" not in written


def test_a_fault_can_be_written_in_any_words(connector: Connector) -> None:
    assert reception(connector).fault("What & <why> ä")
    assert reception(connector).fault_status >= 400


def test_the_invitation_names_whom_and_where_and_no_password(connector: Connector) -> None:
    place = "0f8fad5b-d9cb-469f-a165-70867728950e"
    file = reception(connector).invitation(
        name="Books & more",
        address="https://tieout.example/polled/x/",
        support="https://tieout.example/polled/x/",
        user="tieout-abc",
        place_id=place,
        every_minutes=15,
    )
    for named in (b"https://tieout.example/polled/x/", b"tieout-abc", place.encode()):
        assert named.lower() in file.body.lower()
    assert file.filename.isascii()
