"""Our intake: pages are read by a shape, compared, kept with search terms, and move the feed.

Usage: python -m tests.bench.ours URL database
"""

from __future__ import annotations

import sys
from datetime import timedelta
from types import MappingProxyType

import django

django.setup()

from django.db import transaction  # noqa: E402  # Django first
from django.utils import timezone  # noqa: E402

from integrations.canonical import KINDS  # noqa: E402
from integrations.connections.models import Connection  # noqa: E402
from integrations.connections.services import save_connection  # noqa: E402
from integrations.connectors import registry  # noqa: E402
from integrations.records.intake import freshen  # noqa: E402
from integrations.wire.addresses import Addresses  # noqa: E402
from integrations.wire.auth import NoAuth  # noqa: E402
from integrations.wire.connector import Connector  # noqa: E402
from integrations.wire.paging import PageNumber  # noqa: E402
from integrations.wire.rest import Rest, Who  # noqa: E402
from integrations.wire.shape import F, Fixed, Lines, Shape  # noqa: E402
from integrations.wire.stream import Stream  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tests import database  # noqa: E402
from tests.bench.report import tell, timed  # noqa: E402

INVOICE = Shape(
    KINDS["invoice"],
    key="id",
    version="etag",
    changed_at="updated_at",
    fields=(
        F("number", "number"),
        F("customer.external_id", "customer.id"),
        F("customer.name", "customer.name"),
        F("issued_on", "issued_on"),
        F("currency", "currency"),
        F("line_amounts", "", read=lambda payload: "no_tax", write=None),
        F("memo", "memo"),
        F("total", "total", write=None),
        Lines(
            "lines",
            "lines",
            key="id",
            fields=(
                F("item.external_id", "item.id"),
                F("item.name", "item.name"),
                F("description", "description"),
                F("quantity", "quantity"),
                F("unit_price", "unit_price"),
                F("net_amount", "amount"),
                Fixed("tax_code", "S20"),
            ),
        ),
    ),
)


def connector(address: str) -> Connector:
    """The local vendor's connector."""
    return Connector(
        slug="bench",
        name="Bench",
        manual="tests/bench/source.py",
        driver="http",
        environments={"simulator": Addresses(api=address)},
        auth=NoAuth(),
        streams=(Stream("invoice", shape=INVOICE, path="/invoices", at="invoices", page_size=1000),),
        dialect=Rest(paging=PageNumber(), who=Who(path="/who")),
    )


def main(url: str, name: str) -> None:
    address = url.removesuffix("/invoices")
    database.use(name)
    from django.conf import settings

    settings.SANDBOX_URL, settings.SANDBOX_SPEED = address, 0
    registry.connectors = lambda: MappingProxyType({"bench": connector("https://bench.example")})
    with tenant_scope(database.TENANTS["ours"]):
        bench = Connection(name="Bench", connector="bench", environment="simulator")
        with transaction.atomic():
            save_connection(bench, by=None)
        first = timed("first", lambda: read(bench), database=name)
        tell(**first, **timed("again", lambda: read(bench), database=name))


def read(bench: Connection) -> None:
    """A whole sweep."""
    now = timezone.now()
    freshen(bench, "invoice", since=now, until=now + timedelta(hours=1), full=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
