"""Odoo's payments (`account.payment`) as two-way tables: of customers, back to customers, and to vendors.

A payment is made by hand and not by Odoo's wizard: so its external id is there from the first call on, and no lost answer
can make a second one, which the wizard could not promise. It is posted, and then applied to what it pays, one document a
call. What it pays is read from the partial reconciliations of its receivable or payable line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from integrations.canonical import BillPayment, Payment, Record, Refund
from integrations.wire.connector import Write
from integrations.wire.errors import Refused
from integrations.wire.message import Answer, Pending, Request
from integrations.wire.shape import F, Shape
from integrations.wire.site import Site

from .documents import CODED, NAMED, Spec, number_of
from .quirks import figure, id_of
from .rpc import call
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


def amount_of(payload: Mapping[str, Any]) -> Decimal:
    """A payment's amount straight from the payload, for control totals."""
    return figure(payload["amount"])


# --- what was applied to what ----------------------------------------------------------------------------------------


def applied(row: Mapping[str, Any]) -> list[Payload]:
    """What a payment has been applied to, as allocations."""
    line = _owed_line(row) or {}
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


def is_applied(write: Write, row: Mapping[str, Any]) -> bool:
    """Whether nothing is left to apply: every document has had its part, or the payment is used up."""
    there = applied(row)
    done = {each["target"]["external_id"] for each in there}
    return done >= set(_wanted(write)) or sum(each["amount"] for each in there) >= amount_of(row)


def misapplied(write: Write, row: Mapping[str, Any]) -> Refused | None:
    """In which way a payment does not pay what it was meant to pay."""
    there: dict[str, Decimal] = {}
    for each in applied(row):
        there[each["target"]["external_id"]] = there.get(each["target"]["external_id"], Decimal(0)) + each["amount"]
    wanted = _wanted(write)
    wrong = [
        f"{there.get(target, Decimal(0))} instead of {amount} to document {target}"
        for target, amount in wanted.items()
        if there.get(target) != amount
    ]
    if not wrong:
        return None
    return Refused(
        code="applied",
        explanation=f"The payment is posted, but Odoo applied {', '.join(wrong)}: it applies as much as a document is open.",
        advice="Look at the payment in Odoo, take it off the documents and apply it there as it is meant; then release "
        "the record.",
    )


def is_for_several(write: Write) -> bool:
    """Whether a payment is for more than one document."""
    return len(_wanted(write)) > 1


def _wanted(write: Write) -> dict[str, Decimal]:
    """How much of each document a payment is meant to settle."""
    return {str(id_of(each.target)): each.amount for each in getattr(write.record, "allocations", ()) if each.amount}


def _owed_line(row: Mapping[str, Any]) -> Payload | None:
    """The line of a payment that settles what is owed."""
    lines = (row.get("move_id") or {}).get("line_ids") or []
    return next((line for line in lines if line.get("account_type") in _OWED), None)


# --- applying --------------------------------------------------------------------------------------------------------
# Odoo applies to one document a call. What is still to come travels with the question, in the member by which JSON-RPC
# tells answers apart. To apply once more where it was done already does nothing.

_MARK = "applying:"


def application(site: Site, write: Write, row: Mapping[str, Any]) -> Request | None:
    """The call that applies a payment to the first of its documents; None where there is nothing to apply."""
    if not _wanted(write) or is_applied(write, row):
        return None
    line = _owed_line(row)
    if line is None:
        raise Refused(
            code="no_entry",
            explanation="Odoo posted this payment without an entry, so that there is nothing to apply to its documents.",
            advice="Give the payment methods of its bank journal an outstanding account in Odoo (Invoicing, Configuration, "
            "Journals), apply this payment there by hand, and release the record.",
        )
    return _application(site, [int(target) for target in _wanted(write)], line["id"])


def next_application(answer: Answer, site: Site) -> Pending | None:
    """What follows the application to one document; None where it was the last, or where Odoo said no."""
    if _MARK.encode() not in answer.body or b'"error"' in answer.body:
        return None
    number = msgspec.json.decode(answer.body, type=_Numbered).id.removeprefix(_MARK)
    line, *targets = (int(each) for each in number.split(","))
    return Pending(then=_application(site, targets, line), after=0)


class _Numbered(msgspec.Struct):
    id: str


def _application(site: Site, targets: Sequence[int], line: int) -> Request:
    first, *others = targets
    number = _MARK + ",".join(str(each) for each in (line, *others)) if others else 1
    return call(site, "account.move", "js_assign_outstanding_line", [[first], line], number=number)


# --- what can be booked ----------------------------------------------------------------------------------------------

_PAID = {"payment": ("invoice",), "bill_payment": ("bill",), "refund": ("credit_note",)}


def refusal_of(record: Record) -> str | None:
    """Why a payment cannot be booked as it is; None where nothing is known against it."""
    if isinstance(record, Payment):
        return _refusal(record, record.deposit_account, _PAID["payment"]) or _fee(record)
    if isinstance(record, BillPayment):
        return _refusal(record, record.payment_account, _PAID["bill_payment"]) or _fee(record)
    if isinstance(record, Refund):
        if record.lines:
            return "it gives money back for lines of its own: send a credit note, and a refund that names it"
        return _refusal(record, record.payment_account, _PAID["refund"])
    return None


def _refusal(record: Payment | BillPayment | Refund, account: Any, kinds: tuple[str, ...]) -> str | None:
    if account is not None:
        return "Odoo books a payment to a journal, not to an account: leave the account out, and it takes the bank's"
    if not record.amount and record.allocations:
        return "it moves no money: apply the credit in Odoo"
    for each in record.allocations:
        if each.kind not in kinds:
            return f"it pays a {each.kind}: only {' and '.join(kinds)}s are paid in this way"
        if getattr(each, "discount_amount", None) or getattr(each, "write_off_amount", None):
            return "it writes something off: book that as a credit note"
    return None


def _fee(record: Payment | BillPayment) -> str | None:
    return "Odoo's payments take no fee: book it as an entry" if record.fee_amount else None


# --- the tables ------------------------------------------------------------------------------------------------------


def _allocations(*kinds: str) -> F:
    """What was paid of our kinds of documents; anything else that took part is named `other`."""

    def read(row: Payload) -> list[Payload]:
        return [{**each, "kind": each["kind"] if each["kind"] in kinds else "other"} for each in applied(row)]

    return F("allocations", "", read=read, write=None, uses=("move_id",))


def _fields(day: str) -> tuple[F, ...]:
    return (
        F(day, "date"),
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
    fields=(
        refers("customer", "partner_id"),
        *_fields("paid_on"),
        _allocations("invoice", "credit_note", "journal_entry"),
    ),
)
REFUND = Shape(
    Refund, **_PAYMENT, fields=(refers("customer", "partner_id"), *_fields("refunded_on"), _allocations("credit_note"))
)
BILL_PAYMENT = Shape(
    BillPayment,
    **_PAYMENT,
    fields=(
        refers("vendor", "partner_id"),
        *_fields("paid_on"),
        _allocations("bill", "vendor_credit", "journal_entry"),
    ),
)
