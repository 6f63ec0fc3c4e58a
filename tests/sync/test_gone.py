"""Deleted, voided, archived, merged and unreadable are five things: what follows from each is a function of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.records.models import Record
from integrations.sync.decide import SKIPS, Credit, Hold, Match, Skip, Void
from integrations.sync.gone import decide_gone
from integrations.sync.models import Flow
from integrations.sync.policy import Gone, Policy, TakenBack
from integrations.wire.stream import How
from tests.sync.toys import Toy
from tests.sync.words import document, items, open_issues, run_one

CAN = frozenset(("create", "update", "void", "credit"))
USUAL, LEAVE, TOO = Policy(), Policy(source_gone="leave"), Policy(source_gone="void")
CASES = [
    ("voided", Match(), USUAL, Skip("gone_before")),
    ("voided", Match("7"), USUAL, Void()),
    ("voided", Match("7"), Policy(gone_by="credit"), Credit()),
    ("voided", Match("7"), Policy(may=("create", "update")), "source_gone"),
    ("voided", Match("7", gone="voided"), USUAL, Skip("void_already")),
    ("voided", Match("7"), LEAVE, Skip("gone_left")),
    ("deleted", Match("7"), USUAL, "source_gone"),
    ("deleted", Match("7"), TOO, Void()),
    ("deleted", Match("7"), Policy(source_gone="void", gone_by="credit"), Credit()),
    ("deleted", Match("7"), LEAVE, Skip("gone_left")),
    ("merged", Match("7"), USUAL, "source_merged"),
    ("merged", Match("7"), TOO, "source_merged"),
    ("merged", Match("7"), LEAVE, Skip("gone_left")),
    ("archived", Match("7"), TOO, Skip("gone_left")),
    ("unreadable", Match("7"), USUAL, "source_unreadable"),
    ("unreadable", Match("7"), TOO, "source_unreadable"),
    ("unreadable", Match("7"), LEAVE, "source_unreadable"),
    ("unreadable", Match(), USUAL, "source_unreadable"),
    ("voided", Match("7", gone="unreadable"), USUAL, Void()),
]


@pytest.mark.parametrize(("how", "match", "policy", "expected"), CASES)
def test_a_record_that_is_gone_at_the_source(how: str, match: Match, policy: Policy, expected: Any) -> None:
    change = decide_gone(how, match, policy, can=CAN)

    assert change.reason == expected if isinstance(expected, str) else change == expected


def test_a_merge_says_into_whom() -> None:
    change = decide_gone("merged", Match("7"), USUAL, can=CAN, into="12")

    assert isinstance(change, Hold)
    assert "merged into 12" in change.words


@pytest.mark.parametrize("by", get_args(TakenBack))
def test_what_the_target_cannot_do_is_for_a_person(by: TakenBack) -> None:
    change = decide_gone("voided", Match("7"), Policy(gone_by=by), can={"create", "delete"})

    assert isinstance(change, Hold)
    assert f"cannot {by}" in change.words


@settings(max_examples=150, deadline=None)
@given(
    how=st.sampled_from(get_args(How)),
    gone=st.sampled_from(("", *get_args(How))),
    linked=st.booleans(),
    source_gone=st.sampled_from(get_args(Gone)),
    by=st.sampled_from(get_args(TakenBack)),
    may=st.sets(st.sampled_from(("create", "update", "void"))),
    can=st.sets(st.sampled_from(("create", "update", "void", "credit", "delete"))),
)
def test_whatever_happened_a_document_is_taken_back_by_policy_or_not_at_all(
    how: Any, gone: str, linked: bool, source_gone: Any, by: Any, may: set[Any], can: set[str]
) -> None:
    policy = Policy(may=tuple(sorted(may)), source_gone=source_gone, gone_by=by)

    change = decide_gone(how, Match("7" if linked else None, gone=gone if linked else ""), policy, can=can)

    match change:
        case Void() | Credit():
            assert how == "voided" or (how == "deleted" and source_gone == "void")
            assert "void" in may
            assert by in can
            assert isinstance(change, Credit if by == "credit" else Void)
            assert linked
        case Skip(reason):
            assert reason in SKIPS
        case _:
            assert isinstance(change, Hold)


@pytest.mark.django_db(transaction=True)
def test_the_engine_tells_all_five_apart_and_writes_only_what_follows(
    shop: Toy, books: Toy, bring: Callable[..., Flow]
) -> None:
    shop.put("customer", "c", name="Ann")
    run_one(bring("customer"))
    for name in ("void", "deleted", "merged", "archived", "broken", "fine"):
        shop.put("invoice", name, **document(name, customer={"external_id": "c"}))
    flow = bring("invoice", policy={"source_gone": "void"})
    assert run_one(flow).colour == "green"
    sent = len(books.sent)

    shop.put("invoice", "void", status="void")
    shop.put("invoice", "broken", total="11.00")  # its lines come to something else: that is no invoice
    for name in ("deleted", "merged", "archived"):
        del shop.rows["invoice"][name]
        shop.gone["invoice"].append({"external_id": name, "how": name, "into": "fine" if name == "merged" else None})
    assert run_one(flow).colour == "amber"

    with transaction.atomic():
        states = dict(
            Record.objects.filter(connection__name="Shop", object="invoice").values_list("external_id", "state")
        )
    assert states == {
        "void": "voided", "deleted": "deleted", "merged": "merged", "archived": "archived", "broken": "unreadable",
        "fine": "live",
    }  # fmt: skip
    assert {name: reason for name, _, reason in items(flow)} == {
        "void": "", "deleted": "", "merged": "source_merged", "archived": "nothing_new", "broken": "source_unreadable",
    } | {"void": "applied", "deleted": "applied"}  # fmt: skip
    assert [(write["operation"], books.rows["invoice"][write["id"]]["number"]) for write in books.sent[sent:]] == [
        ("void", "void"), ("void", "deleted"),
    ]  # fmt: skip
    assert [code for code, _ in open_issues()] == ["unreadable", "source_merged"], "one for each that needs a person"

    shop.put("invoice", "broken", total="10.00")
    shop.gone["invoice"] = []
    run_one(flow)
    assert [code for code, _ in open_issues()] == ["source_merged"]
