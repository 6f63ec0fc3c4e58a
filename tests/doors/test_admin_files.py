"""Pages about files on servers and files that go out: who is believed, where we connect to, and what was published."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.sync.models import Run
from integrations.sync.publications import Publication
from integrations.wire.sftp import fingerprint
from tenants.audit.models import Event
from tenants.models import Tenant
from tests.doors.world import url_of
from tests.journeys.publishing import OUTGOING, flow_by, part
from tests.wire.servers import PASSWORD, Running, sftp

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[str], Client]


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Running]:
    (tmp_path / "server").mkdir()
    with sftp(tmp_path / "server") as running:
        settings.PRIVATE_ADDRESSES = (running.address,)
        yield running


@pytest.fixture
def partner(tenant: Tenant, server: Running) -> Connection:
    """A connection to an SFTP server whose host key nobody has confirmed."""
    told = {"address": server.address, "user": "trader", "folder": ".", "outgoing": OUTGOING, "words": {"cust_id": "7"}}
    connection = Connection(name="Partner", connector="files", environment="production", settings=told)
    return save_connection(connection, secrets={"password": PASSWORD}, by=None)


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def confirmed(connection: Connection) -> str:
    with transaction.atomic():
        connection.refresh_from_db()
    return str(connection.settings.get("host_key", ""))


def test_a_host_key_is_shown_and_believed_only_when_a_person_confirms_it(
    partner: Connection, server: Running, visit: Visit
) -> None:
    browser = visit("admin")
    assert "nobody has confirmed" in text(browser.post(url_of(partner, "test"), follow=True))

    page = text(browser.post(url_of(partner, "key"), follow=True))
    assert fingerprint(server.host_key) in page
    assert confirmed(partner) == ""
    browser.post(url_of(partner, "host_key"), {"fingerprint": fingerprint(server.host_key)})

    assert confirmed(partner) == server.host_key
    assert "It answers: Files in sftp://" in text(browser.post(url_of(partner, "test"), follow=True))
    assert "that was confirmed" in text(browser.post(url_of(partner, "key"), follow=True))
    with transaction.atomic():
        assert Event.objects.filter(verb="connection.host_key_confirmed", actor_name="admin@example.com").exists()


def test_nobody_confirms_a_key_that_no_server_has_shown(partner: Connection, visit: Visit) -> None:
    browser = visit("admin")
    answer = browser.post(url_of(partner, "host_key"), {"fingerprint": "ssh-ed25519 SHA256:mine"})
    assert "ask for it again" in text(answer)
    assert confirmed(partner) == ""
    assert visit("operator").post(url_of(partner, "host_key"), {"fingerprint": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("ftp://127.0.0.1", "private network or to this machine"),
        ("sftp://10.0.0.5:22", "private network or to this machine"),
        ("ftp://trader:secret@files.example", "user name or password"),
        ("https://files.example", "one of a server for files"),
        ("files.example", "one of a server for files"),
    ],
)
def test_an_address_is_looked_at_when_it_is_saved(address: str, refusal: str, tenant: Tenant, visit: Visit) -> None:
    given = {"name": "Partner", "environment": "production", "setting_address": address, "setting_folder": "."}
    answer = visit("admin").post(reverse("admin:integrations_connection_add") + "?connector=files", given)
    assert refusal in text(answer)
    with transaction.atomic():
        assert not Connection.objects.filter(name="Partner").exists()


@pytest.mark.parametrize(
    ("outgoing", "fault"),
    [
        ('{"customer_list": {"file": "x", "columns": []}}', "Name at least one column"),
        ('{"customers": {}}', "There is no list customers"),
        ("{", "This is no JSON"),
    ],
)
def test_a_description_of_a_file_is_judged_when_it_is_saved(
    outgoing: str, fault: str, tenant: Tenant, visit: Visit
) -> None:
    given = {"name": "Partner", "environment": "production", "setting_folder": ".", "setting_outgoing": outgoing}
    answer = visit("admin").post(reverse("admin:integrations_connection_add") + "?connector=files", given)
    assert fault in text(answer)


def test_plain_ftp_is_warned_of(sales: Connection, visit: Visit) -> None:
    with transaction.atomic():
        sales.settings |= {"address": "ftp://files.example", "user": "trader"}
        sales.save()
    browser = visit("admin")
    assert "readable by others" in text(browser.get(url_of(sales)))
    assert "readable by others" in text(browser.get(url_of(sales, "outgoing")))


def test_what_goes_out_is_told_in_words_and_what_was_published_is_listed(
    partner: Connection, sales: Connection, visit: Visit
) -> None:
    flow = flow_by(part("customers"), sales, partner)
    with transaction.atomic():
        run = Run.objects.create(flow=flow, started_by="test")
        partner.settings = {**partner.settings, "outgoing": {**OUTGOING, "vendor_list": {"file": "x", "columns": []}}}
        partner.save()
        Publication.objects.create(
            connection=partner, object="customer_list", run=run, number=1, state="published",
            path="latest7/customer.fil", rows=321, size=4567, digest="d" * 64, sheet="s" * 64, feed_no=9,
            left_out=["1", "2"], cut={"OUR_NAME": 3}, began_at=timezone.now(), published_at=timezone.now(),
        )  # fmt: skip

    page = text(visit("admin").get(url_of(partner, "outgoing")))

    for words in ("is replaced each time by all records", "A record without OUR_KEY is left out", "at least one column",
                  "latest7/customer.fil", "321", "OUR_NAME: 3"):  # fmt: skip
        assert words in page


def test_a_copy_of_a_file_of_a_server_is_examined_here(
    partner: Connection, visit: Visit, settings: Any, tmp_path: Path
) -> None:
    settings.FILES = tmp_path / "exchange"
    copy = SimpleUploadedFile("orders.csv", b"Order;Day;Who\n1;2026-02-03;A\n")
    page = text(visit("admin").post(url_of(partner, "upload"), {"file": copy}, follow=True))
    assert "What orders.csv seems to be" in page
    assert "The files are read from sftp://" in page
    assert visit("admin").get(url_of(partner, "file") + "?path=orders.csv&lines=L1").status_code == 404


def test_pages_of_files_are_there_for_files_only(books: Connection, visit: Visit) -> None:
    for page in ("outgoing", "host_key"):
        assert visit("admin").get(url_of(books, page)).status_code == 404
