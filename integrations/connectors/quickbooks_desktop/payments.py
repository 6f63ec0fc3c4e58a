"""QuickBooks Desktop's payments as two-way tables: what was received or paid, and what it pays for.

What is applied to a document names the credits that are used up with it. To us a payment settles documents, and uses up
credits, each an allocation of its own; so credits are given to the documents in the order in which both are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from integrations.canonical import Allocation, BillAllocation, BillPayment, Payment
from integrations.wire.shape import F, Shape
from integrations.wire.xml import KIND

from .documents import CURRENCY, TXN, void_or
from .methods import method
from .shapes import Payload, refers, to_ref

# --- what it pays for ------------------------------------------------------------------------------------------------

_PAID = {"Invoice": "invoice", "JournalEntry": "journal_entry"}
_PAID_WITH = {"CreditMemo": "credit_note"}
_BILLED = {"Bill": "bill", "JournalEntry": "journal_entry"}
_BILLED_WITH = {"VendorCredit": "vendor_credit"}


def _applied(kinds: Mapping[str, str], credits: Mapping[str, str]) -> Any:
    """How allocations are read: `Amount` is what the payment itself gave, its links are the credits (memory)."""

    def read(payload: Payload) -> list[Payload] | None:
        found: list[Payload] = []
        for applied in payload.get("Applied", ()):
            used = [link for link in applied.get("LinkedTxn", ()) if link.get("TxnType") in credits]
            given = sum((abs(Decimal(link.get("Amount") or 0)) for link in used), start=Decimal(0))
            allocation = {
                "kind": kinds.get(str(applied.get("TxnType")), "other"),
                "target": {"external_id": applied["TxnID"], "number": applied.get("RefNumber")},
                "amount": abs(Decimal(applied.get("Amount") or 0)) + given,
            }
            if applied.get("DiscountAmount"):
                allocation["discount_amount"] = Decimal(applied["DiscountAmount"])
            found.append(allocation)
            found.extend(
                {
                    "kind": credits[link["TxnType"]],
                    "target": {"external_id": link["TxnID"], "number": link.get("RefNumber")},
                    "amount": abs(Decimal(link.get("Amount") or 0)),
                }
                for link in used
            )
        return found or None

    return read


def _to_applied(credits: Sequence[str]) -> Any:
    def write(payment: Payment | BillPayment) -> Payload:
        waiting = [(to_ref(each.target)["ListID"], each.amount) for each in payment.allocations if each.kind in credits]
        applied = []
        for each in payment.allocations:
            if each.kind in credits:
                continue
            if each.write_off_amount:
                raise ValueError("QuickBooks' payments write nothing off: book it as a credit memo")
            owed, used, left = each.amount, [], []
            for credit, amount in waiting:
                taken = min(owed, amount)
                owed -= taken
                if taken:
                    used.append({"CreditTxnID": credit, "AppliedAmount": taken})
                if amount > taken:
                    left.append((credit, amount - taken))
            waiting = left
            applied.append(_application(each, owed, used))
        if waiting:
            raise ValueError("it uses up more credit than the documents that it pays come to")
        return {"Applied": applied} if applied else {}

    return write


def _application(allocation: Allocation | BillAllocation, owed: Decimal, used: list[Payload]) -> Payload:
    discount = {"DiscountAmount": allocation.discount_amount} if allocation.discount_amount else {}
    return {
        KIND: "AppliedToTxn",
        "TxnID": to_ref(allocation.target)["ListID"],
        **({"PaymentAmount": owed} if owed or not used else {}),
        **({"SetCredit": used} if used else {}),
        **discount,
    }


def _number(payment: Payment | BillPayment) -> Payload:
    """The one number of a payment, by whichever name it is known."""
    names = ("reference", "number") if isinstance(payment, Payment) else ("number", "check_number", "reference")
    told = next((getattr(payment, name) for name in names if getattr(payment, name)), None)
    return {"RefNumber": told} if told else {}


def _refuse_fee(payment: Payment | BillPayment) -> Payload:
    if payment.fee_amount:
        raise ValueError("QuickBooks' payments take no fee: book it with the deposit")
    return {}


_FEE = F("fee_amount", "", read=None, write=_refuse_fee)


def _posted(payload: Payload) -> str:
    return "posted"


def _left_unapplied(payment: Payment) -> Payload:
    """What settles nothing must be said to, or QuickBooks would choose invoices by itself."""
    return {} if payment.allocations else {"IsAutoApply": False}


# --- from customers --------------------------------------------------------------------------------------------------

PAYMENT = Shape(
    Payment,
    **TXN,
    fields=(
        refers("customer", "CustomerRef"),
        F("paid_on", "TxnDate"),
        F("amount", "TotalAmount"),
        *CURRENCY,
        F("reference", "RefNumber"),
        F("number", "", read=None, write=_number),
        method(),
        F("memo", "Memo"),
        refers("deposit_account", "DepositToAccountRef"),
        refers("receivable_account", "ARAccountRef"),
        _FEE,
        F("allocations", "", read=_applied(_PAID, _PAID_WITH), write=_to_applied(("credit_note",)), uses=("Applied",)),
        F("allocations", "", read=None, write=_left_unapplied),
        F("unapplied_amount", "UnusedPayment", write=None),
        F("status", "", read=_posted, write=None),
    ),
)


# --- to vendors ------------------------------------------------------------------------------------------------------
# A cheque is whatever leaves a bank account; a credit card has a kind of transaction of its own. QuickBooks reckons the
# amount from what is applied.


def _check_amount(payment: BillPayment) -> Payload:
    settled = sum(
        (each.amount if each.kind != "vendor_credit" else -each.amount for each in payment.allocations),
        start=Decimal(0),
    )
    if not payment.allocations:
        raise ValueError("a bill payment has to name the bills that it pays: QuickBooks takes nothing on account")
    if settled != payment.amount:
        raise ValueError(f"it is {payment.amount}, but the bills that it pays come to {settled}: QuickBooks pays those")
    return {}


_BILL_PAYMENT: tuple[F, ...] = (
    refers("vendor", "PayeeEntityRef"),
    F("paid_on", "TxnDate"),
    F("amount", "Amount", write=None),
    F("amount", "", read=None, write=_check_amount),
    *CURRENCY,
    F("number", "RefNumber"),
    F("check_number", "", read=None, write=_number),
    F("memo", "Memo"),
    refers("payable_account", "APAccountRef"),
    _FEE,
    F(
        "allocations",
        "",
        read=_applied(_BILLED, _BILLED_WITH),
        write=_to_applied(("vendor_credit",)),
        uses=("Applied",),
    ),
    void_or(_posted),
)


def _to_be_printed(payment: BillPayment) -> Payload:
    """A cheque has either its number or the mark that it is still to be printed."""
    return {} if _number(payment) else {"IsToBePrinted": payment.method in (None, "check")}


BILL_PAYMENT = Shape(
    BillPayment,
    **TXN,
    fields=(
        *_BILL_PAYMENT,
        refers("payment_account", "BankAccountRef"),
        F("method", "", read=lambda payload: "check", write=None),
        F("number", "", read=None, write=_to_be_printed, uses=("IsToBePrinted",)),
    ),
)

BILL_PAYMENT_CARD = Shape(
    BillPayment,
    **TXN,
    fields=(
        *_BILL_PAYMENT,
        refers("payment_account", "CreditCardAccountRef"),
        F("method", "", read=lambda payload: "card", write=None),
    ),
)
