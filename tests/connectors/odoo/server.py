"""A freshly made Odoo server."""

from __future__ import annotations

from integrations.connectors.odoo.simulator import Odoo

__all__ = ("Odoo", "fresh")


def fresh(version: int = 17) -> Odoo:
    """A server without limits of rate."""
    return Odoo(limits=0, version=version)
