"""The kinds of list elements and documents that a company file holds, and what each reference may point at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKind:
    """A list: its elements share names with the rest of the family, and stand below each other where it is a tree."""

    family: str
    name: str = "Name"  # the element that names it
    tree: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TxnKind:
    """A document: whom it is about, the elements of its lines in requests and answers, and what can be done with it."""

    party: str  # the element that names customer, vendor or payee; "" where there is none
    nameless: bool = False  # whether nobody need be named
    lines: tuple[str, ...] = ()  # stems: InvoiceLine is InvoiceLineAdd, InvoiceLineMod, InvoiceLineRet
    posts: bool = True
    voids: bool = True


ENTITIES = ("Customer", "Vendor", "OtherName")
ITEMS = (
    "ItemService", "ItemNonInventory", "ItemOtherCharge", "ItemInventory", "ItemDiscount", "ItemSalesTax",
    "ItemSalesTaxGroup",
)  # fmt: skip
LISTS = {
    "Account": ListKind(family="Account", tree=True),
    "Customer": ListKind(family="entity", tree=True),
    "Vendor": ListKind(family="entity"),
    "OtherName": ListKind(family="entity"),
    "Class": ListKind(family="Class", tree=True),
    "SalesRep": ListKind(family="SalesRep", name="Initial"),
    "StandardTerms": ListKind(family="terms"),
    "CustomerType": ListKind(family="CustomerType", tree=True),
    "VendorType": ListKind(family="VendorType", tree=True),
    "CustomerMsg": ListKind(family="CustomerMsg"),
    "PaymentMethod": ListKind(family="PaymentMethod"),
    "ShipMethod": ListKind(family="ShipMethod"),
    "SalesTaxCode": ListKind(family="SalesTaxCode"),
    "Currency": ListKind(family="Currency"),
    **{kind: ListKind(family="item", tree=not kind.startswith("ItemSalesTax")) for kind in ITEMS},
}
TXNS = {
    "Invoice": TxnKind(party="CustomerRef", lines=("InvoiceLine",)),
    "CreditMemo": TxnKind(party="CustomerRef", lines=("CreditMemoLine",)),
    "SalesOrder": TxnKind(party="CustomerRef", lines=("SalesOrderLine",), posts=False, voids=False),
    "Estimate": TxnKind(party="CustomerRef", lines=("EstimateLine",), posts=False, voids=False),
    "SalesReceipt": TxnKind(party="CustomerRef", nameless=True, lines=("SalesReceiptLine",)),
    "ReceivePayment": TxnKind(party="CustomerRef", voids=False),
    "Bill": TxnKind(party="VendorRef", lines=("ExpenseLine", "ItemLine")),
    "VendorCredit": TxnKind(party="VendorRef", lines=("ExpenseLine", "ItemLine")),
    "PurchaseOrder": TxnKind(party="VendorRef", lines=("PurchaseOrderLine",), posts=False, voids=False),
    "BillPaymentCheck": TxnKind(party="PayeeEntityRef"),
    "BillPaymentCreditCard": TxnKind(party="PayeeEntityRef"),
    "JournalEntry": TxnKind(party="", lines=("JournalDebitLine",)),
}
_ACCOUNTS = (
    "AccountRef", "ARAccountRef", "APAccountRef", "BankAccountRef", "CreditCardAccountRef", "DepositToAccountRef",
    "DiscountAccountRef", "IncomeAccountRef", "ExpenseAccountRef", "COGSAccountRef", "AssetAccountRef",
    "OverrideItemAccountRef", "PrefillAccountRef",
)  # fmt: skip
# A reference that is not here (price levels, templates, sites, groups of items) points at lists that are empty: 3140.
REFERS_TO: dict[str, tuple[str, ...]] = {
    "CustomerRef": ("Customer",),
    "VendorRef": ("Vendor",),
    "PrefVendorRef": ("Vendor",),
    "TaxVendorRef": ("Vendor",),
    "PayeeEntityRef": ("Vendor",),
    "EntityRef": ENTITIES,
    "ShipToEntityRef": ENTITIES,
    "SalesRepEntityRef": ("Vendor", "OtherName"),
    "ItemRef": ITEMS,
    "ClassRef": ("Class",),
    "DiscountClassRef": ("Class",),
    "TermsRef": ("StandardTerms",),
    "SalesRepRef": ("SalesRep",),
    "CustomerTypeRef": ("CustomerType",),
    "VendorTypeRef": ("VendorType",),
    "CustomerMsgRef": ("CustomerMsg",),
    "PaymentMethodRef": ("PaymentMethod",),
    "PreferredPaymentMethodRef": ("PaymentMethod",),
    "ShipMethodRef": ("ShipMethod",),
    "SalesTaxCodeRef": ("SalesTaxCode",),
    "CustomerSalesTaxCodeRef": ("SalesTaxCode",),
    "ItemSalesTaxRef": ("ItemSalesTax", "ItemSalesTaxGroup"),
    "CurrencyRef": ("Currency",),
    **dict.fromkeys(_ACCOUNTS, ("Account",)),
}
