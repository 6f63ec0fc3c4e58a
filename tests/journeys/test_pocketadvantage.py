"""The nightly exchange of a sales force: lists of QuickBooks Desktop become files, and orders come back as files.

No layout of PocketAdvantage's files is public, and none is shipped. The layouts here are made up, and say so by their
columns' names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.mapping.models import Template
from integrations.records.models import Issue
from integrations.sync.models import Flow, Run
from integrations.sync.ready import gaps
from integrations.sync.setup import set_up
from tenants.models import Tenant
from tests.journeys.desktop import Desk, run_one
from tests.journeys.publishing import THERE
from tests.wire.servers import PASSWORD, Running, ftp

pytestmark = pytest.mark.django_db(transaction=True)

BACK = "pocketadvantage_files_to_quickbooks_desktop"
TABBED: dict[str, Any] = {"delimiter": "\t", "quote": "none", "encoding": "cp1252", "header": False}
OUTGOING = {
    "customer_list": {
        **TABBED,
        "file": "latest<cust_id>/customer.fil",
        "columns": [
            {"name": "OUR_KEY", "source": "number", "required": True},
            {"name": "OUR_NAME", "source": "name"},
            {"name": "OUR_TOWN", "source": "billing_address.city"},
            {"name": "OUR_REP", "source": "sales_rep.name"},
            {"name": "OUR_OWES", "source": "balance", "format": "0.00"},
        ],
    },
    "item_list": {
        **TABBED,
        "file": "latest<cust_id>/item.fil",
        "columns": [
            {"name": "OUR_CODE", "source": "name", "required": True},
            {"name": "OUR_TEXT", "source": "sale.description"},
            {"name": "OUR_PRICE", "source": "sale.price", "format": "0.00"},
        ],
    },
    "vendor_list": {
        **TABBED,
        "file": "latest<cust_id>/vendor.fil",
        "columns": [{"name": "OUR_NAME", "source": "name"}],
    },
    "sales_rep_list": {
        **TABBED,
        "file": "latest<cust_id>/rep.fil",
        "columns": [{"name": "OUR_REP", "source": "name"}],
    },
    "invoice_list": {
        **TABBED,
        "file": "latest<cust_id>/transact<number>.fil",
        "mode": "new",
        "columns": [
            {"name": "OUR_DOC", "source": "number"},
            {"name": "OUR_DAY", "source": "issued_on", "format": "MM/DD/YYYY"},
            {"name": "OUR_KEY", "source": "customer.number"},
            {"name": "OUR_CODE", "source": "line.item.name"},
            {"name": "OUR_PIECES", "source": "line.quantity"},
            {"name": "OUR_AMOUNT", "source": "line.net_amount", "format": "0.00"},
        ],
    },
}
ORDERS = {
    "name": "our_orders",
    "pattern": "order*.fil",
    "format": {
        "delimiter": "\t", "quote": None, "encoding": "cp1252", "header": False,
        "names": ["OUR_ORDER", "OUR_DAY", "OUR_KEY", "OUR_CODE", "OUR_PIECES", "OUR_PRICE"],
    },
    "dates": ["%m/%d/%Y"],
    "key": "OUR_ORDER",
    "otherwise": "sales_order",
    "currency": "USD",
    "columns": [
        {"column": "OUR_ORDER", "to": "document.number"},
        {"column": "OUR_DAY", "to": "document.issued_on"},
        {"column": "OUR_KEY", "to": "customer.key"},
        {"column": "OUR_CODE", "to": "item.key"},
        {"column": "OUR_PIECES", "to": "line.quantity"},
        {"column": "OUR_PRICE", "to": "line.unit_price"},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("integrations.sync.polled", "integrations.connections.queue"):
        monkeypatch.setattr(f"{room}.LOOK_EVERY", 0.01)
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 0.2)
    monkeypatch.setattr("integrations.sync.polled.LONGEST_IDLE", timedelta(seconds=2))


@pytest.fixture
def program() -> QuickBooksDesktop:
    """A company with two customers, one of whom has no account number, a representative, two items and an invoice."""
    program = QuickBooksDesktop()
    by_hand(program, "SalesRep", "<Initial>AQ</Initial><SalesRepEntityRef><FullName>Ada Quill</FullName></SalesRepEntityRef>",
            first=("OtherName", "<Name>Ada Quill</Name>"))  # fmt: skip
    by_hand(
        program,
        "Customer",
        "<Name>Harbour Cafe</Name><BillAddress><Addr1>4 Quay Street</Addr1><City>Astoria</City></BillAddress>"
        "<SalesRepRef><FullName>AQ</FullName></SalesRepRef><AccountNumber>C-1</AccountNumber>",
    )
    by_hand(program, "Customer", "<Name>Hill Stores</Name>")
    by_hand(program, "Vendor", "<Name>Northern Tin</Name>")
    for code, price in (("MUG", "2.50"), ("PLATE", "4.00")):
        by_hand(
            program,
            "ItemNonInventory",
            f"<Name>{code}</Name><SalesOrPurchase><Desc>A {code.lower()}\tin tin</Desc><Price>{price}</Price>"
            "<AccountRef><FullName>Sales</FullName></AccountRef></SalesOrPurchase>",
        )
    invoice(program, "31", "MUG", 6)
    return program


def by_hand(program: QuickBooksDesktop, kind: str, body: str, *, first: tuple[str, str] | None = None) -> None:
    """Somebody at the PC enters this."""
    for what, text in filter(None, (first, (kind, body))):
        request = f"<{what}AddRq><{what}Add>{text}</{what}Add></{what}AddRq>"
        answer = program.by_hand(
            '<?xml version="1.0"?><?qbxml version="13.0"?><QBXML><QBXMLMsgsRq onError="stopOnError">'
            f"{request}</QBXMLMsgsRq></QBXML>"
        )
        assert 'statusCode="0"' in answer, answer


def invoice(program: QuickBooksDesktop, number: str, item: str, pieces: int) -> None:
    by_hand(
        program,
        "Invoice",
        "<CustomerRef><FullName>Harbour Cafe</FullName></CustomerRef><TxnDate>2026-02-03</TxnDate>"
        f"<RefNumber>{number}</RefNumber><InvoiceLineAdd><ItemRef><FullName>{item}</FullName></ItemRef>"
        f"<Quantity>{pieces}</Quantity></InvoiceLineAdd>",
    )


@pytest.fixture
def books(tenant: Tenant) -> Connection:
    return save_connection(
        Connection(name="QuickBooks", connector="quickbooks_desktop", environment="production"), by=None
    )


@pytest.fixture
def desk(program: QuickBooksDesktop, books: Connection) -> Desk:
    return Desk(program, books)


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Running]:
    """The receiver's FTP server, with the folder that carries our customer number there."""
    settings.FILES, settings.VAR = tmp_path / "exchange", tmp_path / "var"
    (tmp_path / "server" / "latest1042").mkdir(parents=True)
    with ftp(tmp_path / "server") as running:
        settings.PRIVATE_ADDRESSES = (running.address,)
        yield running


@pytest.fixture
def devices(tenant: Tenant, server: Running) -> Connection:
    connection = Connection(
        name="PocketAdvantage",
        connector="files",
        environment="production",
        settings={
            "folder": ".",
            "outgoing": OUTGOING,
            "words": {"cust_id": "1042"},
            "layout": ORDERS,
            "picked_up": "move",
            **server.settings,
        },
    )
    return save_connection(connection, secrets={"password": PASSWORD}, by=None)


def flows_of(slug: str, source: Connection, target: Connection) -> dict[str, Flow]:
    """The shipped template between the two."""
    with transaction.atomic():
        template = Template.objects.get(slug=slug)
    return {
        flow.mapping.template_flow: flow for flow in set_up(template, source=source, target=target, answers={}, by=None)
    }


def test_lists_go_out_every_night_and_what_a_customer_lacks_is_said(
    books: Connection, devices: Connection, desk: Desk, server: Running
) -> None:
    flows = flows_of(THERE, books, devices)

    runs = {name: run_one(flow, desk) for name, flow in flows.items()}

    assert {name: run.colour for name, run in runs.items()} == {
        "sales_reps": "green", "vendors": "green", "customers": "amber", "items": "green", "invoices": "green",
    }, [run.words for run in runs.values()]  # fmt: skip
    assert text(server, "customer.fil") == [
        "C-1\tHarbour Cafe\tAstoria\tAda Quill\t16.24"
    ]  # with the sales tax of that company
    assert [row for row in text(server, "item.fil") if "in tin" in row] == [
        "MUG\tA mug in tin\t2.50",
        "PLATE\tA plate in tin\t4.00",
    ]
    assert text(server, "transact1.fil") == ["31\t02/03/2026\tC-1\tMUG\t6\t15.00"]
    with transaction.atomic():
        (issue,) = Issue.objects.filter(state="open")
    assert "OUR_KEY is empty" in issue.words
    assert "Hill Stores" in issue.where


def test_the_second_night_brings_all_customers_again_and_new_invoices_only(
    books: Connection, devices: Connection, desk: Desk, server: Running, program: QuickBooksDesktop
) -> None:
    flows = flows_of(THERE, books, devices)
    for flow in flows.values():
        run_one(flow, desk)
    program.change("Customer", program.id_of("Customer", "Hill Stores"), {"AccountNumber": "C-2"})
    invoice(program, "32", "PLATE", 2)

    runs = {name: run_one(flow, desk) for name, flow in flows.items()}

    assert {run.colour for run in runs.values()} == {"green"}, [run.words for run in runs.values()]
    assert [line.partition("\t")[0] for line in text(server, "customer.fil")] == ["C-1", "C-2"]
    assert text(server, "transact1.fil") == ["31\t02/03/2026\tC-1\tMUG\t6\t15.00"]
    assert text(server, "transact2.fil") == ["32\t02/03/2026\tC-1\tPLATE\t2\t8.00"]


def test_who_is_made_inactive_or_deleted_in_quickbooks_leaves_the_list(
    books: Connection, devices: Connection, desk: Desk, server: Running, program: QuickBooksDesktop
) -> None:
    for number in range(3, 13):
        by_hand(program, "Customer", f"<Name>Shop {number}</Name><AccountNumber>C-{number:02}</AccountNumber>")
    program.change("Customer", program.id_of("Customer", "Hill Stores"), {"AccountNumber": "C-2"})
    flows = flows_of(THERE, books, devices)
    run_one(flows["sales_reps"], desk)
    run_one(flows["customers"], desk)
    assert len(text(server, "customer.fil")) == 12

    program.change("Customer", program.id_of("Customer", "Shop 3"), {"IsActive": "false"})
    gone = program.id_of("Customer", "Shop 4")
    program.by_hand(
        '<?xml version="1.0"?><?qbxml version="13.0"?><QBXML><QBXMLMsgsRq onError="stopOnError"><ListDelRq>'
        f"<ListDelType>Customer</ListDelType><ListID>{gone}</ListID></ListDelRq></QBXMLMsgsRq></QBXML>"
    )
    run = run_one(flows["customers"], desk)

    assert run.colour == "green", run.words
    keys = [line.partition("\t")[0] for line in text(server, "customer.fil")]
    assert len(keys) == 10
    assert not {"C-03", "C-04"} & set(keys)


def test_orders_come_back_as_sales_orders_once(
    books: Connection, devices: Connection, desk: Desk, server: Running, program: QuickBooksDesktop
) -> None:
    order(server, "order-7.fil", "F-501\t02/04/2026\tC-1\tMUG\t12\t2.50", "F-501\t02/04/2026\tC-1\tPLATE\t1\t4.00")
    flows = flows_of(BACK, devices, books)

    runs = {name: run_one(flow, desk) for name, flow in flows.items()}

    assert {name: run.colour for name, run in runs.items()} == {
        "customers": "green", "items": "green", "orders": "green",
    }, [run.words for run in runs.values()]  # fmt: skip
    (made,) = program.documents("SalesOrder")
    assert made["PONumber"] == "F-501"
    assert server.names == ["processed/order-7.fil"]

    order(server, "order-8.fil", "F-501\t02/04/2026\tC-1\tMUG\t12\t2.50", "F-501\t02/04/2026\tC-1\tPLATE\t1\t4.00")
    assert run_one(flows["orders"], desk).colour == "green"
    assert len(program.documents("SalesOrder")) == 1
    assert len(program.documents("Customer")) == 2


def test_an_order_of_somebody_unknown_waits_and_makes_nobody(
    books: Connection, devices: Connection, desk: Desk, server: Running, program: QuickBooksDesktop
) -> None:
    order(server, "order-7.fil", "F-502\t02/04/2026\tC-99\tMUG\t1\t2.50")
    flows = flows_of(BACK, devices, books)

    runs = {name: run_one(flow, desk) for name, flow in flows.items()}

    assert runs["orders"].colour == "amber"
    assert program.documents("SalesOrder") == []
    assert len(program.documents("Customer")) == 2


def test_what_is_missing_is_told_before_anything_runs(books: Connection, devices: Connection) -> None:
    flows = flows_of(THERE, books, devices)
    with transaction.atomic():
        assert {name: list(map(str, gaps(flow))) for name, flow in flows.items() if gaps(flow)} == {}
        devices.settings = {**devices.settings, "outgoing": {}}
        devices.save()
        flows["items"].target.refresh_from_db()
        (gap,) = gaps(flows["items"])
    assert "Nobody has said what the file of item list (published) looks like" in gap.message


def test_without_layouts_each_flow_says_once_what_is_missing(
    books: Connection, devices: Connection, desk: Desk, server: Running
) -> None:
    with transaction.atomic():
        devices.settings = {
            name: value for name, value in devices.settings.items() if name not in ("outgoing", "layout")
        }
        save_connection(devices, by=None)
    there, back = flows_of(THERE, books, devices), flows_of(BACK, devices, books)

    failed: list[Run] = [run_one(flow, desk) for flow in (there["customers"], there["items"], back["orders"])]

    assert {run.state for run in failed} == {Run.State.FAILED}
    with transaction.atomic():
        said = list(Issue.objects.filter(state="open").values_list("words", flat=True))
    assert len(said) == 3
    assert sum("Nobody has said what the file" in words for words in said) == 2
    assert sum("Nobody has said what the columns" in words for words in said) == 1


def text(server: Running, name: str) -> list[str]:
    """The rows of a file that was published."""
    return (server.root / "latest1042" / name).read_bytes().decode("cp1252").split("\r\n")[:-1]


def order(server: Running, name: str, *rows: str) -> None:
    """A file of orders arrived some time ago."""
    file = server.root / name
    file.write_bytes("".join(f"{row}\r\n" for row in rows).encode("cp1252"))
    os.utime(file, (time.time() - 600, time.time() - 600))
