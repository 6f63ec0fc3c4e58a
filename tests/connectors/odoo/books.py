"""One company of the simulated server, spoken to as the engine does: the ground on which the connector's stories stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest

from integrations.canonical import (
    Address,
    Customer,
    Invoice,
    Item,
    Line,
    PriceSide,
    Record,
    Ref,
)
from integrations.connectors.odoo.connector import CONNECTOR
from integrations.connectors.odoo.simulator import Odoo
from integrations.wire import http
from integrations.wire.connector import Done, Outcome, Write
from integrations.wire.message import Answer, Request
from integrations.wire.site import Site
from integrations.wire.stream import Operation
from tests.connectors.driven import Driven
from tests.connectors.odoo import server
from tests.mount import mounted

BASE = "http://odoo.simulated"
DIALECT = CONNECTOR.dialect


@dataclass
class Books(Driven):
    """One company of the simulated server, spoken to as the engine does."""

    connector = CONNECTOR
    vendor: Odoo
    site: Site
    secrets: dict[str, str]
    number: int = 0

    def send(self, request: Request) -> Answer:
        """The answer to a request; where it comes level by level, each in turn."""
        while True:
            signed = CONNECTOR.auth.sign(request, self.secrets)
            answer = http.send(signed, site=self.site, allow=(BASE,))
            more = DIALECT.pending(answer, self.site)
            if more is None:
                return answer
            request = more.then

    def step(self, name: str, writes: list[Write], step: int) -> list[Outcome]:
        stream = CONNECTOR.stream(name)
        request = DIALECT.compose(stream, writes, "call", self.site, step)
        return DIALECT.outcomes(stream, writes, self.send(request), self.site, step)

    def carry_out(self, name: str, *writes: Write, first: int = 1) -> list[Outcome]:
        """All steps of some writes, each step given what the one before brought; what failed goes no further."""
        stream, going = CONNECTOR.stream(name), list(writes)
        outcomes: dict[str, Outcome] = {}
        for step in range(first, DIALECT.steps(stream, writes[0].operation) + 1):
            if not going:
                break
            new = dict(zip([write.key for write in going], self.step(name, going, step), strict=True))
            outcomes |= new
            going = [after(write, new[write.key]) for write in going if isinstance(new[write.key], Done)]
        return [outcomes[write.key] for write in writes]

    def make(self, name: str, record: Record, key: str = "") -> Done:
        self.number += 1
        (outcome,) = self.carry_out(name, creating(record, key or f"intent-{self.number}"))
        assert isinstance(outcome, Done), outcome
        return outcome


def after(write: Write, done: Outcome) -> Write:
    assert isinstance(done, Done)
    return replace(write, external_id=done.external_id, raw=done.raw or write.raw, version=done.version)


@pytest.fixture(params=[14, 15, 16, 17, 18])
def vendor(request: pytest.FixtureRequest) -> Odoo:
    return server.fresh(request.param)


@pytest.fixture
def books(vendor: Odoo) -> Iterator[Books]:
    settings = {"database": "books", "login": "admin", "version": str(vendor.version)}
    site = CONNECTOR.site("simulator", settings, simulator=BASE)
    with mounted(vendor, BASE):
        key = {"api_key": vendor.api_key()}
        tokens = http.log_in(CONNECTOR.auth, site=site, secrets=key, allow=(BASE,))
        found = Books(vendor, site, {**tokens.secrets(), **key})
        found.site = replace(site, settings={**site.settings, "home_currency": found.company().currency})
        yield found


@pytest.fixture
def customer(books: Books) -> Ref:
    wanted = Customer(name="Okafor Garden", number="C-1", billing_address=Address(line1="12 Quay Lane", country="GB"))
    return Ref(external_id=books.make("customer", wanted).external_id)


@pytest.fixture
def item(books: Books) -> Ref:
    sold = Item(name="Lantern", item_type="non_inventory", sku="71053", sale=PriceSide(account=account(books, "sales")))
    return Ref(external_id=books.make("item", sold).external_id)


@pytest.fixture
def sale(customer: Ref, item: Ref) -> Invoice:
    return Invoice(
        number="536365",
        customer=customer,
        issued_on=date(2026, 9, 14),
        due_on=date(2026, 10, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[
            Line(item=item, description="Lantern", quantity=Decimal(6), unit_price=Decimal("3.39")),
            Line(item=item, description="Returned", quantity=Decimal(-2), unit_price=Decimal("3.39")),
            Line(item=item, description="Finely priced", quantity=Decimal(3), unit_price=Decimal("0.335")),
            Line(line_type="text", description="Thank you"),
        ],
    )


def account(books: Books, of_type: str) -> Ref:
    return Ref(external_id=next(key for key, each in books.read("account").items() if each.type == of_type))


def creating(record: Record, key: str = "intent") -> Write:
    return Write(key=key, operation="create", record=record)


def about(made: Done, operation: Operation, record: Record | None = None, *only: str) -> Write:
    return Write(
        key="change",
        operation=operation,
        record=record,
        external_id=made.external_id,
        version=made.version,
        only=frozenset(only),
        raw=made.raw,
    )
