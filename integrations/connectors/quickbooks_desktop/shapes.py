"""QuickBooks Desktop's lists as two-way tables: customers and vendors, accounts, taxes, terms, representatives, classes.

Members are the elements of qbXML 13.0; items are in `items`, transactions in the modules beside them. In an answer the
dialect adds to every CurrencyRef the code of the currency, as `CurrencyCode`: QuickBooks tells only its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import Account, Customer, Dimension, PaymentTerm, Ref, SalesRep, TaxRate, Vendor
from integrations.wire import postal
from integrations.wire.nested import member
from integrations.wire.shape import F, Shape
from integrations.wire.xml import KIND

from .quirks import clean_name

Payload = dict[str, Any]

LISTED: Mapping[str, Any] = {
    "key": "ListID",
    "version": "EditSequence",
    "created_at": "TimeCreated",
    "changed_at": "TimeModified",
    "cleared": "",
    "ignore": (KIND, "FullName", "Sublevel", "ExternalGUID"),
}
"""Where every entry of a list says whose it is, and what carries nothing."""


# --- references and parts --------------------------------------------------------------------------------------------


def ref(value: Payload) -> Payload:
    """Our reference from theirs, `{"ListID": id, "FullName": text}`."""
    return {"external_id": value.get("ListID"), "name": value.get("FullName")}


def to_ref(value: Ref) -> Payload:
    """Their reference from ours; only the id counts when writing."""
    if not value.external_id:
        raise ValueError(f"{value.name or value.number or 'it'} has no QuickBooks id")
    return {"ListID": value.external_id}


def refers(ours: str, theirs: str, *, write: Callable[[Ref], Payload] | None = to_ref) -> F:
    """A field that refers to an entry of a list."""
    return F(ours, theirs, read=ref, write=write)


def entry_name(theirs: str = "Name") -> F:
    return F("name", theirs, write=clean_name)


def address(ours: str, theirs: str) -> tuple[F, ...]:
    """The fields of a postal address; its first line is usually the name."""
    return postal.address(
        ours, theirs, line1="Addr1", line2="Addr2", line3="Addr3", city="City", region="State",
        postal_code="PostalCode", country="Country",
    )  # fmt: skip


def blocks(*names: str) -> tuple[str, ...]:
    """Addresses told once more as they are printed."""
    return tuple(f"{name}Block" for name in names)


CURRENCY = F("currency", "CurrencyRef.CurrencyCode", uses=("CurrencyRef.ListID", "CurrencyRef.FullName"))


# --- customers and vendors -------------------------------------------------------------------------------------------

TAXABLE, NOT_TAXABLE = "Tax", "Non"
"""The sales tax codes of a new company; where a company calls them otherwise, its settings say how."""


def _tax_exempt(payload: Payload) -> bool | None:
    return {TAXABLE: False, NOT_TAXABLE: True}.get(str(member(payload, "SalesTaxCodeRef.FullName")))


def _to_tax_exempt(customer: Customer) -> Payload:
    if customer.tax_exempt is None:
        return {}
    return {"SalesTaxCodeRef": {"FullName": NOT_TAXABLE if customer.tax_exempt else TAXABLE}}


def _to_tax(customer: Customer) -> Payload:
    """A customer has a usual rate, and a code that says whether he is taxed at all; either may be meant."""
    if customer.tax_rate is None:
        return {}
    told: str = to_ref(customer.tax_rate)["ListID"]
    return (
        {"SalesTaxCodeRef": {"ListID": bare(told)}} if told.startswith(CODE) else {"ItemSalesTaxRef": {"ListID": told}}
    )


_PARTY = (
    entry_name(),
    F("legal_name", "CompanyName"),
    F("given_name", "FirstName"),
    F("family_name", "LastName"),
    F("email", "Email"),
    F("phone", "Phone"),
    F("number", "AccountNumber"),
    F("notes", "Notes"),
    F("credit_limit", "CreditLimit"),
    F("balance", "Balance", write=None),
    F("active", "IsActive"),
    refers("payment_term", "TermsRef"),
    CURRENCY,
)
_PARTY_KEYS: Mapping[str, Any] = {
    **LISTED,
    "ignore": (*LISTED["ignore"], "TotalBalance", *blocks("BillAddress", "ShipAddress", "VendorAddress")),
}

CUSTOMER = Shape(
    Customer,
    **_PARTY_KEYS,
    fields=(
        *_PARTY,
        *address("billing_address", "BillAddress"),
        *address("shipping_address", "ShipAddress"),
        refers("parent", "ParentRef"),
        refers("sales_rep", "SalesRepRef"),
        F("tax_rate", "ItemSalesTaxRef", read=ref, write=None),
        F("tax_rate", "", read=None, write=_to_tax),
        F("tax_exempt", "", read=_tax_exempt, write=_to_tax_exempt),
        F("price_level", "PriceLevelRef.FullName", write=None),
    ),
)


def _tax_id(value: str) -> list[Payload]:
    return [{"value": value, "scheme": "ein"}]


def _to_tax_id(vendor: Vendor) -> Payload:
    return {"VendorTaxIdent": vendor.tax_ids[0].value} if vendor.tax_ids else {}


def _expense_account(accounts: list[Payload]) -> Payload | None:
    return ref(accounts[0]) if accounts else None


def _to_expense_account(account: Ref) -> list[Payload]:
    return [to_ref(account)]


VENDOR = Shape(
    Vendor,
    **_PARTY_KEYS,
    fields=(
        *_PARTY,
        *address("billing_address", "VendorAddress"),
        *address("shipping_address", "ShipAddress"),
        F("tax_ids", "VendorTaxIdent", read=_tax_id, write=None),
        F("tax_ids", "", read=None, write=_to_tax_id),
        F("reportable", "IsVendorEligibleFor1099"),
        F("expense_account", "PrefillAccountRef", read=_expense_account, write=_to_expense_account),
    ),
)


# --- accounts --------------------------------------------------------------------------------------------------------

_ACCOUNT_TYPES = {
    "Bank": ("bank", "asset"),
    "AccountsReceivable": ("receivable", "asset"),
    "OtherCurrentAsset": ("current_asset", "asset"),
    "FixedAsset": ("fixed_asset", "asset"),
    "OtherAsset": ("other_asset", "asset"),
    "AccountsPayable": ("payable", "liability"),
    "CreditCard": ("credit_card", "liability"),
    "OtherCurrentLiability": ("current_liability", "liability"),
    "LongTermLiability": ("long_term_liability", "liability"),
    "Equity": ("equity", "equity"),
    "Income": ("sales", "income"),
    "CostOfGoodsSold": ("cost_of_sales", "expense"),
    "Expense": ("expense", "expense"),
    "OtherIncome": ("other_income", "income"),
    "OtherExpense": ("other_expense", "expense"),
    "NonPosting": ("non_posting", "statistical"),
}
_ACCOUNT_TYPES_WRITTEN = {
    **{ours: theirs for theirs, (ours, _) in _ACCOUNT_TYPES.items()},
    "inventory": "OtherCurrentAsset",
    "tax_liability": "OtherCurrentLiability",
    "other_liability": "OtherCurrentLiability",
}
_SPECIAL = {"InventoryAssets": "inventory", "SalesTaxPayable": "tax_liability"}


def _account_type(payload: Payload) -> str | None:
    special = _SPECIAL.get(str(payload.get("SpecialAccountType")))
    return special or _ACCOUNT_TYPES.get(str(payload.get("AccountType")), (None, None))[0]


def _classification(payload: Payload) -> str | None:
    return _ACCOUNT_TYPES.get(str(payload.get("AccountType")), (None, None))[1]


def _is_control(payload: Payload) -> bool:
    return payload.get("AccountType") in ("AccountsReceivable", "AccountsPayable")


def _to_account_type(account: Account) -> Payload:
    if account.type not in _ACCOUNT_TYPES_WRITTEN:
        raise ValueError(f"QuickBooks has no account type {account.type or 'without a name'}: map it to one")
    return {"AccountType": _ACCOUNT_TYPES_WRITTEN[account.type]}


ACCOUNT = Shape(
    Account,
    **{**LISTED, "ignore": (KIND, "Sublevel", "TotalBalance")},
    fields=(
        entry_name(),
        F("number", "AccountNumber"),
        F("classification", "", read=_classification, write=None),
        F("type", "", read=_account_type, write=_to_account_type, uses=("AccountType",)),
        F("full_name", "FullName", write=None),
        F("description", "Desc"),
        refers("parent", "ParentRef"),
        CURRENCY,
        F("is_control", "", read=_is_control, write=None),
        F("balance", "Balance", write=None),
        F("active", "IsActive"),
    ),
)


# --- taxes -----------------------------------------------------------------------------------------------------------
# Two things: the item that has a percentage and an agency, and the code of three letters that says whether a line is
# taxed at all. Both are tax rates to us; the ids of codes carry their list with us, since each list counts for itself.

CODE = "code:"


def code_id(list_id: str) -> str:
    return f"{CODE}{list_id}"


def bare(external_id: str) -> str:
    """An id as QuickBooks knows it."""
    return external_id.removeprefix(CODE)


def percent(text: str) -> Decimal:
    """A percentage, which QuickBooks may tell with its sign."""
    return Decimal(text.removesuffix("%"))


def _tax_name(payload: Payload) -> str:
    return str(payload.get("ItemDesc") or payload["Name"])


def _sales(payload: Payload) -> str:
    return "sales"


TAX_RATE = Shape(
    TaxRate,
    **LISTED,
    fields=(
        F("code", "Name", write=clean_name),
        F("name", "", read=_tax_name, write=lambda rate: {"ItemDesc": rate.name}, uses=("ItemDesc",)),
        F("rate_percent", "TaxRate", read=percent),
        F("applies_to", "", read=_sales, write=None),
        F("active", "IsActive"),
    ),
)

TAX_GROUP = Shape(
    TaxRate,
    **LISTED,
    fields=(
        F("code", "Name", write=None),
        F("name", "", read=_tax_name, write=None, uses=("ItemDesc",)),
        F("applies_to", "", read=_sales, write=None),
        F("active", "IsActive", write=None),
    ),
)


def _code_rate(payload: Payload) -> Decimal | None:
    """A code that is not taxed comes to nothing; what a taxed one comes to, its document says."""
    return Decimal(0) if payload.get("IsTaxable") == "false" else None


def _code_name(payload: Payload) -> str:
    return str(payload.get("Desc") or payload["Name"])


def _to_taxable(rate: TaxRate) -> Payload:
    if rate.rate_percent is None and rate.category is None:
        return {"IsTaxable": True}
    return {"IsTaxable": bool(rate.rate_percent) or rate.category == "S"}


SALES_TAX_CODE = Shape(
    TaxRate,
    **{**LISTED, "key": F("external_id", "ListID", read=code_id, write=None)},
    fields=(
        F("code", "Name", write=clean_name),
        F("name", "", read=_code_name, write=lambda rate: {"Desc": rate.name}, uses=("Desc",)),
        F("rate_percent", "", read=_code_rate, write=_to_taxable, uses=("IsTaxable",)),
        F("applies_to", "", read=_sales, write=None),
        F("active", "IsActive"),
    ),
)


# --- terms, representatives, classes ---------------------------------------------------------------------------------

PAYMENT_TERM = Shape(
    PaymentTerm,
    **LISTED,
    fields=(
        entry_name(),
        F("due_days", "StdDueDays"),
        F("discount_days", "StdDiscountDays"),
        F("discount_percent", "DiscountPct", read=percent),
        F("active", "IsActive"),
    ),
)


def _to_person(rep: SalesRep) -> Payload:
    return {"SalesRepEntityRef": {"FullName": rep.name}}


# A representative is only initials for somebody who stands as employee, vendor or other name already.
SALES_REP = Shape(
    SalesRep,
    **LISTED,
    fields=(
        F("number", "Initial"),
        F("name", "SalesRepEntityRef.FullName", write=None),
        F("name", "", read=None, write=_to_person, uses=("SalesRepEntityRef.ListID",)),
        F("active", "IsActive"),
    ),
)


def _to_class(dimension: Dimension) -> Payload:
    if dimension.dimension_type != "class":
        raise ValueError(f"a {dimension.dimension_type} is no class of QuickBooks")
    return {}


CLASS = Shape(
    Dimension,
    **{**LISTED, "ignore": (KIND, "Sublevel")},
    fields=(
        F("dimension_type", "", read=lambda payload: "class", write=_to_class),
        entry_name(),
        F("full_name", "FullName", write=None),
        refers("parent", "ParentRef"),
        F("active", "IsActive"),
    ),
)


def tags(theirs: str = "ClassRef") -> F:
    """The class with which a transaction, or a line of one, is tagged."""

    def read(payload: Payload) -> list[Payload] | None:
        return [{"type": "class", "value": ref(payload[theirs])}] if payload.get(theirs) else None

    def write(record: Any) -> Payload:
        strange = sorted({tag.type for tag in record.dimensions} - {"class"})
        if strange or len(record.dimensions) > 1:
            raise ValueError(f"QuickBooks takes one class here, not {', '.join(strange) or 'several'}")
        return {theirs: to_ref(record.dimensions[0].value)} if record.dimensions else {}

    return F("dimensions", "", read=read, write=write, uses=(theirs,))
