"""One thing has one name in each place, and one name is one thing, whoever says it first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from integrations.connections.models import Connection
from integrations.crosswalk import who
from integrations.crosswalk.models import Identity, Link, Origin
from tenants.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(tenant: Tenant) -> Connection:
    with transaction.atomic():
        return Connection.objects.create(name="Shop", connector="files")


@pytest.fixture
def books(tenant: Tenant) -> Connection:
    with transaction.atomic():
        return Connection.objects.create(name="Books", connector="quickbooks_online")


def introduce(at: Connection, *names: str) -> dict[str, UUID]:
    with transaction.atomic():
        return who.introduce(names, kind="customer", at=at, object="customer")


def link(at: Connection, names: dict[str, UUID]) -> None:
    with transaction.atomic():
        who.link(names, at=at, object="customer", how=Link.How.CREATED)


def at_once(number: int, work: Callable[[int], None]) -> list[BaseException]:
    """Does this in so many threads, each on a connection of its own, all at the same moment."""
    ready, troubles = threading.Barrier(number), []

    def one(place: int) -> None:
        ready.wait()
        try:
            work(place)
        except BaseException as error:
            troubles.append(error)
        connection.close()

    threads = [threading.Thread(target=copy_context().run, args=(one, place)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles


def test_a_name_keeps_its_identity(shop: Connection) -> None:
    first = introduce(shop, "1", "2", "1")
    again = introduce(shop, "2", "3")

    assert first.keys() == {"1", "2"}
    assert again["2"] == first["2"]
    assert len({*first.values(), *again.values()}) == 3


def test_the_same_name_elsewhere_is_another_thing(shop: Connection, books: Connection) -> None:
    assert introduce(shop, "1")["1"] != introduce(books, "1")["1"]


def test_a_name_or_a_thing_that_is_linked_stays_so(shop: Connection, books: Connection) -> None:
    known = introduce(shop, "1", "2")
    link(books, {"A": known["1"]})
    link(books, {"A": known["2"], "B": known["1"]})

    with transaction.atomic():
        assert who.names(known.values(), at=books, object="customer") == {known["1"]: "A"}


@pytest.mark.parametrize("second", ["same name", "same thing"])
def test_the_database_itself_refuses_a_second_name_or_a_second_thing(shop: Connection, second: str) -> None:
    known = introduce(shop, "1", "2")
    name, thing = ("1", known["2"]) if second == "same name" else ("3", known["1"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Link.objects.create(connection=shop, object="customer", external_id=name, identity_id=thing, how="by_hand")


def test_workers_that_meet_the_same_strangers_at_once_agree_who_they_are(shop: Connection) -> None:
    names = [f"{number}" for number in range(200)]
    found: list[dict[str, UUID]] = []

    def work(place: int) -> None:
        found.append(introduce(shop, *(names if place % 2 else reversed(names))))

    assert at_once(4, work) == []

    assert len({each["7"] for each in found}) == 1
    assert found[0] == found[1] == found[2] == found[3]
    with transaction.atomic():
        assert Identity.objects.count() == Link.objects.count() == 200


def test_workers_that_make_something_of_the_same_at_once_make_one_thing(shop: Connection) -> None:
    orders = list(introduce(shop, *[f"{number}" for number in range(100)]).values())
    found: list[dict[UUID, UUID]] = []

    def work(place: int) -> None:
        with transaction.atomic():
            found.append(who.descend(orders if place % 2 else orders[::-1], kind="invoice", role="invoice"))

    assert at_once(4, work) == []

    assert found[0] == found[1] == found[2] == found[3]
    with transaction.atomic():
        assert Origin.objects.count() == 100
        assert Identity.objects.filter(kind="invoice").count() == 100


def test_what_is_made_of_something_stays_and_each_role_has_its_own(shop: Connection) -> None:
    (order,) = introduce(shop, "1").values()
    with transaction.atomic():
        invoice = who.descend([order], kind="invoice", role="invoice")
        assert who.descend([order], kind="invoice", role="invoice") == invoice
        assert who.descend([order], kind="invoice", role="deposit") != invoice
        assert who.made_from([order], role="invoice") == invoice


def test_another_tenant_has_its_own_names(shop: Connection, other_tenant: Tenant) -> None:
    from tenants.scope import tenant_scope

    introduce(shop, "1")
    with tenant_scope(other_tenant.pk), transaction.atomic():
        assert who.identities(["1"], at=shop, object="customer") == {}
