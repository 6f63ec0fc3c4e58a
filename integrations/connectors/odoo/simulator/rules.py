"""The automation rules that a customer can set up from 17 on: each change is posted to an address, unsigned and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from integrations.simulation.journal import Journal

# The models for which such rules are set up here; lines and the like change with them.
_WATCHED = frozenset(
    (
        "account.account", "account.tax", "account.payment.term", "account.analytic.account", "account.journal",
        "account.move", "account.payment", "product.product", "purchase.order", "res.currency.rate", "res.partner",
        "sale.order",
    )
)  # fmt: skip


def posts(journal: Journal, *, since: int = 0) -> Iterator[bytes]:
    """What is posted for each record that was made or changed after call number `since`, in their order."""
    for call in journal.calls(since=since, wrote=True):
        for deed in call.did:
            if deed.kind in _WATCHED and deed.operation != "delete":
                id = int(deed.id)
                told: dict[str, Any] = {"_action": f"Send Webhook Notification(#{id})", "_id": id, "_model": deed.kind}
                yield json.dumps({**told, "id": id}).encode()
