"""Words in which the stories are told: a file is put, a run is carried out, a worker dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.sync.models import Flow, Run
from integrations.sync.run import carry_out
from integrations.sync.services import start_run
from integrations.sync.stages import Done, Later

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ORDER = ("customer", "item", "invoice", "credit_note")


def put(folder: Path, *rows: str, name: str = "sales.csv") -> Path:
    """A file of sales with these rows."""
    path = folder / name
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


def row(document: str, item: str = "MUG", *, quantity: int = 1, price: str = "2.50", customer: str = "17850") -> str:
    """One line of a sale."""
    return f"{document},{item},A {item.lower()},{quantity},2010-12-01 08:26:00,{price},{customer},United Kingdom"


def run_all(flows: dict[str, Flow], **options: bool) -> dict[str, Run]:
    """All flows, in the order in which records refer to each other, each to its end."""
    return {name: run_one(flows[name], **options) for name in ORDER}


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


class Killed(BaseException):
    """The worker is gone: nothing of it runs any more, not even what tidies up after errors."""


@contextmanager
def dies(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, *, after: bool = False, skip: int = 0
) -> Iterator[None]:
    """A worker that is killed where `place.name` is called, before it or after it, having called it `skip` times."""
    real, calls = getattr(place, name), []

    def deadly(*args: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) <= skip:
            return real(*args, **options)
        if after:
            real(*args, **options)
        raise Killed(f"{'after' if after else 'before'} {name}")

    with monkeypatch.context() as patch:
        patch.setattr(place, name, deadly)
        try:
            yield
        except Killed:
            return
    raise AssertionError(f"nothing called {name}")


def let_leases_lapse() -> None:
    """Time passes, as the database counts it, until nobody holds anything."""
    with transaction.atomic():
        Run.objects.exclude(leased_until=None).update(leased_until=timezone.now() - timedelta(seconds=1))
