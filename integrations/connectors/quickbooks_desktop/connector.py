"""QuickBooks Desktop: the facts. Its language is in `dialect`, its records in `shapes` and the tables beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations.wire.addresses import Addresses
from integrations.wire.auth import NoAuth
from integrations.wire.connector import EVERY_MINUTES, Connector, Setting
from integrations.wire.limits import Limits
from integrations.wire.shape import Shape
from integrations.wire.stream import Operation, Stream

from .dialect import QuickBooksDesktopDialect
from .documents import total_of
from .entities import Entity
from .items import ITEM
from .journals import JOURNAL_ENTRY, debits_of
from .payments import BILL_PAYMENT, BILL_PAYMENT_CARD, PAYMENT
from .purchases import BILL, PURCHASE_ORDER
from .reception import WebConnectorReception
from .sales import CREDIT_NOTE, INVOICE, QUOTE, SALES_ORDER, SALES_RECEIPT
from .shapes import (
    ACCOUNT,
    CLASS,
    CUSTOMER,
    PAYMENT_TERM,
    SALES_REP,
    SALES_TAX_CODE,
    TAX_GROUP,
    TAX_RATE,
    VENDOR,
    code_id,
)

_KEEPS: frozenset[Operation] = frozenset(("create", "update", "delete"))
_VOIDS: frozenset[Operation] = _KEEPS | {"void"}
_NOT_CHANGED: frozenset[Operation] = frozenset(("create", "delete", "void"))
_WHOLE: Mapping[str, Any] = {
    "page_size": 100,
    "fetch_batch": 50,
    "full_list": True,
    "batch": 20,
    "settle_seconds": 300,
    # The PC's clock goes as it likes, and QuickBooks is known to be an hour off around daylight saving time (memory).
    "overlap_seconds": 7200,
}
_LINES = ("IncludeLineItems", "OwnerID")
_LINKED = ("IncludeLineItems", "IncludeLinkedTxns", "OwnerID")


def _list(
    name: str,
    entity: str,
    shape: Shape[Any],
    *,
    unique: str = "Name",
    iterates: bool = True,
    custom: bool = True,
    gone: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
    kind: str = "",
    label: str = "",
    writes: frozenset[Operation] = _KEEPS,
    id_of: Callable[[str], str] = str,
) -> Stream:
    """A stream of entries of a list. `custom`: they may have custom fields."""
    facts = Entity(
        name=entity,
        is_list=True,
        iterates=iterates,
        asks=("OwnerID",) if custom else (),
        gone=gone or (entity,),
        others=others,
        unique=unique,
    )
    return Stream(
        name, kind=kind, label=label, shape=shape, writes=writes, facts={"entity": facts, "id_of": id_of}, **_WHOLE
    )


def _transaction(
    name: str,
    entity: str,
    shape: Shape[Any],
    *,
    party: str = "CustomerRef",
    asks: tuple[str, ...] = _LINKED,
    alike: tuple[str, ...] = (),
    kind: str = "",
    label: str = "",
    writes: frozenset[Operation] = _KEEPS,
    credits: Stream | None = None,
    dated_today: bool = False,
    total: Callable[[dict[str, Any]], Decimal] = total_of,
) -> Stream:
    """A stream of transactions: found again by their number, or by day and party, and by our GUID.

    `dated_today`: no day is sent, and QuickBooks fills in its own.
    """
    facts = Entity(name=entity, asks=asks, gone=(entity,), party=party, unique="RefNumber", alike=alike)
    return Stream(
        name,
        kind=kind,
        label=label,
        shape=shape,
        writes=writes | ({"credit"} if credits else set()),
        total=total,
        credits=credits,
        longest_number=11,
        facts={"entity": facts, "dated_today": dated_today},
        **_WHOLE,
    )


_ITEMS = (
    "ItemService", "ItemNonInventory", "ItemOtherCharge", "ItemInventory", "ItemInventoryAssembly", "ItemFixedAsset",
    "ItemSubtotal", "ItemDiscount", "ItemPayment", "ItemGroup",
)  # fmt: skip

CONNECTOR = Connector(
    slug="quickbooks_desktop",
    name="QuickBooks Desktop",
    manual="qbXML 13.0 (US edition), listing of qbXML 14.0; QuickBooks Web Connector Programmer's Guide 2.0",
    driver="polled",
    environments={"production": Addresses(api="")},
    auth=NoAuth(),
    limits=Limits(at_once=1),
    reception=WebConnectorReception(),
    streams=(
        _list("account", "Account", ACCOUNT, iterates=False),
        _list(
            "sales_tax_code",
            "SalesTaxCode",
            SALES_TAX_CODE,
            kind="tax_rate",
            iterates=False,
            custom=False,
            id_of=code_id,
        ),
        _list("tax_rate", "ItemSalesTax", TAX_RATE, label="Sales tax item"),
        _list(
            "tax_group",
            "ItemSalesTaxGroup",
            TAX_GROUP,
            kind="tax_rate",
            label="Sales tax group",
            writes=frozenset(),
        ),
        _list(
            "payment_term",
            "StandardTerms",
            PAYMENT_TERM,
            iterates=False,
            custom=False,
            writes=frozenset(("create", "delete")),
        ),
        _list("class", "Class", CLASS, kind="dimension", iterates=False, custom=False),
        _list("vendor", "Vendor", VENDOR),
        _list("sales_rep", "SalesRep", SALES_REP, unique="Initial", iterates=False, custom=False),
        _list("customer", "Customer", CUSTOMER),
        # Rates of tax are items there; to us they are rates only.
        _list("item", "Item", ITEM, gone=_ITEMS, others=("ItemSalesTax", "ItemSalesTaxGroup")),
        _transaction("quote", "Estimate", QUOTE),
        _transaction("sales_order", "SalesOrder", SALES_ORDER),
        _transaction(
            "invoice",
            "Invoice",
            INVOICE,
            writes=_VOIDS,
            credits=_transaction("credit_note", "CreditMemo", CREDIT_NOTE, dated_today=True),
        ),
        _transaction("sales_receipt", "SalesReceipt", SALES_RECEIPT, asks=_LINES, writes=_VOIDS),
        _transaction("credit_note", "CreditMemo", CREDIT_NOTE, writes=_VOIDS),
        _transaction("purchase_order", "PurchaseOrder", PURCHASE_ORDER, party="VendorRef"),
        # Two vendors may use the same number.
        _transaction("bill", "Bill", BILL, party="VendorRef", alike=("VendorRef",), writes=_VOIDS),
        _transaction(
            "journal_entry", "JournalEntry", JOURNAL_ENTRY, party="", asks=_LINES, writes=_VOIDS, total=debits_of
        ),
        # Its number is the payer's cheque, which others have as well.
        _transaction("payment", "ReceivePayment", PAYMENT, asks=_LINES, alike=("CustomerRef", "TotalAmount")),
        _transaction(
            "bill_payment",
            "BillPaymentCheck",
            BILL_PAYMENT,
            party="PayeeEntityRef",
            asks=_LINES,
            alike=("BankAccountRef",),
            label="Bill payment by cheque",
            writes=_VOIDS,
        ),
        _transaction(
            "bill_payment_card",
            "BillPaymentCreditCard",
            BILL_PAYMENT_CARD,
            kind="bill_payment",
            party="PayeeEntityRef",
            asks=_LINES,
            alike=("CreditCardAccountRef",),
            label="Bill payment by card",
            writes=_NOT_CHANGED,
        ),
    ),
    dialect=QuickBooksDesktopDialect(),
    tells_locks=True,
    settings=(
        EVERY_MINUTES,
        Setting(
            name="home_currency",
            label="Home currency",
            required=False,
            default="",
            help="Three letters. QuickBooks tells it where several currencies are switched on; else it is that of the "
            "edition (USD, CAD, GBP or AUD) unless you say another.",
        ),
        Setting(
            name="multicurrency",
            label="Multiple currencies are switched on",
            kind="boolean",
            required=False,
            default=False,
            help="Filled in from the preferences of the books when QuickBooks first comes.",
        ),
        Setting(
            name="sales_tax",
            label="Sales tax is switched on",
            kind="boolean",
            required=False,
            default=True,
            help="Filled in from the preferences of the books when QuickBooks first comes.",
        ),
        Setting(
            name="taxable_code",
            label="Sales tax code for what is taxed",
            required=False,
            default="Tax",
            help="Three characters, as the list of sales tax codes in QuickBooks has it.",
        ),
        Setting(
            name="not_taxable_code",
            label="Sales tax code for what is not taxed",
            required=False,
            default="Non",
            help="Three characters, as the list of sales tax codes in QuickBooks has it.",
        ),
        Setting(
            name="payment_methods",
            label="Payment methods",
            kind="json",
            required=False,
            default={},
            help='Which entry of the list in QuickBooks is meant by our words: {"cash": "Cash", "check": "Check"}. '
            "Words: cash, check, card, bank_transfer, direct_debit, wallet, credit, other. Without it no method is sent.",
        ),
        Setting(
            name="currencies",
            label="Names of currencies",
            kind="json",
            required=False,
            default={},
            help='How the currency list in QuickBooks calls other currencies than its own: {"EUR": "Euro"}.',
        ),
    ),
    can=(
        "Reads and writes customers and jobs, vendors, items, accounts, classes, sales representatives, sales tax items and "
        "codes, estimates, sales orders, invoices, sales receipts, credit memos, payments, purchase orders, bills, bill "
        "payments and journal entries; reads sales tax groups; makes terms.",
        "Sees deletions of the last 90 days, voids, and entries made inactive.",
        "Sends up to 20 records in one document, and finds its own again after a lost answer.",
        "Works when QuickBooks comes: the Web Connector on its computer asks every few minutes.",
    ),
    cannot=(
        "Telling tax in money, line by line: QuickBooks reckons one sales tax for the whole document. Differences of a cent "
        "show when totals are compared.",
        "Prices with tax, and any tax on what is bought.",
        "Numbers of more than 11 characters on documents of sale, names of more than 41 (customers, vendors) or 31 (items).",
        "Another currency than the customer's or vendor's own, and any other than the home currency unless multiple "
        "currencies are switched on.",
        "Voiding payments, orders and estimates; changing terms and payments by credit card.",
        "Discounts, freight and charges without an item; making groups of items or lines of them.",
        "Linking a bill that has lines of its own to purchase orders: QuickBooks would add the orders' lines to them.",
        "Vendor credits as records of their own; refunds and deposits.",
        "Sales orders in QuickBooks Pro.",
        "Entries before the closing date: it is told at each visit, and the rule for closed periods decides.",
        "Links to a record: it is a program on somebody's computer.",
    ),
)
