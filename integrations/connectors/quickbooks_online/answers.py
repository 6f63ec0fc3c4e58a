"""What QuickBooks Online's answers hold: rows, items of a batch, what became of a write, tax codes with their rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.wire.connector import Done, Failed, Outcome
from integrations.wire.errors import ContractBroken, ShapeError, TryLater
from integrations.wire.stream import Stream

from .faults import error_of, fault_in
from .queries import select


def outcome_of(body: Mapping[str, Any], stream: Stream) -> Outcome:
    fault = fault_in(body)
    if fault is not None:
        return Failed(error=error_of(fault))
    entity = body.get(stream.at)
    if not isinstance(entity, dict):
        return Failed(error=unanswered())
    try:
        external_id = stream.shape.external_id(entity)
    except ShapeError:
        return Failed(error=unanswered())
    if entity.get("status") == "Deleted":  # all that is left of it is its id
        return Done(external_id=external_id)
    return Done(external_id=external_id, version=entity.get("SyncToken"), raw=entity)


def unanswered() -> TryLater:
    return TryLater(sent=True, explanation="QuickBooks' answer says nothing about this record.")


def one_void_a_call() -> TryLater:
    return TryLater(sent=False, retry_after=0, explanation="QuickBooks voids one document a call: this one is next.")


def batch_answers(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The items of a batch's answer by their id; their order is not promised."""
    items = body.get("BatchItemResponse")
    if not isinstance(items, list):
        raise ContractBroken(explanation="QuickBooks answered a batch without its items.")
    return {item["bId"]: item for item in items if isinstance(item, dict) and "bId" in item}


def batch_rows(body: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each query of a batch. Raises VendorError where one of them failed."""
    answers = batch_answers(body)
    for item in answers.values():
        fault = fault_in(item)
        if fault is not None:
            raise error_of(fault)
    return {name: rows_of(item, None) for name, item in answers.items()}


def rows_of(body: Mapping[str, Any], entity: str | None) -> list[dict[str, Any]]:
    """The rows of a query's answer; with no entity named, whatever it lists."""
    response = body.get("QueryResponse")
    if not isinstance(response, dict):
        raise ContractBroken(explanation="QuickBooks answered a query without a QueryResponse.")
    if entity is None:
        return next((rows for rows in response.values() if isinstance(rows, list)), [])
    rows = response.get(entity, [])
    return rows if isinstance(rows, list) else []


# --- tax codes with their rates --------------------------------------------------------------------------------------
# The rates are entities of their own, and a change of a rate does not touch its code: both are read whole, in one call.
# The virtual codes of US companies have no Active, so active and inactive codes are asked for separately.


def tax_queries(wanted: str = "") -> list[dict[str, str]]:
    only = [wanted] if wanted else []
    queries = {
        "codes": select("TaxCode", only),
        "inactive": select("TaxCode", [*only, "Active = false"]),
        "rates": select("TaxRate", ["Active in (true, false)"]),
    }
    return [{"bId": name, "Query": query} for name, query in queries.items()]


def joined(rows: Mapping[str, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    rates = {rate["Id"]: rate for rate in rows["rates"]}
    codes = {code["Id"]: code for code in (*rows["codes"], *rows["inactive"])}
    return [{**code, "TaxRates": [rates[each] for each in _rates_of(code) if each in rates]} for code in codes.values()]


def _rates_of(code: Mapping[str, Any]) -> list[str]:
    lists = (code.get("SalesTaxRateList") or {}, code.get("PurchaseTaxRateList") or {})
    named = [detail["TaxRateRef"]["value"] for each in lists for detail in each.get("TaxRateDetail", ())]
    return list(dict.fromkeys(named))
