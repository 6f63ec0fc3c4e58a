"""What QuickBooks tells of itself: the host, the company file and its preferences."""

from __future__ import annotations

from collections.abc import Callable

from . import custom
from .company import Company
from .grammar import Body
from .lists import address_block

_ADDRESSES = {
    "US": {"Addr1": "12 Lark Street", "City": "Springfield", "State": "IL", "PostalCode": "62701", "Country": "US"},
    "GB": {"Addr1": "3 Quay Lane", "City": "Bristol", "PostalCode": "BS1 4DJ", "Country": "UK"},
}


def host(company: Company, query: Body) -> tuple[str, Body]:
    return "HostRet", {
        "ProductName": f"QuickBooks {company.settings.edition} 2024",
        "MajorVersion": "34",
        "MinorVersion": "0",
        "Country": "US",  # the edition, whatever country the company is in
        "SupportedQBXMLVersion": ["13.0", "14.0"],
        "IsAutomaticLogin": "false",
        "QBFileMode": "SingleUser",
    }


def company_file(company: Company, query: Body) -> tuple[str, Body]:
    settings = company.settings
    address = _ADDRESSES.get(settings.country, _ADDRESSES["US"])
    body: Body = {
        "IsSampleCompany": "false",
        "CompanyName": settings.name,
        "LegalCompanyName": settings.name,
        "Address": address,
        "AddressBlock": address_block(address),
        "LegalAddress": address,
        "Phone": "555-0100",
        "Email": "books@example.com",
        "FirstMonthFiscalYear": "January",
        "FirstMonthIncomeTaxYear": "January",
        "CompanyType": "Retail",
    }
    return "CompanyRet", custom.beside(company, custom.COMPANY, body, query.get("OwnerID", ()))


def preferences(company: Company, query: Body) -> tuple[str, Body]:
    settings, roles = company.settings, company.settings.roles
    accounting: Body = {
        "IsUsingAccountNumbers": "true",
        "IsRequiringAccounts": "true",
        "IsUsingClassTracking": "true",
        "IsUsingAuditTrail": "true",
        "IsAssigningJournalEntryNumbers": "true",
    }
    if settings.closing_date:
        accounting["ClosingDate"] = settings.closing_date
    currencies: Body = {"IsMultiCurrencyOn": "true" if settings.multicurrency else "false"}
    if settings.multicurrency:
        currencies["HomeCurrencyRef"] = {"ListID": company.home}
    body: Body = {
        "AccountingPreferences": accounting,
        "FinanceChargePreferences": {
            "AnnualInterestRate": "0.00",
            "MinFinanceCharge": "0.00",
            "GracePeriod": "0",
            "IsAssessingForOverdueCharges": "false",
            "CalculateChargesFrom": "DueDate",
            "IsMarkedToBePrinted": "false",
        },
        "JobsAndEstimatesPreferences": {
            "IsUsingEstimates": "true",
            "IsUsingProgressInvoicing": "false",
            "IsPrintingItemsWithZeroAmounts": "false",
        },
        "MultiCurrencyPreferences": currencies,
        "PurchasesAndVendorsPreferences": {
            "IsUsingInventory": "true",
            "DaysBillsAreDue": "10",
            "IsAutomaticallyUsingDiscounts": "false",
        },
        "ReportsPreferences": {"AgingReportBasis": "AgeFromDueDate", "SummaryReportBasis": "Accrual"},
        "SalesAndCustomersPreferences": {
            "IsTrackingReimbursedExpensesAsIncome": "false",
            "IsAutoApplyingPayments": "false",
            "PriceLevels": {"IsUsingPriceLevels": "false"},
        },
        "SalesTaxPreferences": {
            "DefaultItemSalesTaxRef": {"ListID": roles["sales tax"]},
            "PaySalesTax": "Monthly",
            "DefaultTaxableSalesTaxCodeRef": {"ListID": roles["taxable"]},
            "DefaultNonTaxableSalesTaxCodeRef": {"ListID": roles["not taxable"]},
        },
        "TimeTrackingPreferences": {"FirstDayOfWeek": "Monday"},
        "CurrentAppAccessRights": {"IsAutomaticLoginAllowed": "false", "IsPersonalDataAccessAllowed": "false"},
    }
    return "PreferencesRet", company.shown(body)


ANSWERS_OF: dict[str, Callable[[Company, Body], tuple[str, Body]]] = {
    "HostQuery": host,
    "CompanyQuery": company_file,
    "PreferencesQuery": preferences,
}
