"""The first lock and the second, as code meets them."""

import pytest
from django.db import DataError, connection, transaction

from plumbing.roles import dispatch
from tenants.access.models import Membership, User
from tenants.scope import NoTenantInScope, WrongTenant, current_tenant_id, tenant_scope


@pytest.fixture
def person(db):
    return User.objects.create_user("ada", "ada@example.test", "a long pass phrase")


def test_a_row_belongs_to_the_tenant_in_scope(tenant, person):
    made = Membership.objects.create(user=person, role="owner")
    assert made.tenant_id == tenant.pk
    assert list(Membership.objects.all()) == [made]


def test_another_tenant_does_not_see_it(tenant, other_tenant, person):
    Membership.objects.create(user=person, role="owner")
    with tenant_scope(other_tenant.pk):
        assert not Membership.objects.exists()
    assert Membership.objects.exists()


def test_rows_saved_in_bulk_belong_to_the_tenant_in_scope(tenant, person):
    Membership.objects.bulk_create([Membership(user=person, role="owner")])
    assert Membership.objects.get().tenant_id == tenant.pk


def test_a_row_of_another_tenant_is_not_saved(tenant, other_tenant, person):
    stray = Membership(user=person, role="owner", tenant_id=other_tenant.pk)
    with pytest.raises(WrongTenant):
        stray.save()
    with pytest.raises(WrongTenant):
        Membership.objects.bulk_create([stray])


def test_a_query_built_in_scope_raises_when_it_runs_outside(other_tenant, person):
    with tenant_scope(other_tenant.pk):
        later = Membership.objects.filter(role="owner")
    for use in (
        list,
        lambda q: q.count(),
        lambda q: q.exists(),
        lambda q: q.update(role="admin"),
        lambda q: q.delete(),
    ):
        with pytest.raises(NoTenantInScope):
            use(later.all())
    with pytest.raises(NoTenantInScope):
        Membership(user=person, role="owner").save()
    with pytest.raises(NoTenantInScope):
        current_tenant_id()


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_nothing_is_answered(tenant):
    with pytest.raises(NoTenantInScope, match="transaction"):
        Membership.objects.count()
    with transaction.atomic():
        assert Membership.objects.count() == 0


def announced():
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('tieout.tenant', true), '')")
        return cursor.fetchone()[0]


def test_scopes_nest_and_the_database_hears_of_each(tenant, other_tenant):
    assert announced() == str(tenant.pk)
    with tenant_scope(other_tenant.pk):
        assert announced() == str(other_tenant.pk)
    assert announced() == str(tenant.pk)


def fail_within(other_tenant, statement):
    with transaction.atomic(), tenant_scope(other_tenant.pk), connection.cursor() as cursor:
        cursor.execute(statement)
        raise ZeroDivisionError


@pytest.mark.parametrize(("statement", "error"), [("SELECT 1", ZeroDivisionError), ("SELECT 1 / 0", DataError)])
def test_a_block_that_fails_puts_the_former_scope_back(tenant, other_tenant, statement, error):
    with pytest.raises(error):
        fail_within(other_tenant, statement)
    assert announced() == str(tenant.pk) == str(current_tenant_id())


def test_dispatch_sees_all_tenants_and_gives_the_role_back(tenant, other_tenant, person):
    Membership.objects.create(user=person, role="owner")
    with tenant_scope(other_tenant.pk):
        Membership.objects.create(user=person, role="auditor")
    with dispatch():
        roles = set(Membership.everywhere.values_list("tenant_id", "role"))
    assert roles == {(tenant.pk, "owner"), (other_tenant.pk, "auditor")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == "tieout_app"


def test_a_query_across_tenants_is_refused_outside_dispatch(tenant):
    with pytest.raises(NoTenantInScope):
        Membership.everywhere.count()
