"""The vendor's contract as it was read from the server's source: which fields each model has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs" / "odoo"
needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")

LINES = {
    "account.move": "account.move.line",
    "purchase.order": "purchase.order.line",
    "sale.order": "sale.order.line",
}
_EVERYWHERE = frozenset(("id", "display_name", "create_date", "write_date"))
_INHERITED = {"product.product": ("product.template",), "account.payment": ("account.move",)}
# Models that the computed file leaves out; from memory.
_UNLISTED = {
    "res.currency.rate": frozenset(("name", "currency_id", "company_id", "inverse_company_rate")),
    "account.payment.term.line": frozenset(
        ("value", "value_amount", "nb_days", "delay_type", "days", "months", "end_month")
    ),
}
# Added to the model by a module that the computed file does not merge.
_ADDED = {
    "product.product": frozenset(("uom_id", "categ_id", "taxes_id", "supplier_taxes_id")),
    "purchase.order.line": frozenset(("analytic_distribution",)),
    "sale.order.line": frozenset(("analytic_distribution",)),
}


@cache
def fields_of(model: str, version: str = "17") -> frozenset[str]:
    """The names of a model's fields in a version, 16 or 17."""
    models = msgspec.json.decode((SPECS / f"fields_{version}.0.json").read_bytes())["models"]
    names = set(_EVERYWHERE) | _ADDED.get(model, frozenset()) | _UNLISTED.get(model, frozenset())
    for each in (model, *_INHERITED.get(model, ())):
        found = models.get(each, {})
        names |= set(found.get("fields", found))
    return frozenset(names)
