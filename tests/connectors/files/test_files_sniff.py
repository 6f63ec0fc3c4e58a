"""What a file seems to be: found where the data tell, asked where they do not."""

import gzip

import pytest

from integrations.connectors.files.layout import layout_of
from integrations.connectors.files.sniff import USUAL_NAMES, sniff
from integrations.wire.tables import TableError

from .conftest import HEADER

ENGLISH = "Invoice No,Date,Customer No,SKU,Description,Qty,Unit Price\n"
GERMAN = "Rechnungsnr;Datum;Kundennr;Artikelnr;Bezeichnung;Menge;Einzelpreis\n"


def reasons(proposal):
    return " ".join(proposal.reasons)


def test_a_ready_layout_is_recognised_by_its_columns():
    proposal = sniff((HEADER + "1,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n").encode())
    assert (proposal.ready, proposal.questions, proposal.problems) == ("online_retail", (), ())
    assert proposal.documents[0]["total"] == "9.00"
    assert proposal.rows[0]["Description"] == "MUG"
    assert "ready layout" in reasons(proposal)
    assert layout_of(proposal.layout).currency == "GBP"


def test_a_ready_layout_takes_over_how_this_file_is_written():
    text = HEADER.replace(",", ";") + "1;31A;MUG;2;25/01/2025 10:00;4,50;20001.0;France\n"
    proposal = sniff(("\ufeff" + text).encode())
    assert proposal.documents[0]["issued_on"] == "2025-01-25"
    assert proposal.documents[0]["total"] == "9.00"
    assert "byte order mark" in reasons(proposal)


def test_a_packed_file_is_looked_into(tmp_path):
    file = tmp_path / "a.csv.gz"
    file.write_bytes(
        gzip.compress((HEADER + "1,31A,MUG,2,2025-01-06 10:00:00,4.50,20001.0,France\n" * 40_000).encode())
    )
    assert sniff(file).ready == "online_retail"


def test_an_unknown_file_gets_a_layout_by_the_names_of_its_columns():
    rows = "1;03.04.2011;77;A1;Tür;1,5;1.234,50\n2;25.04.2011;77;A1;Tür;2;9,99\n"
    proposal = sniff((GERMAN + rows).encode(), name="umsatz.csv")
    assert (proposal.ready, proposal.questions) == (None, ())
    assert [document["total"] for document in proposal.documents] == ["1851.75", "19.98"]
    assert "The day stands first, as “25.04.2011” shows" in reasons(proposal)
    assert "home currency" in reasons(proposal)
    assert layout_of(proposal.layout).name == "umsatz"


@pytest.mark.parametrize(
    ("first", "second", "day"),
    [("13/02/2011", "01/02/2011", "2011-02-13"), ("02/13/2011", "02/01/2011", "2011-02-13")],
)
def test_the_order_of_day_and_month_is_decided_by_the_data(first, second, day):
    rows = f"1,{first},7,A,MUG,1,2.50\n2,{second},7,A,MUG,1,2.50\n"
    proposal = sniff((ENGLISH + rows).encode())
    assert proposal.documents[0]["issued_on"] == day
    assert proposal.documents[1]["issued_on"] == "2011-02-01"


def test_the_order_of_day_and_month_is_asked_where_no_date_tells():
    proposal = sniff((ENGLISH + "1,03/04/2011,7,A,MUG,1,2.50\n").encode())
    (question,) = proposal.questions
    assert question.member == "dates"
    assert "03/04/2011" in question.text
    assert [meaning for _, meaning in question.choices] == ["the day: dd/mm/yyyy", "the month: mm/dd/yyyy"]
    assert proposal.documents == ()
    month_first = proposal.answered({"dates": question.choices[1][0]})
    assert month_first.questions == ()
    assert month_first.documents[0]["issued_on"] == "2011-03-04"


def test_dates_in_both_orders_are_asked_about():
    rows = "1,13/02/2011,7,A,MUG,1,2.50\n2,02/13/2011,7,A,MUG,1,2.50\n"
    (question,) = sniff((ENGLISH + rows).encode()).questions
    assert "“13/02/2011” has the day first and “02/13/2011” the month" in question.text


@pytest.mark.parametrize(
    ("prices", "signs"),
    [
        (("2.55", "1,234.00"), (".", ",")),
        (("2,55", "1.234,00"), (",", ".")),
        (("1,234,567", "12"), (".", ",")),
        (("0.125", "12"), (".", "")),
        (("1,234", "2.5"), (".", ",")),
        (("12", "13"), (".", "")),
    ],
)
def test_the_decimal_sign_is_decided_by_the_numbers(prices, signs):
    rows = "".join(f"1;2011-02-01;7;A;MUG;1;{price}\n" for price in prices)
    layout = sniff((ENGLISH.replace(",", ";") + rows).encode()).layout
    assert (layout["decimal"], layout["thousands"]) == signs


@pytest.mark.parametrize("prices", [("1.234", "12"), ("1,5", "1.5")])
def test_the_decimal_sign_is_asked_where_the_numbers_do_not_tell(prices):
    rows = "".join(f"1;2011-02-01;7;A;MUG;1;{price}\n" for price in prices)
    assert [q.member for q in sniff((ENGLISH.replace(",", ";") + rows).encode()).questions] == ["decimal"]


def test_an_encoding_that_does_not_show_is_a_guess_to_be_confirmed():
    rows = "".join(f"{n};25.04.2011;77;A1;Tür für große Räume, weiß;2;9,99\n" for n in range(50))
    proposal = sniff((GERMAN + rows).encode("cp1252"))
    (question,) = proposal.questions
    assert question.member == "format.encoding"
    assert "is a guess" in question.text
    told = proposal.answered({"format.encoding": "cp1252"})
    assert told.questions == ()
    assert told.documents[0]["lines"][0]["description"] == "Tür für große Räume, weiß"


def test_columns_without_a_usual_name_are_asked_for():
    text = ENGLISH.replace("Customer No", "Whom").replace("Invoice No", "Which")
    proposal = sniff((text + "1,2011-02-01,7,A,MUG,1,2.50\n").encode())
    assert [question.member for question in proposal.questions] == ["columns.document.number", "columns.customer.key"]
    told = proposal.answered({"columns.document.number": "Which", "columns.customer.key": "Whom"})
    assert (told.questions, told.faults) == ((), ())
    assert told.documents[0]["customer"] == {"key": "7"}


def test_a_file_without_header_and_with_lines_above_says_so():
    proposal = sniff(b"Sales report\n1,2011-02-01,7,A,MUG,1,2.50\n2,2011-02-02,7,A,MUG,1,2.50\n")
    assert proposal.columns == tuple(f"column {n}" for n in range(1, 8))
    assert "1 lines above the table" in reasons(proposal)
    assert "no header" in reasons(proposal)


def test_tabs_need_no_quotes():
    proposal = sniff((ENGLISH.replace(",", "\t") + "1\t2011-02-01\t7\tA\t5 inch\t1\t2.50\n").encode())
    assert proposal.layout["format"] == {"delimiter": "\t", "quote": None, "encoding": "utf-8"}


@pytest.mark.parametrize("content", [b"", b"\n \n", b"just words\nand more\n", b"\x1f\x8b broken"])
def test_what_is_no_table_is_refused_with_advice(content):
    with pytest.raises(TableError) as refused:
        sniff(content)
    assert refused.value.advice


def test_what_the_proposal_cannot_take_is_shown_before_anybody_confirms():
    proposal = sniff((HEADER + "1,31A,MUG,two,2025-01-06 10:00:00,4.50,20001.0,France\n").encode())
    assert "“two” is not a number" in proposal.problems[0].what


def test_usual_names_are_written_as_they_are_compared():
    assert all(name == "".join(c for c in name.casefold() if c.isalpha()) or name[-1].isdigit() or "ß" in name
               for names in USUAL_NAMES.values() for name in names)  # fmt: skip
