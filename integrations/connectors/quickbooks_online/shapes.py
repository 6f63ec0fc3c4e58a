"""QuickBooks Online's lists: customers, vendors, items, accounts, tax codes and terms, as two-way tables.

Names after the vendor's schema (Finance.xsd); what it means, after the recorded answers. Documents are in `documents`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import Account, Customer, Item, PaymentTerm, Ref, TaxRate, Vendor
from integrations.wire import postal
from integrations.wire.nested import member
from integrations.wire.shape import F, Shape

from .quirks import clean_name, name_of

Payload = dict[str, Any]

NOISE = ("domain", "sparse", "MetaData.LastModifiedByRef", "MetaData.CreatedByRef")
"""Members of every answer that carry nothing."""

ENTITY: Mapping[str, Any] = {
    "key": "Id",
    "version": "SyncToken",
    "created_at": "MetaData.CreateTime",
    "changed_at": "MetaData.LastUpdatedTime",
    "cleared": "",  # how a text is emptied; nothing else can be emptied, see the dialect
}
"""Where every entity says whose it is."""


# --- references and parts --------------------------------------------------------------------------------------------


def ref(value: Payload) -> Payload:
    """Our reference from theirs, `{"value": id, "name": text}`."""
    return {"external_id": value["value"], "name": value.get("name")}


def to_ref(value: Ref) -> Payload:
    """Their reference from ours; only the id counts when writing."""
    if not value.external_id:
        raise ValueError(f"{value.name or value.number or 'it'} has no QuickBooks id")
    return {"value": value.external_id}


def refers(ours: str, theirs: str, *, write: Callable[[Ref], Payload] | None = to_ref) -> F:
    """A field that refers to another record."""
    return F(ours, theirs, read=ref, write=write)


def address(ours: str, theirs: str) -> tuple[F, ...]:
    """The fields of a postal address."""
    return postal.address(
        ours, theirs, line1="Line1", line2="Line2", line3="Line3", city="City", region="CountrySubDivisionCode",
        postal_code="PostalCode", country="Country",
    )  # fmt: skip


def address_noise(*names: str) -> tuple[str, ...]:
    """Members of addresses that must not be sent back: sandbox answers hold "INVALID" for coordinates (recorded)."""
    return tuple(f"{name}.{inner}" for name in names for inner in ("Id", "Lat", "Long"))


def _other_way(value: bool) -> bool:
    return not value


def entry_name(theirs: str) -> F:
    """The name of an entry of a list."""

    def read(payload: Payload) -> str | None:
        return name_of(payload, theirs)

    def write(record: Any) -> Payload:
        return {theirs: clean_name(record.name)}

    return F("name", "", read=read, write=write, uses=(theirs,))


def _parts(payload: Payload) -> list[Payload] | None:
    """What a bundle is made of, for one of it."""
    lines = member(payload, "ItemGroupDetail.ItemGroupLine") or ()
    return [{"item": ref(line["ItemRef"]), "quantity": Decimal(line.get("Qty") or 1)} for line in lines] or None


def _under(flag: str, theirs: str = "ParentRef") -> F:
    """A record below another of its kind: the reference, and the flag that QuickBooks wants beside it."""

    def read(payload: Payload) -> Payload | None:
        return ref(payload[theirs]) if payload.get(theirs) else None

    def write(record: Any) -> Payload:
        return {theirs: to_ref(record.parent), flag: True} if record.parent else {}

    return F("parent", "", read=read, write=write, uses=(theirs, flag))


# --- customers and vendors -------------------------------------------------------------------------------------------

_PARTY = (
    entry_name("DisplayName"),
    F("legal_name", "CompanyName"),
    F("given_name", "GivenName"),
    F("family_name", "FamilyName"),
    F("email", "PrimaryEmailAddr.Address"),
    F("phone", "PrimaryPhone.FreeFormNumber"),
    F("website", "WebAddr.URI"),
    *address("billing_address", "BillAddr"),
    F("number", "AcctNum"),
    F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
    F("notes", "Notes"),
    F("balance", "Balance", write=None),
    F("active", "Active"),
)

CUSTOMER = Shape(
    Customer,
    **ENTITY,
    ignore=(*NOISE, *address_noise("BillAddr", "ShipAddr"), "FullyQualifiedName", "BalanceWithJobs", "Level"),
    fields=(
        *_PARTY,
        *address("shipping_address", "ShipAddr"),
        F("tax_exempt", "Taxable", read=_other_way, write=_other_way),
        refers("tax_rate", "DefaultTaxCodeRef"),
        refers("payment_term", "SalesTermRef"),
        _under("Job"),
        refers("receivable_account", "ARAccountRef", write=None),
    ),
)

VENDOR = Shape(
    Vendor,
    **ENTITY,
    ignore=(*NOISE, *address_noise("BillAddr")),
    fields=(
        *_PARTY,
        refers("payment_term", "TermRef"),
        refers("payable_account", "APAccountRef"),
        F("reportable", "Vendor1099"),
    ),
)


# --- items -----------------------------------------------------------------------------------------------------------

_ITEM_TYPES = {
    "Inventory": "inventory",
    "NonInventory": "non_inventory",
    "Service": "service",
    "Group": "bundle",
    "Bundle": "bundle",
    "Discount": "discount",
    "Other Charge": "charge",
}
_ITEM_TYPES_WRITTEN = {
    "inventory": "Inventory",
    "non_inventory": "NonInventory",
    "service": "Service",
    "charge": "Service",  # QuickBooks books freight and fees as services
}


def _item_type(payload: Payload) -> str:
    """Our word for an item's type; those without one of ours (categories, say) are `other`, Type stays in extra."""
    return _ITEM_TYPES.get(str(payload.get("Type")), "other")


def _to_item_type(record: Item) -> Payload:
    if record.item_type not in _ITEM_TYPES_WRITTEN:
        raise ValueError(
            f"QuickBooks Online cannot make items of type {record.item_type}; it takes {', '.join(_ITEM_TYPES_WRITTEN)}"
        )
    return {"Type": _ITEM_TYPES_WRITTEN[record.item_type]}


ITEM = Shape(
    Item,
    **ENTITY,
    edition=2,
    ignore=(*NOISE, "FullyQualifiedName", "Level"),
    fields=(
        entry_name("Name"),
        F("item_type", "", read=_item_type, write=_to_item_type),
        F("sku", "Sku"),
        F("description", "Description"),
        F("sale.price", "UnitPrice"),
        refers("sale.account", "IncomeAccountRef"),
        refers("sale.tax_rate", "SalesTaxCodeRef"),
        F("sale.tax_inclusive", "SalesTaxIncluded"),
        F("purchase.price", "PurchaseCost"),
        F("purchase.description", "PurchaseDesc"),
        refers("purchase.account", "ExpenseAccountRef"),
        refers("purchase.tax_rate", "PurchaseTaxCodeRef"),
        F("purchase.tax_inclusive", "PurchaseTaxIncluded"),
        refers("asset_account", "AssetAccountRef"),
        refers("vendor", "PrefVendorRef"),
        _under("SubItem"),
        F("parts", "", read=_parts, write=None, uses=("ItemGroupDetail.ItemGroupLine",)),
        F("track_inventory", "TrackQtyOnHand"),
        F("quantity_on_hand", "QtyOnHand", write=None),
        F("active", "Active"),
    ),
)


# --- accounts --------------------------------------------------------------------------------------------------------

_CLASSIFICATIONS = {
    "Asset": "asset",
    "Equity": "equity",
    "Expense": "expense",
    "Liability": "liability",
    "Revenue": "income",
}
_ACCOUNT_TYPES = {
    "Bank": ("bank", "asset"),
    "Accounts Receivable": ("receivable", "asset"),
    "Other Current Asset": ("current_asset", "asset"),
    "Fixed Asset": ("fixed_asset", "asset"),
    "Other Asset": ("other_asset", "asset"),
    "Accounts Payable": ("payable", "liability"),
    "Credit Card": ("credit_card", "liability"),
    "Other Current Liability": ("current_liability", "liability"),
    "Long Term Liability": ("long_term_liability", "liability"),
    "Equity": ("equity", "equity"),
    "Income": ("sales", "income"),
    "Cost of Goods Sold": ("cost_of_sales", "expense"),
    "Expense": ("expense", "expense"),
    "Other Income": ("other_income", "income"),
    "Other Expense": ("other_expense", "expense"),
    "Non-Posting": ("non_posting", "statistical"),
}
_ACCOUNT_TYPES_WRITTEN = {ours: theirs for theirs, (ours, _) in _ACCOUNT_TYPES.items() if theirs != "Non-Posting"}
# Two of ours are a sub-type there, not a type.
_SUB_TYPES = {"Inventory": "inventory", "GlobalTaxPayable": "tax_liability"}


def _account_type(payload: Payload) -> str | None:
    by_sub_type = _SUB_TYPES.get(str(payload.get("AccountSubType")))
    return by_sub_type or _ACCOUNT_TYPES.get(str(payload.get("AccountType")), (None, None))[0]


def _classification(payload: Payload) -> str | None:
    told = _CLASSIFICATIONS.get(str(payload.get("Classification")))
    return told or _ACCOUNT_TYPES.get(str(payload.get("AccountType")), (None, None))[1]


def _is_control(payload: Payload) -> bool:
    return payload.get("AccountType") in ("Accounts Receivable", "Accounts Payable")


def _to_account_type(record: Account) -> Payload:
    if record.type == "inventory":
        return {"AccountType": "Other Current Asset", "AccountSubType": "Inventory"}
    if record.type == "tax_liability":
        return {"AccountType": "Other Current Liability", "AccountSubType": "GlobalTaxPayable"}
    if record.type not in _ACCOUNT_TYPES_WRITTEN:
        raise ValueError(f"QuickBooks Online has no account type {record.type or 'without a name'}: map it to one")
    return {"AccountType": _ACCOUNT_TYPES_WRITTEN[record.type]}


ACCOUNT = Shape(
    Account,
    **ENTITY,
    ignore=(*NOISE, "CurrentBalanceWithSubAccounts"),
    fields=(
        entry_name("Name"),
        F("number", "AcctNum"),
        F("classification", "", read=_classification, write=None, uses=("Classification",)),
        F("type", "", read=_account_type, write=_to_account_type, uses=("AccountType",)),
        F("full_name", "FullyQualifiedName", write=None),
        F("description", "Description"),
        _under("SubAccount"),
        F("currency", "CurrencyRef.value", uses=("CurrencyRef.name",)),
        F("is_control", "", read=_is_control, write=None),
        F("balance", "CurrentBalance", write=None),
        F("active", "Active"),
    ),
)


# --- tax codes and terms ---------------------------------------------------------------------------------------------
# A line names a tax code; the percentages stand in the tax rates that the code lists. The dialect puts those rates
# beside the code, as `TaxRates`, so that one payload tells the whole rate.


def _details(payload: Payload) -> list[Payload]:
    return (
        member(payload, "SalesTaxRateList.TaxRateDetail") or member(payload, "PurchaseTaxRateList.TaxRateDetail") or []
    )


def _components(payload: Payload) -> list[Payload]:
    """The taxes of a code, in their order: those for sales, or, where it has none, those for purchases."""
    rates = {rate["Id"]: rate for rate in payload.get("TaxRates", ())}
    known = [
        (detail, rates[detail["TaxRateRef"]["value"]])
        for detail in sorted(_details(payload), key=lambda detail: detail.get("TaxOrder", 0))
        if detail["TaxRateRef"]["value"] in rates
    ]
    return [
        {
            "name": rate["Name"],
            "rate_percent": Decimal(rate["RateValue"]),
            "compound": detail.get("TaxTypeApplicable") in ("TaxOnAmountPlusTax", "TaxOnTax"),
        }
        for detail, rate in known
        if rate.get("RateValue") is not None
    ]


def _rate_percent(payload: Payload) -> Decimal | None:
    """What a code comes to on 100; None where a rate is not told (US automated sales tax reckons by address)."""
    details, components = _details(payload), _components(payload)
    if not details:
        return Decimal(0) if payload.get("Taxable") is False else None
    if len(components) < len(details):
        return None
    total = Decimal(0)
    for detail, component in zip(sorted(details, key=lambda d: d.get("TaxOrder", 0)), components, strict=True):
        base = {"TaxOnAmountPlusTax": 100 + total, "TaxOnTax": total}.get(
            str(detail.get("TaxTypeApplicable")), Decimal(100)
        )
        total += base * component["rate_percent"] / 100
    return total


def _applies_to(payload: Payload) -> str | None:
    sales = bool(member(payload, "SalesTaxRateList.TaxRateDetail"))
    purchases = bool(member(payload, "PurchaseTaxRateList.TaxRateDetail"))
    return {(True, True): "both", (True, False): "sales", (False, True): "purchases"}.get((sales, purchases))


def _tax_name(payload: Payload) -> str:
    name: str = payload.get("Description") or payload["Name"]
    return name


TAX_RATE = Shape(
    TaxRate,
    **ENTITY,
    ignore=NOISE,
    fields=(
        F("code", "Name", write=None),
        F("name", "", read=_tax_name, write=None, uses=("Description",)),
        F("rate_percent", "", read=_rate_percent, write=None, uses=("TaxRates", "SalesTaxRateList")),
        F("components", "", read=_components, write=None),
        F("applies_to", "", read=_applies_to, write=None),
        F("active", "Active", write=None),
    ),
)

PAYMENT_TERM = Shape(
    PaymentTerm,
    **ENTITY,
    ignore=NOISE,
    fields=(
        entry_name("Name"),
        F("due_days", "DueDays"),
        F("due_day_of_month", "DayOfMonthDue"),
        F("discount_percent", "DiscountPercent"),
        F("discount_days", "DiscountDays"),
        F("active", "Active"),
    ),
)
