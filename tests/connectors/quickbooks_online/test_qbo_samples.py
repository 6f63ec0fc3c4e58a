"""The samples: payloads written by us after the contract, and the records that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import integrations.connectors.quickbooks_online.connector as home
from integrations.canonical import BillPayment, Deposit, JournalEntry, Payment, Refund, decode, to_plain
from integrations.canonical.laws import broken_laws
from integrations.wire.connector import Write
from integrations.wire.message import json_body
from tests.connectors.quickbooks_online import contract, made, oracle

SAMPLES = sorted((Path(home.__file__).parent / "samples").glob("*.json"))


NOT_WRITTEN = ("tax_rate", "item.category", "item.bundle")  # QuickBooks makes these itself
WRITTEN = [path for path in SAMPLES if not path.stem.startswith(NOT_WRITTEN)]


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    return loaded(request.param)


def loaded(path: Path) -> dict[str, Any]:
    return {"stream": made.STREAMS[path.stem.split(".")[0]], **oracle.EXACT.decode(path.read_bytes())}


def test_every_stream_has_a_sample() -> None:
    assert {path.stem.split(".")[0] for path in SAMPLES} == set(made.STREAMS)


def test_a_sample_names_its_source(sample: dict[str, Any]) -> None:
    assert sample["source"]


def test_a_sample_reads_to_its_record(sample: dict[str, Any]) -> None:
    stream = sample["stream"]
    expected = decode(stream.kind, json_body(sample["record"]))
    assert stream.shape.read(sample["payload"]) == expected


def test_a_sample_keeps_the_laws(sample: dict[str, Any]) -> None:
    assert broken_laws(sample["stream"].shape.read(sample["payload"])) == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_writing_back_what_was_read_leaves_the_record_as_it_is(path: Path) -> None:
    sample = loaded(path)
    stream, payload = sample["stream"], sample["payload"]
    record = stream.shape.read(payload)
    only = frozenset(name for name in record.__struct_fields__ if getattr(record, name) and name != "currency") - {
        "extra"
    }
    write = Write(
        key=made.KEY,
        operation="update",
        record=record,
        external_id=record.external_id,
        raw=payload,
        only=frozenset(only),
    )
    request = made.DIALECT.compose(stream, [write], made.KEY, made.US if stream.name == "exchange_rate" else made.UK)
    sent = oracle.EXACT.decode(request.body)
    again = stream.shape.read(
        {**payload, **sent, "Line": _with_subtotals(sent.get("Line", payload.get("Line")), payload)}
    )
    assert _nameless(to_plain(again)) == _nameless(to_plain(record))


@oracle.needs_specs
def test_a_sample_is_as_the_schema_says(sample: dict[str, Any]) -> None:
    payload = {name: value for name, value in sample["payload"].items() if name != "TaxRates"}
    assert contract.answer_problems(200, {sample["stream"].at: payload, "time": "-"}) == []


def test_totals_come_straight_from_the_payload(sample: dict[str, Any]) -> None:
    total = sample["stream"].total
    if total is not None:
        record = sample["stream"].shape.read(sample["payload"])
        match record:
            case Payment() | BillPayment() | Refund() | Deposit():
                told = record.amount
            case JournalEntry():
                told = sum(line.debit or 0 for line in record.lines)
            case _:
                told = record.total
        assert total(sample["payload"]) == told


def _with_subtotals(lines: Any, payload: dict[str, Any]) -> Any:
    """The sent lines with those that QuickBooks adds, where it adds them."""
    if lines is None:
        return []
    kept = iter(line for line in lines if line.get("DetailType") != "SubTotalLineDetail")
    return [line if line.get("DetailType") == "SubTotalLineDetail" else next(kept) for line in payload["Line"]]


def _nameless(value: Any) -> Any:
    """A record without the names beside ids, which are never sent."""
    if isinstance(value, dict):
        return {
            name: _nameless(each)
            for name, each in value.items()
            if not (name == "name" and set(value) in ({"external_id", "name"}, {"value", "name"}))
        }
    return [_nameless(each) for each in value] if isinstance(value, list) else value
