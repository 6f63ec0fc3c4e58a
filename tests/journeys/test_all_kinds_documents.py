"""Documents that change after they arrived, and documents that two systems do not reckon alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.journeys.ledgers import Body, Company, Move, proven

pytestmark = pytest.mark.django_db(transaction=True)

NEEDED = ("accounts", "tax_codes", "customers", "items")


def items(document: Body) -> list[Body]:
    """The lines of a document that count."""
    return [line for line in document["Line"] if line["DetailType"] == "SalesItemLineDetail"]


def test_lines_added_changed_and_removed_are_matched_by_line_and_the_rest_is_left_alone(
    old: Company, new: Company, move: Move
) -> None:
    alder = old.customer("Alder & Sons")
    lines = [
        old.sold(amount) | {"Description": text} for text, amount in (("Mugs", "10"), ("Cups", "20"), ("Jars", "30"))
    ]
    owed = old.invoice("1001", "60", alder, Line=lines)
    move.green(*NEEDED, "invoices")
    made = new.one("Invoice", DocNumber="1001")
    new.change(
        "Invoice", made["Id"], ShipMethodRef={"value": "Post"}, CustomerMemo={"value": "Leave with the neighbour"}
    )
    mugs, _, jars = items(old.one("Invoice", Id=owed["Id"]))
    changed = jars | {"Amount": Decimal(45), "SalesItemLineDetail": jars["SalesItemLineDetail"] | {"UnitPrice": 45}}
    old.change("Invoice", owed["Id"], Line=[mugs, changed, old.sold("7.50") | {"Description": "Lids"}])

    run = move.run("invoices")["invoices"]

    assert proven(run) == {"GBP": Decimal("62.50")}
    (there,) = new.all("Invoice")
    ids = {line["Description"]: line["Id"] for line in items(made)}
    assert [(line["Description"], line["Amount"]) for line in items(there)] == [
        ("Mugs", 10), ("Jars", 45), ("Lids", Decimal("7.5"))
    ]  # fmt: skip
    assert [line["Id"] for line in items(there)][:2] == [ids["Mugs"], ids["Jars"]]
    assert items(there)[2]["Id"] not in ids.values()
    assert (there["ShipMethodRef"]["value"], there["CustomerMemo"]["value"]) == ("Post", "Leave with the neighbour")


def test_an_invoice_made_from_an_estimate_is_one_invoice_and_the_estimate_is_closed(
    old: Company, new: Company, move: Move
) -> None:
    alder = old.customer("Alder & Sons")
    quote = old.hand("Estimate", DocNumber="E-1", CustomerRef=alder, TxnDate="2026-09-01", Line=[old.sold("80")])
    move.green(*NEEDED, "quotes")
    old.invoice("1001", "80", alder, LinkedTxn=[{"TxnId": quote["Id"], "TxnType": "Estimate"}])

    move.green("quotes", "invoices")
    move.green("quotes", "invoices")

    assert [each["TotalAmt"] for each in new.all("Invoice")] == [80]
    assert [each["TxnStatus"] for each in new.all("Estimate")] == ["Closed"]


def test_what_was_deleted_asks_a_person_and_what_was_made_inactive_is_made_inactive(
    old: Company, new: Company, move: Move
) -> None:
    alder = old.customer("Alder & Sons")
    gone = old.invoice("1001", "10", alder)
    old.invoice("1002", "20", alder)
    move.green(*NEEDED, "invoices")
    old.delete("Invoice", gone["Id"])
    old.change("Customer", alder["value"], Active=False)

    runs = move.run("customers", "invoices")

    assert [each["Active"] for each in new.all("Customer")] == [False]
    assert runs["invoices"].colour == "amber"
    (issue,) = move.issues("invoices")
    assert issue.code == "source_gone"
    assert "deleted at the source" in issue.words
    assert {each["DocNumber"]: each["TotalAmt"] for each in new.all("Invoice")} == {"1001": 10, "1002": 20}

    move.policy("invoices", source_gone="void")
    move.retry("invoices")
    assert move.run("invoices")["invoices"].colour == "green"
    assert {each["DocNumber"]: each["TotalAmt"] for each in new.all("Invoice")} == {"1001": 0, "1002": 20}


def test_tax_that_comes_to_another_cent_there_is_shown_and_not_hidden(old: Company, new: Company, move: Move) -> None:
    alder = old.customer("Alder & Sons")
    tax = {
        "TaxRateRef": {"value": old.one("TaxRate", Name="20.0% S (Sales)")["Id"]}, "PercentBased": True, "TaxPercent": 20,
        "NetAmountTaxable": Decimal("9.99"),
    }  # fmt: skip
    by_line = {"Amount": Decimal("2.01"), "DetailType": "TaxLineDetail", "TaxLineDetail": tax}
    old.invoice(
        "1001", "9.99", alder, Line=[old.sold("3.33", tax="20.0% S") for _ in range(3)],
        TxnTaxDetail={"TotalTax": Decimal("2.01"), "TaxLine": [by_line]},
    )  # fmt: skip
    old.invoice("1002", "9.99", alder, Line=[old.sold("9.99", tax="20.0% S")])

    run = move.run(*NEEDED, "invoices")["invoices"]

    assert run.colour == "red"
    assert "1 records do not tie out" in run.words
    (difference,) = run.totals["differences"]
    assert difference["source"] == "1001"
    assert (Decimal(difference["source_amount"]), Decimal(difference["target_amount"])) == (12, Decimal("11.99"))
