"""Odoo: the facts. Its language is in `dialect`, its records in `shapes`, `documents` and `journals`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from integrations.wire.addresses import Addresses
from integrations.wire.connector import Connector, Setting
from integrations.wire.limits import Limits
from integrations.wire.shape import Shape
from integrations.wire.stream import Operation, Stream

from . import reversal, versions
from .dialect import OdooDialect
from .documents import (
    BILL,
    BILL_SPEC,
    CREDIT_NOTE,
    CREDIT_SPEC,
    INVOICE,
    MOVE_SPEC,
    PURCHASE_ORDER,
    PURCHASE_SPEC,
    SALE_SPEC,
    SALES_ORDER,
    total_of,
)
from .journals import ENTRY_SPEC, JOURNAL_ENTRY, debits_of
from .knocks import KNOCKS
from .payments import BILL_PAYMENT, PAYMENT, PAYMENT_SPEC, REFUND, amount_of
from .rpc import LOG_IN
from .shapes import (
    ACCOUNT,
    ACCOUNT_FIELDS,
    CUSTOMER,
    CUSTOMER_FIELDS,
    DIMENSION,
    DIMENSION_FIELDS,
    EXCHANGE_RATE,
    ITEM,
    ITEM_FIELDS,
    JOURNAL,
    JOURNAL_FIELDS,
    PAYMENT_TERM,
    RATE_SPEC,
    TAX_FIELDS,
    TAX_RATE,
    TERM_SPEC,
    VENDOR,
    VENDOR_FIELDS,
)
from .steps import LISTS, MOVES, ORDERS, PAYMENTS

_WHOLE: Mapping[str, Any] = {"page_size": 200, "fetch_batch": 200, "full_list": True}
_BATCH = 50
"""Records in one call: measured, 50 documents of three lines take about a second, and a call is stopped after two minutes."""

_KEEPS: frozenset[Operation] = frozenset(("create", "update"))
_VOIDS: frozenset[Operation] = _KEEPS | {"void"}


def _list(
    name: str,
    model: str,
    shape: Shape[Any],
    fields: Sequence[str],
    *domain: Sequence[Any],
    kind: str = "",
    writes: bool = True,
    fixed: Mapping[str, Any] | None = None,
) -> Stream:
    """A stream of list entries: archived when no longer wanted, never deleted by us."""
    return Stream(
        name,
        kind=kind,
        shape=shape,
        path=model,
        writes=_KEEPS if writes else frozenset(),
        batch=_BATCH,
        facts={"fields": tuple(fields), "domain": domain, "steps": LISTS, "fixed": fixed or {}},
        **_WHOLE,
    )


def _move(
    name: str,
    move_type: str,
    shape: Shape[Any],
    spec: Mapping[str, Any],
    *,
    credited: bool = False,
    total: Callable[[dict[str, Any]], Decimal] = total_of,
) -> Stream:
    """A stream of journal entries of one type: made as drafts, then posted; reset and cancelled, never deleted.

    `credited`: its opposite is dated on the day on which it is made.
    """
    return Stream(
        name,
        shape=shape,
        path="account.move",
        writes=_VOIDS | ({"credit"} if credited else set()),
        batch=_BATCH,
        total=total,
        is_taken_back=reversal.is_taken_back,
        facts={
            "spec": spec,
            "domain": (("move_type", "=", move_type),),
            "by_company": True,
            "fixed": {"move_type": move_type},
            "steps": MOVES,
            "post": "action_post",
            "reset": "button_draft",
            "cancel": "button_cancel",
        },
        **_WHOLE,
    )


def _order(name: str, model: str, shape: Shape[Any], spec: Mapping[str, Any], *, post: str, cancel: str) -> Stream:
    """A stream of orders: made as quotations, then confirmed."""
    return Stream(
        name,
        shape=shape,
        path=model,
        writes=_VOIDS,
        batch=_BATCH,
        total=total_of,
        facts={"spec": spec, "by_company": True, "steps": ORDERS, "post": post, "cancel": cancel},
        **_WHOLE,
    )


def _payment(name: str, shape: Shape[Any], *, kind: str, partner: str) -> Stream:
    """A stream of payments: one a call, since each is applied to a document of its own."""
    return Stream(
        name,
        shape=shape,
        path="account.payment",
        writes=frozenset(("create", "void")),
        total=amount_of,
        facts={
            "spec": PAYMENT_SPEC,
            "domain": (("payment_type", "=", kind), ("partner_type", "=", partner)),
            "by_company": True,
            "fixed": {"payment_type": kind, "partner_type": partner},
            "steps": PAYMENTS,
            "post": "action_post",
            "reset": "action_draft",
            "cancel": "action_cancel",
        },
        **_WHOLE,
    )


CONNECTOR = Connector(
    slug="odoo",
    name="Odoo",
    manual="Odoo external API (JSON-RPC) of versions 14.0 to 18.0, its source, and a running 17.0 Community server",
    driver="http",
    environments={"production": Addresses(api="{url}", app="{url}")},
    auth=LOG_IN,
    limits=Limits(at_once=1, ledger=("database",)),
    streams=(
        _list("account", "account.account", ACCOUNT, ACCOUNT_FIELDS),
        _list("tax_rate", "account.tax", TAX_RATE, TAX_FIELDS, writes=False),
        Stream(
            "payment_term",
            shape=PAYMENT_TERM,
            path="account.payment.term",
            facts={"spec": TERM_SPEC, "steps": LISTS},
            **_WHOLE,
        ),
        Stream(
            "exchange_rate",
            shape=EXCHANGE_RATE,
            path="res.currency.rate",
            writes=_KEEPS,
            batch=_BATCH,
            facts={"spec": RATE_SPEC, "by_company": True, "steps": LISTS},
            **_WHOLE,
        ),
        _list("dimension", "account.analytic.account", DIMENSION, DIMENSION_FIELDS),
        _list("journal", "account.journal", JOURNAL, JOURNAL_FIELDS, kind="dimension", writes=False),
        _list("customer", "res.partner", CUSTOMER, CUSTOMER_FIELDS, ("customer_rank", ">", 0)),
        _list("vendor", "res.partner", VENDOR, VENDOR_FIELDS, ("supplier_rank", ">", 0)),
        # Odoo would price a product at 1.00 where nobody names a price.
        _list("item", "product.product", ITEM, ITEM_FIELDS, fixed={"list_price": 0}),
        _order("sales_order", "sale.order", SALES_ORDER, SALE_SPEC, post="action_confirm", cancel="action_cancel"),
        _order(
            "purchase_order",
            "purchase.order",
            PURCHASE_ORDER,
            PURCHASE_SPEC,
            post="button_confirm",
            cancel="button_cancel",
        ),
        _move("invoice", "out_invoice", INVOICE, MOVE_SPEC, credited=True),
        _move("credit_note", "out_refund", CREDIT_NOTE, CREDIT_SPEC),
        _move("bill", "in_invoice", BILL, BILL_SPEC),
        _payment("payment", PAYMENT, kind="inbound", partner="customer"),
        _payment("refund", REFUND, kind="outbound", partner="customer"),
        _payment("bill_payment", BILL_PAYMENT, kind="outbound", partner="supplier"),
        _move("journal_entry", "entry", JOURNAL_ENTRY, ENTRY_SPEC, credited=True, total=debits_of),
    ),
    dialect=OdooDialect(),
    tells_locks=True,
    knocks=KNOCKS,
    settings=(
        Setting(
            name="url",
            label="Address",
            kind="url",
            default="https://your-company.odoo.com",
            help="The address at which you open Odoo, without /web and what follows it.",
        ),
        Setting(
            name="database",
            label="Database",
            help="Odoo shows it to administrators under /web/database/manager; on Odoo Online usually the name before .odoo.com.",
        ),
        Setting(
            name="login",
            label="User",
            help="The email address of a user made for this connection, with the rights Invoicing: Billing and "
            "Administration: Access Rights, by which records of ours are found again.",
        ),
        Setting(
            name="company",
            label="Number of the company",
            kind="number",
            required=False,
            default=1,
            help="The id of the company in this database; 1 where it holds one company only.",
        ),
        Setting(
            name="version",
            label="Version",
            kind="choice",
            required=False,
            default=versions.DEFAULT,
            choices=versions.CHOICES,
            help="Odoo shows it under Settings, at the bottom of the page.",
        ),
        Setting(
            name="purchase",
            label="The app Purchase is installed",
            kind="boolean",
            required=False,
            default=True,
            help="Then bills tell which lines of purchase orders they bill.",
        ),
        Setting(
            name="change_posted",
            label="Posted documents may be changed",
            kind="boolean",
            required=False,
            default=False,
            help="A change of its figures then resets a posted document to a draft, and posts it again. Otherwise it is held.",
        ),
        Setting(
            name="void_by",
            label="How documents are voided",
            kind="choice",
            required=False,
            default=reversal.BY_CANCELLING,
            choices=reversal.CHOICES,
            help="A cancelled document keeps its number and leaves the ledger; a reversed one stays, and is taken back by another.",
        ),
        Setting(
            name="price_decimals",
            label="Decimals of unit prices",
            kind="number",
            required=False,
            default=2,
            help="As Odoo's Decimal Accuracy says for Product Price. Finer prices are booked as one unit at the line's amount.",
        ),
        Setting(
            name="home_currency",
            label="Home currency",
            required=False,
            default="",
            help="Three letters; filled in when the connection is tested.",
        ),
    ),
    secrets=(
        Setting(
            name="api_key",
            label="API key or password",
            kind="secret",
            help="Made in Odoo under the user's preferences, Account Security. With two-factor sign-in only a key works.",
        ),
    ),
    can=(
        "Reads and writes customers, vendors, products, accounts, analytic accounts, currency rates, invoices, credit notes, "
        "bills, payments, refunds, journal entries, purchase and sales orders; reads taxes, payment terms and journals.",
        "Odoo 14 to 18.",
        "Makes documents as drafts, compares their figures with the source's, and posts them; reads the lock dates, and where "
        "Odoo moves a day because of one, both days are told.",
        "Applies payments to one or several documents, and leaves those on account that are for none.",
        "Sends up to 50 records in one call, and finds its own again after a lost answer by external ids.",
        "Sees archived records; deletions by comparing what is listed.",
    ),
    cannot=(
        "Odoo 19.",
        "Payments with fees or write-offs, or with a part for more than one of several documents; vendors' credits.",
        "Memos of customers' documents and regions of addresses are not written: Odoo has no place or no name for them.",
        "Changing or voiding a document to which payments are attached, or the currency of one that is there; changing the "
        "figures of a posted one unless the connection allows it.",
        "Deleting anything: records are archived, documents cancelled.",
    ),
)
