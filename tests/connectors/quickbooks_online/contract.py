"""The vendor's contract as a judge: what is wrong with a request or an answer of the Accounting API, in sentences.

`problems(method, url, body)` judges what a client sends, `answer_problems(status, body)` what the vendor says. The JSON Schema
made from the vendor's XSDs decides about names and types; what it leaves open stands here by hand, after the dossier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "quickbooks_online"
needs_contract = pytest.mark.skipif(not SPECS.is_dir(), reason="left out: shared/ is not beside the project")

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
        "FullyQualifiedName",
        "CurrentBalance",
        "CurrentBalanceWithSubAccounts",
        "Classification",
        "Level",
    ]
)
REQUIRED = {
    "Invoice": ("CustomerRef", "Line"),
    "CreditMemo": ("CustomerRef", "Line"),
    "Estimate": ("CustomerRef", "Line"),
    "SalesReceipt": ("Line",),
    "Payment": ("CustomerRef", "TotalAmt"),
    "Bill": ("VendorRef", "Line"),
    "VendorCredit": ("VendorRef", "Line"),
    "PurchaseOrder": ("VendorRef", "Line"),
    "BillPayment": ("VendorRef", "PayType", "TotalAmt"),
    "RefundReceipt": ("Line", "DepositToAccountRef"),
    "Deposit": ("DepositToAccountRef", "Line"),
    "JournalEntry": ("Line",),
    "ExchangeRate": ("SourceCurrencyCode", "Rate", "AsOfDate"),
    "Class": ("Name",),
    "Department": ("Name",),
    "Item": ("Name",),
    "Account": ("Name", "AccountType"),
}
TRANSACTIONS = frozenset(
    [
        "Invoice",
        "CreditMemo",
        "Estimate",
        "SalesReceipt",
        "RefundReceipt",
        "Payment",
        "Bill",
        "VendorCredit",
        "PurchaseOrder",
        "BillPayment",
        "JournalEntry",
        "Deposit",
        "Transfer",
        "Purchase",
    ]
)
DELETES = TRANSACTIONS | {"Attachable", "TimeActivity"}
CREATED_ELSEWHERE = frozenset({"TaxCode", "TaxRate"})  # by POST /taxservice/taxcode only
VOIDS = {
    "Invoice": {"operation": "void"},
    **{name: {"operation": "update", "include": "void"} for name in ("Payment", "BillPayment", "SalesReceipt")},
}
_LINE_DETAILS = ("SalesItemLineDetail", "ItemBasedExpenseLineDetail")


def problems(method: str, url: str, body: Any) -> list[str]:
    """What the vendor would find wrong with a request; `body` is the JSON value, the text of a query, or None."""
    split = urlsplit(url)
    path = split.path.split("/v3/company/", 1)[-1].partition("/")[2].strip("/")
    asked = {name: values[-1] for name, values in parse_qs(split.query).items()}
    found = [] if "/v3/company/" in split.path else ["the path does not begin with /v3/company/"]
    if len(asked.get("requestid", "")) > 50:
        found.append("requestid has more than 50 characters")
    unknown = set(asked) - {"minorversion", "requestid", "operation", "include", "query", "sendTo", "entities",
                            "changedSince", "sourcecurrencycode", "asofdate"}  # fmt: skip
    found += [f"query parameter {name} is not the vendor's" for name in sorted(unknown)]
    if path == "query":
        return found + _query_problems(asked.get("query") or body)
    if path == "batch":
        return found + _batch_problems(body)
    if path == "cdc":
        return found + [f"{name} is missing" for name in ("entities", "changedSince") if name not in asked]
    if path == "taxservice/taxcode":
        return found + _schema_problems("TaxService", body)
    entity = _by_path().get(path.partition("/")[0])
    if entity is None and path not in ("upload", "companyinfo"):
        return [*found, f"there is no address {path}"]
    if method != "POST" or entity is None or "/" in path:
        return found
    return found + entity_problems(entity, body, operation=asked.get("operation", ""), include=asked.get("include", ""))


def entity_problems(entity: str, body: Any, *, operation: str = "", include: str = "") -> list[str]:
    """What is wrong with a body sent to create, change, void or delete an entity."""
    if not isinstance(body, dict):
        return [f"the body of {entity} is no object"]
    void = VOIDS.get(entity)
    if operation == "delete" or (
        operation and void and {"operation": operation, "include": include} == {"include": "", **void}
    ):
        needed = ["Id"] if entity == "Attachable" else ["Id", "SyncToken"]
        refused = [] if operation != "delete" or entity in DELETES else [f"{entity} cannot be deleted"]
        return refused + [f"{operation} needs {name}" for name in needed if not body.get(name)]
    if operation not in ("", "create", "update"):
        return [f"operation {operation} does not exist for {entity}"]
    if entity in CREATED_ELSEWHERE:
        return [f"{entity} is written through taxservice/taxcode only"]
    found = _schema_problems(entity, body)
    found += [f"read only: {name}" for name in sorted(READ_ONLY & set(body))]
    found += [f"$.{path}: the vendor's extension members are not ours to send" for path in _extensions(body)]
    if body.get("Id") and "SyncToken" not in body:
        found.append("update needs SyncToken")
    if body.get("Id") and not body.get("sparse"):
        found.append("an update that is not sparse blanks what it leaves out")
    if not body.get("Id"):
        found += [f"{entity} needs {name}" for name in REQUIRED.get(entity, ()) if body.get(name) in (None, "", [], {})]
    return found + list(_line_problems(body))


def answer_problems(status: int, body: Any) -> list[str]:
    """What is wrong with an answer of the Accounting API, judged by the schema and the recorded envelopes."""
    if status == 401 or (isinstance(body, dict) and "fault" in body):
        return _gateway_problems(body)
    if not isinstance(body, dict):
        return ["the answer is no object"]
    if "TaxCodeId" in body:
        return _schema_problems("TaxService", body)
    # Some refusals carry no time (recorded).
    found = [] if isinstance(body.get("time"), str) or "Fault" in body else ["time is missing"]
    if status >= 400 and "Fault" not in body:
        found.append(f"status {status} without Fault")
    return found + list(_member_problems({name: value for name, value in body.items() if name != "time"}))


def _member_problems(members: dict[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        if name == "Fault":
            yield from _fault_problems(value)
        elif name in _checks():
            for entity in value if isinstance(value, list) else [value]:
                yield from _answered_entity_problems(name, entity)
        elif name in ("QueryResponse", "BatchItemResponse", "CDCResponse", "AttachableResponse"):
            for inner in value if isinstance(value, list) else [value]:
                yield from _member_problems(inner)
        elif not (name in ("startPosition", "maxResults", "totalCount") and isinstance(value, int)) and name != "bId":
            yield f"member {name} is not the vendor's"


def _answered_entity_problems(name: str, entity: Any) -> Iterator[str]:
    yield from _schema_problems(name, entity)
    if entity.get("status") == "Deleted":
        return
    for path, text in _texts(entity):
        if text == "":
            yield f"{name}{path} is empty; the vendor leaves out what is empty"
    # A projection carries only what was asked for.
    if entity.get("sparse") is not True and name in TRANSACTIONS:
        total = sum(
            (
                Decimal(str(line.get("Amount", 0)))
                for line in entity.get("Line", [])
                if line.get("DetailType") == "SubTotalLineDetail"
            ),
            Decimal(),
        )
        lines = [line for line in _flat(entity.get("Line", [])) if line.get("DetailType") == "SalesItemLineDetail"]
        if lines and total != sum((Decimal(str(line["Amount"])) for line in lines), Decimal()):
            yield f"{name}: the subtotal {total} is not the sum of the lines"
        for missing in {"Id", "SyncToken", "MetaData", "TxnDate"} - set(entity):
            yield f"{name}: {missing} is missing"


def _fault_problems(fault: Any) -> Iterator[str]:
    yield from _schema_problems("Fault", fault)
    if not fault.get("Error") or fault.get("type") not in (
        "ValidationFault", "SystemFault", "AuthenticationFault", "AUTHENTICATION", "AuthorizationFault", "AuthorizatonFault", "SERVICE"
    ):  # fmt: skip
        yield f"Fault without errors or of an unknown type: {fault}"
    for error in fault.get("Error", []):
        if not isinstance(error.get("code"), str) or not error.get("Message"):
            yield f"Fault error without code or message: {error}"


def _gateway_problems(body: Any) -> list[str]:
    fault = body.get("fault") if isinstance(body, dict) else None
    if not isinstance(fault, dict) or not fault.get("error"):
        return ["the gateway's refusal has no fault.error"]
    wrong = [error for error in fault["error"] if not {"message", "detail", "code", "element"} <= set(error)]
    return [f"the gateway's error lacks members: {error}" for error in wrong]


def _query_problems(text: Any) -> list[str]:
    if not isinstance(text, str):
        return ["the query is missing"]
    pattern = (
        r"\s*select\s+(\*|count\(\*\)|[\w.]+(\s*,\s*[\w.*]+)*|\*\s*,[\w.,\s]+)\s+from\s+(?P<entity>\w+)"
        r"(\s+where\s+(?P<where>.+?))?(\s+order\s?by\s+[\w.]+(\s+(asc|desc))?(\s*,\s*[\w.]+(\s+(asc|desc))?)*)?"
        r"(\s+startposition\s+(?P<start>\d+))?(\s+maxresults\s+(?P<most>\d+))?(\s+startposition\s+\d+)?\s*"
    )
    found = re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL)
    if not found:
        return [f"no query of the vendor's language: {text}"]
    outside = re.sub(r"'(\\.|[^'\\])*'", "''", found["where"] or "")
    wrong = [] if found["entity"] in _checks() else [f"no entity {found['entity']}"]
    if re.search(r"\bor\b|!=|<>|\bnot\b", outside, re.IGNORECASE):
        wrong.append("the vendor knows only `and`, and no negation")
    if found["start"] == "0":
        wrong.append("startposition counts from 1")
    if found["most"] and not 1 <= int(found["most"]) <= 1000:
        wrong.append("maxresults is at most 1000")
    return wrong


def _batch_problems(body: Any) -> list[str]:
    items = body.get("BatchItemRequest") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        return ["BatchItemRequest is missing"]
    found = [] if len(items) <= 30 else ["a batch holds at most 30 items"]
    ids = [item.get("bId") for item in items]
    if None in ids or len(set(ids)) != len(ids):
        found.append("every item needs a bId of its own")
    for item in items:
        if "Query" in item:
            found += _query_problems(item["Query"])
            continue
        names = [name for name in item if name in _checks()]
        if len(names) != 1 or item.get("operation") not in ("create", "update", "delete"):
            found.append(f"item {item.get('bId')} needs one entity and an operation create, update or delete")
            continue
        found += [
            f"item {item['bId']}: {problem}"
            for problem in entity_problems(names[0], item[names[0]], operation=item["operation"])
        ]
    return found


def _line_problems(body: dict[str, Any]) -> Iterator[str]:
    for line in _flat(body.get("Line", [])):
        kind = line.get("DetailType")
        if kind == "SubTotalLineDetail":
            yield "a subtotal line is the vendor's to write"
        if kind and kind != "DescriptionOnly" and kind not in line:
            yield f"a line of type {kind} has no member {kind}"
        for detail in (line.get(name, {}) for name in _LINE_DETAILS):
            if "Qty" in detail and "UnitPrice" in detail:
                exact = (Decimal(str(detail["Qty"])) * Decimal(str(detail["UnitPrice"]))).quantize(
                    Decimal("0.01"), "ROUND_HALF_UP"
                )
                if exact != Decimal(str(line.get("Amount"))):
                    yield f"Amount {line.get('Amount')} is not Qty x UnitPrice ({exact})"


def _flat(lines: list[Any]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield line
        yield from _flat(line.get("GroupLineDetail", {}).get("Line", []))


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, f"{path}.{name}")
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from _texts(member, f"{path}[{place}]")
    else:
        yield path, value


def _extensions(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name.endswith("Ex"):
                yield f"{path}{name}"
            yield from _extensions(member, f"{path}{name}.")
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from _extensions(member, f"{path}[{place}].")


def _schema_problems(entity: str, body: Any) -> list[str]:
    return [f"{entity}{error.json_path[1:]}: {error.message}" for error in _checks()[entity].iter_errors(body)]


@cache
def _checks() -> dict[str, Any]:
    schema = json.loads((SPECS / "derived" / "entities.schema.json").read_text(encoding="utf-8"))

    def is_number(checker: Any, value: Any) -> bool:
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool)

    types = Draft202012Validator.TYPE_CHECKER.redefine("number", is_number)
    validator = extend(Draft202012Validator, type_checker=types)
    names = [*schema["x-entities"], "Fault"]
    return {name: validator({**schema, "$id": f"urn:qbo:{name}", "$ref": f"#/$defs/{name}"}) for name in names}


@cache
def _by_path() -> dict[str, str]:
    return {name.lower(): name for name in _checks()} | {"taxservice": "TaxService"}
