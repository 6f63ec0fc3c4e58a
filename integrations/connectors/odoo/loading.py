"""Rows for Odoo's `load`, which makes many records and their external ids in one transaction, or changes many by id.

Cells are texts; a reference is a cell of the column `field/.id`; each further line of a document is a row whose head is
empty. All rows of a call have the same columns, and an empty cell means "none": where records do not say the same
fields, only those go that say what the first one says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrations.wire.site import Site

from . import versions
from .quirks import MODULE, mark_of

Values = Mapping[str, Any]
Cells = dict[str, str]

_BY_ID = "/.id"
_LINE_LISTS = ("invoice_line_ids", "line_ids", "order_line")
_ALL_OR_NONE = ("account_id",)
"""Columns of lines in which an empty cell would take away what Odoo fills in by itself."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One record as cells: its head, and its lines below the name of their list."""

    head: Cells
    lines: tuple[Cells, ...] = ()

    @property
    def form(self) -> tuple[Any, ...]:
        """What must be the same for two records to go in one call."""
        filled = tuple(
            name for name in _all_names(self.lines) if name.partition("/")[2].partition("/")[0] in _ALL_OR_NONE
        )
        return (tuple(sorted(self.head)), filled)


def sheet_for_new(values: Values, key: str) -> Sheet:
    """The cells that make a record, bearing the external id of this intent. Raises ValueError for lines that cannot go."""
    return _sheet({"id": f"{MODULE}.{mark_of(key)}"}, values)


def sheet_for_old(values: Values, external_id: str) -> Sheet:
    """The cells that change a record."""
    return _sheet({".id": external_id}, values)


def table(sheets: Sequence[Sheet]) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of records of one form."""
    heads = list(sheets[0].head)
    lines = _all_names(line for sheet in sheets for line in sheet.lines)
    rows = []
    for sheet in sheets:
        first, *rest = sheet.lines or ({},)
        rows.append([sheet.head[name] for name in heads] + [first.get(name, "") for name in lines])
        rows += [[""] * len(heads) + [line.get(name, "") for name in lines] for line in rest]
    return [*heads, *lines], rows


def in_words_of(site: Site, model: str, sheet: Sheet) -> Sheet:
    """The same cells by the names of the server's version."""
    lines = tuple(_line_in_words_of(site, f"{model}.line", line) for line in sheet.lines)
    return Sheet(versions.cells(model, sheet.head, site), lines)


def _line_in_words_of(site: Site, model: str, line: Cells) -> Cells:
    of = next(iter(line)).partition("/")[0]
    below = {name.partition("/")[2]: cell for name, cell in line.items()}
    return {f"{of}/{name}": cell for name, cell in versions.cells(model, below, site).items()}


def _sheet(identity: Cells, values: Values) -> Sheet:
    head, lines = dict(identity), tuple[Cells, ...]()
    for name, value in values.items():
        if name in _LINE_LISTS:
            lines = tuple(_line_cells(name, command[2]) for command in value)
        else:
            column, cell = _cell(name, value)
            head[column] = cell
    _complete(lines)
    return Sheet(head, lines)


def _line_cells(of: str, values: Values) -> Cells:
    cells = {"display_type": "product"} if of == "invoice_line_ids" else {}
    for name, value in values.items():
        column, cell = _cell(name, value)
        cells[column] = cell
    return {f"{of}/{name}": cell for name, cell in cells.items()}


def _complete(lines: Sequence[Cells]) -> None:
    counting = [line for line in lines if not any(cell == "line_note" for cell in line.values())]
    for name in _ALL_OR_NONE:
        named = [any(f"/{name}/" in column for column in line) for line in counting]
        if any(named) and not all(named):
            raise ValueError(
                f"line {named.index(False) + 1} names no account while others do: name one in each, or in none"
            )


def _cell(name: str, value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        return name, json.dumps(value)
    if isinstance(value, list):
        return name + _BY_ID, ",".join(str(each) for each in value[0][2])
    if name.endswith("_id") and isinstance(value, int) and not isinstance(value, bool):
        return name + _BY_ID, str(value)
    if value is False or value is None:
        return name, "False" if _is_flag(name) else ""
    if isinstance(value, Decimal):
        return name, f"{value:f}"
    return name, str(value)


def _is_flag(name: str) -> bool:
    return name in ("active", "deprecated", "is_company")


def _all_names(lines: Any) -> list[str]:
    """The columns of lines in the order in which they first appear."""
    return list(dict.fromkeys(name for line in lines for name in line))
