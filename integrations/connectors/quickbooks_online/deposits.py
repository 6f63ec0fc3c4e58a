"""QuickBooks Online's bank deposits as a two-way table: what was taken to the bank together.

Members after the vendor's schema (Finance.xsd). A line stands for a payment or receipt that waited among the
undeposited funds, or books straight to an account.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from msgspec.structs import replace

from integrations.canonical import Deposit, DepositLine, Ref
from integrations.wire.nested import member
from integrations.wire.shape import F, Fixed, Lines, Shape

from .dimensions import tags
from .documents import CURRENCY, MEMO, put_lines
from .methods import method
from .payments import linked, target
from .shapes import ENTITY, NOISE, Payload, ref, refers, to_ref

_DETAIL = "DepositLineDetail"
_KINDS = {
    "Payment": "payment",
    "SalesReceipt": "sales_receipt",
    "RefundReceipt": "refund",
    "JournalEntry": "journal_entry",
}
_KINDS_WRITTEN = {ours: theirs for theirs, ours in _KINDS.items()}
_PARTIES = {"customer": "CUSTOMER", "vendor": "VENDOR"}
_CASH_BACK = "CashBack"


# --- our figures and theirs ------------------------------------------------------------------------------------------


class DepositShape(Shape[Deposit]):
    """A shape that tells what is taken back in cash as a line, and books what a processor keeps as one.

    Besides ShapeError, writing raises ValueError where the fee has no account.
    """

    def read(self, payload: Payload) -> Deposit:
        return _told(super().read(payload))

    def write(self, record: Deposit, *, only: Collection[str] | None = None) -> Payload:
        return super().write(_booked(record), only=_with_lines(only))

    def patch(self, raw: Payload, record: Deposit, *, only: Collection[str], whole: bool = False) -> Payload:
        return super().patch(raw, _booked(record), only=_with_lines(only) or (), whole=whole)


def _told(deposit: Deposit) -> Deposit:
    """With the cash taken back as a line below zero, where the total is what reaches the bank."""
    cash = deposit.extra.get(_CASH_BACK)
    if not cash:
        return deposit
    taken = Decimal(cash["Amount"])
    if sum((line.amount for line in deposit.lines), start=Decimal(0)) - taken != deposit.amount:
        return deposit
    account = Ref(**ref(cash["AccountRef"])) if cash.get("AccountRef") else None
    line = DepositLine(amount=-taken, account=account, description=cash.get("Memo"), extra={_CASH_BACK: True})
    return replace(deposit, lines=[*deposit.lines, line])


def _booked(deposit: Deposit) -> Deposit:
    """With the fee as a line below zero, and without the line that tells of cash: that stays where it is."""
    lines = [line for line in deposit.lines if _CASH_BACK not in line.extra]
    if deposit.fee_total:
        if deposit.fee_account is None:
            raise ValueError("the fee names no account (fee_account): QuickBooks books it as a line of the deposit")
        lines.append(DepositLine(kind="fee", amount=-deposit.fee_total, account=deposit.fee_account))
    return replace(deposit, lines=lines)


def _with_lines(only: Collection[str] | None) -> Collection[str] | None:
    return only if only is None or not {"fee_total", "fee_account"} & set(only) else {*only, "lines"}


# --- lines -----------------------------------------------------------------------------------------------------------


def _kind(raw: Payload) -> str:
    return _KINDS.get(str(linked(raw).get("TxnType")), "other")


def _with_detail(line: DepositLine) -> Payload:
    """Every line has its detail, though it may hold nothing."""
    return {_DETAIL: {}}


def _to_linked(line: DepositLine) -> Payload:
    if line.kind not in _KINDS_WRITTEN or line.target is None:
        raise ValueError(f"a deposit holds {', '.join(_KINDS_WRITTEN)} and lines with an account, not a {line.kind}")
    # The line of the payment is always its first (memory).
    link = {"TxnId": to_ref(line.target)["value"], "TxnType": _KINDS_WRITTEN[line.kind], "TxnLineId": "0"}
    return {"LinkedTxn": [link]}


def _party(ours: str) -> F:
    """From whom the money came."""

    def read(raw: Payload) -> Payload | None:
        entity = member(raw, f"{_DETAIL}.Entity") or {}
        return ref(entity) if str(entity.get("type")).upper() == _PARTIES[ours] else None

    def write(line: DepositLine) -> Payload:
        party = getattr(line, ours)
        return {_DETAIL: {"Entity": {**to_ref(party), "type": _PARTIES[ours]}}} if party else {}

    return F(ours, "", read=read, write=write)


_COMMON: tuple[F | Fixed, ...] = (
    Fixed("DetailType", _DETAIL),
    F("amount", "Amount"),
    F("description", "Description"),
    _party("customer"),
    _party("vendor"),
    method(_DETAIL),
    F("method_reference", f"{_DETAIL}.CheckNum"),
    tags(_DETAIL, "class"),
)
_LINKED_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    when=lambda raw: bool(linked(raw).get("TxnId")),
    fits=lambda line: line.target is not None,
    put=put_lines,
    fields=(
        *_COMMON,
        F("kind", "", read=_kind, write=_with_detail, uses=("LineNum",)),
        F("target", "", read=target, write=_to_linked, uses=("LinkedTxn",)),
        refers("account", f"{_DETAIL}.AccountRef", write=None),
    ),
)
_OWN_LINE = Lines(
    "lines",
    "Line",
    key="Id",
    fits=lambda line: line.account is not None,
    fields=(
        *_COMMON,
        F("kind", "", read=lambda raw: "other", write=_with_detail, uses=("LineNum",)),
        refers("account", f"{_DETAIL}.AccountRef"),
    ),
)

DEPOSIT = DepositShape(
    Deposit,
    **ENTITY,
    ignore=(*NOISE, "HomeTotalAmt"),
    fields=(
        refers("deposit_account", "DepositToAccountRef"),
        F("number", "DocNumber"),
        F("deposited_on", "TxnDate"),
        F("amount", "TotalAmt", write=None),
        *CURRENCY,
        MEMO,
        F("fee_total", "", read=None, write=lambda deposit: {}),
        F("fee_account", "", read=None, write=lambda deposit: {}),
        _LINKED_LINE,
        _OWN_LINE,
        tags("", "location"),
        F("status", "", read=lambda payload: "posted", write=None),
    ),
)
