"""What a document is to come to at the target, where its mapping changes amounts on purpose and a person has declared how.

The declaration is one expression over `context.total`, which is what the raw source comes to: so the figure that totals
are compared with is made by other code than the rules that it proves. Without a declaration both ends must be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from integrations.canonical import codec
from integrations.mapping.expression import CannotEvaluate, compile_expression
from integrations.mapping.prepared import prepare
from integrations.records.models import Record
from integrations.sync.models import Flow
from integrations.sync.plan import context_of

Meant = Callable[[Record, Decimal | None], Decimal | None]


def declaration(flow: Flow) -> str:
    """How the flow's mapping changes amounts on purpose, as a person has declared it; "" where it does not."""
    return prepare(flow.mapping, context={}).translator.rules.comes_to or ""


def meant(flow: Flow) -> Meant:
    """A function that gives what a source record of this total is to come to; None where the declaration has no figure."""
    said = declaration(flow)
    if not said:
        return lambda record, total: total
    expression, context = compile_expression(said, kind=flow.mapping.kind_from), context_of(flow)

    def amount(record: Record, total: Decimal | None) -> Decimal | None:
        plain = codec.to_plain(codec.decode(record.kind, record.canonical.encode())) if record.canonical else {}
        try:
            figure = expression.value(plain, context={**context, "total": total})
        except CannotEvaluate:
            return None
        return figure if isinstance(figure, Decimal) else None

    return amount
