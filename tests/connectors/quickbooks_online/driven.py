"""One company of the simulated vendor, spoken to as the engine does: through our driver, every request judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from integrations.canonical import Customer, Item, PriceSide, Record, Ref
from integrations.connectors.quickbooks_online.connector import CONNECTOR
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.wire import http
from integrations.wire.connector import Done, Failed, Outcome, Write
from integrations.wire.errors import VendorError
from integrations.wire.message import Answer, Request
from integrations.wire.site import Site
from tests.connectors.driven import Driven
from tests.mount import mounted

from . import oracle

BASE = "http://quickbooks.simulated"
DIALECT = CONNECTOR.dialect


@dataclass
class Books(Driven):
    """One company of the simulated vendor, spoken to as the engine does."""

    connector = CONNECTOR
    vendor: QuickBooksOnline
    site: Site
    token: str
    number: int = 0

    def send(self, request: Request) -> Answer:
        if oracle.SPECS.is_dir():
            assert oracle.problems(request) == []
        signed = CONNECTOR.auth.sign(request, {"access_token": self.token})
        return http.send(signed, site=self.site, allow=(BASE,))

    def write(self, name: str, *writes: Write, key: str = "") -> list[Outcome]:
        self.number += 1
        request = DIALECT.compose(CONNECTOR.stream(name), writes, key or f"call-{self.number}", self.site)
        return DIALECT.outcomes(CONNECTOR.stream(name), writes, self.send(request), self.site)

    def make(self, name: str, record: Record) -> Done:
        (outcome,) = self.write(name, Write(key=f"intent-{self.number}", operation="create", record=record))
        assert isinstance(outcome, Done), outcome
        return outcome

    def refused(self, name: str, write: Write) -> VendorError:
        (outcome,) = self.write(name, write)
        assert isinstance(outcome, Failed), outcome
        return outcome.error


def opened(vendor: QuickBooksOnline, country: str) -> Iterator[Books]:
    realm = next(realm for realm in vendor.companies if vendor.company(realm).settings.country == country)
    site = Site(
        environment="simulator",
        addresses=CONNECTOR.environments["sandbox"].on(BASE),
        settings={"realmId": realm},
    )
    with mounted(vendor, BASE):
        found = Books(vendor, site, vendor.connect(realm)["access_token"])
        company = found.company()
        found.site = replace(
            site, settings={"realmId": realm, "country": company.country, "home_currency": company.currency}
        )
        yield found


def a_customer(books: Books) -> Ref:
    return Ref(external_id=books.make("customer", Customer(name="Okafor: Garden", number="C-1")).external_id)


def an_item(books: Books) -> Ref:
    sales = next(each for each in books.read("account").values() if each.type == "sales")
    lantern = Item(
        name="Lantern",
        item_type="non_inventory",
        sku="71053",
        sale=PriceSide(price=Decimal("3.39"), account=Ref(external_id=sales.external_id)),
    )
    return Ref(external_id=books.make("item", lantern).external_id)


def creating(record: Record, key: str = "intent") -> Write:
    return Write(key=key, operation="create", record=record)


def updating(made: Done, record: Record, *only: str) -> Write:
    return Write(
        key="change",
        operation="update",
        record=record,
        external_id=made.external_id,
        version=made.version,
        only=frozenset(only),
        raw=made.raw,
    )
