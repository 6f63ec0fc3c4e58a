"""What a tenant may say of a flow, and what stops for a person."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.records.absence import Limit, is_mass
from integrations.sync.brakes import ENOUGH, Brakes, Figures, unusual, usual
from integrations.sync.policy import Policy, policy_of

FEW = settings(max_examples=60, deadline=None)
NUMBERS = st.integers(0, 500)


def test_an_empty_policy_is_the_usual_one() -> None:
    assert policy_of({}) == Policy()


def test_a_policy_is_what_its_json_says() -> None:
    said = {
        "may": ["create"],
        "match": [["number"], ["name", "email"]],
        "conflicts": "source",
        "first_match": "ask",
        "source_gone": "void",
        "gone_by": "credit",
        "approve": "always",
        "brakes": {"void_share": 5, "voids_at_least": "2"},
    }

    assert policy_of(said) == Policy(
        may=("create",),
        match=(("number",), ("name", "email")),
        conflicts="source",
        first_match="ask",
        source_gone="void",
        gone_by="credit",
        approve="always",
        brakes=Brakes(void_share=5, voids_at_least=2),
    )


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"conflict": "ask"}, "conflict"),
        ({"conflicts": "nobody"}, "nobody.*conflicts"),
        ({"first_match": None}, "first_match"),
        ({"brakes": {"speed": 3}}, "void_share"),
        ({"brakes": {"void_share": "many"}}, "int.*void_share"),
        ({"brakes": 3}, "whole numbers"),
        ({"may": ["destroy"]}, "destroy"),
        ({"may": "create"}, "may"),
        ({"match": ["number"]}, "match"),
        ({"match": [["number", 3]]}, "match"),
        ({"gone_by": "delete"}, "delete.*gone_by"),
    ],
)
def test_a_policy_that_is_not_understood_is_refused_by_name(said: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        policy_of(said)


@pytest.mark.parametrize(
    ("planned", "linked", "brakes", "stops"),
    [
        ({}, 0, Brakes(), False),
        ({"create": 100_000}, 0, Brakes(), False),
        ({"create": 11}, 0, Brakes(creates_at_most=10), True),
        ({"create": 10}, 0, Brakes(creates_at_most=10), False),
        ({"void": 4}, 4, Brakes(), False),
        ({"void": 5}, 24, Brakes(), True),
        ({"void": 5}, 25, Brakes(), False),
        ({"void": 3, "credit": 2}, 24, Brakes(), True),
        ({"void": 5}, 0, Brakes(), True),
        ({"update": 99}, 99, Brakes(), False),
        ({"update": 100}, 199, Brakes(), True),
        ({"update": 100}, 200, Brakes(), False),
    ],
)
def test_a_volume_that_looks_like_an_accident_stops(
    planned: dict[str, int], linked: int, brakes: Brakes, stops: bool
) -> None:
    assert bool(unusual(Figures(planned), linked=linked, usual=None, brakes=brakes)) is stops


@pytest.mark.parametrize(
    ("largest", "sum", "brakes", "stops"),
    [
        ("999999", "999999", Brakes(), False),
        ("5000", "5000", Brakes(amount_at_most=5000), False),
        ("5000.01", "5000.01", Brakes(amount_at_most=5000), True),
        ("10", "70000", Brakes(amount_at_most=5000), False),
        ("10", "70000", Brakes(sum_at_most=60_000), True),
    ],
)
def test_an_amount_beyond_what_is_set_stops(largest: str, sum: str, brakes: Brakes, stops: bool) -> None:
    planned = Figures({"create": 1}, {"GBP": Decimal(sum)}, {"GBP": Decimal(largest)})

    assert bool(unusual(planned, linked=0, usual=None, brakes=brakes)) is stops


def run_of(create: int = 10, largest: str = "2000", sum: str = "9000") -> Figures:
    return Figures({"create": create}, {"GBP": Decimal(sum)}, {"GBP": Decimal(largest)})


def stops(planned: Figures, past: list[Figures], **brakes: int) -> list[str]:
    told = unusual(planned, linked=100_000, usual=usual(past), brakes=Brakes(**brakes))
    return [reason.words for reason in told]


def test_what_is_usual_is_learnt_from_past_runs() -> None:
    past = [run_of() for _ in range(ENOUGH)]

    assert stops(run_of(create=100), past) == []
    assert stops(run_of(create=101), past) == ["101 records would be created, and 10 is usual in a large run."]
    assert stops(run_of(largest="20000"), past) == []
    assert stops(run_of(largest="20000.01"), past) == [
        "One document comes to 20,000.01 GBP, and 2,000.00 GBP is usual in a large run."
    ]
    assert stops(run_of(sum="90001"), past) == [
        "The documents come to 90,001.00 GBP, and 9,000.00 GBP is usual in a large run."
    ]
    assert stops(run_of(create=101, largest="90000", sum="900000"), past, times_usual=0) == []


def test_from_few_runs_nothing_is_learnt() -> None:
    assert stops(run_of(create=100_000), [run_of() for _ in range(ENOUGH - 1)]) == []


def test_the_first_load_is_not_taken_for_what_is_usual() -> None:
    past = [run_of(create=12_000), *(run_of() for _ in range(ENOUGH))]

    assert stops(run_of(create=500), past) == ["500 records would be created, and 10 is usual in a large run."]


def test_a_day_of_the_week_with_more_is_usual() -> None:
    week = [run_of(create=5) for _ in range(6)] + [run_of(create=400)]

    assert stops(run_of(create=900), week * 2) == []


def test_another_currency_than_ever_before_is_unusual_from_a_sum_on() -> None:
    past = [run_of() for _ in range(ENOUGH)]

    assert stops(Figures({"create": 1}, {"USD": Decimal(9999)}, {"USD": Decimal(9999)}), past) == []
    assert len(stops(Figures({"create": 1}, {"USD": Decimal(10_000)}, {"USD": Decimal(10_000)}), past)) == 2


def test_figures_survive_being_kept() -> None:
    assert Figures.from_json(run_of().as_json()) == run_of()
    assert Figures.from_json({}) == Figures()


@FEW
@given(create=NUMBERS, update=NUMBERS, void=NUMBERS, more=NUMBERS, linked=NUMBERS)
def test_more_of_the_same_is_never_less_unusual(create: int, update: int, void: int, more: int, linked: int) -> None:
    past = [run_of(create=10) for _ in range(ENOUGH)]

    def told(extra: int) -> int:
        planned = Figures({"create": create + extra, "update": update + extra, "void": void + extra})
        return len(unusual(planned, linked=linked, usual=usual(past), brakes=Brakes(creates_at_most=300)))

    assert told(more) >= told(0)


@FEW
@given(st.lists(NUMBERS, min_size=ENOUGH, max_size=40))
def test_what_a_flow_did_twice_lately_never_stops_it(counts: list[int]) -> None:
    past = [run_of(create=number) for number in counts]
    known = sorted(counts[:20])[-2]

    assert stops(run_of(create=known), past) == []


@FEW
@given(missing=NUMBERS, more=NUMBERS, share=st.integers(0, 100), at_least=NUMBERS)
def test_a_mass_is_a_share_of_at_least_so_many_or_all_of_several(
    missing: int, more: int, share: int, at_least: int
) -> None:
    of, limit = missing + more, Limit(share, at_least)

    if more == 0:
        assert is_mass(missing, of, limit) is (of > 1)
    else:
        assert is_mass(missing, of, limit) is (missing >= at_least and missing * 100 > of * share)
        assert not is_mass(missing, of, limit) or is_mass(missing + 1, of, limit)
