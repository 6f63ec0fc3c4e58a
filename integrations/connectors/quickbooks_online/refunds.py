"""QuickBooks Online's refund receipts as a two-way table: money given back for lines of their own.

Members after the vendor's schema (Finance.xsd). A refund receipt is a sales receipt the other way round; it settles no
other document, so what a credit note or a payment gives back cannot be said with one.
"""

from __future__ import annotations

from integrations.canonical import Refund
from integrations.wire.shape import F

from .dimensions import tags
from .documents import CURRENCY, DOCUMENT_NOISE, MEMO, SALES_LINES, SUMS, TAX_MODE, DocumentShape
from .methods import method
from .shapes import ENTITY, Payload, refers


def _refuse_settled(refund: Refund) -> Payload:
    given_back = sorted({each.kind for each in refund.allocations} & {"credit_note", "payment"})
    if given_back:
        raise ValueError(
            f"QuickBooks' refund receipts give back lines of their own, not what is left of a {given_back[0]}: "
            "it would be given back twice"
        )
    return {}


REFUND = DocumentShape(
    Refund,
    **ENTITY,
    ignore=(*DOCUMENT_NOISE, "Balance"),
    fields=(
        F("number", "DocNumber"),
        F("refunded_on", "TxnDate"),
        *CURRENCY,
        TAX_MODE,
        MEMO,
        refers("customer", "CustomerRef"),
        refers("payment_account", "DepositToAccountRef"),
        method(),
        F("method_reference", "PaymentRefNum"),
        tags("", "class", "location"),
        *SALES_LINES,
        *SUMS,
        F("amount", "TotalAmt", write=None),
        F("allocations", "", read=None, write=_refuse_settled),
        F("status", "", read=lambda payload: "posted", write=None),
    ),
)
