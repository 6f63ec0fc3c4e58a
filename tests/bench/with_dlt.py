"""The same intake by dlt: merged by primary key into PostgreSQL. Runs in an environment of its own, with dlt only.

Usage: python with_dlt.py URL postgresql://… FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import dlt
from dlt.sources.helpers import requests
from report import tell, timed


@dlt.resource(name="invoices", primary_key="id", write_disposition="merge")
def invoices(url: str) -> Iterator[list[dict[str, Any]]]:
    page = 1
    while rows := requests.get(url, params={"page": page}, timeout=60).json()["invoices"]:
        yield rows
        page += 1


def main(url: str, database: str, folder: str) -> None:
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(database),
        dataset_name="by_dlt",
        pipelines_dir=folder,
    )
    name = urlsplit(database).path.lstrip("/")
    first = timed("first", lambda: pipeline.run(invoices(url)), database=name)
    tell(**first, **timed("again", lambda: pipeline.run(invoices(url)), database=name))


if __name__ == "__main__":
    main(*sys.argv[1:])
