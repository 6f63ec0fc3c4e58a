"""What a bookkeeper sees of a run that waits for a person: why, both figures, what the plan comes to, and the buttons."""

from __future__ import annotations

import pytest

from integrations.records.models import Stream
from integrations.sync.models import Flow, Item, Run
from integrations.sync.policy import policy_of
from tests.doors.test_admin_work import Visit, text, url_of, verbs
from tests.doors.world import World

pytestmark = pytest.mark.django_db

VANISHED = {
    "what": "vanished",
    "missing": 43,
    "object": "invoice",
    "reasons": [{"words": "43 of 120 are no longer listed.", "planned": "43 of 120 missing", "passes": "the brakes"}],
}


def test_what_vanished_is_told_in_both_figures_and_a_person_says_whether_it_is_gone(ours: World, visit: Visit) -> None:
    stream = Stream.objects.get()
    Run.objects.update(state="stopped", brake={**VANISHED, "connection": str(stream.connection_id)})

    page = text(visit("operator").get(url_of(ours[Run])))
    for shown in ("Why it stopped", "43 of 120 missing", "They are really gone: go on", "Cancel"):
        assert shown in page
    assert "Approve and go on" not in page

    visit("operator").post(url_of(ours[Run], "gone"))
    run = Run.objects.get()
    assert (run.state, run.approved_at) == ("queued", None), "nothing of a plan was approved: there is none yet"
    assert Stream.objects.get().may_miss == 43
    assert "run.approved" in verbs()


def test_a_preview_shows_what_it_comes_to_and_is_applied_exactly_so(ours: World, visit: Visit) -> None:
    reason = {"words": "One document comes to a lot.", "planned": "90,000.00 EUR", "passes": "20,000.00 EUR"}
    planned = {"counts": {"create": 1}, "sums": {"EUR": "91000"}, "largest": {"EUR": "90000"}}
    Run.objects.update(state="previewed", preview=True, planned=planned, brake={"what": "plan", "reasons": [reason]})
    Item.objects.update(state="previewed", operation="create")

    page = text(visit("operator").get(url_of(ours[Run])))
    for shown in (
        "This plan would stop for a person",
        "90,000.00 EUR",
        "20,000.00 EUR",
        "91,000.00",
        "Apply exactly this",
    ):
        assert shown in page
    assert "Apply exactly this" not in text(visit("auditor").get(url_of(ours[Run])))

    visit("operator").post(url_of(ours[Run], "apply"))
    run = Run.objects.get()
    assert (run.state, run.preview, run.approved_by) == ("queued", False, "operator@example.com")
    assert {item.state for item in Item.objects.all()} == {"planned"}


def test_an_old_preview_says_why_it_cannot_be_applied(ours: World, visit: Visit) -> None:
    Run.objects.update(state="previewed", preview=True)
    Run.objects.create(flow=ours[Flow], state="done", started_by="the schedule")

    answer = visit("operator").post(url_of(ours[Run], "apply"), follow=True)

    assert "out of date" in text(answer)
    assert Run.objects.get(pk=ours[Run].pk).state == "previewed"


def test_the_brakes_and_how_documents_are_taken_back_are_set_with_the_flow(ours: World, visit: Visit) -> None:
    page = text(visit("admin").get(url_of(ours[Flow])))

    for shown in ("How a document is taken back", "A person approves", "times what is usual", "is no longer listed"):
        assert shown in page
    assert policy_of(ours[Flow].policy).brakes.times_usual == 10
