"""The templates that come with the product are sound, and do what their descriptions say."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from integrations.canonical import Address, CreditNote, Customer, Invoice, Item, Line, Ref, from_plain, rank, to_plain
from integrations.canonical.laws import broken_laws
from integrations.connectors.registry import connector
from integrations.mapping.expression import compile_expression
from integrations.mapping.rules import BadRules, answered, from_json
from integrations.mapping.rules import to_plain as as_json
from integrations.mapping.template import Policy as TemplatePolicy
from integrations.mapping.template import Template, shipped_templates, template_difference, template_faults, unanswered
from integrations.mapping.translate import translate
from integrations.sync.policy import policy_of

D = Decimal
TEMPLATES = shipped_templates()
ANSWERS = {"income_account": "79", "tax_code": "5"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_a_shipped_template_can_be_used(template):
    assert template_faults(template) == []
    assert from_json(msgspec.json.encode(as_json(template)), Template) == template


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)
def test_flows_stand_in_the_order_in_which_records_depend_on_each_other(template):
    ranks = [rank(flow.rules.kind_to) for flow in template.flows]
    assert ranks == sorted(ranks)


LEDGERS = ("quickbooks_online", "odoo")
CALLED = {"tax_rate": "tax", "dimension": "analytic accounts"}  # where the description has another word than the kind's


@pytest.mark.parametrize(
    "template",
    [each for each in TEMPLATES if each.source in LEDGERS and each.target in LEDGERS],
    ids=lambda each: each.slug,
)
def test_what_is_left_out_between_two_ledgers_is_said_in_words(template):
    """Every kind that the source tells has a flow, or the description speaks of it."""
    kinds = {stream.kind for stream in connector(template.source).streams}
    left_out = kinds - {flow.rules.kind_from for flow in template.flows}
    assert [kind for kind in left_out if CALLED.get(kind, kind.replace("_", " ")) not in template.description] == []


@pytest.fixture
def retail():
    return next(template for template in TEMPLATES if template.slug == "online_retail_to_quickbooks_online")


@pytest.fixture
def carry(retail):
    """Carries a record over, by the flow of its name, into a record of the target."""

    def carried(flow, record, kind):
        chosen = answered(retail.flow(flow).rules, ANSWERS)
        done = translate(
            chosen, to_plain(record), tables={}, refer=lambda kind, ref: f"{kind}:{ref['external_id']}", context={}
        )
        assert done.is_complete, done.problems
        return from_plain(kind, done.values)

    return carried


def test_what_a_tenant_has_to_answer_is_known(retail):
    assert [question.name for question in unanswered(retail, {})] == ["income_account", "tax_code"]
    assert unanswered(retail, ANSWERS) == []


def test_a_customer_keeps_name_number_and_address(carry):
    made = carry(
        "customers",
        Customer(external_id="17850", name="Customer 17850", billing_address=Address(country="GB")),
        "customer",
    )
    assert made == Customer(name="Customer 17850", number="17850", billing_address=Address(country="GB"))


def test_a_customer_without_a_name_is_named_by_its_number(carry):
    assert carry("customers", Customer(external_id="12346", name=""), "customer").name == "Customer 12346"


def test_a_name_that_quickbooks_refuses_is_made_one_it_takes(carry):
    assert carry("customers", Customer(external_id="1", name="Ada:\tLovelace "), "customer").name == "Ada Lovelace"


@pytest.mark.parametrize(
    ("item_type", "becomes"), [("charge", "service"), ("service", "service"), ("non_inventory", "non_inventory")]
)
def test_an_item_is_named_by_its_stock_code_and_booked_to_the_chosen_account(carry, item_type, becomes):
    item = Item(external_id="POST", sku="POST", name="Postage", item_type=item_type, description="POSTAGE  SENT")
    made = carry("items", item, "item")
    assert (made.name, made.sku, made.item_type, made.description) == ("POST", "POST", becomes, "POSTAGE SENT")
    assert made.sale.account == Ref(external_id="79")


def test_an_item_without_description_is_described_by_its_name(carry):
    item = Item(external_id="22423", sku="22423", name="REGENCY CAKESTAND", item_type="non_inventory")
    assert carry("items", item, "item").description == "REGENCY CAKESTAND"


LINES = [
    Line(key="85123A/1", item=Ref(external_id="85123A"), description="HEART", quantity=D(6), unit_price=D("2.55"), net_amount=D("15.30")),
    Line(key="85123A/2", item=Ref(external_id="85123A"), quantity=D(1), unit_price=D("2.55"), net_amount=D("2.55")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flow", "kind", "record_type", "number"),
    [("invoices", "invoice", Invoice, "536365"), ("credit_notes", "credit_note", CreditNote, "C536379")],
)
def test_a_document_keeps_its_number_lines_and_amounts(carry, flow, kind, record_type, number):
    document = record_type(
        external_id=number, number=number, customer=Ref(external_id="17850"), issued_on=date(2010, 12, 1),
        currency="GBP", line_amounts="no_tax", lines=LINES, subtotal=D("17.85"), total=D("17.85"),
    )  # fmt: skip
    made = carry(flow, document, kind)
    assert isinstance(made, record_type)
    assert (made.number, made.issued_on, made.currency, made.line_amounts) == (
        number,
        date(2010, 12, 1),
        "GBP",
        "no_tax",
    )
    assert made.customer == Ref(external_id="customer:17850")
    assert [line.key for line in made.lines] == ["85123A/1", "85123A/2"]
    assert sum(line.net_amount for line in made.lines) == document.total
    assert all(line.item == Ref(external_id="item:85123A") for line in made.lines)
    assert all(line.tax_rate == Ref(external_id="5") for line in made.lines)
    assert broken_laws(made) == []


def test_drafts_and_voided_documents_stay_where_they_are(retail):
    for name in ("invoices", "credit_notes"):
        flow = retail.flow(name)
        condition = compile_expression(flow.condition, kind=flow.rules.kind_from)
        told = {
            status: condition.holds({"status": status}, context={}) for status in ("open", "unknown", "draft", "void")
        }
        assert told == {"open": True, "unknown": True, "draft": False, "void": False}


def test_a_template_that_asks_for_nothing_it_uses_or_uses_what_it_does_not_ask_is_refused(retail):
    plain = as_json(retail)
    plain["questions"][0]["name"] = "other"
    found = [str(fault) for fault in template_faults(from_json(msgspec.json.encode(plain), Template))]
    assert any("'@income_account' is no question" in fault for fault in found)
    assert any("the answer to 'other' is not used" in fault for fault in found)


def test_rules_must_cope_with_a_question_that_may_stay_open(retail):
    plain = as_json(retail)
    plain["questions"][1]["required"] = False
    found = template_faults(from_json(msgspec.json.encode(plain), Template))
    assert [fault.message for fault in found] == ["'tax_code' may stay open, so the rules must say '@tax_code?'"]


def test_a_flow_that_may_create_must_fill_what_a_record_needs(retail):
    plain = as_json(retail)
    plain["flows"][2]["rules"]["fields"] = [
        field for field in plain["flows"][2]["rules"]["fields"] if field["to"] != "currency"
    ]
    found = template_faults(from_json(msgspec.json.encode(plain), Template))
    assert [(fault.where, fault.field) for fault in found] == [("flows[2].rules", "currency")]


def test_a_wrong_condition_or_match_field_is_named(retail):
    plain = as_json(retail)
    plain["flows"][0] |= {"condition": "record.nme", "match": [["nme"]]}
    found = template_faults(from_json(msgspec.json.encode(plain), Template))
    assert [fault.where for fault in found] == ["flows[0].condition", "flows[0].match"]


def test_a_template_of_a_wrong_form_is_refused():
    with pytest.raises(BadRules, match="missing required field"):
        from_json("{}", Template)


def test_a_newer_version_is_offered_as_sentences(retail):
    plain = as_json(retail)
    plain["flows"][0]["rules"]["fields"][3] = {"to": "phone", "from": "phone", "transforms": [{"do": "digits"}]}
    plain["flows"][2] |= {"condition": "record.status == 'open'", "match": [["number", "customer"]]}
    plain["flows"][3]["schedule"] = {"cron": "0 6 * * *"}
    plain["questions"][0]["label"] = "Sales account"
    plain["questions"].append({"name": "terms", "label": "Usual terms", "answer": "record", "kind": "payment_term"})
    newer = from_json(msgspec.json.encode(plain), Template)
    assert template_difference(retail, retail) == []
    assert template_difference(retail, newer) == [
        "Customers: phone changes from phone, single blanks to phone, digits only.",
        "Invoices: the condition changes from record.status not in ['draft', 'void'] to record.status == 'open'.",
        "Invoices: records are recognised by number and customer instead of number.",
        "Credit notes: its schedule changes from every minutes 15 to cron 0 6 * * *.",
        "The question Sales account is put differently.",
        "A new question: Usual terms.",
    ]


def test_flows_that_come_and_go_are_told(retail):
    fewer = msgspec.structs.replace(retail, flows=retail.flows[:3])
    assert template_difference(retail, fewer) == ["The flow Credit notes is gone."]
    assert template_difference(fewer, retail) == ["The flow Credit notes is new."]


def test_a_templates_policy_and_a_flows_policy_have_the_same_defaults(retail):
    ours, theirs = msgspec.structs.asdict(TemplatePolicy()), policy_of({})
    assert ours == {name: getattr(theirs, name) for name in ours}
    assert all(policy_of(as_json(flow.policy)).may == ("create", "update") for flow in retail.flows)
