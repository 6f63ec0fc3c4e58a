"""Every fault of Odoo takes its branch of our error tree, by the name of its exception and never by its text."""

from __future__ import annotations

import pytest

from integrations.connectors.odoo.faults import MEANINGS, result_of
from integrations.wire.errors import (
    BadAddress,
    ConsentLost,
    ContractBroken,
    Forbidden,
    Missing,
    Refused,
    TryLater,
    VendorError,
)
from integrations.wire.message import Answer
from tests.connectors.odoo import made


def raised(answer: Answer) -> VendorError:
    with pytest.raises(VendorError) as error:
        result_of(answer)
    return error.value


@pytest.mark.parametrize(
    ("name", "branch"),
    [
        ("odoo.exceptions.AccessDenied", ConsentLost),
        ("odoo.exceptions.AccessError", Forbidden),
        ("odoo.exceptions.MissingError", Missing),
        ("odoo.exceptions.UserError", Refused),
        ("odoo.exceptions.RedirectWarning", Refused),
        ("odoo.exceptions.ValidationError", Refused),
        ("builtins.ValueError", Refused),
        ("psycopg2.errors.SerializationFailure", TryLater),
        ("psycopg2.OperationalError", Forbidden),
        ("some.module.Surprise", Refused),
    ],
)
def test_a_fault_takes_its_branch(name: str, branch: type[VendorError]) -> None:
    error = raised(made.fault(name, "Le mot du serveur"))
    assert type(error) is branch
    assert (error.code, error.words) == (name, "Le mot du serveur")
    assert not error.may_have_acted


@pytest.mark.parametrize("name", sorted(MEANINGS))
def test_every_known_fault_is_explained_with_advice(name: str) -> None:
    error = raised(made.fault(name))
    assert error.explanation.endswith(".")
    assert error.advice.endswith(".")


def test_an_answer_without_a_result_is_a_success_of_a_method_that_returns_nothing() -> None:
    assert result_of(made.nothing()) is None
    assert result_of(made.answer(False)) is False


def test_a_traceback_is_not_shown() -> None:
    assert "Traceback" not in str(raised(made.fault("builtins.ValueError", "Invalid field 'nope'")))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_server_behind_a_proxy_that_is_down_may_have_acted(status: int) -> None:
    error = raised(Answer(status=status, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>"))
    assert isinstance(error, TryLater)
    assert error.may_have_acted


def test_a_wrong_address_is_not_taken_for_a_missing_record() -> None:
    assert isinstance(raised(Answer(status=404, body=b"<html>Not Found</html>")), BadAddress)


def test_a_throttle_has_done_nothing() -> None:
    error = raised(Answer(status=429, headers={"Retry-After": "7"}, body=b""))
    assert isinstance(error, TryLater)
    assert (error.retry_after, error.may_have_acted) == (7.0, False)


def test_a_page_for_people_is_no_answer() -> None:
    page = Answer(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>")
    assert isinstance(raised(page), ContractBroken)
    assert isinstance(raised(made.said([1])), ContractBroken)
