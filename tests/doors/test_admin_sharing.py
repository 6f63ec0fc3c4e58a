"""Who keeps which field: an admin says it on the mapping's page, and the mapping's rules say it from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from integrations.mapping.models import Mapping, MappingEdition
from integrations.mapping.rules import Rules, from_plain, owners_of
from tests.doors.world import World, url_of

pytestmark = pytest.mark.django_db

Visit = Callable[[str], Client]
SAID = {
    "name": "Invoices", "changes": "{}", "answer_income_account": "79", "answer_tax_code": "3", "conflicts": "newest",
    "of_source": ["number", "lines[].item"], "of_target": ["customer"],
}  # fmt: skip


def latest() -> Rules:
    return from_plain(MappingEdition.objects.order_by("-edition")[0].rules, Rules)


def test_owners_and_winner_are_kept_with_the_mappings_next_edition(ours: World, visit: Visit) -> None:
    assert visit("admin").post(url_of(ours[Mapping]), SAID).status_code == 302

    assert owners_of(latest()) == {"number": "source", "customer": "target", "lines[].item": "source"}
    assert latest().conflicts == "newest"
    page = str(visit("auditor").get(url_of(ours[Mapping])).content.decode())
    assert "belongs to the source" in page


def test_what_is_no_longer_said_belongs_to_both_again(ours: World, visit: Visit) -> None:
    admin = visit("admin")
    admin.post(url_of(ours[Mapping]), SAID)
    admin.post(url_of(ours[Mapping]), SAID | {"of_source": [], "of_target": [], "conflicts": ""})

    assert (owners_of(latest()), latest().conflicts) == ({}, None)


def test_a_field_cannot_belong_to_each_side(ours: World, visit: Visit) -> None:
    answer: Any = visit("admin").post(url_of(ours[Mapping]), SAID | {"of_target": ["number"]})

    assert "this belongs to one side or to both" in str(answer.content.decode())
    assert MappingEdition.objects.count() == 1


def test_who_may_not_manage_mappings_may_not_say_it(ours: World, visit: Visit) -> None:
    assert visit("auditor").post(url_of(ours[Mapping]), SAID).status_code == 403
    assert MappingEdition.objects.count() == 1
