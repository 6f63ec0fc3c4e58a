"""Tables in text: rows with their places, and what a quote, an encoding or a cut does to them."""

import io

import pytest

from integrations.wire.tables import BadRow, Format, LeaveOut, Table, TableError


def rows(text, format=Format(), **expected):  # noqa: B008 - a frozen value
    data = text if isinstance(text, bytes) else text.encode(format.encoding)
    return list(Table(io.BytesIO(data), format, **expected))


def places(found):
    return [(type(row).__name__, row.line, row.last) for row in found]


def test_an_unclosed_quote_costs_one_row_even_if_a_later_quote_seems_to_close_it():
    found = rows('a,b\n1,"open\n2,fine\n3,"quoted"\n4,fine\n')
    assert places(found) == [("BadRow", 2, 2), ("Row", 3, 3), ("Row", 4, 4), ("Row", 5, 5)]
    assert found[2].cells == ["3", "quoted"]


def test_an_unclosed_quote_does_not_swallow_the_rest_of_a_long_file():
    found = rows('a,b\n1,"open\n' + "".join(f"{n},fine\n" for n in range(1000)))
    assert [row.line for row in found if isinstance(row, BadRow)] == [2]
    assert len(found) == 1001


def test_a_quoted_cell_with_line_breaks_is_one_row():
    assert places(rows('a,b\n1,"two\nlines"\n2,x\n')) == [("Row", 2, 3), ("Row", 4, 4)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(end):
    assert [row.cells for row in rows(end.join(["a,b", "1,x", "2,y", ""]))] == [["1", "x"], ["2", "y"]]


def test_a_last_row_without_line_break_is_cut_off_unless_the_layout_says_that_it_is_usual():
    text = "a,b\n1,x\n2,12"
    good, cut = rows(text)
    assert (good.cells, cut.cut) == (["1", "x"], True)
    assert [row.cells for row in rows(text, Format(ends_with_line_break=False))] == [["1", "x"], ["2", "12"]]


def test_columns_without_a_name_are_called_by_their_place():
    table = Table(io.BytesIO(b"a,,\n1,x,y\n"), Format())
    assert table.columns == ("a", "column 2", "column 3")


def test_blank_rows_are_passed_over_and_still_counted():
    assert places(rows("a,b\n\n ,\n1,x\n")) == [("Row", 4, 4)]


def test_without_quotes_a_tab_separated_file_may_hold_any_quote():
    found = rows('a\tb\n1\t5" nail\n2\t"x\n', Format(delimiter="\t", quote=None))
    assert [row.cells for row in found] == [["1", '5" nail'], ["2", '"x']]


def test_columns_may_be_known_by_position():
    table = Table(io.BytesIO(b"made by hand\n1;x\n"), Format(delimiter=";", header=False, names=("a", "b"), skip=1))
    assert table.columns == ("a", "b")
    assert [row.cells for row in table] == [["1", "x"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "iso-8859-15"])
def test_every_usual_encoding_is_read(encoding):
    assert rows("a,b\n1,grün\n", Format(encoding=encoding))[0].cells == ["1", "grün"]


def test_the_wrong_encoding_is_named_with_its_byte():
    bad = rows("a,b\n1,grün\n".encode("cp1252"))[0]
    assert "utf-8 (byte 0xFC)" in bad.what
    assert bad.raw == "1,gr?n"


@pytest.mark.parametrize(
    ("text", "format", "words"),
    [
        ("", Format(), "empty"),
        ("a\nb\n", Format(skip=3), "ends within the 3 lines"),
        ("a,a\n", Format(), "“a” more than once"),
        ("a,b\n", Format(encoding="klingon"), "“klingon”|'klingon'"),
    ],
)
def test_what_is_no_table_raises_in_plain_words(text, format, words):
    with pytest.raises(TableError, match=words):
        list(Table(io.BytesIO(text.encode()), format))


@pytest.mark.parametrize(
    ("test", "value", "cell", "applies"),
    [
        ("equals", "x", " x ", True),
        ("starts", "T", "Total", True),
        ("ends", "l", "Total", True),
        ("contains", "ot", "Total", True),
        ("blank", "", "  ", True),
        ("not_blank", "", "  ", False),
        ("equals", "x", "xy", False),
    ],
)
def test_rows_are_left_out_by_a_test_on_one_cell(test, value, cell, applies):
    assert LeaveOut(column="a", test=test, value=value, because="not wanted").applies(cell) is applies
