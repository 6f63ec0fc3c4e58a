"""What became of a write: QuickBooks' codes and severities on our tree of errors, and look-ups after a lost answer."""

from __future__ import annotations

import pytest

from integrations.connectors.quickbooks_desktop.quirks import guid_of
from integrations.wire.connector import Done, Failed, Outcome
from integrations.wire.errors import (
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
from tests.connectors.quickbooks_desktop.made import DIALECT, KEY, STREAMS, US, answer, create, customer, invoice, told

HEAD = (
    "<TimeCreated>2026-09-14T10:31:02-05:00</TimeCreated><TimeModified>2026-09-14T10:31:02-05:00</TimeModified>"
    "<EditSequence>7</EditSequence>"
)
MADE = f"<CustomerRet><ListID>8000001B-1</ListID>{HEAD}<Name>Okafor</Name></CustomerRet>"


def outcomes(*inside: str, keys: tuple[str, ...] = (KEY,)) -> list[Outcome]:
    writes = [create(customer(), key=key) for key in keys]
    return DIALECT.outcomes(STREAMS["customer"], writes, answer(*inside), US)


def error_of(code: int, words: str = "made up") -> VendorError:
    (outcome,) = outcomes(told("CustomerAdd", KEY, code=code, words=words))
    assert isinstance(outcome, Failed)
    return outcome.error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (3000, Missing),
        (3120, Missing),
        (3140, Missing),
        (3100, Duplicate),
        (3200, Stale),
        (3150, Refused),
        (3161, PeriodClosed),
        (3170, TryLater),
        (3175, TryLater),
        (3176, TryLater),
        (3180, TryLater),
        (3210, Refused),
        (3231, TryLater),
        (3250, Forbidden),
        (3260, Forbidden),
        (3261, Forbidden),
        (3999, Refused),
    ],
)
def test_every_code_has_its_place_on_the_tree(code: int, error: type[VendorError]) -> None:
    found = error_of(code, "in QuickBooks' words")
    assert type(found) is error
    assert found.words == "in QuickBooks' words"
    assert not found.may_have_acted


def test_a_closed_period_is_for_a_person_whatever_its_code() -> None:
    assert type(error_of(3180, "The date is before the closing date of the company")) is PeriodClosed


def test_an_internal_error_may_have_done_it() -> None:
    with pytest.raises(TryLater) as raised:
        outcomes(told("CustomerAdd", KEY, code=1000))
    assert raised.value.may_have_acted


@pytest.mark.parametrize("code", [0, 530, 550])
def test_a_warning_with_the_record_is_done(code: int) -> None:
    (outcome,) = outcomes(told("CustomerAdd", KEY, code=code, inside=MADE))
    assert isinstance(outcome, Done)
    assert (outcome.external_id, outcome.version) == ("8000001B-1", "7")


def test_saved_but_not_shown_is_looked_up() -> None:
    with pytest.raises(TryLater) as raised:
        outcomes(told("CustomerAdd", KEY, code=510))
    assert raised.value.may_have_acted


def test_a_write_without_an_answer_is_looked_up() -> None:
    with pytest.raises(ContractBroken) as raised:
        outcomes(told("CustomerAdd", KEY, inside=MADE), keys=(KEY, "f" * 32))
    assert raised.value.may_have_acted


def test_answers_are_told_apart_by_their_ids() -> None:
    second = "f" * 32
    found = outcomes(told("CustomerAdd", second, code=3100), told("CustomerAdd", KEY, inside=MADE), keys=(KEY, second))
    assert isinstance(found[0], Done)
    assert isinstance(found[1], Failed)


# --- after a lost answer ---------------------------------------------------------------------------------------------


def _invoice(guid: str = "", *, number: str = "536365", id: str = "5D21-1") -> str:
    mark = f"<ExternalGUID>{guid}</ExternalGUID>" if guid else ""
    return (
        f"<InvoiceRet><TxnID>{id}</TxnID>{HEAD}<CustomerRef><ListID>8000001B-1</ListID></CustomerRef>"
        f"<TxnDate>2026-09-14</TxnDate><RefNumber>{number}</RefNumber><Subtotal>21.00</Subtotal>{mark}</InvoiceRet>"
    )


def found(*rows: str, number: str | None = "536365", code: int = 0) -> Outcome | None:
    write = create(invoice(number=number))
    inside = told("InvoiceQuery", KEY, code=code, inside="".join(rows))
    (outcome,) = DIALECT.found(STREAMS["invoice"], [write], answer(inside), US)
    return outcome


def test_ours_is_known_by_its_guid_among_others_with_its_number() -> None:
    outcome = found(_invoice(guid_of("another")), _invoice(guid_of(KEY).lower(), id="5D22-1"))
    assert isinstance(outcome, Done)
    assert outcome.external_id == "5D22-1"


@pytest.mark.parametrize("guid", ["", guid_of("another")])
def test_somebody_elses_with_our_number_is_a_duplicate(guid: str) -> None:
    outcome = found(_invoice(guid))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, Duplicate)


@pytest.mark.parametrize("code", [1, 500, 3120])
def test_nothing_there_is_nothing_done(code: int) -> None:
    assert found(code=code) is None


def test_others_of_the_same_day_are_no_duplicates_of_one_without_a_number() -> None:
    assert found(_invoice(guid_of("another")), number=None) is None


def test_a_look_up_that_fails_tells_nothing() -> None:
    with pytest.raises(TryLater):
        found(code=3175)


def test_the_guid_of_a_key_is_always_the_same_and_a_guid() -> None:
    assert guid_of(KEY) == guid_of(KEY)
    assert guid_of(KEY) != guid_of("another")
    assert len(guid_of(KEY)) == 38
