"""Money that moves: what payments, bill payments, refunds and deposits may say, and what they are refused for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from integrations.canonical import (
    Allocation,
    Bill,
    BillAllocation,
    BillPayment,
    Deposit,
    DepositLine,
    Dimension,
    ExchangeRate,
    Line,
    Payment,
    Quote,
    Record,
    Ref,
    Refund,
    RefundAllocation,
    Tag,
)
from integrations.wire.connector import Write
from integrations.wire.errors import Refused, VendorError
from integrations.wire.stream import FETCHED
from tests.connectors.quickbooks_online import oracle
from tests.connectors.quickbooks_online.made import DIALECT, KEY, STREAMS, UK, US, answer, create, invoice, line

BANK, FEES = Ref(external_id="35"), Ref(external_id="61")
PAYMENT = Payment(customer=Ref(external_id="812"), paid_on=date(2026, 9, 20), amount=Decimal(20), currency="USD")
CHEQUE = BillPayment(
    vendor=Ref(external_id="149"),
    paid_on=date(2026, 9, 21),
    amount=Decimal(20),
    currency="USD",
    payment_account=BANK,
)
REFUND = Refund(
    refunded_on=date(2026, 9, 23), amount=Decimal("20.34"), currency="USD", payment_account=BANK, lines=[line()]
)
WAITING = DepositLine(kind="payment", target=Ref(external_id="1270"), amount=Decimal(100))
DEPOSIT = Deposit(
    deposit_account=BANK, deposited_on=date(2026, 9, 24), amount=Decimal(100), currency="USD", lines=[WAITING]
)


def sent(stream: str, record: Record, *, site: Any = US) -> dict[str, Any]:
    request = DIALECT.compose(STREAMS[stream], [create(record)], KEY, site)
    if oracle.SPECS.is_dir():
        assert oracle.problems(request) == []
    body: dict[str, Any] = oracle.EXACT.decode(request.body)
    return body


def patched(stream: str, raw: dict[str, Any], record: Record, *only: str) -> dict[str, Any]:
    write = Write(
        key=KEY, operation="update", record=record, external_id=raw["Id"], version="3", only=frozenset(only), raw=raw
    )
    body: dict[str, Any] = oracle.EXACT.decode(DIALECT.compose(STREAMS[stream], [write], KEY, US).body)
    return body


def test_a_payment_names_all_that_it_pays_and_pays_with() -> None:
    kinds = {"invoice": "Invoice", "credit_note": "CreditMemo", "journal_entry": "JournalEntry"}
    allocations = [Allocation(kind=kind, target=Ref(external_id="7"), amount=Decimal(5)) for kind in kinds]
    lines = sent("payment", replace(PAYMENT, allocations=allocations))["Line"]
    assert [each["LinkedTxn"] for each in lines] == [[{"TxnId": "7", "TxnType": each}] for each in kinds.values()]


def test_our_word_for_a_method_becomes_the_companys_own_entry() -> None:
    assert sent("payment", replace(PAYMENT, method="check"))["PaymentMethodRef"] == {"value": "2"}
    assert "PaymentMethodRef" not in sent("payment", replace(PAYMENT, method="wallet"))
    assert "PaymentMethodRef" not in sent("payment", replace(PAYMENT, method="check", currency="GBP"), site=UK)
    named = replace(PAYMENT, extra={"PaymentMethodRef": {"value": "9"}})
    assert sent("payment", named)["PaymentMethodRef"] == {"value": "9"}


@pytest.mark.parametrize(("named", "word"), [({"name": "Visa"}, "card"), ({}, "cash"), ({"name": "Barter"}, None)])
def test_a_method_is_read_from_its_name_or_from_what_the_company_said_of_its_id(named: Any, word: str | None) -> None:
    row = {"Id": "1", "CustomerRef": {"value": "8"}, "TxnDate": "2026-09-20", "TotalAmt": 5}
    said = answer({"QueryResponse": {"Payment": [{**row, "PaymentMethodRef": {"value": "1", **named}}]}})
    (raw,) = DIALECT.read(STREAMS["payment"], FETCHED, said, US).raws
    assert STREAMS["payment"].shape.read(raw).method == word


def test_a_foreign_document_without_a_rate_is_not_sent() -> None:
    foreign = replace(PAYMENT, currency="EUR", exchange_rate=None)
    with pytest.raises(Refused, match="in EUR, a foreign currency here, and has no exchange rate"):
        sent("payment", foreign)
    assert sent("payment", replace(foreign, exchange_rate=Decimal("1.0842")))["ExchangeRate"] == Decimal("1.0842")


def test_a_bill_is_paid_from_the_bank_or_by_card() -> None:
    assert sent("bill_payment", CHEQUE)["CheckPayment"] == {"BankAccountRef": {"value": "35"}}
    by_card = sent("bill_payment", replace(CHEQUE, method="card"))
    assert (by_card["PayType"], by_card["CreditCardPayment"]) == ("CreditCard", {"CCAccountRef": {"value": "35"}})


def test_changing_the_account_of_a_bill_payment_leaves_its_printing_alone() -> None:
    raw = {"Id": "9", "PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": "4"}, "PrintStatus": "NotSet"}}
    body = patched("bill_payment", raw, CHEQUE, "payment_account")
    assert body["CheckPayment"] == {"BankAccountRef": {"value": "35"}, "PrintStatus": "NotSet"}


def test_a_vendor_credit_is_used_with_a_bill() -> None:
    allocations = [
        BillAllocation(kind="bill", target=Ref(external_id="7"), amount=Decimal(25)),
        BillAllocation(kind="vendor_credit", target=Ref(external_id="8"), amount=Decimal(5)),
    ]
    lines = sent("bill_payment", replace(CHEQUE, allocations=allocations))["Line"]
    assert [each["LinkedTxn"][0]["TxnType"] for each in lines] == ["Bill", "VendorCredit"]


def test_a_bill_names_the_orders_it_was_made_from_and_keeps_what_paid_it() -> None:
    bill = Bill(
        vendor=Ref(external_id="149"),
        issued_on=date(2026, 9, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[Line(account=FEES, net_amount=Decimal(5))],
        purchase_orders=[Ref(external_id="1390")],
    )
    assert sent("bill", bill)["LinkedTxn"] == [{"TxnId": "1390", "TxnType": "PurchaseOrder"}]
    paid = {"TxnId": "1412", "TxnType": "BillPaymentCheck"}
    links = patched("bill", {"Id": "9", "LinkedTxn": [paid]}, bill, "purchase_orders")["LinkedTxn"]
    assert links == [{"TxnId": "1390", "TxnType": "PurchaseOrder"}, paid]


def test_a_line_of_a_bill_names_the_line_of_the_order_and_keeps_what_else_it_is_linked_to() -> None:
    ordered = Line(external_id="1", account=FEES, net_amount=Decimal(5), purchase_order_line=Ref(external_id="1390/2"))
    bill = Bill(
        vendor=Ref(external_id="149"),
        issued_on=date(2026, 9, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[ordered],
    )
    link = {"TxnId": "1390", "TxnType": "PurchaseOrder", "TxnLineId": "2"}
    assert sent("bill", bill)["Line"][0]["LinkedTxn"] == [link]
    charged = {"TxnId": "8", "TxnType": "ReimburseCharge"}
    raw = {"Id": "9", "Line": [{**sent("bill", bill)["Line"][0], "Id": "1", "LinkedTxn": [charged], "Amount": 4}]}
    assert patched("bill", raw, bill, "lines")["Line"][0]["LinkedTxn"] == [link, charged]


def test_a_processors_fee_is_a_line_of_the_deposit() -> None:
    payout = replace(DEPOSIT, amount=Decimal("98.20"), fee_total=Decimal("1.80"), fee_account=FEES)
    first, fee = sent("deposit", payout)["Line"]
    assert first["LinkedTxn"] == [{"TxnId": "1270", "TxnType": "Payment", "TxnLineId": "0"}]
    assert (fee["Amount"], fee["DepositLineDetail"]) == (Decimal("-1.80"), {"AccountRef": {"value": "61"}})


def test_the_cash_taken_from_a_deposit_is_told_as_a_line_and_stays_where_it_is() -> None:
    raw = {
        "Id": "9",
        "DepositToAccountRef": {"value": "35"},
        "TxnDate": "2026-09-24",
        "CurrencyRef": {"value": "USD"},
        "Line": [{"Id": "1", "Amount": 100, "LinkedTxn": [{"TxnId": "1270", "TxnType": "Payment"}]}],
        "CashBack": {"AccountRef": {"value": "36"}, "Amount": 40},
        "TotalAmt": 60,
    }
    read = STREAMS["deposit"].shape.read(raw)
    assert [each.amount for each in read.lines] == [Decimal(100), Decimal(-40)]
    assert [each["Amount"] for each in patched("deposit", raw, read, "lines")["Line"]] == [100]


@pytest.mark.parametrize(
    ("stream", "record", "words"),
    [
        ("payment", replace(PAYMENT, fee_amount=Decimal(1)), "no fee"),
        ("bill_payment", replace(CHEQUE, payment_account=None), "the account that it is paid from"),
        ("bill_payment", replace(CHEQUE, fee_amount=Decimal(1)), "no fee"),
        ("refund", replace(REFUND, payment_account=None), "the account that it is paid from"),
        ("refund", replace(REFUND, lines=[]), "no lines"),
        (
            "refund",
            replace(
                REFUND,
                allocations=[RefundAllocation(kind="credit_note", target=Ref(external_id="1"), amount=Decimal(5))],
            ),
            "given back twice",
        ),
        ("deposit", replace(DEPOSIT, fee_total=Decimal(1)), "fee_account"),
        ("deposit", replace(DEPOSIT, lines=[]), "no lines"),
        ("deposit", replace(DEPOSIT, lines=[replace(WAITING, kind="fee")]), "not a fee"),
        ("class", Dimension(dimension_type="location", name="Tacoma"), "no class"),
        (
            "exchange_rate",
            ExchangeRate(currency="EUR", home_currency="GBP", rate=Decimal("0.86"), effective_on=date(2026, 9, 14)),
            "into USD",
        ),
        (
            "invoice",
            invoice(line(dimensions=[Tag(type="location", value=Ref(external_id="location:2"))])),
            "takes class here, not location",
        ),
        ("invoice", invoice(dimensions=[Tag(type="class", value=Ref(external_id="location:2"))]), "no class"),
    ],
)
def test_what_quickbooks_cannot_say_is_refused_before_it_is_sent(stream: str, record: Record, words: str) -> None:
    with pytest.raises(VendorError) as refused:
        DIALECT.compose(STREAMS[stream], [create(record)], KEY, US)
    assert words in refused.value.explanation
    assert not refused.value.may_have_acted


def test_the_ids_of_classes_and_locations_carry_their_list_with_us_and_not_there() -> None:
    tagged = invoice(dimensions=[Tag(type="location", value=Ref(external_id="location:2"))])
    body = sent("invoice", tagged)
    assert body["DepartmentRef"] == {"value": "2"}
    there = {**body, "Id": "1", "CurrencyRef": {"value": "USD"}}
    assert STREAMS["invoice"].shape.read(there).dimensions == tagged.dimensions
    assert "Id in ('4')" in DIALECT.fetch(STREAMS["class"], ["class:4"], US).params["query"]


@pytest.mark.parametrize(("status", "theirs"), [("accepted", "Accepted"), ("declined", "Rejected"), ("expired", None)])
def test_an_estimate_says_where_it_stands(status: Any, theirs: str | None) -> None:
    quote = Quote(
        customer=Ref(external_id="812"),
        issued_on=date(2026, 9, 14),
        currency="USD",
        line_amounts="exclusive",
        lines=[line()],
        status=status,
    )
    assert sent("quote", quote).get("TxnStatus") == theirs
