"""What is odd about QuickBooks Desktop: names without colons, GUIDs of ours, moments of the PC, voids without a status."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

Payload = dict[str, Any]

OWNER_ID = "{2B8F1C64-7C1E-4B0A-9D53-6A1F0E5D9B27}"
"""Whose private data ours are in any company file: one for this application, for ever."""

_OF_KEYS = UUID("0c5f7a52-4e0b-4d36-9a37-2f6b8a4e61d9")


def guid_of(key: str) -> str:
    """The ExternalGUID of what an intent makes: the same key always gives the same, and nobody else's is equal."""
    return f"{{{str(uuid5(_OF_KEYS, key)).upper()}}}"


def is_guid(told: Any, key: str) -> bool:
    """Whether this is the ExternalGUID of what that intent made."""
    return isinstance(told, str) and told.upper() == guid_of(key)


def bare_guid(told: Any) -> str | None:
    """A GUID in lower case without braces; None where it is none."""
    text = str(told or "").strip().strip("{}").lower()
    return text if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else None


# --- names -----------------------------------------------------------------------------------------------------------


def clean_name(name: str) -> str:
    """A name as QuickBooks takes it: ':' would mean a level below, so it becomes '-'; runs of white space one space."""
    return " ".join(name.replace(":", "-").split())


# --- moments ---------------------------------------------------------------------------------------------------------


def mark_at(received_at: datetime, rows: Sequence[Mapping[str, Any]], *, overlap: int) -> str | None:
    """The moment `overlap` seconds before an answer, in the zone of the PC; None where no row tells that zone.

    QuickBooks compares with its PC's clock. Told with that PC's own offset, it is the same moment whether QuickBooks
    heeds the offset or takes the moment for local time.
    """
    told = next((text for row in rows if (text := _moment(row.get("TimeModified")))), None)
    if told is None:
        return None
    return (received_at - timedelta(seconds=overlap)).astimezone(told.tzinfo).replace(microsecond=0).isoformat()


def is_longer_ago(mark: str, than: timedelta, *, now: datetime) -> bool:
    told = _moment(mark)
    return told is None or now.astimezone(UTC) - told > than


def _moment(text: Any) -> datetime | None:
    try:
        told = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return told if told.tzinfo else None


# --- voids -----------------------------------------------------------------------------------------------------------

_AMOUNTS = ("Subtotal", "TotalAmount", "AmountDue", "Amount")


def is_void(payload: Mapping[str, Any]) -> bool:
    """Whether a transaction was voided: there is no status for it, only amounts of zero and a memo "VOID" (memory).

    A journal entry has no memo; it is void where none of its lines has an amount.
    """
    told = [payload[name] for name in _AMOUNTS if name in payload]
    if told:
        return str(payload.get("Memo") or "").upper().startswith("VOID") and all(_is_zero(amount) for amount in told)
    return "Lines" in payload and all(_is_zero(line.get("Amount", "")) for line in payload["Lines"])


def _is_zero(amount: Any) -> bool:
    """Whether an amount's text is nothing but zeros."""
    return not str(amount).strip("-+0.")
