"""Figures that are no money: heads, hours, square metres."""

from __future__ import annotations

from datetime import date
from typing import Any

from integrations.canonical.documents import Tag
from integrations.canonical.ledger import EntryStatus
from integrations.canonical.record import Exact, Quantity, Record, said
from integrations.canonical.refs import AccountRef, CustomerRef, ItemRef, VendorRef


class StatisticalLine(Exact, frozen=True, kw_only=True):
    """A quantity booked to a statistical account; it may be negative."""

    external_id: str | None = None
    key: str | None = None
    account: AccountRef
    quantity: Quantity
    unit: str | None = None
    description: str | None = None
    customer: CustomerRef | None = None
    vendor: VendorRef | None = None
    item: ItemRef | None = None
    dimensions: list[Tag] = []
    extra: dict[str, Any] = {}


class StatisticalEntry(Record, frozen=True, kw_only=True):
    """A booking of quantities: no currency, and nothing that must balance."""

    posted_on: date
    lines: list[StatisticalLine]
    number: str | None = None
    journal: str | None = None
    reference: str | None = None
    memo: str | None = None
    reverse_on: date | None = None
    dimensions: list[Tag] = []
    status: EntryStatus = said("unknown")
