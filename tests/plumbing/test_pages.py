"""Whole pages of rows: what is written is what was held, to the last digit, and only in its tenant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, ProgrammingError, transaction

from integrations.connections.models import Connection
from integrations.crosswalk.models import Identity
from integrations.mapping.models import ValueTable
from integrations.records.models import Stream
from plumbing.pages import update_page, write_page
from tenants.models import Tenant
from tenants.scope import tenant_scope

pytestmark = pytest.mark.django_db

HARD = ["plain", "quotes \" and ' and \\", "braces {a,b} NULL", "", "line\nbreak\ttab", "œ€漢🙂", "%s %b"]


def test_texts_and_json_come_back_as_they_went(tenant: Tenant) -> None:
    write_page([ValueTable(name=f"t{n}", entries={text: [text, None, 1, True]}) for n, text in enumerate(HARD)])

    held = ValueTable.objects.order_by("name").values_list("entries", flat=True)
    assert list(held) == [{text: [text, None, 1, True]} for text in HARD]


def test_moments_numbers_and_nothing_come_back_as_they_went(tenant: Tenant) -> None:
    books = Connection.objects.create(name="Books", connector="files")
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    write_page([Stream(connection=books, object="invoice", feed_no=2**60, swept_at=moment, mark="x", sweep_full=True)])

    stream = Stream.objects.get()
    assert (stream.feed_no, stream.swept_at, stream.fully_swept_at, stream.sweep_full) == (2**60, moment, None, True)


def test_a_row_that_stands_already_gets_only_the_named_columns(tenant: Tenant) -> None:
    books = Connection.objects.create(name="Books", connector="files")
    unique = ("tenant_id", "connection_id", "object")
    write_page([Stream(connection=books, object="invoice", mark="old", page="1")], unique=unique)

    write_page([Stream(connection=books, object="invoice", mark="new", page="2")], unique=unique, update=("mark",))

    assert list(Stream.objects.values_list("mark", "page")) == [("new", "1")]


def test_without_columns_to_update_a_row_that_stands_stays(tenant: Tenant) -> None:
    write_page([ValueTable(name="t", entries={"a": 1})])
    write_page([ValueTable(name="t", entries={"a": 2})], unique=("tenant_id", "name"))

    assert ValueTable.objects.get().entries == {"a": 1}


def test_an_update_sets_the_named_fields_and_no_others(tenant: Tenant) -> None:
    tables = [ValueTable(name=f"t{n}", entries={"n": n}) for n in range(3)]
    write_page(tables)
    for table in tables:
        table.entries, table.name = {"n": -1}, "not written"

    update_page(tables[:2], "entries")

    held = ValueTable.objects.order_by("name").values_list("name", "entries")
    assert list(held) == [("t0", {"n": -1}), ("t1", {"n": -1}), ("t2", {"n": 2})]


def test_a_text_that_is_too_long_is_an_error_and_never_cut_off(tenant: Tenant) -> None:
    with pytest.raises(DataError), transaction.atomic():
        write_page([ValueTable(name="x" * 81)])


def test_rows_of_another_tenant_are_refused_by_the_database(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk):
        theirs = Identity(kind="item")

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        write_page([theirs])
