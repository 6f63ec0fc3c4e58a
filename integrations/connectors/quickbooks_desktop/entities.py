"""What QuickBooks Desktop's language differs in from one kind of record to the next: a row of facts for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.wire.stream import Stream

from .grammar import CHANGED_LINES, CHANGED_LISTS, CHANGED_TRANSACTIONS, LINES, LISTS, TRANSACTIONS, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A kind of record by its name in qbXML.

    `iterates`: its question can be answered page by page; else everything comes at once. `asks` are the switches that
    its question needs to be answered in full. `gone` are the types by which its deletions are told, `party` the member
    that names the customer or vendor. `unique`: what nobody else may have; `alike`: what else must be the same for
    another's to be taken for ours.
    """

    name: str
    is_list: bool = False
    iterates: bool = True
    asks: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    party: str = ""
    unique: str = ""
    alike: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "ListID" if self.is_list else "TxnID"

    def added(self, kind: str) -> Table:
        """How a new record of a kind is laid out."""
        return LISTS[kind] if self.is_list else TRANSACTIONS[kind]

    def changed(self, kind: str) -> Table:
        """How a change of one is laid out."""
        return CHANGED_LISTS[kind] if self.is_list else CHANGED_TRANSACTIONS[kind]

    @property
    def has_guid(self) -> bool:
        """Whether QuickBooks keeps our GUID with it, so that ours can be told from others'."""
        tables = [LISTS[self.name]] if self.name in LISTS else [LISTS["ItemService"]]
        made = tables[0] if self.is_list else TRANSACTIONS[self.name]
        return any(part.name == "ExternalGUID" for part in made)


NEW_LINES: Mapping[str, Table] = LINES
CHANGED: Mapping[str, Table] = CHANGED_LINES


def entity_of(stream: Stream) -> Entity:
    entity = stream.facts["entity"]
    if not isinstance(entity, Entity):
        raise TypeError(f"the stream {stream.name} names no entity")
    return entity
