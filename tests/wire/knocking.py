"""Three toy vendors that knock, each in a way of its own: their facts as a connector declares them, and their side.

The ledger signs for the whole application, and wants a 401 for what it signs wrongly on purpose. The stall tells by headers
what its message is about. The endpoint has a key for each customer, and signs the moment of sending too.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.wire.knocks import Form, Knocks, Message, Signed

LEDGER = Knocks(
    proof=Signed(header="x-ledger-signature"),
    forms=(
        Form(
            each=("events",),
            company="tenantId",
            says=("eventCategory", "eventType"),
            pattern=r"(?P<entity>\w+)\.(?P<verb>\w*)",
            id="resourceId",
            event=("tenantId", "resourceId", "eventType", "eventDateUtc"),
            at="eventDateUtc",
        ),
    ),
    objects={"invoice": ("invoice", "bill"), "contact": ("customer",)},
    within=5,
    setup="On the application's page, under Webhooks.",
)

STALL = Knocks(
    proof=Signed(header="X-Stall-Hmac-Sha256"),
    forms=(
        Form(
            company="header X-Stall-Domain",
            says=("header X-Stall-Topic",),
            pattern=r"(?P<entity>\w+)/(?P<verb>\w+)",
            id="id",
            event=("header X-Stall-Event-Id",),
            at="header X-Stall-Triggered-At",
        ),
    ),
    objects={"orders": ("invoice",), "customers": ("customer",), "products": ("item",)},
    gone=frozenset({"delete"}),
    within=5,
    setup="In the application's settings.",
)

ENDPOINT = Knocks(
    proof=Signed(
        header="Endpoint-Signature",
        encoding="hex",
        secret="webhook_secret",
        member="v1",
        time="t",
        signs=("time", ".", "body"),
    ),
    forms=(Form(says=("type",), id="data.object.id", event=("id",), at="created"),),
    objects={"customer": ("customer",), "invoice": ("invoice",), "product": ("item",)},
    gone=frozenset({"deleted"}),
    within=10,
    setup="In the dashboard, under Webhooks: add an endpoint, and copy its signing secret.",
)


def from_ledger(events: Sequence[Any], key: str) -> Message:
    """A message of the ledger."""
    body = json.dumps({"events": list(events), "firstEventSequence": 1, "lastEventSequence": len(events)}).encode()
    signature = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
    return Message(body, {"Content-Type": "application/json", "x-ledger-signature": signature})


def from_stall(
    topic: str, body: dict[str, Any], key: str, *, shop: str = "toys.example", event: str = "e-1", at: str = "",
    attempt: str = "1",
) -> Message:  # fmt: skip
    """A message of the stall."""
    sent = json.dumps(body).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Stall-Topic": topic,
        "X-Stall-Domain": shop,
        "X-Stall-Event-Id": event,
        "X-Stall-Triggered-At": at,
        "X-Stall-Attempt": attempt,
        "X-Stall-Hmac-Sha256": base64.b64encode(hmac.digest(key.encode(), sent, "sha256")).decode(),
    }
    return Message(sent, headers)


def at_endpoint(type: str, id: str, key: str, *, at: datetime, event: str = "evt_1") -> Message:
    """A message at the endpoint of one customer."""
    stamp = str(int(at.timestamp()))
    told = {"id": event, "object": "event", "type": type, "created": int(stamp), "data": {"object": {"id": id}}}
    body = json.dumps(told).encode()
    signature = hmac.digest(key.encode(), f"{stamp}.".encode() + body, "sha256").hex()
    return Message(body, {"Content-Type": "application/json", "Endpoint-Signature": f"t={stamp},v1={signature}"})
