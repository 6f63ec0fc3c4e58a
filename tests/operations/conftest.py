"""An installation in pieces: the test's database, a sandbox on a real port, and workers as processes of their own."""

from __future__ import annotations

import importlib.resources
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings as configured

from integrations.connectors.files import samples
from integrations.doors.demo import stage
from integrations.doors.demo.books import BOOKS
from integrations.doors.demo.companies import Company
from integrations.sync.models import Flow
from plumbing import roles, signs
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests import database
from tests.operations.processes import free_port, running, until

COMPANY = Company(
    slug="ours", name="Harbour & Pine Ltd", currency="GBP", zone="Europe/London", tax_code="No VAT"
)  # fmt: skip


@pytest.fixture
def environment(transactional_db: None, database_name: str, settings: Any, tmp_path: Path) -> dict[str, str]:
    """What processes of this installation are told."""
    settings.VAR, settings.FILES = tmp_path, tmp_path / "exchange"
    settings.SANDBOX_URL, settings.SANDBOX_SPEED = f"http://127.0.0.1:{free_port()}", 0
    (tmp_path / "demo.secret-key").write_text(configured.SECRET_KEY)
    (tmp_path / "demo.sealing-key").write_text(configured.SEALING_KEYS[0])
    return {
        "DATABASE_URL": _address(database.login(roles.APP, database_name)),
        "TIEOUT_DEMO": "1",
        "TIEOUT_VAR": str(tmp_path),
        "TIEOUT_SANDBOX_URL": settings.SANDBOX_URL,
        "TIEOUT_SANDBOX_SPEED": "0",
    }


@pytest.fixture
def sandbox(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of the simulated vendors, served over HTTP on loopback."""
    address = environment["TIEOUT_SANDBOX_URL"]
    port, state = address.rpartition(":")[2], str(tmp_path / "sandbox")
    with running("manage.py", "sandbox", "--port", port, "--state", state, "--limits", "0", env=environment):
        until(signs.answers(address), what="the sandbox's answer")
        yield address


@pytest.fixture
def ours(sandbox: str, transactional_db: None) -> Iterator[Tenant]:
    """The demo's company, with the shipped sample in its folder; in scope."""
    tenant = stage.people(COMPANY, support=stage.operators())
    stage.register_with_vendors()
    folder = configured.FILES / COMPANY.slug / stage.FOLDER
    folder.mkdir(parents=True)
    with importlib.resources.as_file(importlib.resources.files(samples)) as shipped:
        shutil.copy(shipped / "online_retail_demo.csv", folder)
    with tenant_scope(tenant.pk):
        yield tenant


@pytest.fixture
def flows(ours: Tenant) -> dict[str, Flow]:
    """The company's flows, by the object they bring."""
    return {flow.source_object: flow for flow in stage.flows(COMPANY, BOOKS["quickbooks_online"], enabled=True)}


@pytest.fixture
def start_worker(environment: dict[str, str]) -> Iterator[Callable[..., int]]:
    """Starts a worker, a cluster of its own, and waits for its first beat; gives the id of its process."""
    with ExitStack() as workers:

        def start(name: str, *words: str) -> int:
            alive = signs.beats(name)
            process = workers.enter_context(
                running("manage.py", "work", "--part", name, "--beat-every", "0.5", *words, env=environment)
            )
            until(alive, what=f"a beat of {name}")
            return process.pid

        yield start


def _address(login: dict[str, Any]) -> str:
    options = {"host": login["host"]} | ({"port": login["port"]} if login.get("port") else {})
    return f"postgresql://{login['user']}:{quote(login['password'])}@/{login['dbname']}?{urlencode(options)}"
