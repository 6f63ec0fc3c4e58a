"""What the simulated vendor does with documents: what it takes, refuses, computes, links and posts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.connectors.quickbooks_online.simulator.lists import DELETED

from .judged import Caller, expense_line, item_line, paying


@pytest.fixture
def us() -> Caller:
    return Caller(QuickBooksOnline(limits=0))


@pytest.fixture
def uk() -> Caller:
    vendor = QuickBooksOnline(limits=0)
    return Caller(vendor, list(vendor.companies)[1])


@pytest.fixture
def ann(us: Caller) -> dict[str, str]:
    return {"value": us.make("Customer", DisplayName="Ann")["Id"]}


@pytest.fixture
def beth(uk: Caller) -> dict[str, str]:
    return {"value": uk.make("Customer", DisplayName="Beth")["Id"]}


def invoice(caller: Caller, customer: dict[str, str], amount: str = "100", **more: Any) -> dict[str, Any]:
    return caller.make("Invoice", CustomerRef=customer, Line=[item_line(amount)], **more)


# names


@pytest.mark.parametrize("second", ["Vendor", "Customer", "Employee"])
def test_a_display_name_is_unique_over_all_kinds_of_people_whatever_its_case(
    us: Caller, ann: dict[str, str], second: str
) -> None:
    assert us.refused(second, DisplayName=" aNN ") == "6240"


def test_a_sub_customer_may_be_called_like_another_customer(us: Caller, ann: dict[str, str]) -> None:
    parent = us.make("Customer", DisplayName="Holding")
    child = us.make("Customer", DisplayName="Ann", Job=True, ParentRef={"value": parent["Id"]})
    assert (child["FullyQualifiedName"], child["Level"]) == ("Holding:Ann", 1)


def test_a_name_that_is_switched_off_is_free_again(us: Caller, ann: dict[str, str]) -> None:
    off = us.make("Customer", Id=ann["value"], SyncToken="0", sparse=True, Active=False)
    assert off["DisplayName"] == "Ann" + DELETED
    us.make("Customer", DisplayName="Ann")
    assert us.refused("Customer", Id=ann["value"], SyncToken="1", sparse=True, Active=True) == "6240"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Notes": "nameless"}, "6080"),
        ({"DisplayName": "a:b"}, "2040"),
        ({"DisplayName": "x" * 501}, "2050"),
        ({"DisplayName": "Ann", "PrimaryEmailAddr": {"Address": "nowhere"}}, "2210"),
        ({"DisplayName": "Ann", "PrimaryPhone": {"FreeFormNumber": "0" * 22}}, "2050"),
        ({"DisplayName": "Ann", "CurrencyRef": {"value": "EUR"}}, "6000"),
        ({"DisplayName": "Ann", "SalesTermRef": {"value": "99"}}, "2500"),
        ({"DisplayName": "Ann", "BillAddr": {"Street": "Oak Lane"}}, "2010"),
        ({"DisplayName": "Ann", "TotalRevenue": "a lot"}, "2080"),
    ],
)
def test_a_wrong_customer_is_refused(us: Caller, body: dict[str, Any], code: str) -> None:
    assert us.refused("Customer", **body) == code


def test_an_item_needs_an_account_of_the_right_kind(us: Caller) -> None:
    assert us.refused("Item", Name="Desk") == "2020"
    stock = {"Name": "Desk", "Type": "Inventory", "TrackQtyOnHand": True, "QtyOnHand": 5, "InvStartDate": "2026-01-01"}
    accounts = {"IncomeAccountRef": us.account("income"), "ExpenseAccountRef": us.account("cogs")}
    assert us.refused("Item", **stock, **accounts, AssetAccountRef=us.account("bank")) == "6430"
    assert us.make("Item", **stock, **accounts, AssetAccountRef=us.account("inventory"))["QtyOnHand"] == 5


def test_an_update_without_change_keeps_the_version(us: Caller, ann: dict[str, str]) -> None:
    assert us.make("Customer", Id=ann["value"], SyncToken="0", sparse=True, DisplayName="Ann")["SyncToken"] == "0"


def test_an_update_that_is_not_sparse_blanks_what_it_leaves_out(us: Caller) -> None:
    made = us.make("Customer", DisplayName="Ann", Notes="keep me", CompanyName="Ann & Co")
    us.make("Customer", Id=made["Id"], SyncToken="0", sparse=True, CompanyName="Ann Ltd")
    assert us.get("Customer", made["Id"])["Notes"] == "keep me"
    us.make("Customer", Id=made["Id"], SyncToken="1", DisplayName="Ann")
    assert "Notes" not in us.get("Customer", made["Id"])


def test_an_empty_text_blanks_a_property(us: Caller) -> None:
    made = us.make("Customer", DisplayName="Ann", Notes="old")
    assert "Notes" not in us.make("Customer", Id=made["Id"], SyncToken="0", sparse=True, Notes="")


# invoices


def test_an_invoice_counts_its_own_number_dates_and_balance(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann, TxnDate="2026-09-14", SalesTermRef={"value": "2"})
    assert (made["DocNumber"], made["DueDate"], made["Balance"]) == ("1001", "2026-09-29", Decimal("100.0"))
    assert invoice(us, ann, DocNumber="INV-7")["DocNumber"] == "INV-7"
    assert invoice(us, ann)["DocNumber"] == "1002"


def test_custom_numbers_may_stay_empty(us: Caller, ann: dict[str, str]) -> None:
    us.vendor.set_preferences(custom_numbers=True)
    assert "DocNumber" not in invoice(us, ann)
    assert invoice(us, ann, DocNumber="AUTO_GENERATE")["DocNumber"] == "1001"


def test_two_invoices_may_share_a_number_unless_the_company_forbids_it(us: Caller, ann: dict[str, str]) -> None:
    invoice(us, ann, DocNumber="7")
    invoice(us, ann, DocNumber="7")
    us.vendor.set_preferences(forbid_duplicate_numbers=True)
    assert us.refused("Invoice", CustomerRef=ann, DocNumber="7", Line=[item_line("1")]) == "6140"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Line": []}, "2250"),
        ({"Line": [{"DetailType": "DescriptionOnly", "Description": "nothing else"}]}, "2250"),
        ({"Line": [item_line("10", Qty=3, UnitPrice=3)]}, "6070"),
        ({"Line": [{"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"Qty": 1}}]}, "2020"),
        ({"Line": [item_line("10", item="999")]}, "2500"),
        ({"Line": [item_line("10", TaxCodeRef={"value": "2"})]}, "6100"),
        ({"Line": [expense_line("10", {"value": "1"})]}, "2170"),
        ({"CustomerRef": {"value": "999"}}, "2500"),
        ({"CustomerRef": None}, "2020"),
        ({"DocNumber": "x" * 22}, "2050"),
        ({"CurrencyRef": {"value": "EUR"}}, "6000"),
        ({"TxnDate": "14.09.2026"}, "2060"),
        ({"EmailStatus": "Perhaps"}, "2170"),
        ({"CustomField": [{"DefinitionId": "3", "StringValue": "x"}]}, "6000"),
        ({"Id": "77", "SyncToken": "0"}, "610"),
        ({"Id": "7a", "SyncToken": "0"}, "2030"),
    ],
)
def test_a_wrong_invoice_is_refused_and_leaves_nothing(
    us: Caller, ann: dict[str, str], changes: dict[str, Any], code: str
) -> None:
    assert us.refused("Invoice", **{"CustomerRef": ann, "Line": [item_line("10")], **changes}) == code
    assert us.vendor.documents("Invoice") == []
    assert us.vendor.trial()["accounts"] == {}


def test_a_price_for_each_may_have_more_decimals_than_the_amount(us: Caller, ann: dict[str, str]) -> None:
    made = us.make(
        "Invoice", CustomerRef=ann, Line=[item_line("8.49", Qty=Decimal("4.5"), UnitPrice=Decimal("1.88667"))]
    )
    assert made["TotalAmt"] == Decimal("8.49")
    counted = us.make("Invoice", CustomerRef=ann, Line=[item_line("10", Qty=3)])
    assert counted["Line"][0]["SalesItemLineDetail"]["UnitPrice"] == Decimal("3.3333333")


def test_nobody_bills_an_inactive_customer_or_item(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann)
    us.make("Item", Id="1", SyncToken="0", sparse=True, Active=False)
    assert us.refused("Invoice", CustomerRef=ann, Line=[item_line("1")]) == "610"
    kept = us.make(
        "Invoice", Id=made["Id"], SyncToken="0", sparse=True, PrivateNote="still mine", Line=[made["Line"][0]]
    )
    assert kept["PrivateNote"] == "still mine"
    us.make("Customer", Id=ann["value"], SyncToken="0", sparse=True, Active=False)
    assert us.refused("Invoice", CustomerRef=ann, Line=[item_line("1", item="2")]) == "6250"


def test_lines_are_replaced_as_a_whole_and_keep_their_ids_where_sent(us: Caller, ann: dict[str, str]) -> None:
    made = us.make("Invoice", CustomerRef=ann, Line=[item_line("10"), item_line("20")])
    kept = made["Line"][1]
    changed = us.make("Invoice", Id=made["Id"], SyncToken="0", sparse=True, Line=[kept, item_line("5")])
    assert [(line.get("Id"), line["Amount"]) for line in changed["Line"]] == [("2", 20), ("3", 5), (None, 25)]
    assert changed["TotalAmt"] == 25


def test_a_discount_lowers_the_total(us: Caller, ann: dict[str, str]) -> None:
    ten_percent = {
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10},
    }
    made = us.make("Invoice", CustomerRef=ann, Line=[item_line("50"), ten_percent])
    assert [line["Amount"] for line in made["Line"]] == [50, 50, 5]
    assert made["TotalAmt"] == 45
    assert us.vendor.trial()["accounts"] == {"Accounts Receivable (A/R)": 45, "Sales": -50, "Discounts given": 5}


def test_a_stale_version_is_refused(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann)
    us.vendor.change("Invoice", made["Id"], {"PrivateNote": "changed by hand"})
    assert us.refused("Invoice", Id=made["Id"], SyncToken="0", sparse=True, PrivateNote="mine") == "5010"
    assert us.refused("Invoice", "invoice?operation=delete", Id=made["Id"], SyncToken="0") == "5010"
    assert us.refused("Invoice", Id=made["Id"], sparse=True, PrivateNote="mine") == "2020"


def test_a_void_leaves_the_document_at_zero_and_its_payment_unapplied(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann, PrivateNote="src:crm/1")
    paid = us.make("Payment", CustomerRef=ann, TotalAmt=40, Line=[paying("40", "Invoice", made["Id"])])
    status, answer = us.ask("POST", "invoice?operation=void", {"Id": made["Id"], "SyncToken": "1"})
    void = answer["Invoice"]
    assert (status, void["TotalAmt"], void["Balance"], void["PrivateNote"]) == (200, 0, 0, "Voided - src:crm/1")
    assert [line["Amount"] for line in void["Line"]] == [0, 0]
    assert us.get("Payment", paid["Id"])["UnappliedAmt"] == 40
    assert us.get("Customer", ann["value"])["Balance"] == -40


def test_closed_books_stay_closed(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann, TxnDate="2025-12-31")
    us.vendor.set_preferences(book_close_date="2025-12-31")
    assert us.refused("Invoice", CustomerRef=ann, TxnDate="2025-12-31", Line=[item_line("1")]) == "6200"
    assert us.refused("Invoice", Id=made["Id"], SyncToken="0", sparse=True, TxnDate="2026-01-01") == "6200"
    us.vendor.set_preferences(close_password=True)
    assert us.refused("Invoice", "invoice?operation=delete", Id=made["Id"], SyncToken="0") == "6210"
    invoice(us, ann, TxnDate="2026-01-01")


def test_the_customers_balance_and_time_move_but_not_the_version(us: Caller, ann: dict[str, str]) -> None:
    us.vendor.clock.stop()
    before = us.get("Customer", ann["value"])
    us.ask("GET", "preferences")
    us.vendor.misbehaviour.clear()
    invoice(us, ann)
    after = us.get("Customer", ann["value"])
    assert (after["Balance"], after["SyncToken"]) == (100, before["SyncToken"])


# tax


def test_an_american_vendor_works_out_the_tax_itself(us: Caller, ann: dict[str, str]) -> None:
    taxed = item_line("325.75", TaxCodeRef={"value": "TAX"})
    made = us.make("Invoice", CustomerRef=ann, Line=[taxed, item_line("10")], TxnTaxDetail={"TotalTax": 1})
    (line,) = made["TxnTaxDetail"]["TaxLine"]
    assert (made["TxnTaxDetail"]["TotalTax"], line["TaxLineDetail"]["NetAmountTaxable"]) == (
        Decimal("26.06"),
        Decimal("325.75"),
    )
    assert made["TotalAmt"] == Decimal("361.81")


def test_a_tax_exempt_american_customer_pays_none(us: Caller) -> None:
    school = {"value": us.make("Customer", DisplayName="School", Taxable=False)["Id"]}
    made = us.make("Invoice", CustomerRef=school, Line=[item_line("100", TaxCodeRef={"value": "TAX"})])
    assert made["TotalAmt"] == 100


def test_british_tax_is_added_per_rate(uk: Caller, beth: dict[str, str]) -> None:
    lines = [
        item_line("10.01", TaxCodeRef=uk.tax_code("20.0% S")),
        item_line("10.01", TaxCodeRef=uk.tax_code("20.0% S")),
        item_line("50", TaxCodeRef=uk.tax_code("5.0% R")),
        item_line("7", TaxCodeRef=uk.tax_code("No VAT")),
    ]
    made = uk.make("Invoice", CustomerRef=beth, Line=lines)
    assert [line["Amount"] for line in made["TxnTaxDetail"]["TaxLine"]] == [4, Decimal("2.5"), 0]
    assert (made["GlobalTaxCalculation"], made["TotalAmt"]) == ("TaxExcluded", Decimal("83.52"))
    assert uk.vendor.trial(uk.realm)["accounts"]["VAT Control"] == Decimal("-6.5")


def test_tax_inside_the_price_is_taken_from_the_gross_of_each_line(uk: Caller, beth: dict[str, str]) -> None:
    detail = {"TaxCodeRef": uk.tax_code("20.0% S"), "TaxInclusiveAmt": Decimal("9.99")}
    body = {"CustomerRef": beth, "GlobalTaxCalculation": "TaxInclusive"}
    made = uk.make("Invoice", **body, Line=[item_line("8.33", **detail), item_line("8.33", **detail)])
    assert (made["TotalAmt"], made["TxnTaxDetail"]["TotalTax"]) == (Decimal("19.98"), Decimal("3.32"))
    assert uk.refused("Invoice", **body, Line=[item_line("9.99", **detail)]) == "6070"


def test_a_document_without_tax_says_so(uk: Caller, beth: dict[str, str]) -> None:
    assert uk.refused("Invoice", CustomerRef=beth, Line=[item_line("10")]) == "6000"
    made = uk.make("Invoice", CustomerRef=beth, GlobalTaxCalculation="NotApplicable", Line=[item_line("10")])
    assert made["TotalAmt"] == 10
    assert uk.refused("Invoice", CustomerRef=beth, Line=[item_line("10", TaxCodeRef={"value": "TAX"})]) == "6100"


def test_sent_tax_lines_overrule_the_sum_but_must_add_up(uk: Caller, beth: dict[str, str]) -> None:
    line = item_line("10.01", TaxCodeRef=uk.tax_code("20.0% S"))
    made = uk.make("Invoice", CustomerRef=beth, Line=[line])
    rate = made["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["TaxRateRef"]
    given = {
        "TaxLine": [{"Amount": Decimal("2.01"), "DetailType": "TaxLineDetail", "TaxLineDetail": {"TaxRateRef": rate}}]
    }
    assert uk.make("Invoice", CustomerRef=beth, Line=[line], TxnTaxDetail=given)["TotalAmt"] == Decimal("12.02")
    assert uk.refused("Invoice", CustomerRef=beth, Line=[line], TxnTaxDetail={**given, "TotalTax": 2}) == "6000"
    given["TaxLine"][0]["TaxLineDetail"] = {"TaxRateRef": {"value": "9"}}
    assert uk.refused("Invoice", CustomerRef=beth, Line=[line], TxnTaxDetail=given) == "6160"


def test_a_tax_code_is_made_by_the_tax_service(uk: Caller, beth: dict[str, str]) -> None:
    details = [{"TaxRateName": "Half", "RateValue": 10, "TaxAgencyId": "1", "TaxApplicableOn": "Sales"}]
    status, made = uk.ask("POST", "taxservice/taxcode", {"TaxCode": "Half rate", "TaxRateDetails": details})
    assert (status, made["TaxRateDetails"][0]["TaxRateName"]) == (200, "Half")
    line = item_line("10", TaxCodeRef={"value": made["TaxCodeId"]})
    assert uk.make("Invoice", CustomerRef=beth, Line=[line])["TotalAmt"] == 11
    assert uk.refused("TaxCode", Name="By the front door") == "500"


# currencies


def test_a_document_is_in_its_customers_currency(uk: Caller) -> None:
    uk.vendor.set_preferences(uk.realm, multicurrency=True)
    uk.make("CompanyCurrency", Code="EUR")
    uk.make("ExchangeRate", SourceCurrencyCode="EUR", AsOfDate="2026-01-01", Rate=Decimal("0.85"))
    client = {"value": uk.make("Customer", DisplayName="Chiara", CurrencyRef={"value": "EUR"})["Id"]}
    line = item_line("100", TaxCodeRef=uk.tax_code("20.0% S"))
    made = uk.make("Invoice", CustomerRef=client, TxnDate="2026-02-01", Line=[line])
    assert (made["CurrencyRef"]["value"], made["TotalAmt"], made["HomeTotalAmt"]) == ("EUR", 120, 102)
    assert uk.refused("Invoice", CustomerRef=client, CurrencyRef={"value": "GBP"}, Line=[line]) == "6000"
    assert (
        uk.refused("Customer", Id=client["value"], SyncToken="0", sparse=True, CurrencyRef={"value": "GBP"}) == "6000"
    )
    assert uk.vendor.trial(uk.realm)["accounts"]["Accounts Receivable (A/R)"] == 102
    status, answer = uk.ask("GET", "exchangerate?sourcecurrencycode=EUR&asofdate=2026-03-01")
    assert (status, answer["ExchangeRate"]["Rate"]) == (200, Decimal("0.85"))


# money in


def test_a_payment_lowers_the_balance_and_raises_the_version(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann)
    paid = us.make("Payment", CustomerRef=ann, TotalAmt=60, Line=[paying("60", "Invoice", made["Id"])])
    read = us.get("Invoice", made["Id"])
    assert (read["Balance"], read["SyncToken"], read["LinkedTxn"]) == (
        40,
        "1",
        [{"TxnId": paid["Id"], "TxnType": "Payment"}],
    )
    assert us.vendor.trial()["accounts"] == {"Accounts Receivable (A/R)": 40, "Sales": -100, "Undeposited Funds": 60}
    us.ask("POST", "payment?operation=delete", {"Id": paid["Id"], "SyncToken": "0"})
    assert (us.get("Invoice", made["Id"])["Balance"], us.get("Invoice", made["Id"])["LinkedTxn"]) == (100, [])


def test_more_than_the_open_balance_cannot_be_paid(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann)
    assert us.refused("Payment", CustomerRef=ann, TotalAmt=101, Line=[paying("101", "Invoice", made["Id"])]) == "6000"
    assert us.refused("Payment", CustomerRef=ann, TotalAmt=50, Line=[paying("60", "Invoice", made["Id"])]) == "6000"
    stranger = {"value": us.make("Customer", DisplayName="Stranger")["Id"]}
    assert us.refused("Payment", CustomerRef=stranger, TotalAmt=5, Line=[paying("5", "Invoice", made["Id"])]) == "6000"


def test_a_credit_memo_is_applied_by_a_payment_of_nothing(us: Caller, ann: dict[str, str]) -> None:
    made = invoice(us, ann)
    memo = us.make("CreditMemo", CustomerRef=ann, Line=[item_line("30")])
    lines = [paying("30", "Invoice", made["Id"]), paying("30", "CreditMemo", memo["Id"])]
    us.make("Payment", CustomerRef=ann, TotalAmt=0, Line=lines)
    assert us.get("Invoice", made["Id"])["Balance"] == 70
    assert us.get("CreditMemo", memo["Id"])["RemainingCredit"] == 0
    assert us.get("Customer", ann["value"])["Balance"] == 70


def test_what_was_taken_to_the_bank_cannot_be_changed(us: Caller, ann: dict[str, str]) -> None:
    paid = us.make("Payment", CustomerRef=ann, TotalAmt=25)
    banked = us.make("Deposit", DepositToAccountRef=us.account("bank"),
                     Line=[{**paying("25", "Payment", paid["Id"]), "DetailType": "DepositLineDetail"}])  # fmt: skip
    version = us.get("Payment", paid["Id"])["SyncToken"]
    assert us.refused("Payment", "payment?operation=delete", Id=paid["Id"], SyncToken=version) == "6540"
    us.ask("POST", "deposit?operation=delete", {"Id": banked["Id"], "SyncToken": "0"})
    version = us.get("Payment", paid["Id"])["SyncToken"]
    assert us.ask("POST", "payment?operation=delete", {"Id": paid["Id"], "SyncToken": version})[0] == 200
    assert us.vendor.trial() == {"accounts": {}, "sum": 0}


def banking(amount: str, kind: str, id: str) -> dict[str, Any]:
    return {**paying(amount, kind, id), "DetailType": "DepositLineDetail", "DepositLineDetail": {}}


def test_money_goes_to_the_bank_once_whole_and_from_where_it_waits(us: Caller, ann: dict[str, str]) -> None:
    bank = us.account("bank")
    paid = us.make("Payment", CustomerRef=ann, TotalAmt=25)
    elsewhere = us.make("Payment", CustomerRef=ann, TotalAmt=9, DepositToAccountRef=bank)
    assert us.refused("Deposit", DepositToAccountRef=bank, Line=[banking("20", "Payment", paid["Id"])]) == "6000"
    assert us.refused("Deposit", DepositToAccountRef=bank, Line=[banking("9", "Payment", elsewhere["Id"])]) == "6000"
    us.make("Deposit", DepositToAccountRef=bank, Line=[banking("25", "Payment", paid["Id"])])
    assert us.refused("Deposit", DepositToAccountRef=bank, Line=[banking("25", "Payment", paid["Id"])]) == "6000"
    assert (
        us.refused("Deposit", DepositToAccountRef=us.account("income"), Line=[banking("1", "Payment", "1")]) == "6430"
    )


def test_a_deposit_takes_refunds_and_cash_off(us: Caller, ann: dict[str, str]) -> None:
    till = us.account("undeposited")
    receipt = us.make("SalesReceipt", CustomerRef=ann, Line=[item_line("80")])
    refund = us.make("RefundReceipt", CustomerRef=ann, Line=[item_line("30")], DepositToAccountRef=till)
    lines = [banking("80", "SalesReceipt", receipt["Id"]), banking("-30", "RefundReceipt", refund["Id"])]
    cash = {"AccountRef": us.account("fees"), "Amount": 5}
    made = us.make("Deposit", DepositToAccountRef=us.account("bank"), Line=lines, CashBack=cash)
    assert made["TotalAmt"] == 45
    assert us.vendor.trial()["accounts"] == {
        "Checking": 45,
        "Bank Charges & Fees": 5,
        "Sales": -50,
        "Undeposited Funds": 0,
    }
    more = {**cash, "Amount": 60}
    assert us.refused("Deposit", DepositToAccountRef=us.account("bank"), Line=[straight(us)], CashBack=more) == "6000"


def straight(us: Caller) -> dict[str, Any]:
    kind = "DepositLineDetail"
    return {"Amount": 10, "DetailType": kind, kind: {"AccountRef": us.account("income")}}


def test_a_refund_is_paid_from_where_money_lies(us: Caller, ann: dict[str, str]) -> None:
    wrong = us.account("income")
    assert us.refused("RefundReceipt", CustomerRef=ann, Line=[item_line("30")], DepositToAccountRef=wrong) == "6430"
    assert us.refused("RefundReceipt", CustomerRef=ann, Line=[item_line("30")]) == "2020"


def test_a_payment_settles_an_entry_of_its_own_customer_only(us: Caller, ann: dict[str, str]) -> None:
    whom = {"Type": "Customer", "EntityRef": ann}
    made = us.make(
        "JournalEntry",
        Line=[entry(us.account("receivable"), "Debit", "30", Entity=whom), entry(us.account("income"), "Credit", "30")],
    )
    paid = us.make("Payment", CustomerRef=ann, TotalAmt=20, Line=[paying("20", "JournalEntry", made["Id"])])
    assert paid["UnappliedAmt"] == 0
    assert us.get("JournalEntry", made["Id"])["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "Payment"}]
    assert (
        us.refused("Payment", CustomerRef=ann, TotalAmt=20, Line=[paying("20", "JournalEntry", made["Id"])]) == "6000"
    )
    bob = {"value": us.make("Customer", DisplayName="Bob")["Id"]}
    assert us.refused("Payment", CustomerRef=bob, TotalAmt=5, Line=[paying("5", "JournalEntry", made["Id"])]) == "6000"


def test_a_bill_is_not_paid_from_an_income_account(us: Caller) -> None:
    yard = {"value": us.make("Vendor", DisplayName="Yard")["Id"]}
    wrong = {"BankAccountRef": us.account("income")}
    assert us.refused("BillPayment", VendorRef=yard, PayType="Check", TotalAmt=0, CheckPayment=wrong) == "6430"


def test_an_invoice_made_from_an_estimate_closes_it(us: Caller, ann: dict[str, str]) -> None:
    offer = us.make("Estimate", CustomerRef=ann, Line=[item_line("100")])
    made = invoice(us, ann, LinkedTxn=[{"TxnId": offer["Id"], "TxnType": "Estimate"}])
    read = us.get("Estimate", offer["Id"])
    assert (read["TxnStatus"], read["LinkedTxn"]) == ("Closed", [{"TxnId": made["Id"], "TxnType": "Invoice"}])


# money out


def test_a_bill_is_paid_by_cheque_after_a_vendor_credit(us: Caller) -> None:
    yard = {"value": us.make("Vendor", DisplayName="Yard")["Id"]}
    bill = us.make("Bill", VendorRef=yard, Line=[expense_line("70", us.account("expense"))])
    credit = us.make("VendorCredit", VendorRef=yard, Line=[expense_line("20", us.account("expense"))])
    lines = [paying("70", "Bill", bill["Id"]), paying("20", "VendorCredit", credit["Id"])]
    paid = us.make("BillPayment", VendorRef=yard, PayType="Check", TotalAmt=50, Line=lines,
                   CheckPayment={"BankAccountRef": us.account("bank")})  # fmt: skip
    read = us.get("Bill", bill["Id"])
    assert (read["Balance"], read["LinkedTxn"]) == (0, [{"TxnId": paid["Id"], "TxnType": "BillPaymentCheck"}])
    assert us.get("Vendor", yard["value"])["Balance"] == 0
    assert us.vendor.trial()["accounts"] == {"Accounts Payable (A/P)": 0, "Office Expenses": 50, "Checking": -50}


def test_a_purchase_order_waits_for_its_bill(us: Caller) -> None:
    yard = {"value": us.make("Vendor", DisplayName="Yard")["Id"]}
    line = {
        "Amount": 12,
        "DetailType": "ItemBasedExpenseLineDetail",
        "ItemBasedExpenseLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1},
    }
    order = us.make("PurchaseOrder", VendorRef=yard, Line=[line])
    assert (order["POStatus"], us.vendor.trial()["accounts"]) == ("Open", {})
    us.make("Bill", VendorRef=yard, Line=[line], LinkedTxn=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}])
    assert us.get("PurchaseOrder", order["Id"])["POStatus"] == "Closed"


# the ledger


def entry(account: dict[str, str], side: str, amount: str, **detail: Any) -> dict[str, Any]:
    inner = {"PostingType": side, "AccountRef": account, **detail}
    return {"Amount": Decimal(amount), "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": inner}


def test_a_journal_entry_balances_and_names_whom_it_concerns(us: Caller, ann: dict[str, str]) -> None:
    bank, fees = us.account("bank"), us.account("fees")
    us.make("JournalEntry", Line=[entry(fees, "Debit", "3"), entry(bank, "Credit", "3")])
    assert us.refused("JournalEntry", Line=[entry(fees, "Debit", "3"), entry(bank, "Credit", "2")]) == "2300"
    receivable = us.account("receivable")
    assert us.refused("JournalEntry", Line=[entry(receivable, "Debit", "3"), entry(bank, "Credit", "3")]) == "6000"
    whom = {"Entity": {"Type": "Customer", "EntityRef": ann}}
    us.make("JournalEntry", Line=[entry(receivable, "Debit", "3", **whom), entry(bank, "Credit", "3")])
    assert us.get("Customer", ann["value"])["Balance"] == 3
    assert us.vendor.trial()["sum"] == 0


def test_accounts_show_what_was_posted(us: Caller, ann: dict[str, str]) -> None:
    invoice(us, ann)
    us.make("Transfer", FromAccountRef=us.account("bank"), ToAccountRef=us.account("card"), Amount=10)
    balances = {body["Name"]: body["CurrentBalance"] for body in us.vendor.documents("Account")}
    assert (balances["Sales"], balances["Checking"], balances["Credit Card"]) == (100, -10, -10)
    assert us.vendor.trial()["sum"] == 0


def test_a_sales_receipt_and_its_refund_cancel_out(us: Caller, ann: dict[str, str]) -> None:
    us.make("SalesReceipt", CustomerRef=ann, Line=[item_line("12")], DepositToAccountRef=us.account("bank"))
    us.make("RefundReceipt", CustomerRef=ann, Line=[item_line("12")], DepositToAccountRef=us.account("bank"))
    assert us.vendor.trial()["accounts"] == {"Checking": 0, "Sales": 0}
    assert us.vendor.totals("SalesReceipt") == {"count": 1, "sums": {"USD": 12}}


# what cannot be done


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("customer?operation=delete", "500"),
        ("creditmemo?operation=void", "500"),
        ("bill?operation=update&include=void", "500"),
        ("salesorder", "500"),
        ("invoice/1/burn", "500"),
    ],
)
def test_what_the_vendor_has_not_got_is_refused(us: Caller, path: str, code: str) -> None:
    assert us.refused("Invoice", path, Id="1", SyncToken="0") == code
