"""Connectors are found by looking, and a malformed one says where and what."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from integrations.connectors.registry import MalformedConnector, connector, connectors, found_in
from integrations.wire.addresses import Addresses
from integrations.wire.errors import BadAddress

from .toys import ACME

GOOD = """
from dataclasses import replace
from tests.wire.toys import ACME
CONNECTOR = replace(ACME, slug={slug!r}, name={name!r})
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """A folder of connectors of its own, importable as `shelf_of_<something unique>`."""
    folder = tmp_path / f"shelf_of_{tmp_path.name.replace('-', '_')}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    yield folder
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def put(shelf: Path, slug: str, text: str) -> None:
    package = shelf / slug
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "connector.py").write_text(text)


def test_every_package_with_a_connector_is_found_in_the_order_of_names(shelf: Path) -> None:
    put(shelf, "zeta", GOOD.format(slug="zeta", name="alpha books"))
    put(shelf, "acme", GOOD.format(slug="acme", name="Beta Books"))
    (shelf / "unfinished").mkdir()
    (shelf / "unfinished" / "__init__.py").touch()
    found = found_in(str(shelf), shelf.name)
    assert [each.name for each in found.values()] == ["alpha books", "Beta Books"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CONNECTOR = 5", "it says 5"),
        ("", "it says None"),
        ("import nowhere", "cannot be loaded: ModuleNotFoundError"),
        (GOOD.format(slug="other", name="Acme"), "its slug is 'other' but its folder 'acme'"),
        (GOOD.format(slug="acme", name="A") + "CONNECTOR = replace(CONNECTOR, streams=())", "no stream"),
        (GOOD.format(slug="acme", name="A") + "CONNECTOR = replace(CONNECTOR, environments={})", "no environment"),
        (
            GOOD.format(slug="acme", name="A") + "CONNECTOR = replace(CONNECTOR, streams=CONNECTOR.streams * 2)",
            "two streams are called 'customer'",
        ),
        (
            GOOD.format(slug="acme", name="A")
            + "CONNECTOR = replace(CONNECTOR, streams=(replace(CONNECTOR.streams[0], kind='unicorn'),))",
            "unknown kind 'unicorn'",
        ),
        (
            GOOD.format(slug="acme", name="A")
            + "CONNECTOR = replace(CONNECTOR, streams=(replace(CONNECTOR.streams[0], kind='invoice'),))",
            "makes Customer, not a invoice",
        ),
        (
            GOOD.format(slug="acme", name="A")
            + "CONNECTOR = replace(CONNECTOR, streams=(replace(CONNECTOR.streams[0], reads=False, writes=frozenset()),))",
            "neither reads nor writes",
        ),
        (
            GOOD.format(slug="acme", name="A") + "CONNECTOR = replace(CONNECTOR, settings=CONNECTOR.secrets)",
            "two settings are called 'api_key'",
        ),
    ],
)
def test_a_malformed_connector_says_where_and_what(shelf: Path, text: str, words: str) -> None:
    put(shelf, "acme", text)
    with pytest.raises(MalformedConnector) as error:
        found_in(str(shelf), shelf.name)
    assert f"{shelf.name}.acme.connector" in str(error.value)
    assert words in str(error.value)


def test_the_house_has_connectors_and_knows_them_by_slug() -> None:
    assert connectors()
    for slug, each in connectors().items():
        assert connector(slug) is each
    with pytest.raises(LookupError, match="no_such_vendor"):
        connector("no_such_vendor")


def test_a_connector_names_its_streams_and_environments_when_asked_for_another() -> None:
    assert ACME.stream("customer").kind == "customer"
    with pytest.raises(LookupError, match="it has customer"):
        ACME.stream("invoice")
    with pytest.raises(LookupError, match="it has production"):
        ACME.site("moon", {})


def test_a_site_is_made_of_environment_and_settings() -> None:
    site = ACME.site("simulator", {"a": 1}, simulator="http://127.0.0.1:8100/acme")
    assert site.addresses.api == "http://127.0.0.1:8100/acme/v3"
    assert site.settings == {"a": 1}
    with pytest.raises(LookupError):
        ACME.site("simulator", {})


def test_a_setting_that_leads_elsewhere_makes_no_site() -> None:
    asking = replace(ACME, environments={"production": Addresses(api="https://{account}.acme.example")})
    with pytest.raises(BadAddress):
        asking.site("production", {"account": "evil.example/"})
