"""QuickBooks Online: the facts. Its language is in `dialect`, its records in `shapes` and the tables beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from integrations.wire.addresses import Addresses
from integrations.wire.auth import OAuth2Code
from integrations.wire.connector import Connector, Setting
from integrations.wire.limits import Limits
from integrations.wire.shape import Shape
from integrations.wire.stream import Operation, Stream

from .deposits import DEPOSIT
from .dialect import QuickBooksDialect
from .dimensions import CLASS, DEPARTMENT
from .documents import CREDIT_NOTE, INVOICE, QUOTE, SALES_RECEIPT, total_of
from .journals import JOURNAL_ENTRY, debits_of
from .knocks import KNOCKS
from .payments import BILL_PAYMENT, PAYMENT
from .purchases import BILL, PURCHASE_ORDER, VENDOR_CREDIT
from .rates import EXCHANGE_RATE
from .refunds import REFUND
from .shapes import ACCOUNT, CUSTOMER, ITEM, PAYMENT_TERM, TAX_RATE, VENDOR

_OAUTH = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
_AUTHORIZE = "https://appcenter.intuit.com/connect/oauth2"
_REVOKE = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"

_KEEPS: frozenset[Operation] = frozenset(("create", "update"))
_DELETES: frozenset[Operation] = _KEEPS | {"delete"}
_VOIDS: frozenset[Operation] = _DELETES | {"void"}
_WHOLE: Mapping[str, Any] = {"page_size": 1000, "fetch_batch": 100, "full_list": True}
_VOID_BY_UPDATE = {"operation": "update", "include": "void"}
_BATCHED: Mapping[str, Any] = {"batch": 30, "batches": {"void": 1}, "settle_seconds": 300}


def _list(
    name: str, entity: str, shape: Shape[Any], *, named_by: str, page: str = "", kind: str = "", label: str = ""
) -> Stream:
    """A stream of list entries: hidden when inactive, never deleted, found again by their name."""
    return Stream(
        name,
        kind=kind,
        label=label,
        shape=shape,
        path=entity.lower(),
        at=entity,
        writes=_KEEPS,
        facts={"list": True, "found_by": (named_by,), "unique": named_by, "page": page},
        **_WHOLE,
        **_BATCHED,
    )


def _transaction(
    name: str,
    entity: str,
    shape: Shape[Any],
    *,
    page: str,
    found_by: tuple[str, ...] = ("DocNumber",),
    unique: str = "DocNumber",
    reference: str = "",
    void: Mapping[str, str] | None = None,
    credits: Stream | None = None,
    dated_today: bool = False,
    total: Callable[[dict[str, Any]], Decimal] = total_of,
) -> Stream:
    """A stream of transactions: found again by our mark, deletions told by the change feed.

    `found_by` is what can be asked for, `unique` what only one of them has, `reference` what else tells a person that
    two are the same. `void` is how to ask for one, `credits` what takes one back. `dated_today`: no day is sent, and
    QuickBooks fills in its own.
    """
    return Stream(
        name,
        shape=shape,
        path=entity.lower(),
        at=entity,
        writes=(_DELETES if void is None else _VOIDS) | ({"credit"} if credits else set()),
        total=total,
        credits=credits,
        longest_number=21,
        facts={
            "transaction": True,
            "found_by": found_by,
            "unique": unique,
            "reference": reference,
            "page": page,
            "void": void,
            "dated_today": dated_today,
        },
        **_WHOLE,
        **_BATCHED,
    )


def _vendor_credit(*, dated_today: bool = False) -> Stream:
    return _transaction(
        "vendor_credit",
        "VendorCredit",
        VENDOR_CREDIT,
        page="vendorcredit?txnId",
        found_by=("DocNumber", "VendorRef"),
        unique="",
        dated_today=dated_today,
    )


CONNECTOR = Connector(
    slug="quickbooks_online",
    name="QuickBooks Online",
    manual="Intuit Accounting API v3, minor version 75, schema of July 2026",
    driver="http",
    environments={
        "production": Addresses(
            api="https://quickbooks.api.intuit.com",
            authorize=_AUTHORIZE,
            token=_OAUTH,
            revoke=_REVOKE,
            app="https://app.qbo.intuit.com/app",
        ),
        "sandbox": Addresses(
            api="https://sandbox-quickbooks.api.intuit.com",
            authorize=_AUTHORIZE,
            token=_OAUTH,
            revoke=_REVOKE,
            app="https://app.sandbox.qbo.intuit.com/app",
        ),
    },
    auth=OAuth2Code(
        scopes=("com.intuit.quickbooks.accounting",),
        callback_fields=("realmId",),
        client_auth="basic",
        refresh_lifetime=timedelta(days=100),
        refresh_expires_in="x_refresh_token_expires_in",
        consent_expires_in="x_refresh_token_hard_expires_in",
        revoke_as="json",
        refresh_headers={"x-include-refresh-token-hard-expires-in": "true"},
    ),
    limits=Limits(per_second=10, per_minute=500, batches_per_minute=40, at_once=10, ledger=("realmId",)),
    streams=(
        _list("account", "Account", ACCOUNT, named_by="Name"),
        Stream(
            "tax_rate",
            shape=TAX_RATE,
            path="taxcode",
            at="TaxCode",
            label="Tax code",
            facts={"joined": True},
            **_WHOLE,
        ),
        _list("payment_term", "Term", PAYMENT_TERM, named_by="Name"),
        _list("customer", "Customer", CUSTOMER, named_by="DisplayName", page="customerdetail?nameId"),
        _list("vendor", "Vendor", VENDOR, named_by="DisplayName", page="vendordetail?nameId"),
        _list("item", "Item", ITEM, named_by="Name"),
        _list("class", "Class", CLASS, named_by="Name", kind="dimension"),
        _list("location", "Department", DEPARTMENT, named_by="Name", kind="dimension"),
        Stream(
            "exchange_rate",
            shape=EXCHANGE_RATE,
            path="exchangerate",
            at="ExchangeRate",
            writes=_KEEPS,
            facts={"by_day": True, "found_by": ("SourceCurrencyCode", "AsOfDate")},
            page_size=1000,
            fetch_batch=30,
        ),
        _transaction("quote", "Estimate", QUOTE, page="estimate?txnId"),
        _transaction(
            "invoice",
            "Invoice",
            INVOICE,
            page="invoice?txnId",
            void={"operation": "void"},
            credits=_transaction("credit_note", "CreditMemo", CREDIT_NOTE, page="creditmemo?txnId", dated_today=True),
        ),
        _transaction("sales_receipt", "SalesReceipt", SALES_RECEIPT, page="salesreceipt?txnId", void=_VOID_BY_UPDATE),
        _transaction("credit_note", "CreditMemo", CREDIT_NOTE, page="creditmemo?txnId"),
        _transaction("refund", "RefundReceipt", REFUND, page="refundreceipt?txnId"),
        _transaction("purchase_order", "PurchaseOrder", PURCHASE_ORDER, page="purchaseorder?txnId"),
        # Two vendors may use the same number.
        _transaction(
            "bill",
            "Bill",
            BILL,
            page="bill?txnId",
            found_by=("DocNumber", "VendorRef"),
            unique="",
            credits=_vendor_credit(dated_today=True),
        ),
        _vendor_credit(),
        _transaction("journal_entry", "JournalEntry", JOURNAL_ENTRY, page="journal?txnId", total=debits_of),
        # A payment has no number that can be asked for.
        _transaction(
            "payment",
            "Payment",
            PAYMENT,
            page="recvpayment?txnId",
            found_by=("CustomerRef", "TxnDate"),
            unique="",
            reference="PaymentRefNum",
            void=_VOID_BY_UPDATE,
        ),
        # Its number is the cheque's, which another bank account has as well.
        _transaction(
            "bill_payment",
            "BillPayment",
            BILL_PAYMENT,
            page="billpayment?txnId",
            found_by=("DocNumber", "VendorRef"),
            unique="",
            void=_VOID_BY_UPDATE,
        ),
        _transaction("deposit", "Deposit", DEPOSIT, page="deposit?txnId", found_by=("TxnDate",), unique=""),
    ),
    dialect=QuickBooksDialect(),
    tells_locks=True,
    knocks=KNOCKS,
    settings=(
        Setting(
            name="realmId",
            label="Company id",
            help="Chosen in QuickBooks while connecting; QuickBooks shows it under Billing and subscription.",
        ),
        Setting(
            name="country",
            label="Country of the company",
            required=False,
            default="US",
            help="Two letters. US companies reckon sales tax themselves; all others take a tax mode and codes.",
        ),
        Setting(
            name="home_currency",
            label="Home currency",
            required=False,
            default="",
            help="Three letters. Documents in it are sent without a currency, as companies with one currency want it.",
        ),
        Setting(
            name="payment_methods",
            label="Payment methods",
            kind="json",
            required=False,
            default={},
            help='Which entry of the company\'s list is meant by our words, by its id: {"cash": "1", "check": "2"}. '
            "Words: cash, check, card, bank_transfer, direct_debit, wallet, credit, other. Without it no method is sent.",
        ),
    ),
    can=(
        "Reads and writes customers, vendors, items, accounts, terms, classes, locations, exchange rates, estimates, "
        "invoices, sales receipts, credit memos, refund receipts, payments, purchase orders, bills, vendor credits, bill payments, "
        "deposits and journal entries; reads tax codes.",
        "Sees deletions of the last 30 days, voids, and entries made inactive.",
        "Sends up to 30 records in one call, and finds its own documents again after a lost answer.",
    ),
    cannot=(
        "Drafts: a document posts to the ledger when it is made.",
        "Sales orders and statistical entries: QuickBooks Online has none.",
        "Deleting customers, items or accounts: they are made inactive.",
        "Voiding credit memos, vendor credits, refunds and deposits, making bundles, or changing the currency of a customer.",
        "Booking before the closing date of the books: it is read, and the rule for closed periods decides.",
    ),
)
