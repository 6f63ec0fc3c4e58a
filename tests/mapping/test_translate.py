"""Records are translated as the rules say; what is missing is named, never guessed; what has no rule is left alone."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given

from integrations.canonical import Bill, CreditNote, Invoice, Line, Payment, Ref, Tag, from_plain, to_plain
from integrations.canonical.payments import Allocation
from integrations.mapping import rules as rules_
from integrations.mapping.check import THEIRS
from integrations.mapping.paths import places
from integrations.mapping.rules import BadRules, Rule, Rules
from integrations.mapping.translate import Missing, mapped_fields, needed_refs, translate
from integrations.mapping.values import is_empty
from tests.canonical.strategies import records

D = Decimal

INVOICE = to_plain(
    Invoice(
        external_id="536365",
        number="536365",
        customer=Ref(external_id="17850", name="Ada"),
        issued_on=date(2010, 12, 1),
        currency="GBP",
        line_amounts="no_tax",
        total=D("25.50"),
        extra={"Country": "EIRE", "Rep": "Bob", "paid": "yes", "n": D("1.50")},
        lines=[
            Line(key="85123A/1", item=Ref(external_id="85123A"), quantity=D(6), unit_price=D("2.55"), net_amount=D("15.30"), extra={"tax": "S"}),
            Line(external_id="77", item=Ref(number="71053"), quantity=D(3), net_amount=D("10.20"), extra={"tax": "Z"}),
            Line(line_type="text", description="Thank you"),
        ],
    )
)  # fmt: skip
LAST_THREE = {"do": "keep_end", "with": {"length": 3}}
TARGET_IDS = {("customer", "17850"): "58", ("item", "85123A"): "7"}


def refer(kind, ref):
    return TARGET_IDS.get((kind, ref.get("external_id")))


def rules(*fields, kind_from="invoice", kind_to="invoice"):
    return rules_.from_plain({"from": kind_from, "to": kind_to, "fields": list(fields)}, Rules)


def translated(*fields, record=INVOICE, tables=None, **kinds):
    return translate(rules(*fields, **kinds), record, tables=tables or {}, refer=refer, context={"tenant": "Acme"})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ({"to": "number", "from": "number"}, {"number": "536365"}),
        ({"to": "number", "from": "number", "transforms": [LAST_THREE, {"do": "prefix", "with": {"text_before": "R-"}}]}, {"number": "R-365"}),
        ({"to": "memo", "from": "customer.name"}, {"memo": "Ada"}),
        ({"to": "memo", "from": "total"}, {"memo": "25.50"}),
        ({"to": "memo", "from": "memo"}, {}),
        ({"to": "memo", "from": "memo", "default": "none given"}, {"memo": "none given"}),
        ({"to": "memo", "expression": "context.tenant ~ ' ' ~ record.number"}, {"memo": "Acme 536365"}),
        ({"to": "exchange_rate", "constant": "1.25"}, {"exchange_rate": D("1.25")}),
        ({"to": "exchange_rate", "from": "extra.n"}, {"exchange_rate": D("1.50")}),
        ({"to": "due_on", "from": "issued_on", "transforms": [{"do": "shift_days", "with": {"days": 30}}]}, {"due_on": date(2010, 12, 31)}),
        ({"to": "due_on", "constant": "2011-01-31"}, {"due_on": date(2011, 1, 31)}),
        ({"to": "billing_address.country", "from": "extra.Country", "transforms": [{"do": "country_code"}]}, {"billing_address": {"country": "IE"}}),
        ({"to": "total", "from": "lines[].net_amount", "transforms": [{"do": "sum_of"}]}, {"total": D("25.50")}),
        ({"to": "customer", "from": "customer"}, {"customer": {"external_id": "58"}}),
        ({"to": "customer", "constant": "1"}, {"customer": {"external_id": "1"}}),
        ({"to": "sales_rep", "from": "sales_rep", "default": "3"}, {"sales_rep": {"external_id": "3"}}),
        ({"to": "customer", "expression": "record.customer if record.total > 1"}, {"customer": {"external_id": "58"}}),
        ({"to": "dimensions[0].value", "constant": "4"}, {"dimensions": [{"value": {"external_id": "4"}}]}),
        ({"to": "dimensions[1].type", "constant": "class"}, {"dimensions": [{}, {"type": "class"}]}),
        ({"to": "extra.Custom.Rep", "from": "extra.Rep"}, {"extra": {"Custom": {"Rep": "Bob"}}}),
    ],
    ids=lambda part: str(part)[:70],
)  # fmt: skip
def test_a_rule_gives_a_value(field, values):
    done = translated(field)
    assert done.is_complete
    assert done.values == values


def test_parts_of_a_group_and_members_of_a_list_come_together():
    done = translated(
        {"to": "billing_address.city", "constant": "Cork"},
        {"to": "billing_address.country", "constant": "IE"},
        {"to": "dimensions[0].type", "constant": "class"},
        {"to": "dimensions[0].value", "constant": "4"},
    )
    assert done.values == {
        "billing_address": {"city": "Cork", "country": "IE"},
        "dimensions": [{"type": "class", "value": {"external_id": "4"}}],
    }


def test_only_what_has_a_rule_appears_and_what_is_emptied_is_known():
    done = translated({"to": "number", "from": "number"}, {"to": "memo", "from": "memo"})
    assert done.values == {"number": "536365"}
    assert done.fields == mapped_fields(rules({"to": "number", "from": "number"}, {"to": "memo.x", "from": "memo"}))
    assert done.fields == {"number", "memo"}


LINES = {
    "to": "lines",
    "from": "lines",
    "each": [
        {"to": "line_type", "from": "line_type"},
        {"to": "item", "from": "item"},
        {"to": "quantity", "from": "quantity"},
        {"to": "service_on", "from": "record.issued_on"},
        {"to": "description", "expression": "line.description | default('to ' ~ record.customer.name)"},
    ],
}


def test_lines_are_translated_with_a_key_that_stays():
    done = translated(LINES)
    assert [line["key"] for line in done.values["lines"]] == ["85123A/1", "77", "#3"]
    assert done.values["lines"][0] == {
        "key": "85123A/1",
        "line_type": "item",
        "item": {"external_id": "7"},
        "quantity": D(6),
        "service_on": date(2010, 12, 1),
        "description": "to Ada",
    }
    assert done.values["lines"][2]["line_type"] == "text"


def test_a_reference_without_counterpart_is_named_with_its_line():
    done = translated(LINES, {"to": "customer", "from": "customer"})
    assert done.missing == [Missing("item", {"number": "71053"}, "lines[1].item")]
    assert not done.is_complete
    assert done.problems == []


def test_a_missing_required_reference_is_named_once():
    done = translated(
        {"to": "customer", "from": "customer", "required": True}, record={**INVOICE, "customer": {"external_id": "1"}}
    )
    assert [missing.path for missing in done.missing] == ["customer"]
    assert done.problems == []


def test_text_that_reaches_a_reference_is_an_id_in_the_source():
    done = translated({"to": "customer", "from": "extra.Client"}, record={"extra": {"Client": "17850"}})
    assert done.values == {"customer": {"external_id": "58"}}


def test_the_references_needed_are_known_before():
    wanted = rules(LINES, {"to": "customer", "from": "customer"}, {"to": "sales_rep", "from": "sales_rep"})
    assert needed_refs(wanted, INVOICE) == {("customer", "17850"), ("item", "85123A")}


def test_what_comes_by_constant_needs_no_reference_and_what_a_table_may_not_know_does():
    wanted = rules({"to": "customer", "from": "customer", "table": "clients"}, {"to": "sales_rep", "constant": "3"})
    assert needed_refs(wanted, INVOICE) == {("customer", "17850")}


def test_a_reference_that_the_table_does_not_know_is_to_whom_its_record_is_linked():
    wanted = {"to": "customer", "from": "customer", "table": "clients"}
    for entries, expected in (({}, "58"), ({"17850": "5"}, "5"), ({"*": "7"}, "7")):
        assert translated(wanted, tables={"clients": entries}).values == {"customer": {"external_id": expected}}


def test_a_reference_that_neither_table_nor_link_knows_is_a_problem_that_a_person_can_solve():
    done = translate(
        rules({"to": "customer", "from": "customer", "table": "clients"}),
        INVOICE, tables={"clients": {}}, refer=lambda kind, ref: None, context={},
    )  # fmt: skip
    assert [str(problem) for problem in done.problems] == [
        "customer: the value table 'clients' has no entry for 'Ada', whose id is '17850' (from customer); add it there"
    ]


ORDERED = to_plain(
    Bill(
        vendor=Ref(external_id="1"), issued_on=date(2026, 1, 1), currency="GBP", line_amounts="exclusive",
        purchase_orders=[Ref(external_id="12"), Ref(external_id="13")],
        lines=[Line(external_id="1", net_amount=D(3), purchase_order_line=Ref(external_id="12/4"))],
    )
)  # fmt: skip
FROM_ORDERS = rules(
    {"to": "purchase_orders", "from": "purchase_orders"},
    {"to": "lines", "from": "lines", "each": [{"to": "purchase_order_line", "from": "purchase_order_line"}]},
    kind_from="bill",
    kind_to="bill",
)


def test_a_list_of_references_is_taken_member_by_member_and_what_is_missing_is_named():
    known = {"12": "P1"}
    done = translate(FROM_ORDERS, ORDERED, tables={}, refer=lambda kind, ref: known.get(ref["external_id"]), context={})
    assert done.values["purchase_orders"] == [{"external_id": "P1"}]
    assert [(each.kind, each.ref, each.path) for each in done.missing] == [
        ("purchase_order", {"external_id": "13"}, "purchase_orders[1]")
    ]


def test_a_line_of_another_document_is_named_where_it_is_known_and_waited_for_by_nobody():
    wanted = {("purchase_order", "12"), ("purchase_order", "13"), ("purchase_order.line", "12/4")}
    assert needed_refs(FROM_ORDERS, ORDERED) == wanted
    for known, line in (({"12/4": "P1/9"}, {"external_id": "P1/9"}), ({}, None)):
        done = translate(
            FROM_ORDERS,
            ORDERED,
            tables={},
            refer=lambda kind, ref, known=known: known.get(ref["external_id"]),
            context={},
        )
        assert done.values["lines"][0].get("purchase_order_line") == line
        assert {each.kind for each in done.missing} == {"purchase_order"}


def test_a_reference_whose_kind_stands_beside_it_is_asked_for_by_that_kind():
    payment = to_plain(
        Payment(
            customer=Ref(external_id="1"), paid_on=date(2026, 1, 1), amount=D(5), currency="GBP",
            allocations=[
                Allocation(kind="invoice", target=Ref(external_id="9"), amount=D(3)),
                Allocation(kind="credit_note", target=Ref(external_id="9"), amount=D(2)),
                Allocation(kind="other", target=Ref(external_id="9"), amount=D(1)),
            ],
        )
    )  # fmt: skip
    field = {
        "to": "allocations",
        "from": "allocations",
        "each": [
            {"to": "kind", "from": "kind"},
            {"to": "target", "from": "target"},
            {"to": "amount", "from": "amount"},
        ],
    }
    wanted = rules(field, kind_from="payment", kind_to="payment")
    assert needed_refs(wanted, payment) == {("invoice", "9"), ("credit_note", "9"), ("other", "9")}
    done = translate(wanted, payment, tables={}, refer=lambda kind, ref: f"{kind}-{ref['external_id']}", context={})
    assert [entry.get("target") for entry in done.values["allocations"]] == [
        {"external_id": "invoice-9"}, {"external_id": "credit_note-9"}, None,
    ]  # fmt: skip
    assert [problem.path for problem in done.problems] == ["allocations[2].target"]


def test_tags_of_lines_are_translated_within_the_lines():
    invoice = to_plain(
        Invoice(
            customer=Ref(external_id="1"), issued_on=date(2026, 1, 1), currency="GBP", line_amounts="no_tax",
            lines=[Line(dimensions=[Tag(type="class", value=Ref(external_id="17850"))])],
        )
    )  # fmt: skip
    tags = {
        "to": "dimensions",
        "from": "dimensions",
        "each": [{"to": "type", "from": "type"}, {"to": "value", "from": "value"}],
    }
    done = translated({"to": "lines", "from": "lines", "each": [tags]}, record=invoice)
    assert done.missing == [Missing("dimension", {"external_id": "17850"}, "lines[0].dimensions[0].value")]
    assert done.values["lines"][0]["dimensions"] == [{"type": "class"}]


TAXES = {"to": "lines", "from": "lines", "each": [{"to": "tax_rate", "from": "extra.tax", "table": "taxes"}]}


def test_a_value_table_gives_the_targets_value():
    done = translated(TAXES, tables={"taxes": {"S": "20", "Z": "5"}})
    assert done.is_complete
    assert [line.get("tax_rate") for line in done.values["lines"]] == [
        {"external_id": "20"},
        {"external_id": "5"},
        None,
    ]


def test_a_value_without_entry_is_a_problem_that_names_table_value_and_field():
    done = translated(TAXES, tables={"taxes": {"S": "20", "z": "5"}})
    assert [str(problem) for problem in done.problems] == [
        "lines[1].tax_rate: the value table 'taxes' has no entry for 'Z' (from extra.tax); add it there"
    ]
    assert "tax_rate" not in done.values["lines"][1]


def test_the_entry_for_all_others_is_taken_only_where_somebody_wrote_it():
    done = translated(TAXES, tables={"taxes": {"S": "20", "*": "5"}})
    assert done.values["lines"][1]["tax_rate"] == {"external_id": "5"}


def test_an_empty_entry_leaves_the_field_empty_or_to_its_default():
    field = {"to": "memo", "from": "extra.Country", "table": "words"}
    assert translated(field, tables={"words": {"EIRE": ""}}).values == {}
    assert translated({**field, "default": "x"}, tables={"words": {"EIRE": ""}}).values == {"memo": "x"}


def test_a_missing_table_is_a_problem_and_so_is_nothing_else():
    done = translated({"to": "memo", "from": "number", "table": "gone", "required": True})
    assert [str(problem) for problem in done.problems] == [
        "memo: there is no value table 'gone'; add it, or change the rule"
    ]


def test_a_table_knows_a_reference_by_id_number_or_name():
    for known in ({"17850": "5"}, {"Ada": "5"}):
        done = translated({"to": "customer", "from": "customer", "table": "clients"}, tables={"clients": known})
        assert done.values == {"customer": {"external_id": "5"}}


def test_a_default_does_not_paper_over_a_value_without_entry():
    done = translated({"to": "memo", "from": "number", "table": "t", "default": "x"}, tables={"t": {}})
    assert done.problems


def test_a_required_field_without_value_says_where_it_should_have_come_from():
    unit = {"to": "unit", "from": "unit", "required": True}
    done = translated(
        {"to": "memo", "from": "memo", "required": True}, {"to": "lines", "from": "lines", "each": [unit]}
    )
    assert str(done.problems[0]).startswith("memo: is required, and memo is empty; fill it in")
    assert [problem.path for problem in done.problems] == ["memo", "lines[0].unit", "lines[1].unit", "lines[2].unit"]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"to": "due_on", "from": "extra.Country"}, "due_on: 'EIRE' is not a date; dates are written YYYY-MM-DD (from extra.Country)"),
        ({"to": "total", "from": "extra.paid"}, "total: 'yes' is not a number (from extra.paid)"),
        ({"to": "line_amounts", "from": "extra.paid"}, "line_amounts: 'yes' is not one of exclusive, inclusive, no_tax (from extra.paid)"),
        ({"to": "memo", "from": "extra.Rep", "transforms": [{"do": "country_code"}]}, "memo: country_code: 'Bob' is no country"),
        ({"to": "memo", "expression": "record.total / 0"}, "memo: record.total / 0: division by zero (from expression record.total / 0)"),
        ({"to": "customer", "from": "extra"}, "customer: Country 'EIRE', Rep 'Bob', paid 'yes' is no reference to a record"),
        ({"to": "lines", "from": "extra.Rep", "each": [{"to": "item", "from": "x"}]}, "lines: 'Bob' is no list of groups of fields"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_a_problem_that_names_field_and_value(field, says):
    done = translated(field)
    assert [str(problem)[: len(says)] for problem in done.problems] == [says]
    assert not done.is_complete


def test_one_bad_field_does_not_hide_another():
    done = translated(
        {"to": "due_on", "from": "number"}, {"to": "memo", "from": "number"}, {"to": "total", "from": "currency"}
    )
    assert done.values == {"memo": "536365"}
    assert [problem.path for problem in done.problems] == ["due_on", "total"]


def test_an_empty_list_is_said_and_not_left_out():
    assert translated({"to": "lines", "from": "lines", "each": [{"to": "unit", "from": "unit"}]}, record={}).values == {
        "lines": []
    }


def test_rules_that_cannot_work_do_not_run():
    with pytest.raises(BadRules, match="nmber"):
        translated({"to": "nmber", "from": "number"})


def test_rules_with_open_questions_do_not_run():
    with pytest.raises(BadRules, match="the questions income have no answer yet"):
        translated({"to": "receivable_account", "constant": "@income"})


def test_a_value_that_begins_with_an_at_sign_is_written_with_two():
    assert translated({"to": "memo", "constant": "@@home"}).values == {"memo": "@home"}


def test_the_source_is_left_as_it_was():
    before = to_plain(from_plain("invoice", INVOICE))
    translated(
        LINES, {"to": "billing_address.city", "constant": "Cork"}, {"to": "dimensions[0].type", "constant": "class"}
    )
    assert before == INVOICE


def test_equal_rules_made_anew_are_compiled_anew_and_other_rules_never_mixed_up():
    for name in ("a", "b") * 300:
        made = Rules(kind_from="invoice", kind_to="invoice", fields=(Rule(to="memo", constant=name),))
        assert translate(made, {}, tables={}, refer=refer, context={}).values == {"memo": name}


def _copied(kind):
    """Rules that copy every field which holds no reference."""
    return Rules(
        kind_from=kind,
        kind_to=kind,
        fields=tuple(
            Rule(to=found.path, source=found.path)
            for found in places(kind)
            if "." not in found.path and found.path not in THEIRS and not found.holds_references
        ),
    )


@given(records("customer"))
def test_what_is_copied_arrives_as_it_was(customer):
    plain = to_plain(customer)
    done = translate(_copied("customer"), plain, tables={}, refer=refer, context={})
    assert done.problems == []
    assert done.values == {name: value for name, value in plain.items() if name in done.fields and not is_empty(value)}


@given(records("invoice"))
def test_any_invoice_becomes_a_credit_note_that_is_one(invoice):
    each = ({"to": name, "from": name} for name in ("line_type", "item", "description", "quantity", "net_amount"))
    wanted = rules(
        *(
            {"to": name, "from": name}
            for name in ("number", "customer", "issued_on", "currency", "line_amounts", "total")
        ),
        {"to": "lines", "from": "lines", "each": list(each)},
        kind_to="credit_note",
    )
    done = translate(wanted, to_plain(invoice), tables={}, refer=lambda kind, ref: "1", context={})
    assert done.problems == []
    if "customer" in done.values and "currency" in done.values:
        made = from_plain("credit_note", done.values)
        assert isinstance(made, CreditNote)
        assert made.total == invoice.total
        assert [line.net_amount for line in made.lines] == [line.net_amount for line in invoice.lines]
