"""The kinds of record there are, what each refers to, and so in what order they can be carried over."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

from integrations.canonical.items import Item
from integrations.canonical.ledger import Account, Dimension, ExchangeRate, JournalEntry, PaymentTerm, TaxRate
from integrations.canonical.parties import Customer, SalesRep, Vendor
from integrations.canonical.payments import BillPayment, Deposit, Payment, Refund
from integrations.canonical.purchases import Bill, PurchaseOrder, VendorCredit
from integrations.canonical.record import Record, Ref
from integrations.canonical.refs import BESIDE
from integrations.canonical.sales import CreditNote, Invoice, Quote, SalesOrder, SalesReceipt
from integrations.canonical.statistics import StatisticalEntry

KINDS: dict[str, type[Record]] = {
    "customer": Customer,
    "vendor": Vendor,
    "item": Item,
    "account": Account,
    "tax_rate": TaxRate,
    "payment_term": PaymentTerm,
    "dimension": Dimension,
    "exchange_rate": ExchangeRate,
    "sales_rep": SalesRep,
    "invoice": Invoice,
    "credit_note": CreditNote,
    "payment": Payment,
    "refund": Refund,
    "sales_receipt": SalesReceipt,
    "quote": Quote,
    "sales_order": SalesOrder,
    "bill": Bill,
    "vendor_credit": VendorCredit,
    "bill_payment": BillPayment,
    "purchase_order": PurchaseOrder,
    "deposit": Deposit,
    "journal_entry": JournalEntry,
    "statistical_entry": StatisticalEntry,
}

_KIND_OF = {record_type: kind for kind, record_type in KINDS.items()}


def kind_of(record: Record) -> str:
    """The kind of a record; KeyError for a type that is none of the kinds."""
    return _KIND_OF[type(record)]


@cache
def references(kind: str) -> MappingProxyType[str, str]:
    """The references a kind may hold: path -> kind it refers to, such as `lines[].item` -> `item`.

    `@kind` stands for a reference whose kind is written in the field `kind` beside it, as in a payment's allocations, and
    `purchase_order.line` for a reference to one line of such a document.
    """
    return MappingProxyType({path: to for path, to, _ in _references(KINDS[kind], "")})


@cache
def rank(kind: str) -> int:
    """The place of a kind in the order of carrying over: higher than that of every other kind it may refer to."""
    return max((rank(to) + 1 for to in referred(kind)), default=0)


@cache
def referred(kind: str) -> frozenset[str]:
    """The other kinds that a kind may refer to."""
    return frozenset(to for _, _, kinds in _references(KINDS[kind], "") for to in kinds if to in KINDS and to != kind)


@cache
def origins(kind: str) -> MappingProxyType[str, str]:
    """The fields in which a document names what it was made from: field -> kind, such as `purchase_orders` of a bill."""
    lists = {path.removesuffix("[]"): to for path, to in references(kind).items() if path.endswith("[]")}
    return MappingProxyType({field: to for field, to in lists.items() if "." not in field})


def _references(struct: type[Struct], above: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Path, kind, and the kinds possible, of every reference declared on a struct and the parts in it."""
    hints = get_type_hints(struct, include_extras=True)
    for name, hint in hints.items():
        for path, found in _parts(hint, above + name):
            if isinstance(found, str):
                yield path, found, get_args(hints["kind"]) if found == BESIDE else (found,)
            else:
                yield from _references(found, path + ".")


def _parts(hint: Any, path: str) -> Iterator[tuple[str, str | type[Struct]]]:
    """The references (by their kind) and parts in the annotation of a field."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        kinds = [note.extra["kind"] for note in notes if isinstance(note, Meta) and note.extra and "kind" in note.extra]
        if kinds:
            yield path, kinds[0]
        else:
            yield from _parts(inner, path)
    elif get_origin(hint) is list:
        yield from _parts(get_args(hint)[0], path + "[]")
    elif isinstance(hint, type) and issubclass(hint, Struct) and hint is not Ref:
        yield path, hint
    else:
        for member in get_args(hint):
            yield from _parts(member, path)
