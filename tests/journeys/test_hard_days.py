"""Days on which things go wrong at QuickBooks, and what a bookkeeper finds in the end."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.crosswalk.models import Link
from integrations.records.models import Issue, Record
from integrations.sync import due
from integrations.sync.models import Flow, Item, Run
from integrations.sync.services import start_run
from integrations.sync.stages import Done, Later
from tests.journeys.conftest import consent
from tests.journeys.stories import go_on, let_leases_lapse, put, row, run_all, run_one

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ready(flows: dict[str, Flow], exchange: Path, books: Connection) -> Flow:
    """The flow of invoices, with three sales to bring and everything that they refer to in place."""
    put(exchange, row("1001"), row("1002", quantity=3), row("1003", quantity=4))
    books.settings["settle_seconds"] = 0
    with transaction.atomic():
        books.save()
    for name in ("customer", "item"):
        run_one(flows[name])
    return flows["invoice"]


def numbers(quickbooks: QuickBooksOnline, flow: Flow) -> list[str]:
    return sorted(each["DocNumber"] for each in quickbooks.documents("Invoice", flow.target.settings["realmId"]))


@transaction.atomic
def held(flow: Flow) -> list[Issue]:
    return list(Issue.objects.filter(flow=flow, state=Issue.State.OPEN).order_by("where"))


def sell_by_hand(quickbooks: QuickBooksOnline, flow: Flow, number: str) -> None:
    """Somebody writes an invoice in QuickBooks itself."""
    realm = flow.target.settings["realmId"]
    customer = next(each["Id"] for each in quickbooks.documents("Customer", realm) if "17850" in each["DisplayName"])
    item = quickbooks.documents("Item", realm)[0]["Id"]
    code = next(each["Id"] for each in quickbooks.documents("TaxCode", realm) if "No VAT" in each["Name"])
    booked = {"ItemRef": {"value": item}, "TaxCodeRef": {"value": code}}
    line = {"Amount": 9, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": booked}
    quickbooks.by_hand(
        "Invoice", {"DocNumber": number, "CustomerRef": {"value": customer}, "Line": [line]}, realm=realm
    )


def test_an_invoice_of_that_number_that_says_something_else_is_a_question(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    sell_by_hand(quickbooks, ready, "1002")

    run = run_one(ready)

    assert run.colour == "amber"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]
    (issue,) = held(ready)
    assert issue.code == "differs_on_first_match"
    assert "1002" in issue.where


def test_a_number_that_is_taken_by_a_document_of_somebody_else_is_held_in_the_vendors_words(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.set_preferences(ready.target.settings["realmId"], forbid_duplicate_numbers=True, custom_numbers=True)
    with transaction.atomic():
        Flow.objects.filter(pk=ready.pk).update(policy={**ready.policy, "match": []})
    sell_by_hand(quickbooks, ready, "1002")

    run = run_one(ready)

    assert run.colour == "amber"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]
    (issue,) = held(ready)
    assert issue.code == "refused"
    assert "1002" in issue.where
    assert "Duplicate" in issue.words


def test_closed_books_hold_the_record_with_an_explanation_and_what_to_do(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    realm = ready.target.settings["realmId"]
    quickbooks.set_preferences(realm, book_close_date="2011-01-01")

    run = run_one(ready)

    assert run.colour == "amber"
    assert numbers(quickbooks, ready) == []
    issues = held(ready)
    assert [issue.code for issue in issues] == ["closed_period"] * 3
    assert all("closed up to 2011-01-01 (closing date)" in issue.words for issue in issues)
    assert all("next open day" in issue.advice for issue in issues)


def test_a_number_that_is_too_long_for_the_vendor_is_held_and_named(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    long = "9" * 30
    put(exchange, row("1001"), row(long))

    runs = run_all(flows)

    assert runs["invoice"].colour == "amber"
    assert numbers(quickbooks, flows["invoice"]) == ["1001"]
    (issue,) = held(flows["invoice"])
    assert long in issue.where
    assert issue.words


def test_one_bad_record_of_a_batch_does_not_stop_the_others(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, *(row(f"{number}", item=f"ITEM{number}") for number in range(1001, 1011)))
    for name in ("customer", "item"):
        run_one(flows[name])
    realm = flows["invoice"].target.settings["realmId"]
    gone = next(each for each in quickbooks.documents("Item", realm) if each["Name"] == "ITEM1005")
    quickbooks.change("Item", gone["Id"], {"Active": False}, realm)

    run = run_one(flows["invoice"])

    assert run.colour == "amber"
    assert "1005" not in numbers(quickbooks, flows["invoice"])
    assert len(numbers(quickbooks, flows["invoice"])) == 9
    (issue,) = held(flows["invoice"])
    assert "1005" in issue.where


def test_a_customer_who_is_there_already_is_linked_and_not_made_again(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    realm = flows["customer"].target.settings["realmId"]
    there = quickbooks.by_hand("Customer", {"DisplayName": "Customer 17850"}, realm=realm)
    there = there.get("Customer", there)
    put(exchange, row("1001"))

    assert run_all(flows)["invoice"].colour == "green"

    names = [each["DisplayName"] for each in quickbooks.documents("Customer", realm)]
    assert names.count("Customer 17850") == 1
    (invoice,) = quickbooks.documents("Invoice", realm)
    assert invoice["CustomerRef"]["value"] == there["Id"]
    with transaction.atomic():
        assert Link.objects.get(how=Link.How.MATCHED, object="customer").external_id == there["Id"]


def test_a_consent_taken_back_in_the_middle_waits_and_goes_on_by_itself_when_it_is_given_again(
    ready: Flow, quickbooks: QuickBooksOnline, books: Connection
) -> None:
    run = start_run(ready, by="test")
    quickbooks.revoke_consent()

    assert isinstance(go_on(run), Later)
    with transaction.atomic():
        books.refresh_from_db()
    assert books.state == Connection.State.CONSENT_LOST
    assert "connect" in run.words.lower()
    assert due.take_due_runs() == []

    consent(books)

    assert due.take_due_runs() == [(run.tenant_id, run.pk)]
    assert go_on(run) == Done("green")
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]
    assert held(ready) == []


def test_a_token_that_dies_before_the_write_is_renewed_and_the_write_goes_once(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.expire_tokens()

    assert run_one(ready).colour == "green"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]


def test_too_many_requests_put_the_run_off_and_nothing_is_lost(ready: Flow, quickbooks: QuickBooksOnline) -> None:
    quickbooks.misbehave(what="fail", status=429, on="write", moment="before")
    run = start_run(ready, by="test")

    outcome = go_on(run)

    assert isinstance(outcome, Later)
    assert outcome.at is not None
    assert timedelta(seconds=30) < outcome.at - timezone.now() <= timedelta(seconds=66)
    assert go_on(run) == Done("green")
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]


def test_a_web_page_in_place_of_an_answer_to_a_write_makes_no_second_document(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.html_next(on="write")

    assert run_one(ready).colour == "green"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]


def test_half_an_answer_to_a_write_makes_no_second_document(ready: Flow, quickbooks: QuickBooksOnline) -> None:
    quickbooks.misbehave(what="truncate", on="write", moment="after")

    assert run_one(ready).colour == "green"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]


def test_a_web_page_in_place_of_a_list_is_red_and_the_next_run_brings_everything(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    quickbooks.html_next(on="read")

    run = run_one(ready)

    assert (run.state, run.colour) == (Run.State.FAILED, "red")
    assert "One moment, please" in run.words
    assert [issue.code for issue in held(ready)] == ["contract_broken"]
    assert run_one(ready).colour == "green"
    assert held(ready) == []


def test_an_invoice_that_was_changed_in_quickbooks_makes_a_full_run_red_and_is_named(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    run_one(ready)
    realm = ready.target.settings["realmId"]
    theirs = next(each for each in quickbooks.documents("Invoice", realm) if each["DocNumber"] == "1002")
    lines = [line for line in theirs["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    lines[0]["SalesItemLineDetail"]["Qty"] = 4
    lines[0]["Amount"] = 10
    quickbooks.change("Invoice", theirs["Id"], {"Line": lines}, realm)

    run = run_one(ready, full=True)

    assert run.colour == "red"
    assert [each["source"] for each in run.totals["differences"]] == ["1002"]
    (after,) = [each for each in quickbooks.documents("Invoice", realm) if each["DocNumber"] == "1002"]
    assert after["TotalAmt"] == 10


def test_an_invoice_that_was_deleted_in_quickbooks_is_not_made_again_and_is_no_green(
    ready: Flow, quickbooks: QuickBooksOnline
) -> None:
    run_one(ready)
    realm = ready.target.settings["realmId"]
    theirs = next(each for each in quickbooks.documents("Invoice", realm) if each["DocNumber"] == "1002")
    gone = {"Id": theirs["Id"], "SyncToken": theirs["SyncToken"]}
    quickbooks.by_hand("Invoice", gone, operation="delete", realm=realm)

    run = run_one(ready, full=True)

    assert run.colour in ("amber", "red")
    assert numbers(quickbooks, ready) == ["1001", "1003"]
    with transaction.atomic():
        assert Item.objects.get(run=run, record__external_id="1002").reason == "target_gone"


def test_an_invoice_that_was_edited_between_our_reading_and_our_writing_keeps_both_changes(
    ready: Flow, exchange: Path, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.sync import compose

    run_one(ready)
    realm = ready.target.settings["realmId"]
    theirs = next(each for each in quickbooks.documents("Invoice", realm) if each["DocNumber"] == "1002")
    put(exchange, row("1001"), row("1002", quantity=7), row("1003", quantity=4))
    real = compose.prepare

    def meanwhile(*args: object) -> object:
        monkeypatch.undo()
        quickbooks.change("Invoice", theirs["Id"], {"CustomerMemo": {"value": "Thank you"}}, realm)
        return real(*args)

    monkeypatch.setattr(compose, "prepare", meanwhile)
    run = run_one(ready)

    assert run.colour == "green"
    (after,) = [each for each in quickbooks.documents("Invoice", realm) if each["DocNumber"] == "1002"]
    assert after["CustomerMemo"]["value"] == "Thank you"
    assert str(after["TotalAmt"]) in ("17.5", "17.50")


def test_nothing_is_said_twice_although_every_answer_to_a_write_is_lost(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline, books: Connection
) -> None:
    put(exchange, *(row(f"{number}") for number in range(1001, 1041)))
    books.settings["settle_seconds"] = 0
    with transaction.atomic():
        books.save()
    quickbooks.forget_request_ids()
    for name in ("customer", "item"):
        run_one(flows[name])
    quickbooks.drop_reply_after_next_write(times=2)

    run = run_one(flows["invoice"])

    assert run.colour == "green"
    assert len(numbers(quickbooks, flows["invoice"])) == 40


def test_a_worker_that_is_killed_again_and_again_brings_every_sale_once(
    ready: Flow, quickbooks: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.connections import line
    from tests.journeys.stories import Killed

    real, calls = line.send, []

    def deadly(*args: object, **options: object) -> object:
        calls.append(1)
        answer = real(*args, **options)
        if len(calls) % 2:
            raise Killed("after the vendor answered")
        return answer

    monkeypatch.setattr(line, "send", deadly)
    run = start_run(ready, by="test")
    for _ in range(30):
        try:
            if isinstance(go_on(run), Done):
                break
        except Killed:
            let_leases_lapse()
            with transaction.atomic():
                from integrations.records.models import Stream

                Stream.objects.update(leased_until=None)

    with transaction.atomic():
        run.refresh_from_db()
    assert run.colour == "green"
    assert numbers(quickbooks, ready) == ["1001", "1002", "1003"]


def test_a_row_that_was_corrected_in_its_file_is_no_issue_any_more(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, row("1001"), row("1002", price="many"))
    runs = run_all(flows)
    assert runs["invoice"].colour == "amber"
    with transaction.atomic():
        (issue,) = Issue.objects.filter(state=Issue.State.OPEN, object="invoice")
    assert "line 3" in issue.where

    put(exchange, row("1001"), row("1002", price="2.00"))
    runs = run_all(flows)

    assert {name: run.colour for name, run in runs.items()} == dict.fromkeys(runs, "green")
    assert numbers(quickbooks, flows["invoice"]) == ["1001", "1002"]
    with transaction.atomic():
        assert not Issue.objects.filter(state=Issue.State.OPEN).exists()


def test_another_file_leaves_the_issues_of_the_first_open(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    first = put(exchange, row("1001"), row("1002", price="many"))
    os.utime(first, (1_700_000_000, 1_700_000_000))
    run_all(flows)
    put(exchange, row("1003"), name="second.csv")

    runs = run_all(flows)

    assert runs["invoice"].colour == "amber"
    assert numbers(quickbooks, flows["invoice"]) == ["1001", "1003"]


def test_a_sale_that_moved_within_its_file_is_found_where_it_stands_now_and_is_no_news(
    flows: dict[str, Flow], exchange: Path, quickbooks: QuickBooksOnline
) -> None:
    put(exchange, row("1001"), row("1002"))
    run_all(flows)
    put(exchange, row("1000"), row("1001"), row("1002"))

    runs = run_all(flows)

    assert runs["invoice"].counts["applied"] == 1
    with transaction.atomic():
        record = Record.objects.get(object="invoice", external_id="1002", connection=flows["invoice"].source)
    assert "#L4" in record.canonical
