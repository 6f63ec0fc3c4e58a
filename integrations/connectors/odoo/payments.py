"""Odoo's payments (`account.payment`) as two-way tables: of customers, and to vendors.

A payment is made by hand, so that its external id is there from the beginning, posted, and then applied to the one
document that it pays. What it pays is read from the partial reconciliations of its receivable or payable line.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import BillPayment, Payment, Record
from integrations.wire.connector import Write
from integrations.wire.shape import F, Shape

from .documents import CODED, NAMED, Spec, number_of
from .quirks import figure, id_of
from .shapes import ENTITY, Payload, refers

_OTHER_SIDE: Spec = {"fields": {"move_id": {"fields": {"move_type": {}}}}}


def _partials(other: str, own: str) -> Spec:
    return {"fields": {f"{own}_amount_currency": {}, f"{other}_move_id": _OTHER_SIDE}}


PAYMENT_SPEC: Spec = {
    **{name: {} for name in ("name", "ref", "state", "date", "amount", "payment_type", "partner_type")},
    "write_date": {},
    "create_date": {},
    "partner_id": NAMED,
    "journal_id": NAMED,
    "currency_id": CODED,
    "move_id": {
        "fields": {
            "line_ids": {
                "fields": {
                    "account_type": {},
                    "matched_debit_ids": _partials("debit", "credit"),
                    "matched_credit_ids": _partials("credit", "debit"),
                }
            }
        }
    },
}

_OWED = ("asset_receivable", "liability_payable")
_KINDS = {
    "out_invoice": "invoice",
    "out_refund": "credit_note",
    "in_invoice": "bill",
    "in_refund": "vendor_credit",
    "entry": "journal_entry",
}
_STATES = {
    "draft": "draft",
    "posted": "posted",
    "cancel": "void",
    # Version 18 has states of its own.
    "in_process": "posted",
    "paid": "posted",
    "canceled": "void",
    "rejected": "void",
}


def owed_line(row: Mapping[str, Any]) -> Payload | None:
    """The line of a payment that settles what is owed."""
    lines = (row.get("move_id") or {}).get("line_ids") or []
    return next((line for line in lines if line.get("account_type") in _OWED), None)


def applied(row: Mapping[str, Any]) -> list[Payload]:
    """What a payment has been applied to, as allocations."""
    line = owed_line(row) or {}
    found = []
    for side, own in (("debit", "credit"), ("credit", "debit")):
        for partial in line.get(f"matched_{side}_ids") or []:
            move = (partial.get(f"{side}_move_id") or {}).get("move_id") or {}
            found.append(
                {
                    "external_id": str(partial["id"]),
                    "kind": _KINDS.get(str(move.get("move_type")), "other"),
                    "target": {"external_id": str(move["id"])} if move else None,
                    "amount": figure(partial[f"{own}_amount_currency"]),
                }
            )
    return [each for each in found if each["target"]]


def target_of(write: Write) -> int | None:
    """The document that a payment is for; None where it is for none yet."""
    allocations = getattr(write.record, "allocations", ())
    return id_of(allocations[0].target) if allocations else None


def is_applied(write: Write, row: Mapping[str, Any]) -> bool:
    """Whether a payment pays what it is meant to pay."""
    target = target_of(write)
    return target is None or any(each["target"]["external_id"] == str(target) for each in applied(row))


def refusal_of(record: Record) -> str | None:
    """Why a payment cannot be booked as it is; None where nothing is known against it."""
    if not isinstance(record, Payment | BillPayment):
        return None
    account = record.deposit_account if isinstance(record, Payment) else record.payment_account
    if account is not None:
        return "Odoo books a payment to a journal, not to an account: leave the account out, and it takes the bank's"
    if record.fee_amount:
        return "Odoo's payments take no fee: book it as an entry"
    if len(record.allocations) > 1:
        return "it pays several documents: only payments for one are made in Odoo"
    for each in record.allocations:
        if each.kind not in ("invoice", "bill"):
            return f"it pays a {each.kind}: only invoices and bills are paid in Odoo"
        if each.discount_amount or each.write_off_amount:
            return "it writes something off: book that as a credit note"
        if each.amount != record.amount:
            return "it is only partly for its document, while Odoo applies as much as it can"
    return None


def amount_of(payload: Mapping[str, Any]) -> Decimal:
    """A payment's amount straight from the payload, for control totals."""
    return figure(payload["amount"])


def _allocations(*kinds: str) -> F:
    """What was paid of our kinds of documents; anything else that took part is named `other`."""

    def read(row: Payload) -> list[Payload]:
        return [{**each, "kind": each["kind"] if each["kind"] in kinds else "other"} for each in applied(row)]

    return F("allocations", "", read=read, write=None, uses=("move_id",))


_FIELDS = (
    F("paid_on", "date"),
    F("amount", "amount", read=figure),
    F("currency", "currency_id", read=lambda value: value.get("name")),
    F("number", "", read=number_of, write=None, uses=("name",)),
    F("reference", "ref"),
    F("status", "state", read=lambda value: _STATES.get(value, "unknown"), write=None),
)
_PAYMENT: Mapping[str, Any] = {**ENTITY, "ignore": (*ENTITY["ignore"], "payment_type", "partner_type")}

PAYMENT = Shape(
    Payment,
    **_PAYMENT,
    fields=(refers("customer", "partner_id"), *_FIELDS, _allocations("invoice", "credit_note", "journal_entry")),
)
BILL_PAYMENT = Shape(
    BillPayment,
    **_PAYMENT,
    fields=(refers("vendor", "partner_id"), *_FIELDS, _allocations("bill", "vendor_credit", "journal_entry")),
)
