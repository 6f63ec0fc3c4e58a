"""A person is erased from everything that is kept of them; what proves the past still does, and the books are as they were."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from integrations.connections.site import spool_of_tenant
from integrations.records.models import Issue, Record
from integrations.sync import erased, erasure
from integrations.sync.models import Flow, Intent, Item, Run
from integrations.sync.traces import ERASED, pattern, variants
from tenants.audit import keys, seals
from tenants.audit.models import Event
from tenants.models import Tenant
from tests.house.source import ROOT
from tests.sync.toys import Toy
from tests.sync.words import document, run_one

database = pytest.mark.django_db(transaction=True)
Bring = Callable[..., Flow]

HOME = '12 Saint "James" Row & Co'
ADA = {
    "name": "Ada Lövelace-O'Byron", "email": "ada.byron@example.test", "phone": "+43 1 5550100",
    "home": {"street": HOME, "town": "Wolkersdorf"},
}  # fmt: skip
BEA = {"name": "Bea Byron", "email": "bea@example.test", "home": {"street": "7 Elm Lane", "town": "Wolkersdorf"}}
WORDS = ("lövelace", "byron@", "5550100", "saint", "l\\u00f6velace", "L%C3%B6velace")


@pytest.fixture(autouse=True)
def outside(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINTS, settings.VAR = tmp_path / "checkpoints", tmp_path / "var"


@pytest.fixture
def customers(bring: Bring, shop: Toy, books: Toy) -> Flow:
    """Ada and Bea in the shop and in the books, Ada with an invoice, another refused with her name in the vendor's words."""
    shop.put("customer", "1", **ADA)
    shop.put("customer", "2", **BEA)
    flow = bring("customer")
    run_one(flow)
    shop.put("invoice", "i1", **document("R-1", customer={"external_id": "1"}, memo=f"for {ADA['name']}, {HOME}"))
    shop.put("invoice", "i2", **document("R-2", customer={"external_id": "2"}, memo="for Bea in Wolkersdorf"))
    shop.put("invoice", "i3", **document("R-3", customer={"external_id": "1"}))
    invoices = bring("invoice")
    run_one(invoices)
    books.answers = [{"error": "refused", "words": f"{ADA['name']} owes too much"}]
    shop.put("customer", "1", **ADA | {"phone": "+43 1 5550100-7"})
    run_one(flow)
    with transaction.atomic():
        run = Run.objects.latest("pk")
        run.words = f"about {ADA['email']}"
        run.save()
    seals.seal_all()
    return flow


def ada(connection_name: str = "Shop") -> Record:
    with transaction.atomic():
        return Record.objects.get(connection__name=connection_name, kind="customer", by_email=ADA["email"])


@transaction.atomic
def erase() -> erasure.Erasure:
    return erasure.erase(erasure.identity_of(ada()), by=None)


def dump(owner: psycopg.Connection[Any]) -> str:
    """Every row of every table, bytes as text."""
    tables = owner.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "AND c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    owner.execute("SET bytea_output = 'escape'")
    rows = (
        row
        for (name,) in tables
        for row in owner.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)))
    )
    return "\n".join(text for (text,) in rows)


def named(text: str, words: Collection[str] = WORDS) -> list[str]:
    """The places at which something of hers stands."""
    found = re.finditer("|".join(map(re.escape, words)), text, re.IGNORECASE)
    return [text[max(0, each.start() - 80) : each.end() + 20] for each in found]


@database
def test_nothing_of_her_is_found_any_more_and_the_trail_still_proves_all_the_rest(
    customers: Flow, tenant: Tenant, owner: psycopg.Connection[Any], tmp_path: Path
) -> None:
    assert len(named(dump(owner))) > 10
    out = StringIO()

    call_command("erase_person", tenant.slug, record=ada().pk, by="Olga", stdout=out)

    assert named(dump(owner) + out.getvalue()) == []
    assert out.getvalue().startswith("Erased: ")
    with transaction.atomic():
        event = Event.objects.get(verb="person.erased")
        assert (event.actor_name, event.data["rows"]["records"] >= 3) == ("Olga", True)
    seals.seal_all()
    call_command("verify_audit", tenant=tenant.slug, stdout=StringIO())
    call_command("export_audit", tenant.slug, tmp_path / "trail.jsonl")
    assert named((tmp_path / "trail.jsonl").read_text()) == []
    key = keys.ring()[0].public.hex()
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tenants/audit/proof.py"), str(tmp_path / "trail.jsonl"), "--key", key],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    assert "payloads erased as recorded" in checked.stdout


@database
def test_others_and_the_books_are_as_they_were_and_nothing_of_what_was_erased_is_sent(
    customers: Flow, shop: Toy, books: Toy
) -> None:
    def beas() -> list[tuple[str, str]]:  # of the same town
        with transaction.atomic():
            rows = Record.objects.filter(external_id="2") | Record.objects.filter(title="R-2")
            return list(rows.order_by("pk").values_list("raw", "canonical"))

    before, held = beas(), json.dumps(books.rows, sort_keys=True, default=str)
    spool = spool_of_tenant()
    spool.mkdir(parents=True)
    for name, text in (("a.sqlite", f'"{ADA["name"]}"'), ("a.sqlite-wal", ""), ("b.sqlite", "Bea Byron")):
        (spool / name).write_text(text)
    erase()

    assert beas() == before
    assert [path.name for path in spool.iterdir()] == ["b.sqlite"]
    run_one(customers)
    run_one(customers, full=True)
    assert json.dumps(books.rows, sort_keys=True, default=str) == held
    with transaction.atomic():
        assert not Item.objects.filter(state__in=Item.OPEN, record__kind="customer", record__external_id="1").exists()


@database
def test_when_she_is_read_again_people_are_told(customers: Flow, shop: Toy) -> None:
    erase()
    shop.put("customer", "3", name="Cleo", email="cleo@example.test")
    run_one(customers)
    with transaction.atomic():
        assert erased.look_for_returned() == 0
    shop.put("customer", "99", **ADA)  # under another number
    run_one(customers)

    with transaction.atomic():
        assert erased.look_for_returned() == 2  # in the shop, and in the books to which she was brought
        assert erased.look_for_returned() <= 1
        issues = list(Issue.objects.filter(code=erased.RETURNED))
    assert all(issue.alert for issue in issues)
    assert named("".join(issue.words + issue.where for issue in issues)) == []


@database
def test_a_name_that_two_have_is_erased_only_in_what_is_about_her(
    customers: Flow, shop: Toy, owner: psycopg.Connection[Any]
) -> None:
    shop.put("customer", "4", name=ADA["name"], email="other@example.test")
    run_one(customers)

    done = erase()

    assert done.namesakes >= 1
    with transaction.atomic():
        assert Record.objects.filter(external_id="4", raw__contains="other@example.test").count() == 1
        other = Record.objects.get(connection__name="Shop", external_id="4")
    assert "velace" in other.title
    assert named(dump(owner), ["ada.byron@", "5550100"]) == []


@database
def test_nobody_is_erased_while_something_of_theirs_is_under_way_and_no_document_is_anybody(customers: Flow) -> None:
    with transaction.atomic(), pytest.raises(ValidationError, match="choose the record of the person"):
        erasure.erase(erasure.identity_of(Record.objects.get(connection__name="Shop", title="R-1")), by=None)
    with transaction.atomic():
        sent = Intent.objects.filter(identity=erasure.identity_of(ada()), operation="create")
        sent.update(settled_at=None, state="unknown")
    with pytest.raises(ValidationError, match="Erase them when that is settled"):
        erase()


# Finding her however she is written


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=3, max_size=12)


@pytest.mark.django_db
def test_a_name_is_found_however_a_payload_writes_it_and_nobody_elses() -> None:
    found = pattern(["Ada Lövelace", "o'b+c.d(e)"])
    with connection.cursor() as cursor:
        for text in (
            '{"DisplayName":"ADA  Lövelace"}', r'{"n":"to\nAda L\u00f6velace"}', "<Name>Ada Lövelace</Name>",
            "/query?q=%27Ada%20L%C3%B6velace%27", "q=Ada+L%C3%B6velace", "o&#x27;b+c.d(e)", "(Ada Lövelace)",
        ):  # fmt: skip
            cursor.execute("SELECT regexp_replace(%s, %s, %s, 'gi')", [text, found, ERASED])
            assert ERASED in cursor.fetchone()[0], text
        for text in ("Wanda Lövelace", "Ada Lövelacey", "Ada", '{"Ada Lövelace": 1}', "obccdde"):
            cursor.execute("SELECT %s ~* %s", [text, found])
            assert cursor.fetchone()[0] is False, text
        cursor.execute("SELECT 'anything' ~* %s", [pattern([])])
        assert cursor.fetchone()[0] is False


@given(names)
def test_a_name_is_among_the_ways_in_which_it_may_be_written(name: str) -> None:
    assert {name, json.dumps(name)[1:-1]} <= variants(name)
