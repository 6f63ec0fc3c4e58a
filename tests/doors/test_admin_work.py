"""What people do on the pages: each role what it may, every change by its service, every refusal on the form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from integrations.connections.models import Connection, VendorApp
from integrations.mapping.models import Mapping, MappingEdition, Template, ValueTable
from integrations.records.models import Issue
from integrations.sync.models import Flow, Item, Run
from plumbing.roles import dispatch
from tenants.access.models import Membership, SupportAccess, User
from tenants.audit.models import Event
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import Visitor
from tests.doors.world import SECRET, World, list_of, url_of

pytestmark = pytest.mark.django_db

Visit = Callable[[str], Client]
FLOW = {
    "name": "Invoices", "enabled": "on", "schedule": "cron", "every_minutes": "", "cron": "30 7 * * *", "condition": "",
    "policy_may": ["create"], "policy_conflicts": "ask", "policy_first_match": "source", "policy_source_gone": "ask",
    "policy_missing": "hold", "policy_match": "number, currency\nname", "brake_void_share": 20, "brake_voids_at_least": 5,
    "brake_update_share": 50, "brake_updates_at_least": 100, "brake_creates_at_most": 7,
}  # fmt: skip


def verbs() -> set[str]:
    return set(Event.objects.values_list("verb", flat=True))


def text(answer: Any) -> str:
    return str(answer.content.decode())


# Flows


def test_a_flow_is_saved_by_its_service_and_stands_in_the_trail_but_in_no_log_of_the_admin(
    ours: World, visit: Visit
) -> None:
    answer = visit("admin").post(url_of(ours[Flow]), FLOW)
    assert answer.status_code == 302
    flow = Flow.objects.get()
    assert (flow.cron, flow.policy["match"]) == ("30 7 * * *", [["number", "currency"], ["name"]])
    assert flow.policy["brakes"]["creates_at_most"] == 7
    assert flow.next_run_at is not None
    assert "flow.saved" in verbs()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("cron", "nonsense", "is no schedule"), ("condition", "record.tutal > 0", "did you mean total")],
)
def test_what_a_service_refuses_stands_beside_its_field(
    field: str, value: str, words: str, ours: World, visit: Visit
) -> None:
    answer = visit("admin").post(url_of(ours[Flow]), FLOW | {field: value})
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors[field])
    assert Flow.objects.get().cron == "0 6 * * *"


def test_an_operator_may_run_a_flow_but_not_change_it(ours: World, visit: Visit) -> None:
    Run.objects.update(state="done")
    browser = visit("operator")
    assert browser.post(url_of(ours[Flow]), FLOW).status_code == 403
    answer = browser.post(url_of(ours[Flow], "preview"))
    run = Run.objects.get(preview=True)
    assert answer.url == url_of(run)
    assert run.started_by == "operator@example.com"


def test_pressing_run_twice_leads_to_the_run_that_is_under_way(ours: World, visit: Visit) -> None:
    Run.objects.update(state="done")
    browser = visit("operator")
    first, second = (browser.post(url_of(ours[Flow], "run")).url for _ in range(2))
    assert first == second
    assert Run.objects.filter(state="queued").count() == 1


def test_a_flow_is_made_by_hand_between_ends_that_can_do_it(ours: World, visit: Visit) -> None:
    add = reverse("admin:integrations_flow_add")
    files, books = Connection.objects.get(name="Sales"), Connection.objects.get(name="Books")
    told = FLOW | {
        "name": "By hand", "source": files.pk, "source_object": "invoice", "target": books.pk, "target_object": "invoice",
        "mapping": ours[Mapping].pk,
    }  # fmt: skip
    backwards = visit("admin").post(add, told | {"source": books.pk, "target": files.pk})
    assert "Sales writes credit_note_list" in str(backwards.context["adminform"].form.errors["target_object"])
    assert visit("admin").post(add, told).status_code == 302
    assert Flow.objects.get(name="By hand").target == books


def test_a_flow_that_only_recognises_may_lead_to_what_nobody_may_write(ours: World, visit: Visit) -> None:
    add = reverse("admin:integrations_flow_add")
    files, books = Connection.objects.get(name="Sales"), Connection.objects.get(name="Books")
    told = FLOW | {
        "name": "Taxes", "source": files.pk, "source_object": "invoice", "target": books.pk, "target_object": "tax_rate",
        "mapping": ours[Mapping].pk,
    }  # fmt: skip
    refused = visit("admin").post(add, told)
    assert "writes account" in str(refused.context["adminform"].form.errors["target_object"])
    assert visit("admin").post(add, told | {"policy_may": []}).status_code == 302
    assert Flow.objects.get(name="Taxes").policy["may"] == []


def test_no_form_takes_an_object_of_another_tenant(ours: World, theirs: World, visit: Visit) -> None:
    told = FLOW | {"name": "Across", "source": theirs[Connection].pk, "mapping": theirs[Mapping].pk}
    answer = visit("admin").post(reverse("admin:integrations_flow_add"), told)
    errors = answer.context["adminform"].form.errors
    assert "Select a valid choice" in str(errors["source"])
    assert "Select a valid choice" in str(errors["mapping"])


def test_no_other_site_presses_a_button(ours: World, people: dict[str, User]) -> None:
    browser = Visitor(enforce_csrf_checks=True)
    browser.force_login(people["owner"])
    assert browser.post(url_of(ours[Flow], "run")).status_code == 403


def test_nothing_is_done_by_following_a_link(ours: World, visit: Visit) -> None:
    assert visit("owner").get(url_of(ours[Flow], "run")).status_code == 405


def test_the_next_slots_are_told_on_the_tenants_clocks(ours: World, tenant: Tenant, visit: Visit) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(time_zone="Asia/Tokyo")
    answer = visit("owner").get(url_of(ours[Flow]))
    assert [slot.astimezone(Tenant.objects.get().zone).hour for slot in answer.context["slots"]] == [6] * 5
    assert "06:00 JST" in text(answer)


# Runs


def test_a_stopped_run_is_approved_by_who_may(ours: World, visit: Visit) -> None:
    visit("operator").post(url_of(ours[Run], "approve"))
    run = Run.objects.get()
    assert (run.state, run.approved_by) == ("queued", "operator@example.com")
    assert "run.approved" in verbs()


def test_what_can_no_longer_be_approved_is_said_and_not_done(ours: World, visit: Visit) -> None:
    Run.objects.update(state="done")
    answer = visit("operator").post(url_of(ours[Run], "approve"), follow=True)
    assert "cannot be done any more" in text(answer)
    assert Run.objects.get().state == "done"


def test_a_runs_page_shows_both_totals_and_leads_to_what_differs(ours: World, visit: Visit) -> None:
    page = text(visit("auditor").get(url_of(ours[Run])))
    for shown in (
        "12.5",
        "The ends differ",
        "look first",
        f"/admin/integrations/record/{ours[Item].record_id}/change/",
    ):
        assert shown in page


def test_progress_is_told_in_figures(ours: World, visit: Visit) -> None:
    Run.objects.update(state="running", stage="applying", counts={"create": 10, "applied": 5})
    told = visit("auditor").get(url_of(ours[Run], "progress")).json()
    assert (told["percent"], told["over"], told["stage"]) == (70, False, "applying")


# Issues


def test_a_held_record_is_tried_again_from_its_issue(ours: World, visit: Visit) -> None:
    visit("operator").post(url_of(ours[Issue], "retry"))
    assert Item.objects.get().state == "waiting"


def test_an_issue_is_ignored_with_an_entry_in_the_trail(ours: World, visit: Visit) -> None:
    visit("operator").post(url_of(ours[Issue], "ignore"))
    assert Issue.objects.get().state == "ignored"
    assert "issue.ignored" in verbs()
    assert str(ours[Issue].pk) not in text(visit("operator").get(list_of(Issue)))


def test_many_issues_are_settled_at_once(ours: World, visit: Visit) -> None:
    chosen = {"action": "retry_chosen", "_selected_action": [str(ours[Issue].pk)]}
    assert visit("auditor").post(list_of(Issue), chosen).status_code in (200, 302, 403)
    assert Item.objects.get().state == "held"
    visit("operator").post(list_of(Issue), chosen)
    assert Item.objects.get().state == "waiting"


# Mappings and templates


def test_a_rule_that_cannot_be_used_is_named_and_nothing_is_saved(ours: World, visit: Visit) -> None:
    changes = json.dumps({"put": [{"to": "nonsense", "constant": "x"}]})
    answer = visit("admin").post(url_of(ours[Mapping]), _mapping(changes))
    assert "no field" in text(answer)
    assert MappingEdition.objects.count() == 1


def test_a_changed_rule_makes_a_new_edition(ours: World, visit: Visit) -> None:
    changes = json.dumps({"put": [{"to": "memo", "constant": "from the shop"}]})
    assert visit("admin").post(url_of(ours[Mapping]), _mapping(changes)).status_code == 302
    assert Mapping.objects.get().edition == 2
    page = text(visit("auditor").get(url_of(ours[Mapping])))
    assert "memo" in page
    assert "from the shop" in page


def test_what_is_missing_before_a_mapping_can_run_is_told_on_its_page(ours: World, visit: Visit) -> None:
    rule = {"to": "lines[].tax_rate", "from": "tax_rate", "table": "tax_codes"}
    visit("admin").post(url_of(ours[Mapping]), _mapping(json.dumps({"put": [rule]})))

    page = text(visit("auditor").get(url_of(ours[Mapping])))

    assert "Missing before it can run well" in page
    assert "there is no value table" in page


def test_the_rules_of_an_earlier_edition_are_shown_with_what_changed_since_and_hold_again(
    ours: World, visit: Visit
) -> None:
    visit("admin").post(
        url_of(ours[Mapping]), _mapping(json.dumps({"put": [{"to": "memo", "constant": "from the shop"}]}))
    )
    first = MappingEdition.objects.get(edition=1)

    page = text(visit("auditor").get(url_of(first)))
    assert "What has changed since: 1 field" in page
    assert "from the shop" in page
    assert visit("auditor").post(url_of(first, "go_back")).status_code == 403
    visit("admin").post(url_of(first, "go_back"))

    assert Mapping.objects.get().edition == 3
    assert MappingEdition.objects.get(edition=3).rules == first.rules


def test_a_newer_version_of_the_template_is_offered_as_a_difference_and_taken(ours: World, visit: Visit) -> None:
    old = ours[Mapping].template
    body = json.loads(json.dumps(old.body)) | {"version": 2}
    flow = next(each for each in body["flows"] if each["name"] == "invoices")
    flow["rules"]["fields"] = [rule for rule in flow["rules"]["fields"] if rule["to"] != "memo"]
    operator = visit("superuser")
    made = operator.post(url_of(old, "renew")).url
    assert operator.post(made, {"body": json.dumps(body)}).status_code == 302
    newer = Template.objects.get(slug=old.slug, version=2)
    assert "is offered" not in text(visit("admin").get(url_of(ours[Mapping])))
    operator.post(url_of(newer, "publish"))

    page = text(visit("admin").get(url_of(ours[Mapping])))
    assert "memo is no longer set" in page
    assert "Invoices: memo is no longer set" in page, "what the template changes as a whole is told too"
    visit("admin").post(url_of(ours[Mapping], "take"))
    assert Mapping.objects.get().template == newer
    assert operator.post(url_of(newer), {"body": "{}"}).status_code == 403, "a published version never changes"


def test_a_template_that_asks_for_value_tables_lays_them_out_and_names_them_beforehand(
    ours: World, visit: Visit
) -> None:
    ends = [
        Connection.objects.create(name=f"{name} books", connector="quickbooks_online", environment="production")
        for name in ("Old", "New")
    ]
    template = Template.objects.get(slug="quickbooks_online_to_quickbooks_online")
    asked = {"template": template.pk, "source": ends[0].pk, "target": ends[1].pk}
    page = reverse("admin:set_up", query=asked)

    fields = visit("admin").get(page).context["form"].fields
    assert [(field.initial, field.choices[1]) for field in fields.values()] == [
        (name, (name, f"{name} (a new table, which you fill in)")) for name in ("accounts", "tax_codes")
    ]
    visit("admin").post(page, {name: field.initial for name, field in fields.items()})

    assert Flow.objects.filter(source=ends[0], target=ends[1]).count() == len(template.body["flows"])
    assert set(ValueTable.objects.values_list("name", flat=True)) >= {"accounts", "tax_codes"}


def test_a_template_with_faults_names_them(ours: World, visit: Visit) -> None:
    operator = visit("superuser")
    made = operator.post(url_of(ours[Mapping].template, "renew")).url
    answer = operator.post(made, {"body": json.dumps({"slug": "x"})})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["body"]


def test_a_value_table_is_written_as_lines(ours: World, visit: Visit) -> None:
    browser, url = visit("admin"), url_of(ours[ValueTable])
    assert "Line 2" in text(browser.post(url, {"name": "countries", "lines": "Eire => IE\nGermany"}))
    browser.post(url, {"name": "countries", "lines": "Eire => IE\nGermany => DE"})
    assert ValueTable.objects.get().entries == {"Eire": "IE", "Germany": "DE"}
    assert "value_table.saved" in verbs()


def _mapping(changes: str) -> dict[str, str]:
    return {"name": "Invoices", "changes": changes, "answer_income_account": "79", "answer_tax_code": "3"}


# Secrets


def test_an_empty_secret_keeps_the_one_that_is_there(ours: World, visit: Visit) -> None:
    app = VendorApp.objects.create(
        connector="quickbooks_online", environment="sandbox", client_id="old", client_secret=SECRET
    )
    browser, told = visit("superuser"), {"connector": app.connector, "environment": "sandbox", "client_id": "new"}
    assert browser.post(url_of(app), told | {"client_secret": ""}).status_code == 302
    app = VendorApp.objects.get()
    assert (app.client_id, app.client_secret.reveal()) == ("new", SECRET)
    browser.post(url_of(app), told | {"client_secret": "another-secret"})
    assert VendorApp.objects.get().client_secret.reveal() == "another-secret"


def test_a_refused_form_does_not_give_a_typed_secret_back(ours: World, visit: Visit) -> None:
    answer = visit("superuser").post(
        reverse("admin:integrations_vendorapp_add"), {"connector": "nowhere", "client_secret": SECRET}
    )
    assert answer.status_code == 200
    assert SECRET not in text(answer)


def test_an_auditor_sees_no_form_for_secrets(ours: World, visit: Visit) -> None:
    assert 'type="password"' not in text(visit("auditor").get(url_of(ours[Connection])))


# Whose data


def test_who_belongs_to_two_companies_chooses_one_and_sees_only_that(
    ours: World, theirs: World, people: dict[str, User], other_tenant: Tenant, visit: Visit
) -> None:
    with tenant_scope(other_tenant.pk):
        Membership.objects.create(user=people["auditor"], role="auditor")
    browser = visit("auditor")
    assert browser.get(url_of(ours[Flow])).url == reverse("admin:choose")
    browser.post(reverse("admin:choose"), {"tenant": str(other_tenant.pk)})
    assert "Theirs" in text(browser.get(url_of(theirs[Flow])))
    assert browser.get(url_of(ours[Flow])).status_code == 404


def test_nobody_chooses_a_company_that_is_not_theirs(ours: World, other_tenant: Tenant, visit: Visit) -> None:
    browser = visit("owner")
    browser.post(reverse("admin:choose"), {"tenant": str(other_tenant.pk)})
    assert browser.get(url_of(ours[Flow])).status_code == 200


def test_what_support_looks_at_stands_in_the_trail(ours: World, people: dict[str, User], visit: Visit) -> None:
    browser = visit("support")
    browser.get(url_of(ours[Item]))
    browser.get(list_of(Issue))
    browser.get(url_of(ours[Run], "progress"))
    one, many = Event.objects.filter(verb="support.looked").order_by("pk")
    assert (one.actor_id, one.subject_id) == (str(people["support"].pk), str(ours[Item].pk))
    assert many.subject_name == "list of issues"


def test_support_ends_when_its_time_is_over(ours: World, people: dict[str, User], visit: Visit) -> None:
    browser = visit("support")
    SupportAccess.objects.filter(user=people["support"]).delete()
    assert browser.get(url_of(ours[Item])).status_code in (302, 403)


# People


def test_an_owner_adds_a_member_by_address_who_then_chooses_a_password(
    ours: World, visit: Visit, mailoutbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    add = reverse("admin:access_membership_add")
    assert visit("admin").post(add, {"email": "new@example.com", "role": "owner"}).status_code == 403
    with django_capture_on_commit_callbacks(execute=True):
        assert visit("owner").post(add, {"email": "New@example.com", "role": "auditor"}).status_code == 302
    assert [(mail.to, "/accounts/password/reset/key/" in mail.body) for mail in mailoutbox] == [
        (["new@example.com"], True)
    ]
    member = Membership.objects.get(user__email="new@example.com")
    assert (member.role, member.user.has_usable_password()) == ("auditor", False)
    assert "member.added" in verbs()
    again = visit("owner").post(add, {"email": "new@example.com", "role": "owner"})
    assert again.status_code == 200, "nobody is a member twice"


def test_the_last_owner_stays(ours: World, visit: Visit) -> None:
    own = Membership.objects.get(role="owner")
    browser = visit("owner")
    answer = browser.post(url_of(own), {"role": "auditor"})
    assert "needs an owner" in text(answer)
    assert browser.post(url_of(own, "delete"), {"post": "yes"}).status_code == 403


def test_the_operator_gives_a_new_customer_its_first_owner_and_no_more(
    people: dict[str, User], other_tenant: Tenant, visit: Visit
) -> None:
    page, told = reverse("admin:customers"), {"tenant": other_tenant.slug, "email": "first@example.com"}
    assert visit("owner").post(page, told).status_code == 403
    operator = visit("superuser")
    assert "Theirs" in text(operator.get(page))
    operator.post(page, told)
    assert "has members already" in text(operator.post(page, told | {"email": "second@example.com"}, follow=True))
    with dispatch():
        assert Membership.everywhere.filter(tenant_id=other_tenant.pk).values_list("role").count() == 1
