"""The stage: two companies with their people, and the first one's connections and flows. What stands already is left as it is."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connections.site import SIMULATOR
from integrations.connectors.registry import connector, connectors
from integrations.doors.demo.books import Books
from integrations.doors.demo.companies import Company
from integrations.mapping.models import Template
from integrations.simulation.sandbox import simulators
from integrations.sync.models import Flow
from integrations.sync.setup import set_up
from integrations.wire.auth import OAuth2Code
from plumbing.roles import dispatch
from tenants.access.models import Membership, SupportAccess, User
from tenants.access.permissions import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope

FILES, FOLDER = "files", "sales"
PASSWORD = "tie-everything-out"  # noqa: S105  # opens a demo on this machine, and is printed
OPERATOR, SUPPORT = "operator@tieout.example", "support@tieout.example"


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


def flows(company: Company, books: Books, *, enabled: bool) -> list[Flow]:
    """The shipped template, set up between the company's folder of sales and its books; in the order of running."""
    owner = User.objects.get(email=company.address_of(Role.OWNER))
    source, target = _sales(company, owner), books.connect(company, owner)
    with transaction.atomic():
        template = Template.objects.get(slug=books.template)
    answers = books.answers(company, target)
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
    with transaction.atomic():
        standing = Connection.objects.filter(name="Sales files").first()
    if standing is not None:
        return standing
    options = {
        "folder": FOLDER,
        "layout": "online_retail",
        "home_currency": company.currency,
        "default_customer": "Cash sales",
    }
    return save_connection(Connection(name="Sales files", connector=FILES, settings=options), by=owner)
