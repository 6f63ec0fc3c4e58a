"""Replay: what a person names is decided once more, safely, with the mapping of today or of then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from integrations.mapping.models import ValueTable
from integrations.records.models import Issue, Record
from integrations.sync.models import Flow, Item, Run
from integrations.sync.replay import replay_flow, replay_issue, replay_record
from integrations.sync.services import AlreadyRunning, start_run
from integrations.sync.stages import Done
from tenants.audit.models import Event, with_asides
from tenants.models import Tenant
from tests.sync.toys import Toy
from tests.sync.words import go_on, items, run_one

pytestmark = pytest.mark.django_db(transaction=True)

Bring = Callable[..., Flow]
WHY = "the books were restored from a copy"


@transaction.atomic
def record_of(flow: Flow, external_id: str) -> Record:
    return Record.objects.get(connection=flow.source, object=flow.source_object, external_id=external_id)


def again(flow: Flow, external_id: str, **wish: Any) -> Run:
    """One record once more, to the run's end."""
    (run,) = replay_record(record_of(flow, external_id), why=WHY, by=None, flow=flow, **wish)
    assert isinstance(go_on(run), Done)
    return run


@transaction.atomic
def open_issues() -> list[Issue]:
    return list(Issue.objects.select_related("record", "flow").filter(state=Issue.State.OPEN).order_by("where"))


@transaction.atomic
def told(verb: str) -> list[Event]:
    return list(with_asides(Event.objects.filter(verb=verb)))


def test_a_record_run_again_says_same_already_and_makes_no_second_document(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    shop.put("customer", "2", name="Bob")
    flow = bring("customer")
    run_one(flow)
    sent = len(books.sent)

    run = again(flow, "1")

    assert run.colour == "green"
    assert run.counts["skipped"] == 1
    assert items(flow)[-1] == ("1", "none", "same_already")
    assert len(books.rows["customer"]) == 2
    assert len(books.sent) == sent


def test_what_was_undone_at_the_target_is_brought_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", email="ann@example.test")
    flow = bring("customer", policy={"conflicts": "source"})
    run_one(flow)
    (id,) = books.rows["customer"]
    books.put("customer", id, email="old@example.test")
    assert run_one(flow).counts.get("update", 0) == 0  # only the target has changed: that is left alone

    assert again(flow, "1").colour == "green"

    assert [row["email"] for row in books.rows["customer"].values()] == ["ann@example.test"]


def test_what_a_person_changed_there_is_not_overwritten_unless_the_policy_says_so(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    shop.put("customer", "1", name="Ann", email="ann@example.test")
    flow = bring("customer")
    run_one(flow)
    (id,) = books.rows["customer"]
    books.put("customer", id, email="new@example.test")

    assert again(flow, "1").colour == "amber"

    assert books.rows["customer"][id]["email"] == "new@example.test"
    assert [issue.code for issue in open_issues()] == ["both_changed"]


def test_it_is_brought_with_the_mapping_of_today_or_of_then(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann", phone="1")
    with transaction.atomic():
        table = ValueTable.objects.create(name="phones", entries={"1": "of then"})
    rules = [{"to": "name", "from": "name"}, {"to": "phone", "from": "phone", "table": "phones"}]
    flow = bring("customer", rules=rules)
    run_one(flow)
    with transaction.atomic():
        table.entries = {"1": "of today"}
        table.save()

    def phone() -> str:
        (row,) = books.rows["customer"].values()
        return str(row["phone"])

    assert phone() == "of then"
    again(flow, "1")
    assert phone() == "of today"
    # What was brought last is the edition of then from now on, so the first one is named by its number.
    again(flow, "1", mapping="1")
    assert phone() == "of then"
    again(flow, "1", mapping="then")
    assert phone() == "of then"
    with transaction.atomic():
        editions = list(Item.objects.filter(flow=flow).order_by("pk").values_list("edition", flat=True))
    assert editions == [1, 2, 1, 1]
    with pytest.raises(ValidationError, match="editions: 1, 2"):
        again(flow, "1", mapping="7")


def test_a_flow_from_a_date_brings_what_changed_since_and_does_not_move_how_far_it_has_come(
    shop: Toy, books: Toy, bring: Bring
) -> None:
    now = timezone.now()
    shop.put("customer", "1", name="Ann", changed=(now - timedelta(days=9)).isoformat())
    shop.put("customer", "2", name="Bob", changed=(now - timedelta(days=2)).isoformat())
    shop.put("customer", "3", name="Cyd")  # its source does not say when: it came today
    flow = bring("customer")
    run_one(flow)
    books.rows["customer"].clear()
    with transaction.atomic():
        flow.refresh_from_db()
    position = flow.position

    run = replay_flow(flow, since=(now - timedelta(days=4)).date(), why=WHY, by=None)
    go_on(run)

    assert sorted(name for name, *_ in items(flow)) == ["2", "3"]
    assert run.counts["skipped"] == 2
    with transaction.atomic():
        flow.refresh_from_db()
    assert flow.position == position


def test_an_issue_run_again_brings_its_record_and_solves_it(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Bad")
    books.refuse["Bad"] = "refused"
    flow = bring("customer")
    run_one(flow)
    (issue,) = open_issues()
    del books.refuse["Bad"]

    (run,) = replay_issue(issue, why=WHY, by=None)
    go_on(run)

    assert run.colour == "green"
    assert open_issues() == []
    assert len(books.rows["customer"]) == 1


def test_an_issue_about_what_could_not_be_read_reads_everything_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    with transaction.atomic():
        issue = Issue.objects.create(
            code="unreadable", about="x", connection=flow.source, object="customer", where="", words="torn",
            seen_at=timezone.now(),
        )  # fmt: skip
    (run,) = replay_issue(issue, why=WHY, by=None)
    assert (run.full, run.replay) == (True, {})
    assert isinstance(go_on(run), Done)


def test_who_and_why_stand_in_the_audit_trail_and_a_reason_is_asked_for(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    with pytest.raises(ValidationError, match="Say why"):
        replay_record(record_of(flow, "1"), why=" ", by=None)
    run = again(flow, "1", mapping="then")
    (event,) = told("record.replayed")
    assert event.facts["words"] == WHY
    assert (event.facts["run"], event.facts["mapping"]) == (str(run.pk), "then")


def test_a_preview_shows_what_a_replay_would_do_and_sends_nothing(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer", policy={"conflicts": "source"})
    run_one(flow)
    (id,) = books.rows["customer"]
    books.put("customer", id, name="Anna")
    sent = len(books.sent)

    run = again(flow, "1", preview=True)

    assert run.state == Run.State.PREVIEWED
    assert items(flow)[-1] == ("1", "update", "previewed")
    assert len(books.sent) == sent


def test_a_flow_that_is_under_way_is_not_run_twice_at_once(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    start_run(flow, by="test")
    with pytest.raises(AlreadyRunning):
        replay_record(record_of(flow, "1"), why=WHY, by=None)
    assert told("record.replayed") == []


def test_a_record_that_no_flow_brings_says_where_to_run_it_again(shop: Toy, books: Toy, bring: Bring) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    with transaction.atomic():
        there = Record.objects.get(connection=flow.target, object="customer")
    with pytest.raises(ValidationError, match="run it again where it comes from"):
        replay_record(there, why=WHY, by=None)


def test_an_operator_replays_by_command(
    tenant: Tenant, shop: Toy, books: Toy, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.put("customer", "1", name="Ann")
    flow = bring("customer")
    run_one(flow)
    whom = ("--tenant", tenant.slug, "--by", "Olga", "--why", WHY)

    call_command("replay", *whom, "--record", str(record_of(flow, "1").pk), "--mapping", "then")

    with transaction.atomic():
        run = Run.objects.filter(flow=flow).latest("created_at")
    assert str(run.pk) in capsys.readouterr().out
    assert isinstance(go_on(run), Done)
    (event,) = told("record.replayed")
    assert event.actor_name == "Olga"

    call_command("replay", *whom, "--flow", "customer", "--since", "2026-01-01", "--preview")
    with transaction.atomic():
        run = Run.objects.filter(flow=flow).latest("created_at")
    assert run.preview
    with pytest.raises(CommandError, match="is running already"):
        call_command("replay", *whom, "--flow", "customer", "--since", "2026-01-01")
    with pytest.raises(CommandError, match="needs --since"):
        call_command("replay", *whom, "--flow", "customer")
    with pytest.raises(CommandError, match="no flow"):
        call_command("replay", *whom, "--flow", "nobody", "--since", "2026-01-01")
