"""Why is this number in my ledger? Answered from either end, down to the line of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from integrations.connections.models import Connection
from integrations.records.models import Record
from integrations.sync.models import Call
from tests.doors.world import SECRET, World, list_of, url_of

pytestmark = pytest.mark.django_db

Visit = Callable[[str], Client]


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def files(ours: World) -> Connection:
    return Connection.objects.get(connector="files")


def test_both_ends_tell_the_same_life_and_lead_to_each_other(ours: World, visit: Visit) -> None:
    source, target = ours[Record], ours["target"]
    browser = visit("auditor")
    for here, there in ((source, target), (target, source)):
        answer = browser.get(url_of(here))
        page = text(answer)
        assert url_of(there) in page
        assert url_of(ours[Call]) in page
        for shown in ("old words", "new words", "needs a person", "record.applied", "created by us", "TotalAmt"):
            assert shown in page, shown
        moments = answer.context["moments"]
        assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert [str(moment.title) for moment in browser.get(url_of(source)).context["moments"]] == [
        str(moment.title) for moment in browser.get(url_of(target)).context["moments"]
    ]


def test_a_record_leads_to_the_lines_of_its_file_and_to_the_vendors_own_page(ours: World, visit: Visit) -> None:
    browser = visit("auditor")
    assert "app.qbo.intuit.com/app/invoice?txnId=77" in text(browser.get(url_of(ours["target"])))
    answer = browser.get(url_of(ours[Record]))
    assert "june.csv L2-L3" in text(answer)
    page = browser.get(reverse("admin:integrations_connection_file", args=(ours[Record].connection_id,)),
                       {"path": "june.csv", "lines": "L2-L3"})  # fmt: skip
    assert [line["text"].split(",")[1] for line in page.context["lines"] if line["asked"]] == ["A1", "A2"]


@pytest.mark.parametrize(
    "path", ["../../theirs/sales/june.csv", "/etc/passwd", "..%2f..", "june.csv\0", "away/passwd", ""]
)
def test_no_path_leads_out_of_the_folder(path: str, files: Connection, settings: Any, visit: Visit) -> None:
    folder = Path(settings.FILES) / "ours" / "sales"
    (folder / "away").symlink_to("/etc")
    url = reverse("admin:integrations_connection_file", args=(files.pk,))
    assert visit("owner").get(url, {"path": path, "lines": "L1"}).status_code == 404


def test_a_call_shows_what_was_sent_exactly_and_masks_every_secret(ours: World, visit: Visit) -> None:
    page = text(visit("auditor").get(url_of(ours[Call])))
    assert "12.50" in page, "not a digit is lost"
    assert SECRET not in page


@pytest.mark.parametrize("words", ["INV-1", "inv-", "12.50", "12,5", "r-1"])
def test_a_record_is_found_by_what_a_person_knows_of_it(words: str, ours: World, visit: Visit) -> None:
    browser = visit("auditor")
    assert url_of(ours[Record]) in text(browser.get(list_of(Record), {"q": words}))
    assert str(ours[Record].pk) in text(browser.get(reverse("admin:search"), {"q": words}))


def test_what_is_found_once_is_opened_at_once(ours: World, visit: Visit) -> None:
    assert visit("auditor").get(reverse("admin:find"), {"q": "R-1"}).url == url_of(ours[Record])


def test_nothing_of_another_tenant_is_found(ours: World, theirs: World, visit: Visit) -> None:
    page = text(visit("owner").get(list_of(Record), {"q": "INV-1"}))
    assert str(theirs[Record].pk) not in page


# The layout of files


def test_a_layout_is_proposed_with_reasons_and_confirmed(files: Connection, visit: Visit) -> None:
    browser, url = visit("admin"), reverse("admin:integrations_connection_layout", args=(files.pk,))
    page = text(browser.get(url))
    assert "Its columns are those of the ready layout" in page
    assert "MUG" in page
    browser.post(url, {"layout": "online_retail"})
    assert Connection.objects.get(pk=files.pk).settings["layout"] == "online_retail"


def test_a_layout_that_cannot_be_used_is_not_kept(files: Connection, visit: Visit) -> None:
    url = reverse("admin:integrations_connection_layout", args=(files.pk,))
    answer = visit("admin").post(url, {"layout": '{"name": "mine"}'})
    assert "cannot be used" in text(answer)
    assert Connection.objects.get(pk=files.pk).settings["layout"] == "online_retail"


def test_a_file_is_put_into_the_tenants_own_folder(files: Connection, settings: Any, visit: Visit) -> None:
    browser, url = visit("admin"), url_of(files, "upload")
    browser.post(url, {"file": SimpleUploadedFile("../../july.csv", b"InvoiceNo\n1\n")})
    assert (Path(settings.FILES) / "ours" / "sales" / "july.csv").read_bytes() == b"InvoiceNo\n1\n"
    refused = browser.post(url, {"file": SimpleUploadedFile("tool.exe", b"MZ")}, follow=True)
    assert "Choose a table" in text(refused)
    assert sorted(file.name for file in (Path(settings.FILES) / "ours" / "sales").iterdir()) == ["july.csv", "june.csv"]
    assert visit("auditor").post(url, {"file": SimpleUploadedFile("x.csv", b"")}).status_code == 403
