"""The books of one company move into another: every kind of record, in the order in which they refer to each other."""

from __future__ import annotations

import pytest

from tests.journeys.ledgers import LISTS, Company, Move

pytestmark = pytest.mark.django_db(transaction=True)


def test_lists_arrive_once_and_what_is_there_already_is_recognised(old: Company, new: Company, move: Move) -> None:
    old.customer("Alder & Sons", CompanyName="Alder & Sons Ltd")
    old.supplier("Birch Paper")
    before = len(new.all("Account"))

    move.green(*LISTS)
    move.green(*LISTS)

    assert [each["DisplayName"] for each in new.all("Customer")] == ["Alder & Sons"]
    assert [each["DisplayName"] for each in new.all("Vendor")] == ["Birch Paper"]
    assert len(new.all("Account")) == before
