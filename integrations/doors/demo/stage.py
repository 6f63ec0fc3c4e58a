"""The stage: two companies with their people, connections and flows. What stands already is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from integrations.connections import authorise
from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.connections.site import SIMULATOR
from integrations.connectors.registry import connector, connectors
from integrations.mapping.models import Template
from integrations.simulation.sandbox import CONTROL, simulators
from integrations.sync.models import Flow
from integrations.sync.setup import set_up
from integrations.wire.auth import OAuth2Code
from plumbing.roles import dispatch
from tenants.access.models import Membership, SupportAccess, User
from tenants.access.permissions import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope

BOOKS, FILES, FOLDER = "quickbooks_online", "files", "sales"
TEMPLATE = "online_retail_to_quickbooks_online"
PASSWORD = "tie-everything-out"  # noqa: S105  # opens a demo on this machine, and is printed
OPERATOR, SUPPORT = "operator@tieout.example", "support@tieout.example"


@dataclass(frozen=True, kw_only=True)
class Company:
    """A company of the demo; the simulated vendor keeps books in its name."""

    slug: str
    name: str
    currency: str
    zone: str
    tax_code: str

    def address_of(self, role: str) -> str:
        """The email address of its person in this role."""
        return f"{role}@{self.slug}.example"


# The first has sales to bring; the second is there to see that neither sees the other.
COMPANIES = (
    Company(
        slug="harbour-pine", name="Harbour & Pine Ltd", currency="GBP", zone="Europe/London", tax_code="No VAT"
    ),
    Company(
        slug="larkspur", name="Larkspur Trading Co.", currency="USD", zone="America/Los_Angeles", tax_code="NON"
    ),
)  # fmt: skip


def tell_sandbox(control: str, **arguments: Any) -> Any:
    """Ask the simulated vendor something that no real one answers."""
    address = f"{settings.SANDBOX_URL}/{BOOKS}/{CONTROL}/{control}"
    answer = requests.post(address, json=arguments, timeout=30)
    answer.raise_for_status()
    return answer.json()["result"]


def register_with_vendors() -> None:
    """The operator's registration with each simulated vendor that wants one."""
    for slug in simulators().keys() & connectors().keys():
        if isinstance(connector(slug).auth, OAuth2Code):
            VendorApp.objects.get_or_create(
                connector=slug,
                environment=SIMULATOR,
                defaults={"client_id": "client", "client_secret": "sandbox"},
            )


def operators() -> User:
    """The operator, who is nobody special to a tenant, and the supporter, whom tenants let in."""
    _person(OPERATOR, "Olga Operator", is_superuser=True, is_staff=True)
    return _person(SUPPORT, "Sam Support", is_staff=True)


def people(company: Company, *, support: User) -> Tenant:
    """The company as a tenant of this installation, with a person for each role; its owner has let support in."""
    tenant = _tenant(company)
    members = {role: _person(company.address_of(role), f"{role.label} of {company.name}") for role in Role}
    with tenant_scope(tenant.pk), transaction.atomic():
        for role, person in members.items():
            Membership.objects.get_or_create(user=person, defaults={"role": role})
        if not SupportAccess.objects.filter(user=support, until__gt=timezone.now()).exists():
            until = timezone.now() + timedelta(days=7)
            SupportAccess.objects.create(
                user=support, granted_by=members[Role.OWNER], reason="The demo", until=until
            )  # fmt: skip
    return tenant


def flows(company: Company, *, enabled: bool) -> list[Flow]:
    """The shipped template, set up between the company's folder of sales and its books; in the order of running."""
    owner = User.objects.get(email=company.address_of(Role.OWNER))
    source, target = _sales(company, owner), _books(company, owner)
    with transaction.atomic():
        template = Template.objects.get(slug=TEMPLATE)
    answers = _answers(company, target)
    made = set_up(template, source=source, target=target, answers=answers, by=owner, enabled=enabled)
    with transaction.atomic():
        standing = Flow.objects.select_related("source", "target").filter(pk__in=[flow.pk for flow in made])
        return list(standing.order_by("rank"))


def _tenant(company: Company) -> Tenant:
    with dispatch():
        found = dict(Tenant.objects.values_list("slug", "pk"))
    if company.slug not in found:
        options = {"currency": company.currency, "time_zone": company.zone}
        call_command("add_tenant", company.slug, company.name, stdout=StringIO(), **options)
        return _tenant(company)
    with tenant_scope(found[company.slug]), transaction.atomic():
        return Tenant.objects.get(pk=found[company.slug])


def _person(email: str, name: str, **more: bool) -> User:
    person = User.objects.filter(email=email).first()
    if person is None:
        first, _, last = name.partition(" ")
        person = User.objects.create_user(email, email, PASSWORD, first_name=first, last_name=last[:150], **more)
    return person


def _sales(company: Company, owner: User) -> Connection:
    (settings.FILES / company.slug / FOLDER).mkdir(parents=True, exist_ok=True)
    return _connection(
        "Sales files",
        FILES,
        "production",
        owner,
        {
            "folder": FOLDER,
            "layout": "online_retail",
            "home_currency": company.currency,
            "default_customer": "Cash sales",
        },
    )


def _books(company: Company, owner: User) -> Connection:
    connection = _connection("QuickBooks", BOOKS, SIMULATOR, owner, {})
    if connection.state != Connection.State.CONNECTED:
        realm = next(realm for realm, name in tell_sandbox("companies").items() if name == company.name)
        _consent(connection, realm, owner)
        try_out(connection, by=owner)
    return connection


def _connection(name: str, slug: str, environment: str, owner: User, options: Mapping[str, Any]) -> Connection:
    with transaction.atomic():
        standing = Connection.objects.filter(name=name).first()
    if standing is not None:
        return standing
    made = Connection(name=name, connector=slug, environment=environment, settings=dict(options))
    return save_connection(made, by=owner)


def _consent(connection: Connection, realm: str, owner: User) -> None:
    """What a person's browser does: go to the vendor, choose the company and agree, come back."""
    with transaction.atomic():
        address, kept = authorise.begin(connection, redirect_uri=f"{settings.PUBLIC_URL}/connections/callback")
    tell_sandbox("auto_consent", realm=realm)
    answer = requests.get(address, allow_redirects=False, timeout=30)
    tell_sandbox("auto_consent", realm=None)
    authorise.complete(connection, dict(parse_qsl(urlsplit(answer.headers["Location"]).query)), kept, by=owner)


def _answers(company: Company, books: Connection) -> dict[str, str]:
    """What a person would choose from lists: the account for sales, and the tax code that adds nothing."""
    realm = books.settings["realmId"]
    accounts, codes = (tell_sandbox("documents", kind=kind, realm=realm) for kind in ("Account", "TaxCode"))
    income = next(account["Id"] for account in accounts if account["AccountType"] == "Income")
    untaxed = next(code["Id"] for code in codes if company.tax_code in code["Name"])
    return {"income_account": income, "tax_code": untaxed}
