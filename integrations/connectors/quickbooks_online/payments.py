"""QuickBooks Online's payments of customers as a two-way table: what was received, and what it pays for.

Members after the vendor's schema (Finance.xsd) and derived/samples_from_xml/payment_with_line_extras.json.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.canonical import Allocation, Payment
from integrations.wire.shape import F, Lines, Shape

from .documents import is_void
from .quirks import without_mark
from .shapes import ENTITY, NOISE, Payload, member, refers

_KINDS = {"Invoice": "invoice", "CreditMemo": "credit_note", "JournalEntry": "journal_entry"}
_KINDS_WRITTEN = {ours: theirs for theirs, ours in _KINDS.items()}

# A payment method is an entry of a list that each company names itself; its id stays in extra as PaymentMethodRef.
_METHODS = {
    "cash": "cash",
    "check": "check",
    "cheque": "check",
    "credit card": "card",
    "visa": "card",
    "mastercard": "card",
    "direct debit": "direct_debit",
    "bank transfer": "bank_transfer",
}


def _method(payload: Payload) -> str | None:
    return _METHODS.get(str(member(payload, "PaymentMethodRef.name")).lower())


def _linked(raw: Payload) -> Payload:
    links = raw.get("LinkedTxn") or [{}]
    linked: Payload = links[0]
    return linked


def _target(raw: Payload) -> Payload | None:
    id = _linked(raw).get("TxnId")
    return {"external_id": id} if id else None


def _to_linked(allocation: Allocation) -> Payload:
    if allocation.kind not in _KINDS_WRITTEN or not allocation.target.external_id:
        raise ValueError(f"a payment settles {', '.join(_KINDS_WRITTEN.values())} with a QuickBooks id, nothing else")
    if allocation.discount_amount or allocation.write_off_amount:
        raise ValueError("QuickBooks' payments take no discount or write-off: book it as a credit note")
    return {"LinkedTxn": [{"TxnId": allocation.target.external_id, "TxnType": _KINDS_WRITTEN[allocation.kind]}]}


def _refuse_fee(payment: Payment) -> Payload:
    if payment.fee_amount:
        raise ValueError("QuickBooks' payments take no fee: book it with the deposit")
    return {}


def _status(payload: Payload) -> str:
    return "void" if is_void(payload) else "posted"


def _positive(amount: Any) -> Decimal:
    return abs(Decimal(amount))


PAYMENT = Shape(
    Payment,
    **ENTITY,
    ignore=NOISE,
    fields=(
        refers("customer", "CustomerRef"),
        F("paid_on", "TxnDate"),
        F("amount", "TotalAmt"),
        F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
        F("exchange_rate", "ExchangeRate"),
        F("method", "", read=_method, write=None),
        F("reference", "PaymentRefNum"),
        F("memo", "PrivateNote", read=without_mark),
        refers("deposit_account", "DepositToAccountRef"),
        refers("receivable_account", "ARAccountRef"),
        F("fee_amount", "", read=None, write=_refuse_fee),
        Lines(
            "allocations",
            "Line",
            fields=(
                F("amount", "Amount", read=_positive),
                F("kind", "", read=lambda raw: _KINDS.get(str(_linked(raw).get("TxnType")), "other"), write=None),
                F("target", "", read=_target, write=_to_linked, uses=("LinkedTxn",)),
            ),
            when=lambda raw: bool(_linked(raw).get("TxnId")),
        ),
        F("unapplied_amount", "UnappliedAmt", write=None),
        F("status", "", read=_status, write=None),
    ),
)
