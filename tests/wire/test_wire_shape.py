"""Shapes: what a table reads, it writes; what it does not name is neither lost nor touched."""

from __future__ import annotations

import timeit
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical.documents import Line
from integrations.canonical.kinds import KINDS
from integrations.canonical.record import Ref
from integrations.wire.errors import ShapeError
from integrations.wire.message import json_body
from integrations.wire.nested import copied, difference, lay_over
from integrations.wire.shape import F, Fixed, LineEdit, Lines, Shape

Customer: Any = KINDS["customer"]
Invoice: Any = KINDS["invoice"]
replace: Any = msgspec.structs.replace

MODES = {"exclusive": "NET", "inclusive": "GROSS", "no_tax": "NONE"}


def commands(edits: Any) -> list[Any]:
    """A vendor that takes lines as commands: add, change, delete."""
    done: list[Any] = []
    for edit in edits:
        if edit.raw is None:
            done.append(["add", edit.values])
        elif edit.values is None:
            done.append(["delete", edit.raw["row"]])
        elif edit.values:
            done.append(["change", edit.raw["row"], edit.values])
    return done


def invoice_shape(**lines: Any) -> Shape[Any]:
    return Shape(
        Invoice,
        key="id",
        version="sync",
        changed_at="meta.changed",
        ignore=("noise",),
        fields=(
            F("number", "no"),
            F("customer.external_id", "customer.value"),
            F("customer.name", "customer.name", write=None),
            F("issued_on", "day"),
            F("due_on", "terms.due"),
            F("currency", "money.code"),
            F(
                "line_amounts",
                "mode",
                read={theirs: ours for ours, theirs in MODES.items()}.__getitem__,
                write=MODES.__getitem__,
            ),
            F("memo", "note"),
            F("total", "total", write=None),
            Lines(
                "lines",
                "rows",
                key="row",
                when=lambda raw: raw["type"] == "item",
                fits=lambda line: line.line_type == "item",
                fields=(
                    Fixed("type", "item"),
                    F("line_type", "", read=lambda raw: "item", write=None),
                    F("description", "text"),
                    F("quantity", "detail.qty"),
                    F("item.external_id", "detail.item.value"),
                    F("net_amount", "amount", write=None),
                ),
                **lines,
            ),
            Lines(
                "lines",
                "rows",
                key="row",
                when=lambda raw: raw["type"] == "text",
                fits=lambda line: line.line_type == "text",
                fields=(
                    Fixed("type", "text"),
                    F("line_type", "", read=lambda raw: "text", write=None),
                    F("description", "text"),
                ),
            ),
        ),
    )


INVOICE = invoice_shape()


def raw_invoice() -> dict[str, Any]:
    return {
        "id": 266,
        "sync": "0",
        "noise": True,
        "meta": {"changed": "2026-09-14T10:31:02-05:00", "by": "ada"},
        "no": "INV-1042",
        "customer": {"value": "1", "name": "Ada", "segment": "A"},
        "day": "2026-09-14",
        "terms": {"due": "2026-10-14", "discount": {"percent": 2}},
        "money": {"code": "EUR"},
        "mode": "NET",
        "note": "",
        "total": 21,
        "rows": [
            {"type": "subtotal", "amount": 0},
            {"row": "a", "type": "item", "text": "Work", "amount": Decimal("10.00"),
             "detail": {"qty": 1, "item": {"value": "7", "name": "Hours"}, "class": "North"}},
            {"type": "subtotal", "amount": 10},
            {"row": "b", "type": "text", "text": "Thank you", "bold": True},
            {"row": "c", "type": "item", "text": "More", "amount": 11, "detail": {"qty": Decimal("1.5")}},
        ],
    }  # fmt: skip


def test_a_payload_becomes_a_record_with_exact_types() -> None:
    record = INVOICE.read(raw_invoice())
    assert record.external_id == "266"
    assert record.version == "0"
    assert record.changed_at == datetime(2026, 9, 14, 15, 31, 2, tzinfo=UTC)
    assert record.issued_on == date(2026, 9, 14)
    assert record.customer.name == "Ada"
    assert record.line_amounts == "exclusive"
    assert record.memo is None
    assert record.total == Decimal(21)
    assert [(line.line_type, line.external_id, line.quantity) for line in record.lines] == [
        ("item", "a", Decimal(1)),
        ("text", "b", None),
        ("item", "c", Decimal("1.5")),
    ]


def test_what_the_table_does_not_name_is_kept_by_the_vendors_names_and_nesting() -> None:
    record = INVOICE.read(raw_invoice())
    assert record.extra == {
        "meta": {"by": "ada"},
        "customer": {"segment": "A"},
        "terms": {"discount": {"percent": 2}},
        "rows": [{"type": "subtotal", "amount": 0}, {"type": "subtotal", "amount": 10}],
    }
    assert record.lines[0].extra == {"detail": {"item": {"name": "Hours"}, "class": "North"}}
    assert record.lines[1].extra == {"bold": True}


def test_a_member_of_another_form_than_the_table_expects_is_not_lost() -> None:
    record = INVOICE.read({**raw_invoice(), "terms": "net 30"})
    assert record.due_on is None
    assert record.extra["terms"] == "net 30"


def test_reading_changes_nothing_of_the_payload() -> None:
    raw = raw_invoice()
    INVOICE.read(raw)
    assert raw == raw_invoice()


@pytest.mark.parametrize(
    ("member", "value", "path", "words"),
    [
        ("day", "14.09.2026", "day", "2026-09-14"),
        ("day", "2026-09-14T00:00:00", "day", "a day"),
        ("day", None, "day", "missing"),
        ("total", "many", "total", "a number"),
        ("total", "NaN", "total", "a number"),
        ("total", True, "total", "a number"),
        ("mode", "MIXED", "mode", "'MIXED' is no known value"),
        ("meta", {"changed": "2026-09-14T10:31:02"}, "meta.changed", "zone"),
        ("rows", {"row": 1}, "rows", "a list"),
        ("no", {"value": 1}, "no", "text"),
        ("rows", [{"type": "item", "detail": {"qty": "x"}}], "rows[0].detail.qty", "a number"),
        ("rows", [{"row": "a"}], "rows", "'type' is no known value"),
    ],
)
def test_a_member_that_cannot_be_read_is_named(member: str, value: Any, path: str, words: str) -> None:
    with pytest.raises(ShapeError) as error:
        INVOICE.read({**raw_invoice(), member: value})
    assert error.value.path == path
    assert words in error.value.message
    assert not error.value.may_have_acted


def test_what_the_record_itself_refuses_is_named_by_the_vendors_path() -> None:
    fields = (F("line_type", "kind"), F("item.number", "sku"))
    shape = Shape(Invoice, key="id", fields=(*INVOICE.fields[3:8], Lines("lines", "rows", fields=fields)))
    raw = {"id": 1, "customer": {"value": "1"}, "day": "2026-09-14", "money": {"code": "EUR"}}
    with pytest.raises(ShapeError) as error:
        shape.read({**raw, "rows": [{"kind": "item"}, {"kind": "unicorn"}]})
    assert error.value.path == "rows[1].kind"


def test_a_list_that_holds_no_objects_is_named() -> None:
    shape = Shape(Invoice, key="id", fields=(Lines("lines", "rows", fields=(F("description", "text"),)),))
    with pytest.raises(ShapeError):
        shape.read({"id": 1, "rows": [1]})


def test_a_create_says_everything_that_is_ours_to_say() -> None:
    record = INVOICE.read(raw_invoice())
    bare = replace(record, extra={}, lines=[replace(line, extra={}) for line in record.lines])
    assert INVOICE.write(bare) == {
        "no": "INV-1042",
        "customer": {"value": "1"},
        "day": "2026-09-14",
        "terms": {"due": "2026-10-14"},
        "money": {"code": "EUR"},
        "mode": "NET",
        "rows": [
            {"type": "item", "text": "Work", "detail": {"qty": Decimal(1), "item": {"value": "7"}}},
            {"type": "text", "text": "Thank you"},
            {"type": "item", "text": "More", "detail": {"qty": Decimal("1.5")}},
        ],
    }


def test_extra_of_what_we_write_is_written_by_the_vendors_names() -> None:
    customer = Customer(name="Ada", extra={"custom": {"region": "N"}})
    shape = Shape(Customer, key="id", fields=(F("name", "name"), F("email", "custom.mail")))
    assert shape.write(replace(customer, email="a@b.example")) == {
        "name": "Ada",
        "custom": {"region": "N", "mail": "a@b.example"},
    }
    assert customer.extra == {"custom": {"region": "N"}}


def test_writing_some_fields_clears_the_empty_ones() -> None:
    record = replace(INVOICE.read(raw_invoice()), due_on=None)
    assert INVOICE.write(record, only={"due_on", "number"}) == {"no": "INV-1042", "terms": {"due": None}}


def test_a_sparse_patch_keeps_what_else_a_changed_member_holds() -> None:
    record = INVOICE.read(raw_invoice())
    wanted = replace(record, due_on=date(2026, 11, 1), customer=replace(record.customer, external_id="2", name="Bob"))
    assert INVOICE.patch(raw_invoice(), wanted, only={"due_on", "customer"}) == {
        "customer": {"value": "2", "segment": "A"},
        "terms": {"due": "2026-11-01", "discount": {"percent": 2}},
    }


def test_a_whole_patch_keeps_everything_but_what_the_vendor_computes() -> None:
    raw = raw_invoice()
    wanted = replace(INVOICE.read(raw), memo="new")
    patched = INVOICE.patch(raw, wanted, only={"memo"}, whole=True)
    expected = raw_invoice() | {"note": "new", "customer": {"value": "1", "segment": "A"}, "meta": {"by": "ada"}}
    del expected["noise"], expected["total"]
    assert patched == expected


def test_lines_are_matched_by_id_and_all_else_keeps_its_place() -> None:
    raw = raw_invoice()
    record = INVOICE.read(raw)
    first, thanks, last = record.lines
    changed = replace(first, quantity=Decimal(2))
    new = replace(last, external_id=None, description="New", extra={})
    wanted = replace(record, lines=[changed, new, thanks])
    assert INVOICE.patch(raw, wanted, only={"lines"})["rows"] == [
        {"type": "subtotal", "amount": 0},
        {"row": "a", "type": "item", "text": "Work",
         "detail": {"qty": Decimal(2), "item": {"value": "7", "name": "Hours"}, "class": "North"}},
        {"type": "subtotal", "amount": 10},
        {"type": "item", "text": "New", "detail": {"qty": Decimal("1.5")}},
        raw["rows"][3],
    ]  # fmt: skip


def test_a_line_that_does_not_change_is_sent_as_it_was() -> None:
    raw = raw_invoice()
    assert INVOICE.patch(raw, INVOICE.read(raw), only={"lines"})["rows"] == raw["rows"]


def test_what_our_line_leaves_empty_stays_as_it_is_there() -> None:
    raw = raw_invoice()
    record = INVOICE.read(raw)
    silent = replace(record, lines=[replace(line, item=None, extra={}) for line in record.lines])
    assert INVOICE.patch(raw, silent, only={"lines"})["rows"] == raw["rows"]


def test_a_line_that_becomes_another_kind_keeps_only_its_id() -> None:
    raw = raw_invoice()
    record = INVOICE.read(raw)
    first, *others = record.lines
    text = replace(first, line_type="text", quantity=None, item=None, extra={})
    rows = INVOICE.patch(raw, replace(record, lines=[text, *others]), only={"lines"})["rows"]
    assert rows[1] == {"row": "a", "type": "text", "text": "Work"}


def test_two_lines_of_ours_with_one_id_make_no_line_of_theirs_twice() -> None:
    raw = raw_invoice()
    record = INVOICE.read(raw)
    rows = INVOICE.patch(raw, replace(record, lines=[record.lines[0], record.lines[0]]), only={"lines"})["rows"]
    assert [row.get("row") for row in rows if row["type"] == "item"] == ["a", None]


def test_a_vendor_that_takes_commands_gets_only_what_changes() -> None:
    raw = raw_invoice()
    shape = invoice_shape(put=commands)
    record = shape.read(raw)
    first, _, last = record.lines
    new = replace(last, external_id=None, description="New", extra={})
    wanted = replace(record, lines=[replace(first, quantity=Decimal(2)), last, new])
    assert shape.patch(raw, wanted, only={"lines"})["rows"] == [
        ["change", "a", {"detail": {"qty": Decimal(2)}}],
        ["add", {"type": "item", "text": "New", "detail": {"qty": Decimal("1.5")}}],
        ["delete", "b"],
    ]


def test_a_line_that_the_vendor_does_not_know_is_named() -> None:
    record = INVOICE.read(raw_invoice())
    shipping = replace(record, lines=[*record.lines, replace(record.lines[0], line_type="shipping")])
    with pytest.raises(ShapeError) as error:
        INVOICE.write(shipping)
    assert error.value.path == "lines[3]"


def test_patching_changes_nothing_of_the_raw_record() -> None:
    raw = raw_invoice()
    record = INVOICE.read(raw)
    patched = INVOICE.patch(raw, record, only={"lines", "customer"}, whole=True)
    patched["rows"][0]["amount"] = "spoilt"
    patched["terms"]["discount"]["percent"] = "spoilt"
    assert raw == raw_invoice()


def test_false_may_mean_empty_but_not_for_a_yes_or_no() -> None:
    shape = Shape(
        Customer,
        key="id",
        false_is_empty=True,
        cleared=False,
        fields=(F("name", "name"), F("email", "email"), F("active", "active")),
    )
    record = shape.read({"id": 5, "name": "Ada", "email": False, "active": False, "comment": False})
    assert record.email is None
    assert record.active is False
    assert record.extra == {}
    assert shape.write(record, only={"email"}) == {"email": False}


def test_a_field_of_the_whole_payload_explains_its_members() -> None:
    shape = Shape(
        Customer,
        key="id",
        fields=(
            F(
                "name",
                "",
                read=lambda raw: f"{raw['first']} {raw['last']}",
                write=lambda record: dict(zip(("first", "last"), record.name.split(), strict=True)),
                uses=("first", "last"),
            ),
        ),
    )
    record = shape.read({"id": 1, "first": "Ada", "last": "Lovelace"})
    assert (record.name, record.extra) == ("Ada Lovelace", {})
    assert shape.write(record) == {"first": "Ada", "last": "Lovelace"}
    with pytest.raises(ShapeError) as error:
        shape.read({"id": 1, "first": "Ada"})
    assert error.value.path == "name"


def test_a_table_that_names_no_field_of_ours_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="nmae"):
        Shape(Customer, key="id", fields=(F("nmae", "name"),))
    with pytest.raises(TypeError, match=r"name\.first"):
        Shape(Customer, key="id", fields=(F("name.first", "name"),))
    with pytest.raises(TypeError, match="no list"):
        Shape(Customer, key="id", fields=(Lines("name", "rows", fields=()),))
    with pytest.raises(TypeError, match="write"):
        Shape(Customer, key="id", fields=(F("name", ""),))


def test_an_edit_of_an_unmapped_line_is_the_line_itself() -> None:
    assert LineEdit(raw={"a": 1}, values={}, whole={"a": 1}).whole == {"a": 1}


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
lines = st.builds(
    lambda description, quantity, item: Line(
        line_type="item", description=description, quantity=quantity, item=item and Ref(external_id=item)
    ),
    st.none() | texts,
    st.none() | amounts,
    st.none() | texts,
)


@given(
    number=st.none() | texts,
    customer=texts,
    issued_on=st.dates(),
    due_on=st.none() | st.dates(),
    mode=st.sampled_from(sorted(MODES)),
    rows=st.lists(lines, max_size=4),
)
def test_what_is_written_reads_back_the_same(
    number: str | None, customer: str, issued_on: date, due_on: date | None, mode: str, rows: list[Any]
) -> None:
    record = Invoice(
        number=number,
        customer=Ref(external_id=customer),
        issued_on=issued_on,
        due_on=due_on,
        currency="EUR",
        line_amounts=mode,
        lines=rows,
    )
    payload = INVOICE.write(record)
    over_the_wire = msgspec.json.Decoder(float_hook=Decimal).decode(json_body(payload))
    back = INVOICE.read({**over_the_wire, "rows": over_the_wire.get("rows", [])})
    assert back == record


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, json_values, max_size=5))
def test_nothing_of_a_payload_is_lost_but_what_is_empty(members: dict[str, Any]) -> None:
    shape = Shape(Customer, key="~id", fields=(F("name", "~name"),))
    record = shape.read({**members, "~id": "1", "~name": "Ada"})
    kept = {name: value for name, value in members.items() if value not in (None, "", [], {})}
    assert record.extra == kept


@given(st.dictionaries(texts, json_values, max_size=4), st.dictionaries(texts, json_values, max_size=4))
def test_a_difference_laid_over_makes_them_agree(raw: dict[str, Any], members: dict[str, Any]) -> None:
    result = copied(raw)
    lay_over(result, difference(raw, members))
    assert difference(result, members) == {}


def test_reading_a_small_record_is_fast() -> None:
    shape = Shape(
        Customer,
        key="id",
        version="etag",
        changed_at="meta.changed",
        fields=(
            F("name", "display_name"),
            F("number", "code"),
            F("email", "email.address"),
            F("phone", "phone"),
            F("billing_address.city", "address.city"),
            F("balance", "balance", write=None),
        ),
    )
    raw = {
        "id": "1", "etag": "1", "meta": {"changed": "2026-09-14T10:31:02Z"}, "display_name": "Ada", "code": "C1",
        "email": {"address": "a@b.example"}, "phone": "1", "address": {"city": "Bonn"}, "balance": 5, "other": 1,
    }  # fmt: skip
    best = min(timeit.repeat(lambda: shape.read(raw), number=200, repeat=20)) / 200
    assert best < 100e-6, f"{best * 1e6:.0f} µs; some 10 µs are usual"
