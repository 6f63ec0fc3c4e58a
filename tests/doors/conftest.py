"""People in every role, and a company of their own with a row of everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tenants.access.models import Membership, SupportAccess, User
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import Visitor
from tests.doors.knocking import mugs, vendor
from tests.doors.world import World, world
from tests.journeys.conftest import books, exchange, quickbooks, sales
from tests.polled import connectors, counter_connection, known, runner, their_runner

# The ends of the journeys serve here too, and the toy that polls us.
__all__ = (
    "books",
    "connectors",
    "counter_connection",
    "exchange",
    "known",
    "mugs",
    "quickbooks",
    "runner",
    "sales",
    "their_runner",
    "vendor",
)

ROLES = ("owner", "admin", "operator", "auditor")


def person(name: str, **facts: Any) -> User:
    return User.objects.create(username=name, email=f"{name}@example.com", **facts)


@pytest.fixture
def people(tenant: Tenant) -> dict[str, User]:
    """A person in each role of our tenant, a supporter whom it let in, and the operator of the installation."""
    with transaction.atomic():
        found = {role: person(role) for role in ROLES}
        for role, user in found.items():
            Membership.objects.create(user=user, role=role)
        found["support"] = person("support")
        SupportAccess.objects.create(
            user=found["support"], granted_by=found["owner"], reason="a look", until=timezone.now() + timedelta(hours=1)
        )
    return found | {"superuser": person("superuser", is_superuser=True), "nobody": person("nobody")}


@pytest.fixture
def ours(tenant: Tenant, people: dict[str, User], settings: Any, tmp_path: Any) -> World:
    """What our tenant has; its file of sales included."""
    settings.FILES = tmp_path
    folder = tmp_path / tenant.slug / "sales"
    folder.mkdir(parents=True)
    (folder / "june.csv").write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "INV-1,A1,MUG,2,2025-06-01 09:00:00,5.00,C1,Eire\nINV-1,A2,CUP,1,2025-06-01 09:00:00,2.50,C1,Eire\n"
    )
    return world(tenant, owner=people["owner"])


@pytest.fixture
def theirs(other_tenant: Tenant, tenant: Tenant) -> World:
    """What another tenant has."""
    with tenant_scope(other_tenant.pk):
        return world(other_tenant, owner=person("their-owner"))


@pytest.fixture
def visit(people: dict[str, User]) -> Callable[[str], Client]:
    """A browser in which the person of that role is signed in."""

    def sign_in(role: str) -> Client:
        browser = Visitor()
        browser.force_login(people[role])
        return browser

    return sign_in
