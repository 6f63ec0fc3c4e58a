"""What every document of sale and purchase is made of: lines, taxes, totals.

How the figures hang together (all in the document's currency; the laws hold it):

    net of a line    = quantity x unit price / price base quantity - what the line itself takes off     (never with tax)
    gross of a line  = net + tax
    subtotal         = net of the lines, less those lines that discount_total and charge_total sum up
    total            = subtotal - discount_total + charge_total + tax_total + rounding
    amount due       = total - amount paid - amount credited - amount withheld

`unit_price` and what a line takes off are with tax where `line_amounts` is "inclusive". A discount, charge or freight
of the whole document is a line of that type, or only the total of its kind where a system tells no more; what a line
itself takes off is not part of `discount_total`. `rounding` (cash rounding, say) counts once: in `total`, or, where a
system states the total before it, in `amount_due`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from integrations.canonical.parties import Address
from integrations.canonical.record import (
    Amount,
    Currency,
    Exact,
    Part,
    Percent,
    Price,
    Quantity,
    Rate,
    Record,
    Ref,
    said,
)
from integrations.canonical.refs import (
    AccountRef,
    CustomerRef,
    DimensionRef,
    ItemRef,
    PaymentTermRef,
    PurchaseOrderLineRef,
    TaxRateRef,
)

LineAmounts = Literal["exclusive", "inclusive", "no_tax"]
LineType = Literal["item", "discount", "charge", "shipping", "text", "subtotal"]
DocumentStatus = Literal["draft", "pending_approval", "open", "sent", "partially_paid", "paid", "void", "unknown"]
OrderStatus = Literal["draft", "pending_approval", "open", "partially_fulfilled", "closed", "void", "unknown"]
InvoicingStatus = Literal["not_invoiced", "partially_invoiced", "invoiced"]
TaxCategory = Literal["S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B"]
DimensionType = Literal["class", "location", "department", "project", "entity", "custom"]


class Tag(Part, frozen=True, kw_only=True):
    """A value of a reporting dimension, such as the department Berlin; `name` is a custom dimension's own."""

    type: DimensionType
    value: DimensionRef
    name: str | None = None


class Link(Part, frozen=True, kw_only=True):
    """A pointer for people to what this came from or belongs to. What must be resolved is a reference, not a link."""

    rel: Literal[
        "quote",
        "sales_order",
        "purchase_order",
        "invoice",
        "credit_note",
        "bill",
        "delivery",
        "contract",
        "subscription",
        "deal",
        "job",
        "other",
    ]
    target: Ref
    url: str | None = None


class TaxSummary(Exact, frozen=True, kw_only=True):
    """The tax of a document at one rate. `category` is a code of UNCL5305."""

    amount: Amount
    base: Amount | None = None
    rate_percent: Percent | None = None
    tax_rate: TaxRateRef | None = None
    category: TaxCategory | None = None
    name: str | None = None


class Line(Exact, frozen=True, kw_only=True):
    """A line of any document. `external_id` is the line's id there; `key` is stable in the source where there is one.

    Net is without tax, gross is with it. `discount_percent` and `discount_amount` are the same discount said twice.
    On orders, `quantity` is what was ordered, and the two other quantities say how far it has come. On bills,
    `customer` is for whom it was bought, and `purchase_order_line` the line of the order that it was made from.
    """

    external_id: str | None = None
    key: str | None = None
    line_type: LineType = said("item")
    item: ItemRef | None = None
    description: str | None = None
    quantity: Quantity | None = None
    unit: str | None = None
    unit_price: Price | None = None
    price_base_quantity: Quantity | None = None
    discount_percent: Percent | None = None
    discount_amount: Amount | None = None
    net_amount: Amount | None = None
    tax_rate: TaxRateRef | None = None
    tax_percent: Percent | None = None
    tax_amount: Amount | None = None
    tax_override: bool | None = None
    gross_amount: Amount | None = None
    account: AccountRef | None = None
    dimensions: list[Tag] = []
    service_on: date | None = None
    service_from: date | None = None
    service_to: date | None = None
    expected_on: date | None = None
    quantity_fulfilled: Quantity | None = None
    quantity_invoiced: Quantity | None = None
    customer: CustomerRef | None = None
    billable: bool | None = None
    purchase_order_line: PurchaseOrderLineRef | None = None
    extra: dict[str, Any] = {}


class Document(Record, frozen=True, kw_only=True):
    """Lines, taxes and totals, and whatever any document of sale or purchase may have."""

    number: str | None = None
    issued_on: date
    currency: Currency
    exchange_rate: Rate | None = None
    line_amounts: LineAmounts
    lines: list[Line]
    reference: str | None = None
    memo: str | None = None
    payment_term: PaymentTermRef | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    subtotal: Amount | None = None
    discount_total: Amount | None = None
    charge_total: Amount | None = None
    tax_total: Amount | None = None
    rounding: Amount | None = None
    total: Amount | None = None
    taxes: list[TaxSummary] = []
    dimensions: list[Tag] = []
    links: list[Link] = []


class Settled(Document, frozen=True, kw_only=True):
    """A document that is owed and paid. `amount_withheld` is tax that the payer keeps back."""

    due_on: date | None = None
    tax_on: date | None = None
    posted_on: date | None = None
    amount_paid: Amount | None = None
    amount_credited: Amount | None = None
    amount_withheld: Amount | None = None
    amount_due: Amount | None = None
    status: DocumentStatus = said("unknown")
    sent_at: datetime | None = None
