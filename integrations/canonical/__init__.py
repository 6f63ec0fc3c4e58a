"""WHAT a record is: the kinds of record every system's own are turned into, and the laws they keep. Plain Python.

`record` first: what every record is made of. Then the kinds, by family: `parties`, `items`, `ledger`, `documents` (what
sales and purchases share), `sales`, `purchases`, `payments`, `statistics`. `kinds` lists them and their order, `laws`
judges their figures, `codec` writes and reads them.
"""

from integrations.canonical.codec import BadRecord, decode, encode, fingerprint, from_plain, schema, to_plain
from integrations.canonical.documents import Line, Link, Tag, TaxSummary
from integrations.canonical.items import BundlePart, Item, PriceSide
from integrations.canonical.kinds import KINDS, kind_of, origins, rank, references, referred
from integrations.canonical.laws import Breach, broken_laws
from integrations.canonical.ledger import (
    Account,
    Dimension,
    ExchangeRate,
    JournalEntry,
    JournalLine,
    PaymentTerm,
    TaxComponent,
    TaxRate,
)
from integrations.canonical.money import Money, UnknownCurrency, minor_units, round_to_minor
from integrations.canonical.parties import Address, Contact, Customer, SalesRep, TaxId, Vendor
from integrations.canonical.payments import (
    Allocation,
    BillAllocation,
    BillPayment,
    Deposit,
    DepositLine,
    Payment,
    Refund,
    RefundAllocation,
)
from integrations.canonical.purchases import Bill, PurchaseOrder, VendorCredit
from integrations.canonical.record import Record, Ref
from integrations.canonical.sales import CreditNote, CreditUse, Invoice, Quote, SalesOrder, SalesReceipt
from integrations.canonical.statistics import StatisticalEntry, StatisticalLine

__all__ = [
    "KINDS",
    "Account",
    "Address",
    "Allocation",
    "BadRecord",
    "Bill",
    "BillAllocation",
    "BillPayment",
    "Breach",
    "BundlePart",
    "Contact",
    "CreditNote",
    "CreditUse",
    "Customer",
    "Deposit",
    "DepositLine",
    "Dimension",
    "ExchangeRate",
    "Invoice",
    "Item",
    "JournalEntry",
    "JournalLine",
    "Line",
    "Link",
    "Money",
    "Payment",
    "PaymentTerm",
    "PriceSide",
    "PurchaseOrder",
    "Quote",
    "Record",
    "Ref",
    "Refund",
    "RefundAllocation",
    "SalesOrder",
    "SalesReceipt",
    "SalesRep",
    "StatisticalEntry",
    "StatisticalLine",
    "Tag",
    "TaxComponent",
    "TaxId",
    "TaxRate",
    "TaxSummary",
    "UnknownCurrency",
    "Vendor",
    "VendorCredit",
    "broken_laws",
    "decode",
    "encode",
    "fingerprint",
    "from_plain",
    "kind_of",
    "origins",
    "minor_units",
    "rank",
    "references",
    "referred",
    "round_to_minor",
    "schema",
    "to_plain",
]
