"""What is sold and bought."""

from __future__ import annotations

from typing import Literal

from integrations.canonical.record import Currency, Exact, Price, Quantity, Record, said
from integrations.canonical.refs import AccountRef, ItemRef, TaxRateRef, VendorRef

ItemType = Literal["inventory", "non_inventory", "service", "discount", "charge", "bundle", "other"]


class PriceSide(Exact, frozen=True, kw_only=True):
    """How an item is sold, or how it is bought. `price` is for one unit, with tax where `tax_inclusive` says so."""

    price: Price | None = None
    currency: Currency | None = None
    tax_inclusive: bool | None = None
    account: AccountRef | None = None
    tax_rate: TaxRateRef | None = None
    description: str | None = None


class BundlePart(Exact, frozen=True, kw_only=True):
    """One of the items that a bundle is made of."""

    item: ItemRef
    quantity: Quantity


class Item(Record, frozen=True, kw_only=True):
    """Something sold or bought. `quantity_on_hand` is the other system's to compute."""

    name: str
    item_type: ItemType
    number: str | None = None
    sku: str | None = None
    gtin: str | None = None
    description: str | None = None
    unit: str | None = None
    sale: PriceSide | None = None
    purchase: PriceSide | None = None
    asset_account: AccountRef | None = None
    vendor: VendorRef | None = None
    category: str | None = None
    parent: ItemRef | None = None
    parts: list[BundlePart] = []
    track_inventory: bool | None = None
    quantity_on_hand: Quantity | None = None
    active: bool = said(True)
