"""The words that every vendor has who polls us."""

from __future__ import annotations

from typing import get_args

from integrations.wire import polled
from integrations.wire.polled import REPLIES, Message, Reply, SignIn, Welcome


def test_every_message_has_its_replies_and_every_reply_its_message() -> None:
    assert set(REPLIES) == set(get_args(Message))
    assert {reply for replies in REPLIES.values() for reply in replies} == set(get_args(Reply))


def test_whoever_shows_a_ticket_may_be_turned_away() -> None:
    ticketed = [each for each in REPLIES if "ticket" in each.__dataclass_fields__]
    assert [each for each in ticketed if polled.Turned not in REPLIES[each]] == []


def test_neither_password_nor_ticket_shows_in_a_log() -> None:
    assert "sesame" not in repr(SignIn(user="someone", password="sesame"))
    assert "sesame" not in repr(Welcome(ticket="sesame", work=True))
    shown = [each for each in get_args(Message) if each not in (polled.Hello, SignIn)]
    assert [each for each in shown if each.__dataclass_fields__["ticket"].repr] == []
