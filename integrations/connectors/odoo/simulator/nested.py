"""`web_search_read`: a search whose answer holds, for each reference, the fields behind it that a specification names.

It is a method of the module `web`, which every server has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .faults import BadType
from .orm import Env
from .tables import MODELS


def web_search_read(
    env: Env,
    model: str,
    domain: Any,
    specification: Mapping[str, Any] | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
    count_limit: int | None = None,
    fields: list[str] | None = None,
) -> dict[str, Any]:
    """Until 16 it takes plain fields and tells no more than `search_read`."""
    if (specification is None) == (env.version >= 17) or (fields is not None and env.version >= 17):
        raise BadType("web_search_read() got unexpected or missing arguments: they are others in another version")
    found = env.search(model, domain, offset=offset, limit=limit, order=order or "")
    records = (
        env.read(model, found, fields or ()) if specification is None else _nested(env, model, found, specification)
    )
    return {"length": env.count(model, domain), "records": records}


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
