"""The ground of a campaign: a database of its own, tenants, sandboxes on ports of their own, and the nursery of workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from plumbing import roles, signs
from plumbing.ids import new_id
from tests import database
from tests.chaos.lane import Lane
from tests.chaos.nursery import Nursery
from tests.chaos.vendors import CALLED
from tests.operations.processes import free_port, running, until


@dataclass(frozen=True)
class Ground:
    """Where the lanes run."""

    database: str
    folder: Path
    nursery: Nursery
    admin: psycopg.Connection[Any]  # may end others' connections

    def lane(self, slug: str, number: int, sandbox: str, *, seed: int, without: str) -> Lane:
        """A tenant's lane into this vendor's books, set up and ready to go."""
        name = f"{slug}-{number}"
        tenant = self._tenant(name)
        sales = self.folder / "exchange" / name / "sales"
        sales.mkdir(parents=True)
        settings.SANDBOX_URL = sandbox  # where the vendor is asked for consent
        vendor = CALLED[slug](sandbox)
        lane = Lane(tenant, name, vendor, sales, self.nursery, self.admin, seed=seed, without=without)
        lane.set_up()
        return lane

    def _tenant(self, name: str) -> UUID:
        tenant = new_id()
        with psycopg.connect(**database.login(roles.OWNER, self.database)) as owner:
            owner.execute(
                "INSERT INTO tenants_tenant (id, slug, name, time_zone, home_currency, created_at)"
                " VALUES (%s, %s, %s, 'UTC', 'EUR', now())",
                [tenant, name, name],
            )
        return tenant


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """The ground for the block; whatever was started on it is ended with it."""
    database.administrator()  # the server of the tests, before this campaign has a place of its own
    settings.VAR, settings.FILES, settings.SANDBOX_SPEED = folder, folder / "exchange", 0
    with (
        database.clone("chaos") as name,
        Nursery.opened(name, {"VAR": str(folder), "FILES": str(settings.FILES), "SANDBOX_SPEED": 0}) as nursery,
        psycopg.connect(**database.administrator() | {"dbname": name}, autocommit=True) as admin,
    ):
        database.use(name)
        yield Ground(name, folder, nursery, admin)


@contextmanager
def sandboxes(folder: Path, number: int) -> Iterator[Sequence[str]]:
    """The addresses of so many sandboxes, each with books of its own, without limits of rate."""
    with ExitStack() as stack:
        addresses = []
        for each in range(number):
            port = free_port()
            state = str(folder / f"sandbox-{each}")
            stack.enter_context(
                running("manage.py", "sandbox", "--port", str(port), "--state", state, "--limits", "0", env=OURS)
            )
            addresses.append(f"http://127.0.0.1:{port}")
        for address in addresses:
            until(signs.answers(address), what="the sandbox's answer")
        yield addresses


OURS: Mapping[str, str] = {"TIEOUT_DEMO": "1", "TIEOUT_LOG_LEVEL": "ERROR"}
