"""The ledger itself: entries that tie out, dimensions that come first, foreign money, deposits, and accounts that differ."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from integrations.connectors.quickbooks_online.simulator.entities import ENTITIES
from integrations.records.models import Issue
from tests.journeys.ledgers import Body, Company, Move, enter, posting, proven, settling

pytestmark = pytest.mark.django_db(transaction=True)


def entry(old: Company, number: str, *lines: Body, **more: object) -> Body:
    """Somebody books by hand."""
    body = {"TxnDate": "2026-09-30", "PrivateNote": "Month end", **more}
    return old.hand("JournalEntry", DocNumber=number, Line=list(lines), **body)


def detail(line: Body) -> Body:
    found: Body = line["JournalEntryLineDetail"]
    return found


def test_an_entry_keeps_its_sides_and_the_dimensions_that_came_before_it(
    old: Company, new: Company, move: Move
) -> None:
    garden = {"value": old.hand("Class", Name="Garden")["Id"]}
    north = {"value": old.hand("Department", Name="North")["Id"]}
    entry(
        old, "J-1",
        posting("100.10", "Debit", old.account("Office Expenses"), ClassRef=garden, DepartmentRef=north),
        posting("60.07", "Credit", old.account("Current Account")),
        posting("40.03", "Credit", old.account("Bank Charges & Fees")),
    )  # fmt: skip

    waits = move.run("accounts", "tax_codes", "journal_entries")["journal_entries"]
    assert (waits.colour, new.all("JournalEntry")) == ("amber", [])
    move.green("classes", "locations")
    run = move.run("journal_entries")["journal_entries"]

    assert proven(run) == {"GBP": Decimal("100.10")}
    (made,) = new.all("JournalEntry")
    told = {detail(line)["AccountRef"]["value"]: (line["Amount"], detail(line)["PostingType"]) for line in made["Line"]}
    assert told == {
        new.account("Office Expenses")["value"]: (Decimal("100.10"), "Debit"),
        new.account("Current Account")["value"]: (Decimal("60.07"), "Credit"),
        new.account("Bank Charges & Fees")["value"]: (Decimal("40.03"), "Credit"),
    }
    first = detail(made["Line"][0])
    assert first["ClassRef"]["value"] == new.one("Class", Name="Garden")["Id"]
    assert first["DepartmentRef"]["value"] == new.one("Department", Name="North")["Id"]


def test_an_entry_that_does_not_balance_is_refused_at_intake_and_the_others_go_on(
    old: Company, new: Company, move: Move
) -> None:
    sides = (
        posting("10", "Debit", old.account("Office Expenses")),
        posting("10", "Credit", old.account("Current Account")),
    )
    entry(old, "J-1", *sides)
    broken = entry(old, "J-2", *sides)
    tamper(old, "JournalEntry", broken["Id"], lambda body: body["Line"][0].update(Amount=Decimal("10.01")))

    run = move.run("accounts", "tax_codes", "journal_entries")["journal_entries"]

    assert run.colour == "amber"
    assert [each["DocNumber"] for each in new.all("JournalEntry")] == ["J-1"]
    with transaction.atomic():
        (issue,) = Issue.objects.filter(state=Issue.State.OPEN, code="unreadable")
    assert "debits of 10.01 and credits of 10.0 GBP are not equal" in issue.words


def tamper(company: Company, kind: str, id: str, how: object) -> None:
    """A fault of the vendor: what stands there is not what it let in."""
    books = company.vendor.company(company.realm)
    row = books.row(ENTITIES[kind], id)
    how(row.body)
    company.vendor.store.put(books.realm, kind, row)


@pytest.fixture
def in_euros(old: Company, new: Company) -> None:
    """Both companies keep books in euros as well; the old one knows what a euro is worth."""
    for company in (old, new):
        company.vendor.set_preferences(company.realm, multicurrency=True)
        company.hand("CompanyCurrency", Code="EUR")
    rate = {"SourceCurrencyCode": "EUR", "Rate": Decimal("0.8413"), "AsOfDate": "2026-09-14"}
    old.hand("ExchangeRate", **rate)


@pytest.mark.usefixtures("in_euros")
def test_foreign_bills_and_entries_keep_their_currency_and_its_rate(old: Company, new: Company, move: Move) -> None:
    brun = old.supplier("Brun Frères", CurrencyRef={"value": "EUR"})
    old.bill("F-1", "84.60", brun, CurrencyRef={"value": "EUR"}, ExchangeRate=Decimal("0.8413"))
    entry(
        old, "J-1", posting("50", "Debit", old.account("Office Expenses")), posting("50", "Credit", old.account("Services")),
        CurrencyRef={"value": "EUR"}, ExchangeRate=Decimal("0.8413"),
    )  # fmt: skip

    move.green("accounts", "tax_codes", "exchange_rates", "vendors", "items")
    runs = move.run("bills", "journal_entries")

    assert proven(runs["bills"]) == {"EUR": Decimal("84.60")}
    assert proven(runs["journal_entries"]) == {"EUR": Decimal(50)}
    for made in (new.one("Bill", DocNumber="F-1"), new.one("JournalEntry", DocNumber="J-1")):
        assert (made["CurrencyRef"]["value"], made["ExchangeRate"]) == ("EUR", Decimal("0.8413"))
    (rate,) = new.all("ExchangeRate")
    assert (rate["SourceCurrencyCode"], rate["Rate"]) == ("EUR", Decimal("0.8413"))


@pytest.mark.usefixtures("in_euros")
def test_a_foreign_bill_without_a_rate_stops_and_says_so(old: Company, new: Company, move: Move) -> None:
    brun = old.supplier("Brun Frères", CurrencyRef={"value": "EUR"})
    bill = old.bill("F-1", "84.60", brun, CurrencyRef={"value": "EUR"}, ExchangeRate=Decimal("0.8413"))
    tamper(old, "Bill", bill["Id"], lambda body: body.pop("ExchangeRate"))

    run = move.run("accounts", "tax_codes", "vendors", "items", "bills")["bills"]

    assert (run.colour, new.all("Bill")) == ("amber", [])
    (issue,) = move.issues("bills")
    assert "has no exchange rate" in f"{issue.words} {issue.explanation}"


def test_a_deposit_takes_a_payment_and_a_sales_receipt_to_the_bank_less_a_fee(
    old: Company, new: Company, move: Move
) -> None:
    alder = old.customer("Alder & Sons")
    till = old.account("Undeposited Funds")
    owed = old.invoice("1001", "60", alder)
    paid = old.hand(
        "Payment", CustomerRef=alder, TotalAmt=60, TxnDate="2026-09-20", DepositToAccountRef=till,
        Line=[settling("60", "Invoice", owed["Id"])],
    )  # fmt: skip
    sale = old.hand(
        "SalesReceipt", CustomerRef=alder, DocNumber="R-1", TxnDate="2026-09-21", DepositToAccountRef=till,
        Line=[old.sold("39.95")],
    )  # fmt: skip
    own = {"DetailType": "DepositLineDetail", "DepositLineDetail": {}}
    fee = {
        "Amount": Decimal("-1.20"), "DetailType": "DepositLineDetail",
        "DepositLineDetail": {"AccountRef": old.account("Bank Charges & Fees")},
    }  # fmt: skip
    old.hand(
        "Deposit", DepositToAccountRef=old.account("Current Account"), TxnDate="2026-09-22",
        Line=[settling("60", "Payment", paid["Id"]) | own, settling("39.95", "SalesReceipt", sale["Id"]) | own, fee],
    )  # fmt: skip

    lists = ("accounts", "tax_codes", "customers", "items")
    waits = move.run(*lists, "deposits")["deposits"]
    assert (waits.colour, new.all("Deposit")) == ("amber", [])
    move.green("invoices", "sales_receipts", "payments")
    run = move.run("deposits")["deposits"]

    assert proven(run) == {"GBP": Decimal("98.75")}
    (made,) = new.all("Deposit")
    there = {"Payment": new.all("Payment")[0]["Id"], "SalesReceipt": new.one("SalesReceipt", DocNumber="R-1")["Id"]}
    assert [line.get("LinkedTxn", [{}])[0].get("TxnId") for line in made["Line"]] == [*there.values(), None]
    assert old.vendor.trial(old.realm) == new.vendor.trial(new.realm)


def test_an_account_that_is_not_there_holds_what_uses_it_until_a_value_table_names_another(
    old: Company, new: Company, move: Move
) -> None:
    move.policy("accounts", may=[])
    old.hand("Account", Name="Hedge trimming", AccountType="Expense")
    old.bill("F-1", "25", old.supplier(), Line=[old.bought("25", account="Hedge trimming")])

    run = move.run("accounts", "tax_codes", "vendors", "bills")["bills"]

    assert (run.colour, new.all("Bill")) == ("amber", [])
    (issue,) = move.issues("bills")
    assert "the value table 'accounts' has no entry for" in issue.words
    assert "Hedge trimming" in issue.words
    assert "lines[0].account" in issue.words
    assert "value table" in issue.advice

    enter("accounts", **{"Hedge trimming": new.account("Office Expenses")["value"]})
    move.green("bills")

    (made,) = new.all("Bill")
    used = made["Line"][0]["AccountBasedExpenseLineDetail"]["AccountRef"]["value"]
    assert used == new.account("Office Expenses")["value"]
    assert move.issues("bills") == []


def test_a_refund_and_an_estimate_arrive_with_their_figures(old: Company, new: Company, move: Move) -> None:
    alder = old.customer("Alder & Sons")
    old.hand(
        "Estimate", DocNumber="E-1", CustomerRef=alder, TxnDate="2026-09-01", Line=[old.sold("12.50", tax="20.0% S")]
    )
    old.hand(
        "RefundReceipt", DocNumber="B-1", CustomerRef=alder, TxnDate="2026-09-02", Line=[old.sold("5.25")],
        DepositToAccountRef=old.account("Current Account"),
    )  # fmt: skip

    runs = move.run("accounts", "tax_codes", "customers", "items", "quotes", "refunds")

    assert proven(runs["quotes"]) == {"GBP": Decimal(15)}
    assert proven(runs["refunds"]) == {"GBP": Decimal("5.25")}
    assert len(new.all("Invoice")) == 0
