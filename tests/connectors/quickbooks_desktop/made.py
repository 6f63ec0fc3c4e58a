"""Places, records and answers for the tests of the connector, all made up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from integrations.canonical import Customer, Invoice, Line, Record, Ref
from integrations.connectors.quickbooks_desktop import connector as home
from integrations.connectors.quickbooks_desktop.connector import CONNECTOR
from integrations.wire.connector import Write
from integrations.wire.message import Answer
from integrations.wire.stream import Stream

DIALECT = CONNECTOR.dialect
STREAMS: dict[str, Stream] = {stream.name: stream for stream in CONNECTOR.streams}
SAMPLES = Path(home.__file__).with_name("samples")
KEY = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 9, 15, 18, 0, tzinfo=UTC)

US = CONNECTOR.site("production", {"home_currency": "USD"})
UNTAXED = CONNECTOR.site("production", {"home_currency": "USD", "sales_tax": False})
MANY = CONNECTOR.site(
    "production", {"home_currency": "USD", "multicurrency": True, "currencies": {"EUR": "Euro", "GBP": "Pound"}}
)


def sample(name: str) -> dict[str, Any]:
    """The payload of a sample."""
    payload: dict[str, Any] = msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes())["payload"]
    return payload


def samples_of(stream: Stream) -> list[str]:
    return sorted(path.stem for path in SAMPLES.glob("*.json") if path.name.split(".")[0] == stream.name)


def line(**values: Any) -> Line:
    usual: dict[str, Any] = {
        "item": Ref(external_id="80000005-1"),
        "quantity": Decimal(2),
        "unit_price": Decimal("10.50"),
    }
    return Line(**{**usual, **values})


def invoice(**values: Any) -> Invoice:
    usual: dict[str, Any] = {
        "customer": Ref(external_id="8000001B-1"),
        "number": "536365",
        "issued_on": date(2026, 9, 14),
        "currency": "USD",
        "line_amounts": "exclusive",
        "lines": [line()],
    }
    return Invoice(**{**usual, **values})


def customer(**values: Any) -> Customer:
    return Customer(**{"name": "Okafor Garden Design", **values})


def create(record: Record, *, key: str = KEY) -> Write:
    return Write(key=key, operation="create", record=record)


def update(stream: str, only: set[str], *, key: str = KEY, name: str = "", **changes: Any) -> Write:
    """A change of what a sample shows."""
    raw = sample(name or stream)
    record = msgspec.structs.replace(STREAMS[stream].shape.read(raw), **changes)
    return Write(
        key=key,
        operation="update",
        record=record,
        external_id=record.external_id,
        version=record.version,
        only=frozenset(only),
        raw=raw,
    )


def ending(stream: str, operation: Any, *, key: str = KEY, name: str = "") -> Write:
    raw = sample(name or stream)
    record = STREAMS[stream].shape.read(raw)
    return Write(key=key, operation=operation, external_id=record.external_id, version=record.version, raw=raw)


def answer(*inside: str) -> Answer:
    """An answer of QuickBooks with these in its message set."""
    document = f"<QBXML><QBXMLMsgsRs>{''.join(inside)}</QBXMLMsgsRs></QBXML>"
    return Answer(status=200, body=document.encode(), received_at=NOW)


def told(name: str, id: str, *, code: int = 0, words: str = "Status OK", inside: str = "", more: str = "") -> str:
    """The answer to one request."""
    severity = "Info" if code < 500 else "Warn" if code < 1000 else "Error"
    return (
        f'<{name}Rs requestID="{id}" statusCode="{code}" statusSeverity="{severity}" statusMessage="{words}" {more}>'
        f"{inside}</{name}Rs>"
    )


def failed(code: str, words: str = "made up") -> Answer:
    """A document that failed as a whole."""
    return Answer(status=500, headers={"code": code, "words": words}, received_at=NOW)
