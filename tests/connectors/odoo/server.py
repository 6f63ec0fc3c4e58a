"""What a real server of version 17 does, and the simulated one may not do yet.

`web_search_read` is a method of the module `web`, which every server has: a search whose answer holds, for each
reference, the fields behind it that the specification names. And a country is found by its two letters as by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.connectors.odoo.simulator import Odoo, loading, methods
from integrations.connectors.odoo.simulator.orm import MODELS, Env

NAME = "web_search_read"
_by_name = loading._reference


def fresh(version: int = 17) -> Odoo:
    """A freshly made server without limits of rate."""
    if NAME not in methods.GENERIC:
        methods.GENERIC[NAME] = web_search_read
        methods.READS = methods.READS | {NAME}
    loading._reference = _reference
    return Odoo(limits=0, version=version)


def _reference(env: Env, found: Any, rest: list[str], cell: str, field: str) -> int:
    if found.relation == "res.country" and not rest and len(cell) == 2:
        for id in env.search("res.country", [("code", "=", cell)], limit=1):
            return int(id)
    return int(_by_name(env, found, rest, cell, field))


def web_search_read(
    env: Env,
    model: str,
    domain: Any,
    specification: Mapping[str, Any],
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
    count_limit: int | None = None,
) -> dict[str, Any]:
    found = env.search(model, domain, offset=offset, limit=limit, order=order or "")
    return {"length": env.count(model, domain), "records": _nested(env, model, found, specification)}


def _nested(env: Env, model: str, ids: list[int], specification: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [name for name in specification if name != "display_name"]
    rows = env.read(model, ids, names or ["id"], named=False)
    labels = env.labels(model, ids) if "display_name" in specification else {}
    for row in rows:
        if labels:
            row["display_name"] = labels[row["id"]]
        for name in names:
            inner = (specification[name] or {}).get("fields")
            if inner is None or not row[name]:
                continue
            found = env.field(MODELS[model], name)
            below = _nested(env, found.relation, row[name] if isinstance(row[name], list) else [row[name]], inner)
            row[name] = below if isinstance(row[name], list) else below[0]
    return rows
