"""What every record is made of: frozen, exact, strict.

A record says what one system knows of one thing. Absent figures are None, never zero. Amounts are Decimals, days are
dates, moments are UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Meta, Raw, Struct, field
from msgspec.structs import force_setattr

Amount = Annotated[Decimal, Meta(description="in the document's currency, with no more decimals than it has")]
Figure = Annotated[Decimal, Meta(description="an amount of a currency that the record need not tell")]
Price = Annotated[Decimal, Meta(description="for one unit; may have more decimals than the currency")]
Quantity = Annotated[Decimal, Meta(description="a count or measure; negative where goods come back")]
Percent = Annotated[Decimal, Meta(description="20 means 20 %")]
Rate = Annotated[Decimal, Meta(description="units of home currency for one unit of the document's currency")]
Currency = Annotated[str, Meta(description="ISO 4217, three capital letters")]
Country = Annotated[str, Meta(description="ISO 3166-1, two capital letters")]


def said(value: Any) -> Any:
    """A default that is always written out: only None and empty values are left out of what a record says."""
    return field(default_factory=lambda: value)  # msgspec leaves plain defaults out, but not made ones


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A value inside a record."""


class Exact(Part, frozen=True, kw_only=True):
    """A part with figures: finite Decimals only, and aware moments only, which it keeps in UTC.

    Raises TypeError or ValueError for anything else, whoever makes it.
    """

    def __post_init__(self) -> None:
        decimals, moments, has_extra = _figures(type(self))
        if decimals is not None:
            for value in decimals(self):
                if value is not None and (value.__class__ is not Decimal or not value.is_finite()):
                    raise TypeError(f"{value!r} is not a finite Decimal")
        for name in moments:
            self._keep_in_utc(name)
        if has_extra and (extra := self.extra):  # type: ignore[attr-defined]  # the annotations were asked
            only_plain(extra)

    def _keep_in_utc(self, name: str) -> None:
        moment: datetime | None = getattr(self, name)
        if moment is None or moment.tzinfo is UTC:
            return
        if moment.tzinfo is None:
            raise ValueError(f"{name} is a moment without a time zone")
        force_setattr(self, name, moment.astimezone(UTC))


class Ref(Part, frozen=True, kw_only=True):
    """Names another record of the same system, by its id there, its number, its name, or several of them."""

    external_id: str | None = None
    number: str | None = None
    name: str | None = None


class Record(Exact, frozen=True, kw_only=True):
    """The base of every kind: whose it is over there, and what the hub has no field for."""

    external_id: str | None = None
    version: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    url: str | None = None
    extra: dict[str, Any] = {}


def only_plain(value: Any, also: tuple[type, ...] = ()) -> None:
    """Raise TypeError where a value, at any depth, is none of dict with text keys, list, str, int, bool, None, Decimal.

    A float is none of them, nor is a Decimal that is not finite. `also` names further types to let pass.
    """
    kind = value.__class__
    if kind is dict:
        for name, each in value.items():
            if name.__class__ is not str:
                raise TypeError(f"{name!r} is a {name.__class__.__name__}: keys are texts")
            if each.__class__ is not str:
                only_plain(each, also)
    elif kind is list:
        for each in value:
            only_plain(each, also)
    elif kind is Decimal:
        if not value.is_finite():
            raise TypeError(f"{value!r} is not a finite Decimal")
    elif kind not in _SCALARS and kind not in also:
        raise TypeError(f"{value!r} is a {kind.__name__}: give a Decimal, a text or another value of JSON")


_SCALARS = (str, int, bool, NoneType, Raw)


@cache
def _figures(part: type[Exact]) -> tuple[Callable[[Any], tuple[Any, ...]] | None, tuple[str, ...], bool]:
    """How to take the Decimals of a part, the names of its moments, and whether it has extras."""
    decimals, moments = [], []
    for name, hint in get_type_hints(part).items():
        if Decimal in (members := _members(hint)):
            decimals.append(name)
        if datetime in members:
            moments.append(name)
    # The first is taken twice: a getter of one name would give no tuple.
    take = attrgetter(decimals[0], *decimals) if decimals else None
    return take, tuple(moments), "extra" in part.__struct_fields__


def _members(hint: Any) -> set[Any]:
    """The plain types of a field, seen through Annotated and unions, but not into lists."""
    if get_origin(hint) in (list, dict):
        return set()
    return {hint}.union(*(_members(each) for each in get_args(hint)))
