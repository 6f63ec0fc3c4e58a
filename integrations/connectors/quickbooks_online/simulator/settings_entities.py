"""What a company says about itself: CompanyInfo, Preferences and exchange rates."""

from __future__ import annotations

from decimal import Decimal

from integrations.simulation.store import Row

from .company import Body, Company, trimmed
from .entities import CURRENCIES
from .faults import Fault


def company_info(company: Company) -> Body:
    """The entity CompanyInfo."""
    settings = company.settings
    return {
        "CompanyName": settings.name,
        "LegalName": settings.name,
        "CompanyStartDate": "2020-01-01",
        "FiscalYearStartMonth": "January" if settings.is_us else "April",
        "Country": settings.country,
        "SupportedLanguages": "en",
        "DefaultTimeZone": settings.zone,
        "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}],
        **_signature("1"),
    }


def preferences(company: Company) -> Body:
    """The entity Preferences."""
    settings = company.settings
    accounting: Body = {
        "UseAccountNumbers": False,
        "TrackDepartments": True,
        "ClassTrackingPerTxn": False,
        "ClassTrackingPerTxnLine": True,
        "FirstMonthOfFiscalYear": "January" if settings.is_us else "April",
        "TaxYearMonth": "January" if settings.is_us else "April",
        "CustomerTerminology": "Customers",
    }
    if settings.book_close_date:
        accounting["BookCloseDate"] = settings.book_close_date
    switches = [
        {
            "Name": f"SalesFormsPrefs.UseSalesCustom{place}",
            "Type": "BooleanType",
            "BooleanValue": place <= len(settings.custom_fields),
        }
        for place in (1, 2, 3)
    ]
    names = [
        {"Name": f"SalesFormsPrefs.SalesCustomName{place}", "Type": "StringType", "StringValue": name}
        for place, name in enumerate(settings.custom_fields, 1)
    ]
    return {
        "AccountingInfoPrefs": accounting,
        "ProductAndServicesPrefs": {"ForSales": True, "ForPurchase": True, "QuantityWithPriceAndRate": True, "QuantityOnHand": True},
        "SalesFormsPrefs": {
            "CustomField": [{"CustomField": switches}, {"CustomField": names}],
            "CustomTxnNumbers": settings.custom_numbers,
            "AllowDeposit": False,
            "AllowDiscount": True,
            "AllowEstimates": True,
            "AllowServiceDate": True,
            "AllowShipping": True,
            "AutoApplyCredit": False,
        },
        "VendorAndPurchasesPrefs": {"TrackingByCustomer": True, "BillableExpenseTracking": True},
        "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": settings.automated_sales_tax},
        "CurrencyPrefs": {"MultiCurrencyEnabled": settings.multicurrency, "HomeCurrency": {"value": settings.currency}},
        "ReportPrefs": {"ReportBasis": "Accrual"},
        **_signature("1"),
    }  # fmt: skip


def save_preferences(company: Company, body: Body) -> Body:
    """Takes the few preferences that the simulator knows how to live by; raises Fault 6000 to switch currencies off."""
    settings = company.settings
    accounting, sales, currency = (
        body.get(f"{part}Prefs", {}) for part in ("AccountingInfo", "SalesForms", "Currency")
    )
    settings.book_close_date = accounting.get("BookCloseDate", settings.book_close_date)
    settings.custom_numbers = sales.get("CustomTxnNumbers", settings.custom_numbers)
    multicurrency = currency.get("MultiCurrencyEnabled", settings.multicurrency)
    if settings.multicurrency and not multicurrency:
        raise Fault("6000", "Business Validation Error: Multicurrency cannot be switched off once it is on.")
    settings.multicurrency = multicurrency
    company.keep_settings()
    return preferences(company)


def exchange_rate(company: Company, currency: str, day: str | None) -> Body:
    """The rate on that day; raises Fault 6000 where multicurrency is off."""
    _check_multicurrency(company)
    day = day or company.today()
    if currency not in CURRENCIES:
        raise Fault(
            "2170", f"Enumeration value {currency} is not valid for sourcecurrencycode", element="sourcecurrencycode"
        )
    return _rate(company, currency, day, company.rate(currency, day))


def save_exchange_rate(company: Company, body: Body) -> Body:
    """Enters a rate for a day; raises Fault 2020 where a part of it is missing."""
    _check_multicurrency(company)
    for needed in ("SourceCurrencyCode", "Rate", "AsOfDate"):
        if needed not in body:
            raise Fault("2020", f"Required parameter {needed} is missing in the request", element=needed)
    currency, day, now = body["SourceCurrencyCode"], body["AsOfDate"], company.now()
    kept = _rate(company, currency, day, Decimal(body["Rate"]))
    company.store.put(company.realm, "ExchangeRate", Row(f"{currency} {day}", 0, now, now, True, False, kept))
    return kept


def _check_multicurrency(company: Company) -> None:
    if not company.settings.multicurrency:
        raise Fault("6000", "Business Validation Error: Multi currency should be enabled to perform this operation.")


def _signature(id: str) -> Body:
    return {"domain": "QBO", "sparse": False, "Id": id, "SyncToken": "0"}


def _rate(company: Company, currency: str, day: str, rate: Decimal) -> Body:
    return {
        "SourceCurrencyCode": currency,
        "TargetCurrencyCode": company.settings.currency,
        "Rate": trimmed(rate),
        "AsOfDate": day,
        "domain": "QBO",
        "sparse": False,
        "MetaData": {"LastUpdatedTime": company.moment(company.now())},
    }
