"""When one value says all that another one asks for: vendors add figures, strip blanks, and leave out what is empty.

Values come in their comparable form (`fields.comparable`): texts, booleans, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LINE_KEY = "key"  # the source's own key of a line: it tells lines apart, and no target is asked to hold it
EMPTY: tuple[Any, ...] = (None, "", [], {})
REF = {"external_id", "number", "name"}  # the members of a reference: where both ends give the id, it alone counts


def says(holds: Any, wanted: Any) -> bool:
    """Whether a value says all that is wanted of it; what it says beyond that does not count.

    Texts compare without the blanks at their ends, which vendors strip; references by external id where both have one.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(holds, Mapping):
            return not wanted and holds is None
        if wanted.keys() <= REF and "external_id" in wanted and "external_id" in holds:
            return bool(wanted["external_id"] == holds["external_id"])
        return all(says(holds.get(name), value) for name, value in wanted.items() if name != LINE_KEY)
    if isinstance(wanted, list | tuple):
        if not isinstance(holds, list | tuple):
            return not wanted and holds is None
        return len(holds) == len(wanted) and all(map(says, holds, wanted))
    if isinstance(wanted, str) and isinstance(holds, str):
        return holds.strip() == wanted.strip()
    return bool(holds == wanted) or (wanted in EMPTY and holds in EMPTY)


def alike(one: Any, other: Any) -> bool:
    """Whether each says all that the other says."""
    return says(one, other) and says(other, one)
