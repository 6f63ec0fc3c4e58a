"""QuickBooks Online's query language: one table, conditions joined by `and`, one order, a window of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from integrations.wire.stream import Stream

MOST_ROWS = 1000
"""How many rows an answer can hold; without asking, it holds 100."""


def select(
    entity: str, conditions: Sequence[str] = (), *, orderby: str = "", start: int = 1, most: int = MOST_ROWS
) -> str:
    """A statement. Conditions are made of names of ours and of `literal`s, never of bare text."""
    where = f" where {' and '.join(conditions)}" if conditions else ""
    order = f" orderby {orderby}" if orderby else ""
    return f"select * from {entity}{where}{order} startposition {start} maxresults {most}"  # noqa: S608  # no SQL


def with_inactive(stream: Stream) -> list[str]:
    """The condition that lists want: they hide their inactive rows from those who do not ask for them."""
    return ["Active in (true, false)"] if stream.facts.get("list") else []


def literal(text: str) -> str:
    """Text as a literal of the query language: in single quotes, backslash and quote escaped by a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literals(texts: Iterable[str]) -> str:
    """A list of literals for `in`."""
    return "(" + ", ".join(literal(text) for text in texts) + ")"


LISTED = ":"
"""Between the name of a list and an id in it, where two lists are one kind of record to us; see `dimensions`."""


def bare(external_id: str) -> str:
    """The id as QuickBooks knows it."""
    return external_id.rpartition(LISTED)[2]
