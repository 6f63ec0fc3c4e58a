"""The door at which vendors knock: who is believed, what is kept of it, and that nobody else learns anything."""

from __future__ import annotations

import logging
import threading
import time
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.connections import knocks as bells
from integrations.connections.knocks import BOTH_VALID, KEPT, Bell, Knock, with_new_key
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connectors import registry
from integrations.doors.hooks import LARGEST, address_of
from integrations.wire.knocks import Message
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.doors.knocking import KEY, at, at_own_address, bell_of, changed, connected, registered, waiting
from tests.sync.toys import Toy
from tests.wire.knocking import at_endpoint, from_ledger, from_stall

pytestmark = pytest.mark.django_db(transaction=True)


def app() -> VendorApp:
    return VendorApp.objects.get(connector="ledger")


def seen(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """All that who knocks can see."""
    dated = ("Expires", "Date")
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in dated}


# Taken


def test_a_knock_is_stored_and_answered_at_once_and_nobody_is_asked_meanwhile(mugs: Connection, vendor: Toy) -> None:
    answer = at("ledger")(from_ledger([changed("1"), changed("2", kind="INVOICE")], KEY))

    status, body, headers = seen(answer)
    assert (status, body) == (200, b"")
    assert "Set-Cookie" not in headers
    assert not answer.cookies
    assert waiting() == [("customer", "1"), ("invoice", "2"), ("purchase_order", "2")]
    assert vendor.asked == []
    bell = bell_of(mugs)
    assert bell.ring_at is not None
    assert bell.knocked_at is not None


def test_a_message_full_of_events_is_answered_within_the_vendors_time(mugs: Connection, vendor: Toy) -> None:
    message = from_ledger([changed(str(number)) for number in range(2000)], KEY)
    began = time.monotonic()
    with CaptureQueriesContext(database) as few:
        answer = at("ledger")(message)
    assert answer.status_code == 200
    assert time.monotonic() - began < registry.connector("ledger").knocks.within
    assert len(few) < 25, "its number of questions does not grow with the events"
    assert len(waiting()) == 2000


def test_one_message_may_tell_of_companies_of_several_tenants(
    mugs: Connection, vendor: Toy, other_tenant: Tenant
) -> None:
    with tenant_scope(other_tenant.pk):
        connected("ledger", "cups")
        also_mugs = connected("ledger", "mugs")

    at("ledger")(from_ledger([changed("1"), changed("2", company="cups"), changed("3", company="nobody")], KEY))

    assert waiting() == [("customer", "1")]
    with tenant_scope(other_tenant.pk), transaction.atomic():
        theirs = Knock.objects.order_by("external_id").values_list("external_id", "bell__connection__company__id")
        assert list(theirs) == [("1", "mugs"), ("2", "cups")]
        assert Knock.objects.filter(bell__connection=also_mugs).count() == 1


def test_the_same_message_ten_times_at_once_is_one_knock(mugs: Connection, vendor: Toy) -> None:
    message = from_ledger([changed(str(number)) for number in (3, 1, 2)], KEY)
    told: list[int] = []

    def knock() -> None:
        told.append(at("ledger")(message).status_code)
        database.close()

    threads = [threading.Thread(target=copy_context().run, args=(knock,)) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=30)
    assert told == [200] * 10
    assert waiting() == [("customer", "1"), ("customer", "2"), ("customer", "3")]


def test_an_event_told_again_later_rings_nobody(mugs: Connection, vendor: Toy) -> None:
    message = from_ledger([changed("1")], KEY)
    at("ledger")(message)
    with transaction.atomic():
        Knock.objects.update(done_at=timezone.now())
        Bell.objects.update(ring_at=None)

    assert at("ledger")(message).status_code == 200
    assert waiting() == []
    assert bell_of(mugs).ring_at is None


def test_a_message_that_was_kept_and_sent_again_after_long_is_too_old_to_be_believed(
    mugs: Connection, vendor: Toy
) -> None:
    old = (timezone.now() - KEPT - timedelta(minutes=1)).isoformat()
    assert at("ledger")(from_ledger([changed("1", at=old)], KEY)).status_code == 200
    assert waiting() == []


def test_many_knocks_in_a_short_while_ring_once(mugs: Connection, vendor: Toy) -> None:
    at("ledger")(from_ledger([changed("1")], KEY))
    first = bell_of(mugs).ring_at
    for number in range(5):
        at("ledger")(from_ledger([changed(str(number))], KEY))
    assert bell_of(mugs).ring_at == first, "who knocks without end does not keep us from looking"


# Refused


def test_whoever_proves_nothing_is_told_the_same_whatever_there_is(mugs: Connection, vendor: Toy) -> None:
    event = [changed("1")]
    forged = from_ledger(event, "guessed")
    ways = {
        "another key": at("ledger")(forged),
        "no signature": at("ledger")(Message(forged.body)),
        "a signature of something else": at("ledger")(Message(forged.body, from_ledger([], KEY).headers)),
        "a company that nobody has": at("ledger")(from_ledger([changed("1", company="nobody")], "guessed")),
        "no message at all": at("ledger")(Message(b"")),
        "an environment without an application": at("ledger", "sandbox")(from_ledger(event, KEY)),
        "a connector without an application": at("stall")(from_stall("customers/update", {"id": 1}, KEY)),
        "no such address": at("endpoint", "nowhere")(at_endpoint("customer.updated", "1", KEY, at=timezone.now())),
    }
    assert {way: seen(answer) for way, answer in ways.items()} == dict.fromkeys(ways, seen(ways["another key"]))
    assert ways["another key"].status_code == 401
    assert ways["another key"].content == b""
    assert waiting() == []
    assert app().refused == 5
    assert bell_of(mugs).knocked_at is None


def test_a_company_that_nobody_has_looks_the_same_to_the_vendor_and_is_counted(mugs: Connection, vendor: Toy) -> None:
    known = at("ledger")(from_ledger([changed("1")], KEY))
    unknown = at("ledger")(from_ledger([changed("1", company="nobody"), changed("2", company="x" * 400)], KEY))
    assert seen(known) == seen(unknown)
    assert (app().refused, app().strayed) == (0, 1)
    assert waiting() == [("customer", "1")]


def test_an_intent_to_receive_is_answered_by_its_signature(mugs: Connection, vendor: Toy) -> None:
    right, wrong = at("ledger")(from_ledger([], KEY)), at("ledger")(from_ledger([], "wrong on purpose"))
    assert [(answer.status_code, answer.content, len(answer.cookies)) for answer in (right, wrong)] == [
        (200, b"", 0),
        (401, b"", 0),
    ]


def test_an_application_without_a_key_believes_nobody(mugs: Connection, vendor: Toy) -> None:
    for keys in (None, [], [{"key": ""}]):
        VendorApp.objects.update(knock_keys=None if keys is None else VendorApp(knock_keys=keys).knock_keys)
        assert at("ledger")(from_ledger([changed("1")], "")).status_code == 401


def test_what_is_too_large_is_not_even_read(mugs: Connection, vendor: Toy) -> None:
    answer = at("ledger")(Message(b"x" * (LARGEST + 1)))
    assert (answer.status_code, answer.content) == (413, b"")


def test_what_the_vendor_signed_and_we_cannot_read_is_taken_and_stored_nowhere(
    mugs: Connection, vendor: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    sent = from_stall("x", {"what": "a secret of theirs"}, KEY)
    signed = Message(sent.body, {"x-ledger-signature": sent.headers["X-Stall-Hmac-Sha256"]})
    caplog.set_level(logging.DEBUG)
    assert at("ledger")(signed).status_code == 200
    assert waiting() == []
    assert "not understood" in caplog.text
    assert "secret of theirs" not in caplog.text


def test_there_is_nothing_where_no_vendor_knocks(mugs: Connection, vendor: Toy) -> None:
    assert at("ledger").client.get("/knocks/ledger/production/").status_code == 405
    assert at("files")(Message(b"{}")).status_code == 404
    assert at("nobody")(Message(b"{}")).status_code == 404


def test_no_log_tells_a_secret_address(tenant: Tenant, vendor: Toy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    knock = at_own_address(connected("endpoint"))
    answers = [
        knock(Message(b"{}")),
        knock(Message(b"x" * (LARGEST + 1))),
        knock.client.get(knock.address),
    ]
    assert [answer.status_code for answer in answers] == [401, 413, 405]
    assert "/knocks/endpoint/" in caplog.text
    assert knock.address.split("/")[3] not in caplog.text


# Keys and addresses that change


def test_the_former_key_is_good_for_some_days_beside_the_new_one(mugs: Connection, vendor: Toy) -> None:
    now = timezone.now()
    kept = with_new_key([{"key": KEY}], "newer", now)
    for passed, good in ((timedelta(), True), (BOTH_VALID, False)):
        changed_at = now - passed
        VendorApp.objects.update(
            knock_keys=VendorApp(knock_keys=with_new_key([{"key": KEY}], "newer", changed_at)).knock_keys
        )
        assert (at("ledger")(from_ledger([], KEY)).status_code == 200) is good
        assert at("ledger")(from_ledger([], "newer")).status_code == 200
    assert [each["key"] for each in with_new_key(kept, "newest", now)] == ["newest", "newer"]
    assert [each["key"] for each in with_new_key(kept, "newer", now)] == ["newer"]


def test_a_connection_with_a_key_of_its_own_is_known_by_its_address(tenant: Tenant, vendor: Toy) -> None:
    ours, others = (connected("endpoint", name, webhook_secret=f"secret-of-{name}") for name in ("mugs", "cups"))
    knock = at_own_address(ours)

    assert knock(at_endpoint("customer.updated", "1", "secret-of-mugs", at=timezone.now())).status_code == 200
    assert knock(at_endpoint("customer.updated", "2", "secret-of-cups", at=timezone.now())).status_code == 401
    late = timezone.now() - timedelta(minutes=6)
    assert knock(at_endpoint("customer.updated", "3", "secret-of-mugs", at=late)).status_code == 401
    assert waiting() == [("customer", "1")]
    assert (bell_of(ours).refused, bell_of(others).refused) == (2, 0)

    save_connection(ours, secrets={"webhook_secret": "rolled"}, by=None)
    for number, key in enumerate(("rolled", "secret-of-mugs"), 4):
        event = at_endpoint("customer.updated", str(number), key, at=timezone.now(), event=f"evt_{number}")
        assert knock(event).status_code == 200


def test_a_new_secret_address_leaves_the_former_good_for_some_days(tenant: Tenant, vendor: Toy) -> None:
    connection = connected("field")
    former = at_own_address(connection)
    bells.new_address(connection, by=None)
    newer = at_own_address(connection)
    assert former.address != newer.address
    for number, knock in enumerate((former, newer)):
        assert knock(Message(b'{"kind": "customer", "id": %d}' % number)).status_code == 200
    assert waiting() == [("customer", "0"), ("customer", "1")]

    with transaction.atomic():
        Bell.objects.update(former_until=timezone.now())
    assert former(Message(b'{"kind": "customer", "id": 9}')).status_code == 401


def test_keys_and_addresses_are_sealed(tenant: Tenant, vendor: Toy, owner: Any) -> None:
    registered("ledger")
    connected("endpoint", webhook_secret="a-secret-of-theirs")
    address = at_own_address(connected("field")).address.split("/")[-2]
    lying = owner.execute("SELECT address, address_hash, keys FROM integrations_bell").fetchall()
    lying += owner.execute("SELECT knock_keys FROM integrations_vendorapp").fetchall()
    for secret in (KEY, "a-secret-of-theirs", address):
        assert secret not in str(lying)


def test_an_address_is_the_same_for_all_of_an_application_and_never_for_two_secret_ones(
    tenant: Tenant, mugs: Connection, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://tieout.example"
    fields = [connected("field", name) for name in ("a", "b")]
    with transaction.atomic():
        assert address_of(mugs) == "https://tieout.example/knocks/ledger/production/"
        assert len({address_of(each) for each in fields}) == 2
        with pytest.raises(LookupError):
            address_of(Connection(name="F", connector="files"))


# Kept small


def test_what_came_long_ago_is_forgotten_whatever_became_of_it(
    mugs: Connection, vendor: Toy, other_tenant: Tenant
) -> None:
    with tenant_scope(other_tenant.pk):
        connected("ledger", "cups")
    at("ledger")(from_ledger([changed("1"), changed("2"), changed("3", company="cups")], KEY))
    with transaction.atomic():
        Knock.objects.filter(external_id="1").update(came_at=timezone.now() - KEPT - timedelta(hours=2))
    with tenant_scope(other_tenant.pk), transaction.atomic():
        Knock.objects.update(came_at=timezone.now() - KEPT - timedelta(hours=2), done_at=timezone.now())

    bells.forget_old()

    assert waiting() == [("customer", "2")]
    with tenant_scope(other_tenant.pk), transaction.atomic():
        assert not Knock.objects.exists()
