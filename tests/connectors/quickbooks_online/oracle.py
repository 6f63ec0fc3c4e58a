"""The vendor's contract as a judge of what we send, and the recorded conversations beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from integrations.wire.message import Answer, Request, json_body

from . import contract
from .contract import SPECS

needs_specs = contract.needs_contract
EXACT = msgspec.json.Decoder(float_hook=Decimal)
ENTITIES = (
    "Account",
    "Bill",
    "BillPayment",
    "Class",
    "CreditMemo",
    "Customer",
    "Department",
    "Deposit",
    "Estimate",
    "Invoice",
    "Item",
    "JournalEntry",
    "Payment",
    "PurchaseOrder",
    "RefundReceipt",
    "SalesReceipt",
    "TaxCode",
    "TaxRate",
    "Term",
    "Vendor",
    "VendorCredit",
    "Preferences",
)
LENGTHS = {"DocNumber": 21, "Name": 100, "Sku": 100, "PaymentRefNum": 21}


def problems(request: Request) -> list[str]:
    """What the vendor would refuse in a request."""
    body = EXACT.decode(request.body) if request.body else None
    url = f"https://quickbooks.example{request.path}?{urlencode(request.params)}"
    found = contract.problems(request.method, url, body)
    if request.params.get("minorversion") != "75":
        found.append("minorversion is not 75")
    return found + [problem for entity in _written(body) for problem in _forgotten(entity)]


def _written(body: Any) -> list[dict[str, Any]]:
    items = body.get("BatchItemRequest") if isinstance(body, dict) else None
    if items is None:
        return [body] if isinstance(body, dict) else []
    return [member for item in items for member in item.values() if isinstance(member, dict)]


def _forgotten(body: dict[str, Any]) -> Iterator[str]:
    """What the contract's prose says beyond the schema: lengths, characters of names, items of lines."""
    for name, longest in LENGTHS.items():
        if len(body.get(name, "")) > longest:
            yield f"{name} is too long"
    for name in ("DisplayName", "Name"):
        if re.search(r"[:\t\n]", body.get(name, "")):
            yield f"{name} holds a colon, tab or newline"
    for line in body.get("Line", ()):
        if line.get("DetailType") == "SalesItemLineDetail":
            if "Amount" not in line:
                yield "a line without its amount"
            if not line["SalesItemLineDetail"].get("ItemRef", {}).get("value"):
                yield "a sales line without its item"


def answers_of(name: str) -> Iterator[tuple[dict[str, Any], Answer]]:
    """The conversations of a recording: what was asked, and the answer."""
    recorded = EXACT.decode((SPECS / "recorded" / "json" / f"{name}.json").read_bytes())
    for each in recorded if isinstance(recorded, list) else [{"request": {}, "response": {"body": recorded}}]:
        response = each["response"]
        yield (
            each["request"],
            Answer(
                status=response.get("status", 400),
                headers=response.get("headers", {}),
                body=json_body(response["body"]),
            ),
        )


def recordings() -> list[str]:
    """The names of all recorded conversations."""
    return sorted(path.stem for path in (SPECS / "recorded" / "json").glob("*.json")) if SPECS.is_dir() else []


def entities() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every entity in the recordings and the converted samples, with its name."""
    for place in ("recorded/json", "derived/samples_from_xml"):
        for path in sorted((SPECS / place).glob("*.json")):
            yield from _entities_in(EXACT.decode(path.read_bytes()))


def _entities_in(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for each in value:
            yield from _entities_in(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "request":
                continue
            for each in inner if isinstance(inner, list) else [inner]:
                if name in ENTITIES and isinstance(each, dict) and each.get("MetaData"):
                    yield name, each
                else:
                    yield from _entities_in(each)
