"""What is bought: a bill keeps the order it was made from, down to its lines, and one payment pays several."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from integrations.crosswalk.models import Link, Origin
from integrations.sync.models import Flow
from tests.journeys.ledgers import Body, Company, Move, proven, settled, settling

pytestmark = pytest.mark.django_db(transaction=True)

NEEDED = ("accounts", "tax_codes", "vendors", "items")


@pytest.fixture
def birch(old: Company) -> Body:
    """A vendor in the old books."""
    return old.supplier("Birch Paper")


def ordered(old: Company, vendor: Body, *amounts: str) -> Body:
    """An order with a line for each amount."""
    lines = [old.bought(amount) for amount in amounts]
    return old.hand("PurchaseOrder", DocNumber="PO-7", VendorRef=vendor, TxnDate="2026-09-10", Line=lines)


def from_order(order: Body, line: Body, line_id: str) -> Body:
    """A line of a bill that was made from that line of the order."""
    return {**line, "LinkedTxn": [{"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": line_id}]}


@transaction.atomic
def identity(flow: Flow, external_id: str) -> object:
    """Who something of the old books is."""
    return Link.objects.get(connection=flow.source, object=flow.source_object, external_id=external_id).identity_id


def test_a_bill_made_from_an_order_keeps_the_order_and_the_lines_it_was_made_from(
    old: Company, new: Company, move: Move, birch: Body
) -> None:
    order = ordered(old, birch, "40.10", "59.90")
    first, second = (line["Id"] for line in order["Line"])
    lines = [from_order(order, old.bought("59.90"), second), from_order(order, old.bought("40.10"), first)]
    bill = old.bill("F-1", "100", birch, Line=lines, LinkedTxn=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}])

    waits = move.run(*NEEDED, "bills")["bills"]
    assert (waits.colour, new.all("Bill")) == ("amber", [])
    move.green("purchase_orders", "bills")

    there, made = new.one("Bill", DocNumber="F-1"), new.one("PurchaseOrder", DocNumber="PO-7")
    assert made["POStatus"] == "Closed"
    assert {"TxnId": made["Id"], "TxnType": "PurchaseOrder"} in there["LinkedTxn"]
    amounts = {line["Id"]: line["Amount"] for line in made["Line"]}
    links = [line["LinkedTxn"][0] for line in there["Line"]]
    assert [amounts[link["TxnLineId"]] for link in links] == [Decimal("59.90"), Decimal("40.10")]
    with transaction.atomic():
        (origin,) = Origin.objects.all()
    assert origin.source_id == identity(move.flows["purchase_orders"], order["Id"])
    assert origin.target_id == identity(move.flows["bills"], bill["Id"])


def test_two_bills_made_from_one_order_both_lead_back_to_it(
    old: Company, new: Company, move: Move, birch: Body
) -> None:
    order = ordered(old, birch, "40", "60")
    for number, amount in (("F-1", "40"), ("F-2", "60")):
        old.bill(number, amount, birch, LinkedTxn=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}])

    move.green(*NEEDED, "purchase_orders", "bills")

    with transaction.atomic():
        assert Origin.objects.filter(source=identity(move.flows["purchase_orders"], order["Id"])).count() == 2
    assert len(new.all("Bill")) == 2


def test_one_payment_pays_three_bills_to_the_cent(old: Company, new: Company, move: Move, birch: Body) -> None:
    owed = {number: old.bill(number, amount, birch)["Id"] for number, amount in BILLS.items()}
    old.hand(
        "BillPayment", VendorRef=birch, TotalAmt=sum(map(Decimal, BILLS.values())), TxnDate="2026-09-25",
        PayType="Check", CheckPayment={"BankAccountRef": old.account("Current Account")}, DocNumber="000131",
        Line=[settling(amount, "Bill", owed[number]) for number, amount in BILLS.items()],
    )  # fmt: skip

    move.run(*NEEDED, "bill_payments")
    assert new.all("BillPayment") == []
    runs = move.run("bills", "bill_payments")

    assert [proven(run) for run in runs.values()] == [{"GBP": Decimal("60.04")}] * 2
    (paid,) = new.all("BillPayment")
    there = {each["DocNumber"]: each["Id"] for each in new.all("Bill")}
    assert settled(paid) == {("Bill", there[number]): Decimal(amount) for number, amount in BILLS.items()}
    assert paid["CheckPayment"]["BankAccountRef"]["value"] == new.account("Current Account")["value"]
    assert {each["Balance"] for each in new.all("Bill")} == {0}


BILLS = {"F-1": "10.01", "F-2": "20.01", "F-3": "30.02"}


def test_a_credit_of_a_vendor_pays_a_part_of_his_bill(old: Company, new: Company, move: Move, birch: Body) -> None:
    owed = old.bill("F-1", "50", birch)
    credit = old.hand("VendorCredit", VendorRef=birch, TxnDate="2026-09-20", Line=[old.bought("20")])
    old.hand(
        "BillPayment", VendorRef=birch, TotalAmt=30, TxnDate="2026-09-25", PayType="Check",
        CheckPayment={"BankAccountRef": old.account("Current Account")},
        Line=[settling("50", "Bill", owed["Id"]), settling("20", "VendorCredit", credit["Id"])],
    )  # fmt: skip

    waits = move.run(*NEEDED, "bills", "bill_payments")["bill_payments"]
    assert (waits.colour, new.all("BillPayment")) == ("amber", [])
    runs = move.run("vendor_credits", "bill_payments")

    assert [proven(run) for run in runs.values()] == [{"GBP": Decimal(20)}, {"GBP": Decimal(30)}]
    assert [each["Balance"] for each in (*new.all("Bill"), *new.all("VendorCredit"))] == [0, 0]
