"""The bare limit: read, decode, COPY of each record's JSON into a table. Nothing is compared, nothing is understood.

Usage: python bare.py URL conninfo
"""

from __future__ import annotations

import sys

import msgspec
import psycopg
import requests

from tests.bench.report import tell, timed


def load(url: str, database: psycopg.Connection, table: str) -> None:
    """Read all pages and store their records as they came."""
    session, page = requests.Session(), 1
    database.execute(f"CREATE TABLE {table} (id text, raw text)")  # a name of our own
    while rows := msgspec.json.decode(session.get(url, params={"page": page}, timeout=60).content)["invoices"]:
        with database.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row((row["id"], msgspec.json.encode(row).decode()))
        database.commit()
        page += 1


def main(url: str, conninfo: str) -> None:
    with psycopg.connect(conninfo) as database:
        name = database.info.dbname
        first = timed("first", lambda: load(url, database, "once"), database=name)
        tell(**first, **timed("again", lambda: load(url, database, "twice"), database=name))


if __name__ == "__main__":
    main(*sys.argv[1:])
