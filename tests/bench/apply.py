"""Plan and apply: sales files into the simulated QuickBooks, in one process; the time inside the simulator is told apart.

Usage: python -m tests.bench.apply DOCUMENTS|FILE database
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import django

django.setup()

from django.conf import settings  # noqa: E402  # Django first
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from integrations.connections import authorise  # noqa: E402
from integrations.connections.models import Connection, VendorApp  # noqa: E402
from integrations.connections.services import save_connection  # noqa: E402
from integrations.connections.services import test as try_out  # noqa: E402
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline  # noqa: E402
from integrations.mapping.models import Template  # noqa: E402
from integrations.sync.models import Flow  # noqa: E402
from integrations.sync.run import carry_out  # noqa: E402
from integrations.sync.services import start_run  # noqa: E402
from integrations.sync.setup import set_up  # noqa: E402
from integrations.wire import http  # noqa: E402
from tenants.scope import tenant_scope  # noqa: E402
from tests import database  # noqa: E402
from tests.bench.report import tell, timed  # noqa: E402
from tests.mount import mounted  # noqa: E402

SANDBOX = "http://127.0.0.1:9"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


class Timed:
    """A WSGI application and the processor's seconds that were spent in it."""

    def __init__(self, application: Any) -> None:
        self.application, self.seconds = application, 0.0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        begun = time.process_time()
        try:
            return list(self.application(environ, start_response))
        finally:
            self.seconds += time.process_time() - begun


def main(documents: str, name: str) -> None:
    database.use(name)
    with tempfile.TemporaryDirectory() as folder, tenant_scope(database.TENANTS["ours"]):
        settings.FILES, settings.VAR = Path(folder) / "exchange", Path(folder)
        settings.SANDBOX_URL, settings.SANDBOX_SPEED = SANDBOX, 0
        sales = settings.FILES / "ours" / "sales"
        sales.mkdir(parents=True)
        if documents.isdigit():
            write_sales(sales / "sales.csv", int(documents))
        else:
            shutil.copy(documents, sales)
        simulator = QuickBooksOnline(limits=0)
        vendor = Timed(simulator)
        with mounted(vendor, f"{SANDBOX}/quickbooks_online"):
            flows = prepare(simulator)
            vendor.seconds = 0.0
            first = timed("first", lambda: run_all(flows), database=name)
            spent = vendor.seconds
            again = timed("again", lambda: run_all(flows), database=name)
            documents = made(simulator, "Invoice", "CreditMemo")
            records = documents + made(simulator, "Customer", "Item")
            tell(**first, **again, vendor=spent, records=records, documents=documents)


def made(simulator: QuickBooksOnline, *kinds: str) -> int:
    """How many of these there are in the books now."""
    realm = simulator.auto_consent
    return sum(len(simulator.documents(kind, realm, only=["Id"])) for kind in kinds)


def write_sales(path: Path, documents: int) -> None:
    """As many documents as asked for, of 1 to 4 lines, over some thousand customers and items."""
    rows = [
        f"{100000 + number},{20000 + (number * 7 + line) % 3000},ITEM {(number * 7 + line) % 3000},{line},"
        f"2026-0{number % 9 + 1}-1{number % 10} 10:00:00,{line}.25,{10000 + number % 3500}.0,United Kingdom"
        for number in range(documents)
        for line in range(1, number % 4 + 2)
    ]
    path.write_text("\n".join([HEADER, *rows, ""]))


def prepare(simulator: QuickBooksOnline) -> list[Flow]:
    """Two connections and the flows of the shipped template between them."""
    realm = simulator.auto_consent = list(simulator.companies)[1]
    with transaction.atomic():
        app = {"connector": "quickbooks_online", "environment": "simulator"}
        VendorApp.objects.get_or_create(**app, defaults={"client_id": "client", "client_secret": "sandbox"})
    books = save_connection(Connection(name="Books", connector="quickbooks_online", environment="simulator"), by=None)
    with transaction.atomic():
        url, kept = authorise.begin(books, redirect_uri="http://localhost/connected")
    with http.under_way(10, [SANDBOX]):
        location = http.session().get(url, allow_redirects=False).headers["Location"]
    authorise.complete(books, dict(parse_qsl(urlsplit(location).query)), kept, by=None)
    try_out(books, by=None)
    files = {"folder": "sales", "layout": "online_retail", "home_currency": "GBP", "default_customer": "Cash sales"}
    sales = save_connection(Connection(name="Sales", connector="files", settings=files), by=None)
    answers = {
        "income_account": next(a["Id"] for a in simulator.documents("Account", realm) if a["AccountType"] == "Income"),
        "tax_code": next(t["Id"] for t in simulator.documents("TaxCode", realm) if t["Name"] == "No VAT"),
    }
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_quickbooks_online")
    return set_up(template, source=sales, target=books, answers=answers, by=None)


def run_all(flows: list[Flow]) -> None:
    for flow in flows:
        outcome = carry_out(start_run(flow, by="bench"), until=timezone.now() + timedelta(hours=1))
        if getattr(outcome, "colour", "") != "green":
            raise RuntimeError(f"{flow} did not end green: {outcome}")


if __name__ == "__main__":
    main(*sys.argv[1:])
