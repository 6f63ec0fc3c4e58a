"""The trail says what happened, and can forget what is personal."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from plumbing.health import NotReady
from tenants import audit
from tenants.access.models import User
from tenants.audit import Entry, Reference, partitions, proof
from tenants.audit.models import Event, Payload, with_asides
from tenants.scope import NoTenantInScope, tenant_scope


def test_an_event_tells_who_did_what_to_what(tenant, django_user_model):
    ada = User.objects.create_user("ada", "ada@example.test")
    invoice = Reference("invoice", "INV-7", "Invoice INV-7")
    audit.record("record.applied", subject=invoice, actor=ada, data={"amount": Decimal("12.50")}, links=[invoice])
    event = Event.objects.get()
    assert (event.verb, event.actor_kind, event.actor_id, event.actor_name) == (
        "record.applied",
        "access.user",
        str(ada.pk),
        "ada@example.test",
    )
    assert (event.subject_kind, event.subject_id, event.subject_name) == ("invoice", "INV-7", "Invoice INV-7")
    assert event.data == {"amount": "12.50"}
    assert event.links == [{"kind": "invoice", "id": "INV-7", "name": "Invoice INV-7"}]
    assert timezone.now() - event.at < timedelta(minutes=1)


def test_nobody_is_the_system(tenant):
    audit.record("run.started", subject=tenant)
    assert Event.objects.get().actor_name == "Tieout"


def test_events_of_another_tenant_are_not_told(tenant, other_tenant):
    audit.record("run.started", subject=tenant)
    with tenant_scope(other_tenant.pk):
        assert not Event.objects.exists()


@pytest.mark.django_db
def test_nothing_happens_to_no_tenant():
    with pytest.raises(NoTenantInScope):
        audit.record("run.started", subject=Reference("run"))


def test_a_page_of_events_is_one_statement(tenant, django_assert_num_queries):
    entries = [Entry(verb="record.applied", subject=Reference("invoice", str(n))) for n in range(200)]
    with django_assert_num_queries(1):
        ids = audit.record_many(entries)
    assert [event.subject_id for event in Event.objects.filter(pk__in=ids).order_by("pk")] == [
        str(n) for n in range(200)
    ]


def test_a_personal_payload_can_be_proved_and_then_erased(tenant):
    event_id = audit.record("record.read", subject=Reference("customer", "7"), payload={"name": "Ada Lovelace"})
    event, payload = Event.objects.get(pk=event_id), Payload.objects.get(event_id=event_id)
    assert event.payload_hash == proof.commitment(bytes(payload.salt), payload.payload)
    assert "Ada" not in str(event.data)
    payload.delete()
    assert Event.objects.get(pk=event_id).payload_hash == event.payload_hash


def test_the_same_payload_is_never_committed_to_twice_alike(tenant):
    audit.record_many([Entry(verb="record.read", subject=tenant, payload={"name": "Ada"})] * 2)
    assert len(set(Event.objects.values_list("payload_hash", flat=True))) == 2


def test_an_event_goes_into_the_month_it_happened_in(tenant):
    event = Event.objects.create(
        at=timezone.now() + timedelta(days=40), verb="later", actor_kind="system", subject_kind="x"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_event WHERE id = %s", [event.pk])
        assert cursor.fetchone()[0] == f"audit_event_{event.at:%Y_%m}"


def test_an_event_of_a_month_that_was_never_made_is_kept_all_the_same(tenant):
    Event.objects.create(at=datetime(1999, 1, 1, tzinfo=UTC), verb="long ago", actor_kind="system", subject_kind="x")
    assert Event.objects.filter(verb="long ago").exists()


def test_two_years_of_months_stand_ready(db):
    partitions.months_are_ahead()
    assert partitions.make_months() == 0


def test_the_application_makes_months_that_are_missing_and_cannot_enter_them(owner):
    last = owner.execute(
        "SELECT max(relname::text) FROM pg_class WHERE relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$'"
    ).fetchone()[0]
    owner.execute(f"DROP TABLE {last}")
    assert partitions.make_months() == 1
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {last}")


def test_readiness_warns_before_the_months_run_out(owner):
    months = [
        name
        for (name,) in owner.execute(
            "SELECT relname::text FROM pg_class WHERE relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$' ORDER BY 1"
        )
    ]
    for name in months[2:]:
        owner.execute(f"DROP TABLE {name}")
    with pytest.raises(NotReady, match="months only until"):
        partitions.months_are_ahead()
    partitions.make_months()
    partitions.months_are_ahead()


class _Person:
    """A row whose name is a person's."""

    NAMES_PEOPLE = True
    pk = "7"
    _meta = User._meta

    def __str__(self) -> str:
        return "Ada Lovelace"


def test_the_name_of_a_person_and_free_texts_are_kept_aside_and_told_until_they_are_erased(tenant):
    data = {"operation": "create", "words": "Ada is known already", "totals": {"agree": True, "differences": ["Ada"]}}
    event_id = audit.record("record.refused", subject=_Person(), data=data, links=[_Person()])
    event = Event.objects.get(pk=event_id)

    assert "Ada" not in json.dumps([event.subject_name, event.data, event.links])
    assert (event.name, event.facts) == ("Ada Lovelace", data)
    Payload.objects.filter(event_id=event_id).delete()
    [event] = with_asides(Event.objects.filter(pk=event_id))
    assert (event.name, event.facts) == ("", {"operation": "create", "totals": {"agree": True}})
