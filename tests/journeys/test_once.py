"""Once: whatever is lost, killed, late or repeated, a sale is one document."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync import calls, compose, settle
from integrations.sync.models import Call, Flow, Intent, Item, Run
from integrations.sync.services import AlreadyRunning, start_run
from integrations.sync.stages import Done, Later
from tests.journeys.stories import dies, go_on, let_leases_lapse, put, row, run_all, run_one

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ready(flows: dict[str, Flow], exchange: Path, books: Connection) -> Flow:
    """The flow of invoices, with two sales to bring and everything that they refer to in place."""
    put(exchange, row("1001"), row("1002", quantity=3))
    books.settings["settle_seconds"] = 0
    with transaction.atomic():
        books.save()
    for name in ("customer", "item"):
        run_one(flows[name])
    return flows["invoice"]


def numbers(quickbooks: QuickBooksOnline, flow: Flow, entity: str = "Invoice") -> list[str]:
    """The numbers of the documents in the simulator's own ledger."""
    return sorted(each["DocNumber"] for each in quickbooks.documents(entity, flow.target.settings["realmId"]))


def test_a_lost_reply_does_not_create_a_second_invoice(ready: Flow, quickbooks: QuickBooksOnline) -> None:
    quickbooks.drop_reply_after_next_write()

    run = run_one(ready)

    assert numbers(quickbooks, ready) == ["1001", "1002"]
    assert run.colour == "green"


def test_an_error_of_the_server_after_the_write_does_not_create_a_second_invoice(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.fail_next(502, before_write=False, on="write")

    run = run_one(ready)

    assert numbers(quickbooks, ready) == ["1001", "1002"]
    assert run.colour == "green"


def test_a_reply_lost_before_the_write_is_sent_again_with_the_same_request(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.misbehave(what="drop", on="write", moment="before")

    run = run_one(ready)

    assert numbers(quickbooks, ready) == ["1001", "1002"]
    with transaction.atomic():
        (call,) = Call.objects.filter(run=run, purpose=Call.Purpose.WRITE)
    assert call.sends == 2


POINTS = [
    pytest.param(compose, "prepare", False, id="before-the-intents-are-committed"),
    pytest.param(compose, "prepare", True, id="after-the-intents-are-committed"),
    pytest.param(calls.line, "send", False, id="just-before-the-call"),
    pytest.param(calls, "keep_answer", False, id="after-the-vendor-committed"),
    pytest.param(calls, "keep_answer", True, id="after-the-answer-was-kept"),
    pytest.param(settle, "conclude", False, id="before-the-outcome-is-committed"),
    pytest.param(settle, "conclude", True, id="after-the-outcome-is-committed"),
]


@pytest.mark.parametrize(("place", "name", "after"), POINTS)
def test_a_killed_worker_leaves_exactly_one_document(
    place: object, name: str, after: bool, ready: Flow, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(ready, by="test")
    skip = reads_before_the_write(ready) if name == "send" else 0
    with dies(monkeypatch, place, name, after=after, skip=skip):
        go_on(run)
    let_leases_lapse()

    outcome = go_on(run)

    assert outcome == Done("green")
    assert numbers(quickbooks, ready) == ["1001", "1002"]
    with transaction.atomic():
        assert not Intent.objects.filter(settled_at=None).exists()


def reads_before_the_write(flow: Flow) -> int:
    """Requests to the target before the first write of a run: one page of its invoices."""
    return 1


def test_a_worker_that_slept_past_its_lease_sends_nothing_when_it_wakes(
    ready: Flow, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(ready, by="test")
    real = compose.prepare

    def overtaken(run: Run, items: list[Item]) -> Call | None:
        call = real(run, items)
        with monkeypatch.context() as patch:
            patch.setattr(compose, "prepare", real)
            let_leases_lapse()
            assert go_on(Run(pk=run.pk, tenant_id=run.tenant_id)) == Done("green")
        return call

    with monkeypatch.context() as patch:
        patch.setattr(compose, "prepare", overtaken)
        outcome = go_on(run)

    assert isinstance(outcome, Later)
    assert numbers(quickbooks, ready) == ["1001", "1002"]


def test_a_slice_that_ends_is_gone_on_with_where_it_stopped(ready: Flow, quickbooks: QuickBooksOnline) -> None:
    run = start_run(ready, by="test")

    slices = 0
    while not isinstance(go_on(run, minutes=0 if slices < 3 else 5), Done):
        slices += 1

    assert slices >= 3
    assert numbers(quickbooks, ready) == ["1001", "1002"]


def test_a_run_that_ended_is_not_carried_out_again(ready: Flow, quickbooks: QuickBooksOnline) -> None:
    run = run_one(ready)
    writes = quickbooks.journal.calls(wrote=True)

    assert isinstance(go_on(run), Later)
    assert quickbooks.journal.calls(wrote=True) == writes


def test_a_flow_is_never_started_twice(ready: Flow) -> None:
    run = start_run(ready, by="test")

    with pytest.raises(AlreadyRunning) as refused:
        start_run(ready, by="somebody else")

    assert refused.value.run == run


@pytest.fixture
def twin(ready: Flow) -> Flow:
    """A second flow that brings the same sales into the same books."""
    with transaction.atomic():
        return Flow.objects.create(
            name="The same again",
            source=ready.source,
            source_object=ready.source_object,
            target=ready.target,
            target_object=ready.target_object,
            mapping=ready.mapping,
            policy=ready.policy,
            rank=ready.rank,
        )


def test_two_flows_into_one_target_do_not_bring_a_sale_twice(
    ready: Flow, twin: Flow, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start_run(ready, by="test"), start_run(twin, by="test")
    real = compose.prepare

    def interleaved(run: Run, items: list[Item]) -> Call | None:
        with monkeypatch.context() as patch:
            patch.setattr(compose, "prepare", real)
            go_on(second)
        return real(run, items)

    with monkeypatch.context() as patch:
        patch.setattr(compose, "prepare", interleaved)
        go_on(first)
    for flow in (ready, twin):
        run_one(flow)

    assert numbers(quickbooks, ready) == ["1001", "1002"]


def test_what_another_flow_is_just_making_is_not_taken_for_a_stranger_that_looks_alike(
    ready: Flow, twin: Flow, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_run(ready, by="test")
    with dies(monkeypatch, calls, "keep_answer"):
        go_on(first)

    second = run_one(twin)  # reads the new documents there, before anybody has heard what made them

    with transaction.atomic():
        assert not Item.objects.filter(run=second, state=Item.State.HELD).exists()
    let_leases_lapse()
    assert go_on(first) == Done("green")
    assert run_one(twin).colour == "green"
    assert numbers(quickbooks, ready) == ["1001", "1002"]


def test_a_changed_sale_becomes_one_update_of_what_changed(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, row("1001"), row("1002"))
    run_all(flows)
    put(exchange, row("1001"), row("1002", quantity=5))

    run = run_all(flows)["invoice"]

    assert run.colour == "green"
    assert run.counts["update"] == run.counts["applied"] == 1
    realm = flows["invoice"].target.settings["realmId"]
    totals = {each["DocNumber"]: Decimal(each["TotalAmt"]) for each in quickbooks.documents("Invoice", realm)}
    assert totals == {"1001": Decimal("2.50"), "1002": Decimal("12.50")}


def test_an_update_keeps_what_is_not_mapped_and_names_the_lines(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, row("1001"), row("1001", "CUP"))
    run_all(flows)
    realm = flows["invoice"].target.settings["realmId"]
    (before,) = quickbooks.documents("Invoice", realm)
    quickbooks.change("Invoice", before["Id"], {"ShipMethodRef": {"value": "Post"}}, realm)
    put(exchange, row("1001"), row("1001", "CUP", quantity=4))

    run_all(flows)

    (after,) = quickbooks.documents("Invoice", realm)
    assert after["ShipMethodRef"]["value"] == "Post"
    lines = [each["Id"] for each in after["Line"] if each["DetailType"] == "SalesItemLineDetail"]
    assert lines == [each["Id"] for each in before["Line"] if each["DetailType"] == "SalesItemLineDetail"]


def test_our_own_write_coming_back_is_no_change(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, row("1001"))
    run_all(flows)

    run = run_all(flows)["invoice"]

    assert run.counts.get("read_changed", 0) == 0
    assert run.counts.get("read_new", 0) == 0
