"""What a tenant may say of a flow, and what stops for a person."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from integrations.sync.brakes import Brakes, unusual
from integrations.sync.policy import Policy, policy_of


def test_an_empty_policy_is_the_usual_one() -> None:
    assert policy_of({}) == Policy()


def test_a_policy_is_what_its_json_says() -> None:
    said = {
        "may": ["create"],
        "match": [["number"], ["name", "email"]],
        "conflicts": "source",
        "first_match": "ask",
        "source_gone": "void",
        "brakes": {"void_share": 5, "voids_at_least": "2"},
    }

    assert policy_of(said) == Policy(
        may=("create",),
        match=(("number",), ("name", "email")),
        conflicts="source",
        first_match="ask",
        source_gone="void",
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
        ({"void": 5}, 0, Brakes(), True),
        ({"update": 99}, 99, Brakes(), False),
        ({"update": 100}, 199, Brakes(), True),
        ({"update": 100}, 200, Brakes(), False),
    ],
)
def test_what_looks_like_an_accident_stops(planned: dict[str, int], linked: int, brakes: Brakes, stops: bool) -> None:
    assert bool(unusual(planned, linked=linked, brakes=brakes)) is stops
