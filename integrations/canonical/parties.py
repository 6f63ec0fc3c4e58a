"""Whom one sells to, whom one buys from, and who sells."""

from __future__ import annotations

from typing import Literal

from integrations.canonical.record import Country, Currency, Figure, Part, Percent, Record, said
from integrations.canonical.refs import AccountRef, CustomerRef, PaymentTermRef, SalesRepRef, TaxRateRef, VendorRef


class Address(Part, frozen=True, kw_only=True):
    """A postal address. `country_name` is as given, where no code is known."""

    attention: str | None = None
    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: Country | None = None
    country_name: str | None = None
    phone: str | None = None


class Contact(Part, frozen=True, kw_only=True):
    """A person at the customer or vendor."""

    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str | None = None
    is_primary: bool = said(False)


class TaxId(Part, frozen=True, kw_only=True):
    """A number given by a tax office."""

    value: str
    scheme: Literal["vat", "gst", "ein", "abn", "nzbn", "utr", "other"] = said("other")
    country: Country | None = None


class Party(Record, frozen=True, kw_only=True):
    """What customers and vendors have in common. `balance` is the other system's to compute."""

    name: str
    number: str | None = None
    legal_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    is_person: bool | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    contacts: list[Contact] = []
    currency: Currency | None = None
    tax_ids: list[TaxId] = []
    registration_number: str | None = None
    tax_exempt: bool | None = None
    tax_rate: TaxRateRef | None = None
    payment_term: PaymentTermRef | None = None
    credit_limit: Figure | None = None
    notes: str | None = None
    balance: Figure | None = None
    active: bool = said(True)


class Customer(Party, frozen=True, kw_only=True):
    """Somebody who buys. `parent` is the customer this one belongs to (a job or branch, say)."""

    parent: CustomerRef | None = None
    sales_rep: SalesRepRef | None = None
    receivable_account: AccountRef | None = None
    price_level: str | None = None


class Vendor(Party, frozen=True, kw_only=True):
    """Somebody who sells to us. `reportable`: what we pay them is reported to the tax office (1099 and the like)."""

    parent: VendorRef | None = None
    payable_account: AccountRef | None = None
    expense_account: AccountRef | None = None
    reportable: bool | None = None


class SalesRep(Record, frozen=True, kw_only=True):
    """Somebody who sells for us."""

    name: str
    number: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    phone: str | None = None
    commission_percent: Percent | None = None
    active: bool = said(True)
