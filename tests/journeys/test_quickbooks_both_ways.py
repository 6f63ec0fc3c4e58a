"""Two ledgers kept alike: edits on both sides merge, clashes are settled as agreed, and nothing comes back as an echo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from integrations.mapping.models import Mapping, Template
from integrations.mapping.services import save_mapping
from integrations.sync.models import Flow
from tests.journeys.conftest import moved
from tests.journeys.ledgers import Body, Company, Move

pytestmark = pytest.mark.django_db(transaction=True)

ALIKE = ("accounts", "tax_codes", "customers", "items", "invoices")


@pytest.fixture
def back(old: Company, new: Company) -> Move:
    """The same template the other way."""
    with transaction.atomic():
        template = Template.objects.get(slug="quickbooks_online_to_quickbooks_online")
    return moved(template, new.connection, old.connection)


@pytest.fixture
def alike(old: Company, move: Move, back: Move) -> None:
    """A customer with an invoice, at both ends, every flow run both ways."""
    alder = old.customer("Alder & Sons", PrimaryPhone={"FreeFormNumber": "0161 1"}, Notes="From the fair")
    old.invoice("1001", "60", alder, PrivateNote="Garden", CustomerMemo={"value": "Thank you"})
    move.green(*ALIKE)
    back.green(*ALIKE)


def writes(company: Company) -> int:
    """How often anybody but people has written anything anywhere at the vendor."""
    return len([each for each in company.vendor.journal.calls(wrote=True) if each.method == "POST"])


def customer(company: Company) -> Body:
    return company.one("Customer", DisplayName="Alder & Sons")


def later(company: Company, seconds: int = 5) -> None:
    """Time passes."""
    company.vendor.clock.move(timedelta(seconds=seconds))


@pytest.mark.usefixtures("alike")
def test_our_own_writes_are_no_news_three_rounds_long(old: Company, new: Company, move: Move, back: Move) -> None:
    before = writes(old)

    for _ in range(3):
        move.green("customers", "invoices")
        back.green("customers", "invoices")

    assert writes(old) == before
    assert (len(old.all("Invoice")), len(new.all("Invoice"))) == (1, 1)


@pytest.mark.usefixtures("alike")
def test_edits_of_different_fields_on_both_sides_merge(old: Company, new: Company, move: Move, back: Move) -> None:
    old.change("Customer", customer(old)["Id"], PrimaryPhone={"FreeFormNumber": "0161 2"})
    new.change("Customer", customer(new)["Id"], Notes="Met at the fair")
    old.change("Invoice", old.one("Invoice", DocNumber="1001")["Id"], DueDate="2026-11-30")
    new.change("Invoice", new.one("Invoice", DocNumber="1001")["Id"], CustomerMemo={"value": "Many thanks"})

    for _ in range(2):
        move.green("customers", "invoices")
        back.green("customers", "invoices")

    for company in (old, new):
        assert customer(company)["PrimaryPhone"] == {"FreeFormNumber": "0161 2"}
        assert customer(company)["Notes"] == "Met at the fair"
        invoice = company.one("Invoice", DocNumber="1001")
        assert (invoice["DueDate"], invoice["CustomerMemo"]["value"]) == ("2026-11-30", "Many thanks")
    before = writes(old)
    move.green("customers", "invoices")
    back.green("customers", "invoices")
    assert writes(old) == before


def edit_both(old: Company, new: Company) -> None:
    """Somebody edits the same field on both sides, in the new books later."""
    old.change("Customer", customer(old)["Id"], Notes="Old")
    later(old)
    new.change("Customer", customer(new)["Id"], Notes="New")


@pytest.mark.usefixtures("alike")
@pytest.mark.parametrize(
    ("there", "here", "kept"),
    [
        pytest.param("source", "target", "Old", id="the-old-books-win"),
        pytest.param("target", "source", "New", id="the-new-books-win"),
        pytest.param("newest", "newest", "New", id="whoever-was-last-wins"),
    ],
)
def test_a_field_edited_on_both_sides_is_settled_by_policy(
    there: str, here: str, kept: str, old: Company, new: Company, move: Move, back: Move
) -> None:
    move.policy("customers", conflicts=there)
    back.policy("customers", conflicts=here)
    edit_both(old, new)

    for _ in range(2):
        move.green("customers")
        back.green("customers")

    assert (customer(old)["Notes"], customer(new)["Notes"]) == (kept, kept)


@pytest.mark.usefixtures("alike")
def test_a_field_edited_on_both_sides_is_held_where_a_person_wants_to_be_asked(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    for way in (move, back):
        way.policy("customers", conflicts="ask")
    edit_both(old, new)

    colours = [way.run("customers")["customers"].colour for way in (move, back)]

    assert colours == ["amber", "amber"]
    assert {issue.code for way in (move, back) for issue in way.issues("customers")} == {"both_changed"}
    assert (customer(old)["Notes"], customer(new)["Notes"]) == ("Old", "New")

    old.change("Customer", customer(old)["Id"], Notes="New")
    move.green("customers")
    back.green("customers")
    assert [*move.issues("customers"), *back.issues("customers")] == []


@pytest.mark.usefixtures("alike")
def test_an_edit_made_there_while_ours_was_under_way_still_travels_back(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    new.change("Customer", customer(new)["Id"], Notes="Met at the fair")
    old.change("Customer", customer(old)["Id"], PrimaryPhone={"FreeFormNumber": "0161 2"})

    move.green("customers")
    back.green("customers")

    assert (customer(old)["Notes"], customer(new)["PrimaryPhone"]["FreeFormNumber"]) == ("Met at the fair", "0161 2")


@transaction.atomic
def say(flow: Flow, **changes: Any) -> None:
    """A person says in a mapping who keeps which field, and who wins."""
    mapping = Mapping.objects.get(pk=flow.mapping_id)
    mapping.changes = changes
    save_mapping(mapping, by=None)


@pytest.mark.usefixtures("alike")
def test_a_field_that_belongs_to_the_old_books_is_theirs_alone_in_both_directions(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    say(move.flows["customers"], owners={"notes": "source", "phone": "target"})
    new.change("Customer", customer(new)["Id"], Notes="Mine", PrimaryPhone={"FreeFormNumber": "0161 9"})

    back.green("customers")
    assert customer(old)["Notes"] == "From the fair"
    assert customer(old)["PrimaryPhone"] == {"FreeFormNumber": "0161 9"}
    move.run("customers", full=True)
    assert customer(new)["Notes"] == "From the fair"

    old.change("Customer", customer(old)["Id"], PrimaryPhone={"FreeFormNumber": "0161 3"})
    move.green("customers")
    assert customer(new)["PrimaryPhone"] == {"FreeFormNumber": "0161 9"}


@pytest.mark.usefixtures("alike")
def test_the_mapping_says_who_wins_before_the_flow_does(old: Company, new: Company, move: Move, back: Move) -> None:
    for way in (move, back):
        way.policy("customers", conflicts="ask")
        say(way.flows["customers"], conflicts="newest")
    edit_both(old, new)

    for _ in range(2):
        move.green("customers")
        back.green("customers")

    assert (customer(old)["Notes"], customer(new)["Notes"]) == ("New", "New")


def invoice_of(company: Company, number: str) -> Body:
    return company.one("Invoice", DocNumber=number)


def sold(company: Company, number: str) -> list[Body]:
    """The lines of an invoice, but for the subtotal."""
    return [line for line in invoice_of(company, number)["Line"] if line["DetailType"] == "SalesItemLineDetail"]


def texts(company: Company, number: str) -> list[str]:
    return [line["Description"] for line in sold(company, number)]


def edit_lines(company: Company, number: str, change: Callable[[list[Body]], list[Body]]) -> None:
    """Somebody edits the lines of an invoice."""
    company.change("Invoice", invoice_of(company, number)["Id"], Line=change(sold(company, number)))


@pytest.fixture
def two_lines(old: Company, new: Company, move: Move, back: Move) -> None:
    """An invoice of two lines, at both ends, every flow run both ways."""
    lines = [{**old.sold(amount), "Description": text} for amount, text in (("60", "Hedges"), ("40", "Lawn"))]
    old.invoice("1001", "100", old.customer("Alder & Sons"), Line=lines)
    move.green(*ALIKE)
    back.green(*ALIKE)


@pytest.mark.usefixtures("two_lines")
def test_edits_of_different_lines_on_both_sides_merge_and_do_not_echo(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    new.change("Invoice", invoice_of(new, "1001")["Id"], TrackingNum="nobody maps this")
    edit_lines(old, "1001", lambda lines: [{**lines[0], "Description": "Hedges, twice"}, lines[1]])
    edit_lines(new, "1001", lambda lines: [lines[0], {**lines[1], "Description": "Lawn and paths"}])

    for _ in range(2):
        move.green("invoices")
        back.green("invoices")

    assert texts(old, "1001") == texts(new, "1001") == ["Hedges, twice", "Lawn and paths"]
    assert invoice_of(new, "1001")["TrackingNum"] == "nobody maps this"
    assert not invoice_of(old, "1001").get("TrackingNum")
    before = writes(old)
    for _ in range(2):
        move.green("invoices")
        back.green("invoices")
    assert writes(old) == before


@pytest.mark.usefixtures("two_lines")
def test_a_line_added_there_comes_back_and_a_line_dropped_here_goes_there(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    edit_lines(new, "1001", lambda lines: [*lines, {**new.sold("5"), "Description": "Travel"}])
    edit_lines(old, "1001", lambda lines: lines[1:])

    back.run("invoices")
    for _ in range(2):
        move.green("invoices")
        back.green("invoices")

    assert texts(old, "1001") == texts(new, "1001") == ["Lawn", "Travel"]
    assert invoice_of(old, "1001")["TotalAmt"] == invoice_of(new, "1001")["TotalAmt"] == 45


@pytest.mark.usefixtures("alike")
def test_what_is_new_on_either_side_is_made_once_on_the_other(
    old: Company, new: Company, move: Move, back: Move
) -> None:
    elm = new.customer("Elm Ltd")
    new.invoice("2001", "25", elm)

    for _ in range(3):
        back.green("customers", "invoices")
        move.green("customers", "invoices")

    for company in (old, new):
        assert sorted(each["DisplayName"] for each in company.all("Customer")) == ["Alder & Sons", "Elm Ltd"]
        assert sorted(each["DocNumber"] for each in company.all("Invoice")) == ["1001", "2001"]


@pytest.mark.usefixtures("alike")
def test_deleted_voided_and_inactive_are_told_apart(old: Company, new: Company, move: Move, back: Move) -> None:
    elm = old.customer("Elm Ltd")
    gone, void = (old.invoice(number, "25", elm) for number in ("2001", "2002"))
    move.green("customers", "invoices")
    back.green("customers", "invoices")
    new.delete("Invoice", new.one("Invoice", DocNumber="2001")["Id"])
    old.void("Invoice", void["Id"])
    new.change("Customer", new.one("Customer", DisplayName="Elm Ltd")["Id"], Active=False)

    move.run("customers", "invoices")
    runs = back.run("customers", "invoices")

    assert [each["Active"] for each in old.all("Customer")] == [True, False]
    assert new.one("Invoice", DocNumber="2002")["TotalAmt"] == 0
    assert old.one("Invoice", Id=gone["Id"])["TotalAmt"] == 25
    assert runs["invoices"].colour == "amber"
    (issue,) = back.issues("invoices")
    assert (issue.code, "deleted at the source" in issue.words) == ("source_gone", True)
