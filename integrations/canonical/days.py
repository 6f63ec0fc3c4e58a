"""On which day a record stands in the ledger, by its kind: what a closed period is about."""

from __future__ import annotations

from collections.abc import Mapping

LEDGER_DAY: Mapping[str, str] = {
    "invoice": "issued_on",
    "credit_note": "issued_on",
    "sales_receipt": "issued_on",
    "bill": "issued_on",
    "vendor_credit": "issued_on",
    "payment": "paid_on",
    "bill_payment": "paid_on",
    "refund": "refunded_on",
    "deposit": "deposited_on",
    "journal_entry": "posted_on",
}
"""Kind → the field with that day. What is not here (lists, quotes, orders, rates) stands in no ledger."""

BOOKED_ON = "posted_on"
"""The field in which a system says on which day it booked a document, where that is another than its own day."""
