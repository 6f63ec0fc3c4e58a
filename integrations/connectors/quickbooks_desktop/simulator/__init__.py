"""QuickBooks Desktop and its web connector as they stand on a customer's PC, written from the contract only."""

from .handles import QuickBooksDesktop
from .webconnector import Visit, WebConnector

SIMULATOR = QuickBooksDesktop

__all__ = ["SIMULATOR", "QuickBooksDesktop", "Visit", "WebConnector"]
