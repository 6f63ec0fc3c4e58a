"""Every fault of QuickBooks Online takes its branch of our error tree, in words that a bookkeeper understands."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.connectors.quickbooks_online.faults import MEANINGS, body_of, error_of
from integrations.wire.errors import (
    ConsentLost,
    ContractBroken,
    Duplicate,
    Forbidden,
    Missing,
    PeriodClosed,
    Refused,
    Stale,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer
from tests.connectors.quickbooks_online import oracle
from tests.connectors.quickbooks_online.made import answer


def fault(code: str, message: str = "Words", kind: str = "ValidationFault") -> dict[str, Any]:
    return {"Error": [{"Message": message, "Detail": f"{message}: more words", "code": code}], "type": kind}


def raised(said: Answer) -> VendorError:
    with pytest.raises(VendorError) as error:
        body_of(said)
    return error.value


@oracle.needs_specs
@pytest.mark.parametrize(
    ("recording", "place", "branch"),
    [
        ("error_400", 0, Refused),
        ("error_400_json", 0, Refused),
        ("error_401", 0, ConsentLost),
        ("error_500", 0, Refused),
        ("error_500", 1, Refused),
        ("error_tax_service_duplicate", 0, Duplicate),
        ("error_validation", 0, Duplicate),
    ],
)
def test_a_recorded_fault_takes_its_branch(recording: str, place: int, branch: type[VendorError]) -> None:
    _, said = list(oracle.answers_of(recording))[place]
    error = raised(said)
    assert type(error) is branch
    assert error.words
    assert error.explanation


@oracle.needs_specs
@pytest.mark.parametrize("name", oracle.recordings())
def test_no_recorded_answer_is_taken_for_what_it_is_not(name: str) -> None:
    for _, said in oracle.answers_of(name):
        if said.status == 200:
            assert body_of(said)
        else:
            assert raised(said).code


@pytest.mark.parametrize(
    ("code", "branch"),
    [
        ("5010", Stale),
        ("6240", Duplicate),
        ("6140", Duplicate),
        ("610", Missing),
        ("2500", Missing),
        ("6190", Forbidden),
        ("5030", Forbidden),
        ("3200", ConsentLost),
        ("3001", TryLater),
        ("10000", TryLater),
        ("600", TryLater),
        ("6200", PeriodClosed),
        ("6000", Refused),
    ],
)
def test_a_known_code_takes_its_branch(code: str, branch: type[VendorError]) -> None:
    assert type(error_of(fault(code))) is branch


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_every_known_code_is_explained_with_advice(code: str) -> None:
    error = error_of(fault(code))
    assert error.code == code
    assert error.explanation.endswith(".")
    assert error.advice.endswith(".")


def test_closed_books_are_explained_with_the_way_out() -> None:
    error = error_of(fault("6210"))
    assert "closed" in error.explanation
    assert "closing date" in error.advice


def test_a_throttle_waits_a_minute_and_has_done_nothing() -> None:
    error = raised(answer({"Fault": fault("3001", "ThrottleExceeded", "SERVICE")}, 403))
    assert isinstance(error, TryLater)
    assert (error.retry_after, error.may_have_acted) == (60.0, False)


def test_a_failure_of_theirs_may_have_acted() -> None:
    for said in (answer({"Fault": fault("10000", kind="SystemFault")}, 500), Answer(status=503, body=b"busy")):
        error = raised(said)
        assert isinstance(error, TryLater)
        assert error.may_have_acted


def test_a_repeated_request_id_is_looked_up_before_anything_is_sent_again() -> None:
    assert error_of(fault("600")).may_have_acted


def test_a_fault_with_status_200_is_a_fault() -> None:
    assert isinstance(raised(answer({"Fault": fault("5010"), "time": "-"})), Stale)


def test_a_duplicate_number_is_known_by_its_message_where_the_code_is_an_old_one() -> None:
    assert isinstance(error_of(fault("6999", "Duplicate Document Number Error")), Duplicate)


def test_an_unknown_code_takes_the_branch_of_its_type() -> None:
    assert isinstance(error_of(fault("9999", kind="AuthorizatonFault")), Forbidden)
    assert isinstance(error_of(fault("9999", kind="SystemFault")), TryLater)
    assert type(error_of(fault("9999"))) is Refused


def test_a_web_page_with_status_200_breaks_the_contract() -> None:
    page = Answer(status=200, headers={"Content-Type": "text/html"}, body=b"<html><title>Sign in</title></html>")
    assert isinstance(raised(page), ContractBroken)


def test_a_web_page_from_a_gateway_that_is_down_is_tried_again() -> None:
    page = Answer(status=502, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    assert isinstance(raised(page), TryLater)


def test_a_401_without_json_asks_for_a_new_connection() -> None:
    assert isinstance(raised(Answer(status=401, body=b"<IntuitResponse/>")), ConsentLost)


def test_an_array_is_no_answer() -> None:
    assert isinstance(raised(answer([1])), ContractBroken)
