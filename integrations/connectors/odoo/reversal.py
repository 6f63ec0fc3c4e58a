"""Taking a posted document back by its opposite, where a credit is wanted, or the connection wants voids to be made so.

The opposite is loaded from the document as Odoo last told it, bears `reversed_entry_id`, and settles it once it is posted.
It is dated on the day of posting, which Odoo fills in; a vendor's on the document's own day, since it has to have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.wire.connector import Write
from integrations.wire.errors import Refused
from integrations.wire.site import Site

from .loading import Sheet, sheet_for_new
from .quirks import figure

Row = Mapping[str, Any]

BY_CANCELLING, BY_REVERSING = "cancel", "reverse"
CHOICES = ((BY_CANCELLING, "Reset to a draft and cancel"), (BY_REVERSING, "Reverse by a document that takes it back"))

_OPPOSITE = {"out_invoice": "out_refund", "in_invoice": "in_refund", "entry": "entry"}


def reverses(site: Site, write: Write) -> bool:
    """Whether this is done by a reversal: a credit, or the connection says so of voids; and the document has an opposite."""
    raw = write.raw or {}
    by_setting = site.settings.get("void_by") == BY_REVERSING and write.operation == "void"
    wanted = by_setting or write.operation == "credit"
    return wanted and raw.get("state") == "posted" and raw.get("move_type") in _OPPOSITE


def reversal_in(row: Row) -> int | None:
    """The newest document that reverses this one; None where there is none."""
    ids = row.get("reversal_move_id") or []
    return max(ids) if ids else None


def sheet_of(write: Write) -> Sheet:
    """The cells of the opposite of a document, bearing the external id of this intent."""
    raw = write.raw or {}
    kind = str(raw["move_type"])
    head = {
        "move_type": _OPPOSITE[kind],
        "ref": f"Reversal of: {raw.get('name') or raw['id']}",
        "reversed_entry_id": int(raw["id"]),
        "journal_id": raw["journal_id"]["id"],
    }
    if kind == "entry":
        return sheet_for_new({**head, "line_ids": [[0, 0, _entry_line(line)] for line in raw["line_ids"]]}, write.key)
    head |= {"partner_id": raw["partner_id"]["id"], "currency_id": raw["currency_id"]["name"]}
    head |= {"invoice_date": raw["invoice_date"]} if kind == "in_invoice" else {}
    lines = [line for line in raw["invoice_line_ids"] if line.get("display_type") in ("product", False, None)]
    return sheet_for_new({**head, "invoice_line_ids": [[0, 0, _line(line)] for line in lines]}, write.key)


def standing(row: Row) -> Refused | None:
    """What is left of a document that was to be reversed."""
    if row.get("payment_state", "reversed") == "reversed" or not figure(row.get("amount_total") or 0):
        return None
    return Refused(
        code="reversal",
        explanation="The document that takes this one back is posted, but Odoo did not settle the two with each other.",
        advice="Look at both in Odoo and match them there; then release the record.",
    )


def _line(line: Row) -> dict[str, Any]:
    found: dict[str, Any] = {name: figure(line[name]) for name in ("quantity", "price_unit", "discount")}
    found |= {"name": line["name"] or "", "account_id": line["account_id"]["id"]}
    found |= {"product_id": line["product_id"]["id"]} if line.get("product_id") else {}
    return found | {"tax_ids": [[6, 0, [tax["id"] for tax in line.get("tax_ids") or []]]]}


def _entry_line(line: Row) -> dict[str, Any]:
    party = {"partner_id": line["partner_id"]["id"]} if line.get("partner_id") else {}
    sides = {"debit": figure(line["credit"]), "credit": figure(line["debit"])}
    return {"account_id": line["account_id"]["id"], "name": line["name"] or "", **sides, **party}


def is_taken_back(row: Row) -> bool:
    """Whether Odoo itself says that this one was cancelled, or that another document takes all of it back."""
    is_reversed = reversal_in(row) is not None and row.get("payment_state", "reversed") == "reversed"
    return is_reversed or row.get("state") == "cancel"
