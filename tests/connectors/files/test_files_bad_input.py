"""Bad files: what is said about them, and what goes on all the same."""

import gzip
from datetime import date
from decimal import Decimal

import pytest

from integrations.connectors.files.layout import plain
from integrations.connectors.files.ready import ONLINE_RETAIL
from integrations.wire.errors import BadAddress

from .conftest import HEADER

GOOD = "1001,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n"
OTHER = "1002,31B,BOWL,1,2025-01-06 11:00:00,9.00,20002.0,Germany\n"


def only_problem(sweep):
    assert len(sweep.problems) == 1, sweep.problems
    problem = sweep.problems[0]
    assert problem.advice
    return problem


def test_a_bad_number_holds_back_its_whole_document_and_no_other(inbox):
    inbox.put("a.csv", HEADER + GOOD + GOOD.replace(",2,", ",two,") + OTHER)
    sweep = inbox.sweep()
    assert sweep.keys == ["1002"]
    problem = only_problem(sweep)
    assert problem.where == "a.csv, line 3"
    assert "“two” is not a number" in problem.what
    assert "1001 is held back whole" in problem.what
    assert problem.raw.startswith("1001,31A")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (GOOD.replace("2025-01-06 10:00:00", "06/01/25"), "InvoiceDate: “06/01/25” is not a date in the form yyyy"),
        (GOOD.replace("2025-01-06 10:00:00", ""), "InvoiceDate: the cell is empty"),
        (GOOD.replace("4.50", ""), "UnitPrice: the cell is empty"),
        (GOOD.replace("4.50", "1e5"), "UnitPrice: “1e5” is not a number"),
        (GOOD.replace("4.50", "9" * 40), "more than 14 digits"),
        (GOOD.replace("4.50", "NaN"), "UnitPrice: “NaN” is not a number"),
        (GOOD.replace("4.50", "-4.50"), "A price is negative (-4.50)"),
        (GOOD.replace(",2,", ",-2,"), "It is an invoice, but its total is -9.00 GBP"),
        ("C" + GOOD, "It is a credit note, but its total is -9.00 GBP"),
        ("A" + GOOD, "Documents whose InvoiceNo starts with “A” are not taken over"),
        (GOOD + GOOD.replace("20001", "20009"), "two customers, “20001” and “20009”"),
    ],
)
def test_what_cannot_be_a_document_is_an_issue_in_plain_words(inbox, row, words):
    inbox.put("a.csv", HEADER + row + OTHER)
    stream = "credit_note" if row.startswith("C") else "invoice"
    sweep = inbox.sweep(stream)
    assert words in only_problem(sweep).what
    assert sweep.keys == ([] if stream == "credit_note" else ["1002"])


def test_a_row_without_customer_is_an_issue_until_the_tenant_names_a_default(inbox):
    inbox.put("a.csv", HEADER + GOOD.replace("20001.0", ""))
    without = inbox.with_settings(default_customer="")
    assert "names no customer" in only_problem(without.sweep()).what
    assert without.sweep("customer").records == []
    assert inbox.sweep()["1001"].customer.name == "Counter sales"
    assert inbox.sweep("customer")["without-customer"].name == "Counter sales"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("1001,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0\n", "The row has 7 cells, the header has 8"),
        ("1001,31A,MUG, BLUE,2,2025-01-06 10:00:00,4.50,20001.0,France\n", "The row has 9 cells"),
        ('1001,31A,"MUG" BLUE,2,2025-01-06 10:00:00,4.50,20001.0,France\n', "A quote stands where none may stand"),
        ('1001,31A,"MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n', "never closed"),
        ("1001,31A,M\x00UG,2,2025-01-06 10:00:00,4.50,20001.0,France\n", "NUL bytes"),
        ("1001,31A,T\xfcr,2,2025-01-06 10:00:00,4.50,20001.0,France\n", "not written in utf-8 (byte 0xFC)"),
    ],
)
def test_a_broken_row_costs_its_own_document_and_no_other(inbox, bad, words):
    inbox.put("a.csv", (HEADER + GOOD + bad + OTHER + "C" + GOOD.replace(",2,", ",-2,")).encode("latin-1"))
    sweep = inbox.sweep()
    assert sweep.keys == ["1002"]
    problem = only_problem(sweep)
    assert problem.where == "a.csv, line 3"
    assert words in problem.what
    assert "1001 is held back whole" in problem.what
    credit_notes = inbox.sweep("credit_note")
    assert (credit_notes.keys, credit_notes.problems) == (["C1001"], [])


def test_a_row_that_names_no_document_holds_back_its_neighbours_because_it_may_be_theirs(inbox):
    far = OTHER.replace("1002", "1003")
    inbox.put("a.csv", HEADER + far + GOOD + GOOD.replace("1001", "") + OTHER + far.replace("1003", "1004"))
    sweep = inbox.sweep()
    assert sweep.keys == ["1003", "1004"]
    assert [problem.where for problem in sweep.problems] == ["a.csv, line 4"] * 3
    assert "InvoiceNo is empty" in sweep.problems[0].what
    assert {problem.what.split()[2] for problem in sweep.problems[1:]} == {"1001", "1002"}


@pytest.mark.parametrize("cut", [GOOD.replace("1001", "1002")[:20], '1002,31B,"BOWL AND SPO', "10", OTHER.rstrip()])
def test_a_file_that_was_cut_short_says_so_and_holds_back_the_document_at_the_cut(inbox, cut):
    inbox.put("a.csv", HEADER + GOOD + OTHER + cut)
    sweep = inbox.sweep()
    assert sweep.keys == ["1001"]
    assert any(problem.what.startswith("The file ends ") for problem in sweep.problems)
    assert any("1002" in problem.what for problem in sweep.problems)


def test_a_cut_file_whose_documents_are_scattered_is_not_taken_at_all(inbox):
    inbox.put("a.csv", HEADER + GOOD + OTHER + GOOD + "1003,31A")
    sweep = inbox.sweep()
    assert sweep.keys == []
    assert "any may lack some" in only_problem(sweep).what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "The file is empty"),
        ("\n\n", "The file is empty"),
        (HEADER.replace("Country", "Quantity") + GOOD, "names “Quantity” more than once"),
        (HEADER.replace("UnitPrice", "Price") + GOOD, "lacks “UnitPrice”; its columns are “InvoiceNo”"),
        (HEADER.replace(",", ";") + GOOD.replace(",", ";"), "lacks “InvoiceNo”, “InvoiceDate”"),
        ("x" * 1_100_000, "longer than 1,000,000 characters"),
        ((HEADER + GOOD).encode("utf-16"), "The header (line 1) cannot be read: The row is not written in utf-8"),
    ],
)
def test_a_file_that_is_not_this_table_is_reported_whole_and_the_others_go_on(inbox, content, words):
    inbox.put("bad.csv", content)
    inbox.put("good.csv", HEADER + GOOD)
    for stream in ("invoice", "item", "customer"):
        sweep = inbox.sweep(stream)
        assert len(sweep.records) == 1
        problem = only_problem(sweep)
        assert problem.where == "bad.csv"
        assert words in problem.what


def test_many_bad_rows_are_counted_not_listed(inbox):
    inbox.put("a.csv", HEADER + GOOD + OTHER + "".join(f"{n},too few\n" for n in range(2000, 2500)))
    sweep = inbox.sweep()
    assert sweep.keys == ["1001"], "the one above the bad rows may lack some of them"
    assert len(sweep.problems) == 202
    assert "300 more rows" in sweep.problems[-1].what


def test_a_file_full_of_bad_rows_is_another_table(inbox):
    inbox.put("a.csv", HEADER + GOOD + "too few\n" * 10_001)
    sweep = inbox.sweep()
    assert sweep.keys == []
    assert "More than 10,000 of its rows cannot be read; the first is line 3" in only_problem(sweep).what


def test_a_european_file_is_read_with_its_own_signs(inbox):
    layout = plain(ONLINE_RETAIL) | {
        "format": {"delimiter": ";"},
        "decimal": ",",
        "thousands": ".",
        "dates": ["%d/%m/%Y %H:%M"],
    }
    rows = "1001;31a ;Tür, grün;1,5;06/01/2025 10:00;1.234,50;20001.0;Österreich\r\n"
    inbox.put("a.csv", ("\ufeff" + HEADER.replace(",", ";") + rows).encode())
    inbox = inbox.with_settings(layout=layout)
    invoice = inbox.sweep()["1001"]
    assert invoice.issued_on == date(2025, 1, 6)
    assert invoice.total == Decimal("1851.75")
    assert invoice.lines[0].item.external_id == "31A"
    assert invoice.lines[0].description == "Tür, grün"
    assert inbox.sweep("customer")["20001"].billing_address.country == "AT"


def test_a_quoted_cell_may_hold_line_breaks_and_the_place_is_still_right(inbox):
    broken = GOOD.replace("MUG", '"MUG\nWITH ""HANDLE"""')
    inbox.put("a.csv", HEADER + broken + OTHER)
    sweep = inbox.sweep()
    assert sweep["1001"].lines[0].description == 'MUG WITH "HANDLE"'
    assert sweep["1001"].url == "file:a.csv#L2-L3"
    assert sweep["1002"].url == "file:a.csv#L4"


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("nowhere", "does not exist"),
        ("../", "leads out of the place"),
        ("inbox/../../x", "leads out of the place"),
        ("/etc", "leads out of the place"),
        ("link", "leads out of the place"),
        ("inbox/a.csv", "is a file, not a folder"),
    ],
)
def test_a_folder_that_is_not_the_tenants_is_refused(inbox, folder, words):
    inbox.put("a.csv", HEADER + GOOD)
    (inbox.root / "link").symlink_to("/etc")
    with pytest.raises(BadAddress) as refused:
        inbox.with_settings(folder=folder).sweep()
    assert words in str(refused.value)


def test_a_link_out_of_the_folder_is_reported_and_never_read(inbox):
    secret = inbox.root.parent / "secret.csv"
    secret.write_text(HEADER + OTHER)
    (inbox.path / "a.csv").symlink_to(secret)
    inbox.put("b.csv", HEADER + GOOD)
    sweep = inbox.sweep()
    assert sweep.keys == ["1001"]
    assert "link that leads out" in only_problem(sweep).what


def test_a_damaged_archive_is_reported(inbox):
    packed = gzip.compress((HEADER + GOOD * 500).encode())
    inbox.put("a.csv.gz", packed[:-20])
    inbox.put("b.csv.gz", gzip.compress((HEADER + OTHER).encode()))
    sweep = inbox.sweep()
    assert sweep.keys == ["1002"]
    assert "gz archive is damaged" in only_problem(sweep).what
