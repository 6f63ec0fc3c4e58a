"""Classes and locations: QuickBooks Online's two dimensions, as lists of their own and as tags of documents and lines.

At the API a location is a Department. The two lists count their ids each for itself, and we have one kind of dimension
for both: so their ids carry the name of their list with us (`class:4`), and not with QuickBooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.canonical import Dimension, Ref
from integrations.wire.nested import member
from integrations.wire.shape import F, Shape

from .queries import LISTED, bare
from .shapes import ENTITY, NOISE, Payload, address_noise, entry_name, to_ref

_MEMBERS = {"class": "ClassRef", "location": "DepartmentRef"}


def tags(where: str, *types: str) -> F:
    """The dimensions with which a document, or a line in its member `where`, can be tagged."""
    paths = {each: f"{where}.{_MEMBERS[each]}" if where else _MEMBERS[each] for each in types}

    def read(payload: Payload) -> list[Payload] | None:
        found = [(each, member(payload, path)) for each, path in paths.items()]
        return [{"type": each, "value": _ref(each, value)} for each, value in found if value] or None

    def write(record: Any) -> Payload:
        strange = sorted({tag.type for tag in record.dimensions} - set(types))
        if strange:
            raise ValueError(f"QuickBooks takes {' and '.join(types)} here, not {', '.join(strange)}")
        members = {_MEMBERS[tag.type]: _to_ref(tag.type, tag.value) for tag in record.dimensions}
        return {where: members} if where and members else members

    return F("dimensions", "", read=read, write=write, uses=tuple(paths.values()))


def _ref(dimension: str, value: Payload) -> Payload:
    return {"external_id": f"{dimension}{LISTED}{value['value']}", "name": value.get("name")}


def _to_ref(dimension: str, value: Ref) -> Payload:
    listed, found, _ = (value.external_id or "").rpartition(LISTED)
    if found and listed != dimension:
        raise ValueError(f"{value.name or value.external_id} is no {dimension} of QuickBooks")
    return {**to_ref(value), "value": bare(value.external_id or "")}


def _list(dimension: str, flag: str) -> Shape[Dimension]:
    """The table of one of the two lists; `flag` says that an entry stands below another."""

    def name_of_it(id: str) -> str:
        return f"{dimension}{LISTED}{id}"

    def parent(payload: Payload) -> Payload | None:
        return _ref(dimension, payload["ParentRef"]) if payload.get("ParentRef") else None

    def to_parent(record: Dimension) -> Payload:
        return {"ParentRef": _to_ref(dimension, record.parent), flag: True} if record.parent else {}

    def to_type(record: Dimension) -> Payload:
        if record.dimension_type != dimension:
            raise ValueError(f"a {record.dimension_type} is no {dimension} of QuickBooks")
        return {}

    identity: Mapping[str, Any] = {**ENTITY, "key": F("external_id", "Id", read=name_of_it, write=None)}
    return Shape(
        Dimension,
        **identity,
        ignore=(*NOISE, *address_noise("Address")),
        fields=(
            F("dimension_type", "", read=lambda payload: dimension, write=to_type),
            entry_name("Name"),
            F("full_name", "FullyQualifiedName", write=None),
            F("parent", "", read=parent, write=to_parent, uses=("ParentRef", flag)),
            F("active", "Active"),
        ),
    )


CLASS = _list("class", "SubClass")
DEPARTMENT = _list("location", "SubDepartment")
