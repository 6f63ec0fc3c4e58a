"""A flow's policy: what the tenant wants where the facts alone do not decide."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import msgspec
from django.core.exceptions import ValidationError

from integrations.sync.brakes import Brakes

Operation = Literal["create", "update", "void"]
Winner = Literal["source", "target", "ask"]
LaterWinner = Literal["source", "target", "newest", "ask"]
Gone = Literal["ask", "void", "leave"]
TakenBack = Literal["void", "credit"]
Voided = Literal["take_back", "tell"]
Approval = Literal["unusual", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a flow may do, how it recognises records, and who wins.

    `match`: groups of fields by which a record that stands at the target already is recognised; the first group in
    which all agree with exactly one record decides. `conflicts`: both sides changed the same field since they last
    agreed; `newest` is the side whose record was changed last, for flows that go both ways. `first_match`: a recognised
    record says something else. `source_gone`: it was deleted there; what was merged away is always asked about, unless
    it is left. `gone_by`: how a document is taken back, by voiding it or by a credit against it; `may` says "void" for
    both. `approve`: which plans a person must approve before anything is sent. `voided`: what is voided at the source is taken
    back, or its fields (its status among them) are told like those of any other. `only_from`: bring only what came from
    this object of the target, so that it gets back how its own documents stand and nothing else.
    """

    may: tuple[Operation, ...] = ("create", "update", "void")
    match: tuple[tuple[str, ...], ...] = ()
    conflicts: LaterWinner = "ask"
    first_match: Winner = "source"
    source_gone: Gone = "ask"
    gone_by: TakenBack = "void"
    approve: Approval = "unusual"
    voided: Voided = "take_back"
    only_from: str = ""
    brakes: Brakes = field(default_factory=Brakes)


def policy_of(plain: dict[str, Any]) -> Policy:
    """The policy that a flow's JSON says. Raises ValidationError that names what is not understood."""
    _check_names(plain, Policy, "A policy")
    try:
        if "brakes" in plain:
            _check_names(plain["brakes"], Brakes, "The brakes, which are whole numbers,")
        return msgspec.convert(plain, Policy, strict=False)
    except msgspec.ValidationError as error:
        raise ValidationError(f"The policy cannot be followed: {error}.") from error


def _check_names(plain: Any, known: type[Any], what: str) -> None:
    names = [each.name for each in fields(known)]
    unknown = sorted(set(plain) - set(names)) if isinstance(plain, dict) else [str(plain)]
    if unknown:
        raise ValidationError(f"{what} can be {', '.join(names)}; {', '.join(unknown)} is not understood.")
