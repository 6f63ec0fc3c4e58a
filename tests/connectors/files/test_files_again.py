"""Files that come again: unchanged, corrected, renamed, half-written, several at once."""

import os
from decimal import Decimal

import pytest

from integrations.connectors.files.layout import plain
from integrations.connectors.files.ready import ONLINE_RETAIL
from integrations.wire import files
from integrations.wire.errors import TryLater
from integrations.wire.places import local

from .conftest import HEADER


def doc(number, quantity=2, *, item="31A", customer="20001.0", country="France", name="MUG"):
    return f"{number},{item},{name},{quantity},2025-01-06 10:00:00,4.50,{customer},{country}\n"


def content_of(raw):
    return {name: value for name, value in raw.items() if name != "@place"}


def test_the_same_files_again_are_no_news(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(2))
    first = inbox.sweep()
    for stream in ("invoice", "credit_note", "customer", "item"):
        again = inbox.sweep(stream, mark=first.mark)
        assert (again.raws, again.problems, again.mark) == ([], [], first.mark)
    os.utime(inbox.path / "a.csv")  # touched, or copied anew, with the same content
    assert inbox.sweep(mark=first.mark).raws == []


def test_a_changed_layout_or_setting_makes_everything_news(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(2, customer=""))
    mark = inbox.sweep().mark
    assert inbox.with_settings(default_customer="Walk-in").sweep(mark=mark)["2"].customer.name == "Walk-in"
    layout = plain(ONLINE_RETAIL) | {"currency": "EUR"}
    assert {record.currency for record in inbox.with_settings(layout=layout).sweep(mark=mark).records} == {"EUR"}


def test_a_copy_of_a_file_under_another_name_is_the_same_file(inbox):
    inbox.put("a.csv", HEADER + doc(1))
    mark = inbox.sweep().mark
    inbox.put("copy of a.csv", HEADER + doc(1), age=10)
    assert inbox.sweep(mark=mark).raws == []
    assert inbox.sweep().keys == ["1"]


def test_a_corrected_file_changes_only_what_was_corrected(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(2) + doc(3))
    before = inbox.sweep()
    customers, items = inbox.sweep("customer"), inbox.sweep("item")
    (inbox.path / "a.csv").unlink()
    inbox.put("a corrected.csv", HEADER + doc(0) + doc(1) + doc(2, 5) + doc(3), age=30)
    after = inbox.sweep(mark=before.mark)

    was = {raw["key"]: content_of(raw) for raw in before.raws}
    now = {raw["key"]: content_of(raw) for raw in after.raws}
    assert {key for key in now if now[key] != was.get(key)} == {"0", "2"}
    assert after["2"].total == Decimal("22.50")
    assert after["1"].url == "file:a corrected.csv#L3"
    for stream, old in (("customer", customers), ("item", items)):
        assert [content_of(raw) for raw in inbox.sweep(stream).raws] == [content_of(raw) for raw in old.raws]


def test_a_new_file_brings_only_its_own_documents(inbox):
    inbox.put("monday.csv", HEADER + doc(1) + doc(2), age=100)
    mark = inbox.sweep().mark
    inbox.put("tuesday.csv", HEADER + doc(3), age=50)
    news = inbox.sweep(mark=mark)
    assert news.keys == ["3"]
    assert inbox.sweep(mark=news.mark).keys == []


def test_a_document_in_several_files_is_taken_from_the_newest(inbox):
    inbox.put("z.csv", HEADER + doc(1, 2) + doc(9, 1), age=100)
    inbox.put("a.csv", HEADER + doc(1, 3), age=50)
    sweep = inbox.sweep()
    assert sweep.keys == ["9", "1"]
    assert sweep["1"].lines[0].quantity == 3
    inbox.put("a.csv", HEADER + doc(1, "bad"), age=40)
    held = inbox.sweep()
    assert held.keys == ["9"], "an older version must not stand in for one that cannot be read"


def test_when_the_newest_file_goes_away_the_older_version_shows_again(inbox):
    inbox.put("a.csv", HEADER + doc(1, 2), age=100)
    newest = inbox.put("b.csv", HEADER + doc(1, 3), age=50)
    mark = inbox.sweep().mark
    newest.unlink()
    assert inbox.sweep(mark=mark)["1"].lines[0].quantity == 2


def test_a_file_that_is_being_written_is_read_later(inbox, monkeypatch):
    file = inbox.put("a.csv", HEADER + doc(1))
    take = files.Table

    def writer_goes_on(*args, **kwargs):
        with file.open("a") as more:
            more.write(doc(2))
        return take(*args, **kwargs)

    monkeypatch.setattr(files, "Table", writer_goes_on)
    with pytest.raises(TryLater) as later:
        inbox.sweep()
    assert "is being written" in str(later.value)
    monkeypatch.undo()
    assert inbox.sweep().keys == ["1", "2"]


def test_a_sweep_reads_on_from_the_state_in_which_it_began(inbox):
    inbox.put("a.csv", HEADER + "".join(doc(number) for number in range(1000, 1600)))
    pages = inbox.pages("invoice")
    first = next(pages)
    inbox.put("a.csv", HEADER + doc(5), age=1)
    rest = [raw["key"] for page in pages for raw in page.raws]
    assert [raw["key"] for raw in first.raws] + rest == [str(number) for number in range(1000, 1600)]
    assert inbox.sweep(mark=first.mark).keys == ["5"]


def test_a_sweep_begins_again_when_what_it_worked_on_is_lost(inbox):
    inbox.put("a.csv", HEADER + "".join(doc(number) for number in range(1000, 1600)))
    pages = inbox.pages("invoice")
    next(pages)
    for file in inbox.spool.iterdir():
        file.unlink()
    inbox.put("a.csv", HEADER + doc(5), age=1)
    assert [raw["key"] for page in pages for raw in page.raws] == ["5"]


def test_reading_goes_on_after_the_deadline_where_it_stopped(inbox):
    for number in range(3):
        inbox.put(f"{number}.csv", HEADER + doc(number), age=100 - number)
    request = inbox.request("invoice")
    with pytest.raises(TryLater) as later:
        files.send(request, at=local(inbox.root), spool=inbox.spool, deadline=0.0)
    assert later.value.retry_after == 0
    assert inbox.sweep().keys == ["0", "1", "2"]


def test_records_are_fetched_by_their_ids(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(2) + doc(3, customer=""))
    assert [record.external_id for record in inbox.fetch("invoice", "2", "17")] == ["2"]
    assert [record.external_id for record in inbox.fetch("item", "31A")] == ["31A"]
    fetched = inbox.fetch("customer", "20001", "without-customer")
    assert [record.external_id for record in fetched] == ["20001", "without-customer"]


def test_customers_and_items_are_what_all_files_say_together(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(2, country="Cyprus") + doc(3, item="31a ", name="MUG  BLUE"), age=100)
    inbox.put("b.csv", HEADER + doc(4, country="Cyprus") + doc(5, country="Cyprus", name="?"), age=50)
    customer = inbox.sweep("customer")["20001"]
    assert customer.billing_address.country == "CY"
    assert customer.extra == {"noted": ["Country: also France"]}
    items = inbox.sweep("item")
    assert items.keys == ["31A"]
    assert items["31A"].name == "MUG"


def test_fees_are_items_of_their_own_type(inbox):
    inbox.put("a.csv", HEADER + doc(1, item="post", name="POSTAGE") + doc(1))
    items = inbox.sweep("item")
    assert (items["POST"].item_type, items["POST"].name) == ("charge", "Postage")
    assert items["31A"].item_type == "non_inventory"


def test_the_same_item_twice_on_a_document_stays_two_lines_with_keys_of_their_own(inbox):
    inbox.put("a.csv", HEADER + doc(1, 2) + doc(1, 3) + doc(1, 1, item="31B"))
    assert [line.key for line in inbox.sweep()["1"].lines] == ["31A/1", "31A/2", "31B/1"]


def test_a_document_with_two_moments_takes_the_first_and_notes_it(inbox):
    inbox.put("a.csv", HEADER + doc(1) + doc(1).replace("2025-01-06 10:00", "2025-01-07 10:01"))
    invoice = inbox.sweep()["1"]
    assert str(invoice.issued_on) == "2025-01-06"
    assert "the first was taken" in invoice.extra["noted"][0]


def test_columns_that_the_layout_does_not_know_ride_along(inbox):
    header = HEADER.replace("\n", ",Warehouse\n")
    inbox.put("a.csv", header + doc(1).replace("\n", ",North\n"))
    assert inbox.sweep()["1"].lines[0].extra == {"columns": {"Warehouse": "North"}}


def test_a_connection_names_its_folder_as_its_company(inbox):
    assert inbox.company().name == "Files in inbox"
    assert inbox.company().currency == "GBP"
