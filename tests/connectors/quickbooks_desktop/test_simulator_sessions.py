"""Message sets, iterators and sessions of the simulated QuickBooks Desktop, and how it misbehaves."""

from __future__ import annotations

import pytest

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.simulation.simulator import ConnectionCut
from tests.connectors.quickbooks_desktop.simulated import Books, code, document, line, plain

ADD = "<CustomerAddRq requestID='{0}'><CustomerAdd><Name>{0}</Name></CustomerAdd></CustomerAddRq>"


@pytest.fixture
def books() -> Books:
    return Books(QuickBooksDesktop(currency="GBP"))


def page(books: Books, id: str = "", *, most: int = 2) -> tuple[list[str], str, int]:
    """Names of the next page, the iterator, and how many are left."""
    step = f'iterator="Continue" iteratorID="{id}"' if id else 'iterator="Start"'
    answer = books.ask(f"<CustomerQueryRq {step}><MaxReturned>{most}</MaxReturned></CustomerQueryRq>")
    names = [plain(each)["Name"] for each in answer]
    return names, str(answer.get("iteratorID")), int(answer.get("iteratorRemainingCount", "-1"))


def test_an_iterator_gives_everything_once(books: Books) -> None:
    books.answers(*(ADD.format(name) for name in "ABCDE"))
    names, id, left = page(books)
    found = [*names]
    while left:
        names, id, left = page(books, id)
        found += names
    assert found == list("ABCDE")


def test_an_iterator_dies_with_its_session(books: Books) -> None:
    books.answers(*(ADD.format(name) for name in "ABC"))
    _, id, left = page(books)
    assert left == 1
    books.program.end_session()
    books.program.begin_session()
    assert (
        books.status(
            f'<CustomerQueryRq iterator="Continue" iteratorID="{id}"><MaxReturned>2</MaxReturned></CustomerQueryRq>'
        )
        == 3000
    )


def test_what_is_deleted_while_an_iterator_runs_is_left_out(books: Books) -> None:
    made = [plain(each[0]) for each in books.answers(*(ADD.format(name) for name in "ABC"))]
    _, id, _ = page(books)
    books.program.by_hand(
        document(f"<ListDelRq><ListDelType>Customer</ListDelType><ListID>{made[2]['ListID']}</ListID></ListDelRq>")
    )
    assert page(books, id)[0] == []


def test_an_iterator_needs_to_know_how_many(books: Books) -> None:
    assert books.status('<CustomerQueryRq iterator="Start"/>') == 3150


@pytest.mark.parametrize(
    ("how", "codes", "names"),
    [
        ("stopOnError", [0, 3100, 3231], {"A"}),
        ("continueOnError", [0, 3100, 0], {"A", "B"}),
        ("rollbackOnError", [3231, 3100, 3231], set()),
    ],
)
def test_what_happens_after_an_error_is_chosen(books: Books, how: str, codes: list[int], names: set[str]) -> None:
    books.customer("Taken")
    answers = books.answers(ADD.format("A"), ADD.format("Taken"), ADD.format("B"), attributes=f'onError="{how}"')
    assert [code(each) for each in answers] == codes
    assert [each.get("requestID") for each in answers] == ["A", "Taken", "B"]
    assert {each["Name"] for each in books.program.documents("Customer")} == names | {"Taken"}
    assert books.program.journal.counts().get("create Customer", 0) == 1 + len(names)


def test_a_refused_request_leaves_nothing_behind(books: Books) -> None:
    books.customer("Okafor Garden")
    books.item()
    bad = line() + "<InvoiceLineAdd><ItemRef><FullName>Nothing</FullName></ItemRef></InvoiceLineAdd>"
    inside = f"<CustomerRef><FullName>Okafor Garden</FullName></CustomerRef>{bad}"
    assert books.status(f"<InvoiceAddRq><InvoiceAdd>{inside}</InvoiceAdd></InvoiceAddRq>") == 3140
    assert books.program.documents("Invoice") == []
    assert books.program.trial()["accounts"] == {}


def test_a_set_that_ran_is_told_again_and_not_run_again(books: Books) -> None:
    first = books.answers(ADD.format("A"), attributes='onError="stopOnError" newMessageSetID="s1"')
    made = plain(first[0][0])
    for again in (
        books.answers(attributes='onError="stopOnError" newMessageSetID="s1" oldMessageSetID="s1"'),
        books.answers(ADD.format("A"), attributes='onError="stopOnError" newMessageSetID="s1"'),
    ):
        (answer,) = again
        assert (answer.tag, answer.get("requestID"), code(answer)) == ("CustomerAddRs", "A", 0)
        assert plain(answer[-1]) == {"ListID": made["ListID"], "EditSequence": made["EditSequence"]}
    assert len(books.program.documents("Customer")) == 1


def test_a_set_that_never_ran_has_nothing_to_tell(books: Books) -> None:
    sent = document("", 'onError="stopOnError" newMessageSetID="s9" oldMessageSetID="s9"')
    assert 'messageSetStatusCode="600"' in books.program.process(sent).response


def test_a_forgotten_set_can_run_again(books: Books) -> None:
    books.answers(ADD.format("A"), attributes='onError="stopOnError" newMessageSetID="s1"')
    books.answers(attributes='onError="stopOnError" oldMessageSetID="s1"')
    (answer,) = books.answers(ADD.format("A"), attributes='onError="stopOnError" newMessageSetID="s1"')
    assert code(answer) == 3100


def test_a_lost_answer_was_done_all_the_same(books: Books) -> None:
    books.program.drop_reply_after_next_write()
    assert books.status("<CustomerQueryRq/>") == 1
    with pytest.raises(ConnectionCut):
        books.program.process(document(ADD.format("A")))
    assert [each["Name"] for each in books.program.documents("Customer")] == ["A"]
    assert books.program.journal.calls(wrote=True)[-1].status == 0


@pytest.mark.parametrize("before", [True, False])
def test_an_hresult_leaves_the_books_untouched_or_not(books: Books, before: bool) -> None:
    books.program.fail_hresult("0x80040401", before_write=before, on="write")
    done = books.program.process(document(ADD.format("A")))
    assert (done.response, done.hresult) == ("", "0x80040401")
    assert len(books.program.documents("Customer")) == (0 if before else 1)


def test_no_session_begins_while_quickbooks_is_closed(books: Books) -> None:
    books.program.close_quickbooks()
    refused = books.program.begin_session()
    assert refused is not None
    assert refused.hresult == "0x80040416"
    books.program.open_quickbooks()
    assert books.program.begin_session() is None


def test_another_company_file_holds_other_books(books: Books) -> None:
    books.customer("A")
    books.program.open_file()
    assert books.status("<CustomerQueryRq/>") == 1
    assert books.ret("<CompanyQueryRq/>")["CompanyName"] == "Marlow Studio LLC"


def test_an_edit_by_hand_makes_a_record_stale(books: Books) -> None:
    made = books.customer("A")
    books.program.change("Customer", made["ListID"], {"Phone": "555-0199"})
    mod = (
        f"<CustomerModRq><CustomerMod><ListID>{made['ListID']}</ListID><EditSequence>{made['EditSequence']}</EditSequence>"
        "<Phone>1</Phone></CustomerMod></CustomerModRq>"
    )
    assert books.status(mod) == 3200
    assert books.program.journal.calls()[-2].method == "HAND"
