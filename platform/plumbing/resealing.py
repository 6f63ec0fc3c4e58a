"""Carrying every secret over to the newest key, so that an old one can be thrown away."""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import connections, transaction

from plumbing import sealing
from plumbing.roles import OWNER_ALIAS

PAGE = 500  # rows

# What is sealed elsewhere than in a SealedField: a name, and a function that reseals it and gives how many there were.
others: dict[str, Callable[[], int]] = {}


def sealed_fields() -> Iterator[tuple[Any, sealing.SealedField]]:
    """Every SealedField of every table, with its model."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            yield from ((model, field) for field in model._meta.local_fields if isinstance(field, sealing.SealedField))


def reseal(model: Any, field: sealing.SealedField) -> int:
    """Seals the field's values of all tenants under the newest key, a page at a time, and gives how many were changed.

    Raises sealing.CannotOpen at a value for which the ring has no key; pages before it are done.
    """
    names = (model._meta.db_table, model._meta.pk.column, field.column)
    table, key, column = map(connections[OWNER_ALIAS].ops.quote_name, names)
    # What was changed meanwhile (a refreshed token) was sealed under the newest key by whoever changed it: leave it.
    read = f"SELECT {key}, {column} FROM {table} WHERE {column} NOT LIKE %s AND (%s OR {key} > %s) ORDER BY {key} LIMIT {PAGE}"  # noqa: S608  (names of our own models)
    write = f"UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s"  # noqa: S608
    current, last, changed = f"{sealing.VERSION}.{sealing.keyring()[0].id}.%", None, 0
    while True:
        with transaction.atomic(OWNER_ALIAS), connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute(read, [current, last is None, last])
            page = cursor.fetchall()
            cursor.executemany(write, [(sealing.renewed(old, place=field.place), row, old) for row, old in page])
        changed += len(page)
        if len(page) < PAGE:
            return changed
        last = page[-1][0]
