"""Any record of any kind, made from the annotations of its fields."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from integrations.canonical import KINDS, Record

DECIMALS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False).filter(
    lambda value: -12 <= value.as_tuple().exponent <= 12
)
SCALARS = st.none() | st.booleans() | st.integers() | DECIMALS | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
PLAIN = {
    str: st.text(max_size=10),
    bool: st.booleans(),
    int: st.integers(-(2**31), 2**31),
    Decimal: DECIMALS,
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}


@cache
def records(kind: str) -> st.SearchStrategy[Record]:
    """Records of a kind with any values its fields may have; lawful or not."""
    return _structs(KINDS[kind])


@cache
def _structs(struct: type[Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(struct, include_extras=True)
    required, optional = {}, {}
    for field in fields(struct):
        has_default = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
        (optional if has_default else required)[field.name] = _values(hints[field.name])
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: struct(**values))


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _values(inside[0])
    if origin is Literal:
        return st.sampled_from(inside)
    if origin is list:
        return st.lists(_values(inside[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(st.text(max_size=6), JSON, max_size=3)
    if inside:
        return st.one_of(*(_values(each) for each in inside if each is not type(None)))
    return PLAIN[hint] if hint in PLAIN else _structs(hint)
