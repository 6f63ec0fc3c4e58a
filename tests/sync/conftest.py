"""A shop and the books of a company, both toys that do what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connectors import registry
from integrations.mapping.models import Mapping
from integrations.mapping.services import save_mapping
from integrations.sync.models import Flow
from integrations.sync.services import save_flow
from tenants.models import Tenant
from tests.mount import mounted
from tests.sync.toys import ADDRESS, Toy, toy
from tests.sync.words import CUSTOMER, INVOICE, ITEM, ORDER

RULES = {"customer": CUSTOMER, "item": ITEM, "invoice": INVOICE, "purchase_order": ORDER}


@pytest.fixture
def connectors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The toys' connectors, to be changed at will, beside the real ones."""
    found = {**registry.connectors(), "shop": toy("shop"), "books": toy("books")}
    monkeypatch.setattr(registry, "connectors", lambda: MappingProxyType(found))
    return found


@pytest.fixture
def shop(connectors: dict[str, Any]) -> Iterator[Toy]:
    """The source."""
    simulator = Toy()
    with mounted(simulator, f"{ADDRESS}/shop"):
        yield simulator


@pytest.fixture
def books(connectors: dict[str, Any]) -> Iterator[Toy]:
    """The target."""
    simulator = Toy()
    with mounted(simulator, f"{ADDRESS}/books"):
        yield simulator


@pytest.fixture
def source(tenant: Tenant, shop: Toy) -> Connection:
    return save_connection(Connection(name="Shop", connector="shop"), by=None)


@pytest.fixture
def target(tenant: Tenant, books: Toy) -> Connection:
    return save_connection(Connection(name="Books", connector="books"), by=None)


@pytest.fixture
def bring(source: Connection, target: Connection) -> Callable[..., Flow]:
    """Makes a flow of this object: `bring("customer", policy={...})`."""

    def made(object: str, *, to: str = "", name: str = "", rules: Any = None, **more: Any) -> Flow:
        kind_to = to or object
        mapping = Mapping(
            name=name or object, kind_from=object, kind_to=kind_to, changes={"put": rules or RULES[object]}
        )
        flow = Flow(
            name=name or object,
            source=source,
            source_object=object,
            target=target,
            target_object=kind_to,
            **more,
        )
        with transaction.atomic():
            flow.mapping = save_mapping(mapping, by=None)
        return save_flow(flow, by=None)

    return made
