"""The simulated QuickBooks beside what was recorded from a real one: the same words, in the same form."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from tests.connectors.quickbooks_desktop.simulated import SPECS, Books, needs_contract

pytestmark = needs_contract


@pytest.fixture
def books() -> Books:
    return Books(QuickBooksDesktop())


def recorded(name: str) -> Any:
    """The answers of a recording."""
    return etree.parse(str(SPECS / "recorded" / f"{name}.xml")).getroot()[0]


def test_an_id_that_is_not_there_is_told_in_the_same_words(books: Books) -> None:
    (theirs,) = recorded("customer_query_rs_error_3120")
    ours = books.ask("<CustomerQueryRq><ListID>8000001B-1405768916</ListID></CustomerQueryRq>")
    assert dict(ours.attrib) == dict(theirs.attrib)


def test_a_name_that_is_not_there_is_told_in_the_same_words(books: Books) -> None:
    (theirs,) = recorded("customer_query_rs_warn_500")
    ours = books.ask("<CustomerQueryRq><FullName>bleech</FullName></CustomerQueryRq>")
    assert dict(ours.attrib) == dict(theirs.attrib)


def test_a_new_customer_is_told_with_the_same_members(books: Books) -> None:
    (theirs,) = recorded("customer_add_rs")
    ours = books.ask(
        "<CustomerAddRq><CustomerAdd><Name>mrjoecustomer</Name><CompanyName>Joes Garage</CompanyName><Salutation>Mr</Salutation>"
        "<FirstName>Joe</FirstName><LastName>Customer</LastName><BillAddress><Addr1>123 Main St.</Addr1><City>Mountain View</City>"
        "<State>CA</State><PostalCode>94566</PostalCode></BillAddress><Email>customer@example.com</Email>"
        "<AccountNumber>89087</AccountNumber><CreditLimit>2000</CreditLimit></CustomerAdd></CustomerAddRq>"
    )
    assert dict(ours.attrib) == dict(theirs.attrib)
    made_anew = ("ListID", "TimeCreated", "TimeModified", "EditSequence")
    told = {each.tag: each.text for each in ours[0]}
    for each in theirs[0]:
        assert each.tag in told
        assert each.tag in made_anew or len(each) or told[each.tag] == each.text


def test_the_end_of_an_iterator_is_told_with_the_same_attributes(books: Books) -> None:
    (theirs,) = recorded("item_query_rs_iterator_end")
    ours = books.ask(
        '<ItemQueryRq requestID="Retrieve items" iterator="Start"><MaxReturned>100</MaxReturned></ItemQueryRq>'
    )
    assert set(ours.attrib) == set(theirs.attrib)
    assert ours.get("iteratorRemainingCount") == "0"


@pytest.mark.parametrize("name", ["HostQuery", "CompanyQuery", "PreferencesQuery"])
def test_what_is_told_of_host_and_company_was_told_by_a_real_one_too(books: Books, name: str) -> None:
    theirs = recorded("host_company_preferences_rs").find(f"{name}Rs")[0]
    ours = books.ask(f"<{name}Rq/>")[0]
    ours_only = {each.tag for each in ours} - {each.tag for each in theirs}
    assert ours_only <= {"SalesTaxPreferences"}  # the recorded company collects none
