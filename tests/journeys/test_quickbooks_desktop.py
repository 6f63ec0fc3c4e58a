"""QuickBooks Desktop through the whole engine and over the real door: nobody can call it, it comes when it likes."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection, Errand, Visit
from integrations.connections.services import save_connection
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.connectors.quickbooks_desktop.simulator.app import MAIN
from integrations.mapping.models import Template
from integrations.records.models import Issue, Record
from integrations.sync import calls, compose, settle
from integrations.sync.models import Flow
from integrations.sync.polled import miss_who_does_not_come
from integrations.sync.services import start_run
from integrations.sync.setup import set_up
from integrations.sync.stages import Later
from tenants.models import Tenant
from tests.journeys.desktop import ORDER, Desk, finish, run_all, run_one, working
from tests.journeys.ledgers import Company
from tests.journeys.stories import dies, go_on, let_leases_lapse, put, row

pytestmark = pytest.mark.django_db(transaction=True)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is gone is believed to be gone after a second, and nobody looks away for long."""
    for name, seconds in {"HERE": 1, "SILENT": 1}.items():
        monkeypatch.setattr(f"integrations.connections.queue.{name}", timedelta(seconds=seconds))
    for room in ("integrations.sync.polled", "integrations.connections.queue"):
        monkeypatch.setattr(f"{room}.LOOK_EVERY", 0.01)
    monkeypatch.setattr("integrations.connections.queue.PATIENCE", 2.0)
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 0.2)
    monkeypatch.setattr("integrations.sync.polled.LONGEST_IDLE", timedelta(seconds=2))


@pytest.fixture(params=["GBP"])
def program(request: pytest.FixtureRequest) -> QuickBooksDesktop:
    """A company in pounds, unless a test wants another."""
    return QuickBooksDesktop(currency=request.param)


@pytest.fixture
def books(tenant: Tenant) -> Connection:
    return save_connection(
        Connection(name="QuickBooks", connector="quickbooks_desktop", environment="production"), by=None
    )


@pytest.fixture
def desk(program: QuickBooksDesktop, books: Connection) -> Desk:
    return Desk(program, books)


@pytest.fixture
def flows(sales: Connection, books: Connection, program: QuickBooksDesktop) -> dict[str, Flow]:
    """The shipped template, set up between the folder and QuickBooks."""
    answers = {
        "income_account": program.id_of("Account", "Sales"),
        "tax_code": f"code:{program.id_of('SalesTaxCode', 'Non')}",
    }
    with transaction.atomic():
        template = Template.objects.get(slug="online_retail_to_quickbooks_desktop")
    made = set_up(template, source=sales, target=books, answers=answers, by=None)
    return {flow.source_object: flow for flow in made}


def assert_tied_out(program: QuickBooksDesktop, rows: list[dict[str, str]]) -> None:
    """Each document of the rows stands once in the simulator's own books, and its totals are those of the rows."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for each in rows:
        totals[each["InvoiceNo"].strip()] += Decimal(each["Quantity"]) * Decimal(each["UnitPrice"])
    kinds = Counter("CreditMemo" if number.startswith("C") else "Invoice" for number in totals)
    for kind, sign in (("Invoice", 1), ("CreditMemo", -1)):
        numbers = [each["RefNumber"] for each in program.documents(kind, only=["RefNumber"])]
        assert len(numbers) == len(set(numbers)) == kinds[kind]
        wanted = sum(
            (total for number, total in totals.items() if number.startswith("C") == (kind == "CreditMemo")), Decimal()
        )
        assert program.totals(kind)["sums"] == {"GBP": sign * wanted}


def test_every_document_of_the_shipped_sample_arrives_once_and_both_ends_agree(
    flows: dict[str, Flow], demo_file: Path, program: QuickBooksDesktop, desk: Desk
) -> None:
    runs = run_all(flows, desk)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green"), [
        run.words for run in runs.values()
    ]
    with demo_file.open() as file:
        assert_tied_out(program, list(csv.DictReader(file)))


@pytest.mark.skipif(not DATA.is_dir(), reason="left out: shared/ is not beside the project")
def test_every_document_of_real_sales_arrives_once_and_both_ends_agree(
    flows: dict[str, Flow], exchange: Path, program: QuickBooksDesktop, desk: Desk
) -> None:
    with gzip.open(DATA / "online_retail_first_10000_lines.csv.gz", "rt") as file:
        lines = list(islice(file, 1500))  # what it takes grows with the lines, what it shows does not
    (exchange / "sales.csv").write_text("".join(lines))

    runs = run_all(flows, desk)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green"), [
        run.words for run in runs.values()
    ]
    assert_tied_out(program, list(csv.DictReader(lines)))


@pytest.fixture
def ready(flows: dict[str, Flow], exchange: Path, books: Connection, desk: Desk) -> Flow:
    """The flow of invoices, with two sales to bring and everything that they refer to in place."""
    put(exchange, row("1001"), row("1002", quantity=3))
    for name in ("customer", "item"):
        run_one(flows[name], desk)
    with transaction.atomic():
        books.refresh_from_db()
        books.settings["settle_seconds"] = 0
        books.save()
    return flows["invoice"]


def numbers(program: QuickBooksDesktop) -> list[str]:
    return sorted(each["RefNumber"] for each in program.documents("Invoice"))


def writing(program: QuickBooksDesktop, since: int = 0) -> list[str]:
    """The requests meant to change something, carried out or not, that came after an entry of the journal."""
    calls = program.journal.calls(since=since)
    names = [name for call in calls if call.method == "QBXML" for name in call.path.split(",")]
    return [name for name in names if name.endswith(("Add", "Mod", "Del", "Void"))]


def last(program: QuickBooksDesktop) -> int:
    return max(call.number for call in program.journal.calls())


# Once


def test_a_second_run_with_nothing_new_asks_for_no_change(
    ready: Flow, flows: dict[str, Flow], program: QuickBooksDesktop, desk: Desk
) -> None:
    run_one(ready, desk)
    before = last(program)

    runs = run_all(flows, desk, order=("customer", "item", "invoice"))

    assert {run.colour for run in runs.values()} == {"green"}
    assert writing(program, before) == []


def lost_after(program: QuickBooksDesktop, desk: Desk) -> None:
    program.cut_session(on="write")


def lost_before(program: QuickBooksDesktop, desk: Desk) -> None:
    program.cut_session(on="write", before=True)


def failed_after(program: QuickBooksDesktop, desk: Desk) -> None:
    program.fail_hresult("0x80040402", before_write=False, on="write")


def failed_before(program: QuickBooksDesktop, desk: Desk) -> None:
    program.fail_hresult("0x80040401", on="write")


def lost_on_its_way(program: QuickBooksDesktop, desk: Desk) -> None:
    """The web connector has the answer of QuickBooks, and cannot bring it."""
    real, lost = desk.post, []

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if b"InvoiceAddRs" in body and not lost:
            lost.append(body)
            raise OSError("the network is down")
        return real(body, headers)

    desk.connector._post = post


def our_word_lost(program: QuickBooksDesktop, desk: Desk) -> None:
    """We have the answer, and the web connector never hears that we have it."""
    real, lost = desk.post, []

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        told = real(body, headers)
        if b"InvoiceAddRs" in body and not lost:
            lost.append(body)
            raise OSError("the network is down")
        return told

    desk.connector._post = post


@pytest.mark.parametrize(
    "mischief", [lost_after, lost_before, failed_after, failed_before, lost_on_its_way, our_word_lost]
)
def test_an_answer_that_is_lost_anywhere_does_not_make_a_second_invoice(
    mischief: Callable[[QuickBooksDesktop, Desk], None], ready: Flow, program: QuickBooksDesktop, desk: Desk
) -> None:
    mischief(program, desk)

    run = run_one(ready, desk)

    assert numbers(program) == ["1001", "1002"]
    assert run.colour == "green", run.words


POINTS = [
    pytest.param(compose, "prepare", False, id="before-the-intents-are-committed"),
    pytest.param(compose, "prepare", True, id="after-the-intents-are-committed"),
    pytest.param(calls, "keep_answer", False, id="after-quickbooks-committed"),
    pytest.param(calls, "keep_answer", True, id="after-the-answer-was-kept"),
    pytest.param(settle, "conclude", False, id="before-the-outcome-is-committed"),
    pytest.param(settle, "conclude", True, id="after-the-outcome-is-committed"),
]


@pytest.mark.parametrize(("place", "name", "after"), POINTS)
def test_a_killed_worker_leaves_exactly_one_of_each(
    place: object, name: str, after: bool, ready: Flow, program: QuickBooksDesktop, desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = start_run(ready, by="test")
    with dies(monkeypatch, place, name, after=after):
        finish(run, desk)
    let_leases_lapse()

    finish(run, desk)

    assert run.colour == "green", run.words
    assert numbers(program) == ["1001", "1002"]


def test_what_somebody_changes_there_in_between_is_neither_lost_nor_in_the_way(
    ready: Flow, exchange: Path, program: QuickBooksDesktop, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_one(ready, desk)
    put(exchange, row("1001"), row("1002", quantity=4))
    real, changed = program.process, []

    def process(qbxml: str) -> Any:
        if "InvoiceModRq" in qbxml and not changed:
            (invoice,) = [each for each in program.documents("Invoice") if each["RefNumber"] == "1002"]
            changed.append(program.change("Invoice", invoice["TxnID"], {"Memo": "Call first"}))
        return real(qbxml)

    monkeypatch.setattr(program, "process", process)

    run_one(ready, desk)
    run = run_one(ready, desk)

    assert changed
    (invoice,) = [each for each in program.documents("Invoice") if each["RefNumber"] == "1002"]
    assert (invoice["Subtotal"], invoice["Memo"]) == ("10.00", "Call first")
    assert run.colour == "green", run.words


# Whenever it comes


def test_what_is_to_be_written_waits_for_days_until_somebody_comes(
    ready: Flow, books: Connection, program: QuickBooksDesktop, desk: Desk
) -> None:
    run = start_run(ready, by="test")
    assert isinstance(go_on(run), Later)
    assert isinstance(go_on(run), Later)
    with transaction.atomic():
        Errand.objects.filter(state="waiting").update(put_at=timezone.now() - timedelta(days=3))
        Visit.objects.update(last_at=timezone.now() - timedelta(days=3), left_at=timezone.now() - timedelta(days=3))

    miss_who_does_not_come()

    with transaction.atomic():
        assert Issue.objects.filter(code="nobody_came", state="open").count() == 1
    finish(run, desk)
    assert run.colour == "green", run.words
    assert numbers(program) == ["1001", "1002"]
    with transaction.atomic():
        assert not Issue.objects.filter(code="nobody_came", state="open").exists()


def test_nothing_is_written_into_another_company_file(ready: Flow, program: QuickBooksDesktop, desk: Desk) -> None:
    run = start_run(ready, by="test")
    program.open_file()
    with working(run):
        for _ in range(3):
            desk.visit()
        seen = desk.visit()

    assert (program.documents("Invoice"), writing(program, last(program))) == ([], [])
    assert "Marlow Studio" in seen.said
    with transaction.atomic():
        assert Issue.objects.filter(code="wrong_books", state="open").count() == 1

    program.open_file(MAIN)
    finish(run, desk)
    assert run.colour == "green", run.words
    assert numbers(program) == ["1001", "1002"]


def test_a_closed_quickbooks_holds_the_work_up_and_loses_none_of_it(
    ready: Flow, program: QuickBooksDesktop, desk: Desk
) -> None:
    run = start_run(ready, by="test")
    program.close_quickbooks()
    with working(run):
        assert desk.visit().ended == "no session"
    with transaction.atomic():
        assert Issue.objects.filter(code="books_out_of_reach", state="open").count() == 1

    program.open_quickbooks()
    finish(run, desk)

    assert run.colour == "green", run.words
    assert numbers(program) == ["1001", "1002"]


def test_a_session_that_is_cut_in_the_middle_of_a_long_list_begins_it_again(
    flows: dict[str, Flow], exchange: Path, program: QuickBooksDesktop, desk: Desk
) -> None:
    put(exchange, row("1001", customer="17850"), row("1002", customer="200"))
    made = "".join(
        f"<CustomerAddRq><CustomerAdd><Name>Customer {n}</Name></CustomerAdd></CustomerAddRq>" for n in range(250)
    )
    program.by_hand(
        '<?xml version="1.0"?><?qbxml version="13.0"?><QBXML><QBXMLMsgsRq onError="stopOnError">'
        + made
        + "</QBXMLMsgsRq></QBXML>"
    )
    program.cut_session(on="read", skip=1, path="CustomerQuery")

    run = run_one(flows["customer"], desk)

    assert run.colour == "green", run.words
    begun = [call for call in program.journal.calls(path="CustomerQuery") if 'iterator="Start"' in str(call.body)]
    assert len(begun) >= 2
    names = [each["Name"] for each in program.documents("Customer")]
    assert len(names) == len(set(names)) == 251
    with transaction.atomic():
        assert Record.objects.filter(connection=flows["customer"].target, object="customer").count() == 251


# The other way


def test_what_stands_in_quickbooks_desktop_is_brought_to_quickbooks_online(
    ready: Flow, program: QuickBooksDesktop, desk: Desk, books: Connection, old: Company
) -> None:
    run_one(ready, desk)
    with transaction.atomic():
        kept = Template.objects.get(slug="online_retail_to_quickbooks_online")
        template = Template(
            slug="from_the_desktop", name="From the desktop", source="quickbooks_desktop", target=kept.target,
            body={**kept.body, "source": "quickbooks_desktop"}, published_at=kept.published_at,
        )  # fmt: skip
        template.save()
    answers = {"income_account": old.account("Sales")["value"], "tax_code": old.tax()["value"]}
    made = set_up(template, source=books, target=old.connection, answers=answers, by=None)

    runs = run_all({flow.source_object: flow for flow in made}, desk)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(ORDER, "green"), [
        run.words for run in runs.values()
    ]
    found = {each["DocNumber"]: each["TotalAmt"] for each in old.all("Invoice")}
    assert found == {"1001": Decimal("2.50"), "1002": Decimal("7.50")}


# Money


@pytest.mark.parametrize("program", ["USD"], indirect=True)
def test_pounds_are_never_booked_as_dollars_unseen(
    flows: dict[str, Flow], exchange: Path, books: Connection, program: QuickBooksDesktop, desk: Desk
) -> None:
    put(exchange, row("1001"))

    runs = run_all(flows, desk, order=("customer", "item", "invoice"))

    assert (program.documents("Invoice"), runs["invoice"].colour) == ([], "amber")
    with transaction.atomic():
        assert "GBP" in Issue.objects.get(state="open").explanation
        books.refresh_from_db()
        books.settings["currencies"] = {"GBP": "British Pound Sterling"}
        books.save()
    put(exchange, row("1001", price="3.00"))

    run = run_one(flows["invoice"], desk)

    assert run.colour == "red", "the customer is in dollars, and so is what QuickBooks books for him"
    assert (run.totals["source"], run.totals["target"]) == ({"GBP": "3.00"}, {"USD": "3.00"})
