"""/healthz and /readyz tell supervisors and people what is the matter."""

from datetime import timedelta

import pytest
from django.utils import timezone

from plumbing import health
from plumbing.models import Heartbeat


@pytest.fixture(autouse=True)
def own_checks(monkeypatch):
    monkeypatch.setattr(health, "_checks", dict(health._checks))
    monkeypatch.setattr(health, "_migrated", [])


def test_alive_asks_nobody(client):
    assert client.get("/healthz").content == b"alive\n"


@pytest.mark.django_db
def test_ready_names_every_check(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "workers": "ok", "audit months": "ok"}
        | answer.json()["checks"],
    }


@pytest.mark.django_db
def test_a_worker_that_was_not_seen_for_long_is_told_but_pages_are_served(client):
    health.beat("worker")
    Heartbeat.objects.create(name="tick", at=timezone.now() - timedelta(hours=1))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["workers"] == "not seen for 0:05:00: tick; restart them"


@pytest.mark.django_db
def test_a_room_adds_what_it_stands_on(client):
    @health.readiness("the sea")
    def sea():
        raise health.NotReady("the tide is out; wait")

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["the sea"] == "the tide is out; wait"


@pytest.mark.django_db
def test_a_check_that_breaks_tells_no_secret(client):
    @health.readiness("broken")
    def broken():
        raise RuntimeError("password=hush")

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broken"] == "could not be checked (RuntimeError)"


@pytest.mark.django_db
def test_migrations_that_wait_are_told(client, monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: [1, 2])
    assert client.get("/readyz").json()["checks"]["migrations"] == "2 migrations wait; run manage.py migrate"


@pytest.mark.django_db
def test_a_login_that_no_lock_binds_is_not_ready(monkeypatch):
    class Cursor:
        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def execute(self, *args):
            pass

        def fetchone(self):
            return "postgres", True

    monkeypatch.setattr(health.connection, "cursor", Cursor)
    with pytest.raises(health.NotReady, match="DATABASE_URL must name tieout_app"):
        health.database_with_the_right_role()
