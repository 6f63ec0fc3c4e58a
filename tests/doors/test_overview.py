"""The overview shows what did not come, although nothing failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.connections.models import Connection
from integrations.records.models import Issue
from integrations.sync.models import Flow
from tests.doors.world import World

pytestmark = pytest.mark.django_db


def _did_not_come(code: str, **about: Any) -> None:
    Issue.objects.create(
        code=code, about=code, where=f"where {code}", words=f"words {code}", seen_at=timezone.now(), **about
    )


def test_a_silent_connection_and_a_missing_volume_stand_on_the_overview(
    ours: World, visit: Callable[[str], Client]
) -> None:
    _did_not_come("not_heard", connection=ours[Connection])
    _did_not_come("volume_missing", flow=ours[Flow])

    page = visit("owner").get(reverse("admin:index")).content.decode()

    assert "Did not come" in page
    assert "words not_heard" in page
    assert "words volume_missing" in page
    assert page.count("but silent") == 1


def test_where_everything_came_nothing_is_said_of_it(ours: World, visit: Callable[[str], Client]) -> None:
    page = visit("owner").get(reverse("admin:index")).content.decode()

    assert "Did not come" not in page
    assert "but silent" not in page
    assert "has not answered yet" in page
