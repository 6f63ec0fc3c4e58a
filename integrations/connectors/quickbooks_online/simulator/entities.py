"""The vendor's entities as facts: how each is named, counted, found, taken out of use, and what its references name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_SALE_FILTERS = "CustomerRef TotalAmt Balance DueDate SalesTermRef ClassRef DepartmentRef EmailStatus PrintStatus"
_PURCHASE_FILTERS = "VendorRef TotalAmt Balance DueDate SalesTermRef DepartmentRef"
_PERSON_FILTERS = (
    "DisplayName FullyQualifiedName CompanyName GivenName MiddleName FamilyName PrintOnCheckName"
    " PrimaryEmailAddr PrimaryPhone"
)


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of the API. Names and list entries are switched off, transactions are deleted."""

    name: str
    family: Literal["name", "list", "transaction", "other"]
    filters: frozenset[str]
    label: str = "Name"  # the property that names it
    sequence: str = ""  # whose ids it shares
    void: Literal["", "operation=void", "include=void"] = ""
    operations: frozenset[str] = frozenset({"create", "read", "update"})
    in_cdc: bool = True

    @property
    def path(self) -> str:
        return self.name.lower()


def _name(name: str, more: str = "") -> Entity:
    return Entity(name, "name", frozenset(f"{_PERSON_FILTERS} {more}".split()), label="DisplayName", sequence="name")


def _list(name: str, filters: str = "Name", *, operations: str = "create read update", in_cdc: bool = True) -> Entity:
    return Entity(
        name, "list", frozenset(filters.split()), sequence=name, operations=frozenset(operations.split()), in_cdc=in_cdc
    )


def _transaction(
    name: str, filters: str, void: Literal["", "operation=void", "include=void"] = "", *, number: str = "DocNumber"
) -> Entity:
    return Entity(
        name,
        "transaction",
        frozenset(f"{number} TxnDate {filters}".split()),
        label="DocNumber",
        sequence="transaction",
        void=void,
        operations=frozenset({"create", "read", "update", "delete"}),
    )


ENTITIES = {
    entity.name: entity
    for entity in (
        _name("Customer", "Balance Job ParentRef BalanceWithJobs"),
        _name("Vendor", "Balance AcctNum Vendor1099"),
        _name("Employee"),
        _list("Item", "Name FullyQualifiedName Sku Type Description UnitPrice ParentRef IncomeAccountRef"),
        _list("Account", "Name FullyQualifiedName AccountType AccountSubType Classification AcctNum ParentRef SubAccount"),
        _list("Term", "Name DueDays Type"),
        _list("Class", "Name FullyQualifiedName ParentRef SubClass"),
        _list("Department", "Name FullyQualifiedName ParentRef SubDepartment"),
        _list("PaymentMethod", "Name Type"),
        _list("CompanyCurrency", "Name Code"),
        _list("TaxCode", "Name Taxable TaxGroup Hidden", operations="read", in_cdc=False),
        _list("TaxRate", "Name RateValue AgencyRef SpecialTaxType", operations="read", in_cdc=False),
        _list("TaxAgency", "DisplayName", operations="create read", in_cdc=False),
        _transaction("Invoice", _SALE_FILTERS, "operation=void"),
        _transaction("CreditMemo", _SALE_FILTERS + " RemainingCredit"),
        _transaction("SalesReceipt", _SALE_FILTERS + " DepositToAccountRef PaymentMethodRef", "include=void"),
        _transaction("RefundReceipt", _SALE_FILTERS + " DepositToAccountRef"),
        _transaction("Estimate", _SALE_FILTERS + " TxnStatus ExpirationDate AcceptedDate"),
        _transaction("Payment", "CustomerRef TotalAmt UnappliedAmt DepositToAccountRef PaymentMethodRef", "include=void", number=""),
        _transaction("Bill", _PURCHASE_FILTERS),
        _transaction("VendorCredit", "VendorRef TotalAmt Balance DepartmentRef"),
        _transaction("BillPayment", "VendorRef TotalAmt PayType", "include=void"),
        _transaction("PurchaseOrder", "VendorRef TotalAmt DueDate SalesTermRef DepartmentRef POStatus"),
        _transaction("Purchase", "PaymentType TotalAmt AccountRef EntityRef Credit"),
        _transaction("JournalEntry", "TotalAmt Adjustment"),
        _transaction("Deposit", "DepositToAccountRef TotalAmt"),
        _transaction("Transfer", "FromAccountRef ToAccountRef Amount"),
        Entity("Attachable", "other", frozenset({"FileName", "Note", "AttachableRef.EntityRef.Type", "AttachableRef.EntityRef.value"}),
               label="FileName", sequence="attachable", operations=frozenset({"create", "read", "update", "delete"}), in_cdc=False),
        Entity("CompanyInfo", "other", frozenset(), operations=frozenset({"read"}), in_cdc=False),
        Entity("Preferences", "other", frozenset(), operations=frozenset({"read", "update"}), in_cdc=False),
        Entity("ExchangeRate", "other", frozenset({"SourceCurrencyCode", "AsOfDate"}), operations=frozenset({"read", "update"}), in_cdc=False),
    )
}  # fmt: skip
BY_PATH = {entity.path: entity for entity in ENTITIES.values()}

# Which entity a reference names, wherever in a body it stands. ParentRef is of the entity's own kind;
# EntityRef says its kind itself.
REFERS_TO = {
    "CustomerRef": "Customer",
    "VendorRef": "Vendor",
    "ItemRef": "Item",
    "GroupItemRef": "Item",
    "AccountRef": "Account",
    "IncomeAccountRef": "Account",
    "ExpenseAccountRef": "Account",
    "AssetAccountRef": "Account",
    "COGSAccountRef": "Account",
    "DepositToAccountRef": "Account",
    "DiscountAccountRef": "Account",
    "BankAccountRef": "Account",
    "CCAccountRef": "Account",
    "APAccountRef": "Account",
    "ARAccountRef": "Account",
    "FromAccountRef": "Account",
    "ToAccountRef": "Account",
    "ClassRef": "Class",
    "DepartmentRef": "Department",
    "SalesTermRef": "Term",
    "TermRef": "Term",
    "PaymentMethodRef": "PaymentMethod",
    "TaxCodeRef": "TaxCode",
    "TxnTaxCodeRef": "TaxCode",
    "DefaultTaxCodeRef": "TaxCode",
    "SalesTaxCodeRef": "TaxCode",
    "PurchaseTaxCodeRef": "TaxCode",
    "TaxRateRef": "TaxRate",
    "AgencyRef": "TaxAgency",
    "PrefVendorRef": "Vendor",
}
# References that the vendor's answers carry without the name (recorded).
NAMELESS = frozenset(
    {"TaxCodeRef", "TxnTaxCodeRef", "DefaultTaxCodeRef", "TaxRateRef", "SalesTermRef", "TermRef", "AgencyRef"}
)

# Properties of the vendor's own making: what a client sends in them is passed over.
READ_ONLY = frozenset(
    [
        "Balance",
        "HomeBalance",
        "HomeTotalAmt",
        "UnappliedAmt",
        "RemainingCredit",
        "BalanceWithJobs",
        "MetaData",
        "domain",
        "status",
        "FullyQualifiedName",
        "CurrentBalance",
        "CurrentBalanceWithSubAccounts",
        "Classification",
        "Level",
        "InvoiceLink",
        "TotalCostAmount",
        "HomeTotalCostAmount",
        "V4IDPseudonym",
    ]
)

# The longest text of a property, where the manual gives one. Keys are dotted paths, of one entity or of all.
LENGTHS = {
    "DisplayName": 500, "CompanyName": 500, "PrimaryEmailAddr.Address": 100, "BillEmail.Address": 100,
    "PrimaryPhone.FreeFormNumber": 21, "AlternatePhone.FreeFormNumber": 21, "Mobile.FreeFormNumber": 21, "Fax.FreeFormNumber": 21,
    "WebAddr.URI": 1000, "Title": 100, "GivenName": 100, "MiddleName": 100, "FamilyName": 100, "Suffix": 100,
    "Sku": 100, "Name": 100, "DocNumber": 21, "PaymentRefNum": 21, "PrivateNote": 4000, "CustomerMemo.value": 1000,
    "Line.Description": 4000, "Item.Description": 4000, "Account.Description": 100, "CustomField.StringValue": 31,
} | {
    f"{address}.{member}": length
    for address in ("BillAddr", "ShipAddr", "VendorAddr")
    for member, length in {
        "Line1": 500, "Line2": 500, "Line3": 500, "Line4": 500, "Line5": 500,
        "City": 255, "CountrySubDivisionCode": 255, "PostalCode": 30, "Country": 255,
    }.items()
}  # fmt: skip

CURRENCIES = {
    "USD": "United States Dollar", "GBP": "British Pound Sterling", "EUR": "Euro", "CAD": "Canadian Dollar",
    "AUD": "Australian Dollar", "JPY": "Japanese Yen", "CHF": "Swiss Franc", "SEK": "Swedish Krona",
    "NZD": "New Zealand Dollar", "INR": "Indian Rupee", "SGD": "Singapore Dollar", "NOK": "Norwegian Krone",
    "DKK": "Danish Krone", "PLN": "Polish Zloty", "BHD": "Bahraini Dinar", "ILS": "Israeli New Shekel",
}  # fmt: skip
