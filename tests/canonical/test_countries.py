"""Countries are known by whatever name an export gives them."""

from __future__ import annotations

import pytest

from integrations.canonical.countries import code_of


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Germany", "DE"),
        ("germany ", "DE"),
        ("Österreich", "AT"),
        ("EIRE", "IE"),
        ("U.S.A.", "US"),
        ("Côte d'Ivoire", "CI"),
        ("St. Lucia", "LC"),
        ("gb", "GB"),
    ],
)
def test_a_country_is_known_by_its_names_and_its_code(name: str, code: str) -> None:
    assert code_of(name) == code


@pytest.mark.parametrize("name", ["Channel Islands", "European Community", "Unspecified", ""])
def test_what_is_no_country_has_no_code(name: str) -> None:
    assert code_of(name) is None
