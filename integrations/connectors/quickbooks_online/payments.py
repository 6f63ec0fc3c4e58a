"""QuickBooks Online's payments as two-way tables: what was received or paid, and what it pays for.

Members after the vendor's schema (Finance.xsd) and derived/samples_from_xml/: payment_with_line_extras.json,
bill_payment_check_response.json, bill_payment_cc_response.json.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import Allocation, BillAllocation, BillPayment, Payment
from integrations.wire.nested import member
from integrations.wire.shape import F, Lines, Shape

from .documents import CURRENCY, MEMO, is_void
from .methods import method
from .shapes import ENTITY, NOISE, Payload, address_noise, ref, refers, to_ref

# --- what it pays for ------------------------------------------------------------------------------------------------

_PAID = {"Invoice": "invoice", "CreditMemo": "credit_note", "JournalEntry": "journal_entry"}
_BILLED = {"Bill": "bill", "VendorCredit": "vendor_credit", "JournalEntry": "journal_entry"}


def linked(raw: Payload) -> Payload:
    """The transaction that a line stands for; an empty one where it stands for itself."""
    links = raw.get("LinkedTxn") or [{}]
    first: Payload = links[0]
    return first


def target(raw: Payload) -> Payload | None:
    """The reference to the transaction that a line stands for."""
    id = linked(raw).get("TxnId")
    return {"external_id": id} if id else None


def _allocations(kinds: Mapping[str, str]) -> Lines:
    """What a payment settles, each a line; the line's amount is positive for what it pays and what it pays with."""
    written = {ours: theirs for theirs, ours in kinds.items()}

    def to_linked(allocation: Allocation | BillAllocation) -> Payload:
        if allocation.kind not in written or not allocation.target.external_id:
            raise ValueError(f"a payment settles {', '.join(written)} with a QuickBooks id, nothing else")
        if allocation.discount_amount or allocation.write_off_amount:
            raise ValueError("QuickBooks' payments take no discount or write-off: book it as a credit note")
        return {"LinkedTxn": [{"TxnId": allocation.target.external_id, "TxnType": written[allocation.kind]}]}

    return Lines(
        "allocations",
        "Line",
        fields=(
            F("amount", "Amount", read=_positive),
            F("kind", "", read=lambda raw: kinds.get(str(linked(raw).get("TxnType")), "other"), write=None),
            F("target", "", read=target, write=to_linked, uses=("LinkedTxn",)),
        ),
        when=lambda raw: bool(linked(raw).get("TxnId")),
    )


def _positive(amount: Any) -> Decimal:
    return abs(Decimal(amount))


# --- from customers --------------------------------------------------------------------------------------------------


def _refuse_fee(payment: Payment | BillPayment) -> Payload:
    if payment.fee_amount:
        raise ValueError("QuickBooks' payments take no fee: book it with the deposit")
    return {}


def _status(payload: Payload) -> str:
    return "void" if is_void(payload) else "posted"


PAYMENT = Shape(
    Payment,
    **ENTITY,
    edition=2,
    ignore=NOISE,
    fields=(
        refers("customer", "CustomerRef"),
        F("paid_on", "TxnDate"),
        F("amount", "TotalAmt"),
        *CURRENCY,
        method(),
        F("reference", "PaymentRefNum"),
        MEMO,
        refers("deposit_account", "DepositToAccountRef"),
        refers("receivable_account", "ARAccountRef"),
        F("fee_amount", "", read=None, write=_refuse_fee),
        _allocations(_PAID),
        F("unapplied_amount", "UnappliedAmt", write=None),
        F("status", "", read=_status, write=None),
    ),
)


# --- to vendors ------------------------------------------------------------------------------------------------------
# A bill payment is a cheque or goes by credit card, and says so twice: in its type, and in the member that holds the
# account. Whatever else leaves a bank account is a cheque there.

_BY_TYPE = {"Check": "check", "CreditCard": "card"}
_BANK, _CARD = ("CheckPayment", "BankAccountRef"), ("CreditCardPayment", "CCAccountRef")


def _bill_method(payload: Payload) -> str | None:
    return _BY_TYPE.get(str(payload.get("PayType")))


def _paid_from(payload: Payload) -> Payload | None:
    account = member(payload, ".".join(_CARD if payload.get("PayType") == "CreditCard" else _BANK))
    return ref(account) if account else None


def _to_paid_from(payment: BillPayment) -> Payload:
    if payment.payment_account is None:
        return {}
    by_card = payment.method == "card"
    holder, account = _CARD if by_card else _BANK
    return {"PayType": "CreditCard" if by_card else "Check", holder: {account: to_ref(payment.payment_account)}}


class BillPaymentShape(Shape[BillPayment]):
    """A shape that leaves alone what stands beside the account: whether a cheque is printed, say."""

    def patch(self, raw: Payload, record: BillPayment, *, only: Collection[str], whole: bool = False) -> Payload:
        body = super().patch(raw, record, only=only, whole=whole)
        beside = {holder: raw[holder] for holder, _ in (_BANK, _CARD) if holder in body and holder in raw}
        return {**body, **{holder: {**there, **body[holder]} for holder, there in beside.items()}}


BILL_PAYMENT = BillPaymentShape(
    BillPayment,
    **ENTITY,
    ignore=(*NOISE, *address_noise("VendorAddr")),
    fields=(
        refers("vendor", "VendorRef"),
        F("number", "DocNumber"),
        F("paid_on", "TxnDate"),
        F("amount", "TotalAmt"),
        *CURRENCY,
        F("method", "", read=_bill_method, write=_to_paid_from, uses=("PayType",)),
        F(
            "payment_account",
            "",
            read=_paid_from,
            write=_to_paid_from,
            uses=(".".join(_BANK), ".".join(_CARD)),
        ),
        MEMO,
        refers("payable_account", "APAccountRef"),
        F("fee_amount", "", read=None, write=_refuse_fee),
        _allocations(_BILLED),
        F("status", "", read=_status, write=None),
    ),
)
