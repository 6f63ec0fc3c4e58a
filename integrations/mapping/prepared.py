"""A tenant's mapping, made ready for a page of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from integrations.mapping.expression import compile_expression
from integrations.mapping.models import Mapping as MappingRow
from integrations.mapping.models import MappingEdition
from integrations.mapping.rules import Rules, from_plain
from integrations.mapping.translate import Refer, Translation, Translator


@dataclass(frozen=True, slots=True)
class Prepared:
    """One edition of a mapping with its value tables and what expressions may ask about the tenant."""

    edition: int
    translator: Translator
    tables: Mapping[str, Mapping[str, str]]
    context: Mapping[str, Any]

    def takes(self, record: Mapping[str, Any], *, condition: str) -> bool:
        """Whether a flow's condition lets this record through. Raises CannotEvaluate."""
        if not condition:
            return True
        expression = compile_expression(condition, kind=self.translator.rules.kind_from)
        return expression.holds(record, context=self.context)

    def needed(self, records: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
        """The (kind, external id) of all that these records refer to."""
        return set().union(*(self.translator.needed_refs(record) for record in records))

    def translate(self, record: Mapping[str, Any], refer: Refer) -> Translation:
        """The record in the words of the target."""
        return self.translator.translate(record, tables=self.tables, refer=refer, context=self.context)


def prepare(mapping: MappingRow, *, context: Mapping[str, Any], edition: int | None = None) -> Prepared:
    """The mapping as an edition says, today's unless another one is named. Raises BadRules where a person broke it."""
    edition = mapping.edition if edition is None else edition
    translator, tables = _edition(mapping.pk, edition)
    return Prepared(edition, translator, tables, context)


@lru_cache(maxsize=512)
def _edition(mapping: UUID, edition: int) -> tuple[Translator, Mapping[str, Mapping[str, str]]]:
    """An edition never changes, so it is compiled once a process."""
    row = MappingEdition.objects.get(mapping=mapping, edition=edition)
    return Translator(from_plain(row.rules, Rules)), row.tables
