"""The grammar of what we send: which elements a qbXML request takes, in which order, of which type and length.

QuickBooks refuses a whole document for one element out of its place or one character too many, so the order stands here
once, as tables, after the vendor's listing of qbXML 13.0 (US edition). Each table is a line of names:

    Name=41                 text of at most so many characters; where it is longer, the record is refused
    Memo=~4095              free text: cut where it is longer, and its end says so
    IsActive=bool           also: amount, price, quantity, percent, rate, whole, date, moment, id, guid, text
    TermsRef                a reference: its ListID or its FullName
    X*=id                   may repeat
    BillAddress{ … }        elements inside, by a table; {address} takes the table of that name
    Lines[A B]              those of the list `Lines` that are of the kinds A and B, in their own order

What is not listed, we never send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<name>\w+)(?P<many>\*)?(?:=(?P<type>~?\w+)|\{(?P<table>\w+)\}|\[(?P<kinds>[\w ]+)\])?|(?P<open>\{)|(?P<close>\})"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a table, or the place of a list of lines."""

    name: str
    type: str = "ref"
    most: int | None = None
    many: bool = False
    inner: tuple[Part, ...] = ()
    kinds: tuple[str, ...] = ()


Table = tuple[Part, ...]


def table(text: str) -> Table:
    """The parts that a line of names says. Raises ValueError where it is not written as above."""
    return tuple(_parts(_TOKEN.finditer(text)))


def _parts(tokens: Iterator[re.Match[str]]) -> Iterator[Part]:
    waiting: Part | None = None
    for token in tokens:
        if token["open"]:
            if waiting is None:
                raise ValueError("a brace without a name before it")
            yield Part(waiting.name, "group", many=waiting.many, inner=tuple(_parts(tokens)))
            waiting = None
            continue
        if waiting is not None:
            yield waiting
            waiting = None
        if token["close"]:
            return
        name, many, kind = token["name"], bool(token["many"]), token["type"]
        if token["kinds"]:
            yield Part(name, "lines", kinds=tuple(token["kinds"].split()))
        elif token["table"]:
            yield Part(name, "group", many=many, inner=_SHARED[token["table"]])
        elif kind is None:
            waiting = Part(name, many=many)
        elif kind.lstrip("~").isdigit():
            yield Part(name, "free" if kind[0] == "~" else "text", int(kind.lstrip("~")), many)
        else:
            yield Part(name, kind, many=many)
    if waiting is not None:
        yield waiting


def _without(parts: Table, *names: str) -> Table:
    return tuple(part for part in parts if part.name not in names)


def _after(parts: Table, name: str, more: str) -> Table:
    """The table with `more` put after the element of that name."""
    at = next(place for place, part in enumerate(parts) if part.name == name) + 1
    return (*parts[:at], *table(more), *parts[at:])


_SHARED: dict[str, Table] = {}
_SHARED["address"] = table(
    "Addr1=41 Addr2=41 Addr3=41 Addr4=41 Addr5=41 City=31 State=21 PostalCode=13 Country=31 Note=41"
)
_SHARED["credit"] = table("CreditTxnID=id AppliedAmount=amount")
_SHARED["either"] = table("Desc=~4095 Price=price PricePercent=percent AccountRef")
_SHARED["both"] = table(
    "SalesDesc=~4095 SalesPrice=price IncomeAccountRef PurchaseDesc=~4095 PurchaseCost=price ExpenseAccountRef PrefVendorRef"
)

# --- questions -------------------------------------------------------------------------------------------------------

LIST_QUERY = table(
    "ListID*=id FullName*=text MaxReturned=whole ActiveStatus=text FromModifiedDate=moment "
    "NameFilter{MatchCriterion=text Name=text} OwnerID*=guid"
)
TXN_QUERY = table(
    "TxnID*=id RefNumber*=text MaxReturned=whole ModifiedDateRangeFilter{FromModifiedDate=moment} "
    "TxnDateRangeFilter{FromTxnDate=date ToTxnDate=date} EntityFilter{ListID*=id} "
    "IncludeLineItems=bool IncludeLinkedTxns=bool OwnerID*=guid"
)
DELETED = table("ListDelType*=text TxnDelType*=text DeletedDateRangeFilter{FromDeletedDate=moment}")
VOIDING = table("TxnVoidType=text TxnID=id")
DELETING = table("ListDelType=text ListID=id TxnDelType=text TxnID=id")
COMPANY = table("OwnerID*=guid")

# --- lists -----------------------------------------------------------------------------------------------------------

_PERSON = "CompanyName=41 Salutation=15 FirstName=25 MiddleName=5 LastName=25 JobTitle=41"
_REACHED = "Phone=21 AltPhone=21 Fax=21 Email=1023 Cc=1023 Contact=41 AltContact=41"
_ITEM = "BarCode{BarCodeValue=50} IsActive=bool ClassRef"

LISTS: Mapping[str, Table] = {
    "Account": table(
        "Name=31 IsActive=bool ParentRef AccountType=text AccountNumber=7 BankNumber=25 Desc=~200 TaxLineID=whole CurrencyRef"
    ),
    "Customer": table(
        f"Name=41 IsActive=bool ClassRef ParentRef {_PERSON} BillAddress{{address}} ShipAddress{{address}} {_REACHED} "
        "CustomerTypeRef TermsRef SalesRepRef SalesTaxCodeRef ItemSalesTaxRef ResaleNumber=15 AccountNumber=99 "
        "CreditLimit=amount PreferredPaymentMethodRef JobStatus=text JobStartDate=date JobProjectedEndDate=date "
        "JobEndDate=date JobDesc=99 JobTypeRef Notes=~4095 PreferredDeliveryMethod=text PriceLevelRef ExternalGUID=guid "
        "CurrencyRef"
    ),
    "Vendor": table(
        f"Name=41 IsActive=bool ClassRef {_PERSON} VendorAddress{{address}} ShipAddress{{address}} {_REACHED} "
        "NameOnCheck=41 AccountNumber=99 Notes=~4095 VendorTypeRef TermsRef CreditLimit=amount VendorTaxIdent=15 "
        "IsVendorEligibleFor1099=bool BillingRateRef ExternalGUID=guid PrefillAccountRef* CurrencyRef"
    ),
    "Class": table("Name=31 IsActive=bool ParentRef"),
    "SalesRep": table("Initial=5 IsActive=bool SalesRepEntityRef"),
    "StandardTerms": table("Name=31 IsActive=bool StdDueDays=whole StdDiscountDays=whole DiscountPct=percent"),
    "SalesTaxCode": table("Name=3 IsActive=bool IsTaxable=bool Desc=31"),
    "ItemSalesTax": table(f"Name=31 {_ITEM} ItemDesc=~4095 TaxRate=percent TaxVendorRef ExternalGUID=guid"),
    "ItemService": table(
        f"Name=31 {_ITEM} ParentRef UnitOfMeasureSetRef SalesTaxCodeRef SalesOrPurchase{{either}} SalesAndPurchase{{both}} "
        "ExternalGUID=guid"
    ),
    # The one item whose parent stands before its class.
    "ItemNonInventory": table(
        "Name=31 BarCode{BarCodeValue=50} IsActive=bool ParentRef ClassRef ManufacturerPartNumber=31 UnitOfMeasureSetRef "
        "SalesTaxCodeRef SalesOrPurchase{either} SalesAndPurchase{both} ExternalGUID=guid"
    ),
    "ItemOtherCharge": table(
        f"Name=31 {_ITEM} ParentRef SalesTaxCodeRef SalesOrPurchase{{either}} SalesAndPurchase{{both}} ExternalGUID=guid"
    ),
    "ItemInventory": table(
        f"Name=31 {_ITEM} ParentRef ManufacturerPartNumber=31 UnitOfMeasureSetRef SalesTaxCodeRef SalesDesc=~4095 "
        "SalesPrice=price IncomeAccountRef PurchaseDesc=~4095 PurchaseCost=price COGSAccountRef PrefVendorRef "
        "AssetAccountRef ReorderPoint=quantity Max=quantity QuantityOnHand=quantity TotalValue=amount InventoryDate=date "
        "ExternalGUID=guid"
    ),
    "ItemDiscount": table(
        f"Name=31 {_ITEM} ParentRef ItemDesc=~4095 SalesTaxCodeRef DiscountRate=price DiscountRatePercent=percent "
        "AccountRef ExternalGUID=guid"
    ),
}

# --- transactions ----------------------------------------------------------------------------------------------------

_ADDRESSES = "BillAddress{address} ShipAddress{address}"
_ASKED = "IsToBePrinted=bool IsToBeEmailed=bool CustomerSalesTaxCodeRef"
_MADE = "Other=29 ExchangeRate=rate ExternalGUID=guid"
_FROM_TERMS = "PONumber=25 TermsRef DueDate=date SalesRepRef FOB=13"
_SHIPPED = "ShipDate=date ShipMethodRef ItemSalesTaxRef"
_ORDERED = "Memo=~4095 CustomerMsgRef"
_PAID = "Memo=~4095 ExchangeRate=rate ExternalGUID=guid Applied[AppliedToTxn]"

TRANSACTIONS: Mapping[str, Table] = {
    "Invoice": table(
        f"CustomerRef ClassRef ARAccountRef TemplateRef TxnDate=date RefNumber=11 {_ADDRESSES} IsPending=bool "
        f"{_FROM_TERMS} {_SHIPPED} {_ORDERED} {_ASKED} {_MADE} LinkToTxnID*=id Lines[InvoiceLine InvoiceLineGroup]"
    ),
    "CreditMemo": table(
        f"CustomerRef ClassRef ARAccountRef TemplateRef TxnDate=date RefNumber=11 {_ADDRESSES} IsPending=bool "
        f"{_FROM_TERMS} {_SHIPPED} {_ORDERED} {_ASKED} {_MADE} Lines[CreditMemoLine CreditMemoLineGroup]"
    ),
    "SalesOrder": table(
        f"CustomerRef ClassRef TemplateRef TxnDate=date RefNumber=11 {_ADDRESSES} {_FROM_TERMS} {_SHIPPED} "
        f"IsManuallyClosed=bool {_ORDERED} {_ASKED} {_MADE} Lines[SalesOrderLine SalesOrderLineGroup]"
    ),
    "Estimate": table(
        f"CustomerRef ClassRef TemplateRef TxnDate=date RefNumber=11 {_ADDRESSES} IsActive=bool {_FROM_TERMS} "
        f"ItemSalesTaxRef {_ORDERED} IsToBeEmailed=bool CustomerSalesTaxCodeRef {_MADE} Lines[EstimateLine EstimateLineGroup]"
    ),
    "SalesReceipt": table(
        f"CustomerRef ClassRef TemplateRef TxnDate=date RefNumber=11 {_ADDRESSES} IsPending=bool CheckNumber=25 "
        f"PaymentMethodRef DueDate=date SalesRepRef ShipDate=date ShipMethodRef FOB=13 ItemSalesTaxRef {_ORDERED} {_ASKED} "
        f"DepositToAccountRef {_MADE} Lines[SalesReceiptLine SalesReceiptLineGroup]"
    ),
    "PurchaseOrder": table(
        "VendorRef ClassRef InventorySiteRef ShipToEntityRef TemplateRef TxnDate=date RefNumber=11 VendorAddress{address} "
        "ShipAddress{address} TermsRef DueDate=date ExpectedDate=date ShipMethodRef FOB=13 Memo=~4095 VendorMsg=~99 "
        "IsToBePrinted=bool IsToBeEmailed=bool Other1=25 Other2=29 ExchangeRate=rate ExternalGUID=guid "
        "Lines[PurchaseOrderLine PurchaseOrderLineGroup]"
    ),
    "Bill": table(
        "VendorRef VendorAddress{address} APAccountRef TxnDate=date DueDate=date RefNumber=20 TermsRef Memo=~4095 "
        "ExchangeRate=rate ExternalGUID=guid LinkToTxnID*=id Lines[ExpenseLine] Lines[ItemLine ItemGroupLine]"
    ),
    "ReceivePayment": table(
        "CustomerRef ARAccountRef TxnDate=date RefNumber=20 TotalAmount=amount ExchangeRate=rate PaymentMethodRef "
        "Memo=~4095 DepositToAccountRef ExternalGUID=guid IsAutoApply=bool Applied[AppliedToTxn]"
    ),
    "BillPaymentCheck": table(
        f"PayeeEntityRef APAccountRef TxnDate=date BankAccountRef IsToBePrinted=bool RefNumber=11 {_PAID}"
    ),
    "BillPaymentCreditCard": table(
        f"PayeeEntityRef APAccountRef TxnDate=date CreditCardAccountRef RefNumber=11 {_PAID}"
    ),
    "JournalEntry": table(
        "TxnDate=date RefNumber=11 IsAdjustment=bool IsAmountsEnteredInHomeCurrency=bool CurrencyRef ExchangeRate=rate "
        "ExternalGUID=guid Lines[JournalDebitLine JournalCreditLine]"
    ),
}

_ITEM_AND_PRICE = "ItemRef Desc=~4095 Quantity=quantity UnitOfMeasure=31 Rate=price RatePercent=percent"
_SITE = "InventorySiteRef InventorySiteLocationRef"
_SERIAL = f"{_SITE} SerialNumber=4095 LotNumber=40"
_FREE = "Other1=29 Other2=29"
_GROUP = table(f"ItemGroupRef Quantity=quantity UnitOfMeasure=31 {_SITE}")
_SALE = table(
    f"{_ITEM_AND_PRICE} PriceLevelRef ClassRef Amount=amount {_SERIAL} ServiceDate=date SalesTaxCodeRef "
    f"OverrideItemAccountRef {_FREE} LinkToTxn{{TxnID=id TxnLineID=id}}"
)
_ORDER = table(
    f"{_ITEM_AND_PRICE} PriceLevelRef ClassRef Amount=amount {_SERIAL} SalesTaxCodeRef IsManuallyClosed=bool {_FREE}"
)
_OFFER = table(
    f"{_ITEM_AND_PRICE} ClassRef Amount=amount {_SITE} SalesTaxCodeRef MarkupRate=price MarkupRatePercent=percent "
    f"PriceLevelRef {_FREE}"
)
_PURCHASE = table(
    "ItemRef ManufacturerPartNumber=31 Desc=~4095 Quantity=quantity UnitOfMeasure=31 Rate=price ClassRef Amount=amount "
    f"InventorySiteLocationRef CustomerRef ServiceDate=date OverrideItemAccountRef {_FREE}"
)
_JOURNAL = table("AccountRef Amount=amount Memo=~4095 EntityRef ClassRef BillableStatus=text")

LINES: Mapping[str, Table] = {
    "InvoiceLine": _SALE,
    "CreditMemoLine": _without(_SALE, "LinkToTxn"),
    "SalesReceiptLine": _without(_SALE, "LinkToTxn"),
    "SalesOrderLine": _ORDER,
    "EstimateLine": _OFFER,
    "PurchaseOrderLine": _PURCHASE,
    "InvoiceLineGroup": _GROUP,
    "CreditMemoLineGroup": _GROUP,
    "SalesReceiptLineGroup": _GROUP,
    "SalesOrderLineGroup": _GROUP,
    "EstimateLineGroup": _GROUP,
    "PurchaseOrderLineGroup": table("ItemGroupRef Quantity=quantity UnitOfMeasure=31 InventorySiteLocationRef"),
    "ItemGroupLine": _GROUP,
    "ExpenseLine": table("AccountRef Amount=amount Memo=~4095 CustomerRef ClassRef BillableStatus=text SalesRepRef"),
    "ItemLine": table(
        f"ItemRef {_SERIAL} Desc=~4095 Quantity=quantity UnitOfMeasure=31 Cost=price Amount=amount CustomerRef ClassRef "
        "BillableStatus=text OverrideItemAccountRef LinkToTxn{TxnID=id TxnLineID=id} SalesRepRef"
    ),
    "AppliedToTxn": table(
        "TxnID=id PaymentAmount=amount SetCredit*{credit} DiscountAmount=amount DiscountAccountRef DiscountClassRef"
    ),
    "JournalDebitLine": _JOURNAL,
    "JournalCreditLine": _JOURNAL,
}

# --- changes ---------------------------------------------------------------------------------------------------------
# A Mod takes what an Add takes, after the id and the version, in the same order. These are the differences.

_ONLY_MADE = ("ExternalGUID", "LinkToTxnID", "LinkToTxn")


def _changing(made: Table, key: str) -> Table:
    return (*table(f"{key}=id EditSequence=16"), *_without(made, *_ONLY_MADE))


def _changed_items() -> dict[str, Table]:
    changed = {name: _changing(made, "ListID") for name, made in LISTS.items()}
    changed["ItemNonInventory"] = _changing(LISTS["ItemNonInventory"], "ListID")
    parent_first = changed["ItemNonInventory"]  # there the class stands before the parent, as with all others
    changed["ItemNonInventory"] = _after(_without(parent_first, "ClassRef"), "IsActive", "ClassRef")
    for name in ("ItemService", "ItemNonInventory", "ItemOtherCharge"):
        renamed = {"SalesOrPurchase": "SalesOrPurchaseMod", "SalesAndPurchase": "SalesAndPurchaseMod"}
        changed[name] = tuple(
            Part(renamed[part.name], "group", inner=part.inner) if part.name in renamed else part
            for part in changed[name]
        )
    changed["ItemInventory"] = _without(changed["ItemInventory"], "QuantityOnHand", "TotalValue", "InventoryDate")
    return changed


CHANGED_LISTS: Mapping[str, Table] = _changed_items()

CHANGED_TRANSACTIONS: Mapping[str, Table] = {
    **{name: _changing(made, "TxnID") for name, made in TRANSACTIONS.items()},
    "PurchaseOrder": _after(_changing(TRANSACTIONS["PurchaseOrder"], "TxnID"), "FOB", "IsManuallyClosed=bool"),
    "Bill": table(
        "TxnID=id EditSequence=16 VendorRef VendorAddress{address} APAccountRef TxnDate=date DueDate=date RefNumber=20 "
        "TermsRef Memo=~4095 ExchangeRate=rate ClearExpenseLines=bool Lines[ExpenseLine] ClearItemLines=bool "
        "Lines[ItemLine ItemGroupLine]"
    ),
    "BillPaymentCheck": table(
        "TxnID=id EditSequence=16 TxnDate=date BankAccountRef Amount=amount ExchangeRate=rate IsToBePrinted=bool "
        "RefNumber=11 Memo=~4095 Applied[AppliedToTxn]"
    ),
    "ReceivePayment": _without(_changing(TRANSACTIONS["ReceivePayment"], "TxnID"), "IsAutoApply"),
    "JournalEntry": table(
        "TxnID=id EditSequence=16 TxnDate=date RefNumber=11 IsAdjustment=bool IsAmountsEnteredInHomeCurrency=bool "
        "CurrencyRef ExchangeRate=rate Lines[JournalLine]"
    ),
}


def _changed_line(made: Table) -> Table:
    return (*table("TxnLineID=id"), *_without(made, *_ONLY_MADE))


def _changed_group(name: str) -> Table:
    inside = "ItemLine" if name == "ItemGroupLine" else name.removesuffix("Group")
    return table(f"TxnLineID=id ItemGroupRef Quantity=quantity UnitOfMeasure=31 Lines[{inside}]")


CHANGED_LINES: Mapping[str, Table] = {
    **{name: _changed_line(made) for name, made in LINES.items()},
    **{name: _changed_group(name) for name in LINES if name.endswith("Group") or name == "ItemGroupLine"},
    "PurchaseOrderLine": _after(_changed_line(_PURCHASE), "ServiceDate", "IsManuallyClosed=bool"),
    "AppliedToTxn": LINES["AppliedToTxn"],
    "JournalLine": table(
        "TxnLineID=id JournalLineType=text AccountRef Amount=amount Memo=~4095 EntityRef ClassRef BillableStatus=text"
    ),
}
