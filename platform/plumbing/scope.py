"""The scope: the one id that row-level security lets this code see.

It lives in a context variable and is announced to PostgreSQL for one transaction at a time, so it can neither outlive its
transaction nor travel with a kept connection to the next task or request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connections

_scope: ContextVar[UUID | None] = ContextVar("tieout_scope", default=None)


def current() -> UUID | None:
    """The id in scope, or None."""
    return _scope.get()


@contextmanager
def entered(scope: UUID | None) -> Iterator[None]:
    """Puts `scope` in force for the block and the former one back after it; open transactions are told both times at once."""
    former = _scope.get()
    _scope.set(scope)
    try:
        announce()
        yield
    finally:
        _scope.set(former)
        announce()


def forget() -> None:
    """Leaves whatever scope is in force; for the start of a request or task."""
    _scope.set(None)
    announce()


def announce() -> None:
    """Tells every open transaction the scope that is in force."""
    for connection in connections.all(initialized_only=True):
        if announce := getattr(connection, "announce_scope", None):
            announce()
