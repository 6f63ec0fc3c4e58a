"""Who did what, to what, when: written once, never changed.

from tenants import audit
audit.record("run.approved", subject=run, actor=user, data={"items": 120})
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import Model


@dataclass(frozen=True)
class Reference:
    """A thing by kind, id and name, as it was called at the time. Never a foreign key: events outlive what they tell of."""

    kind: str
    id: str = ""
    name: str = ""
    # The name may be a person's: it is kept aside with what can be erased.
    is_personal: bool = False

    @classmethod
    def to(cls, thing: "Model | Reference | None") -> "Reference":
        """The reference to a row of ours; nobody is the system."""
        if thing is None:
            return SYSTEM
        if isinstance(thing, Reference):
            return thing
        is_personal = getattr(thing, "NAMES_PEOPLE", False)
        return cls(kind=thing._meta.label_lower, id=str(thing.pk), name=str(thing)[:200], is_personal=is_personal)


SYSTEM = Reference("system", name="Tieout")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing to record.

    `verb` is dotted ("record.applied"); `data` holds plain ids, names and figures; what is personal goes into `payload`, which
    is kept aside, can be erased, and is held to by a salted hash. So do by themselves the names of things whose model
    `NAMES_PEOPLE`, and what stands in `data` under the names of free texts (`facts.FREE_TEXTS`).
    """

    verb: str
    subject: "Model | Reference"
    actor: "Model | Reference | None" = None
    data: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence["Model | Reference"] = ()
    payload: Mapping[str, Any] | None = None


def record(
    verb: str,
    *,
    subject: "Model | Reference",
    actor: "Model | Reference | None" = None,
    data: Mapping[str, Any] | None = None,
    links: Sequence["Model | Reference"] = (),
    payload: Mapping[str, Any] | None = None,
) -> "UUID":
    """Appends one event for the tenant in scope, in the caller's transaction, and gives its id."""
    entry = Entry(verb=verb, subject=subject, actor=actor, data=data or {}, links=links, payload=payload)
    return record_many([entry])[0]


def record_many(entries: Iterable[Entry]) -> "list[UUID]":
    """Appends a page of events with one INSERT (and one more for their payloads), and gives their ids in order."""
    from tenants.audit import trail  # models load after the packages of the apps

    return trail.append(entries)
