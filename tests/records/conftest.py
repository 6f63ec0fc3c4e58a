"""A shop to read from, as in the tests of the engine."""

from tests.sync.conftest import connectors, shop, source

__all__ = ["connectors", "shop", "source"]
