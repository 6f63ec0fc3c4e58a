"""What the handbook shows is what happens: its examples run, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from integrations.connections.models import Connection
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.sync.models import Flow

HANDBOOK = Path(__file__).resolve().parents[2] / "platform" / "handbook"
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_examples(page: Path, **given: Any) -> int:
    """Run the Python examples of a page one after the other; an error names the page and the line."""
    text, names = page.read_text(), dict(given)
    found = list(EXAMPLE.finditer(text))
    for example in found:
        # Blank lines before it, so that a traceback tells the line of the page.
        padded = "\n" * text.count("\n", 0, example.start(1)) + example[1]
        exec(compile(padded, page.name, "exec"), names)  # noqa: S102  # our own page
    return len(found)


@pytest.mark.django_db(transaction=True)
def test_the_walk_of_one_record_goes_as_it_is_told(
    exchange: Path, sales: Connection, books: Connection, flows: dict[str, Flow], quickbooks: QuickBooksOnline
) -> None:
    given = {"exchange": exchange, "sales": sales, "books": books, "flows": flows, "quickbooks": quickbooks}
    assert run_examples(HANDBOOK / "walk.md", **given) == 9


def test_a_connector_can_be_written_as_it_is_told() -> None:
    assert run_examples(HANDBOOK / "add-a-connector.md") == 3


def test_files_look_and_are_published_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    given = {"folder": tmp_path / "folder", "spool": tmp_path / "spool"}
    assert run_examples(HANDBOOK / "files.md", **given) == 3


@pytest.mark.parametrize("page", sorted(HANDBOOK.glob("*.md")), ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    root = HANDBOOK.parents[1]
    named = re.findall(r"`((?:integrations|tenants|platform|tests|bin|templates)/[\w./<>-]+)`", page.read_text())
    missing = [name for name in named if "<" not in name and not (root / name).exists()]
    assert missing == []
