"""The product with one of its guards taken away: a campaign that does not fail then proves nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.db import transaction

from integrations.connections import line
from integrations.sync import calls, compose, settle
from integrations.sync.models import Call, CallIntent, Intent, Item
from plumbing.leases import Leased
from tests.chaos import points

# Each guard, and where it is needed most: what is done there to workers at what point.
GUARDS = {
    "intent": ("kill", points.ANSWERED),
    "lookup": ("kill", points.AFTER_THE_VENDOR),
    "lease": ("stop", points.ABOUT_TO_SEND),
}


def give_up(guard: str) -> None:
    """Take this guard away, for this process."""
    {"intent": forget_what_was_meant, "lookup": never_look_up, "lease": never_ask_whose_turn_it_is}[guard]()


@transaction.atomic
def forget_what_was_meant() -> None:
    """As if intents and calls were not committed before they go: whoever comes next knows neither them nor their keys."""
    compose.key_of = lambda *meant: uuid4().hex
    unsettled = Intent.objects.filter(settled_at=None)
    Item.objects.filter(pk__in=unsettled.values("item")).update(state=Item.State.PLANNED)
    CallIntent.objects.filter(intent__in=unsettled).delete()
    unsettled.delete()
    Call.objects.exclude(state=Call.State.SETTLED).update(state=Call.State.SETTLED)


def never_look_up() -> None:
    """As if a call whose answer was lost had never been made."""

    def settle_lost(run: Any, call: Any, answer: Any) -> None:
        calls.back_to_prepared(run, call, "not looked up")

    settle.settle_lost = settle_lost


def never_ask_whose_turn_it_is() -> None:
    """As if every worker had every lease, for ever."""

    def has_it(self: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    send = line.send

    def send_whenever(connection: Any, request: Any, *, before: Any = None, **kwargs: Any) -> Any:
        return send(connection, request, **kwargs)

    Leased.claim = Leased.renew = Leased.hold = Leased.release = has_it
    line.send = send_whenever
