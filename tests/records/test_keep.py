"""What a system said is kept as it came; the feed moves where something changed, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.canonical.kinds import KINDS
from integrations.connections.models import Connection
from integrations.connectors import registry
from integrations.records.keep import PART, Kept, exact, keep, to_json
from integrations.records.models import Issue, Record, Sighting, Stream
from integrations.records.terms import digits, term, terms, words_of
from integrations.wire.stream import Gone, Page, Problem
from integrations.wire.undecoded import Undecoded
from tests.sync.words import document

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def stream(source: Connection) -> Stream:
    with transaction.atomic():
        return Stream.objects.create(connection=source, object="invoice")


def take(stream: Stream, *raws: dict[str, Any], at: datetime = NOW, **more: Any) -> Kept:
    facts = registry.connector(stream.connection.connector).stream(stream.object)
    with transaction.atomic():
        return keep(stream, Page(**{"raws": raws} | more), facts=facts, read_at=at)


def invoice(id: str, number: str = "", **more: Any) -> dict[str, Any]:
    return {"id": id, **document(number or f"INV-{id}", customer={"external_id": "c"}, **more)}


@transaction.atomic
def held(stream: Stream) -> dict[str, Record]:
    return {row.external_id: row for row in Record.objects.filter(object=stream.object)}


@transaction.atomic
def feed(stream: Stream) -> list[tuple[int, str]]:
    return list(Record.objects.filter(object=stream.object).order_by("feed_no").values_list("feed_no", "external_id"))


def test_new_changed_and_same_records_are_told_apart(stream: Stream) -> None:
    assert take(stream, invoice("1"), invoice("2")).counts == {"new": 2}
    assert take(stream, invoice("1"), invoice("2", memo="x"), invoice("3")).counts == {
        "same": 1,
        "changed": 1,
        "new": 1,
    }
    assert feed(stream) == [(1, "1"), (3, "2"), (4, "3")]


def test_what_does_not_matter_to_others_is_kept_and_moves_no_feed(stream: Stream) -> None:
    take(stream, invoice("1", version="1"))

    assert take(stream, invoice("1", version="2")).counts == {"same": 1}

    assert feed(stream) == [(1, "1")]
    assert held(stream)["1"].version == "2"


def test_a_payload_is_kept_to_the_last_digit(stream: Stream) -> None:
    raw = invoice("1", odd=Decimal("12345678901234567890.12345678901234567890"), cents=Decimal("1.10"))

    take(stream, raw)

    kept = exact(held(stream)["1"].raw)
    assert kept == raw
    assert str(kept["cents"]) == "1.10"


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.decimals(allow_nan=False, allow_infinity=False) | st.text() | st.none()))
def test_json_gives_back_what_it_was_given(payload: dict[str, Any]) -> None:
    assert exact(to_json(payload)) == payload


def test_where_a_payload_was_found_is_told_and_does_not_count(stream: Stream) -> None:
    take(stream, invoice("1") | {"@place": {"file": "a.csv", "lines": [2]}})

    assert take(stream, invoice("1") | {"@place": {"file": "b.csv", "lines": [9]}}).counts == {"same": 1}
    assert "@place" not in held(stream)["1"].raw
    assert held(stream)["1"].place == '{"file":"b.csv","lines":[9]}'
    assert feed(stream) == [(1, "1")]


def test_an_older_page_does_not_overwrite_a_newer_fact(stream: Stream) -> None:
    take(stream, invoice("1", memo="new"), at=NOW)

    assert take(stream, invoice("1", memo="old"), at=NOW - timedelta(minutes=1)).counts == {"older": 1}
    assert '"new"' in held(stream)["1"].raw


def test_an_older_page_does_not_overwrite_a_fact_that_was_read_again_since(stream: Stream) -> None:
    take(stream, invoice("1", memo="a"), at=NOW)
    take(stream, invoice("1", memo="a"), at=NOW + timedelta(minutes=2))

    assert take(stream, invoice("1", memo="b"), at=NOW + timedelta(minutes=1)).counts == {"older": 1}


@pytest.fixture
def sweeping(stream: Stream) -> Stream:
    """The stream, while everything is being read."""
    stream.sweep, stream.sweep_full, stream.sweep_started_at = 2, True, NOW
    with transaction.atomic():
        stream.save()
    return stream


def test_a_full_sweep_rewrites_no_record_that_says_the_same(sweeping: Stream) -> None:
    take(sweeping, invoice("1"), invoice("2"))
    take(sweeping, invoice("1"), invoice("2"), at=NOW + timedelta(minutes=2))

    with transaction.atomic():
        sighting = Sighting.objects.get()
    assert (sorted(sighting.external_ids), sighting.sweep) == (["1", "2"], 2)
    assert {row.read_at for row in held(sweeping).values()} == {NOW}


def test_an_older_page_does_not_overwrite_what_a_full_sweep_has_met_since(sweeping: Stream) -> None:
    take(sweeping, invoice("1", memo="a"), invoice("2"))
    take(sweeping, invoice("1", memo="a"), invoice("2"), at=NOW + timedelta(minutes=2))

    between = NOW + timedelta(minutes=1)
    assert take(sweeping, invoice("1", memo="b"), at=between).counts == {"older": 1}
    assert take(sweeping, gone=[Gone(external_id="2", how="deleted")], at=between).counts == {}
    assert '"a"' in held(sweeping)["1"].raw


def test_a_page_that_is_not_decoded_is_kept_byte_by_byte(stream: Stream) -> None:
    text = msgspec.json.format(msgspec.json.encode(invoice("1", odd=Decimal("1.50"))), indent=3)
    page = Undecoded([msgspec.Raw(text)])

    assert take(stream, raws=page).counts == {"new": 1}
    assert take(stream, raws=page).counts == {"same": 1}
    assert held(stream)["1"].raw.encode() == text


def test_what_is_no_json_is_an_issue_and_the_page_goes_on(stream: Stream) -> None:
    good = msgspec.json.encode(invoice("1"))
    page = Undecoded([msgspec.Raw(b'{"id": "2", "number": nonsense}'), msgspec.Raw(good)])

    assert take(stream, raws=page).counts == {"new": 1, "unreadable": 1}


def test_a_page_of_several_parts_moves_the_feed_without_gaps(stream: Stream) -> None:
    names = [str(number) for number in range(PART * 2 + 7)]

    assert take(stream, *map(invoice, names)).counts == {"new": len(names)}

    assert feed(stream) == [(number, name) for number, name in enumerate(names, start=1)]


def test_what_the_vendor_itself_says_is_older_does_not_count(stream: Stream) -> None:
    take(stream, invoice("1", memo="new", changed="2026-02-02T10:00:00Z"))

    later = NOW + timedelta(minutes=1)
    assert take(stream, invoice("1", memo="old", changed="2026-02-01T10:00:00Z"), at=later).counts == {"older": 1}


def test_the_last_of_two_in_one_page_counts(stream: Stream) -> None:
    take(stream, invoice("1", memo="first"), invoice("1", memo="second"))

    assert '"second"' in held(stream)["1"].raw
    assert len(feed(stream)) == 1


@pytest.mark.parametrize("how", ["deleted", "voided", "archived", "unreadable"])
def test_each_way_of_going_is_kept_and_moves_the_feed_once(stream: Stream, how: str) -> None:
    take(stream, invoice("1"))
    gone = Gone(external_id="1", how=how)

    assert take(stream, gone=[gone], at=NOW + timedelta(1)).counts == {how: 1}
    assert take(stream, gone=[gone], at=NOW + timedelta(2)).counts == {}

    assert held(stream)["1"].state == how
    assert feed(stream) == [(2, "1")]


def test_a_merged_record_names_its_survivor(stream: Stream) -> None:
    take(stream, invoice("1"), invoice("2"))
    take(stream, gone=[Gone(external_id="1", how="merged", into="2")])

    assert held(stream)["1"].merged_into == "2"


def test_one_that_was_never_seen_leaves_nothing_when_it_goes(stream: Stream) -> None:
    assert take(stream, gone=[Gone(external_id="9", how="deleted")]).counts == {}
    assert feed(stream) == []


def test_a_record_that_comes_back_is_news_although_it_says_the_same(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, gone=[Gone(external_id="1", how="deleted")], at=NOW + timedelta(1))

    take(stream, invoice("1"), at=NOW + timedelta(2))

    assert held(stream)["1"].state == Record.State.LIVE
    assert feed(stream) == [(3, "1")]


def test_an_older_page_does_not_bring_back_what_is_gone(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, gone=[Gone(external_id="1", how="deleted")], at=NOW + timedelta(2))

    take(stream, invoice("1"), at=NOW + timedelta(1))

    assert held(stream)["1"].state == "deleted"


def test_a_document_that_says_it_is_void_is_voided_and_stays_so(stream: Stream) -> None:
    take(stream, invoice("1"))
    assert take(stream, invoice("1", status="void")).counts == {"changed": 1}
    assert take(stream, invoice("1", status="void")).counts == {"same": 1}

    assert held(stream)["1"].state == "voided"
    assert take(stream, invoice("1")).counts == {"changed": 1}
    assert held(stream)["1"].state == "live"


def test_a_void_that_comes_with_its_document_moves_the_feed_once(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, invoice("1", memo="x"), gone=[Gone(external_id="1", how="voided")])

    assert held(stream)["1"].state == "voided"
    assert feed(stream) == [(2, "1")]


BAD = [
    pytest.param({"id": "2", "number": "INV-2", "day": "soon"}, "soon", id="a-member-that-cannot-be-read"),
    pytest.param(invoice("2", amount="10.00") | {"total": "11.00"}, "total", id="a-broken-law"),
    pytest.param({"number": "INV-2"}, "no id", id="no-id"),
    pytest.param(invoice("2" * 400), "300", id="an-id-without-end"),
]


@pytest.mark.parametrize(("bad", "named"), BAD)
def test_a_bad_record_is_named_and_the_page_goes_on(stream: Stream, bad: dict[str, Any], named: str) -> None:
    counts = take(stream, invoice("1"), bad, invoice("3")).counts

    assert counts == {"new": 2, "unreadable": 1}
    assert list(held(stream)) == ["1", "3"]
    with transaction.atomic():
        issue = Issue.objects.get()
    assert issue.code == "unreadable"
    assert named in issue.words
    assert issue.advice


def test_an_issue_is_counted_again_and_ends_when_the_record_reads_well(stream: Stream) -> None:
    bad = invoice("1") | {"total": "11.00"}
    for _ in range(3):
        take(stream, bad)
    with transaction.atomic():
        assert Issue.objects.get().times == 3

    take(stream, invoice("1"))

    with transaction.atomic():
        assert Issue.objects.get().state == Issue.State.SOLVED


def test_an_issue_ends_when_the_record_says_again_what_it_said_before(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, invoice("1") | {"total": "11.00"})
    take(stream, invoice("1"))

    with transaction.atomic():
        assert Issue.objects.get().state == Issue.State.SOLVED
    assert feed(stream) == [(3, "1")], "that it could not be read, and then could again, is news"


def test_a_bad_record_leaves_what_was_known_of_it(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, invoice("1") | {"total": "11.00"})

    assert exact(held(stream)["1"].raw)["total"] == "10.00"


def test_a_row_that_is_no_record_is_an_issue(stream: Stream) -> None:
    problem = Problem(where="a.csv, line 5", what="too few columns", advice="add them")

    assert take(stream, problems=[problem]).counts == {"unreadable": 1}
    with transaction.atomic():
        issue = Issue.objects.get()
    assert (issue.where, issue.words, issue.advice) == ("a.csv, line 5", "too few columns", "add them")


def test_characters_that_a_database_has_no_place_for_do_no_harm(stream: Stream) -> None:
    assert take(stream, invoice("1", number="A\0B", memo="x\0y")).counts == {"new": 1}

    assert exact(held(stream)["1"].raw)["memo"] == "x\0y"


def found_by(stream: Stream) -> set[tuple[str | None, str | None]]:
    with transaction.atomic():
        return set(Record.objects.values_list("by_number", "by_total"))


def test_the_words_that_lead_to_a_record_follow_it(stream: Stream) -> None:
    take(stream, invoice("1", number="Old  Number"))
    take(stream, invoice("1", number="New Number"))

    assert found_by(stream) == {("new number", "10")}


def test_a_record_that_is_gone_is_still_found(stream: Stream) -> None:
    take(stream, invoice("1"))
    take(stream, gone=[Gone(external_id="1", how="deleted")])

    assert found_by(stream) == {("inv-1", "10")}


def test_feed_numbers_have_no_gaps_although_several_write_at_once(stream: Stream) -> None:
    ready = threading.Barrier(3)

    def write(names: Iterable[str]) -> None:
        ready.wait()
        for name in names:
            with transaction.atomic():
                mine = Stream.objects.select_related("connection").get(pk=stream.pk)
            take(mine, invoice(name), invoice(f"{name}-b"))
        connection.close()

    threads = [
        threading.Thread(target=copy_context().run, args=(write, [f"{letter}{n}" for n in range(10)]))
        for letter in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [number for number, _ in feed(stream)] == list(range(1, 61))


def test_terms_do_not_care_for_case_blanks_or_idle_zeros() -> None:
    assert term("  ACME   Ltd ") == "acme ltd"
    assert term("") is term(" ") is term(None) is None
    assert len(term("x" * 500) or "") == 200
    assert term(Decimal("12.50")) == digits(Decimal("12.50")) == "12.5"
    assert term(Decimal("1E+3")) == "1000"


def test_a_record_is_found_by_the_words_of_its_kind_and_no_others() -> None:
    customer = KINDS["customer"](external_id="C-7", name="Ann", email="Ann@Example.test")

    found = dict(zip(words_of(type(customer)), terms(customer), strict=True))

    assert {word: each for word, each in found.items() if each} == {"name": "ann", "email": "ann@example.test"}
    assert "total" not in found
