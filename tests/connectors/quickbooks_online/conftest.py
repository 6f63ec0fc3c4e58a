"""The companies that the connector's own tests speak to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline

from .driven import Books, opened


@pytest.fixture
def vendor() -> QuickBooksOnline:
    return QuickBooksOnline(limits=0)


@pytest.fixture
def books(vendor: QuickBooksOnline) -> Iterator[Books]:
    """The American company."""
    yield from opened(vendor, "US")


@pytest.fixture
def british(vendor: QuickBooksOnline) -> Iterator[Books]:
    """A company with tax codes and a tax mode."""
    yield from opened(vendor, "GB")
