"""The main road through the pages, in a real browser: sign in, set up, run, and see that both ends agree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect, sync_playwright

from integrations.connections.models import Connection
from integrations.connectors.files import samples
from integrations.doors.tasks import run_flow
from integrations.sync.models import Run
from tenants.access.models import User

pytestmark = pytest.mark.django_db(transaction=True)

CHROMIUM = "/usr/bin/chromium"
QUIETLY = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
PASSWORD = "correct horse battery staple"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page of Debian's Chromium; an error of any script on the way fails the test."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing: install Debian's chromium, this test must not be left out here.")
        pytest.skip(f"left out: {CHROMIUM} is not installed")
    # Playwright keeps a loop in this thread, which Django takes for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIETLY))
        shown = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
        shown.set_default_timeout(20_000)
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("dialog", lambda dialog: dialog.accept())
        yield shown
        browser.close()
    assert errors == []


@pytest.fixture
def road(sales: Connection, books: Connection, exchange: Path, people: dict[str, User]) -> None:
    """Two connections, a file in the folder, and somebody with a password."""
    shutil.copy(Path(samples.__path__[0]) / "online_retail_demo.csv", exchange)
    with transaction.atomic():
        people["owner"].set_password(PASSWORD)
        people["owner"].save()


def test_a_bookkeeper_signs_in_sets_up_runs_and_sees_both_ends_agree(
    road: None, live_server: Any, page: Page, books: Connection
) -> None:
    _sign_in(page, live_server.url)

    page.get_by_role("link", name="Set up from template").first.click()
    page.get_by_role("link", name="Online retail files to QuickBooks Online").click()
    page.get_by_role("button", name="Read the choices").click()
    page.locator("select[name=income_account]").select_option(label="Sales")
    page.locator("select[name=tax_code]").select_option(label="No VAT")
    page.get_by_role("button", name="Set up the flows").click()
    expect(page.get_by_text("4 flows are set up")).to_be_visible()

    for name in ("Customers", "Items", "Invoices", "Credit notes"):
        page.locator("#nav-sidebar a", has_text="Flows").click()
        page.get_by_role("link", name=f"{name}:").click()
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_text("queued")).to_be_visible()
        _work()
        expect(page.get_by_text("tied out", exact=True)).to_be_visible()  # by itself: the page asks how far it is
    expect(page.get_by_text("Both ends agree")).to_be_visible()

    page.get_by_role("link", name="applied").first.click()
    page.locator("#result_list tbody a").first.click()
    page.locator(".t-facts a").first.click()
    page.get_by_role("link", name="online_retail_demo.csv L").click()
    expect(page.locator("tr.t-asked").first).to_be_visible()


def _sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Overview").first).to_be_visible()


def _work() -> None:
    """What the workers do meanwhile."""
    with transaction.atomic():
        run = Run.objects.get(state=Run.State.QUEUED)
    run_flow(str(run.tenant_id), str(run.pk))
