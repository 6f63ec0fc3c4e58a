"""What a run decides: create, update, leave, hold or wait, and that it says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.crosswalk.models import Link
from integrations.mapping.models import MappingEdition, ValueTable
from integrations.mapping.services import save_mapping
from integrations.records.intake import freshen
from integrations.records.models import Record, Stream
from integrations.sync import compose
from integrations.sync.models import Call, Flow, Item, Run
from integrations.sync.services import approve_run, cancel_run, retry, save_flow, start_run
from integrations.sync.stages import Done, Later
from tests.sync.toys import Toy
from tests.sync.words import document, go_on, items, open_issues, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]


def names(books: Toy, stream: str = "customer") -> list[str]:
    return sorted(row.get("name") or row["number"] for row in books.rows[stream].values())


def test_a_record_is_made_once_and_both_ends_are_linked(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")

    assert run_one(flow).colour == "green"
    assert run_one(flow).colour == "green"

    assert names(books) == ["Ann"]
    with transaction.atomic():
        assert sorted(Link.objects.values_list("object", "external_id", "how")) == [
            ("customer", "1", "source"),
            ("customer", "100", "created"),
        ]


def test_a_preview_sends_nothing_and_moves_nothing(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")

    run = run_one(flow, preview=True)

    assert run.state == Run.State.PREVIEWED
    assert items(flow) == [("1", "create", "previewed")]
    assert not books.sent
    with transaction.atomic():
        flow.refresh_from_db()
        assert flow.position == 0
        assert not Call.objects.exists()
    assert run_one(flow).counts["applied"] == 1


def test_a_condition_leaves_out_for_a_listed_reason_and_lets_in_later(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", email="")
    flow = bring("customer", condition="record.email != none and record.email != ''")

    assert run_one(flow).colour == "green"
    assert items(flow) == [("1", "none", "not_wanted")]

    shop.put("customer", "1", email="ann@example.test")
    assert run_one(flow).colour == "green"
    assert names(books) == ["Ann"]


def test_a_record_waits_for_what_it_refers_to_and_goes_on_by_itself(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Bad")
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c", "name": "Bad"}))
    books.refuse["Bad"] = "refused"
    customers, invoices = bring("customer"), bring("invoice")

    assert run_one(customers).colour == "amber"
    assert run_one(invoices).colour == "amber"
    assert items(invoices) == [("1", "none", "waits_for")]
    with transaction.atomic():
        assert "customer Bad (customer)" in Item.objects.get(state="waiting").words

    books.refuse.clear()
    shop.put("customer", "c", name="Good")
    assert run_one(customers).colour == "green"
    assert run_one(invoices).colour == "green"
    assert names(books, "invoice") == ["1001"]


def test_a_refused_record_is_held_in_the_vendors_words_and_the_others_go_on(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    for number in range(12):
        shop.put("customer", str(number), name=f"Customer {number}")
    books.refuse["Customer 4"] = "refused"
    flow = bring("customer")

    run = run_one(flow)

    assert run.colour == "amber"
    assert run.counts["applied"] == 11
    assert open_issues() == [("refused", "R1: Customer 4 is not wanted")]
    books.refuse.clear()
    with transaction.atomic():
        retry(Item.objects.get(state="held"), by=None)
    assert run_one(flow).colour == "green"
    assert open_issues() == []
    assert len(names(books)) == 12


def test_a_record_that_cannot_be_said_there_is_held_and_its_batch_goes_on(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    for number in ("1", "2", "3"):
        memo = "unfit" if number == "2" else "fine"
        shop.put("invoice", number, **document(number, memo=memo, customer={"external_id": "c"}))
    run_one(bring("customer"))
    flow = bring("invoice")

    assert run_one(flow).colour == "amber"

    assert names(books, "invoice") == ["1", "3"]
    assert items(flow, state="held") == [("2", "create", "unfit")]


def test_what_stands_there_already_is_linked_and_not_made(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", email="ann@example.test")
    books.put("customer", "7", name="ann")
    flow = bring("customer", policy={"match": [["name"]], "first_match": "target"})

    assert run_one(flow).colour == "green"

    assert not books.sent
    with transaction.atomic():
        assert Link.objects.get(how="matched").external_id == "7"


def test_two_that_it_could_be_are_a_question_and_never_a_guess(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    books.put("customer", "7", name="Ann")
    books.put("customer", "8", name="ANN")
    flow = bring("customer", policy={"match": [["name"]]})

    assert run_one(flow).colour == "amber"

    assert not books.sent
    assert open_issues() == [
        ("several_candidates", "it cannot be told who this is there: 7, 8 could be, and not for sure")
    ]


def test_two_records_that_could_be_the_same_one_there_are_a_question(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    shop.put("customer", "2", name="Ann")
    books.put("customer", "7", name="Ann")
    flow = bring("customer", policy={"match": [["name"]]})

    assert run_one(flow).colour == "amber"

    assert not books.sent
    assert len(open_issues()) == 2


def test_both_sides_changed_is_held_and_another_field_is_not(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", email="a@example.test", phone="1")
    flow = bring("customer")
    run_one(flow)
    shop.put("customer", "1", email="b@example.test")
    books.put("customer", "100", email="c@example.test")

    assert run_one(flow).colour == "amber"
    assert open_issues() == [("both_changed", "both sides changed email since they last agreed")]
    assert books.rows["customer"]["100"]["email"] == "c@example.test"

    shop.put("customer", "1", email="c@example.test", phone="2")
    assert run_one(flow).colour == "green"
    assert books.rows["customer"]["100"] | {"version": ""} == {
        "id": "100", "name": "Ann", "email": "c@example.test", "phone": "2", "version": "",
    }  # fmt: skip


def test_what_only_the_target_changed_is_not_overwritten(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    flow = bring("customer")
    run_one(flow)
    books.put("customer", "100", phone="2")

    run = run_one(flow, full=True)

    assert run.colour == "green"
    assert items(flow) == [("1", "none", "changed_there")]
    assert books.rows["customer"]["100"]["phone"] == "2"


def test_a_record_that_changed_under_us_is_read_and_decided_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    flow = bring("customer")
    run_one(flow)
    shop.put("customer", "1", phone="2")
    # Somebody edits another field between our reading and our writing.
    books.answers = [None, lambda: books.put("customer", "100", email="new@example.test")]

    run = run_one(flow)

    assert run.colour == "green"
    row = books.rows["customer"]["100"]
    assert (row["phone"], row["email"]) == ("2", "new@example.test")


def test_a_change_there_that_is_read_after_we_planned_is_not_overwritten(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    flow = bring("customer")
    run_one(flow)
    shop.put("customer", "1", phone="2")
    real = compose.prepare

    def meanwhile(run: Run, items: list[Item]) -> Call | None:
        monkeypatch.setattr(compose, "prepare", real)
        books.put("customer", "100", phone="3")
        now = timezone.now()
        freshen(flow.target, "customer", since=now, until=now + timedelta(minutes=1))  # for another flow
        return real(run, items)

    monkeypatch.setattr(compose, "prepare", meanwhile)

    assert run_one(flow).colour == "amber"
    assert books.rows["customer"]["100"]["phone"] == "3"
    assert [code for code, _ in open_issues()] == ["both_changed"]


def test_a_record_that_always_changes_under_us_does_not_keep_the_run_going_for_ever(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    shop.put("customer", "1", name="Ann")
    books.refuse["Ann"] = "stale"
    flow = bring("customer")

    run = run_one(flow)

    assert run.colour == "amber"
    assert run.counts["decided_again"] == 3
    books.refuse.clear()
    assert run_one(flow).colour == "green"


def test_what_was_voided_at_the_source_is_voided_once(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c"}))
    run_one(bring("customer"))
    flow = bring("invoice")
    run_one(flow)
    shop.gone["invoice"] = [{"external_id": "1", "how": "voided"}]
    del shop.rows["invoice"]["1"]

    first, second, third = run_one(flow), run_one(flow), run_one(flow, full=True)

    assert [run.colour for run in (first, second, third)] == ["green"] * 3
    assert [write["operation"] for write in books.sent if write["body"].get("number") == "1001" or write["id"]] == [
        "create",
        "void",
    ]


def test_a_document_that_says_it_is_void_is_voided_there(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c"}))
    run_one(bring("customer"))
    flow = bring("invoice", condition="record.status != 'void'")
    run_one(flow)
    shop.put("invoice", "1", status="void")

    runs = [run_one(flow), run_one(flow), run_one(flow, full=True)]

    assert [run.colour for run in runs] == ["green"] * 3
    assert books.rows["invoice"]["101"]["status"] == "void"
    assert [write["operation"] for write in books.sent].count("void") == 1


def test_what_was_deleted_at_the_source_is_for_a_person(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    shop.gone["customer"] = [{"external_id": "1", "how": "deleted"}]

    assert run_one(flow).colour == "amber"
    assert [code for code, _ in open_issues()] == ["source_gone"]
    assert names(books) == ["Ann"]


def test_what_is_gone_at_the_target_is_not_made_a_second_time(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    del books.rows["customer"]["100"]
    books.gone["customer"] = [{"external_id": "100", "how": "deleted"}]
    shop.put("customer", "1", phone="5")

    assert run_one(flow).colour == "amber"
    assert [code for code, _ in open_issues()] == ["target_gone"]
    assert not books.rows["customer"]


def test_a_new_edition_of_the_mapping_decides_what_was_held_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer", rules=[{"to": "name", "from": "number", "required": True}])
    assert run_one(flow).colour == "amber"
    assert [code for code, _ in open_issues()] == ["cannot_be_mapped"]

    with transaction.atomic():
        flow.mapping.changes = {"put": [{"to": "name", "from": "name"}]}
        save_mapping(flow.mapping, by=None)

    assert run_one(flow).colour == "green"
    assert open_issues() == []


def test_a_new_entry_in_a_value_table_decides_what_was_held_again(shop: Toy, books: Toy, bring: Bring) -> None:
    with transaction.atomic():
        table = ValueTable.objects.create(name="names", entries={"Bob": "Robert"})
    shop.put("customer", "1", name="Ann")
    flow = bring("customer", rules=[{"to": "name", "from": "name", "table": "names"}])
    assert run_one(flow).colour == "amber"

    with transaction.atomic():
        table.entries = {**table.entries, "Ann": "Anna"}
        table.save()

    assert run_one(flow).colour == "green"
    assert names(books) == ["Anna"]
    with transaction.atomic():
        held = MappingEdition.objects.get(mapping=flow.mapping_id, edition=Item.objects.get(state="applied").edition)
        before = MappingEdition.objects.get(mapping=flow.mapping_id, edition=held.edition - 1)
    assert held.tables == {"names": {"Bob": "Robert", "Ann": "Anna"}}, "the figure leads to the entry that made it"
    assert before.tables == {"names": {"Bob": "Robert"}}


def test_a_brake_stops_for_a_person_and_goes_on_as_planned_when_approved(shop: Toy, books: Toy, bring: Bring) -> None:
    for number in range(3):
        shop.put("customer", str(number), name=f"Customer {number}")
    flow = bring("customer", policy={"brakes": {"creates_at_most": 2}})
    run = start_run(flow, by="test")

    assert isinstance(go_on(run), Later)
    assert run.state == Run.State.STOPPED
    assert not books.sent
    assert isinstance(go_on(run), Later)
    assert [code for code, _ in open_issues()] == ["brake"]

    shop.put("customer", "late", name="Nobody looked at")
    approve_run(run, by=None)
    assert go_on(run) == Done("green")
    assert names(books) == ["Customer 0", "Customer 1", "Customer 2"]
    assert open_issues() == []
    assert run_one(flow).counts["applied"] == 1


def test_a_run_that_is_cancelled_sends_nothing_more_and_the_next_decides_anew(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    for number in range(12):
        shop.put("customer", f"{number:02}", name=f"Customer {number}")
    flow = bring("customer")
    run = start_run(flow, by="test")
    books.answers = [None, lambda: cancel_run(run, by=None) and None]

    assert isinstance(go_on(run), Later)

    assert run.state == Run.State.CANCELLED
    assert len(books.rows["customer"]) == 5
    shop.put("customer", "11", name="Another")
    assert run_one(flow).colour == "green"
    assert len(books.rows["customer"]) == 12
    assert "Another" in names(books)


def test_a_run_that_ended_cannot_be_cancelled_or_approved(shop: Toy, bring: Bring) -> None:
    run = run_one(bring("customer"))

    for verb in (cancel_run, approve_run):
        with pytest.raises(ValueError, match="done"):
            verb(run, by=None)
    assert run.state == Run.State.DONE


def test_an_order_becomes_an_invoice_that_is_kept_up_to_date(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "cash", name="Cash")
    shop.put("purchase_order", "p1", **document("PO-1", vendor={"external_id": "v"}))
    run_one(bring("customer"))
    flow = bring("purchase_order", to="invoice", rules=None)

    assert run_one(flow).colour == "green"
    shop.put("purchase_order", "p1", **document("PO-1", vendor={"external_id": "v"}, amount="12.00"))
    assert run_one(flow).colour == "green"
    assert run_one(flow, full=True).colour == "green"

    (invoice,) = books.rows["invoice"].values()
    assert (invoice["number"], invoice["total"]) == ("PO-1", 12)


def test_invoices_wait_for_the_run_of_customers(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "c", name="Ann")
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c"}))
    customers, invoices = start_run(bring("customer"), by="test"), start_run(bring("invoice"), by="test")

    assert isinstance(go_on(invoices), Later)
    assert invoices.words.startswith("waits for customer")
    assert go_on(customers) == Done("green")
    assert go_on(invoices) == Done("green")


def test_the_feed_position_moves_with_the_items_and_never_backwards(shop: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    with transaction.atomic():
        flow.refresh_from_db()
        assert flow.position == Record.objects.get(connection=flow.source).feed_no
        assert flow.position == Stream.objects.get(connection=flow.source, object="customer").feed_no


def test_what_waits_run_after_run_is_one_item_and_not_one_more_each_time(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("invoice", "1", **document("1001", customer={"external_id": "c"}))
    shop.put("invoice", "2", **document("1002", customer={"external_id": "d"}))
    flow = bring("invoice")
    runs = [run_one(flow) for _ in range(4)]

    assert [run.colour for run in runs] == ["amber"] * 4
    with transaction.atomic():
        assert Item.objects.count() == 2
        assert {item.run_id for item in Item.objects.all()} == {runs[-1].pk}


def test_a_flow_knows_its_place_in_the_order(bring: Bring) -> None:
    customers, invoices = bring("customer"), bring("invoice")

    assert customers.rank < invoices.rank


def test_a_change_while_the_record_is_being_applied_is_decided_when_that_is_settled(
    shop: Toy, books: Toy, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.sync import settle
    from tests.journeys.stories import dies, let_leases_lapse

    shop.put("customer", "1", name="Ann", phone="1")
    flow = bring("customer")
    run = start_run(flow, by="test")
    with dies(monkeypatch, settle, "conclude"):
        go_on(run)
    let_leases_lapse()
    cancel_run(run, by=None)
    shop.put("customer", "1", phone="2")

    run_one(flow)
    run_one(flow)

    assert len(books.rows["customer"]) == 1
    assert books.rows["customer"]["100"]["phone"] == "2"


def test_saving_a_flow_again_changes_nothing_that_runs(bring: Bring) -> None:
    flow = bring("customer", schedule="interval", every_minutes=5)
    slot = flow.next_run_at
    save_flow(flow, by=None)
    assert slot is not None
    assert flow.next_run_at is not None
