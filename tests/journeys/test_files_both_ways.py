"""Files both ways through the whole engine: what is read becomes a list, and the list a file, at once and whole."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.records.models import Issue, Record
from integrations.sync import drafts, pick_up, publish
from integrations.sync.models import Flow, Item, Run
from integrations.sync.publications import Publication
from integrations.sync.services import approve_run, cancel_run, start_run
from integrations.sync.stages import Done, Later
from tests.journeys.publishing import INVOICES, OUTGOING, flow_by, lines, part, receiver
from tests.journeys.stories import Killed, dies, go_on, let_leases_lapse, put, row, run_one
from tests.wire.servers import PASSWORD, USER, Running, ftp

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = {"to": "number", "expression": "record.number | default(record.external_id)"}


@pytest.fixture
def out(exchange: Path) -> Path:
    """The folder into which files are published."""
    folder = exchange.parent / "out"
    (folder / "latest1042").mkdir(parents=True)
    return folder / "latest1042"


@pytest.fixture
def devices(out: Path) -> Connection:
    return receiver()


@pytest.fixture
def customers(sales: Connection, devices: Connection) -> Flow:
    return flow_by(part("customers"), sales, devices, rules=(NUMBER,))


def sell(exchange: Path, *customers: str) -> None:
    """A file of sales in which these customers bought something, one document each."""
    put(exchange, *(row(str(number), customer=customer) for number, customer in enumerate(customers, 1)))


def keys(file: Path) -> list[str]:
    return [cells[0] for cells in lines(file)]


def change(connection: Connection, **settings: Any) -> None:
    """A person changes a connection's settings."""
    with transaction.atomic():
        connection.settings = {**connection.settings, **settings}
        save_connection(connection, by=None)


def published() -> list[Publication]:
    with transaction.atomic():
        return list(Publication.objects.filter(state="published").order_by("number"))


def open_issues() -> list[Issue]:
    with transaction.atomic():
        return list(Issue.objects.filter(state="open"))


def test_a_list_becomes_a_file_and_both_ends_agree(customers: Flow, exchange: Path, out: Path) -> None:
    sell(exchange, "17850", "12345")

    run = run_one(customers)

    assert run.colour == "green"
    assert keys(out / "customer.fil") == ["12345", "17850"]
    (proof,) = published()
    assert (proof.path, proof.rows, proof.size) == ("latest1042/customer.fil", 2, (out / "customer.fil").stat().st_size)


def test_a_run_with_nothing_new_publishes_nothing(customers: Flow, exchange: Path, out: Path) -> None:
    sell(exchange, "17850", "12345")
    run_one(customers)
    before = (out / "customer.fil").stat()

    assert run_one(customers).colour == "green"
    assert run_one(customers, full=True).colour == "green"

    assert (out / "customer.fil").stat().st_ino == before.st_ino
    assert len(published()) == 1


def test_a_new_customer_is_in_the_next_file_and_all_others_too(customers: Flow, exchange: Path, out: Path) -> None:
    sell(exchange, "17850", "12345")
    run_one(customers)
    sell(exchange, "17850", "12345", "20000")

    assert run_one(customers).colour == "green"
    assert keys(out / "customer.fil") == ["12345", "17850", "20000"]


def test_a_list_whose_file_nobody_described_ends_with_one_clear_issue(
    customers: Flow, devices: Connection, exchange: Path, out: Path
) -> None:
    change(devices, outgoing={})
    sell(exchange, *map(str, range(1, 40)))

    assert run_one(customers).state == Run.State.FAILED

    (issue,) = open_issues()
    assert "Nobody has said what the file of customer list (published) looks like" in issue.words
    assert "customer_list" in issue.advice
    with transaction.atomic():
        assert not Item.objects.exists()


def test_a_word_that_is_missing_in_the_files_name_is_named(
    customers: Flow, devices: Connection, exchange: Path, out: Path
) -> None:
    change(devices, words={})
    sell(exchange, "17850")

    assert run_one(customers).state == Run.State.FAILED
    assert "<cust_id>" in open_issues()[0].words

    change(devices, words={"cust_id": "1042"})
    assert run_one(customers).colour == "green"
    assert open_issues() == []


# Left out


def test_a_record_that_cannot_stand_in_the_file_is_left_out_and_the_run_is_amber(
    customers: Flow, devices: Connection, exchange: Path, out: Path
) -> None:
    sell(exchange, "17850", "12345", "1234567890123")  # thirteen characters, and the column takes twelve

    run = run_one(customers)

    assert run.colour == "amber"
    assert keys(out / "customer.fil") == ["12345", "17850"]
    (issue,) = open_issues()
    assert "OUR_KEY has 13 characters, and the file takes 12" in issue.words

    assert run_one(customers).colour == "amber"
    assert run_one(customers, full=True).colour == "amber"
    assert len(open_issues()) == 1
    wider = {**OUTGOING["customer_list"], "columns": [{"source": "number", "required": True}]}
    change(devices, outgoing={**OUTGOING, "customer_list": wider})
    assert run_one(customers).colour == "green"
    assert keys(out / "customer.fil") == ["12345", "1234567890123", "17850"]
    assert open_issues() == []


def test_what_the_encoding_cannot_say_is_left_out_or_replaced_as_the_layout_says(
    sales: Connection, devices: Connection, exchange: Path, out: Path
) -> None:
    name = {"to": "name", "constant": "Łódź mugs"}
    flow = flow_by(part("customers"), sales, devices, rules=(NUMBER, name))
    sell(exchange, "17850")
    run = start_run(flow, by="test")
    stopped = go_on(run)
    assert isinstance(stopped, Later)
    assert "The list is empty" in stopped.why
    assert "cp1252 has no “Ł”" in stopped.why

    with transaction.atomic():
        cancel_run(run, by=None)
    change(devices, outgoing={"customer_list": {**OUTGOING["customer_list"], "unsayable": "replace"}})
    assert run_one(flow).colour == "green"
    assert lines(out / "customer.fil")[0][1] == "?ód? mugs"


# The guard


def test_a_list_that_shrank_waits_for_a_person(customers: Flow, exchange: Path, out: Path) -> None:
    sell(exchange, *map(str, range(101, 111)))
    run_one(customers)
    with transaction.atomic():  # a wrong filter at the source: nearly everybody is gone
        Record.objects.filter(object="customer", external_id__gt="107").update(state="voided", feed_no=1000)
    run = start_run(customers, by="test")
    assert isinstance(go_on(run), Later)

    assert run.state == Run.State.STOPPED
    assert "The list has 7 rows and had 10 last time" in run.words
    assert len(keys(out / "customer.fil")) == 10

    with transaction.atomic():
        approve_run(run, by=None)
    assert isinstance(go_on(run), Done)
    assert run.colour == "green"
    assert len(keys(out / "customer.fil")) == 7


def test_a_stopped_list_that_is_cancelled_is_stopped_again(customers: Flow, exchange: Path, out: Path) -> None:
    sell(exchange, *map(str, range(101, 111)))
    run_one(customers)
    with transaction.atomic():
        Record.objects.filter(object="customer", external_id__gt="107").update(state="voided", feed_no=1000)
    run = start_run(customers, by="test")
    go_on(run)
    with transaction.atomic():
        cancel_run(run, by=None)

    again = start_run(customers, by="test")
    assert isinstance(go_on(again), Later)
    assert again.state == Run.State.STOPPED
    assert len(keys(out / "customer.fil")) == 10


# New each time


@pytest.fixture
def documents(sales: Connection, devices: Connection) -> dict[str, Flow]:
    """Customers, items and invoices, the invoices in a new file each time."""
    mapping = {"customers": (NUMBER,), "items": (), "invoices": ()}
    return {name: flow_by(part(name), sales, devices, rules=rules) for name, rules in mapping.items()}


def run_documents(documents: dict[str, Flow]) -> Run:
    for flow in documents.values():
        run = run_one(flow)
        assert run.colour == "green", (flow, run.words, run.totals)
    return run


def test_invoices_go_into_a_new_file_each_time_and_each_into_one_only(
    documents: dict[str, Flow], exchange: Path, out: Path
) -> None:
    put(exchange, row("1", "MUG"), row("1", "POST", price="4.00"), row("2", "MUG", customer="12345"))
    run_documents(documents)
    assert lines(out / "transact1.fil") == [
        ["1", "12/01/2010", "17850", "1", "MUG", "2.50"],
        ["1", "12/01/2010", "17850", "2", "POST", "4.00"],
        ["2", "12/01/2010", "12345", "1", "MUG", "2.50"],
    ]

    run_documents(documents)
    (out / "transact1.fil").unlink()  # its reader took it
    put(exchange, row("3", "MUG"), name="more.csv")
    run_documents(documents)

    assert sorted(path.name for path in out.iterdir()) == ["customer.fil", "item.fil", "transact2.fil"]
    assert [cells[0] for cells in lines(out / "transact2.fil")] == ["3"]


def test_a_document_that_was_left_out_is_in_the_file_after_it_is_mended_and_in_no_other(
    documents: dict[str, Flow], devices: Connection, exchange: Path, out: Path
) -> None:
    narrow = [{**column, "width": 4} if column["name"] == "OUR_CODE" else column for column in INVOICES["columns"]]
    change(devices, outgoing={**OUTGOING, "invoice_list": {**INVOICES, "columns": narrow}})
    put(exchange, row("1", "MUG"), row("2", "PLATE"))
    for flow in documents.values():
        run = run_one(flow)
    assert run.colour == "amber"
    assert [cells[0] for cells in lines(out / "transact1.fil")] == ["1"]

    put(exchange, row("3", "MUG"), name="more.csv")
    assert run_one(documents["invoices"]).colour == "amber"
    change(devices, outgoing=OUTGOING)
    assert run_one(documents["invoices"]).colour == "green"

    assert [cells[0] for cells in lines(out / "transact2.fil")] == ["3"]
    assert [cells[0] for cells in lines(out / "transact3.fil")] == ["2"]
    assert open_issues() == []


def die(run: Run, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, *, skip: int, after: bool) -> None:
    """The worker gets to publishing, and is killed there where `place.name` is called."""
    real = publish.publish_list

    def deadly(run: Run, *, until: Any) -> None:
        with dies(monkeypatch, place, name, after=after, skip=skip):
            real(run, until=until)
        raise Killed("at publishing")

    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish_list", deadly)
        with pytest.raises(Killed):
            go_on(run)
    with transaction.atomic():
        Connection.objects.update(leased_until=None)


KILLED = (
    (publish.line, "send", 0),
    (publish.line, "send", 1),
    (publish.audit, "record", 0),
    (drafts.rendering, "rows_of", 0),
)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("place", "name", "skip"), KILLED)
def test_a_worker_killed_while_it_publishes_puts_no_document_into_two_files_or_none(
    place: Any, name: str, skip: int, after: bool, documents: dict[str, Flow], exchange: Path, out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(exchange, row("1"), row("2"))
    run_one(documents["customers"])
    run_one(documents["items"])
    run = start_run(documents["invoices"], by="test")
    die(run, monkeypatch, place, name, skip=skip, after=after)
    let_leases_lapse()

    assert isinstance(go_on(run), Done)
    assert run.colour == "green"
    assert [(path.name, [cells[0] for cells in lines(path)]) for path in sorted(out.glob("transact*"))] == [
        ("transact1.fil", ["1", "2"])
    ]


def test_a_file_that_its_reader_took_while_the_worker_died_is_not_written_again(
    documents: dict[str, Flow], exchange: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(exchange, row("1"))
    run_one(documents["customers"])
    run_one(documents["items"])
    run = start_run(documents["invoices"], by="test")
    die(run, monkeypatch, publish.line, "send", skip=1, after=True)
    (out / "transact1.fil").unlink()
    let_leases_lapse()

    assert isinstance(go_on(run), Done)
    assert list(out.glob("transact*")) == []
    assert [each.path for each in published() if each.object == "invoice_list"] == ["latest1042/transact1.fil"]


# A server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    root = tmp_path / "server"
    (root / "latest1042").mkdir(parents=True)
    with ftp(root) as running:
        yield running


@pytest.fixture
def remote(sales: Connection, server: Running, settings: Any) -> Flow:
    settings.PRIVATE_ADDRESSES = (server.address,)
    wide = {**OUTGOING["customer_list"], "columns": [{"source": "number"}, {"constant": "x" * 900}]}
    devices = receiver(
        secrets={"password": PASSWORD}, folder=".", **server.settings, outgoing={**OUTGOING, "customer_list": wide}
    )
    return flow_by(part("customers"), sales, devices, rules=(NUMBER,))


def test_an_exchange_cut_off_in_the_middle_of_an_upload_leaves_the_old_file_and_goes_on_by_itself(
    remote: Flow, exchange: Path, server: Running
) -> None:
    file = server.root / "latest1042" / "customer.fil"
    sell(exchange, *map(str, range(1000, 1300)))
    assert run_one(remote).colour == "green"
    before = file.read_bytes()
    sell(exchange, *map(str, range(1000, 1301)))
    server.cut_after = 100_000

    run = start_run(remote, by="test")
    assert isinstance(go_on(run), Later)
    assert file.read_bytes() == before

    assert isinstance(go_on(run), Done)
    assert run.colour == "green"
    assert len(keys(file)) == 301
    assert server.names == ["latest1042/customer.fil"]


def test_a_log_in_that_no_longer_holds_pauses_the_connection_until_it_is_mended(
    remote: Flow, exchange: Path, server: Running
) -> None:
    sell(exchange, "17850")
    change(remote.target, user="stranger")

    run = start_run(remote, by="test")
    assert isinstance(go_on(run), Later)

    with transaction.atomic():
        remote.target.refresh_from_db()
    assert remote.target.state == Connection.State.CONSENT_LOST

    change(remote.target, user=USER)
    assert remote.target.state == Connection.State.CONNECTED
    assert isinstance(go_on(run), Done)
    assert run.colour == "green"


def test_somebody_who_changes_the_published_file_is_found_out(remote: Flow, exchange: Path, server: Running) -> None:
    file = server.root / "latest1042" / "customer.fil"
    sell(exchange, "17850")
    run_one(remote)
    file.write_bytes(b"somebody else was here")

    run = run_one(remote, full=True)

    assert run.colour == "green"  # it was published anew
    assert keys(file) == ["17850"]


# Picking up


def settle(file: Path) -> None:
    """The file was written some time ago."""
    os.utime(file, (time.time() - 600, time.time() - 600))


def test_files_are_moved_once_every_flow_has_kept_what_is_in_them(
    documents: dict[str, Flow], sales: Connection, exchange: Path, out: Path
) -> None:
    change(sales, picked_up="move")
    settle(put(exchange, row("1")))
    run_one(documents["customers"])
    run_one(documents["items"])
    assert (exchange / "sales.csv").exists()  # the invoices are not read yet

    run = run_one(documents["invoices"])

    assert run.counts["picked_up"] == 1
    assert not (exchange / "sales.csv").exists()
    assert (exchange / "processed" / "sales.csv").exists()
    assert run_documents(documents).colour == "green"


def test_a_file_with_a_row_that_cannot_be_read_stays_until_a_person_has_seen_to_it(
    documents: dict[str, Flow], sales: Connection, exchange: Path, out: Path
) -> None:
    change(sales, picked_up="delete")
    settle(put(exchange, row("1")))
    settle(put(exchange, row("2", price="two pounds"), name="bad.csv"))
    for flow in documents.values():
        run_one(flow)

    assert sorted(path.name for path in exchange.iterdir() if path.is_file()) == ["bad.csv"]

    settle(put(exchange, row("2", price="2.00"), name="bad.csv"))
    for flow in documents.values():
        run = run_one(flow)
    assert run.colour == "green"
    assert [path for path in exchange.rglob("*") if path.is_file()] == []


def test_a_worker_killed_while_files_are_moved_loses_none(
    customers: Flow, sales: Connection, exchange: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(sales, picked_up="delete")
    settle(put(exchange, row("1")))
    run = start_run(customers, by="test")
    with dies(monkeypatch, pick_up, "json_of"):
        go_on(run)
    assert not (exchange / "sales.csv").exists()
    let_leases_lapse()
    assert isinstance(go_on(run), Done)
    assert run.colour == "green"
    assert keys(out / "customer.fil") == ["17850"]


def test_layouts_of_invoices_are_those_of_this_test_only() -> None:
    """No vendor's layout is shipped: what these tests publish is named so that nobody takes it for one."""
    assert all(column["name"].startswith("OUR_") for column in INVOICES["columns"])
