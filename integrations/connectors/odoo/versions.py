"""Where a version names things otherwise: everything else here speaks as version 17 does, and these tables translate.

After shared/specs/odoo/version_diffs.json; what is known of 14 and 15 from memory only is marked in the README.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from integrations.wire.site import Site

Row = dict[str, Any]

OLDEST, NEWEST = 14, 18
DEFAULT = "17"
CHOICES = tuple((str(major), f"Odoo {major}") for major in range(OLDEST, NEWEST + 1))
FIRST_THAT_JOINS = 17
"""From here on one call answers records together with what stands behind their references."""
FIRST_THAT_COMPUTES = 16
"""From here on a draft works out by itself what a form used to fill in: its day in the ledger, say."""
FIRST_THAT_RESETS = 17
"""From here on cancelling a posted document resets it to a draft first, so that nothing stays settled with it."""
SIGNS: Mapping[int, tuple[str, ...]] = {
    15: ("account_journal_payment_debit_account_id",),
    16: ("early_pay_discount_computation",),
    17: ("chart_template", "period_lock_date"),
    18: ("hard_lock_date",),
}
"""Fields of a company by which a version is known: another one refuses to tell them."""

LOCKS: Mapping[int, tuple[str, ...]] = {
    OLDEST: ("fiscalyear_lock_date", "tax_lock_date"),
    18: ("fiscalyear_lock_date", "tax_lock_date", "sale_lock_date", "purchase_lock_date", "hard_lock_date"),
}
"""Fields of a company that say up to when its books are closed, from each version on."""


def locks_of(site: Site) -> tuple[str, ...]:
    """The lock dates that the server's version has."""
    return LOCKS[max(first for first in LOCKS if first <= of(site))]


def of(site: Site) -> int:
    """The major version of the server, as the connection says."""
    return int(str(site.settings.get("version") or DEFAULT))


@dataclass(frozen=True, slots=True)
class Named:
    """How a field is called in versions `first` to `last`; empty = they have no such field."""

    model: str
    ours: str
    theirs: str
    first: int = OLDEST
    last: int = NEWEST


_NAMED = (
    Named("account.account", "account_type", "user_type_id", last=15),
    Named("account.analytic.account", "plan_id", "", last=15),
    Named("account.move", "duplicated_ref_ids", "", last=15),
    Named("account.move", "reversal_move_id", "reversal_move_ids", first=18),
    Named("account.move.line", "account_type", "account_internal_type", last=15),
    Named("account.move.line", "analytic_distribution", "analytic_account_id", last=15),
    Named("account.payment", "ref", "memo", first=18),
    Named("account.payment.term.line", "delay_type", "option", last=15),
    Named("account.payment.term.line", "delay_type", "end_month", first=16, last=16),
    Named("account.payment.term.line", "nb_days", "days", last=16),
    Named("product.product", "detailed_type", "type", last=14),
    Named("product.product", "detailed_type", "type", first=18),
    Named("purchase.order.line", "analytic_distribution", "account_analytic_id", last=15),
    Named("purchase.order.line", "discount", "", last=16),
    Named("res.currency.rate", "inverse_company_rate", "rate", last=14),
    Named("res.partner", "company_registry", "", last=15),
    Named("res.partner", "country_code", "", last=15),
    Named("sale.order.line", "analytic_distribution", "", last=15),
)


@cache
def _names(model: str, version: int) -> Mapping[str, str]:
    """Our names of a model's fields that a version calls otherwise, and what it calls them."""
    return {each.ours: each.theirs for each in _NAMED if each.model == model and each.first <= version <= each.last}


# --- values ----------------------------------------------------------------------------------------------------------

_ACCOUNT_TYPES = {
    # The name of the type, the last part of its external id in the module account, what it is called from 16 on.
    "Receivable": ("data_account_type_receivable", "asset_receivable"),
    "Payable": ("data_account_type_payable", "liability_payable"),
    "Bank and Cash": ("data_account_type_liquidity", "asset_cash"),
    "Credit Card": ("data_account_type_credit_card", "liability_credit_card"),
    "Current Assets": ("data_account_type_current_assets", "asset_current"),
    "Non-current Assets": ("data_account_type_non_current_assets", "asset_non_current"),
    "Prepayments": ("data_account_type_prepayments", "asset_prepayments"),
    "Fixed Assets": ("data_account_type_fixed_assets", "asset_fixed"),
    "Current Liabilities": ("data_account_type_current_liabilities", "liability_current"),
    "Non-current Liabilities": ("data_account_type_non_current_liabilities", "liability_non_current"),
    "Equity": ("data_account_type_equity", "equity"),
    "Current Year Earnings": ("data_unaffected_earnings", "equity_unaffected"),
    "Other Income": ("data_account_type_other_income", "income_other"),
    "Income": ("data_account_type_revenue", "income"),
    "Depreciation": ("data_account_type_depreciation", "expense_depreciation"),
    "Expenses": ("data_account_type_expenses", "expense"),
    "Cost of Revenue": ("data_account_type_direct_costs", "expense_direct_cost"),
    "Off-Balance Sheet": ("data_account_off_sheet", "off_balance"),
}
_INTERNAL_TYPES = {"receivable": "asset_receivable", "payable": "liability_payable"}


def _account_type(pair: list[Any]) -> str:
    _, ours = _ACCOUNT_TYPES[pair[1]]
    return ours


def _counted(option: str) -> str:
    return "days_after" if option == "day_after_invoice_date" else option


def _counted_from(end_month: bool) -> str:
    return "days_after_end_of_month" if end_month else "days_after"


def _other_way_round(rate: Any) -> Decimal | None:
    return 1 / Decimal(rate) if rate else None


_READ: Mapping[str, Callable[[Any], Any]] = {
    "user_type_id": _account_type,
    "account_internal_type": lambda value: _INTERNAL_TYPES.get(value, value),
    "option": _counted,
    "end_month": _counted_from,
    "analytic_account_id": lambda value: {str(value[0]): 100} if value else False,
    "account_analytic_id": lambda value: {str(value[0]): 100} if value else False,
    "rate": _other_way_round,
}
"""By their name: what a value of theirs is called from 17 on."""


_ALSO = {("account.payment.term.line", 16): ("months",)}
"""Fields beyond ours without which theirs cannot be understood."""


# --- asking and being told -------------------------------------------------------------------------------------------


def spec(model: str, ours: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """The fields to read, by the names of the server's version."""
    names, also = _names(model, of(site)), _ALSO.get((model, of(site)), ())
    if not site.settings.get("purchase", True):
        ours = {name: inner for name, inner in ours.items() if name != "purchase_line_id"}
    there = {names.get(name, name): inner for name, inner in ours.items() if names.get(name, name)}
    return there | {name: {} for name in also}


def told(model: str, rows: Iterable[Row], site: Site) -> list[Row]:
    """Rows that a server has told, by the names and in the words of version 17."""
    back = {theirs: ours for ours, theirs in _names(model, of(site)).items() if theirs}
    return [_told(row, back) for row in rows] if back else list(rows)


def _told(row: Row, back: Mapping[str, str]) -> Row:
    ours = {
        back.get(name, name): _READ[name](value) if name in back and name in _READ else value
        for name, value in row.items()
    }
    return {**ours, "delay_type": "months_after"} if row.get("months") else ours


def cells(model: str, ours: Mapping[str, str], site: Site) -> dict[str, str]:
    """The cells of a record, or of a line, in the words of the server's version."""
    version, said = of(site), {}
    names = _names(model, version)
    for column, cell in ours.items():
        name, slash, rest = column.partition("/")
        theirs = names.get(name, name)
        if theirs == "user_type_id":
            said["user_type_id/id"] = next(f"account.{id}" for id, kind in _ACCOUNT_TYPES.values() if kind == cell)
        elif theirs in ("analytic_account_id", "account_analytic_id"):
            said[f"{theirs}/.id"] = next(iter(json.loads(cell)), "") if cell else ""
        elif theirs == "rate":
            said["rate"] = f"{_other_way_round(cell):f}"
        elif theirs and not (name == "display_type" and cell == "product" and version < FIRST_THAT_COMPUTES):
            said[f"{theirs}{slash}{rest}"] = cell
    return said


def values(model: str, ours: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """The values of a `write` by the names of the server's version, those of lines too."""
    names = _names(model, of(site))
    return {
        names.get(name, name): _commands(f"{model}.line", value, site) if _are_commands(value) else value
        for name, value in ours.items()
        if names.get(name, name)
    }


def _are_commands(value: Any) -> bool:
    return isinstance(value, list) and any(len(each) == 3 and isinstance(each[2], dict) for each in value)


def _commands(model: str, commands: list[list[Any]], site: Site) -> list[list[Any]]:
    return [
        [verb, id, values(model, told, site) if isinstance(told, dict) else told] for verb, id, told in commands
    ]  # fmt: skip
