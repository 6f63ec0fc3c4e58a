"""Rules as data: both ways in JSON, a tenant's changes on a template, answers, and differences that a person can read."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.mapping.rules import (
    BadRules,
    Changes,
    Rule,
    Rules,
    Step,
    answered,
    changes_between,
    difference,
    from_json,
    from_plain,
    literal,
    merge,
    owners_of,
    questions_of,
    tables_of,
    to_plain,
)

TEMPLATE = from_plain(
    {
        "from": "invoice",
        "to": "invoice",
        "fields": [
            {"to": "number", "from": "number", "required": True},
            {"to": "customer", "from": "customer", "default": "@walk_in?"},
            {"to": "memo", "from": "memo", "transforms": [{"do": "truncate", "with": {"length": 100}}]},
            {
                "to": "lines",
                "from": "lines",
                "each": [
                    {"to": "item", "from": "item"},
                    {"to": "tax_rate", "from": "extra.Tax", "table": "tax_codes"},
                    {"to": "account", "constant": "@income"},
                ],
            },
        ],
    },
    Rules,
)


def changes(**plain):
    return from_plain(plain, Changes)


def targets(rules):
    return [(rule.to, [member.to for member in rule.each]) if rule.each else rule.to for rule in rules.fields]


def test_rules_survive_json():
    assert from_json(msgspec.json.encode(to_plain(TEMPLATE)), Rules) == TEMPLATE
    assert from_plain(to_plain(TEMPLATE), Rules) == TEMPLATE
    assert to_plain(TEMPLATE) == json.loads(json.dumps(to_plain(TEMPLATE)))


def test_numbers_in_json_stay_exact_and_are_kept_as_text():
    rules = from_json('{"from": "item", "to": "item", "fields": [{"to": "sale.price", "constant": 0.10}]}', Rules)
    assert rules.fields[0].constant == Decimal("0.10")
    assert to_plain(rules)["fields"][0]["constant"] == "0.10"


def test_a_float_is_refused_with_its_place():
    with pytest.raises(BadRules) as refused:
        from_plain({"from": "item", "to": "item", "fields": [{"to": "sale.price", "constant": 0.1}]}, Rules)
    assert [fault.where for fault in refused.value.faults] == ["fields[0].constant"]
    assert "as text" in str(refused.value)


@pytest.mark.parametrize(
    ("plain", "where", "says"),
    [
        ({"from": "item", "to": "item"}, "", "missing required field 'fields'"),
        ({"from": "item", "to": "item", "fields": [{"from": "name"}]}, "fields[0]", "missing required field 'to'"),
        ({"from": "item", "to": "item", "fields": [{"to": "name", "form": "x"}]}, "fields[0]", "unknown field 'form'"),
        ({"from": "item", "to": "item", "fields": [{"to": 3}]}, "fields[0].to", "Expected 'str'"),
        (
            {"from": "item", "to": "item", "fields": [{"to": "x", "each": [{"to": "y", "transforms": ["upper"]}]}]},
            "fields[0].each[0].transforms[0]",
            "Expected 'object'",
        ),
        ([], "", "Expected 'object'"),
    ],
)
def test_a_wrong_form_is_refused_with_its_place(plain, where, says):
    with pytest.raises(BadRules) as refused:
        from_plain(plain, Rules)
    assert refused.value.faults[0].where == where
    assert says in refused.value.faults[0].message


def test_a_changed_rule_takes_the_place_of_the_templates_own():
    merged = merge(TEMPLATE, changes(put=[{"to": "memo", "constant": "from the shop"}]))
    assert targets(merged) == targets(TEMPLATE)
    assert merged.fields[2] == Rule(to="memo", constant="from the shop")


def test_a_new_rule_comes_after_the_others_and_a_dropped_one_goes():
    merged = merge(TEMPLATE, changes(put=[{"to": "reference", "from": "number"}], drop=["memo"]))
    assert targets(merged) == ["number", "customer", ("lines", ["item", "tax_rate", "account"]), "reference"]


def test_rules_for_lines_are_changed_one_by_one():
    merged = merge(
        TEMPLATE,
        changes(
            put=[{"to": "lines[].tax_rate", "constant": "9"}, {"to": "lines[].description", "from": "description"}],
            drop=["lines[].account"],
        ),
    )
    assert targets(merged)[-1] == ("lines", ["item", "tax_rate", "description"])
    assert merged.fields[3].each[1] == Rule(to="tax_rate", constant="9")


def test_dropping_what_a_newer_template_no_longer_has_is_no_fault():
    assert merge(TEMPLATE, changes(drop=["po_number", "lines[].unit", "taxes[].name"])) == TEMPLATE


def test_a_rule_for_the_members_of_an_unmapped_list_is_a_fault():
    with pytest.raises(BadRules, match=r"taxes\[\]\.name: there are no rules for the members of taxes"):
        merge(TEMPLATE, changes(put=[{"to": "taxes[].name", "constant": "VAT"}]))


def test_without_changes_the_template_holds():
    assert merge(TEMPLATE, from_plain({}, Changes)) == TEMPLATE


NAMES = st.sampled_from(["a", "b", "c", "d"])
PLAIN_RULES = st.builds(Rule, to=NAMES, source=st.sampled_from(["x", "y"]), required=st.booleans())


def _level(members):
    lists = st.builds(Rule, to=NAMES, source=st.sampled_from(["x", "y"]), each=members)
    return st.lists(st.one_of(PLAIN_RULES, lists), max_size=4, unique_by=lambda rule: rule.to).map(tuple)


SOME_RULES = st.builds(
    Rules, kind_from=st.just("invoice"), kind_to=st.just("invoice"), fields=_level(_level(_level(st.just(()))))
)


def _sorted(rules):
    each = [msgspec.structs.replace(rule, each=_sorted(rule.each)) for rule in rules]
    return tuple(sorted(each, key=lambda rule: rule.to))


@given(SOME_RULES, SOME_RULES)
def test_the_changes_between_two_versions_make_one_of_the_other(old, new):
    between = from_plain(to_plain(changes_between(old, new)), Changes)
    assert _sorted(merge(old, between).fields) == _sorted(new.fields)


@given(SOME_RULES)
def test_equal_rules_have_no_changes_and_no_differences(rules):
    assert changes_between(rules, rules) == Changes()
    assert difference(rules, rules) == []


@given(SOME_RULES, SOME_RULES)
def test_a_difference_is_told_for_every_change_and_no_other(old, new):
    between = changes_between(old, new)
    assert {told.path for told in difference(old, new)} == {*(rule.to for rule in between.put), *between.drop}


def test_a_tenants_changes_carry_over_to_a_newer_template():
    tenant = changes(put=[{"to": "memo", "constant": "ours"}], drop=["lines[].account"])
    newer = merge(TEMPLATE, changes(put=[{"to": "due_on", "from": "due_on"}, {"to": "lines[].unit", "from": "unit"}]))
    assert targets(merge(newer, tenant)) == [
        "number", "customer", "memo", ("lines", ["item", "tax_rate", "unit"]), "due_on",
    ]  # fmt: skip
    assert merge(newer, tenant).fields[2].constant == "ours"


def test_a_difference_reads_as_sentences():
    newer = merge(
        TEMPLATE,
        changes(
            put=[
                {"to": "memo", "from": "memo", "transforms": [{"do": "truncate", "with": {"length": 400}}]},
                {"to": "lines[].unit", "from": "unit", "default": "each"},
            ],
            drop=["customer"],
        ),
    )
    assert [str(told) for told in difference(TEMPLATE, newer)] == [
        "memo changes from memo, cut to a length (length 100) to memo, cut to a length (length 400)",
        "lines[].unit is added: unit, where empty 'each'",
        "customer is no longer set (it was customer, where empty the answer to 'walk_in')",
    ]


def test_answers_stand_in_for_questions():
    assert questions_of(TEMPLATE) == {"walk_in": False, "income": True}
    filled = answered(TEMPLATE, {"walk_in": "77", "income": "4000"})
    assert filled.fields[1].default == "77"
    assert filled.fields[3].each[2].constant == "4000"
    assert questions_of(filled) == {}


@pytest.mark.parametrize(
    "answers", [{"income": "4000"}, {"income": "4000", "walk_in": ""}, {"income": "4000", "walk_in": None}]
)
def test_what_may_stay_open_falls_away(answers):
    filled = answered(TEMPLATE, answers)
    assert filled.fields[1].default is None
    assert questions_of(filled) == {}


def test_what_needs_an_answer_stays_until_it_has_one():
    assert questions_of(answered(TEMPLATE, {"walk_in": "77"})) == {"income": True}


def test_a_rule_that_is_only_an_open_answer_falls_away():
    rules = Rules(
        kind_from="item", kind_to="item", fields=(Rule(to="unit", constant="@unit?"), Rule(to="name", source="name"))
    )
    assert targets(answered(rules, {})) == ["name"]


def test_an_answer_that_looks_like_a_question_is_none():
    filled = answered(TEMPLATE, {"walk_in": "@home", "income": "4000"})
    assert questions_of(filled) == {}
    assert literal(filled.fields[1].default) == "@home"
    assert answered(filled, {"home": "x"}) == filled


def test_the_tables_that_rules_use_are_known():
    assert tables_of(TEMPLATE) == {"tax_codes"}


def test_a_step_without_arguments_is_short():
    assert to_plain(Step(do="strip")) == {"do": "strip"}


# To whom a field belongs


def test_owners_are_laid_over_the_rules_field_by_field():
    owned = merge(TEMPLATE, changes(owners={"memo": "target", "lines[].item": "source", "gone": "source"}))

    assert owners_of(owned) == {"memo": "target", "lines[].item": "source"}
    assert owners_of(merge(TEMPLATE, changes())) == {}


def test_a_field_is_owned_with_all_its_parts():
    rules = merge(
        TEMPLATE,
        changes(put=[{"to": "billing_address.city", "constant": "Wien"}], owners={"billing_address": "source"}),
    )

    assert owners_of(rules) == {"billing_address.city": "source"}


def test_a_new_owner_or_winner_is_told_as_a_difference_and_can_be_gone_back_to():
    wanted = merge(TEMPLATE, changes(owners={"memo": "target"}, conflicts="newest"))

    told = [str(line) for line in difference(TEMPLATE, wanted)]
    assert "belongs to the target" in told[0]
    assert told[1] == "who wins changes from as the flow says to newest"
    assert merge(TEMPLATE, changes_between(TEMPLATE, wanted)) == wanted
