"""A tenant's mapping: a template's version plus its own answers and changes, kept edition by edition."""

from __future__ import annotations

import copy

import pytest
from django.core.exceptions import ValidationError

from integrations.mapping.models import Mapping, MappingEdition, Template, ValueTable
from integrations.mapping.prepared import prepare
from integrations.mapping.services import (
    changes_of,
    check_template,
    effective_rules,
    go_back,
    lay_out_tables,
    offered,
    opened,
    renew,
    save_mapping,
    take_newer,
    whole_difference,
    with_suggestions,
)
from tenants.audit.models import Event
from tenants.models import Tenant

pytestmark = pytest.mark.django_db

ANSWERS = {"income_account": "79", "tax_code": "4"}
MEMO = {"put": [{"to": "memo", "constant": "from the shop"}]}


@pytest.fixture
def template(tenant: Tenant) -> Template:
    return Template.objects.get(slug="online_retail_to_quickbooks_online", version=1)


@pytest.fixture
def invoices(template: Template) -> Mapping:
    mapping = Mapping(name="Invoices", template=template, template_flow="invoices", answers=dict(ANSWERS))
    mapping.kind_from = mapping.kind_to = "invoice"
    return save_mapping(mapping, by=None)


def newer(template: Template) -> Template:
    """The next version, which no longer brings the customer's note."""
    body = copy.deepcopy(template.body) | {"version": 2}
    flow = next(each for each in body["flows"] if each["name"] == "invoices")
    flow["rules"]["fields"] = [rule for rule in flow["rules"]["fields"] if rule["to"] != "customer_note"]
    return Template.objects.create(
        slug=template.slug,
        version=2,
        name=template.name,
        source=template.source,
        target=template.target,
        body=body,
        published_at=template.published_at,
    )


def rule(mapping: Mapping, to: str) -> object:
    return next((each for each in effective_rules(mapping).fields if each.to == to), None)


def test_the_answers_take_the_place_of_the_questions(invoices: Mapping) -> None:
    lines = next(each for each in effective_rules(invoices).fields if each.to == "lines")
    assert next(each.constant for each in lines.each if each.to == "tax_rate") == "4"


def test_a_question_without_an_answer_is_named_and_nothing_is_saved(template: Template) -> None:
    mapping = Mapping(
        name="Invoices", template=template, template_flow="invoices", kind_from="invoice", kind_to="invoice"
    )

    with pytest.raises(ValidationError, match="Tax code for sales lines: this needs an answer"):
        save_mapping(mapping, by=None)

    assert not Mapping.objects.exists()


def test_each_change_of_the_rules_is_an_edition_and_saving_the_same_again_is_none(invoices: Mapping) -> None:
    save_mapping(invoices, by=None)
    assert invoices.edition == 1

    invoices.changes = dict(MEMO)
    save_mapping(invoices, by=None)

    assert invoices.edition == 2
    assert list(MappingEdition.objects.order_by("edition").values_list("edition", flat=True)) == [1, 2]
    event = Event.objects.filter(verb="mapping.saved").order_by("at").last()
    assert event is not None
    assert any("memo" in line for line in event.data["changes"])


def test_a_value_table_that_was_changed_is_a_new_edition_and_the_old_one_keeps_its_entries(tenant: Tenant) -> None:
    table = ValueTable.objects.create(name="countries", entries={"Eire": "IE"})
    ValueTable.objects.create(name="others", entries={"a": "b"})
    name = {"to": "name", "from": "name", "table": "countries"}
    mapping = save_mapping(
        Mapping(name="Customers", kind_from="customer", kind_to="customer", changes={"put": [name]}), by=None
    )
    renew(mapping)
    assert mapping.edition == 1
    before = prepare(mapping, context={})
    table.entries = {"Eire": "EI", "Germany": "DE"}
    table.save()

    renew(mapping)
    renew(mapping)

    assert mapping.edition == 2
    assert before.tables == {"countries": {"Eire": "IE"}}
    assert prepare(mapping, context={}).tables == {"countries": {"Eire": "EI", "Germany": "DE"}}
    first, second = MappingEdition.objects.filter(mapping=mapping).order_by("edition")
    assert changes_of(second, first) == [
        "table countries: Eire is 'EI', was 'IE'",
        "table countries: Germany is 'DE', was nothing",
    ]


def test_what_was_prepared_with_an_edition_stays_as_it_was(invoices: Mapping) -> None:
    before = prepare(invoices, context={})
    invoices.changes = dict(MEMO)
    save_mapping(invoices, by=None)

    after = prepare(invoices, context={})

    assert "constant" not in str(before.translator.rules) or "from the shop" not in str(before.translator.rules)
    assert "from the shop" in str(after.translator.rules)


def test_a_rule_that_cannot_be_used_is_named_and_nothing_is_saved(invoices: Mapping) -> None:
    invoices.changes = {"put": [{"to": "no_such_field", "from": "number"}]}

    with pytest.raises(ValidationError, match="no_such_field"):
        save_mapping(invoices, by=None)

    assert Mapping.objects.get().edition == 1


def test_a_newer_version_is_offered_as_a_difference_and_taken_with_the_tenants_own_changes(
    invoices: Mapping, template: Template
) -> None:
    assert offered(invoices) is None
    invoices.changes = dict(MEMO)
    save_mapping(invoices, by=None)
    second = newer(template)

    found = offered(invoices)

    assert found is not None
    assert found[0] == second
    assert any("customer_note" in line for line in found[1])

    take_newer(invoices, second, by=None)

    assert rule(invoices, "customer_note") is None
    assert "from the shop" in str(rule(invoices, "memo"))
    assert offered(invoices) is None


def test_a_version_that_is_not_published_is_not_offered(invoices: Mapping, template: Template) -> None:
    second = newer(template)
    Template.objects.filter(pk=second.pk).update(published_at=None)

    assert offered(invoices) is None


def test_a_template_with_faults_is_refused_with_each_of_them(template: Template) -> None:
    body = copy.deepcopy(template.body)
    body["flows"][0]["rules"]["fields"].append({"to": "nonsense", "from": "name"})
    body["flows"][1]["match"] = [["nothing_like_it"]]

    with pytest.raises(ValidationError) as refused:
        check_template(Template(slug="broken", name="Broken", source="files", target="quickbooks_online", body=body))

    assert "nonsense" in str(refused.value)
    assert "nothing_like_it" in str(refused.value)


def test_what_a_newer_version_changes_as_a_whole_is_told_flow_by_flow(template: Template) -> None:
    latest = newer(template)
    latest.body["flows"][0]["schedule"] = {"every_minutes": 5}
    told = whole_difference(template, latest)
    assert "Invoices: customer_note is no longer set (it was customer_note)." in told
    assert any(line.startswith("Customers: its schedule changes from every minutes 60") for line in told)


def test_the_rules_of_an_earlier_edition_hold_again_as_a_new_one(invoices: Mapping) -> None:
    first = MappingEdition.objects.get(mapping=invoices, edition=1)
    invoices.changes = {**MEMO, "drop": ["lines[].description"]}
    save_mapping(invoices, by=None)

    go_back(invoices, first, by=None)

    assert invoices.edition == 3
    assert MappingEdition.objects.get(mapping=invoices, edition=3).rules == first.rules
    assert invoices.changes == {}
    go_back(invoices, MappingEdition.objects.get(mapping=invoices, edition=2), by=None)
    assert rule(invoices, "memo").constant == "from the shop"


def test_an_open_question_takes_the_suggestion_and_its_value_table_is_laid_out(tenant: Tenant) -> None:
    body = opened(Template.objects.get(slug="quickbooks_online_to_odoo"))
    answers = with_suggestions(body, {"accounts_in_odoo": "ours", "sales_taxes_in_odoo": ""})
    ValueTable.objects.create(name="ours", entries={"Sales": "7"})

    lay_out_tables(body, answers)

    tables = dict(ValueTable.objects.values_list("name", "entries"))
    assert tables == {"ours": {"Sales": "7"}, "sales_taxes_in_odoo": {}, "purchase_taxes_in_odoo": {}}
