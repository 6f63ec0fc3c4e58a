"""A flow's policy: what the tenant wants where the facts alone do not decide."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

from django.core.exceptions import ValidationError

from integrations.sync.brakes import Brakes

Winner = Literal["source", "target", "ask"]
Gone = Literal["ask", "void", "leave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a flow may do, how it recognises records, and who wins.

    `match`: groups of fields by which a record that stands at the target already is recognised; the first group in
    which all agree with exactly one record decides. `conflicts`: both sides changed the same field since they last
    agreed. `first_match`: a recognised record says something else. `source_gone`: it was deleted or merged away there.
    """

    may: tuple[str, ...] = ("create", "update", "void")
    match: tuple[tuple[str, ...], ...] = ()
    conflicts: Winner = "ask"
    first_match: Winner = "source"
    source_gone: Gone = "ask"
    missing: Literal["create", "hold"] = "hold"
    brakes: Brakes = field(default_factory=Brakes)


def policy_of(plain: dict[str, Any]) -> Policy:
    """The policy that a flow's JSON says. Raises ValidationError that names what is not understood."""
    known = {each.name for each in fields(Policy)}
    if unknown := set(plain) - known:
        raise ValidationError(f"A policy has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}.")
    hints = get_type_hints(Policy)
    for name in ("conflicts", "first_match", "source_gone", "missing"):
        if name in plain and plain[name] not in get_args(hints[name]):
            raise ValidationError(f"{name} is {plain[name]!r}; it may be {', '.join(get_args(hints[name]))}.")
    values = dict(plain)
    if "may" in values:
        values["may"] = tuple(values["may"])
    if "match" in values:
        values["match"] = tuple(tuple(group) for group in values["match"])
    if "brakes" in values:
        values["brakes"] = _brakes(values["brakes"])
    return Policy(**values)


def _brakes(plain: dict[str, Any]) -> Brakes:
    try:
        return Brakes(**{name: int(value) for name, value in plain.items()})
    except (TypeError, ValueError) as error:
        known = ", ".join(each.name for each in fields(Brakes))
        raise ValidationError(f"The brakes are whole numbers named {known}.") from error
