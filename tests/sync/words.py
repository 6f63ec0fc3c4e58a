"""Words for stories of the engine: rules of the mappings, documents, and what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.records.models import Issue
from integrations.sync.models import Call, Flow, Item, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from integrations.sync.stages import Done, Later

CUSTOMER = [
    {"to": "name", "from": "name", "required": True},
    {"to": "email", "from": "email"},
    {"to": "phone", "from": "phone"},
]
ITEM = [{"to": "name", "from": "name"}, {"to": "sku", "from": "sku"}, {"to": "item_type", "from": "item_type"}]
LINES = {
    "to": "lines",
    "from": "lines",
    "each": [
        {"to": "description", "from": "description"},
        {"to": "quantity", "from": "quantity"},
        {"to": "unit_price", "from": "unit_price"},
        {"to": "net_amount", "from": "net_amount"},
    ],
}
HEAD = [{"to": name, "from": name} for name in ("number", "issued_on", "currency", "line_amounts", "memo", "total")]
INVOICE = [{"to": "customer", "from": "customer", "required": True}, *HEAD, LINES]
ORDER = [{"to": "customer", "constant": "7"}, *HEAD, LINES]


def document(number: str, *, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """A document of one line."""
    return {
        "number": number,
        "day": "2026-03-01",
        "currency": "GBP",
        "taxes": "no_tax",
        "total": amount,
        "lines": [{"id": "1", "key": "1", "text": "A mug", "quantity": "1", "price": amount, "amount": amount}],
        **more,
    }


def run_one(flow: Flow, **options: bool) -> Run:
    """A run of the flow, carried out to its end."""
    run = start_run(flow, by="test", **options)
    outcome = go_on(run)
    assert isinstance(outcome, Done), outcome
    return run


def go_on(run: Run, *, minutes: float = 5) -> Later | Done:
    """The next slice of a run, when it is due, by a worker that knows of it only what is written down."""
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(wake_at=timezone.now())
        fresh = Run.objects.get(pk=run.pk)
    outcome = carry_out(fresh, until=timezone.now() + timedelta(minutes=minutes))
    with transaction.atomic():
        run.refresh_from_db()
    return outcome


def time_passes() -> None:
    """Until every answer that comes later may be asked for."""
    with transaction.atomic():
        Call.objects.exclude(ask_at=None).update(ask_at=timezone.now())


def items(flow: Flow, **filters: Any) -> list[tuple[str, str, str]]:
    """What was planned in the flow's last run: (record, operation, state), by record."""
    with transaction.atomic():
        last = Run.objects.filter(flow=flow).order_by("-created_at").first()
        found = Item.objects.filter(run=last, **filters).select_related("record").order_by("record__external_id")
        return [(item.record.external_id, item.operation, item.reason or item.state) for item in found]


def open_issues(**filters: Any) -> list[tuple[str, str]]:
    """(code, words) of every open issue."""
    with transaction.atomic():
        found = Issue.objects.filter(state=Issue.State.OPEN, **filters).order_by("opened_at")
        return list(found.values_list("code", "words"))
