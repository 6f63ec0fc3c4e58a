"""The kinds, what each refers to, and the order that follows from it."""

import typing
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import KINDS, Ref, kind_of, rank, references, referred
from integrations.canonical.record import Exact
from integrations.canonical.refs import OF_LINE
from tests.canonical.strategies import records


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_referred_to_comes_before_what_refers(kind):
    assert all(rank(to) < rank(kind) for to in referred(kind))
    assert all(to.removesuffix(OF_LINE) in KINDS or to == "@kind" for to in references(kind).values())


def test_the_order_is_that_of_the_books():
    order = ["account", "tax_rate", "customer", "sales_order", "invoice", "credit_note", "payment", "refund", "deposit"]
    assert sorted(order, key=rank) == order
    assert rank("vendor") < rank("item") < rank("purchase_order") < rank("bill") < rank("bill_payment")


def test_references_are_named_by_path():
    found = references("invoice")
    assert found["customer"] == "customer"
    assert found["lines[].item"] == "item"
    assert found["lines[].tax_rate"] == "tax_rate"
    assert found["lines[].dimensions[].value"] == "dimension"
    assert found["sales_orders[]"] == "sales_order"
    assert references("item")["sale.account"] == "account"
    assert references("customer")["parent"] == "customer"
    assert "customer" not in referred("customer")


def test_a_reference_to_several_kinds_names_the_field_that_tells_which():
    assert references("payment")["allocations[].target"] == "@kind"
    assert {"invoice", "credit_note", "journal_entry"} <= referred("payment")
    assert "bill" in referred("bill_payment")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_reference_says_its_kind(kind):
    """Only the targets of links name no kind: they point for people, and nothing must be found before them."""
    declared = set(references(kind))
    assert {path for path in _refs(KINDS[kind], "") if not path.endswith("links[].target")} == declared


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_extras_are_where_the_codec_looks_for_them(kind):
    assert {path for path, struct in _structs(KINDS[kind], "") if "extra" in struct.__struct_fields__} <= {
        "",
        "lines[].",
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_part_is_frozen_and_strict(kind):
    for _, struct in _structs(KINDS[kind], ""):
        config = struct.__struct_config__
        assert config.frozen
        assert config.forbid_unknown_fields
        assert config.omit_defaults


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_part_with_figures_moments_or_extras_guards_them(kind):
    for _, struct in _structs(KINDS[kind], ""):
        if any({Decimal, datetime, dict} & set(_plain(hint)) for hint in typing.get_type_hints(struct).values()):
            assert issubclass(struct, Exact), struct


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), records(kind))))
def test_a_record_knows_its_kind(pair):
    kind, record = pair
    assert kind_of(record) == kind


def _plain(hint: object) -> Iterator[object]:
    for member in (hint, *typing.get_args(hint)):
        yield typing.get_origin(member) or member


def _refs(struct: type, above: str) -> Iterator[str]:
    for path, inner in _inner(struct, above):
        if inner is Ref:
            yield path
        else:
            yield from _refs(inner, path + ".")


def _structs(struct: type, above: str) -> Iterator[tuple[str, type]]:
    yield above, struct
    for path, inner in _inner(struct, above):
        yield from _structs(inner, path + ".")


def _inner(struct: type, above: str) -> Iterator[tuple[str, type]]:
    for name, hint in typing.get_type_hints(struct).items():
        for member in (hint, *typing.get_args(hint)):
            if isinstance(member, type) and issubclass(member, msgspec.Struct):
                yield above + name + ("[]" if typing.get_origin(hint) is list else ""), member
