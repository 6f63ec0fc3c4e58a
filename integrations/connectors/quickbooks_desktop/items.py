"""QuickBooks Desktop's items as a two-way table: one list when read, a request of its own for each kind when written.

A service, a part that is not counted and an other charge either sell *or* buy with one price (`SalesOrPurchase`) or have
both sides (`SalesAndPurchase`); what is in stock always has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.canonical import Item, PriceSide
from integrations.wire.nested import member
from integrations.wire.shape import F, Shape
from integrations.wire.xml import KIND

from .shapes import CODE, LISTED, Payload, bare, code_id, entry_name, ref, refers, to_ref

TYPES = {
    "ItemService": "service",
    "ItemNonInventory": "non_inventory",
    "ItemInventory": "inventory",
    "ItemInventoryAssembly": "inventory",
    "ItemOtherCharge": "charge",
    "ItemDiscount": "discount",
    "ItemGroup": "bundle",
}
"""Our word for each kind; those without one of ours (subtotals, payments, taxes) are `other`."""

WRITTEN = {
    "service": "ItemService",
    "non_inventory": "ItemNonInventory",
    "inventory": "ItemInventory",
    "charge": "ItemOtherCharge",
    "discount": "ItemDiscount",
}
EITHER, BOTH = "SalesOrPurchase", "SalesAndPurchase"
_SALE = {"description": "SalesDesc", "price": "SalesPrice", "account": "IncomeAccountRef"}
_PURCHASE = {"description": "PurchaseDesc", "price": "PurchaseCost", "account": "ExpenseAccountRef"}


def kind_of(payload: Mapping[str, Any]) -> str:
    """The kind of an item of theirs, such as ItemService."""
    return str(payload.get(KIND))


def _item_type(payload: Payload) -> str:
    return TYPES.get(kind_of(payload), "other")


def _to_kind(item: Item) -> Payload:
    if item.item_type not in WRITTEN:
        raise ValueError(f"QuickBooks items of type {item.item_type} are only read; it makes {', '.join(WRITTEN)}")
    return {KIND: WRITTEN[item.item_type]}


def _side(payload: Payload, names: Mapping[str, str], either: bool) -> Payload | None:
    """One side of an item; where QuickBooks keeps only one price, it is taken for that of the sale."""
    told = payload.get(BOTH) or (payload if kind_of(payload).startswith("ItemInventory") else None)
    if told is not None:
        side = {ours: told.get(theirs) for ours, theirs in names.items()}
        side["account"] = side["account"] or (told.get("COGSAccountRef") if names is _PURCHASE else None)
    elif either and payload.get(EITHER):
        one = payload[EITHER]
        side = {"description": one.get("Desc"), "price": one.get("Price"), "account": one.get("AccountRef")}
    elif either and kind_of(payload) == "ItemDiscount":
        side = {"description": None, "price": payload.get("DiscountRate"), "account": payload.get("AccountRef")}
    else:
        return None
    read = {
        "description": side["description"],
        "price": None if side["price"] is None else Decimal(side["price"]),
        "account": ref(side["account"]) if side["account"] else None,
    }
    return {name: value for name, value in read.items() if value is not None} or None


def _sale(payload: Payload) -> Payload | None:
    side = _side(payload, _SALE, either=True) or {}
    tax = payload.get("SalesTaxCodeRef")
    if tax:
        side["tax_rate"] = {
            "external_id": code_id(tax["ListID"]) if tax.get("ListID") else None,
            "name": tax.get("FullName"),
        }
    return side or None


def _purchase(payload: Payload) -> Payload | None:
    return _side(payload, _PURCHASE, either=False)


def _members(side: PriceSide | None, names: Mapping[str, str], *, description: str | None = None) -> Payload:
    """What one side of ours says, by the names given for it."""
    if side is None:
        return {names["description"]: description} if description else {}
    return {
        names[ours]: value
        for ours, value in (
            ("description", side.description or description),
            ("price", side.price),
            ("account", to_ref(side.account) if side.account else None),
        )
        if value is not None
    }


def _to_sides(item: Item) -> Payload:
    """Both sides of an item in the members of its kind."""
    kind = WRITTEN.get(item.item_type, "")
    tax = item.sale.tax_rate if item.sale else None
    members: Payload = {"SalesTaxCodeRef": _to_code(tax)} if tax else {}
    if kind == "ItemDiscount":
        one = _members(
            item.sale,
            {"description": "ItemDesc", "price": "DiscountRate", "account": "AccountRef"},
            description=item.description,
        )
        return members | one
    if kind == "ItemInventory":
        bought = {**_PURCHASE, "account": "COGSAccountRef"}
        vendor = {"PrefVendorRef": to_ref(item.vendor)} if item.vendor else {}
        return (
            members
            | _members(item.sale, _SALE, description=item.description)
            | _members(item.purchase, bought)
            | vendor
        )
    if item.purchase is not None or item.vendor is not None:
        vendor = {"PrefVendorRef": to_ref(item.vendor)} if item.vendor else {}
        sides = _members(item.sale, _SALE, description=item.description) | _members(item.purchase, _PURCHASE) | vendor
        return members | {BOTH: sides}
    one = _members(
        item.sale, {"description": "Desc", "price": "Price", "account": "AccountRef"}, description=item.description
    )
    return members | {EITHER: one}


def _to_part_number(item: Item) -> Payload:
    """The only number that an item has besides its name; services, charges and discounts have none."""
    if not item.sku:
        return {}
    if WRITTEN.get(item.item_type) in ("ItemNonInventory", "ItemInventory"):
        return {"ManufacturerPartNumber": item.sku}
    if item.sku not in (item.name, item.number):
        raise ValueError(f"an item of type {item.item_type} has no part number in QuickBooks: make the sku its name")
    return {}


def _to_code(tax: Any) -> Payload:
    """An item names a tax code, never a rate."""
    told: str = to_ref(tax)["ListID"]
    if not told.startswith(CODE):
        raise ValueError("an item of QuickBooks takes a sales tax code (taxable or not), not a rate")
    return {"ListID": bare(told)}


def _description(payload: Payload) -> str | None:
    told = _side(payload, _SALE, either=True) or {}
    return told.get("description") or payload.get("ItemDesc")


def _vendor(payload: Payload) -> Payload | None:
    told = member(payload, f"{BOTH}.PrefVendorRef") or payload.get("PrefVendorRef")
    return ref(told) if told else None


def _parts(payload: Payload) -> list[Payload] | None:
    """What a group is made of, for one of it."""
    lines = [line for line in payload.get("ItemGroupLine", ()) if line.get("ItemRef")]
    return [{"item": ref(line["ItemRef"]), "quantity": Decimal(line.get("Quantity") or 1)} for line in lines] or None


def _tracked(payload: Payload) -> bool | None:
    return True if kind_of(payload).startswith("ItemInventory") else None


ITEM = Shape(
    Item,
    **{**LISTED, "ignore": ("FullName", "Sublevel", "ExternalGUID")},
    fields=(
        entry_name(),
        F("item_type", "", read=_item_type, write=_to_kind, uses=(KIND,)),
        F("sku", "ManufacturerPartNumber", write=None),
        F("sku", "", read=None, write=_to_part_number),
        F("gtin", "BarCodeValue", write=None),
        F("description", "", read=_description, write=None, uses=("ItemDesc", f"{EITHER}.Desc")),
        F(
            "sale",
            "",
            read=_sale,
            write=_to_sides,
            uses=(
                "SalesTaxCodeRef",
                f"{EITHER}.Price",
                f"{EITHER}.AccountRef",
                "DiscountRate",
                "AccountRef",
                *_SALE.values(),
                *(f"{BOTH}.{name}" for name in _SALE.values()),
            ),
        ),
        F(
            "purchase",
            "",
            read=_purchase,
            write=_to_sides,
            uses=("COGSAccountRef", *_PURCHASE.values(), *(f"{BOTH}.{name}" for name in _PURCHASE.values())),
        ),
        F("description", "", read=None, write=_to_sides),
        F("vendor", "", read=_vendor, write=_to_sides, uses=(f"{BOTH}.PrefVendorRef", "PrefVendorRef")),
        refers("asset_account", "AssetAccountRef"),
        refers("parent", "ParentRef"),
        F("parts", "", read=_parts, write=None, uses=("ItemGroupLine",)),
        F("track_inventory", "", read=_tracked, write=None),
        F("quantity_on_hand", "QuantityOnHand", write=None),
        F("active", "IsActive"),
    ),
)


def as_it_stands(members: Payload, raw: Mapping[str, Any]) -> Payload:
    """The members of an item's change in the form that the item has there: one price, or both sides."""
    if BOTH in raw and EITHER in members:
        one = members[EITHER]
        renamed = {"Desc": "SalesDesc", "Price": "SalesPrice", "AccountRef": "IncomeAccountRef"}
        both = {renamed[name]: value for name, value in one.items()}
        members = {name: value for name, value in members.items() if name != EITHER} | {BOTH: both}
    return {f"{name}Mod" if name in (EITHER, BOTH) else name: value for name, value in members.items()}
