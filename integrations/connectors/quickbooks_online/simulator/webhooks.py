"""The vendor's notices of change: signed, in the old form and in that of CloudEvents; they never carry the record."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from integrations.simulation.journal import Call, Deed, Journal
from integrations.simulation.store import to_json

Form = Literal["events", "notifications"]

_ANNOUNCED = frozenset(
    [
        "Account",
        "Bill",
        "BillPayment",
        "Class",
        "CreditMemo",
        "Customer",
        "Department",
        "Deposit",
        "Employee",
        "Estimate",
        "Invoice",
        "Item",
        "JournalEntry",
        "Payment",
        "PaymentMethod",
        "Preferences",
        "Purchase",
        "PurchaseOrder",
        "RefundReceipt",
        "SalesReceipt",
        "TaxAgency",
        "Term",
        "Transfer",
        "Vendor",
        "VendorCredit",
    ]
)
# operation in the journal -> (word of the old form, verb of the new)
_WORDS = {
    "create": ("Create", "created"),
    "update": ("Update", "updated"),
    "delete": ("Delete", "deleted"),
    "void": ("Void", "void"),
    "send": ("Emailed", "emailed"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What is posted to the app's address; the signature is over exactly these bytes."""

    headers: dict[str, str]
    body: bytes


def notice(journal: Journal, verifier: str, *, since: int = 0, form: Form = "events") -> Notice | None:
    """Everything that changed after call number `since` in one notice; the same again has the same event ids. None: nothing did."""
    changes = list(_changes(journal, since))
    if not changes:
        return None
    body = to_json(_events(changes) if form == "events" else _notifications(changes))
    signature = base64.b64encode(hmac.new(verifier.encode(), body, hashlib.sha256).digest()).decode()
    kind = "application/cloudevents+json" if form == "events" else "application/json"
    return Notice({"Content-Type": kind, "intuit-signature": signature}, body)


def _changes(journal: Journal, since: int) -> Iterator[tuple[Call, int, str, Deed]]:
    for call in journal.calls(since=since, wrote=True):
        realm = call.path.strip("/").split("/")[1 if call.method == "HAND" else 2]
        for place, deed in enumerate(call.did):
            if deed.kind in _ANNOUNCED:
                yield call, place, realm, deed


def _events(changes: list[tuple[Call, int, str, Deed]]) -> list[dict[str, Any]]:
    return [
        {
            "specversion": "1.0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{realm}/{call.number}/{place}")),
            "source": "intuit.simulated",
            "type": f"qbo.{deed.kind.lower()}.{_WORDS[deed.operation][1]}.v1",
            "datacontenttype": "application/json",
            "time": _time(call),
            "intuitentityid": deed.id,
            "intuitaccountid": realm,
            "data": {},
        }
        for call, place, realm, deed in changes
    ]


def _notifications(changes: list[tuple[Call, int, str, Deed]]) -> dict[str, Any]:
    by_realm: dict[str, list[dict[str, str]]] = {}
    for call, _, realm, deed in changes:
        entity = {"name": deed.kind, "id": deed.id, "operation": _WORDS[deed.operation][0], "lastUpdated": _time(call)}
        by_realm.setdefault(realm, []).append(entity)
    return {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": entities}} for realm, entities in by_realm.items()
        ]
    }


def _time(call: Call) -> str:
    return datetime.fromisoformat(call.at).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
