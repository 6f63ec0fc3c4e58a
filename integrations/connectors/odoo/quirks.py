"""What is odd about Odoo: moments without a zone, binary fractions, references as pairs, notes in HTML, our mark."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.canonical import Ref

# --- moments: UTC, whole seconds, no zone mark -----------------------------------------------------------------------

_FORM = "%Y-%m-%d %H:%M:%S"


def moment(text: str) -> datetime:
    """A moment of Odoo's."""
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def moment_text(when: datetime, *, less: int = 0) -> str:
    """A moment in Odoo's words, `less` seconds before."""
    return (when.astimezone(UTC) - timedelta(seconds=less)).strftime(_FORM)


# --- figures ---------------------------------------------------------------------------------------------------------
# The server reckons in binary fractions, whose noise may show in the last of many places.

_PLACES = Decimal("0.000001")


def figure(value: Any) -> Decimal:
    """A figure without the noise of binary fractions."""
    exact = Decimal(value)
    return exact if -int(exact.as_tuple().exponent) <= 6 else exact.quantize(_PLACES).normalize()


# --- references ------------------------------------------------------------------------------------------------------


def ref(value: Any) -> dict[str, Any] | None:
    """Our reference from theirs: an id, `[id, name]`, or an object with `id` and perhaps `display_name`."""
    if isinstance(value, list):
        return {"external_id": str(value[0]), "name": value[1]}
    if isinstance(value, dict):
        return {"external_id": str(value["id"]), "name": value.get("display_name")}
    return {"external_id": str(value)} if value else None


def id_of(reference: Ref) -> int:
    """Their id of our reference."""
    given = reference.external_id or ""
    if not given.isdigit():
        raise ValueError(f"{reference.name or reference.number or given or 'it'} has no Odoo id")
    return int(given)


# --- notes -----------------------------------------------------------------------------------------------------------

_BREAKS = re.compile(r"<(?:br\s*/?|/p|/div|/li)>", re.I)
_MARKUP = re.compile(r"<[^>]+>")


def plain(note: str) -> str | None:
    """The words of an HTML note."""
    return html.unescape(_MARKUP.sub("", _BREAKS.sub("\n", note))).strip() or None


def marked_up(note: str) -> str:
    """Words as an HTML note."""
    return "<br>".join(html.escape(line, quote=False) for line in note.splitlines())


# --- our mark --------------------------------------------------------------------------------------------------------
# An external id (a row of ir.model.data) is made in the transaction that makes the record: after a lost answer it tells
# ours, and no text of the record is touched for it.

MODULE = "tieout"


def mark_of(key: str) -> str:
    """The name of the external id for an intent's key."""
    return "".join(letter if letter.isalnum() else "_" for letter in key)
