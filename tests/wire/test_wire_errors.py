"""Errors say what, in whose words, and what to do; they never say a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from integrations.wire.errors import (
    BadAddress,
    ConsentLost,
    ContractBroken,
    Duplicate,
    Forbidden,
    Missing,
    NoRoom,
    OutOfLimits,
    Refused,
    ShapeError,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.masking import masked
from integrations.wire.message import (
    Answer,
    Request,
    json_body,
    json_of,
    pack,
    unpack_answer,
    unpack_request,
)
from integrations.wire.statuses import Codes, error_of, retry_after

ALL = [
    TryLater("busy", sent=False),
    NoRoom(retry_after=3),
    Refused("no"),
    Duplicate("no"),
    Missing("no"),
    Forbidden("no"),
    Stale("no"),
    OutOfLimits("no", until=datetime(2026, 9, 15, tzinfo=UTC)),
    ConsentLost("no"),
    ContractBroken("no"),
    BadAddress("no"),
    ShapeError("lines[0].qty", "a number was expected"),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_explains_itself_and_advises(error: VendorError) -> None:
    assert error.explanation.endswith(".")
    assert error.advice.endswith(".")
    assert error.explanation in str(error)
    assert error.advice in str(error)


def test_only_where_the_vendor_may_have_acted_a_write_is_looked_up() -> None:
    assert [type(error).__name__ for error in ALL if error.may_have_acted] == ["ContractBroken"]
    assert TryLater(sent=True).may_have_acted


def test_the_vendors_words_are_shown_with_their_code() -> None:
    assert str(Duplicate("Name is taken", code="6240")).startswith('"6240: Name is taken" The vendor already has')


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        ("Authorization: Bearer abcdef1234567890", "abcdef1234567890"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{"refresh_token": "AB11687"}', "AB11687"),
        ("access_token=xyz123&x=1", "xyz123"),
        ("grant_type=password&password=hunter2", "hunter2"),
        ("<password>hunter2</password>", "hunter2"),
        ("<sessionid type='x'>abc</sessionid>", "abc"),
        ("postgres://ada:hunter2@db/books", "hunter2"),
        ("token eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJ is expired", "SflKxwRJ"),
        ("sent 0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("client_secret: 'top secret words'", "secret words"),
    ],
)
def test_secrets_in_the_vendors_words_are_masked(words: str, secret: str) -> None:
    assert secret not in masked(words)
    assert secret not in str(Refused(words))
    assert secret not in ConsentLost(explanation=words).explanation


@pytest.mark.parametrize(
    "words",
    [
        "The contact name Ada is already assigned to another contact.",
        "Invoice 60aa5d55-a47e-4665-a974-874bb50263b9 was not found",
        "Token expired",
        "basic settings are missing",
        "https://books.example/invoices/1042?page=2",
    ],
)
def test_ordinary_words_are_left_alone(words: str) -> None:
    assert masked(words) == words


def test_words_are_bounded_and_on_one_line() -> None:
    error = Refused("line\n" * 100_000)
    assert len(error.words) <= 600
    assert "\n" not in error.words


# Statuses


@pytest.mark.parametrize(
    ("status", "branch", "acted"),
    [
        (400, Refused, False),
        (401, ConsentLost, False),
        (403, Forbidden, False),
        (404, Missing, False),
        (410, Missing, False),
        (412, Stale, False),
        (422, Refused, False),
        (429, TryLater, False),
        (408, TryLater, True),
        (500, TryLater, True),
        (501, Refused, False),
        (502, TryLater, True),
        (503, TryLater, True),
        (304, ContractBroken, True),
    ],
)
def test_a_status_belongs_to_one_branch(status: int, branch: type[VendorError], acted: bool) -> None:
    error = error_of(Answer(status=status), words="why")
    assert type(error) is branch
    assert error.words == "why"
    assert error.may_have_acted is acted


def test_a_success_is_no_error_unless_its_code_says_so() -> None:
    codes: Codes = {"5010": Stale, "3001": partial(TryLater, sent=False)}
    assert error_of(Answer(status=200)) is None
    assert type(error_of(Answer(status=200), code="5010", codes=codes)) is Stale
    assert type(error_of(Answer(status=400), code="3001", codes=codes)) is TryLater


def test_a_maintenance_page_is_told_by_its_text() -> None:
    page = Answer(status=502, headers={"Content-Type": "text/html"}, body=b"<html><h1>Back soon</h1></html>")
    error = error_of(page)
    assert isinstance(error, TryLater)
    assert error.words == "Back soon"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("-5", 0.0),
        ("Mon, 14 Sep 2026 10:31:00 GMT", 60.0),
        ("Mon, 14 Sep 2026 10:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_by_the_vendors_clock(header: str, seconds: float | None) -> None:
    headers = {"Retry-After": header, "Date": "Mon, 14 Sep 2026 10:30:00 GMT"}
    assert retry_after(Answer(status=429, headers=headers)) == seconds


# JSON


def test_json_keeps_every_digit_both_ways() -> None:
    digits = b'{"a":0.1,"b":12345678901234.123456789,"c":1.10,"d":7}'
    value = json_of(Answer(status=200, body=digits))
    assert value["b"] == Decimal("12345678901234.123456789")
    assert type(value["d"]) is int
    assert json_body(value) == digits


@pytest.mark.parametrize(
    ("body", "type_", "words"),
    [
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "text/html", "web page"),
        (b"\n <html>Sign in</html>", "", "web page"),
        (b"", "", "empty"),
        (b"{", "application/json", "not JSON"),
        (b"\xff\xfe{}", "application/json", "not JSON"),
        (b'{"a": "\xff"}', "application/json", "not JSON"),
        (b'{"a": NaN}', "application/json", "not JSON"),
    ],
)
def test_what_is_no_json_is_told_in_a_clear_sentence(body: bytes, type_: str, words: str) -> None:
    with pytest.raises(ContractBroken) as error:
        json_of(Answer(status=200, headers={"content-type": type_}, body=body))
    assert words in error.value.explanation
    assert "<" not in error.value.words
    assert error.value.code == "HTTP 200"


def test_the_words_of_a_broken_answer_are_bounded_and_masked() -> None:
    body = b"oops access_token=abc123 " + b"x" * 5000
    with pytest.raises(ContractBroken) as error:
        json_of(Answer(status=200, body=body))
    assert len(error.value.words) <= 200
    assert "abc123" not in error.value.words


def test_a_message_is_kept_and_comes_back_the_same() -> None:
    request = Request(method="POST", path="/x", params={"a": "1"}, headers={"B": "2"}, body=b"\x00\xff", timeout=5)
    answer = Answer(status=201, headers={"ETag": "7"}, body=b"\x00\xff")
    assert unpack_request(pack(request)) == request
    again = unpack_answer(pack(answer))
    assert again == answer
    assert again.headers["etag"] == "7"


@pytest.mark.parametrize(
    "text",
    [
        "1e15",
        "99999999999999999999",
        "1e400",
        "nan",
        "-5",
        "²",
        "soon",
        "",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
    ],
)
def test_whatever_a_vendor_writes_as_a_time_to_wait_it_is_no_more_than_a_day_and_stops_nobody(text: str) -> None:
    for headers in ({"Retry-After": text}, {"Retry-After": text, "Date": text}):
        seconds = retry_after(Answer(status=429, headers=headers))
        assert seconds is None or 0 <= seconds <= 86400
