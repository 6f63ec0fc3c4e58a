"""Odoo's lists as two-way tables: partners, products, accounts, taxes, payment terms.

What a table writes are values as `create` and `write` take them; `loading` turns them into the cells of a `load`.
Fields after shared/specs/odoo/fields_17.0.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import Account, Customer, Dimension, ExchangeRate, Item, PaymentTerm, TaxRate, Vendor
from integrations.wire.shape import F, Fixed, Shape

from .quirks import figure, id_of, marked_up, moment, plain, ref

Payload = dict[str, Any]

ENTITY: Mapping[str, Any] = {
    "key": "id",
    "version": "write_date",
    "changed_at": F("changed_at", "write_date", read=moment, write=None),
    "created_at": F("created_at", "create_date", read=moment, write=None),
    "false_is_empty": True,
    "cleared": False,
    "ignore": ("display_name",),
}
"""Where every record says whose it is, and how Odoo says that something is empty."""


def refers(ours: str, theirs: str, *, write: bool = True) -> F:
    """A field that refers to another record, by its id."""
    return F(ours, theirs, read=ref, write=id_of if write else None)


def refers_first(ours: str, theirs: str) -> F:
    """A reference where Odoo takes several: it is read where there is exactly one, and written alone."""

    def read(values: list[Any]) -> Payload | None:
        return ref(values[0]) if len(values) == 1 else None

    return F(ours, theirs, read=read, write=lambda reference: [[6, 0, [id_of(reference)]]])


def _other_way(value: bool) -> bool:
    return not value


# --- customers and vendors -------------------------------------------------------------------------------------------


def _country_name(payload: Payload) -> str | None:
    return None if payload.get("country_code") else (ref(payload.get("country_id")) or {}).get("name")


def _region(payload: Payload) -> str | None:
    return (ref(payload.get("state_id")) or {}).get("name")


def _to_country(record: Any) -> Payload:
    """The country's code stands for its id: `load` finds it by that."""
    address = record.billing_address
    return {"country_id": address.country} if address and address.country else {}


def _to_vat(record: Any) -> Payload:
    return {"vat": record.tax_ids[0].value} if record.tax_ids else {}


def _tax_ids(payload: Payload) -> list[Payload]:
    return [{"value": payload["vat"], "scheme": "vat"}] if payload.get("vat") else []


def _party(term: str) -> tuple[F, ...]:
    return (
        F("name", "name"),
        F("number", "ref"),
        F("is_person", "is_company", read=_other_way, write=_other_way),
        F("email", "email"),
        F("phone", "phone"),
        F("website", "website"),
        F("billing_address.line1", "street"),
        F("billing_address.line2", "street2"),
        F("billing_address.city", "city"),
        F("billing_address.postal_code", "zip"),
        F("billing_address.region", "", read=_region, write=None, uses=("state_id",)),
        F("billing_address.country", "country_code", write=None),
        F("billing_address.country_name", "", read=_country_name, write=_to_country, uses=("country_id",)),
        F("tax_ids", "", read=_tax_ids, write=_to_vat, uses=("vat",)),
        F("registration_number", "company_registry"),
        F("notes", "comment", read=plain, write=marked_up),
        refers("payment_term", term),
        refers("parent", "parent_id"),
        F("active", "active"),
    )


CUSTOMER = Shape(
    Customer, **ENTITY, fields=(*_party("property_payment_term_id"), Fixed("customer_rank", 1))
)  # fmt: skip
VENDOR = Shape(
    Vendor, **ENTITY, fields=(*_party("property_supplier_payment_term_id"), Fixed("supplier_rank", 1))
)  # fmt: skip

_PARTY_FIELDS = (
    "name", "ref", "is_company", "email", "phone", "website", "street", "street2", "city", "zip", "state_id",
    "country_id", "country_code", "vat", "company_registry", "comment", "parent_id", "active", "write_date", "create_date",
)  # fmt: skip
CUSTOMER_FIELDS = (*_PARTY_FIELDS, "property_payment_term_id", "customer_rank")
VENDOR_FIELDS = (*_PARTY_FIELDS, "property_supplier_payment_term_id", "supplier_rank")


# --- items -----------------------------------------------------------------------------------------------------------

_ITEM_TYPES = {"service": "service", "consu": "non_inventory", "product": "inventory"}
_ITEM_TYPES_WRITTEN = {"service": "service", "charge": "service", "discount": "service", "non_inventory": "consu"}


def _item_type(value: str) -> str:
    return _ITEM_TYPES.get(value, "other")


def _to_item_type(value: str) -> str:
    if value not in _ITEM_TYPES_WRITTEN:
        raise ValueError(f"Odoo makes no items of type {value} here; it takes {', '.join(_ITEM_TYPES_WRITTEN)}")
    return _ITEM_TYPES_WRITTEN[value]


ITEM = Shape(
    Item,
    **ENTITY,
    fields=(
        F("name", "name"),
        F("item_type", "detailed_type", read=_item_type, write=_to_item_type),
        F("sku", "default_code"),
        F("gtin", "barcode"),
        F("description", "description_sale"),
        F("unit", "uom_id", read=lambda value: (ref(value) or {}).get("name"), write=None),
        F("category", "categ_id", read=lambda value: (ref(value) or {}).get("name"), write=None),
        F("sale.price", "list_price", read=figure),
        refers_first("sale.tax_rate", "taxes_id"),
        refers("sale.account", "property_account_income_id"),
        F("purchase.price", "standard_price", read=figure),
        refers_first("purchase.tax_rate", "supplier_taxes_id"),
        refers("purchase.account", "property_account_expense_id"),
        F("active", "active"),
    ),
)
ITEM_FIELDS = (
    "name", "detailed_type", "default_code", "barcode", "description_sale", "uom_id", "categ_id", "list_price", "taxes_id",
    "property_account_income_id", "standard_price", "supplier_taxes_id", "property_account_expense_id", "active",
    "write_date", "create_date",
)  # fmt: skip


# --- accounts --------------------------------------------------------------------------------------------------------

_ACCOUNT_TYPES: Mapping[str, tuple[str, str]] = {
    "asset_receivable": ("receivable", "asset"),
    "asset_cash": ("bank", "asset"),
    "asset_current": ("current_asset", "asset"),
    "asset_non_current": ("other_asset", "asset"),
    "asset_prepayments": ("current_asset", "asset"),
    "asset_fixed": ("fixed_asset", "asset"),
    "liability_payable": ("payable", "liability"),
    "liability_credit_card": ("credit_card", "liability"),
    "liability_current": ("current_liability", "liability"),
    "liability_non_current": ("long_term_liability", "liability"),
    "equity": ("equity", "equity"),
    "equity_unaffected": ("equity", "equity"),
    "income": ("sales", "income"),
    "income_other": ("other_income", "income"),
    "expense": ("expense", "expense"),
    "expense_depreciation": ("expense", "expense"),
    "expense_direct_cost": ("cost_of_sales", "expense"),
    "off_balance": ("statistical", "statistical"),
}
_ACCOUNT_TYPES_WRITTEN = {
    **{ours: theirs for theirs, (ours, _) in reversed(list(_ACCOUNT_TYPES.items()))},
    "inventory": "asset_current",
    "tax_liability": "liability_current",
    "other_liability": "liability_current",
}


def _account_type(value: str) -> str:
    ours, _ = _ACCOUNT_TYPES[value]
    return ours


def _classification(payload: Payload) -> str:
    _, classification = _ACCOUNT_TYPES[payload["account_type"]]
    return classification


def _to_account_type(value: str) -> str:
    if value not in _ACCOUNT_TYPES_WRITTEN:
        raise ValueError(f"Odoo has no account type {value}: map it to one")
    return _ACCOUNT_TYPES_WRITTEN[value]


def _is_control(payload: Payload) -> bool:
    return payload.get("account_type") in ("asset_receivable", "liability_payable")


ACCOUNT = Shape(
    Account,
    **ENTITY,
    fields=(
        F("name", "name"),
        F("number", "code"),
        F("classification", "", read=_classification, write=None),
        F("type", "account_type", read=_account_type, write=_to_account_type),
        F("is_control", "", read=_is_control, write=None),
        F("description", "note"),
        F("currency", "currency_id", read=lambda value: (ref(value) or {}).get("name")),
        F("active", "deprecated", read=_other_way, write=_other_way),
    ),
)
ACCOUNT_FIELDS = ("name", "code", "account_type", "note", "currency_id", "deprecated", "write_date", "create_date")


# --- taxes and terms: made by the localisation and by people, read only ------------------------------------------------

_APPLIES_TO = {"sale": "sales", "purchase": "purchases"}


def _rate_percent(payload: Payload) -> Decimal | None:
    """What a percent tax comes to on 100; None for groups and fixed amounts, which are no percentage."""
    return figure(payload["amount"]) if payload.get("amount_type") == "percent" else None


TAX_RATE = Shape(
    TaxRate,
    **ENTITY,
    fields=(
        F("code", "", read=lambda payload: str(payload["id"]), write=None),
        F("name", "name", write=None),
        F("rate_percent", "", read=_rate_percent, write=None, uses=("amount",)),
        F("applies_to", "type_tax_use", read=_APPLIES_TO.get, write=None),
        F("active", "active", write=None),
    ),
)
TAX_FIELDS = (
    "name", "amount", "amount_type", "type_tax_use", "price_include", "active", "write_date", "create_date",
)  # fmt: skip


def _only_line(of: str) -> Callable[[Payload], int | None]:
    """The days of a term that is due at once, where they are counted in this way."""

    def read(payload: Payload) -> int | None:
        lines = payload.get("line_ids") or []
        if len(lines) != 1 or not isinstance(lines[0], dict) or lines[0].get("delay_type") != of:
            return None
        return int(lines[0].get("nb_days") or 0)

    return read


PAYMENT_TERM = Shape(
    PaymentTerm,
    **ENTITY,
    fields=(
        F("name", "name", write=None),
        F("due_days", "", read=_only_line("days_after"), write=None, uses=("line_ids",)),
        F("active", "active", write=None),
    ),
)
TERM_SPEC: Payload = {
    **{name: {} for name in ("name", "active", "write_date", "create_date")},
    "line_ids": {"fields": {name: {} for name in ("value", "value_amount", "delay_type", "nb_days")}},
}


# --- analytic accounts and journals: what lines and entries are tagged with -------------------------------------------


DIMENSION = Shape(
    Dimension,
    **ENTITY,
    fields=(
        F("dimension_type", "", read=lambda payload: "custom", write=None),
        # `load` finds a plan by its name.
        F("dimension_name", "plan_id", read=lambda value: (ref(value) or {}).get("name")),
        F("name", "name"),
        F("number", "code"),
        refers("customer", "partner_id"),
        F("active", "active"),
    ),
)
DIMENSION_FIELDS = ("name", "code", "plan_id", "partner_id", "active", "write_date", "create_date")

JOURNAL = Shape(
    Dimension,
    **ENTITY,
    fields=(
        F("dimension_type", "", read=lambda payload: "custom", write=None),
        F("dimension_name", "", read=lambda payload: "Journal", write=None),
        F("name", "name", write=None),
        F("number", "code", write=None),
        F("active", "active", write=None),
    ),
)
JOURNAL_FIELDS = (
    "name", "code", "type", "default_account_id", "currency_id", "active", "write_date", "create_date",
)  # fmt: skip


# --- currency rates ---------------------------------------------------------------------------------------------------

_CODE: Payload = {"fields": {"name": {}}}
RATE_SPEC: Payload = {
    **{name: {} for name in ("name", "inverse_company_rate", "write_date", "create_date")},
    "currency_id": _CODE,
    "company_id": {"fields": {"currency_id": _CODE}},
}


def _code(value: Payload) -> Any:
    return value.get("name")


EXCHANGE_RATE = Shape(
    ExchangeRate,
    **ENTITY,
    fields=(
        F("effective_on", "name"),
        F("currency", "currency_id", read=_code),
        F("home_currency", "company_id.currency_id", read=_code, write=None, uses=("company_id",)),
        F("rate", "inverse_company_rate", read=Decimal),
    ),
)
