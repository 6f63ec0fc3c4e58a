"""QuickBooks Online as a simulated vendor, written from its manual and contract, never from our connector."""

from .handles import QuickBooksOnline

SIMULATOR = QuickBooksOnline

__all__ = ["SIMULATOR", "QuickBooksOnline"]
