"""Every object of python-quickbooks, with all the members that it writes unasked, is taken by the simulator and read back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from quickbooks import QuickBooks
from quickbooks.objects.base import Ref
from requests import Session

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from tests.mount import InProcess

from .judged import Judged

BASE = "https://quickbooks.simulator.test"


class Books:
    """A company with a customer, a vendor and an item to refer to."""

    def __init__(self) -> None:
        self.vendor = QuickBooksOnline(limits=0)
        self.judged = Judged(self.vendor)
        self.accounts = self.vendor.company().settings.accounts
        self.vendor.by_hand("Customer", {"DisplayName": "Ann"})
        self.vendor.by_hand("Vendor", {"DisplayName": "Yard"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.client = QuickBooks(company_id=next(iter(self.vendor.companies)), minorversion=75)
        self.client.session = Session()
        self.client.session.access_token = self.vendor.connect()["access_token"]
        self.client.session.mount(BASE, InProcess(self.judged, BASE))

    def account(self, role: str) -> Ref:
        return ref(self.accounts[role])


def ref(value: str, kind: str | None = None) -> Ref:
    made = Ref()
    made.value, made.type = value, kind
    return made


def new(module: str, name: str, **members: Any) -> Any:
    made = getattr(import_module(f"quickbooks.objects.{module}"), name)()
    for member, value in members.items():
        setattr(made, member, value)
    return made


def sale() -> Any:
    detail = new("detailline", "SalesItemLineDetail", ItemRef=ref("1"))
    return new("detailline", "SalesItemLine", Amount=10, SalesItemLineDetail=detail)


def costs(books: Books) -> list[Any]:
    by_account = new("detailline", "AccountBasedExpenseLineDetail", AccountRef=books.account("expense"))
    by_item = new("detailline", "ItemBasedExpenseLineDetail", ItemRef=ref("1"))
    return [
        new("detailline", "AccountBasedExpenseLine", Amount=10, AccountBasedExpenseLineDetail=by_account),
        new("detailline", "ItemBasedExpenseLine", Amount=10, ItemBasedExpenseLineDetail=by_item),
    ]


def entry(side: str, account: Ref) -> Any:
    detail = new("journalentry", "JournalEntryLineDetail", PostingType=side, AccountRef=account)
    return new("journalentry", "JournalEntryLine", Amount=10, JournalEntryLineDetail=detail)


def a_customer(books: Books) -> Any:
    return new(
        "customer",
        "Customer",
        DisplayName="Bea",
        Title="Ms",
        BillAddr=new("base", "Address", Line1="1 Oak Lane"),
        PrimaryEmailAddr=new("base", "EmailAddress", Address="bea@example.com"),
        PrimaryPhone=new("base", "PhoneNumber", FreeFormNumber="555"),
        WebAddr=new("base", "WebAddress", URI="https://bea.example"),
    )


def a_deposit(books: Books) -> Any:
    detail = new("deposit", "DepositLineDetail", AccountRef=books.account("income"))
    line = new("deposit", "DepositLine", Amount=10, DepositLineDetail=detail)
    return new("deposit", "Deposit", DepositToAccountRef=books.account("bank"), Line=[line])


def a_bill_payment(books: Books) -> Any:
    bill = new("bill", "Bill", VendorRef=ref("2"), Line=costs(books)).save(qb=books.client)
    line = new("billpayment", "BillPaymentLine", Amount=20, LinkedTxn=[bill.to_linked_txn()])
    check = new("billpayment", "CheckPayment", BankAccountRef=books.account("bank"))
    return new(
        "billpayment", "BillPayment", VendorRef=ref("2"), PayType="Check", TotalAmt=20, CheckPayment=check, Line=[line]
    )


def a_file(books: Books) -> Any:
    invoice = new("invoice", "Invoice", CustomerRef=ref("1"), Line=[sale()]).save(qb=books.client)
    at = new("base", "AttachableRef", EntityRef=ref(invoice.Id, "Invoice"))
    return new(
        "attachable", "Attachable", FileName="a.txt", ContentType="text/plain", _FileBytes=b"hello", AttachableRef=[at]
    )


def a_tax_code(books: Books) -> Any:
    rate = new("taxservice", "TaxRateDetails", TaxRateName="Low", RateValue=3, TaxAgencyId=1, TaxApplicableOn="Sales")
    return new("taxservice", "TaxService", TaxCode="Low rate", TaxRateDetails=[rate])


OBJECTS: dict[str, Callable[[Books], Any]] = {
    "Customer": a_customer,
    "Vendor": lambda books: new("vendor", "Vendor", DisplayName="Mill", TaxIdentifier="123456789"),
    "Employee": lambda books: new("employee", "Employee", GivenName="Bo", FamilyName="Ek"),
    "Item": lambda books: new("item", "Item", Name="Oak", Type="Service", IncomeAccountRef=books.account("income"),
                              ExpenseAccountRef=books.account("expense")),
    "Account": lambda books: new("account", "Account", Name="Travel", AccountType="Expense"),
    "Term": lambda books: new("term", "Term", Name="Net 9", DueDays=9),
    "Class": lambda books: new("trackingclass", "Class", Name="North"),
    "Department": lambda books: new("department", "Department", Name="Shop"),
    "PaymentMethod": lambda books: new("paymentmethod", "PaymentMethod", Name="Barter"),
    "TaxAgency": lambda books: new("taxagency", "TaxAgency", DisplayName="Nevada"),
    "TaxService": a_tax_code,
    "Invoice": lambda books: new("invoice", "Invoice", CustomerRef=ref("1"), Line=[sale()]),
    "CreditMemo": lambda books: new("creditmemo", "CreditMemo", CustomerRef=ref("1"), Line=[sale()]),
    "Estimate": lambda books: new("estimate", "Estimate", CustomerRef=ref("1"), Line=[sale()]),
    "SalesReceipt": lambda books: new("salesreceipt", "SalesReceipt", CustomerRef=ref("1"), Line=[sale()]),
    "RefundReceipt": lambda books: new("refundreceipt", "RefundReceipt", CustomerRef=ref("1"), Line=[sale()],
                                       DepositToAccountRef=books.account("bank")),
    "Payment": lambda books: new("payment", "Payment", CustomerRef=ref("1"), TotalAmt=10),
    "Bill": lambda books: new("bill", "Bill", VendorRef=ref("2"), Line=costs(books)),
    "VendorCredit": lambda books: new("vendorcredit", "VendorCredit", VendorRef=ref("2"), Line=costs(books)),
    "PurchaseOrder": lambda books: new("purchaseorder", "PurchaseOrder", VendorRef=ref("2"), Line=costs(books)),
    "Purchase": lambda books: new("purchase", "Purchase", PaymentType="Cash", AccountRef=books.account("bank"), Line=costs(books)),
    "BillPayment": a_bill_payment,
    "JournalEntry": lambda books: new("journalentry", "JournalEntry",
                                      Line=[entry("Debit", books.account("fees")), entry("Credit", books.account("bank"))]),
    "Deposit": a_deposit,
    "Transfer": lambda books: new("transfer", "Transfer", Amount=5, FromAccountRef=books.account("bank"), ToAccountRef=books.account("card")),
    "Attachable": a_file,
}  # fmt: skip


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(QuickBooks, "api_url_v3", f"{BASE}/v3")
    return Books()


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_the_client_is_written_and_read_back(books: Books, name: str) -> None:
    made = OBJECTS[name](books).save(qb=books.client)
    if name != "TaxService":  # it answers with the id of a tax code
        assert type(made).get(made.Id, qb=books.client).Id == made.Id
    assert not books.judged.problems, books.judged.problems
    assert books.vendor.trial()["sum"] == 0


@pytest.mark.parametrize("name", ["Invoice", "CreditMemo", "Bill", "JournalEntry", "Payment", "Customer", "Item"])
def test_an_object_of_the_client_is_sent_back_changed(books: Books, name: str) -> None:
    made = OBJECTS[name](books).save(qb=books.client)
    member = {"Customer": "Notes", "Item": "Description"}.get(name, "PrivateNote")
    setattr(made, member, "changed")
    made.save(qb=books.client)
    read = type(made).get(made.Id, qb=books.client)
    assert (getattr(read, member), read.SyncToken) == ("changed", "1")
    assert not books.judged.problems, books.judged.problems


def test_the_client_takes_a_payment_and_a_refund_to_the_bank_and_deletes_the_deposit(books: Books) -> None:
    received = new("payment", "Payment", CustomerRef=ref("1"), TotalAmt=40).save(qb=books.client)
    refund = new("refundreceipt", "RefundReceipt", CustomerRef=ref("1"), Line=[sale()])
    refund.DepositToAccountRef = books.account("undeposited")
    refund = refund.save(qb=books.client)
    lines = []
    for amount, kind, id in ((40, "Payment", received.Id), (-refund.TotalAmt, "RefundReceipt", refund.Id)):
        link = new("base", "LinkedTxn", TxnId=id, TxnType=kind, TxnLineId=0)
        lines.append(new("deposit", "DepositLine", Amount=amount, LinkedTxn=[link]))
    deposit = new("deposit", "Deposit", DepositToAccountRef=books.account("bank"), Line=lines).save(qb=books.client)
    assert deposit.TotalAmt == 40 - refund.TotalAmt
    deposit.delete(qb=books.client)
    assert "Checking" not in books.vendor.trial()["accounts"]
    assert not books.judged.problems, books.judged.problems


def test_the_client_asks_for_rates_of_exchange(books: Books) -> None:
    books.vendor.set_preferences(multicurrency=True)
    rate = {"SourceCurrencyCode": "EUR", "Rate": 1.08, "AsOfDate": "2026-09-14"}
    books.vendor.by_hand("ExchangeRate", rate)
    kind = type(new("exchangerate", "ExchangeRate"))
    (found,) = kind.where("SourceCurrencyCode = 'EUR' and AsOfDate = '2026-09-14'", qb=books.client)
    assert (found.Rate, found.TargetCurrencyCode) == (1.08, "USD")
