"""Both ways: what other people do in QuickBooks is read without loss, and what was read is written back as it stood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

import integrations.connectors.quickbooks_online.connector as home
from integrations.canonical import broken_laws
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.wire.connector import Done, Write
from tests.connectors.quickbooks_online import made, oracle

from .driven import CONNECTOR, Books, opened

Body = dict[str, Any]


# --- a company in which other people work ----------------------------------------------------------------------------


@dataclass
class Office:
    """The American company with two currencies, and the people who work in it by hand."""

    books: Books
    vendor: QuickBooksOnline

    def hand(self, entity: str, **body: Any) -> Body:
        """Somebody enters this in QuickBooks."""
        return self.vendor.by_hand(entity, body, realm=self.books.site.settings["realmId"])

    def account(self, role: str) -> Body:
        return {"value": self.vendor.company(self.books.site.settings["realmId"]).settings.accounts[role]}

    def customer(self, currency: str = "USD") -> Body:
        name = f"Customer {len(self.vendor.documents('Customer'))}"
        return {"value": self.hand("Customer", DisplayName=name, CurrencyRef={"value": currency})["Id"]}

    def supplier(self, currency: str = "USD") -> Body:
        name = f"Supplier {len(self.vendor.documents('Vendor'))}"
        return {"value": self.hand("Vendor", DisplayName=name, CurrencyRef={"value": currency})["Id"]}

    def tag(self, entity: str) -> Body:
        return {"value": self.hand(entity, Name=f"{entity} {len(self.vendor.documents(entity))}")["Id"]}


@pytest.fixture
def office(vendor: QuickBooksOnline) -> Iterator[Office]:
    realm = next(iter(vendor.companies))
    vendor.set_preferences(realm, multicurrency=True)
    vendor.by_hand("CompanyCurrency", {"Code": "EUR"}, realm=realm)
    vendor.by_hand(
        "ExchangeRate", {"SourceCurrencyCode": "EUR", "Rate": Decimal("1.0842"), "AsOfDate": "2026-09-14"}, realm=realm
    )
    for books in opened(vendor, "US"):
        yield Office(books, vendor)


def sold(amount: str, quantity: int = 1, **detail: Any) -> Body:
    inner = {"ItemRef": {"value": "1"}, "Qty": quantity, "UnitPrice": Decimal(amount) / quantity, **detail}
    return {
        "Amount": Decimal(amount), "Description": "By hand", "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": inner
    }  # fmt: skip


def bought(office: Office, amount: str, **detail: Any) -> Body:
    inner = {"AccountRef": office.account("expense"), **detail}
    kind = "AccountBasedExpenseLineDetail"
    return {"Amount": Decimal(amount), "Description": "By hand", "DetailType": kind, kind: inner}


def settling(amount: str, entity: str, id: str) -> Body:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": id, "TxnType": entity}]}


def posting(amount: str, side: str, account: Body, **detail: Any) -> Body:
    kind = "JournalEntryLineDetail"
    return {"Amount": Decimal(amount), "DetailType": kind, kind: {"PostingType": side, "AccountRef": account, **detail}}


def an_invoice(office: Office, **more: Any) -> Body:
    return office.hand(
        "Invoice",
        **{
            "CustomerRef": office.customer("EUR"),
            "ExchangeRate": Decimal("1.09"),
            "TxnDate": "2026-09-14",
            "DocNumber": "H-1",
            "PrivateNote": "Entered by hand",
            "CustomerMemo": {"value": "Thank you"},
            "BillAddr": {"Line1": "18 Alder Lane", "Line4": "Rear entrance", "City": "Lyon", "Country": "France"},
            "DepartmentRef": office.tag("Department"),
            "BillEmail": {"Address": "office@example.com"},
            "Line": [
                sold("40", 4, ClassRef=office.tag("Class")),
                {"DetailType": "DescriptionOnly", "Description": "As agreed", "DescriptionLineDetail": {}},
                {"Amount": 5, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}},
            ],
            **more,
        },
    )


def a_bundle(office: Office) -> Body:
    parts = [{"ItemRef": {"value": "1"}, "Qty": 2}, {"ItemRef": {"value": "2"}, "Qty": 1}]
    item = office.hand("Item", Name="Set", Type="Group", ItemGroupDetail={"ItemGroupLine": parts})
    group = {"GroupItemRef": {"value": item["Id"]}, "Quantity": 3, "Line": [sold("30", 6), sold("12", 3)]}
    lines = [sold("5"), {"DetailType": "GroupLineDetail", "Description": "A set", "GroupLineDetail": group}]
    return an_invoice(office, Line=lines)


def a_payment(office: Office) -> Body:
    owed = an_invoice(office)
    return office.hand(
        "Payment", CustomerRef=owed["CustomerRef"], TotalAmt=40, TxnDate="2026-09-20", PaymentRefNum="W-1",
        PaymentMethodRef={"value": "2"}, Line=[settling("35", "Invoice", owed["Id"])],
    )  # fmt: skip


def a_payment_of_an_entry(office: Office) -> Body:
    whom = office.customer()
    entity = {"Type": "Customer", "EntityRef": whom}
    entry = office.hand(
        "JournalEntry",
        Line=[
            posting("30", "Debit", office.account("receivable"), Entity=entity),
            posting("30", "Credit", office.account("opening")),
        ],
    )
    memo = office.hand("CreditMemo", CustomerRef=whom, Line=[sold("12")])
    lines = [settling("30", "JournalEntry", entry["Id"]), settling("12", "CreditMemo", memo["Id"])]
    return office.hand("Payment", CustomerRef=whom, TotalAmt=18, Line=lines)


def a_bill(office: Office) -> Body:
    supplier = office.supplier("EUR")
    order = office.hand("PurchaseOrder", VendorRef=supplier, Line=[bought(office, "84.60")])
    return office.hand(
        "Bill", VendorRef=supplier, DocNumber="F-1", Line=[bought(office, "84.60", ClassRef=office.tag("Class"))],
        LinkedTxn=[{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}],
    )  # fmt: skip


def a_bill_payment(office: Office) -> Body:
    owed = a_bill(office)
    credit = office.hand("VendorCredit", VendorRef=owed["VendorRef"], Line=[bought(office, "20")])
    return office.hand(
        "BillPayment", VendorRef=owed["VendorRef"], PayType="Check", TotalAmt=Decimal("64.60"), DocNumber="20117",
        CheckPayment={"BankAccountRef": office.account("bank"), "PrintStatus": "NeedToPrint"},
        Line=[settling("84.60", "Bill", owed["Id"]), settling("20", "VendorCredit", credit["Id"])],
    )  # fmt: skip


def a_refund(office: Office) -> Body:
    return office.hand(
        "RefundReceipt", CustomerRef=office.customer(), DepositToAccountRef=office.account("undeposited"),
        PaymentMethodRef={"value": "3"}, PaymentRefNum="AUTH 1", ClassRef=office.tag("Class"), Line=[sold("29.70")],
    )  # fmt: skip


def a_deposit(office: Office) -> Body:
    whom = office.customer()
    receipt = office.hand("SalesReceipt", CustomerRef=whom, Line=[sold("200")])
    refund = a_refund(office)
    kind = "DepositLineDetail"
    own = {"AccountRef": office.account("income"), "Entity": {**whom, "type": "CUSTOMER"}, "CheckNum": "77"}
    lines = [
        {**settling("200", "SalesReceipt", receipt["Id"]), "DetailType": kind, kind: {}},
        {**settling("-29.70", "RefundReceipt", refund["Id"]), "DetailType": kind, kind: {}},
        {"Amount": 15, "Description": "Rent", "DetailType": kind, kind: own},
        {"Amount": Decimal("-1.30"), "DetailType": kind, kind: {"AccountRef": office.account("fees")}},
    ]
    return office.hand(
        "Deposit", DepositToAccountRef=office.account("bank"), Line=lines, DepartmentRef=office.tag("Department"),
        CashBack={"AccountRef": office.account("undeposited"), "Amount": 50, "Memo": "For the till"},
    )  # fmt: skip


def an_entry(office: Office) -> Body:
    supplier = {"Type": "Vendor", "EntityRef": office.supplier()}
    tags = {"ClassRef": office.tag("Class"), "DepartmentRef": office.tag("Department")}
    return office.hand(
        "JournalEntry", DocNumber="J-1", Adjustment=True,
        Line=[posting("12", "Debit", office.account("fees"), **tags), posting("12", "Credit", office.account("payable"), Entity=supplier)],
    )  # fmt: skip


def a_class(office: Office) -> Body:
    return office.hand("Class", Name="Lower", SubClass=True, ParentRef=office.tag("Class"))


ENTERED: dict[str, tuple[str, Callable[[Office], Body]]] = {
    "an invoice": ("invoice", an_invoice),
    "an invoice with a bundle": ("invoice", a_bundle),
    "an estimate": ("quote", lambda office: office.hand(
        "Estimate", CustomerRef=office.customer(), TxnStatus="Accepted", AcceptedDate="2026-09-14", Line=[sold("9")])),
    "a sales receipt": ("sales_receipt", lambda office: office.hand(
        "SalesReceipt", PaymentMethodRef={"value": "1"}, Line=[sold("9.99", TaxCodeRef={"value": "TAX"})])),
    "a credit memo": ("credit_note", lambda office: office.hand("CreditMemo", CustomerRef=office.customer(), Line=[sold("8")])),
    "a refund": ("refund", a_refund),
    "a payment": ("payment", a_payment),
    "a payment of an entry": ("payment", a_payment_of_an_entry),
    "a purchase order": ("purchase_order", lambda office: office.hand(
        "PurchaseOrder", VendorRef=office.supplier(), ClassRef=office.tag("Class"), Memo="Before noon", Line=[bought(office, "7")])),
    "a bill": ("bill", a_bill),
    "a bill payment": ("bill_payment", a_bill_payment),
    "a deposit": ("deposit", a_deposit),
    "a journal entry": ("journal_entry", an_entry),
    "a class": ("class", a_class),
    "a location": ("location", lambda office: office.hand("Department", Name="Tacoma")),
}  # fmt: skip


@pytest.mark.parametrize(("name", "enter"), ENTERED.values(), ids=ENTERED)
def test_what_others_entered_is_read_whole_and_writing_it_back_changes_nothing(
    office: Office, name: str, enter: Callable[[Office], Body]
) -> None:
    assert_both_ways(office, name, enter(office))


def assert_both_ways(office: Office, name: str, theirs: Body) -> None:
    """It is read whole, and QuickBooks finds nothing changed when all that can be said is said again."""
    stream = CONNECTOR.stream(name)
    external_id = stream.shape.external_id(theirs)
    (record,) = office.books.fetch(name, external_id)
    assert broken_laws(record) == []
    assert office.books.read(name)[external_id] == record
    only = frozenset(record.__struct_fields__) - {"external_id", "version", "url", "extra", "currency"}
    raws = office.vendor.documents(stream.at, office.books.site.settings["realmId"])
    write = Write(
        key="back", operation="update", record=record, external_id=external_id, version=record.version, only=only,
        raw=next(each for each in raws if each["Id"] == theirs["Id"]),
    )  # fmt: skip
    (done,) = office.books.write(name, write)
    assert isinstance(done, Done), done
    assert (done.external_id, done.version) == (external_id, record.version)
    assert office.books.fetch(name, external_id) == [record]


@pytest.mark.parametrize("mode", ["TaxExcluded", "TaxInclusive", "NotApplicable"])
@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("invoice", "Invoice"),
        ("refund", "RefundReceipt"),
        ("sales_receipt", "SalesReceipt"),
        ("quote", "Estimate"),
        ("bill", "Bill"),
        ("purchase_order", "PurchaseOrder"),
    ],
)
def test_british_tax_is_read_and_written_back_as_it_was_reckoned(
    vendor: QuickBooksOnline, british: Books, mode: str, name: str, entity: str
) -> None:
    office = Office(british, vendor)
    codes = {code.rate_percent: code.external_id for code in british.read("tax_rate").values()}
    taxed: list[tuple[str, Body]] = [("21.25", {})]
    if mode != "NotApplicable":
        gross: Body = {"TaxInclusiveAmt": Decimal("25.50")} if mode == "TaxInclusive" else {}
        taxed = [(net, {"TaxCodeRef": {"value": codes[rate]}, **gross}) for net, rate in (("21.25", 20), ("24.29", 5))]
    if entity in ("Bill", "PurchaseOrder"):
        lines = [bought(office, net, **detail) for net, detail in taxed]
        body: Body = {"VendorRef": office.supplier("GBP"), "Line": lines}
    else:
        body = {"CustomerRef": office.customer("GBP"), "Line": [sold(net, 2, **detail) for net, detail in taxed]}
        if entity == "RefundReceipt":
            body["DepositToAccountRef"] = office.account("bank")
    assert_both_ways(office, name, office.hand(entity, GlobalTaxCalculation=mode, **body))


def test_a_bill_that_is_partly_paid_is_written_back_without_a_change(office: Office) -> None:
    owed = a_bill(office)
    office.hand(
        "BillPayment", VendorRef=owed["VendorRef"], PayType="CreditCard", TotalAmt=5,
        CreditCardPayment={"CCAccountRef": office.account("card")}, Line=[settling("5", "Bill", owed["Id"])],
    )  # fmt: skip
    assert_both_ways(office, "bill", owed)


def test_what_others_change_comes_with_the_next_read(office: Office) -> None:
    entered, paid = an_invoice(office), a_bill_payment(office)
    mark = office.books.pages("invoice")[0].mark
    office.vendor.move_clock(timedelta(minutes=10))
    office.vendor.change(
        "Invoice", entered["Id"], {"PrivateNote": "Changed", "DepartmentRef": office.tag("Department")}
    )
    note = {"PrivateNote": "Cheque lost"}
    office.vendor.change("BillPayment", paid["Id"], note)
    read = office.books.read("invoice", mark)[entered["Id"]]
    assert (read.memo, [tag.type for tag in read.dimensions]) == ("Changed", ["location"])
    assert office.books.read("bill_payment", mark)[paid["Id"]].memo == "Cheque lost"


def test_what_others_delete_and_void_comes_with_the_next_read(office: Office) -> None:
    paid, banked = a_bill_payment(office), a_deposit(office)
    mark = office.books.pages("deposit")[0].mark
    office.vendor.move_clock(timedelta(minutes=10))
    for entity, body, how in (
        ("Deposit", banked, {"operation": "delete"}),
        ("BillPayment", paid, {"operation": "update", "include": "void"}),
    ):
        office.vendor.by_hand(entity, {"Id": body["Id"], "SyncToken": body["SyncToken"]}, **how)
    gone = [each.external_id for page in office.books.pages("deposit", mark) for each in page.gone]
    assert gone == [banked["Id"]]
    assert office.books.read("bill_payment", mark)[paid["Id"]].status == "void"


def test_a_rate_of_exchange_is_read_and_entered(office: Office) -> None:
    (read,) = office.books.read("exchange_rate").values()
    assert (read.currency, read.home_currency, read.rate) == ("EUR", "USD", Decimal("1.0842"))
    wanted = changed(read, rate=Decimal("1.0917"), external_id=None)
    (done,) = office.books.write("exchange_rate", Write(key="rate", operation="create", record=wanted))
    assert isinstance(done, Done)
    assert done.external_id == read.external_id
    assert [each.rate for each in office.books.fetch("exchange_rate", done.external_id)] == [Decimal("1.0917")]
    assert isinstance(
        office.books.look_up("exchange_rate", Write(key="rate", operation="create", record=wanted))[0], Done
    )
    other = changed(wanted, rate=Decimal(2))
    assert office.books.look_up("exchange_rate", Write(key="rate", operation="create", record=other)) == [None]


# --- the samples, whole ----------------------------------------------------------------------------------------------

SAMPLES = sorted((Path(home.__file__).parent / "samples").glob("*.json"))
NOT_MADE = ("tax_rate", "item.category", "item.bundle", "invoice.void")  # QuickBooks makes these itself
COMPUTED = {
    "Id", "SyncToken", "MetaData", "domain", "sparse", "Balance", "HomeBalance", "TotalAmt", "HomeTotalAmt", "UnappliedAmt",
    "RemainingCredit", "FullyQualifiedName", "CurrentBalance", "CurrentBalanceWithSubAccounts", "Classification", "Level",
    "BalanceWithJobs", "TxnTaxDetail", "QtyOnHand", "LineNum", "Lat", "Long", "name", "ItemAccountRef",
}  # fmt: skip
USUAL = {"GlobalTaxCalculation": "TaxExcluded", "TaxInclusiveAmt": 0, "Job": False, "SubAccount": False, "SubItem": False,
         "SubClass": False, "SubDepartment": False}  # fmt: skip


def said(value: Any) -> Any:
    """What of a payload a client can say: nothing that QuickBooks computes or takes for granted, no names beside ids."""
    if isinstance(value, dict):
        found = {name: said(each) for name, each in value.items() if name not in COMPUTED}
        return {name: each for name, each in found.items() if each not in ({}, [], "") and USUAL.get(name) != each}
    if isinstance(value, list):
        return [said(each) for each in value if not is_theirs(each)]
    if isinstance(value, str):
        return re.sub(r"\n\[tieout:.*\]$| \(deleted\)$", "", value)
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def is_theirs(member: Body) -> bool:
    """A subtotal, or the link to what has paid a document."""
    return member.get("DetailType") == "SubTotalLineDetail" or str(member.get("TxnType")).startswith("BillPayment")


@pytest.mark.parametrize(
    "path", [each for each in SAMPLES if not each.stem.startswith(NOT_MADE)], ids=lambda path: path.stem
)
def test_what_is_read_makes_the_same_payload_again_but_for_what_quickbooks_computes(path: Path) -> None:
    sample = oracle.EXACT.decode(path.read_bytes())
    stream = made.STREAMS[path.stem.split(".")[0]]
    record = stream.shape.read(sample["payload"])
    assert said(stream.shape.write(record)) == said(sample["payload"])
