"""The samples: payloads written by us after the contract, and what writing them back gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from integrations.connectors.odoo import nested
from integrations.connectors.odoo.bodies import says_all
from integrations.wire.connector import Write
from integrations.wire.errors import Refused
from tests.connectors.odoo import made, oracle

WRITTEN = [
    "customer", "customer.archived", "vendor", "item", "account", "account.bank", "invoice", "invoice.draft",
    "credit_note", "bill", "journal_entry", "purchase_order", "sales_order", "payment", "bill_payment", "refund",
    "dimension", "exchange_rate",
]  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_read_says_all_of_itself(name: str) -> None:
    stream, payload = made.STREAMS[name.split(".")[0]], made.sample(name)
    record = stream.shape.read(payload)
    only = frozenset(field for field in record.__struct_fields__ if getattr(record, field) and field != "extra")
    write = Write(key=made.KEY, operation="update", record=record, external_id="1", raw=payload, only=only)
    assert says_all(stream, write, payload, made.SITE)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_sample_can_be_made_anew(name: str) -> None:
    stream, payload = made.STREAMS[name.split(".")[0]], made.sample(name)
    record = msgspec.structs.replace(stream.shape.read(payload), external_id=None, version=None)
    rows = made.table(made.DIALECT.compose(stream, [made.create(record)], made.KEY, made.SITE))
    assert rows[0]["id"] == f"tieout.{made.KEY}"


@oracle.needs_specs
@pytest.mark.parametrize("name", [*WRITTEN, "tax_rate", "payment_term"])
def test_a_sample_holds_only_fields_of_the_model(name: str) -> None:
    stream = made.STREAMS[name.split(".")[0]]
    payload = made.sample(name)
    assert set(payload) - oracle.fields_of(stream.path) == set()
    for field in ("invoice_line_ids", "line_ids", "order_line"):
        for line in payload.get(field, ()) if stream.path in oracle.LINES else ():
            assert set(line) - oracle.fields_of(oracle.LINES[stream.path]) == set()


@oracle.needs_specs
@pytest.mark.parametrize("version", ["16", "17"])
@pytest.mark.parametrize("stream", made.STREAMS.values(), ids=lambda each: each.name)
def test_only_fields_of_the_model_are_asked_for_at_every_level(stream: Any, version: str) -> None:
    site = replace(made.SITE, settings={**made.SITE.settings, "version": version})
    spec = nested.translated(stream.path, nested.spec_of(stream), site)
    assert list(unknown(stream.path, spec, version)) == []


def unknown(model: str, spec: Mapping[str, Any], version: str) -> Iterator[str]:
    """Fields that the contract of that version does not have."""
    yield from (f"{model}.{name}" for name in spec.keys() - oracle.fields_of(model, version))
    for name, inner in spec.items():
        if behind := nested.BEHIND.get((model, name)):
            yield from unknown(behind, inner.get("fields", {}), version)


@oracle.needs_specs
@pytest.mark.parametrize("name", WRITTEN)
def test_only_fields_of_the_model_are_sent(name: str) -> None:
    stream, payload = made.STREAMS[name.split(".")[0]], made.sample(name)
    record = msgspec.structs.replace(stream.shape.read(payload), external_id=None, version=None, extra={})
    for row in made.table(made.DIALECT.compose(stream, [made.create(record)], made.KEY, made.SITE)):
        for column in row:
            head, _, below = column.partition("/")
            assert head == "id" or head in oracle.fields_of(stream.path), column
            if below and below != ".id":
                assert below.partition("/")[0] in oracle.fields_of(oracle.LINES[stream.path]), column


def test_a_tax_cannot_be_made() -> None:
    assert made.STREAMS["tax_rate"].writes == frozenset()
    assert made.STREAMS["payment_term"].writes == frozenset()


def test_an_entry_in_another_currency_is_refused() -> None:
    stream = made.STREAMS["journal_entry"]
    record = msgspec.structs.replace(stream.shape.read(made.sample("journal_entry")), currency="EUR")
    with pytest.raises(Refused, match="EUR"):
        made.DIALECT.compose(stream, [made.create(record)], made.KEY, made.SITE)
