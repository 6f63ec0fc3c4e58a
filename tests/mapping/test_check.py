"""Rules that cannot work are refused when they are saved, each fault with its place and a way out."""

import pytest

from integrations.mapping.check import check, faults, uncovered
from integrations.mapping.rules import BadRules, Rules, from_plain


def rules(*fields, kind_from="invoice", kind_to="invoice"):
    return from_plain({"from": kind_from, "to": kind_to, "fields": list(fields)}, Rules)


def lines(*members, **more):
    return {"to": "lines", "from": "lines", "each": list(members), **more}


GOOD = [
    {"to": "number", "from": "number"},
    {"to": "number", "from": "issued_on", "transforms": [{"do": "date_text", "with": {"pattern": "YYYYMM"}}]},
    {"to": "number", "from": "total"},
    {"to": "customer", "from": "customer"},
    {"to": "customer", "from": "extra.Client"},
    {"to": "customer", "constant": "58"},
    {"to": "customer", "expression": "record.extra.Client"},
    {"to": "customer", "from": "customer.name", "table": "customers"},
    {"to": "billing_address", "from": "billing_address"},
    {"to": "billing_address.country", "from": "extra.Country", "transforms": [{"do": "country_code"}]},
    {"to": "total", "from": "lines[].net_amount", "transforms": [{"do": "sum_of"}]},
    {"to": "total", "constant": "12.50"},
    {"to": "due_on", "constant": "2026-01-31"},
    {"to": "due_on", "from": "extra.Due"},
    {"to": "line_amounts", "constant": "exclusive"},
    {"to": "line_amounts", "constant": "@mode"},
    {"to": "line_amounts", "from": "extra.mode"},
    {"to": "links", "from": "links"},
    {"to": "extra.Custom", "from": "total"},
    {"to": "dimensions[0].type", "constant": "class"},
    {"to": "dimensions[0].value", "constant": "7"},
    lines({"to": "item", "from": "item"}, {"to": "service_on", "from": "record.issued_on"}),
    lines({"to": "description", "expression": "line.description ~ record.number"}),
    lines({"to": "dimensions", "from": "dimensions", "each": [{"to": "type", "from": "type"}, {"to": "value", "from": "value"}]}),
    {"to": "lines", "from": "extra.Rows", "each": [{"to": "quantity", "from": "Qty"}, {"to": "item", "from": "Sku"}]},
]  # fmt: skip


@pytest.mark.parametrize("field", GOOD, ids=str)
def test_a_rule_that_can_work_is_let_through(field):
    assert faults(rules(field)) == []


BAD = [
    ({"to": "nmber", "from": "number"}, "fields[0].to", "no field 'nmber'; did you mean number"),
    ({"to": "number", "from": "nmber"}, "fields[0].from", "no field 'nmber'; did you mean number"),
    ({"to": "num ber", "from": "number"}, "fields[0].to", "character 4"),
    ({"to": "external_id", "from": "number"}, "fields[0].to", "is given by the target itself"),
    ({"to": "lines[].item", "from": "number"}, "fields[0].to", "by the rules in its 'each'"),
    ({"to": "number"}, "fields[0]", "this one none"),
    ({"to": "number", "from": "number", "constant": "x"}, "fields[0]", "this one from and constant"),
    ({"to": "number", "from": "customer"}, "fields[0].from", "take its name: customer.name"),
    ({"to": "number", "from": "lines[].description"}, "fields[0].from", "choose one with a transform: first, join"),
    ({"to": "number", "from": "customer", "transforms": [{"do": "upper"}]}, "fields[0].transforms", "customer.name"),
    ({"to": "number", "from": "lines", "transforms": [{"do": "upper"}]}, "fields[0].transforms[0]", "upper takes text"),
    ({"to": "number", "from": "number", "transforms": [{"do": "uper"}]}, "fields[0].transforms[0]", "did you mean upper"),
    ({"to": "number", "from": "number", "transforms": [{"do": "truncate"}]}, "fields[0].transforms[0]", "'length'"),
    ({"to": "due_on", "from": "total"}, "fields[0].from", "total is a number, and this field is a date"),
    ({"to": "due_on", "constant": "31/01/2026"}, "fields[0].constant", "YYYY-MM-DD"),
    ({"to": "due_on", "from": "due_on", "default": "soon"}, "fields[0].default", "'soon' is not a date"),
    ({"to": "total", "constant": "much"}, "fields[0].constant", "'much' is not a number"),
    ({"to": "line_amounts", "constant": "net"}, "fields[0].constant", "'net' is not one of exclusive, inclusive, no_tax"),
    ({"to": "customer", "constant": {"name": "x"}}, "fields[0].constant", "no external id of the target"),
    ({"to": "customer", "from": "sales_rep"}, "fields[0].from", "a reference to a sales rep, and this field is a reference to a customer"),
    ({"to": "customer", "from": "total"}, "fields[0].from", "this field is a reference to a customer"),
    ({"to": "lines", "from": "lines"}, "fields[0].from", "holds references"),
    ({"to": "billing_address", "from": "payment_term"}, "fields[0].from", "a reference to a payment term"),
    ({"to": "dimensions", "from": "dimensions"}, "fields[0].from", "with 'each'"),
    ({"to": "number", "from": "lines", "each": [{"to": "x", "from": "y"}]}, "fields[0].each", "no list of groups"),
    ({"to": "lines", "from": "number", "each": []}, "fields[0].from", "this field is a list"),
    ({"to": "lines", "from": "total", "each": [{"to": "item", "constant": "1"}]}, "fields[0].from", "total is a number, no list"),
    ({"to": "lines", "constant": "1", "each": [{"to": "item", "constant": "1"}]}, "fields[0].each", "only a list named by 'from'"),
    (lines({"to": "itm", "from": "item"}), "fields[0].each[0].to", "no field 'itm'"),
    (lines({"to": "item", "from": "itm"}), "fields[0].each[0].from", "no field 'itm'"),
    (lines({"to": "key", "from": "key"}), "fields[0].each[0].to", "carried over"),
    (lines({"to": "item", "from": "record.itm"}), "fields[0].each[0].from", "no field 'itm'"),
    (lines({"to": "description", "expression": "line.itm"}), "fields[0].each[0].expression", "no field 'itm'"),
    (lines({"to": "item", "from": "item"}, default="x"), "fields[0].each", "belong to the rules for the members"),
    ({"to": "number", "expression": "record.nmber"}, "fields[0].expression", "did you mean number"),
    ({"to": "number", "expression": "record.number.upper()"}, "fields[0].expression", "only functions are called"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "where", "says"), BAD, ids=lambda part: str(part)[:60])
def test_a_rule_that_cannot_work_is_refused_at_its_place(field, where, says):
    found = faults(rules(field))
    assert where in [fault.where for fault in found]
    assert any(says in fault.message for fault in found), found


def test_all_faults_are_named_at_once():
    with pytest.raises(BadRules) as refused:
        check(
            rules(
                {"to": "nmber", "from": "number"}, {"to": "memo", "from": "mmo"}, lines({"to": "itm", "from": "item"})
            )
        )
    assert [fault.field for fault in refused.value.faults] == ["nmber", "memo", "lines[].itm"]


def test_two_rules_for_one_field_are_refused():
    found = faults(rules({"to": "memo", "from": "memo"}, {"to": "memo", "constant": "x"}))
    assert [(fault.where, fault.message) for fault in found] == [
        ("fields[1].to", "there is a rule for this field already")
    ]


def test_a_rule_for_a_part_and_one_for_the_whole_are_refused():
    whole, part = (
        {"to": "billing_address", "from": "billing_address"},
        {"to": "billing_address.city", "constant": "Cork"},
    )
    for pair in ((whole, part), (part, whole)):
        assert "sets a part of the same" in faults(rules(*pair))[0].message


def test_a_list_of_references_to_a_kind_told_beside_it_needs_a_reference():
    field = {"to": "allocations", "from": "allocations", "each": [{"to": "target", "from": "{}"}]}
    for source, is_fine in (("target", True), ("kind", False)):
        field["each"] = [{"to": "target", "from": source}]
        assert (faults(rules(field, kind_from="payment", kind_to="payment")) == []) is is_fine


def test_a_value_table_must_exist_where_the_tables_are_known():
    field = {"to": "customer", "from": "extra.Client", "table": "clients"}
    assert faults(rules(field)) == []
    assert faults(rules(field), tables={"clients"}) == []
    assert [fault.message for fault in faults(rules(field), tables={"x"})] == ["there is no value table 'clients'"]


def test_an_unknown_kind_is_refused():
    assert [fault.where for fault in faults(rules(kind_from="invoce", kind_to="bil"))] == ["from", "to"]


def test_what_a_new_record_lacks_is_known():
    assert uncovered(rules({"to": "customer", "from": "customer"}, lines({"to": "item", "from": "item"}))) == [
        "issued_on", "currency", "line_amounts",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [{"transforms": [{"do": "first"}]}, {"table": "orders"}, {"default": "12"}, {"from": None, "constant": "12"}],
    ids=str,
)
def test_a_list_of_references_is_taken_as_it_stands(more):
    rule = {"to": "purchase_orders", "from": "purchase_orders", **more}
    plain = {name: value for name, value in rule.items() if value is not None}
    (fault,) = faults(from_plain({"from": "bill", "to": "bill", "fields": [plain]}, Rules))
    assert "is taken from such a list as it stands" in fault.message
