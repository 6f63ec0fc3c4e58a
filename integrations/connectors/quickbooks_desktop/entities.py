"""What QuickBooks Desktop's language differs in from one kind of record to the next: a row of facts for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.wire.stream import Stream

from .grammar import CHANGED_LISTS, CHANGED_TRANSACTIONS, LISTS, TRANSACTIONS, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A kind of record by its name in qbXML.

    `iterates`: its question can be answered page by page; else everything comes at once. `asks` are the switches that
    its question needs to be answered in full. `gone` are the types by which its deletions are told, `party` the member
    that names the customer or vendor, `others` kinds that are told among its own but are read elsewhere. `unique`: what
    nobody else may have; `alike`: what else must be the same for another's to be taken for ours.
    """

    name: str
    is_list: bool = False
    iterates: bool = True
    asks: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    party: str = ""
    others: tuple[str, ...] = ()
    unique: str = ""
    alike: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "ListID" if self.is_list else "TxnID"

    def added(self, kind: str) -> Table:
        """How a new record of a kind is laid out. Raises ValueError for a kind that is only read."""
        return _of(kind, LISTS if self.is_list else TRANSACTIONS)

    def changed(self, kind: str) -> Table:
        """How a change of one is laid out. Raises ValueError for a kind that is only read."""
        return _of(kind, CHANGED_LISTS if self.is_list else CHANGED_TRANSACTIONS)

    @property
    def has_guid(self) -> bool:
        """Whether QuickBooks keeps our GUID with it, so that ours can be told from others'."""
        made = {**LISTS, **TRANSACTIONS}.get(self.name, LISTS["ItemService"])  # all items are alike in this
        return any(part.name == "ExternalGUID" for part in made)


def _of(kind: str, tables: Mapping[str, Table]) -> Table:
    if kind not in tables:
        raise ValueError(f"what QuickBooks calls {kind} is only read, not written")
    return tables[kind]


def entity_of(stream: Stream) -> Entity:
    entity = stream.facts["entity"]
    if not isinstance(entity, Entity):
        raise TypeError(f"the stream {stream.name} names no entity")
    return entity
