"""Money that moves: from customers, back to them, to vendors, into the bank."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from integrations.canonical.documents import Line, LineAmounts, Tag, TaxSummary
from integrations.canonical.record import Amount, Currency, Exact, Figure, Rate, Record, said
from integrations.canonical.refs import (
    AccountRef,
    BankedKind,
    BilledKind,
    CustomerRef,
    OpenRef,
    PaidKind,
    RefundedKind,
    VendorRef,
)

Method = Literal["cash", "check", "card", "bank_transfer", "direct_debit", "wallet", "credit", "other"]
PaymentStatus = Literal["draft", "pending_approval", "posted", "void", "unknown"]


class Payment(Record, frozen=True, kw_only=True):
    """Money received from a customer, and what it pays for.

    `amount` may be zero where a credit note alone settles an invoice. `fee_amount` is what the processor keeps of the
    amount, `unapplied_amount` what is left for later invoices.
    """

    customer: CustomerRef
    paid_on: date
    amount: Amount
    currency: Currency
    exchange_rate: Rate | None = None
    number: str | None = None
    method: Method | None = None
    method_reference: str | None = None
    reference: str | None = None
    memo: str | None = None
    deposit_account: AccountRef | None = None
    receivable_account: AccountRef | None = None
    fee_amount: Amount | None = None
    fee_account: AccountRef | None = None
    allocations: list[Allocation] = []
    unapplied_amount: Amount | None = None
    dimensions: list[Tag] = []
    status: PaymentStatus = said("unknown")


class Allocation(Exact, frozen=True, kw_only=True):
    """The part of a payment that settles one document, or of a credit note the credit used up with it.

    Positive, in the payment's currency; `target_amount` is what it settles in the document's own. Discount and
    write-off settle more of the document than was paid.
    """

    external_id: str | None = None
    kind: PaidKind
    target: OpenRef
    amount: Amount
    target_amount: Figure | None = None
    discount_amount: Amount | None = None
    write_off_amount: Amount | None = None
    applied_on: date | None = None


class Refund(Record, frozen=True, kw_only=True):
    """Money given back to a customer: for what it names, or for lines of its own, as a receipt in reverse.

    Amounts are positive, as on the receipt.
    """

    customer: CustomerRef | None = None
    refunded_on: date
    amount: Amount
    currency: Currency
    exchange_rate: Rate | None = None
    number: str | None = None
    method: Method | None = None
    method_reference: str | None = None
    reference: str | None = None
    reason: str | None = None
    memo: str | None = None
    payment_account: AccountRef | None = None
    receivable_account: AccountRef | None = None
    allocations: list[RefundAllocation] = []
    line_amounts: LineAmounts = said("exclusive")
    lines: list[Line] = []
    subtotal: Amount | None = None
    discount_total: Amount | None = None
    charge_total: Amount | None = None
    tax_total: Amount | None = None
    rounding: Amount | None = None
    taxes: list[TaxSummary] = []
    dimensions: list[Tag] = []
    status: PaymentStatus = said("unknown")


class RefundAllocation(Exact, frozen=True, kw_only=True):
    """The part of a refund that gives back one credit note, payment or receipt."""

    external_id: str | None = None
    kind: RefundedKind
    target: OpenRef
    amount: Amount


class BillPayment(Record, frozen=True, kw_only=True):
    """Money paid to a vendor, and the bills it pays. `amount` may be zero where a credit alone settles a bill."""

    vendor: VendorRef
    paid_on: date
    amount: Amount
    currency: Currency
    exchange_rate: Rate | None = None
    number: str | None = None
    check_number: str | None = None
    method: Method | None = None
    method_reference: str | None = None
    reference: str | None = None
    memo: str | None = None
    payment_account: AccountRef | None = None
    payable_account: AccountRef | None = None
    fee_amount: Amount | None = None
    fee_account: AccountRef | None = None
    allocations: list[BillAllocation] = []
    unapplied_amount: Amount | None = None
    dimensions: list[Tag] = []
    status: PaymentStatus = said("unknown")


class BillAllocation(Exact, frozen=True, kw_only=True):
    """The part of a payment that settles one bill, or of a vendor's credit what is used up with it. As Allocation."""

    external_id: str | None = None
    kind: BilledKind
    target: OpenRef
    amount: Amount
    target_amount: Figure | None = None
    discount_amount: Amount | None = None
    write_off_amount: Amount | None = None
    applied_on: date | None = None


class Deposit(Record, frozen=True, kw_only=True):
    """Money that reaches a bank account in one sum: a bank deposit, or the payout of a processor that keeps its fee.

    amount = lines - fee_total. Lines are positive for what comes in, and negative for refunds, for fees that are lines,
    and for cash taken back.
    """

    deposit_account: AccountRef
    deposited_on: date
    amount: Amount
    currency: Currency
    exchange_rate: Rate | None = None
    number: str | None = None
    reference: str | None = None
    memo: str | None = None
    lines: list[DepositLine] = []
    fee_total: Amount | None = None
    fee_account: AccountRef | None = None
    dimensions: list[Tag] = []
    status: PaymentStatus = said("unknown")


class DepositLine(Exact, frozen=True, kw_only=True):
    """One movement within a deposit: a payment that was received before, or money booked straight to an account."""

    external_id: str | None = None
    key: str | None = None
    kind: BankedKind = said("other")
    target: OpenRef | None = None
    amount: Amount
    account: AccountRef | None = None
    customer: CustomerRef | None = None
    vendor: VendorRef | None = None
    description: str | None = None
    method: Method | None = None
    method_reference: str | None = None
    dimensions: list[Tag] = []
    extra: dict[str, Any] = {}
