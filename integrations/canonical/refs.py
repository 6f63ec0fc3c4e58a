"""References that say which kind they name: the annotation is the one place where a reference is declared."""

from typing import Annotated, Literal

from msgspec import Meta

from integrations.canonical.record import Ref

BESIDE = "@kind"
"""What an open reference names: the kind written in the field `kind` beside it."""
OF_LINE = ".line"
"""The ending of what a reference to one line of a document names; its external id is `<document>/<line>`."""

CustomerRef = Annotated[Ref, Meta(extra={"kind": "customer"})]
VendorRef = Annotated[Ref, Meta(extra={"kind": "vendor"})]
ItemRef = Annotated[Ref, Meta(extra={"kind": "item"})]
AccountRef = Annotated[Ref, Meta(extra={"kind": "account"})]
TaxRateRef = Annotated[Ref, Meta(extra={"kind": "tax_rate"})]
PaymentTermRef = Annotated[Ref, Meta(extra={"kind": "payment_term"})]
DimensionRef = Annotated[Ref, Meta(extra={"kind": "dimension"})]
SalesRepRef = Annotated[Ref, Meta(extra={"kind": "sales_rep"})]
InvoiceRef = Annotated[Ref, Meta(extra={"kind": "invoice"})]
QuoteRef = Annotated[Ref, Meta(extra={"kind": "quote"})]
SalesOrderRef = Annotated[Ref, Meta(extra={"kind": "sales_order"})]
PurchaseOrderRef = Annotated[Ref, Meta(extra={"kind": "purchase_order"})]
PurchaseOrderLineRef = Annotated[Ref, Meta(extra={"kind": f"purchase_order{OF_LINE}"})]
OpenRef = Annotated[Ref, Meta(extra={"kind": BESIDE})]

PaidKind = Literal["invoice", "credit_note", "journal_entry", "other"]
RefundedKind = Literal["credit_note", "payment", "sales_receipt", "invoice", "other"]
BilledKind = Literal["bill", "journal_entry", "vendor_credit", "other"]
BankedKind = Literal["payment", "sales_receipt", "refund", "journal_entry", "fee", "other"]
