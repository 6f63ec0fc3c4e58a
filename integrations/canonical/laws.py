"""The laws that every record keeps. A record that breaks one is shown to a person, and is never written anywhere.

Only figures that are there are judged. What is void is not added up: some systems set its figures to zero, some do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from integrations.canonical.breach import Breach
from integrations.canonical.documents import Document
from integrations.canonical.ledger import JournalEntry
from integrations.canonical.money import UnknownCurrency, minor_units
from integrations.canonical.payments import Allocation, BillAllocation, BillPayment, Deposit, Payment, Refund
from integrations.canonical.purchases import VendorCredit
from integrations.canonical.record import Amount, Country, Currency, Rate, Record, Ref
from integrations.canonical.sales import CreditNote
from integrations.canonical.statistics import StatisticalEntry
from integrations.canonical.totals import broken_totals

__all__ = ["Breach", "broken_laws"]

ZERO = Decimal(0)
UNFINISHED = ("draft", "void")


def broken_laws(record: Record) -> list[Breach]:
    """Every law that a record breaks; an empty list for a sound one."""
    breaches = list(_of_writing(record, "", None))
    if any(breach.law == "currency" for breach in breaches) or getattr(record, "status", None) == "void":
        return breaches  # nothing can be added up without a currency
    for law in _laws_of(type(record)):
        breaches += law(record)
    return breaches


# How any record is written, by the annotations of its fields.


class _Fields(NamedTuple):
    """The names of those fields of a part that a law of writing is about."""

    amounts: tuple[str, ...]
    rates: tuple[str, ...]
    currencies: tuple[str, ...]
    countries: tuple[str, ...]
    refs: tuple[str, ...]
    parts: tuple[str, ...]
    lists: tuple[str, ...]


@cache
def _fields(part: type[Struct]) -> _Fields:
    found: dict[str, list[str]] = defaultdict(list)
    for name, hint in get_type_hints(part, include_extras=True).items():
        for member in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
            if group := _group(member):
                found[group].append(name)
    return _Fields(*(tuple(found[group]) for group in _Fields._fields))


def _group(hint: Any) -> str | None:
    for alias, group in ((Amount, "amounts"), (Rate, "rates"), (Currency, "currencies"), (Country, "countries")):
        if hint == alias:
            return group
    if get_origin(hint) is list:
        return "lists" if _struct(get_args(hint)[0]) else None
    if struct := _struct(hint):
        return "refs" if struct is Ref else "parts"
    return None


def _struct(hint: Any) -> type[Struct] | None:
    bare = getattr(hint, "__origin__", hint)
    return bare if isinstance(bare, type) and issubclass(bare, Struct) else None


def _of_writing(part: Struct, path: str, decimals: int | None) -> Iterator[Breach]:
    fields = _fields(type(part))
    for name in fields.currencies:
        if (code := getattr(part, name)) is not None:
            try:
                known = minor_units(code)
            except UnknownCurrency as unknown:
                yield Breach(path + name, "currency", str(unknown))
            else:
                decimals = known if name == "currency" else decimals
    if decimals is not None:
        for name in fields.amounts:
            amount = getattr(part, name)
            if amount is not None and -amount.as_tuple().exponent > decimals and _places(amount) > decimals:
                yield Breach(path + name, "decimals", f"{amount} has more than the {decimals} decimals of its currency")
    for name in fields.rates:
        if (rate := getattr(part, name)) is not None and rate <= 0:
            yield Breach(path + name, "rate", f"an exchange rate of {rate}: it must be above zero")
    for name in fields.countries:
        country = getattr(part, name)
        if country is not None and not (len(country) == 2 and country.isascii() and country.isupper()):
            yield Breach(path + name, "country", f"{country!r} is no code of ISO 3166-1: two capital letters")
    for name in fields.refs:
        if (ref := getattr(part, name)) is not None:
            yield from _of_ref(ref, path + name)
    for name in fields.parts:
        if (inner := getattr(part, name)) is not None:
            yield from _of_writing(inner, f"{path}{name}.", decimals)
    for name in fields.lists:
        for n, inner in enumerate(getattr(part, name)):
            if inner.__class__ is Ref:
                yield from _of_ref(inner, f"{path}{name}[{n}]")
            else:
                yield from _of_writing(inner, f"{path}{name}[{n}].", decimals)


def _of_ref(ref: Ref, path: str) -> Iterator[Breach]:
    if not (ref.external_id or ref.number or ref.name):
        yield Breach(path, "reference", "the reference names nothing: give an id, a number or a name")


def _places(amount: Decimal) -> int:
    return -int(amount.normalize().as_tuple().exponent)


# What a record means.


def _of_names(record: Record) -> Iterator[Breach]:
    name: str | None = getattr(record, "name", None)
    if name is not None and not name.strip():
        yield Breach("name", "name", "the name is blank")


def _of_lines(record: Any) -> Iterator[Breach]:
    if record.status not in UNFINISHED and not record.lines:
        yield Breach("lines", "has-lines", "there are no lines")
    yield from _each_once("external_id", record.lines)
    yield from _each_once("key", record.lines)


def _each_once(name: str, lines: Sequence[Any]) -> Iterator[Breach]:
    named = [value for line in lines if (value := getattr(line, name)) is not None]
    if len(set(named)) == len(named):
        return
    seen: set[str] = set()
    for n, line in enumerate(lines):
        value = getattr(line, name)
        if value is not None and value in seen:
            yield Breach(f"lines[{n}].{name}", "lines-once", f"another line has the {name} {value!r} too")
        seen.add(value)


def _of_credits(credit: CreditNote | VendorCredit) -> Iterator[Breach]:
    for name in ("subtotal", "tax_total", "total", "remaining_credit"):
        yield from _not_negative(credit, name)
    nets = [line.net_amount for line in credit.lines if line.line_type not in ("text", "subtotal")]
    if credit.total is None and credit.subtotal is None and sum((net for net in nets if net), ZERO) < 0:
        yield Breach("lines", "positive", "the lines of a credit come to less than zero: its amounts are positive")
    if not isinstance(credit, CreditNote):
        return  # what uses it up is told by the payment
    for n, use in enumerate(credit.applies_to):
        yield from _not_negative(use, "amount", f"applies_to[{n}].")
    used = sum((use.amount for use in credit.applies_to if use.amount is not None), ZERO)
    left = credit.remaining_credit or ZERO
    if credit.total is not None and used + left > credit.total:
        yield Breach(
            "applies_to", "allocated", f"{used} used and {left} left are more than the credit of {credit.total}"
        )


def _of_payments(payment: Payment | BillPayment) -> Iterator[Breach]:
    yield from _not_negative(payment, "amount")
    yield from _not_negative(payment, "fee_amount")
    if payment.fee_amount is not None and payment.fee_amount > payment.amount:
        yield Breach("fee_amount", "fee", f"the fee {payment.fee_amount} is more than the payment {payment.amount}")
    spent = given = either = ZERO
    allocations: Sequence[Allocation | BillAllocation] = payment.allocations
    for n, each in enumerate(allocations):
        for name in ("amount", "discount_amount", "write_off_amount"):
            yield from _not_negative(each, name, f"allocations[{n}].")
        if each.kind in ("invoice", "bill"):
            spent += each.amount
        elif each.kind in ("credit_note", "vendor_credit"):
            given += each.amount
        else:
            either += each.amount  # an entry may be owed or owing
    if spent > payment.amount + given + either:
        yield Breach("allocations", "allocated", f"{spent} is more than the {payment.amount + given + either} there is")
    if payment.unapplied_amount is not None and not either:
        left = payment.amount + given - spent
        if payment.unapplied_amount != left:
            yield Breach("unapplied_amount", "unapplied", f"{payment.unapplied_amount} is not the {left} that is left")


def _of_refunds(refund: Refund) -> Iterator[Breach]:
    yield from _not_negative(refund, "amount")
    for n, each in enumerate(refund.allocations):
        yield from _not_negative(each, "amount", f"allocations[{n}].")
    given = sum((each.amount for each in refund.allocations), ZERO)
    if given > refund.amount:
        yield Breach("allocations", "allocated", f"{given} is more than the refund of {refund.amount}")
    if refund.lines:
        yield from broken_totals(refund)
        yield from _each_once("external_id", refund.lines)


def _of_deposits(deposit: Deposit) -> Iterator[Breach]:
    yield from _not_negative(deposit, "fee_total")
    if deposit.lines:
        expected = sum((line.amount for line in deposit.lines), ZERO) - (deposit.fee_total or ZERO)
        if deposit.amount != expected:
            yield Breach("amount", "total", f"{deposit.amount} is not the {expected} of the lines less the fee")
        yield from _each_once("external_id", deposit.lines)
    for n, line in enumerate(deposit.lines):
        if line.target is None and line.kind not in ("fee", "other"):
            yield Breach(f"lines[{n}].target", "reference", f"which {line.kind} is meant is not said")


def _of_entries(entry: JournalEntry) -> Iterator[Breach]:
    debits: dict[str, Decimal] = defaultdict(Decimal)
    credits: dict[str, Decimal] = defaultdict(Decimal)
    for n, line in enumerate(entry.lines):
        debit, credit = line.debit, line.credit
        if (debit is None and credit is None) or (debit and credit):
            yield Breach(f"lines[{n}]", "one-side", "a line is a debit or a credit: exactly one of them")
        for name in ("debit", "credit"):
            yield from _not_negative(line, name, f"lines[{n}].")
        currency = line.currency or entry.currency
        debits[currency] += debit or ZERO
        credits[currency] += credit or ZERO
    if entry.status in UNFINISHED:
        return
    if len(entry.lines) == 1:
        yield Breach("lines", "two-sides", "an entry has two lines at least")
    for currency in debits:
        if debits[currency] != credits[currency]:
            sides = f"debits of {debits[currency]} and credits of {credits[currency]} {currency}"
            yield Breach("lines", "balance", f"{sides} are not equal")


def _not_negative(part: Any, name: str, path: str = "") -> Iterator[Breach]:
    amount: Decimal | None = getattr(part, name, None)
    if amount is not None and amount < 0:
        yield Breach(
            path + name, "positive", f"{amount} is negative: here amounts are positive, the kind says the direction"
        )


_LAWS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Iterable[Breach]]], ...] = (
    (Record, _of_names),
    ((Document, JournalEntry, StatisticalEntry), _of_lines),
    (Document, broken_totals),
    ((CreditNote, VendorCredit), _of_credits),
    ((Payment, BillPayment), _of_payments),
    (Refund, _of_refunds),
    (Deposit, _of_deposits),
    (JournalEntry, _of_entries),
)


@cache
def _laws_of(kind: type[Record]) -> tuple[Callable[[Any], Iterable[Breach]], ...]:
    return tuple(law for record_types, law in _LAWS if issubclass(kind, record_types))
