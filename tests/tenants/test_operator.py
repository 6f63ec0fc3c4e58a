"""What only the operator does, and what is refused at start."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import isolate_apps

from plumbing.roles import dispatch, is_dispatching
from tenants.access.models import User
from tenants.audit.models import Event
from tenants.checks import tenant_owned_models_are_locked
from tenants.models import Tenant, TenantForeignKey, TenantOwned
from tenants.scope import tenant_scope

with_owner = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@with_owner
def test_the_operator_adds_a_tenant_and_the_trail_begins(capsys):
    call_command("add_tenant", "acme", "Acme Ltd", currency="GBP", time_zone="Europe/London")
    key = capsys.readouterr().out.strip()
    with tenant_scope(key), transaction.atomic():
        acme = Tenant.objects.get()
        assert (acme.slug, acme.name, acme.home_currency, str(acme.zone)) == (
            "acme",
            "Acme Ltd",
            "GBP",
            "Europe/London",
        )
        assert Event.objects.get().verb == "tenant.added"


@with_owner
@pytest.mark.parametrize(
    ("slug", "options", "words"),
    [
        ("ours", {"currency": "EUR"}, "There is a tenant ours already"),
        ("acme", {"currency": "euro"}, "like EUR"),
        ("acme", {"currency": "EUR", "time_zone": "Moon/Base"}, "Moon/Base is not a time zone"),
        ("not a slug", {"currency": "EUR"}, "slug"),
    ],
)
def test_a_tenant_that_cannot_be_is_refused_with_words(slug, options, words):
    with pytest.raises(CommandError, match=words):
        call_command("add_tenant", slug, "Acme Ltd", **options)


def test_the_application_makes_no_tenant(tenant):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Tenant(slug="acme", name="Acme", home_currency="EUR").save(force_insert=True)


def test_a_tenant_changes_its_own_name_and_never_its_slug(tenant):
    tenant.name = "Ours & Sons"
    tenant.save(update_fields=["name"])
    assert Tenant.objects.get().name == "Ours & Sons"
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        tenant.save(update_fields=["slug"])


def test_the_application_sees_no_other_tenant(tenant, other_tenant):
    assert list(Tenant.objects.all()) == [tenant]


def role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        return cursor.fetchone()[0]


def fail_in_dispatch(statement):
    with dispatch(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement", ["SELECT 1 / 0", "SELECT password FROM access_user", "SELECT * FROM access_membership"]
)
def test_a_failure_in_dispatch_gives_the_role_back(tenant, statement):
    with pytest.raises(DatabaseError):
        fail_in_dispatch(statement)
    assert role() == "tieout_app"
    assert not is_dispatching()
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_dispatch_opens_a_transaction_of_its_own():
    assert not connection.in_atomic_block
    with dispatch():
        assert connection.in_atomic_block
        assert role() == "tieout_dispatch"
    assert not connection.in_atomic_block
    assert role() == "tieout_app"


def test_every_model_passes_the_checks():
    assert tenant_owned_models_are_locked(None) == []


@isolate_apps("tenants")
def test_a_model_that_lets_queries_out_is_refused(monkeypatch):
    class Target(TenantOwned):
        class Meta:
            app_label = "tenants"

    class Open(TenantOwned):
        objects = models.Manager()
        target = models.ForeignKey(Target, on_delete=models.CASCADE)
        pairs = models.ManyToManyField(Target, related_name="+")

        class Meta:
            app_label = "tenants"

    class Fine(TenantOwned):
        target = TenantForeignKey(Target, on_delete=models.CASCADE)

        class Meta:
            app_label = "tenants"

    class Bare(models.Model):
        tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)

        class Meta:
            app_label = "tenants"

    monkeypatch.setattr("tenants.checks.apps.get_models", lambda: [Target, Open, Fine, Bare])
    found = [(error.obj.__name__, error.msg.split()[-1]) for error in tenant_owned_models_are_locked(None)]
    assert found == [("Open", "tenant."), ("Open", "row."), ("Open", "tenant."), ("Bare", "TenantOwned.")]
