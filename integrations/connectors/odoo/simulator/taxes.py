"""Taxes of a line: what is tax and what is not, with the server's rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .fields import Values
from .orm import Env

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Part:
    """What one tax takes on one line, in the currency of the document."""

    tax: int
    base: Decimal
    amount: Decimal
    account: int | None


@dataclass(frozen=True, slots=True)
class Taxed:
    """A line without and with its taxes, and the parts between; parts are rounded unless the company rounds globally."""

    excluded: Decimal
    included: Decimal
    parts: tuple[Part, ...]


def rounded(amount: Decimal, places: int = 2) -> Decimal:
    """Half up, away from zero, as the server rounds."""
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def compute(
    env: Env, tax_ids: Iterable[int], *, price: Decimal, quantity: Decimal, places: int, globally: bool, refund: bool
) -> Taxed:
    """The taxes of `quantity` at `price` after discount."""
    taxes = _flat(env, tax_ids)
    total = rounded(price * quantity, places)

    def cut(amount: Decimal) -> Decimal:
        return amount if globally else rounded(amount, places)

    inside = [tax for tax in taxes if _is_included(env, tax)]
    base = _without(inside, price * quantity, quantity)
    amounts: dict[int, tuple[Decimal, Decimal]] = {}
    for tax in inside:
        amounts[tax["id"]] = (base, cut(_amount(tax, base, quantity)))
    excluded = rounded(total - sum((amount for _, amount in amounts.values()), Decimal()), places)
    running = excluded if inside else total
    for tax in taxes:
        if tax in inside:
            amounts[tax["id"]] = (excluded, amounts[tax["id"]][1])
        else:
            amounts[tax["id"]] = (running, cut(_amount(tax, running, quantity)))
        if tax["include_base_amount"] and tax not in inside:
            running += amounts[tax["id"]][1]
    parts = tuple(
        Part(tax["id"], *amounts[tax["id"]], account=_account(env, tax["id"], refund=refund))
        for tax in taxes
        if tax["amount_type"] != "group"
    )
    whole = excluded + sum((part.amount for part in parts), Decimal())
    return Taxed(excluded, rounded(whole, places), parts)


def _flat(env: Env, tax_ids: Iterable[int]) -> list[Values]:
    found: list[Values] = []
    for tax in sorted(env.rows("account.tax", tax_ids), key=lambda row: (row["sequence"], row["id"])):
        found += _flat(env, tax["children_tax_ids"]) if tax["amount_type"] == "group" else [tax]
    return found


def _is_included(env: Env, tax: Values) -> bool:
    if env.version >= 18 and tax["price_include_override"]:
        return bool(tax["price_include_override"] == "tax_included")
    return bool(tax["price_include"])


def _without(inside: list[Values], total: Decimal, quantity: Decimal) -> Decimal:
    percent = sum((tax["amount"] for tax in inside if tax["amount_type"] == "percent"), Decimal())
    fixed = sum((tax["amount"] for tax in inside if tax["amount_type"] == "fixed"), Decimal())
    division = sum((tax["amount"] for tax in inside if tax["amount_type"] == "division"), Decimal())
    return (total - fixed * quantity) * (1 - division / HUNDRED) / (1 + percent / HUNDRED)


def _amount(tax: Values, base: Decimal, quantity: Decimal) -> Decimal:
    rate: Decimal = tax["amount"]
    if tax["amount_type"] == "fixed":
        return rate * quantity
    if tax["amount_type"] == "division":
        return base / (1 - rate / HUNDRED) - base
    return base * rate / HUNDRED


def _account(env: Env, tax: int, *, refund: bool) -> int | None:
    side = "refund_tax_id" if refund else "invoice_tax_id"
    found = env.store.run(
        f"select account_id from account_tax_repartition_line where {side} = ? and repartition_type = 'tax' order by id",  # noqa: S608 one of two names
        tax,
    )
    return found[0][0] if found else None
