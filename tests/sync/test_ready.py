"""Before its first run a flow says what is missing: shipped templates between two connections that nobody has used yet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations.canonical import TaxRate, kind_of
from integrations.canonical.codec import encode
from integrations.canonical.record import Record as Canonical
from integrations.connections.models import Connection
from integrations.mapping.models import Template, ValueTable
from integrations.mapping.services import save_mapping
from integrations.mapping.template import shipped_templates
from integrations.records.models import Record
from integrations.records.terms import title
from integrations.sync.models import Flow
from integrations.sync.ready import gaps
from integrations.sync.setup import set_up
from tenants.models import Tenant

pytestmark = pytest.mark.django_db

BETWEEN_LEDGERS = [
    template.slug
    for template in shipped_templates()
    if {template.source, template.target} <= {"quickbooks_online", "odoo"}
]


def ready_made(slug: str, **settings: str) -> dict[str, Flow]:
    """The flows of a shipped template between two connections, every question answered."""
    template = Template.objects.get(slug=slug, version=1)
    ends = [
        Connection.objects.create(
            name=f"{name} ({each})", connector=each, environment="production", settings={"home_currency": home}
        )
        for name, each, home in (
            ("Here", template.source, settings.get("here", "GBP")),
            ("There", template.target, settings.get("there", "GBP")),
        )
    ]
    asked = [each["name"] for each in template.body["questions"] if each["answer"] == "record"]
    made = set_up(template, source=ends[0], target=ends[1], answers=dict.fromkeys(asked, "1"), by=None)
    return {flow.mapping.template_flow: flow for flow in made}


def told(flow: Flow) -> list[str]:
    return [str(gap) for gap in gaps(flow)]


def test_no_template_is_set_up_from_a_connection_into_itself(tenant: Tenant) -> None:
    template = Template.objects.get(slug="quickbooks_online_to_quickbooks_online", version=1)
    only = Connection.objects.create(name="Books", connector="quickbooks_online", environment="production")

    with pytest.raises(ValidationError, match="Choose two connections"):
        set_up(template, source=only, target=only, answers={}, by=None)


@pytest.mark.parametrize("slug", BETWEEN_LEDGERS)
def test_nothing_is_missing_in_what_is_shipped(tenant: Tenant, slug: str) -> None:
    assert {name: told(flow) for name, flow in ready_made(slug).items() if told(flow)} == {}


def test_a_reference_that_no_flow_brings_is_named(tenant: Tenant) -> None:
    flows = ready_made("quickbooks_online_to_quickbooks_online")
    Flow.objects.filter(pk=flows["customers"].pk).update(enabled=False)

    (gap,) = gaps(flows["invoices"])

    assert gap.field == "customer"
    assert "no flow brings any customer from Here" in gap.message
    assert "wait for ever" in gap.message


def test_a_value_table_that_is_gone_is_named(tenant: Tenant) -> None:
    flows = ready_made("quickbooks_online_to_odoo")
    ValueTable.objects.filter(name="sales_taxes_in_odoo").delete()

    assert told(flows["invoices"]) == ["lines[].tax_rate: there is no value table 'sales_taxes_in_odoo'. Add it."]


def kept(end: Connection, record: Canonical) -> None:
    """What a system said, as if it had been read."""
    kind, now = kind_of(record), timezone.now()
    Record.objects.create(
        connection=end, object=kind, kind=kind, external_id=str(record.external_id), title=title(record), raw="{}",
        raw_hash="", canonical=encode(record).decode(), edition=1, feed_no=1, read_at=now,
        first_kept_at=now, kept_at=now,
    )  # fmt: skip


def test_taxes_without_an_entry_are_named_with_those_of_the_same_rate(tenant: Tenant) -> None:
    flows = ready_made("quickbooks_online_to_odoo")
    here, there = flows["invoices"].source, flows["invoices"].target
    for id, name, rate in (("3", "20.0% S", "20"), ("4", "5.0% R", "5"), ("5", "Exempt", "0"), ("6", "Known", "7")):
        kept(here, TaxRate(external_id=id, code=name, name=name, rate_percent=Decimal(rate), applies_to="both"))
    theirs = (("11", "20", "sales"), ("12", "20", "purchases"), ("13", "0", "sales"), ("14", "0", "sales"))
    for id, rate, use in theirs:
        kept(there, TaxRate(external_id=id, code=id, name=id, rate_percent=Decimal(rate), applies_to=use))
    ValueTable.objects.filter(name="sales_taxes_in_odoo").update(entries={"Known": "11", "Gone": "99"})

    gone, nameless = gaps(flows["invoices"])

    assert gone.message == "the value table 'sales_taxes_in_odoo' names what There (odoo) does not have: Gone => 99."
    assert nameless.message == "the value table 'sales_taxes_in_odoo' has no entry for 20.0% S, 5.0% R, Exempt."
    assert nameless.advice.endswith("By their rates these would be: 20.0% S => 11.")
    (bought,) = gaps(flows["bills"])
    assert bought.advice.endswith("20.0% S => 12.")


def test_a_field_for_which_the_target_has_no_place_is_named(tenant: Tenant) -> None:
    flows = ready_made("quickbooks_online_to_odoo")
    mapping = flows["invoices"].mapping
    mapping.changes = {"put": [{"to": "memo", "from": "memo"}, {"to": "lines[].service_on", "from": "service_on"}]}
    save_mapping(mapping, by=None)

    assert {gap.message for gap in gaps(flows["invoices"])} == {
        "There (odoo) has no place for memo in its Invoice.",
        "There (odoo) has no place for lines[].service_on in its Invoice.",
    }


def test_books_in_different_currencies_are_named(tenant: Tenant) -> None:
    flows = ready_made("quickbooks_online_to_quickbooks_online", there="USD")

    (gap,) = gaps(flows["bills"])

    assert gap.message == "Here (quickbooks_online) keeps its books in GBP and There (quickbooks_online) in USD."
    assert gaps(flows["customers"]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target_object": "nonsense"}, "has no nonsense"),
        ({"target_object": "tax_rate"}, "does not let anybody create tax_rate"),
    ],
)
def test_what_the_target_cannot_do_is_named(tenant: Tenant, changes: dict[str, Any], words: str) -> None:
    flow = ready_made("quickbooks_online_to_odoo")["customers"]
    for name, value in changes.items():
        setattr(flow, name, value)

    assert any(words in line for line in told(flow))
