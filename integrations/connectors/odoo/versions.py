"""Where a version names things otherwise: everything else here speaks as version 17 does, and this table translates.

After shared/specs/odoo/version_diffs.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integrations.wire.site import Site
from integrations.wire.stream import Stream

DEFAULT = "17"
CHOICES = (("17", "Odoo 17"), ("18", "Odoo 18"))

_RENAMED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "18": {"account.payment": {"ref": "memo"}, "product.product": {"detailed_type": "type"}},
}


def asked(stream: Stream, site: Site, names: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to read, or to write, by the names of the server's version."""
    renamed = _renamed(stream, site)
    return {renamed.get(name, name): inner for name, inner in names.items()}


def columns(stream: Stream, site: Site, names: Iterable[str]) -> list[str]:
    """The columns of a load by the names of the server's version."""
    renamed = _renamed(stream, site)
    return [renamed.get(name, name) for name in names]


def told(stream: Stream, site: Site, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that a server has told, by the names of version 17."""
    back = {theirs: ours for ours, theirs in _renamed(stream, site).items()}
    return [{back.get(name, name): value for name, value in row.items()} for row in rows] if back else list(rows)


def _renamed(stream: Stream, site: Site) -> Mapping[str, str]:
    version = str(site.settings.get("version") or DEFAULT)
    return _RENAMED.get(version, {}).get(stream.path, {})
