"""The books: accounts, taxes, terms, dimensions, rates, entries."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from integrations.canonical.documents import DimensionType, Tag, TaxCategory
from integrations.canonical.record import Amount, Country, Currency, Exact, Figure, Percent, Rate, Record, said
from integrations.canonical.refs import AccountRef, CustomerRef, DimensionRef, TaxRateRef, VendorRef

Classification = Literal["asset", "liability", "equity", "income", "expense", "statistical"]
AccountType = Literal[
    "bank",
    "credit_card",
    "receivable",
    "payable",
    "inventory",
    "current_asset",
    "fixed_asset",
    "other_asset",
    "tax_liability",
    "current_liability",
    "long_term_liability",
    "other_liability",
    "equity",
    "sales",
    "other_income",
    "cost_of_sales",
    "expense",
    "other_expense",
    "non_posting",
    "statistical",
]
EntryStatus = Literal["draft", "pending_approval", "posted", "void", "unknown"]


class Account(Record, frozen=True, kw_only=True):
    """An account of the ledger; `number` is its code. `balance` is the other system's to compute.

    `tax_code` is the usual tax rate's code: a text and no reference, since tax rates refer to accounts.
    """

    name: str
    classification: Classification
    number: str | None = None
    type: AccountType | None = None
    full_name: str | None = None
    description: str | None = None
    parent: AccountRef | None = None
    currency: Currency | None = None
    tax_code: str | None = None
    postable: bool | None = None
    is_control: bool | None = None
    balance: Figure | None = None
    active: bool = said(True)


class TaxComponent(Exact, frozen=True, kw_only=True):
    """One tax within a rate, such as a state's or a county's. A compound one is reckoned on top of those before it."""

    name: str
    rate_percent: Percent
    compound: bool = said(False)
    account: AccountRef | None = None


class TaxRate(Record, frozen=True, kw_only=True):
    """A rate of tax as used on lines; `rate_percent` is what it comes to, components included.

    `category` is a code of UNCL5305.
    """

    code: str
    name: str
    rate_percent: Percent | None = None
    components: list[TaxComponent] = []
    category: TaxCategory | None = None
    country: Country | None = None
    region: str | None = None
    applies_to: Literal["sales", "purchases", "both"] | None = None
    is_recoverable: bool | None = None
    reverse_charge: bool | None = None
    exemption_reason: str | None = None
    account: AccountRef | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    active: bool = said(True)


class PaymentTerm(Record, frozen=True, kw_only=True):
    """When a document is due: so many days on, or on a day of the month; and what is taken off for paying early."""

    name: str
    number: str | None = None
    due_days: int | None = None
    due_day_of_month: int | None = None
    due_months: int | None = None
    discount_percent: Percent | None = None
    discount_days: int | None = None
    active: bool = said(True)


class Dimension(Record, frozen=True, kw_only=True):
    """A value that lines and documents can be tagged with; `dimension_name` is a custom dimension's own."""

    dimension_type: DimensionType
    dimension_name: str | None = None
    name: str
    number: str | None = None
    full_name: str | None = None
    parent: DimensionRef | None = None
    customer: CustomerRef | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    active: bool = said(True)


class ExchangeRate(Record, frozen=True, kw_only=True):
    """What one unit of `currency` is worth in `home_currency` from a day on."""

    currency: Currency
    home_currency: Currency
    rate: Rate
    effective_on: date
    rate_type: str | None = None


class JournalLine(Exact, frozen=True, kw_only=True):
    """One side of an entry: a debit or a credit, never both, never negative. `currency` where it is not the entry's."""

    external_id: str | None = None
    key: str | None = None
    account: AccountRef
    debit: Amount | None = None
    credit: Amount | None = None
    currency: Currency | None = None
    description: str | None = None
    customer: CustomerRef | None = None
    vendor: VendorRef | None = None
    tax_rate: TaxRateRef | None = None
    tax_amount: Amount | None = None
    dimensions: list[Tag] = []
    extra: dict[str, Any] = {}


class JournalEntry(Record, frozen=True, kw_only=True):
    """A booking by hand or by a system: for each currency, debits equal credits."""

    posted_on: date
    currency: Currency
    lines: list[JournalLine]
    number: str | None = None
    journal: str | None = None
    reference: str | None = None
    memo: str | None = None
    exchange_rate: Rate | None = None
    is_adjusting: bool | None = None
    reverse_on: date | None = None
    dimensions: list[Tag] = []
    status: EntryStatus = said("unknown")
