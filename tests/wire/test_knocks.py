"""Vendors that knock: proof and message are read by facts alone, whichever way a vendor writes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from integrations.wire.knocks import NAMELESS, Form, Knock, Knocks, Malformed, Message, SecretAddress, Signed
from tests.wire.knocking import ENDPOINT, LEDGER, STALL, at_endpoint, from_ledger, from_stall

NOW = datetime(2026, 9, 14, 10, tzinfo=UTC)
PROVEN = {"ledger": LEDGER, "stall": STALL, "endpoint": ENDPOINT}


def messages(key: str = "a key") -> dict[str, Message]:
    """One message of each toy, signed with this key."""
    return {
        "ledger": from_ledger([{"tenantId": "t", "eventCategory": "INVOICE", "resourceId": "1"}], key),
        "stall": from_stall("customers/update", {"id": 706405506930370084}, key),
        "endpoint": at_endpoint("invoice.voided", "in_1", key, at=NOW),
    }


@pytest.mark.parametrize("vendor", PROVEN)
def test_what_was_signed_with_the_key_is_believed_and_nothing_else(vendor: str) -> None:
    proof, message = PROVEN[vendor].proof, messages()[vendor]
    assert isinstance(proof, Signed)

    assert proof.proves(message, ["a key"], now=NOW)
    assert proof.proves(message, ["a newer key", "a key"], now=NOW), "two keys are good while they are changed"
    for keys in ([], [""], ["another key"]):
        assert not proof.proves(message, keys, now=NOW)
    assert not proof.proves(Message(message.body + b" ", message.headers), ["a key"], now=NOW)
    assert not proof.proves(Message(message.body), ["a key"], now=NOW)


@examples(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60))
def test_no_header_whatever_it_holds_breaks_the_proof(header: str, body: bytes) -> None:
    for facts in PROVEN.values():
        assert isinstance(facts.proof, Signed)
        assert not facts.proof.proves(Message(body, {facts.proof.header: header}), ["a key"], now=NOW)


def test_an_empty_signature_is_never_that_of_an_empty_key() -> None:
    empty = base64.b64encode(hmac.digest(b"", b"{}", "sha256")).decode()
    message = Message(b"{}", {"x-ledger-signature": empty})
    assert isinstance(LEDGER.proof, Signed)
    assert not LEDGER.proof.proves(message, [""], now=NOW)


@pytest.mark.parametrize(("late", "believed"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_a_message_that_says_when_it_was_sent_is_believed_around_that_moment(late: int, believed: bool) -> None:
    assert isinstance(ENDPOINT.proof, Signed)
    message = at_endpoint("invoice.voided", "in_1", "a key", at=NOW)
    assert ENDPOINT.proof.proves(message, ["a key"], now=NOW + timedelta(seconds=late)) is believed


def test_a_moment_that_was_changed_no_longer_fits_its_signature() -> None:
    assert isinstance(ENDPOINT.proof, Signed)
    sent = at_endpoint("invoice.voided", "in_1", "a key", at=NOW - timedelta(days=1))
    stamp = int(NOW.timestamp())
    replayed = {"Endpoint-Signature": f"t={stamp}," + sent.headers["Endpoint-Signature"].partition(",")[2]}
    assert not ENDPOINT.proof.proves(Message(sent.body, replayed), ["a key"], now=NOW)


def test_of_several_signatures_in_a_header_one_suffices() -> None:
    assert isinstance(ENDPOINT.proof, Signed)
    sent = at_endpoint("invoice.voided", "in_1", "a key", at=NOW)
    stamp, _, signature = sent.headers["Endpoint-Signature"].partition(",")
    both = {"endpoint-signature": f"{stamp}, v1={'0' * 64}, {signature}, v0=old"}
    assert ENDPOINT.proof.proves(Message(sent.body, both), ["a key"], now=NOW)


def told(facts: Knocks, message: Message) -> list[tuple[str, str, str, str]]:
    return [(each.company, each.object, each.external_id, each.how) for each in facts.read(message)]


def test_a_ledger_tells_of_several_companies_in_one_message() -> None:
    events = [
        {"tenantId": "t-1", "eventCategory": "INVOICE", "resourceId": "a", "eventType": "UPDATE"},
        {"tenantId": "t-2", "eventCategory": "CONTACT", "resourceId": "b", "eventType": "CREATE"},
        {"tenantId": "t-2", "eventCategory": "SUBSCRIPTION", "resourceId": "c", "eventType": "UPDATE"},
    ]
    assert told(LEDGER, from_ledger(events, "key")) == [
        ("t-1", "invoice", "a", "changed"),
        ("t-1", "bill", "a", "changed"),
        ("t-2", "customer", "b", "changed"),
    ]


def test_a_ledgers_intent_to_receive_tells_nothing() -> None:
    assert told(LEDGER, from_ledger([], "key")) == []


def test_a_stall_tells_by_headers_whose_and_what() -> None:
    message = from_stall("orders/delete", {"id": 7, "note": {"id": 8}}, "key", shop="mugs.example")
    assert told(STALL, message) == [("mugs.example", "invoice", "7", "deleted")]


def test_at_an_endpoint_the_record_lies_inside_and_names_no_company() -> None:
    assert told(ENDPOINT, at_endpoint("customer.deleted", "cus_1", "key", at=NOW)) == [
        ("", "customer", "cus_1", "deleted")
    ]
    assert told(ENDPOINT, at_endpoint("charge.dispute.created", "dp_1", "key", at=NOW)) == []


def test_the_same_event_told_again_is_the_same_and_another_is_not() -> None:
    first, again, other = (
        STALL.read(from_stall("orders/create", {"id": 7}, "key", event=event, attempt=attempt))[0].event
        for event, attempt in (("e-1", "1"), ("e-1", "2"), ("e-2", "3"))
    )
    assert first == again != other
    assert len(first) == 64


def test_where_events_have_no_name_what_looks_alike_is_marked() -> None:
    nameless = Knocks(
        proof=SecretAddress(), forms=(Form(says=("kind",), pattern=r"(?P<entity>\w+)", id="id"),),
        objects={"item": ("item",)}, within=1, setup="",
    )  # fmt: skip
    [one], [again], [other] = (nameless.read(Message(body)) for body in
                               (b'{"kind":"item","id":1}', b'{"id":1, "kind":"item"}', b'{"kind":"item","id":2}'))  # fmt: skip
    assert one == again
    assert one.event != other.event
    assert one.event.startswith(NAMELESS)
    assert len(one.event) == 64


def test_what_happened_is_told_with_its_moment() -> None:
    [zoned] = STALL.read(from_stall("orders/create", {"id": 7}, "key", at="2026-09-14T12:00:00+02:00"))
    [bare, _] = LEDGER.read(
        from_ledger([{"eventCategory": "INVOICE", "resourceId": "a", "eventDateUtc": "2026-09-14T10:00:00.000"}], "key")
    )
    [counted] = ENDPOINT.read(at_endpoint("customer.updated", "cus_1", "key", at=NOW))
    assert zoned.told_at == bare.told_at == counted.told_at == NOW
    [unclear] = STALL.read(from_stall("orders/create", {"id": 7}, "key", at="yesterday"))
    assert unclear.told_at is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b"[]", b'"events"', b"\xff\xfe", b'{"events": {}}', b'{"events": null}', b"[" * 100_000],
    ids=range(10),
)
def test_what_is_in_no_known_form_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        LEDGER.read(Message(body))


@pytest.mark.parametrize(
    "event", [None, 7, [], {}, {"eventCategory": {}}, {"eventCategory": "INVOICE"}, {"eventCategory": "INVOICE", "resourceId": True},
              {"eventCategory": "INVOICE", "resourceId": "a" * 301}, {"eventCategory": "INVOICE", "resourceId": "a\0"}]
)  # fmt: skip
def test_an_event_that_leads_nowhere_does_not_keep_the_others_back(event: Any) -> None:
    sound = {"tenantId": "t", "eventCategory": "CONTACT", "eventType": "UPDATE", "resourceId": "a"}
    assert told(LEDGER, from_ledger([event, sound], "key")) == [("t", "customer", "a", "changed")]


def test_a_merge_tells_of_both_and_who_survives() -> None:
    facts = Knocks(
        proof=SecretAddress(), forms=(Form(says=("what",), id="kept", merged="lost"),), objects={"contact": ("customer",)},
        ids={"customer": "c:{id}"}, merged=frozenset({"merged"}), within=1, setup="",
    )  # fmt: skip
    survivor, lost = facts.read(Message(json.dumps({"what": "contact.merged", "kept": 1, "lost": 2}).encode()))
    assert (survivor.external_id, survivor.how) == ("c:1", "changed")
    assert (lost.external_id, lost.how, lost.into) == ("c:2", "merged", "c:1")
    assert survivor.event != lost.event


def test_a_digest_of_an_event_tells_nothing_of_it() -> None:
    [knock] = STALL.read(from_stall("orders/create", {"id": 7}, "key", event="e-1"))
    assert isinstance(knock, Knock)
    assert knock.event == hashlib.sha256(b'["e-1","invoice","7"]').hexdigest()
