"""What is odd about QuickBooks Online: names without colons, marks in notes, moments with offsets."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

# --- names -----------------------------------------------------------------------------------------------------------

_SPACES = re.compile(r"\s+")


def clean_name(name: str) -> str:
    """A name as QuickBooks takes it: ':' becomes '-', tabs, newlines and runs of spaces become one space.

    A colon means hierarchy in FullyQualifiedName, so names with one are refused (vendor notes, section 14).
    """
    return _SPACES.sub(" ", name.replace(":", "-")).strip()


_INACTIVE = " (deleted)"


def name_of(payload: dict[str, Any], member: str) -> str | None:
    """A list entry's name without the ending that QuickBooks gives to inactive ones (recorded)."""
    name: str | None = payload.get(member)
    return name.removesuffix(_INACTIVE) if name and payload.get("Active") is False else name


# --- our mark --------------------------------------------------------------------------------------------------------
# A document that we made carries a short form of the intent's key at the end of PrivateNote: after a lost answer it
# tells our document from somebody else's with the same number. PrivateNote cannot be filtered, only read.

_MARK = re.compile(r"\s*\[tieout:([0-9a-f]{16})\]\s*$")


def mark_of(key: str) -> str:
    """The mark for an intent's key: the same key always gives the same mark."""
    return f"[tieout:{hashlib.sha256(key.encode()).hexdigest()[:16]}]"


def mark_in(note: str | None) -> str | None:
    """The mark that a note carries, if any."""
    found = _MARK.search(note or "")
    return found.group(0).strip() if found else None


def with_mark(memo: str | None, mark: str) -> str:
    """A note for PrivateNote: what people wrote, then the mark."""
    return f"{memo.rstrip()}\n{mark}" if memo else mark


def without_mark(note: str) -> str | None:
    """What people wrote in a note; None where it held only the mark."""
    return _MARK.sub("", note) or None


# --- moments ---------------------------------------------------------------------------------------------------------


def earlier(text: str, seconds: int) -> str:
    """A moment of QuickBooks, `seconds` before, in QuickBooks' own form and offset, whole seconds."""
    return (datetime.fromisoformat(text) - timedelta(seconds=seconds)).replace(microsecond=0).isoformat()
