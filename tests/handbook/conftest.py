"""The handbook's examples stand on the same ground as the journeys."""

from tests.journeys.conftest import books, exchange, flows, quickbooks, sales

__all__ = ("books", "exchange", "flows", "quickbooks", "sales")
