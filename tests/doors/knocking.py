"""Vendors that knock, as toys: the toy of the engine's tests behind the three ways of knocking of the wire's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from integrations.connections import knocks as bells
from integrations.connections.knocks import Bell, Knock
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connectors import registry
from integrations.doors import tasks
from integrations.records.intake import freshen
from integrations.records.models import Record
from integrations.wire.auth import NoAuth
from integrations.wire.connector import Connector, Setting
from integrations.wire.knocks import Form, Knocks, Message, SecretAddress
from plumbing.slices import slice_end
from tenants.models import Tenant
from tests.conftest import Visitor
from tests.mount import mounted
from tests.sync.toys import ADDRESS, Toy, toy
from tests.sync.words import document
from tests.wire.knocking import ENDPOINT, LEDGER, STALL

KEY = "what-the-vendor-showed-7531"
FIELD = Knocks(  # signs nothing, and names neither the event nor what happened
    proof=SecretAddress(),
    forms=(Form(says=("kind",), pattern=r"(?P<entity>\w+)", id="id"),),
    objects={"customer": ("customer",)},
    within=1,
    setup="In the rules.",
)


def knocking() -> dict[str, Connector]:
    """The toys' connectors; that of the ledger is told of two streams at once."""
    secret = Setting(name="webhook_secret", label="Signing secret", kind="secret", required=False)
    ledger = replace(LEDGER, objects={"invoice": ("invoice", "purchase_order"), "contact": ("customer",)})
    return {
        "ledger": replace(toy("ledger"), knocks=ledger),
        "stall": replace(toy("stall"), knocks=STALL),
        "endpoint": replace(toy("endpoint"), knocks=ENDPOINT, secrets=(secret,), auth=NoAuth()),
        "field": replace(toy("field"), knocks=FIELD),
    }


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """The side of all of them that is asked."""
    toys = knocking()
    found = {**registry.connectors(), **toys}
    monkeypatch.setattr(registry, "connectors", lambda: MappingProxyType(found))
    simulator = Toy()
    with ExitStack() as mounts:
        for slug in toys:
            mounts.enter_context(mounted(simulator, f"{ADDRESS}/{slug}"))
        yield simulator


@pytest.fixture
def mugs(tenant: Tenant, vendor: Toy) -> Connection:
    """Our connection to the ledger's company Mugs; the operator's application is registered."""
    registered("ledger")
    connection = connected("ledger", "mugs")
    vendor.asked.clear()
    return connection


def registered(slug: str, *keys: str) -> VendorApp:
    """The operator's application at a vendor."""
    kept = [{"key": key} for key in keys or (KEY,)]
    return VendorApp.objects.create(
        connector=slug, environment="production", client_id="client", client_secret="secret", knock_keys=kept
    )


def connected(slug: str, company: str = "", **secrets: str) -> Connection:
    """A connection whose company has answered, in the tenant in scope; its first read is done."""
    connection = save_connection(Connection(name=f"{slug} {company}", connector=slug), secrets=secrets, by=None)
    connection.company = {"name": company.title(), "id": company}
    with transaction.atomic():
        connection.save()
        bells.listen(connection)
    for object in ("customer", "invoice"):
        read(connection, object)
    return connection


def read(connection: Connection, object: str = "customer", *, full: bool = False) -> None:
    """The usual read of a stream, as a run does it."""
    freshen(connection, object, since=timezone.now(), until=slice_end(), full=full)


@dataclass
class Knocker:
    """The vendor's side of one address."""

    address: str
    client: Client

    def __call__(self, message: Message, **headers: str) -> Any:
        """Knock, and give the answer."""
        sent = dict(message.headers) | headers
        return self.client.post(
            self.address, message.body, content_type=sent.pop("Content-Type", "application/json"), headers=sent
        )


def at(slug: str, place: str = "production") -> Knocker:
    return Knocker(f"/knocks/{slug}/{place}/", Visitor())


def at_own_address(connection: Connection) -> Knocker:
    with transaction.atomic():
        bell = bells.bell_of(connection)
        assert bell is not None
        return at(connection.connector, bell.address.reveal())


@transaction.atomic
def waiting() -> list[tuple[str, str]]:
    return sorted(Knock.objects.filter(done_at=None).values_list("object", "external_id"))


@transaction.atomic
def states(object: str = "customer") -> dict[str, str]:
    return dict(Record.objects.filter(object=object).values_list("external_id", "state"))


@transaction.atomic
def record(id: str, object: str = "customer") -> Record:
    return Record.objects.get(object=object, external_id=id)


@transaction.atomic
def bell_of(connection: Connection) -> Bell:
    return Bell.objects.get(connection=connection)


@transaction.atomic
def ring_now() -> None:
    """The quiet time is over."""
    Bell.objects.filter(ring_at__isnull=False).update(ring_at=timezone.now(), handed_at=None)


def look(monkeypatch: Any) -> int:
    """What the tick and the workers do: hand out what is due, and look; gives how many bells were answered."""
    given: list[tuple[str, ...]] = []
    monkeypatch.setattr("integrations.doors.tasks.async_task", lambda task, *args, **more: given.append((task, *args)))
    ring_now()
    tasks.look()
    for _, tenant, bell in (each for each in given if each[0].endswith("answer_knocks")):
        tasks.answer_knocks(tenant, bell)
    return len(given)


def customer(toy: Toy, id: str, name: str = "", **more: Any) -> None:
    toy.put("customer", id, name=name or f"Customer {id}", **more)


def invoice(toy: Toy, id: str, **more: Any) -> None:
    toy.put("invoice", id, **document(f"INV-{id}", customer={"external_id": "c"}, **more))


def changed(
    id: str, *, company: str = "mugs", kind: str = "CONTACT", at: str = "", type: str = "UPDATE"
) -> dict[str, str]:
    """An event of the ledger."""
    moment = at or timezone.now().isoformat()
    return {"tenantId": company, "eventCategory": kind, "eventType": type, "resourceId": id, "eventDateUtc": moment}
