"""The vendor's schema as a judge of requests, and the recorded conversations; both lie in `shared/` beside the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, validators

from integrations.wire.message import Answer, Request, json_body

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "quickbooks_online"
needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")

EXACT = msgspec.json.Decoder(float_hook=Decimal)

# What only the vendor may say, after the oracle notes; SpecialItem and the like never occur in our tables.
READ_ONLY = {
    "Balance",
    "HomeBalance",
    "HomeTotalAmt",
    "UnappliedAmt",
    "RemainingCredit",
    "BalanceWithJobs",
    "MetaData",
    "domain",
    "FullyQualifiedName",
    "CurrentBalance",
    "CurrentBalanceWithSubAccounts",
    "Classification",
    "Level",
}
LENGTHS = {"DocNumber": 21, "Name": 100, "Sku": 100, "PaymentRefNum": 21}
QUERY = re.compile(
    r"select \* from [A-Z]\w+"
    r"( where .+?)?"
    r"( orderby [\w.]+)?"
    r"( startposition [1-9]\d*)?"
    r"( maxresults ([1-9]\d{0,2}|1000))?"
)


def problems(request: Request) -> list[str]:
    """What the vendor would refuse in a request, as far as schema and manual tell."""
    found = []
    if request.params.get("minorversion") != "75":
        found.append("minorversion is not 75")
    path = request.path.split("/v3/company/")[1].split("/", 1)[1]
    if request.method == "GET":
        return found + (_query_problems(request.params["query"]) if path == "query" else [])
    if len(request.params.get("requestid", "")) > 50:
        found.append("requestid is longer than 50")
    body = EXACT.decode(request.body)
    if path == "batch":
        return found + _batch_problems(body)
    return found + entity_problems(entity_at(path), body, request.params.get("operation"))


def entity_problems(entity: str, body: dict[str, Any], operation: str | None = None) -> list[str]:
    """What the vendor would refuse in the body of one write."""
    if operation in ("delete", "void"):
        return [] if set(body) == {"Id", "SyncToken"} else [f"{operation} takes Id and SyncToken only"]
    found = [f"{error.json_path}: {error.message}" for error in _check(entity).iter_errors(body)]
    found += [f"read only: {name}" for name in READ_ONLY & set(body)]
    if "Id" in body and not ("SyncToken" in body and body.get("sparse") is True):
        found.append("an update needs its SyncToken and to be sparse")
    found += [f"{name} is too long" for name, longest in LENGTHS.items() if len(body.get(name, "")) > longest]
    for name in ("DisplayName", "Name"):
        if entity != "Term" and re.search(r"[:\t\n]", body.get(name, "")):
            found.append(f"{name} holds a colon, tab or newline")
    half = Decimal("0.5") if body.get("CurrencyRef") == {"value": "JPY"} else Decimal("0.005")
    found += [problem for line in body.get("Line", ()) for problem in _line_problems(line, half)]
    return found


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


def entity_at(path: str) -> str:
    """The entity that a path names."""
    return {name.lower(): name for name in _schema()["x-entities"]}[path.lower()]


def _entities_in(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for each in value:
            yield from _entities_in(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "request":
                continue
            for each in inner if isinstance(inner, list) else [inner]:
                if name in _schema()["x-entities"] and isinstance(each, dict) and each.get("MetaData"):
                    yield name, each
                else:
                    yield from _entities_in(each)


def _line_problems(line: dict[str, Any], half: Decimal) -> Iterator[str]:
    kind = line["DetailType"]
    if kind == "SubTotalLineDetail":
        yield "subtotals are answered, never sent"
    if kind == "SalesItemLineDetail":
        detail = line.get(kind, {})
        if "Amount" not in line:
            yield "a line without its amount"
        if not detail.get("ItemRef", {}).get("value"):
            yield "a sales line without its item"
        if "Qty" in detail and "UnitPrice" in detail:
            product = Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"])
            if abs(product - Decimal(line["Amount"])) > half:
                yield f"amount {line['Amount']} is not {detail['Qty']} x {detail['UnitPrice']} rounded"


def _batch_problems(body: dict[str, Any]) -> list[str]:
    items = body["BatchItemRequest"]
    found = [] if 1 <= len(items) <= 30 else [f"a batch of {len(items)}"]
    if len({item["bId"] for item in items}) != len(items):
        found.append("a bId occurs twice")
    for item in items:
        if "Query" in item:
            found += _query_problems(item["Query"])
            continue
        (entity,) = set(item) - {"bId", "operation"}
        if item["operation"] not in ("create", "update", "delete"):
            found.append(f"unverified operation {item['operation']} in a batch")
        found += entity_problems(entity, item[entity], item["operation"])
    return found


def _query_problems(query: str) -> list[str]:
    return [] if QUERY.fullmatch(query) else [f"no query: {query}"]


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode((SPECS / "derived" / "entities.schema.json").read_bytes())
    return schema


@cache
def _check(entity: str) -> Any:
    exact = Draft202012Validator.TYPE_CHECKER.redefine(
        "number", lambda _, value: isinstance(value, int | Decimal) and not isinstance(value, bool)
    )
    validator = validators.extend(Draft202012Validator, type_checker=exact)
    return validator({**_schema(), "$id": f"urn:qbo:{entity}", "$ref": f"#/$defs/{entity}"})
