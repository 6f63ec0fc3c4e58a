"""Nested JSON objects and their members at paths: the small steps of which a shape is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Payload = dict[str, Any]

_EMPTY: tuple[Any, ...] = (None, "", [], {})
_UNKNOWN: Payload = {}


def at(payload: Any, path: Iterable[str]) -> Any:
    """The member at a path; None where there is none."""
    for step in path:
        if type(payload) is not dict:
            return None
        payload = payload.get(step)
    return payload


def member(payload: Any, path: str) -> Any:
    """The member at a dotted path; None where there is none."""
    return at(payload, path.split("."))


def put(payload: Payload, path: Sequence[str], value: Any) -> None:
    """Set the member at a path, making the objects on the way."""
    *way, last = path
    for step in way:
        below = payload.get(step)
        if below.__class__ is not dict:
            below = payload[step] = {}
        payload = below
    payload[last] = value


def drop(payload: Payload, path: Sequence[str]) -> None:
    """Take the member out, and members that are empty without it."""
    below = payload.get(path[0])
    if len(path) > 1:
        if type(below) is dict:
            drop(below, path[1:])
            if not below:
                del payload[path[0]]
    else:
        payload.pop(path[0], None)


def copied(value: Any) -> Any:
    """A copy that shares no object or list with `value`."""
    if type(value) is dict:
        return {name: copied(member) for name, member in value.items()}
    if type(value) is list:
        return [copied(member) for member in value]
    return value


def lay_over(payload: Payload, members: Mapping[str, Any]) -> None:
    """Lay `members` over `payload`: objects member by member, everything else whole."""
    for name, member in members.items():
        below = payload.get(name)
        if type(below) is dict and type(member) is dict:
            lay_over(below, member)
        else:
            payload[name] = copied(member)


def difference(raw: Payload, members: Payload) -> Payload:
    """Those of `members` that `raw` does not already say."""
    changed: Payload = {}
    for name, member in members.items():
        current = raw.get(name)
        if type(current) is dict and type(member) is dict:
            if below := difference(current, member):
                changed[name] = below
        elif current != member:
            changed[name] = member
    return changed


def unknown(payload: Payload, known: dict[str, Any], false_is_empty: bool) -> Payload:
    """The members that `known` does not name, with their nesting; empty ones say nothing and are left out.

    `known` is a tree of names, in which None says that all below is known.
    """
    rest: Payload = {}
    for name, value in payload.items():
        below = known.get(name, _UNKNOWN)
        if below is None:
            continue
        if below and type(value) is dict:
            if inside := unknown(value, below, false_is_empty):
                rest[name] = inside
        elif value not in _EMPTY and not (value is False and false_is_empty):
            rest[name] = copied(value)
    return rest
