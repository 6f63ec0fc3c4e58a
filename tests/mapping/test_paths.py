"""Paths name places in records; wrong ones are refused with the place where they go wrong."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import KINDS, references
from integrations.mapping.paths import EVERY, BadPath, parse, place, places, written

RECORD = {
    "number": "A-1",
    "customer": {"external_id": "7", "name": "Ada"},
    "lines": [
        {"quantity": Decimal(2), "item": {"external_id": "1"}},
        {"item": {"external_id": "2"}},
        {"quantity": Decimal(3)},
    ],
    "extra": {"Ship date": "soon", "Country": "FR", "Tags": [{"v": [1, 2]}, {"v": [3]}]},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("number", "A-1"),
        ("customer.name", "Ada"),
        ("customer.number", None),
        ("lines[0].item.external_id", "1"),
        ("lines[9].item", None),
        ("lines[].quantity", [Decimal(2), None, Decimal(3)]),
        ("extra.Country", "FR"),
        ('extra["Ship date"]', "soon"),
        ("extra.Tags[].v", [1, 2, 3]),
        ("number.nothing", None),
        ("number[0]", None),
        ("memo.of.nothing", None),
    ],
)
def test_a_path_reads_what_stands_there_and_none_where_nothing_does(path, value):
    assert parse(path).read(RECORD) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a name is missing here (character 1)"),
        (".name", "before this dot (character 1)"),
        ("customer..name", "before this dot (character 10)"),
        ("customer.", "a name is missing here (character 10)"),
        ("[0]", "before this bracket (character 1)"),
        ("lines[x]", "neither a name, a dot nor [..] (character 6)"),
        ("lines[0]item", "a dot is missing before this name (character 9)"),
        ("lines[-1]", "(character 6)"),
        ("a b", "(character 2)"),
        ("a" * 301, "at most 300 characters"),
    ],
)
def test_a_malformed_path_is_refused_at_its_character(text, says):
    with pytest.raises(BadPath) as refused:
        parse(text)
    assert says in str(refused.value)


STEPS = st.one_of(
    st.text(alphabet="abcXYZ_é0123456789 -", min_size=1, max_size=8),
    st.integers(min_value=0, max_value=9999),
    st.just(EVERY),
)


@given(st.text(alphabet="abc", min_size=1, max_size=3), st.lists(STEPS, max_size=6))
def test_every_path_that_can_be_written_can_be_read(first, rest):
    assert parse(written([first, *rest])).steps == (first, *rest)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    try:
        path = parse(text)
    except BadPath:
        return
    assert written(path.steps) == written(parse(written(path.steps)).steps)


@pytest.mark.parametrize(
    ("kind", "path", "is_"),
    [
        ("invoice", "customer", "a reference to a customer"),
        ("invoice", "customer.name", "text"),
        ("invoice", "lines[0].item", "a reference to an item"),
        ("invoice", "lines[].quantity", "a list"),
        ("invoice", "issued_on", "a date"),
        ("invoice", "changed_at", "a date with time"),
        ("invoice", "line_amounts", "one of exclusive, inclusive, no_tax"),
        ("invoice", "extra.Anything[3].at_all", "anything"),
        ("invoice", "lines[2].extra.Sku", "anything"),
        ("customer", "active", "yes or no"),
        ("customer", "billing_address", "a group of fields"),
    ],
)
def test_a_place_is_known_by_its_kind(kind, path, is_):
    assert place(kind, path).in_words == is_


@pytest.mark.parametrize(
    ("kind", "path", "says"),
    [
        ("invoice", "custmer", "invoice has no field 'custmer'; did you mean customer"),
        ("invoice", "customer.email", "customer has no field 'email'; there are external_id, name, number"),
        ("invoice", "lines[].itm", "lines[] has no field 'itm'; did you mean item"),
        ("invoice", "total.x", "total is a number and has no field 'x'"),
        ("invoice", "total[0]", "total is a number, no list"),
        ("invoice", "lines.item", "lines is a list and has no field 'item'"),
        ("invoce", "total", "no kind of record 'invoce'; did you mean invoice"),
    ],
)
def test_a_place_that_is_not_there_is_refused_with_what_is(kind, path, says):
    with pytest.raises(BadPath) as refused:
        place(kind, path)
    assert says in str(refused.value)


def test_a_place_within_a_list_starts_at_its_members():
    assert place("invoice", "item", within="lines").refers_to == "item"
    with pytest.raises(BadPath, match="'itm'"):
        place("invoice", "itm", within="lines")


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_reference_of_every_kind_is_found(kind):
    for path, to in references(kind).items():
        found = place(kind, path)
        assert (found.members or found).refers_to == to


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_offered_to_the_editor_exists(kind):
    offered = places(kind)
    assert {found.path for found in offered} >= {"external_id", "extra"}
    assert all(place(kind, found.path) == found for found in offered)
