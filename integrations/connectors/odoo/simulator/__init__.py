"""Odoo as a simulated vendor, written from its documentation and from what was measured on a real server, never from our connector."""

from .handles import Odoo

SIMULATOR = Odoo

__all__ = ["SIMULATOR", "Odoo"]
