"""Records survive being written and read, whole and exact, and equal ones look alike."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import (
    KINDS,
    BadRecord,
    Customer,
    Invoice,
    Item,
    Line,
    Payment,
    PriceSide,
    Record,
    Ref,
    decode,
    encode,
    fingerprint,
    from_plain,
    kind_of,
    schema,
    to_plain,
)
from tests.canonical.strategies import records

any_record = st.sampled_from(sorted(KINDS)).flatmap(records)

INVOICE = Invoice(
    external_id="130",
    version="4",
    changed_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    number="INV-1001",
    customer=Ref(external_id="58"),
    issued_on=date(2026, 1, 31),
    currency="EUR",
    line_amounts="exclusive",
    lines=[
        Line(
            external_id="1",
            description="Support in January",
            quantity=Decimal(2),
            unit_price=Decimal("12.50"),
            net_amount=Decimal("25.00"),
            tax_amount=Decimal("5.25"),
            extra={"Class": {"weight": Decimal("0.10")}},
        )
    ],
    tax_total=Decimal("5.25"),
    total=Decimal("30.25"),
    extra={"Domain": "QBO", "custom": [{"name": "Rate", "value": Decimal("1.50")}]},
)


@given(any_record)
def test_a_record_written_and_read_is_the_same(record):
    data = encode(record)
    again = decode(kind_of(record), data)
    assert again == record
    assert encode(again) == data


@given(any_record)
def test_a_record_is_the_same_after_being_plain(record):
    assert from_plain(kind_of(record), to_plain(record)) == record


@given(any_record)
def test_plain_values_may_come_as_the_texts_of_json(record):
    plain = json.loads(encode(record), parse_float=Decimal)
    assert from_plain(kind_of(record), plain) == record


@given(any_record)
def test_what_is_written_is_sorted_and_keeps_to_its_schema(record):
    data = json.loads(encode(record))
    assert list(data) == sorted(data)
    validator = VALIDATORS[kind_of(record)]
    validator.validate(data)
    assert not validator.is_valid(data | {"colour": "red"})


@given(any_record, st.data())
def test_a_fingerprint_forgets_the_order_of_keys_and_what_only_they_care_about(record, data):
    turned = from_plain(kind_of(record), _turned(to_plain(record)))
    moved = msgspec.structs.replace(
        turned,
        version=data.draw(st.text()),
        changed_at=datetime.now(UTC),
        created_at=None,
        url="https://books.example/1",
    )
    assert fingerprint(turned) == fingerprint(moved) == fingerprint(record)


@given(any_record)
def test_equal_figures_have_one_fingerprint_however_they_are_written(record):
    longer = msgspec.convert(_longer(to_plain(record)), type(record))
    assert longer == record
    assert fingerprint(longer) == fingerprint(record)


@pytest.mark.parametrize(
    "change",
    [
        {"external_id": "131"},
        {"number": "INV-1002"},
        {"total": Decimal("30.26")},
        {"total": None},
        {"status": "sent"},
        {"customer": Ref(external_id="59")},
        {"lines": []},
        {"extra": {"Domain": "QBO", "custom": [{"name": "Rate", "value": Decimal("1.51")}]}},
    ],
)
def test_a_fingerprint_notices_what_others_care_about(change):
    assert fingerprint(msgspec.structs.replace(INVOICE, **change)) != fingerprint(INVOICE)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_refuses_a_field_that_it_does_not_have(kind):
    with pytest.raises(BadRecord, match="unknown field `colour`"):
        decode(kind, b'{"colour":"red"}')
    definitions = schema(kind)["$defs"]
    assert all(each["additionalProperties"] is False for each in definitions.values())


def test_decimals_are_texts_and_those_of_extra_are_numbers():
    data = encode(INVOICE)
    assert b'"unit_price":"12.50"' in data
    assert b'"value":1.50' in data
    assert b'"weight":0.10' in data
    assert decode("invoice", data).extra["custom"][0]["value"].as_tuple() == Decimal("1.50").as_tuple()


def test_numbers_of_json_are_read_exactly():
    payment = decode(
        "payment", b'{"customer":{"name":"A"},"paid_on":"2026-01-31","currency":"EUR","amount":1234567890123456.70}'
    )
    assert isinstance(payment, Payment)
    assert payment.amount.as_tuple() == Decimal("1234567890123456.70").as_tuple()


def test_what_has_a_meaning_by_default_is_said():
    assert to_plain(Customer(name="Acme")) == {"name": "Acme", "active": True}
    assert encode(Customer(name="Acme")) == b'{"active":true,"name":"Acme"}'


FLOATS = [float(0), 12.5, float("nan"), float("inf")]


@pytest.mark.parametrize("number", FLOATS)
def test_no_float_enters_a_record(number):
    with pytest.raises(TypeError, match="not a finite Decimal"):
        Customer(name="Acme", balance=number)
    with pytest.raises(TypeError, match="not a finite Decimal"):
        PriceSide(price=number)
    for extra in ({"score": number}, {"deep": [{"score": number}]}):
        with pytest.raises(TypeError, match="float"):
            Customer(name="Acme", extra=extra)
        with pytest.raises(TypeError, match="float"):
            Line(extra=extra)
        with pytest.raises(BadRecord, match="float"):
            from_plain("customer", {"name": "Acme", "extra": extra})
    with pytest.raises(BadRecord, match="float"):
        from_plain("customer", {"name": "Acme", "balance": number})
    with pytest.raises(BadRecord, match="float"):
        from_plain("item", {"name": "Acme", "item_type": "service", "sale": {"price": number}})


@pytest.mark.parametrize("figure", [1, True, "1.00", Decimal("NaN"), Decimal("Infinity")])
def test_a_figure_is_a_finite_decimal_and_nothing_else(figure):
    with pytest.raises(TypeError, match="not a finite Decimal"):
        Item(name="Tea", item_type="inventory", quantity_on_hand=figure)


@pytest.mark.parametrize("value", [date(2026, 1, 31), (1, 2), {1: "x"}, b"x", {"deep": [Ref()]}])
def test_extras_hold_values_of_json_only(value):
    with pytest.raises(TypeError, match=r"give a Decimal|keys are texts"):
        Customer(name="Acme", extra={"theirs": value})


@given(any_record)
def test_no_float_leaves_a_record(record):
    assert not _floats(to_plain(record))
    assert not _floats(_everything(decode(kind_of(record), encode(record))))


def test_moments_are_kept_in_utc_and_need_a_zone():
    noon_in_berlin = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    record = Customer(name="Acme", changed_at=noon_in_berlin)
    assert record.changed_at == noon_in_berlin
    assert b'"changed_at":"2026-07-01T10:00:00Z"' in encode(record)
    with pytest.raises(ValueError, match="without a time zone"):
        Customer(name="Acme", changed_at=datetime(2026, 7, 1, 12))  # noqa: DTZ001
    with pytest.raises(BadRecord, match="without a time zone"):
        decode("customer", b'{"name":"Acme","changed_at":"2026-07-01T12:00:00"}')


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (b"", "", "truncated"),
        (b'{"name":', "", "truncated"),
        (b"<html>", "", "malformed"),
        (b"\xff", "", "malformed"),
        (b'{"name":"\xff"}', "", "not UTF-8"),
        (b"[]", "", "Expected `object`"),
        (b"{}", "", "required field `name`"),
        (b'{"name":1}', "name", "Expected `str`"),
        (b'{"name":"A","balance":"ten"}', "balance", "Invalid decimal"),
        (b'{"name":"A","balance":"NaN"}', "", "not a finite Decimal"),
        (b'{"name":"A","contacts":[{},{"name":2}]}', "contacts[1].name", "Expected `str"),
        (b'{"name":"A","tax_ids":[{"value":"1","scheme":"iva"}]}', "tax_ids[0].scheme", "Invalid enum value"),
    ],
)
def test_bad_data_is_named_with_its_place(data, path, message):
    with pytest.raises(BadRecord) as caught:
        decode("customer", data)
    assert caught.value.path == path
    assert message in caught.value.message


def test_bad_plain_values_are_named_with_their_place():
    with pytest.raises(BadRecord) as caught:
        from_plain("customer", {"name": "A", "billing_address": {"line1": 5}})
    assert (caught.value.path, caught.value.message) == ("billing_address.line1", "Expected `str | null`, got `int`")


VALIDATORS = {kind: jsonschema.Draft202012Validator(schema(kind)) for kind in KINDS}


def _turned(value):
    """The same values with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: _turned(each) for name, each in reversed(value.items())}
    return [_turned(each) for each in value] if isinstance(value, list) else value


def _longer(value):
    """The same values with one more zero behind every Decimal."""
    if isinstance(value, dict):
        return {name: _longer(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_longer(each) for each in value]
    if isinstance(value, Decimal):
        digits = value.as_tuple()
        return Decimal((digits.sign, (*digits.digits, 0), digits.exponent - 1))
    return value


def _everything(record: Record):
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _floats(value):
    if isinstance(value, dict):
        return [found for each in value.values() for found in _floats(each)]
    if isinstance(value, list):
        return [found for each in value for found in _floats(each)]
    if isinstance(value, msgspec.Struct):
        return _floats(_everything(value))
    return [value] if isinstance(value, float) else []
