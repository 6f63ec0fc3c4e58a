"""A vendor that polls us, as a toy: the toy of the engine's tests behind a runner who comes for errands and speaks JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from werkzeug.test import EnvironBuilder, run_wsgi_app

from integrations.connections.callers import caller_of, new_password
from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connectors import registry
from integrations.wire.addresses import Addresses
from integrations.wire.connector import EVERY_MINUTES, Connector
from integrations.wire.message import Answer, pack, unpack_request
from integrations.wire.polled import (
    Brought,
    Hello,
    Invitation,
    Leaving,
    Malformed,
    Message,
    Next,
    Place,
    Reply,
    SignIn,
    Take,
    Trouble,
    WhyNothing,
)
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import Visitor
from tests.sync.toys import Toy, toy

SLUG = "counter"
ADDRESS = f"/polled/{SLUG}/"
MESSAGES = {each.__name__: each for each in (Hello, SignIn, Next, Brought, Trouble, WhyNothing, Leaving)}


class JsonReception:
    """The toy's protocol: the name of the message and its members, and the name of the reply and its members."""

    content_type = "application/json"
    fault_status = 400

    def read(self, body: bytes, headers: Mapping[str, str]) -> Message:
        try:
            told = json.loads(body)
            kind = MESSAGES[told.pop("say")]
            if place := told.get("place"):
                told["place"] = Place(**place)
            if answer := told.get("answer"):
                told["answer"] = Answer(**{**answer, "body": answer.get("body", "").encode()})
            return kind(**told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Malformed("This is not the toy's JSON.") from error

    def write(self, message: Message, reply: Reply) -> bytes:
        told = {name: getattr(reply, name) for name in type(reply).__dataclass_fields__}
        if isinstance(reply, Take):
            told = {"request": json.loads(pack(reply.request))}
        return json.dumps({"reply": type(reply).__name__, **told}).encode()

    def fault(self, words: str) -> bytes:
        return json.dumps({"fault": words}).encode()

    def invitation(
        self, *, name: str, address: str, support: str, user: str, place_id: str, every_minutes: int
    ) -> Invitation:
        told = {"name": name, "address": address, "support": support, "user": user, "place": place_id}
        body = json.dumps({**told, "minutes": every_minutes}).encode()
        return Invitation(filename="invitation.json", content_type=self.content_type, body=body)


def counter() -> Connector:
    """The connector of the toy that polls us."""
    return replace(
        toy(SLUG),
        name="Counter",
        driver="polled",
        environments={"production": Addresses(api="https://counter.example")},
        settings=(EVERY_MINUTES,),
        reception=JsonReception(),
    )


@dataclass
class Runner:
    """The vendor's side: comes to the door, carries out what it is given at its own toy, and brings the answers."""

    user: str
    password: str
    toy: Toy = field(default_factory=Toy)
    place: dict[str, Any] | None = None
    client: Client = field(default_factory=Visitor)
    address: str = ADDRESS
    ticket: str = ""
    heard: list[str] = field(default_factory=list)

    def say(self, message: str, **members: Any) -> dict[str, Any]:
        """One message, and the reply."""
        told = {"say": message, **members}
        if message not in ("Hello", "SignIn"):
            told.setdefault("ticket", self.ticket)
        answer = self.client.post(self.address, json.dumps(told), content_type="application/json")
        reply: dict[str, Any] = json.loads(answer.content)
        self.heard.append(reply.get("reply", "fault"))
        return reply

    def sign_in(self) -> dict[str, Any]:
        """Come, and show the password."""
        reply = self.say("SignIn", user=self.user, password=self.password)
        self.ticket = reply.get("ticket", self.ticket)
        return reply

    def ask(self) -> dict[str, Any]:
        """What have you for me?"""
        place, self.place = self.place, None
        return self.say("Next", place=place) if place else self.say("Next")

    def carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do an errand at the toy, and bring its answer."""
        return self.say("Brought", answer=self.done(request))

    def done(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do an errand at the toy."""
        wanted = unpack_request(json.dumps(request).encode())
        environ = EnvironBuilder(
            method=wanted.method, path=f"/{wanted.path}", query_string=dict(wanted.params), data=wanted.body
        ).get_environ()
        chunks, status, headers = run_wsgi_app(self.toy, environ, buffered=True)
        return {"status": int(status.split()[0]), "headers": dict(headers), "body": b"".join(chunks).decode()}

    def visit(self, *, patience: int = 1) -> list[str]:
        """A whole visit; `patience` is how often it is told in a row that there is nothing just now before it leaves."""
        self.heard = []
        place = self.place
        if not self.sign_in().get("work"):
            return self.heard
        waited = 0
        while waited < patience:
            told = self.ask()
            match told["reply"]:
                case "Take":
                    waited = 0
                    if self.carry_out(told["request"])["percent"] == 100:
                        break
                case "NothingNow":
                    waited += 1
                case _:
                    self.say("WhyNothing")
                    break
        self.say("Leaving")
        self.place = place
        return self.heard


# Fixtures, for the rooms whose tests want them


@pytest.fixture
def connectors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Connector]:
    """The toys' connectors beside the real ones: two that poll us, and two that do not."""
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 0.2)  # no worker will turn up with something
    toys = {"counter": counter(), "kiosk": replace(counter(), slug="kiosk"), "shop": toy("shop"), "books": toy("books")}
    found: dict[str, Connector] = {**registry.connectors(), **toys}
    monkeypatch.setattr(registry, "connectors", lambda: MappingProxyType(found))
    cache.clear()  # of wrong passwords
    return found


@pytest.fixture
def counter_connection(tenant: Tenant, connectors: dict[str, Connector]) -> Connection:
    """A connection that nobody has come for yet."""
    return save_connection(Connection(name="Counter", connector="counter"), by=None)


@pytest.fixture
def known(counter_connection: Connection) -> Connection:
    """The same, its books known already."""
    counter_connection.state, counter_connection.company = "connected", {"name": "Toys Ltd"}
    with transaction.atomic():
        counter_connection.save()
    return counter_connection


@pytest.fixture
def runner(counter_connection: Connection) -> Runner:
    """Who comes for our connection's work."""
    return runner_of(counter_connection)


@pytest.fixture
def their_runner(other_tenant: Tenant, connectors: dict[str, Connector]) -> Runner:
    """Who comes for the work of another tenant's connection of the same kind."""
    with tenant_scope(other_tenant.pk):
        return runner_of(save_connection(Connection(name="Counter", connector="counter"), by=None))


def runner_of(connection: Connection) -> Runner:
    """Who comes for this connection's work, with a fresh password."""
    password = new_password(connection, by=None)
    with transaction.atomic():
        return Runner(user=caller_of(connection).user, password=password)
