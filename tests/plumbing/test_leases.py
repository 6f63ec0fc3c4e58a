"""A lease is one worker's, until it lapses."""

import pytest
from django.apps import apps
from django.db.models.functions import Now

from plumbing.leases import LeaseLost


@pytest.fixture
def row(tenant):
    return apps.get_model("integrations", "Connection").objects.create(name="Books", connector="acme")


def another_worker(row):
    """The same row, as somebody else read it."""
    return type(row).objects.get(pk=row.pk)


def lapse(row):
    type(row).objects.filter(pk=row.pk).update(leased_until=Now())


def test_what_is_claimed_is_not_claimed_by_another(row):
    assert row.claim(seconds=60)
    assert not another_worker(row).claim(seconds=60)


def test_what_was_given_back_is_free(row):
    row.claim(seconds=60)
    row.release()
    assert another_worker(row).claim(seconds=60)


def test_a_lapsed_lease_is_taken_over_and_its_holder_notices(row):
    row.claim(seconds=60)
    lapse(row)
    other = another_worker(row)
    assert other.claim(seconds=60)
    assert other.fence == row.fence + 1
    with pytest.raises(LeaseLost):
        row.hold()
    with pytest.raises(LeaseLost):
        row.renew(seconds=60)
    other.hold()


def test_who_lost_a_lease_does_not_give_back_anothers(row):
    row.claim(seconds=60)
    lapse(row)
    other = another_worker(row)
    other.claim(seconds=60)
    row.release()
    assert not another_worker(row).claim(seconds=60)


def test_a_renewed_lease_lasts_longer(row):
    row.claim(seconds=1)
    before = row.leased_until
    row.renew(seconds=60)
    assert row.leased_until > before
