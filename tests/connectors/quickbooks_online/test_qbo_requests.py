"""What the connector sends: every request is one that the vendor's schema and manual allow."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from integrations.canonical import Account, Customer, Item, Line, PriceSide, Ref
from integrations.wire.connector import Done, Failed, Write
from integrations.wire.errors import Refused, TryLater, VendorError
from integrations.wire.message import Request
from integrations.wire.stream import Cursor
from tests.connectors.quickbooks_online import made, oracle
from tests.connectors.quickbooks_online.made import DIALECT, KEY, STREAMS, UK, US, answer, create, invoice, line


def sent(write: Write, *, site: Any = US, stream: str = "invoice") -> dict[str, Any]:
    """The body of the one write."""
    body: dict[str, Any] = oracle.EXACT.decode(DIALECT.compose(STREAMS[stream], [write], KEY, site).body)
    return body


def composed(stream: str, writes: list[Write], site: Any) -> Request | VendorError:
    try:
        return DIALECT.compose(STREAMS[stream], writes, KEY, site)
    except VendorError as error:
        return error


def refusal(write: Write, *, stream: str = "invoice") -> str:
    with pytest.raises(Refused) as refused:
        DIALECT.compose(STREAMS[stream], [write], KEY, US)
    assert not refused.value.may_have_acted
    return refused.value.explanation


@oracle.needs_specs
@pytest.mark.parametrize("name", sorted(made.RECORDS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_record_is_sent_as_the_contract_wants_or_refused_with_a_reason(name: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(made.RECORDS[name], min_size=1, max_size=3))
    writes = [create(record, key=f"{KEY}-{place}") for place, record in enumerate(records)]
    site = data.draw(st.sampled_from([US, UK]))
    request = composed(name, writes, site)
    if isinstance(request, VendorError):
        assert request.explanation
        assert not request.may_have_acted
    else:
        assert oracle.problems(request) == []


@oracle.needs_specs
@settings(max_examples=60, deadline=None)
@given(
    wanted=made.RECORDS["invoice"],
    only=st.sets(st.sampled_from(["lines", "memo", "due_on", "customer_note", "billing_address"]), min_size=1),
)
def test_any_change_of_an_invoice_is_sent_sparse_and_as_the_contract_wants(wanted: Any, only: set[str]) -> None:
    raw = {
        "Id": "9",
        "SyncToken": "4",
        "PrivateNote": "x",
        "DueDate": "2026-10-01",
        "Line": [
            {
                "Id": "1",
                "Amount": 5,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "7"}},
            }
        ],
    }
    write = Write(
        key=KEY, operation="update", record=wanted, external_id="9", version="4", only=frozenset(only), raw=raw
    )
    request = composed("invoice", [write], UK)
    assert isinstance(request, VendorError) or oracle.problems(request) == []


@oracle.needs_specs
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize(
    "cursor", [Cursor(), Cursor("2026-09-13T00:00:00-07:00"), Cursor(None, "901|2026-09-13T00:00:00-07:00")]
)
def test_every_page_is_asked_for_in_the_query_language(stream: Any, cursor: Cursor) -> None:
    assert oracle.problems(DIALECT.ask(stream, cursor, US)) == []
    assert oracle.problems(DIALECT.fetch(stream, ["1", "it's"], US)) == []
    assert oracle.problems(DIALECT.whoami(US)) == []


def test_an_amount_is_a_json_number_with_every_digit() -> None:
    body = DIALECT.compose(
        STREAMS["invoice"], [create(invoice(line(quantity=Decimal("1"), unit_price=Decimal("0.10"))))], KEY, US
    ).body
    assert b'"Amount":0.10' in body
    assert b'"UnitPrice":0.10' in body


def test_a_line_with_a_discount_keeps_its_quantity_and_takes_the_price_that_gives_its_amount() -> None:
    (there,) = sent(create(invoice(line(discount_percent=Decimal(10)))))["Line"]
    assert there["Amount"] == Decimal("18.31")
    assert there["SalesItemLineDetail"]["Qty"] == 6
    assert there["SalesItemLineDetail"]["UnitPrice"] == Decimal("3.0516667")


def test_an_amount_that_no_price_gives_is_sent_without_quantity_and_price() -> None:
    (there,) = sent(create(invoice(line(quantity=Decimal(0), net_amount=Decimal(5)))))["Line"]
    assert there["Amount"] == Decimal(5)
    assert set(there["SalesItemLineDetail"]) == {"ItemRef"}


def test_returns_and_gifts_are_sent_as_negative_and_zero_lines() -> None:
    back, gift = sent(create(invoice(line(quantity=Decimal(-2)), line(unit_price=Decimal(0)))))["Line"]
    assert (back["Amount"], back["SalesItemLineDetail"]["Qty"]) == (Decimal("-6.78"), -2)
    assert (gift["Amount"], gift["SalesItemLineDetail"]["Qty"]) == (0, 6)


def test_a_discount_of_the_whole_becomes_one_discount_line() -> None:
    *_, discount = sent(create(invoice(discount_total=Decimal("2.50"))))["Line"]
    assert discount == {
        "DetailType": "DiscountLineDetail",
        "Amount": Decimal("2.50"),
        "DiscountLineDetail": {"PercentBased": False},
    }


def test_a_discount_told_as_line_and_total_is_sent_once() -> None:
    off = Line(line_type="discount", item=Ref(external_id="99"), quantity=Decimal(1), unit_price=Decimal(-2))
    lines = sent(create(invoice(line(), off, discount_total=Decimal(2))))["Line"]
    assert [each["Amount"] for each in lines] == [Decimal("20.34"), -2]


def test_a_text_line_carries_no_amount() -> None:
    *_, text = sent(create(invoice(line(), Line(line_type="text", description="Thank you"))))["Line"]
    assert text == {"DetailType": "DescriptionOnly", "DescriptionLineDetail": {}, "Description": "Thank you"}


def test_freight_without_an_item_goes_to_the_item_that_stands_for_it() -> None:
    *_, freight = sent(create(invoice(line(), Line(line_type="shipping", net_amount=Decimal(18)))))["Line"]
    assert freight["SalesItemLineDetail"]["ItemRef"] == {"value": "SHIPPING_ITEM_ID"}


def test_the_tax_mode_is_sent_outside_the_united_states_only() -> None:
    assert "GlobalTaxCalculation" not in sent(create(invoice()))
    assert sent(create(invoice(currency="GBP")), site=UK)["GlobalTaxCalculation"] == "TaxExcluded"


def test_a_price_with_tax_is_sent_as_net_and_gross() -> None:
    with_tax = line(
        quantity=Decimal(2), unit_price=Decimal("12.75"), tax_percent=Decimal(20), tax_rate=Ref(external_id="5")
    )
    body = sent(create(invoice(with_tax, line_amounts="inclusive", currency="GBP")), site=UK)
    (there,) = body["Line"]
    assert body["GlobalTaxCalculation"] == "TaxInclusive"
    assert there["Amount"] == Decimal("21.25")
    assert there["SalesItemLineDetail"] == {
        "ItemRef": {"value": "51"},
        "Qty": 2,
        "UnitPrice": Decimal("10.625"),
        "TaxInclusiveAmt": Decimal("25.50"),
        "TaxCodeRef": {"value": "5"},
    }


def test_a_home_currency_is_not_said_and_a_foreign_one_is_with_its_rate() -> None:
    home, foreign = invoice(exchange_rate=Decimal(1)), invoice(currency="EUR", exchange_rate=Decimal("1.08"))
    assert not {"CurrencyRef", "ExchangeRate"} & set(sent(create(home)))
    assert sent(create(foreign))["CurrencyRef"] == {"value": "EUR"}
    assert sent(create(foreign))["ExchangeRate"] == Decimal("1.08")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (invoice(number="RETAIL-2026-0000000536365"), "DocNumber takes 21 characters"),
        (invoice(lines=[]), "the document has no lines"),
        (invoice(line(item=None)), "line 1 names no item"),
        (invoice(line(), line(unit_price=None)), "line 2 has neither an amount nor a price"),
        (invoice(line(), line_amounts="inclusive"), "says neither its net amount nor its tax"),
        (invoice(charge_total=Decimal(3)), "charges"),
    ],
)
def test_what_quickbooks_would_refuse_is_told_before_it_is_sent(wanted: Any, words: str) -> None:
    assert words in refusal(create(wanted))


def test_a_reference_without_an_id_is_named_before_it_is_sent() -> None:
    with pytest.raises(VendorError, match="customer"):
        DIALECT.compose(STREAMS["invoice"], [create(invoice(customer=Ref(name="Okafor")))], KEY, US)


def test_a_new_item_needs_its_income_account() -> None:
    item = Item(name="Lantern", item_type="non_inventory", sale=PriceSide(price=Decimal(3)))
    assert "income account" in refusal(create(item), stream="item")


def test_a_new_item_in_stock_needs_three_more_things() -> None:
    item = Item(name="Lantern", item_type="inventory", sale=PriceSide(account=Ref(external_id="79")))
    assert "purchase.account, asset_account, extra.InvStartDate" in refusal(create(item), stream="item")
    stocked = replace(
        item,
        purchase=PriceSide(account=Ref(external_id="80")),
        asset_account=Ref(external_id="81"),
        extra={"InvStartDate": "2026-01-01"},
    )
    body = sent(create(stocked), stream="item")
    assert (body["TrackQtyOnHand"], body["QtyOnHand"]) == (True, 0)


def test_a_name_is_sent_without_colons_tabs_and_newlines() -> None:
    assert (
        sent(create(Customer(name=" Okafor:\tGarden\nDesign ")), stream="customer")["DisplayName"]
        == "Okafor- Garden Design"
    )


def test_an_account_type_of_ours_becomes_type_and_sub_type() -> None:
    stock = Account(name="Stock", classification="asset", type="inventory")
    body = sent(create(stock), stream="account")
    assert (body["AccountType"], body["AccountSubType"]) == ("Other Current Asset", "Inventory")


RAW = {
    "Id": "1266",
    "SyncToken": "1",
    "PrivateNote": "Order 88\n[tieout:3f2a9c0b7d415e68]",
    "CustomField": [{"DefinitionId": "1", "Name": "Route", "Type": "StringType", "StringValue": "North"}],
    "BillAddr": {
        "Id": "91",
        "Line1": "18 Alder Lane",
        "Line4": "Rear entrance",
        "City": "Seattle",
        "Lat": "INVALID",
        "Long": "INVALID",
    },
    "Line": [
        {
            "Id": "1",
            "LineNum": 1,
            "Amount": Decimal("20.34"),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": "51"},
                "Qty": 6,
                "UnitPrice": Decimal("3.39"),
                "TaxClassificationRef": {"value": "EUC-1"},
            },
        },
        {
            "Id": "2",
            "LineNum": 2,
            "Amount": 4,
            "DetailType": "GroupLineDetail",
            "GroupLineDetail": {"GroupItemRef": {"value": "24"}, "Quantity": 2, "Line": [{"Id": "3", "Amount": 4}]},
        },
        {"Amount": Decimal("24.34"), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ],
    "CustomerRef": {"value": "812"},
    "CurrencyRef": {"value": "USD"},
    "TxnDate": "2026-09-14",
}


def change(wanted: Any, *only: str) -> dict[str, Any]:
    return sent(
        Write(
            key=KEY, operation="update", record=wanted, external_id="1266", version="1", only=frozenset(only), raw=RAW
        )
    )


def test_a_change_is_sparse_and_says_only_what_changes() -> None:
    wanted = replace(STREAMS["invoice"].shape.read(RAW), due_on=date(2026, 10, 1))
    assert change(wanted, "due_on") == {"Id": "1266", "SyncToken": "1", "sparse": True, "DueDate": "2026-10-01"}


def test_a_changed_note_keeps_our_mark() -> None:
    wanted = replace(STREAMS["invoice"].shape.read(RAW), memo="Order 88, paid in cash")
    assert change(wanted, "memo")["PrivateNote"] == "Order 88, paid in cash\n[tieout:3f2a9c0b7d415e68]"


def test_a_changed_line_is_sent_among_all_others_with_their_ids_and_with_what_the_hub_does_not_know() -> None:
    read = STREAMS["invoice"].shape.read(RAW)
    wanted = replace(
        read,
        lines=[
            replace(read.lines[0], quantity=Decimal(5), net_amount=None),
            *read.lines[1:],
            line(item=Ref(external_id="60")),
        ],
    )
    first, bundle, new = change(wanted, "lines")["Line"]
    assert (first["Id"], first["Amount"]) == ("1", Decimal("16.95"))
    assert first["SalesItemLineDetail"]["TaxClassificationRef"] == {"value": "EUC-1"}
    assert bundle == RAW["Line"][1]
    assert "Id" not in new


def test_a_bundle_is_kept_and_not_changed() -> None:
    read = STREAMS["invoice"].shape.read(RAW)
    bundle = replace(read.lines[1], quantity=Decimal(3))
    write = Write(
        key=KEY,
        operation="update",
        record=replace(read, lines=[read.lines[0], bundle]),
        external_id="1266",
        version="1",
        only=frozenset({"lines"}),
        raw=RAW,
    )
    assert "cannot be changed" in refusal(write)


def test_a_changed_address_keeps_its_other_lines_but_not_the_coordinates() -> None:
    read = STREAMS["invoice"].shape.read(RAW)
    wanted = replace(read, billing_address=replace(read.billing_address, city="Tacoma"))
    assert change(wanted, "billing_address")["BillAddr"] == {
        "Line1": "18 Alder Lane",
        "Line4": "Rear entrance",
        "City": "Tacoma",
    }


def test_a_text_is_emptied_and_a_reference_cannot_be() -> None:
    customer = {
        "Id": "8",
        "SyncToken": "0",
        "DisplayName": "Okafor",
        "Notes": "Mornings",
        "SalesTermRef": {"value": "3"},
    }
    write = Write(
        key=KEY,
        operation="update",
        record=Customer(name="Okafor"),
        external_id="8",
        version="0",
        only=frozenset({"notes"}),
        raw=customer,
    )
    assert sent(write, stream="customer")["Notes"] == ""
    gone = Write(
        key=KEY,
        operation="update",
        record=Customer(name="Okafor"),
        external_id="8",
        version="0",
        only=frozenset({"payment_term"}),
        raw=customer,
    )
    assert "no way to empty SalesTermRef" in refusal(gone, stream="customer")


def test_unknown_members_of_a_customer_can_be_changed_by_the_vendors_names() -> None:
    customer = {"Id": "8", "SyncToken": "0", "DisplayName": "Okafor", "PreferredDeliveryMethod": "Print"}
    wanted = Customer(name="Okafor", extra={"PreferredDeliveryMethod": "Email"})
    write = Write(
        key=KEY,
        operation="update",
        record=wanted,
        external_id="8",
        version="0",
        only=frozenset({"extra"}),
        raw=customer,
    )
    assert sent(write, stream="customer")["PreferredDeliveryMethod"] == "Email"


def test_voiding_and_deleting_say_only_which_and_at_which_version() -> None:
    for operation in ("void", "delete"):
        request = DIALECT.compose(
            STREAMS["invoice"], [Write(key=KEY, operation=operation, external_id="264", version="0")], KEY, US
        )
        assert (request.path, request.params["operation"]) == ("/v3/company/4620816365291/invoice", operation)
        assert oracle.EXACT.decode(request.body) == {"Id": "264", "SyncToken": "0"}


def test_a_deletion_leaves_nothing_to_read() -> None:
    write = Write(key=KEY, operation="delete", external_id="264", version="0")
    gone = answer({"Invoice": {"domain": "QBO", "status": "Deleted", "Id": "264"}, "time": "-"})
    assert DIALECT.outcomes(STREAMS["invoice"], [write], gone, US) == [Done(external_id="264")]


# --- several in one call ---------------------------------------------------------------------------------------------


def test_thirty_records_go_in_one_call_and_each_gets_its_own_outcome() -> None:
    writes = [create(invoice(number=f"N{place}"), key=f"k{place}") for place in range(30)]
    request = DIALECT.compose(STREAMS["invoice"], writes, KEY, US)
    items = oracle.EXACT.decode(request.body)["BatchItemRequest"]
    assert (request.params["requestid"], len(items)) == (KEY, 30)
    answers = [{"bId": item["bId"], "Invoice": {"Id": f"9{item['bId']}", "SyncToken": "0"}} for item in items]
    answers[3] = {
        "bId": "3",
        "Fault": {"type": "ValidationFault", "Error": [{"code": "5010", "Message": "Stale", "Detail": ""}]},
    }
    outcomes = DIALECT.outcomes(STREAMS["invoice"], writes, answer({"BatchItemResponse": answers[::-1]}), US)
    assert [outcome.external_id for outcome in outcomes[:3]] == ["90", "91", "92"]
    assert type(outcomes[3].error).__name__ == "Stale"


def test_a_record_that_cannot_go_does_not_hold_back_the_others() -> None:
    writes = [create(invoice(number="A")), create(invoice(number="B" * 22)), create(invoice(number="C"))]
    items = oracle.EXACT.decode(DIALECT.compose(STREAMS["invoice"], writes, KEY, US).body)["BatchItemRequest"]
    assert [item["bId"] for item in items] == ["0", "2"]
    done = [{"bId": item["bId"], "Invoice": {"Id": "1", "SyncToken": "0"}} for item in items]
    _, held, _ = DIALECT.outcomes(STREAMS["invoice"], writes, answer({"BatchItemResponse": done}), US)
    assert isinstance(held, Failed)
    assert "21 characters" in held.error.explanation


@pytest.mark.parametrize(
    "second",
    [[], [{"bId": "1", "Fault": {"type": "SystemFault", "Error": [{"code": "10000", "Message": "Failure"}]}}]],
    ids=["not answered", "a failure of theirs"],
)
def test_a_batch_of_which_one_may_have_been_done_is_looked_up_whole(second: list[dict[str, Any]]) -> None:
    writes = [create(invoice(number="A")), create(invoice(number="B"))]
    done = [{"bId": "0", "Invoice": {"Id": "1", "SyncToken": "0"}}, *second]
    with pytest.raises(TryLater) as unclear:
        DIALECT.outcomes(STREAMS["invoice"], writes, answer({"BatchItemResponse": done}), US)
    assert unclear.value.may_have_acted


def test_a_refusal_of_one_record_is_its_outcome() -> None:
    refused = answer({"Fault": {"type": "ValidationFault", "Error": [{"code": "6210", "Message": "Closed"}]}}, 400)
    (outcome,) = DIALECT.outcomes(STREAMS["invoice"], [create(invoice())], refused, US)
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "6210"


def test_voids_go_one_a_call_and_the_others_come_back_untouched() -> None:
    writes = [Write(key=KEY, operation="void", external_id=each, version="0") for each in ("1", "2")]
    assert oracle.EXACT.decode(DIALECT.compose(STREAMS["invoice"], writes, KEY, US).body)["Id"] == "1"
    first, second = DIALECT.outcomes(STREAMS["invoice"], writes, answer({"Invoice": {"Id": "1", "SyncToken": "1"}}), US)
    assert first.version == "1"
    assert isinstance(second.error, TryLater)
    assert not second.error.may_have_acted
