"""What the tests of the Odoo connector are made of: a place, records, writes, answers, and a look into requests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

import integrations.connectors.odoo as home
from integrations.canonical import Bill, Customer, Invoice, Line, Record, Ref
from integrations.connectors.odoo.connector import CONNECTOR
from integrations.wire.connector import Write
from integrations.wire.message import Answer, Request, json_body
from integrations.wire.stream import Stream

EXACT = msgspec.json.Decoder(float_hook=Decimal)
DIALECT = CONNECTOR.dialect
STREAMS: dict[str, Stream] = {stream.name: stream for stream in CONNECTOR.streams}
SITE = CONNECTOR.site(
    "production",
    {"url": "https://books.example", "database": "books", "login": "sync@books.example", "home_currency": "USD"},
)
SAMPLES = Path(next(iter(home.__path__))) / "samples"
KEY = "0123456789abcdef0123456789abcdef"


def sample(name: str) -> dict[str, Any]:
    """The payload of a sample."""
    payload: dict[str, Any] = EXACT.decode((SAMPLES / f"{name}.json").read_bytes())["payload"]
    return payload


def answer(result: Any) -> Answer:
    """What a call returned."""
    return said({"jsonrpc": "2.0", "id": 1, "result": result})


def nothing() -> Answer:
    """The answer of a method that returns nothing."""
    return said({"jsonrpc": "2.0", "id": 1})


def fault(name: str, message: str = "Words") -> Answer:
    data = {"name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback …"}
    return said({"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "Odoo Server Error", "data": data}})


def said(body: Any) -> Answer:
    text = json_body(body)
    return Answer(status=200, headers={"Date": "Wed, 16 Sep 2026 08:00:00 GMT"}, body=text)


def asked(request: Request) -> tuple[str, str, list[Any], dict[str, Any]]:
    """Model, method, arguments and options of a call; its credentials are not in it yet."""
    message = EXACT.decode(request.body)
    database, uid, key, model, method, args, options = message["params"]["args"]
    assert (request.method, request.path, database, uid, key) == ("POST", "jsonrpc", "books", None, None)
    return model, method, args, options


def table(request: Request) -> list[dict[str, str]]:
    """The rows of a load, by column; cells that are empty left out."""
    _, method, (columns, rows), _ = asked(request)
    assert method == "load"
    return [{name: cell for name, cell in zip(columns, row, strict=True) if cell} for row in rows]


def create(record: Record, key: str = KEY, **more: Any) -> Write:
    return Write(key=key, operation="create", record=record, **more)


def update(record: Record, raw: dict[str, Any], *only: str) -> Write:
    return Write(
        key=KEY, operation="update", record=record, external_id=str(raw["id"]), raw=raw, only=frozenset(only)
    )  # fmt: skip


def lantern(**more: Any) -> Line:
    fields = {"item": Ref(external_id="31"), "description": "Lantern", "quantity": Decimal(6)}
    return Line(**{**fields, "unit_price": Decimal("3.39"), "tax_rate": Ref(external_id="1"), **more})


def invoice(**more: Any) -> Invoice:
    fields: dict[str, Any] = {
        "number": "536365",
        "customer": Ref(external_id="14"),
        "issued_on": date(2026, 9, 14),
        "currency": "USD",
        "line_amounts": "exclusive",
        "lines": [lantern()],
    }
    return Invoice(**{**fields, **more})


def bill(**more: Any) -> Bill:
    fields: dict[str, Any] = {
        "number": "BW-88",
        "vendor": Ref(external_id="21"),
        "issued_on": date(2026, 9, 10),
        "currency": "USD",
        "line_amounts": "exclusive",
        "lines": [lantern(quantity=Decimal(40), unit_price=Decimal("2.5"))],
    }
    return Bill(**{**fields, **more})


def customer(**more: Any) -> Customer:
    return Customer(**{"name": "Okafor Garden Design", "number": "C-1", **more})
