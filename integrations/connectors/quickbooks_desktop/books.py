"""Which set of books is open: what the host, the company and its preferences say, at a visit or when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from integrations.wire.errors import ContractBroken
from integrations.wire.locks import Lock
from integrations.wire.nested import member

from .faults import error_of
from .grammar import COMPANY
from .qbxml import Asked, Told
from .quirks import OWNER_ID, bare_guid

EVERYTHING_ABOUT_BOOKS: Sequence[Asked] = (
    Asked(name="HostQuery", content={}, table=(), id="host"),
    Asked(name="CompanyQuery", content={"OwnerID": [OWNER_ID]}, table=COMPANY, id="company"),
    Asked(name="PreferencesQuery", content={}, table=(), id="preferences"),
)
"""What the Web Connector brings by itself at the beginning of a visit, asked for once more."""

CURRENCIES = {"US": "USD", "CA": "CAD", "UK": "GBP", "GB": "GBP", "AU": "AUD"}
"""The home currency of each edition, where the books have only one."""

_BY_NAME = {
    "US Dollar": "USD", "Canadian Dollar": "CAD", "British Pound Sterling": "GBP", "Euro": "EUR",
    "Australian Dollar": "AUD", "New Zealand Dollar": "NZD", "Mexican Peso": "MXN", "Indian Rupee": "INR",
    "Swiss Franc": "CHF", "Japanese Yen": "JPY", "Singapore Dollar": "SGD", "Hong Kong Dollar": "HKD",
    "South African Rand": "ZAR", "Swedish Krona": "SEK", "Norwegian Krone": "NOK", "Danish Krone": "DKK",
}  # fmt: skip
"""How QuickBooks calls the currencies in which companies keep their books (memory)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A company file as it shows itself. `file_id` is the place id that our invitation left in it, if any.

    What a user may not see of the preferences is None.
    """

    name: str
    file_id: str | None
    edition: str
    version: str
    multicurrency: bool
    sales_tax: bool | None
    home: str | None
    locks: Sequence[Lock] | None

    @property
    def currency(self) -> str | None:
        """The home currency; None where the books call it by a name that is not known here."""
        if self.home is not None:
            return _BY_NAME.get(self.home)
        return CURRENCIES.get(self.edition, CURRENCIES["US"])

    @property
    def country(self) -> str:
        return {"UK": "GB"}.get(self.edition, self.edition)


def company_in(answers: Sequence[Told]) -> Books:
    """The books that these answers show. Raises VendorError where QuickBooks did not say which company it is."""
    rows: dict[str, dict[str, Any]] = {}
    for told in answers:
        if told.failed and told.name == "CompanyQuery":
            raise error_of(told)
        if told.rows:
            rows[told.name] = dict(told.rows[0])
    company = rows.get("CompanyQuery")
    if company is None:
        raise ContractBroken("no CompanyRet", explanation="QuickBooks did not say which company this is.")
    host, preferences = rows.get("HostQuery", {}), rows.get("PreferencesQuery", {})
    versions = [str(each) for each in host.get("SupportedQBXMLVersion", ())]
    return Books(
        name=company.get("CompanyName") or company.get("LegalCompanyName") or "a company without a name",
        file_id=_file_id(company),
        edition=str(host.get("Country") or "US"),
        version=max(versions, key=_number, default=""),
        multicurrency=member(preferences, "MultiCurrencyPreferences.IsMultiCurrencyOn") == "true",
        sales_tax="SalesTaxPreferences" in preferences if preferences else None,
        home=member(preferences, "MultiCurrencyPreferences.HomeCurrencyRef.FullName"),
        locks=_locks(preferences) if preferences else None,
    )


def _locks(preferences: dict[str, Any]) -> list[Lock]:
    day = member(preferences, "AccountingPreferences.ClosingDate")
    return [Lock(name="closing date", until=date.fromisoformat(str(day)))] if day else []


def _file_id(company: dict[str, Any]) -> str | None:
    for each in company.get("DataExtRet", ()):
        if each.get("DataExtName") == "FileID" and bare_guid(each.get("OwnerID")) == bare_guid(OWNER_ID):
            return bare_guid(each.get("DataExtValue"))
    return None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
