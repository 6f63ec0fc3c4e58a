"""Postal addresses as vendors say them."""

from __future__ import annotations

from typing import Any

from integrations.wire.nested import Payload
from integrations.wire.shape import F


def address(ours: str, theirs: str, *, country: str, **members: str) -> tuple[F, ...]:
    """The fields of an address whose country is free text: two capitals are a code, anything else a name.

    `members` names theirs by ours (line1="Addr1"); paths are below `theirs`.
    """

    def to_country(record: Any) -> Payload:
        given = getattr(record, ours)
        told = given and (given.country or given.country_name)
        return {theirs: {country: told}} if told else {}

    return (
        *(F(f"{ours}.{name}", f"{theirs}.{member}") for name, member in members.items()),
        F(f"{ours}.country", f"{theirs}.{country}", read=_code, write=None),
        F(f"{ours}.country_name", f"{theirs}.{country}", read=_name, write=None),
        F(ours, "", read=None, write=to_country),
    )


def _code(country: str) -> str | None:
    return country if _is_code(country) else None


def _name(country: str) -> str | None:
    return None if _is_code(country) else country


def _is_code(country: str) -> bool:
    return len(country) == 2 and country.isascii() and country.isupper()
