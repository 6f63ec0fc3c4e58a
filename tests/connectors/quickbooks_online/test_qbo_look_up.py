"""Was it done? After a lost answer the connector finds what it wrote, and takes nobody else's record for its own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from integrations.canonical import BillPayment, Customer, Deposit, DepositLine, Dimension, Payment, Ref
from integrations.wire.connector import Done, Failed, Write
from integrations.wire.errors import Duplicate, Missing, TryLater
from tests.connectors.quickbooks_online import oracle
from tests.connectors.quickbooks_online.made import DIALECT, KEY, STREAMS, US, answer, create, invoice

INVOICE = STREAMS["invoice"]


def asked(*writes: Write, stream: str = "invoice") -> list[str]:
    request = DIALECT.look_up(STREAMS[stream], writes, US)
    if oracle.SPECS.is_dir():
        assert oracle.problems(request) == []
    return [item["Query"] for item in oracle.EXACT.decode(request.body)["BatchItemRequest"]]


def found(*writes: Write, rows: list[list[dict[str, Any]]], stream: str = "invoice") -> list[Any]:
    entity = STREAMS[stream].at
    items = [{"bId": str(n), "QueryResponse": {entity: each} if each else {}} for n, each in enumerate(rows)]
    return DIALECT.found(STREAMS[stream], writes, answer({"BatchItemResponse": items[::-1], "time": "-"}), US)


def as_sent(write: Write, stream: str = "invoice", **more: Any) -> dict[str, Any]:
    """The record as QuickBooks would show it after this write."""
    body = oracle.EXACT.decode(DIALECT.compose(STREAMS[stream], [write], KEY, US).body)
    return {**body, "Id": "266", "SyncToken": "0", **more}


def test_many_are_looked_up_in_one_call_by_their_numbers() -> None:
    queries = asked(create(invoice(number="A-1")), create(invoice(number="O'Neil\\2")))
    assert "DocNumber = 'A-1'" in queries[0]
    assert "DocNumber = 'O\\'Neil\\\\2'" in queries[1]


def test_an_invoice_with_our_mark_was_made_by_us() -> None:
    write = create(invoice())
    assert found(write, rows=[[as_sent(write)]]) == [Done(external_id="266", version="0", raw=as_sent(write))]


def test_an_invoice_with_our_number_but_not_our_mark_is_somebody_elses() -> None:
    write = create(invoice())
    (outcome,) = found(write, rows=[[as_sent(write, PrivateNote="By hand")]])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Duplicate)
    (outcome,) = found(write, rows=[[as_sent(create(invoice(), key="another intent"))]])
    assert isinstance(outcome, Failed)


def test_ours_is_found_among_others_with_the_same_number() -> None:
    write = create(invoice())
    (outcome,) = found(write, rows=[[as_sent(write, Id="1", PrivateNote="By hand"), as_sent(write, Id="2")]])
    assert outcome.external_id == "2"


def test_what_is_not_there_is_not_there() -> None:
    assert found(create(invoice(number="A")), create(invoice(number="B")), rows=[[], []]) == [None, None]


def test_an_invoice_that_quickbooks_numbered_is_found_by_its_day_and_our_mark() -> None:
    write = create(invoice(number=None))
    assert "TxnDate = '2026-09-14'" in asked(write)[0]
    theirs = {"Id": "1", "SyncToken": "0", "PrivateNote": "By hand"}
    assert found(write, rows=[[theirs]]) == [None]
    assert isinstance(found(write, rows=[[theirs, as_sent(write)]])[0], Done)


def test_a_customer_is_ours_when_all_that_we_wrote_is_there() -> None:
    write = create(Customer(name="Okafor: Garden", email="ines@okafor.example"))
    assert "DisplayName = 'Okafor- Garden' and Active in (true, false)" in asked(write, stream="customer")[0]
    there = as_sent(write, "customer", Balance=0)
    assert isinstance(found(write, rows=[[there]], stream="customer")[0], Done)
    (other,) = found(write, rows=[[{**there, "PrimaryEmailAddr": {"Address": "x@y.example"}}]], stream="customer")
    assert isinstance(other.error, Duplicate)


PAID = Payment(
    customer=Ref(external_id="812"),
    paid_on=date(2026, 9, 20),
    amount=Decimal("13.56"),
    currency="USD",
    reference="CHK 4410",
)


def test_a_payment_is_looked_up_by_its_customer_and_day_and_known_by_our_mark() -> None:
    write = create(PAID)
    assert "where CustomerRef = '812' and TxnDate = '2026-09-20'" in asked(write, stream="payment")[0]
    others = [
        as_sent(create(PAID, key="another"), "payment", Id="1"),
        as_sent(create(replace(PAID, amount=Decimal(1))), "payment", Id="2", PrivateNote=""),
    ]
    assert found(write, rows=[others], stream="payment") == [None]
    (outcome,) = found(write, rows=[[*others, as_sent(write, "payment")]], stream="payment")
    assert outcome.external_id == "266"


def test_a_payment_of_the_same_amount_and_reference_without_any_mark_is_for_a_person_to_judge() -> None:
    """It may be ours, with its note rewritten since."""
    write = create(PAID)
    (outcome,) = found(write, rows=[[as_sent(write, "payment", PrivateNote="Banked")]], stream="payment")
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Duplicate)
    assert "CHK 4410" in outcome.error.explanation


def test_a_payment_without_a_reference_is_known_by_our_mark_only() -> None:
    write = create(replace(PAID, reference=None))
    assert found(write, rows=[[as_sent(write, "payment", PrivateNote="Banked")]], stream="payment") == [None]


def test_a_bill_payment_is_looked_up_by_its_number_and_vendor_or_by_its_day() -> None:
    cheque = BillPayment(
        vendor=Ref(external_id="149"),
        paid_on=date(2026, 9, 21),
        amount=Decimal(190),
        currency="USD",
        number="20117",
        payment_account=Ref(external_id="35"),
    )
    assert "DocNumber = '20117' and VendorRef = '149'" in asked(create(cheque), stream="bill_payment")[0]
    without = create(replace(cheque, number=None))
    assert "VendorRef = '149' and TxnDate = '2026-09-21'" in asked(without, stream="bill_payment")[0]
    assert isinstance(found(without, rows=[[as_sent(without, "bill_payment")]], stream="bill_payment")[0], Done)


def test_a_deposit_has_no_number_and_another_of_the_day_is_not_taken_for_it() -> None:
    line = DepositLine(amount=Decimal(5), account=Ref(external_id="82"))
    write = create(
        Deposit(
            deposit_account=Ref(external_id="35"),
            deposited_on=date(2026, 9, 24),
            amount=Decimal(5),
            currency="USD",
            lines=[line],
        )
    )
    assert "where TxnDate = '2026-09-24'" in asked(write, stream="deposit")[0]
    there = as_sent(write, "deposit")
    assert found(write, rows=[[{**there, "Id": "1", "PrivateNote": "By hand"}]], stream="deposit") == [None]
    assert isinstance(found(write, rows=[[there]], stream="deposit")[0], Done)


def test_a_class_is_found_by_its_name_under_the_same_class_above_it() -> None:
    write = create(Dimension(dimension_type="class", name="Alder", parent=Ref(external_id="class:7")))
    there = as_sent(write, "class")
    (outcome,) = found(write, rows=[[there]], stream="class")
    assert outcome.external_id == "class:266"
    (outcome,) = found(write, rows=[[{**there, "ParentRef": {"value": "8"}}]], stream="class")
    assert isinstance(outcome.error, Duplicate)


def changing(**fields: Any) -> Write:
    raw = {**as_sent(create(invoice())), "Id": "266"}
    wanted = replace(INVOICE.shape.read({**raw, "CurrencyRef": {"value": "USD"}}), **fields)
    return Write(
        key=KEY, operation="update", record=wanted, external_id="266", version="0", only=frozenset(fields), raw=raw
    )


def test_a_change_is_done_when_the_version_moved_and_the_values_are_there() -> None:
    write = changing(customer_note="New")
    assert "Id = '266'" in asked(write)[0]
    there = {**write.raw, "SyncToken": "1", "CustomerMemo": {"value": "New"}}
    assert isinstance(found(write, rows=[[there]])[0], Done)
    assert found(write, rows=[[{**there, "SyncToken": "0"}]]) == [None]
    assert found(write, rows=[[{**there, "CustomerMemo": {"value": "Other"}}]]) == [None]


def test_a_change_of_what_is_gone_says_so() -> None:
    (outcome,) = found(changing(customer_note="New"), rows=[[]])
    assert isinstance(outcome.error, Missing)


def test_a_deletion_is_done_when_nothing_is_there() -> None:
    write = Write(key=KEY, operation="delete", external_id="266", version="0")
    assert found(write, rows=[[]]) == [Done(external_id="266")]
    assert found(write, rows=[[{"Id": "266", "SyncToken": "0"}]]) == [None]


def test_a_void_is_done_when_the_invoice_stands_at_zero() -> None:
    write = Write(key=KEY, operation="void", external_id="266", version="0")
    void = {"Id": "266", "SyncToken": "1", "TotalAmt": 0, "PrivateNote": "Voided"}
    assert isinstance(found(write, rows=[[void]])[0], Done)
    assert found(write, rows=[[{**void, "TotalAmt": 5, "PrivateNote": ""}]]) == [None]


def test_what_cannot_have_been_sent_is_told_again() -> None:
    write = create(invoice(number="N" * 22))
    assert asked(write)
    (outcome,) = found(write, rows=[[]])
    assert "21 characters" in outcome.error.explanation


def test_an_answer_that_says_nothing_about_a_record_lets_nobody_conclude() -> None:
    with pytest.raises(TryLater):
        DIALECT.found(INVOICE, [create(invoice())], answer({"BatchItemResponse": []}), US)
