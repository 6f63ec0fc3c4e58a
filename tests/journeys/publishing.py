"""Words for stories of published files. Their columns are made up by us: no vendor's layout is public, and none is claimed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction

from integrations.connections.models import Connection
from integrations.connections.services import save_connection
from integrations.mapping.models import Mapping
from integrations.mapping.rules import to_plain
from integrations.mapping.services import save_mapping
from integrations.mapping.template import TemplateFlow, shipped_templates
from integrations.sync.models import Flow
from integrations.sync.services import save_flow

THERE = "quickbooks_desktop_to_pocketadvantage_files"

CUSTOMERS = {
    "file": "latest<cust_id>/customer.fil",
    "delimiter": "\t",
    "quote": "none",
    "encoding": "cp1252",
    "header": False,
    "columns": [
        {"name": "OUR_KEY", "source": "number", "width": 12, "required": True, "transforms": ["strip", "upper"]},
        {"name": "OUR_NAME", "source": "name", "width": 30, "cut": True},
        {"name": "OUR_TOWN", "source": "billing_address.city", "width": 20},
        {"name": "OUR_LAND", "source": "billing_address.country"},
    ],
}
ITEMS = {
    "file": "latest<cust_id>/item.fil",
    "delimiter": "\t",
    "quote": "none",
    "encoding": "cp1252",
    "header": False,
    "columns": [{"name": "OUR_CODE", "source": "sku", "required": True}, {"name": "OUR_TEXT", "source": "description"}],
}
INVOICES = {
    "file": "latest<cust_id>/transact<number>.fil",
    "mode": "new",
    "delimiter": "\t",
    "quote": "none",
    "header": False,
    "columns": [
        {"name": "OUR_DOC", "source": "number", "required": True},
        {"name": "OUR_DAY", "source": "issued_on", "format": "MM/DD/YYYY"},
        {"name": "OUR_KEY", "source": "customer.number"},
        {"name": "OUR_LINE", "source": "line.position"},
        {"name": "OUR_CODE", "source": "line.item.sku"},
        {"name": "OUR_AMOUNT", "source": "line.net_amount", "format": "0.00"},
    ],
}
OUTGOING = {"customer_list": CUSTOMERS, "item_list": ITEMS, "invoice_list": INVOICES}


def part(name: str, slug: str = THERE) -> TemplateFlow:
    """A flow of a shipped template."""
    return next(each for each in shipped_templates() if each.slug == slug).flow(name)


def receiver(name: str = "Field devices", secrets: dict[str, str] | None = None, **settings: Any) -> Connection:
    """A connection over which files are published."""
    connection = Connection(
        name=name,
        connector="files",
        environment="production",
        settings={"folder": "out", "outgoing": OUTGOING, "words": {"cust_id": "1042"}, **settings},
    )
    return save_connection(connection, secrets=secrets, by=None)


def flow_by(
    part: TemplateFlow, source: Connection, target: Connection, *, rules: tuple[dict[str, Any], ...] = (), **more: Any
) -> Flow:
    """A flow with the rules of a template's, but for `rules`, from whatever has records of its kind."""
    others = {rule["to"] for rule in rules}
    kept = [rule for rule in to_plain(part.rules)["fields"] if rule["to"] not in others]
    with transaction.atomic():
        mapping = Mapping(
            name=f"{part.label} to {target}",
            kind_from=part.rules.kind_from,
            kind_to=part.rules.kind_to,
            changes={"put": [*kept, *rules]},
        )
        save_mapping(mapping, by=None)
        flow = Flow(
            name=mapping.name,
            source=source,
            source_object=part.source,
            target=target,
            target_object=part.target,
            mapping=mapping,
            policy=to_plain(part.policy) | {"match": [list(group) for group in part.match]},
            **more,
        )
        return save_flow(flow, by=None)


def lines(file: Path) -> list[list[str]]:
    """The cells of a published file."""
    return [line.split("\t") for line in file.read_bytes().decode("cp1252").split("\r\n")[:-1]]
