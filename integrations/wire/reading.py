"""How one field of a payload is read: made once from the table of a shape, as reading is what most of intake's time goes into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import nested
from .errors import ShapeError
from .nested import Payload

# What a reader or writer of a connector may raise about a value that it cannot take.
UNFIT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)

Take = Callable[[Payload, Payload, str], None]
"""Takes one field of a payload into our values; the text is the prefix of its path, for errors."""


class Reading(NamedTuple):
    """Their path, empty for the whole payload; our path; and how a value crosses.

    A value of the class `fitting` that says something crosses as it is, any other by `convert`, which never gets an
    empty one and may give None.
    """

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    convert: Callable[[Any], Any] | None
    fitting: type | None
    false_is_empty: bool

    def take(self) -> Take:
        """This reading as a function."""
        theirs, ours, convert, fitting, false_is_empty = self
        (member, *_), (name, *inside) = theirs or ("",), ours

        def any_value(value: Any, values: Payload, where: str) -> None:
            if value is None or value == "" or (value is False and false_is_empty):
                return
            if convert is not None and value.__class__ is not fitting:
                try:
                    value = convert(value)
                except UNFIT as error:
                    raise ShapeError(where + ".".join(theirs or ours), said(error)) from error
            if value is None:
                return
            if inside:
                nested.put(values, ours, value)
            else:
                values[name] = value

        def somewhere(payload: Payload, values: Payload, where: str) -> None:
            value: Any = payload
            for step in theirs:
                value = value.get(step) if value.__class__ is dict else None
            if value is not None:
                any_value(value, values, where)

        # Most members stand in the payload itself, or in a member of it, and hold what is expected.
        def at_the_top(payload: Payload, values: Payload, where: str) -> None:
            value = payload.get(member)
            if value.__class__ is fitting and value:
                values[name] = value
            elif value is not None:
                any_value(value, values, where)

        return at_the_top if len(theirs) == len(ours) == 1 else somewhere


def said(error: Exception) -> str:
    """What is wrong with a value, in words that follow "cannot be read:"."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is no known value"
    return str(error).rstrip(".") or type(error).__name__
