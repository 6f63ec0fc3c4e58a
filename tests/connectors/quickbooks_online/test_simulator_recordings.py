"""The vendor's recorded conversations, held again with the simulator: same status, same members, same values, same codes."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.connectors.quickbooks_online.simulator.company import Settings
from integrations.connectors.quickbooks_online.simulator.entities import ENTITIES
from integrations.simulation.clock import Clock
from integrations.simulation.store import from_json

from . import contract
from .judged import Caller

pytestmark = contract.needs_contract

REALM = "1185883450"
# What the simulator cannot know or need not repeat: ids and moments of the vendor's own, and where a place lies.
_VOLATILE = {"CreateTime", "LastUpdatedTime", "time", "Lat", "Long", "TempDownloadUri", "FileAccessUri"}


def conversation(name: str) -> list[dict[str, Any]]:
    """The recorded requests and answers of one file."""
    return from_json((contract.SPECS / "recorded" / "json" / f"{name}.json").read_text())


def company_as_recorded(calls: list[dict[str, Any]]) -> Caller:
    """A company at the time of the recording, with what the recordings presuppose and nothing else."""
    at = parsedate_to_datetime(calls[0]["response"]["headers"]["Date"])
    vendor = QuickBooksOnline(clock=Clock(at=at), limits=0)
    accounts = {"receivable": "82", "tax": "82", "income": "82", "undeposited": "4"}
    settings = Settings(
        name="Recorded",
        country="US",
        currency="USD",
        zone="America/Los_Angeles",
        custom_fields=["Crew #"],
        default_tax_code="2",
        cdc_days=None,  # recorded before the vendor looked back thirty days only
        accounts=accounts,
    )
    company = vendor.add_company(REALM, settings)
    sales = {"value": "82", "name": "Sales"}
    for kind, body in (
        ("TaxCode", {"Id": "2", "Name": "California"}),
        ("TaxCode", {"Id": "NON", "Name": "NON"}),
        ("Account", {"Id": "82", "Name": "Sales", "AccountType": "Income", "Classification": "Revenue"}),
        (
            "Account",
            {"Id": "4", "Name": "Undeposited Funds", "AccountType": "Other Current Asset", "Classification": "Asset"},
        ),
        ("Item", {"Id": "1", "Name": "Services", "Type": "Service", "Taxable": False, "IncomeAccountRef": sales}),
        ("Item", {"Id": "4", "Name": "Design", "Type": "Service", "Taxable": False, "IncomeAccountRef": sales}),
    ):
        company.adopt(ENTITIES[kind], {**body, "FullyQualifiedName": body["Name"]})
    return Caller(vendor, REALM)


def presuppose(caller: Caller, kind: str, *bodies: dict[str, Any]) -> None:
    """Puts entities into the books as the recording shows them."""
    for body in bodies:
        caller.vendor.company(REALM).adopt(ENTITIES[kind], body)


def listed(call: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The entities in a recorded answer to a query."""
    return call["response"]["body"]["QueryResponse"].get(kind, [])


def hold(caller: Caller, call: dict[str, Any]) -> tuple[int, Any]:
    """Sends a recorded request."""
    path = call["request"]["uri"].partition("{realmId}/")[2]
    kind = call["request"]["headers"]["Content-Type"]
    return caller.ask(call["request"]["method"], path, call["request"]["body"], **{"Content-Type": kind})


def differences(recorded: Any, answered: Any, path: str = "") -> list[str]:
    """Where an answer has other members or other values than the recorded one."""
    name = path.rpartition(".")[2]
    if name in _VOLATILE:
        return []
    if isinstance(recorded, dict) and isinstance(answered, dict):
        found = [f"{path}.{key} is missing" for key in recorded.keys() - answered.keys() - _VOLATILE]
        found += [f"{path}.{key} is too much" for key in answered.keys() - recorded.keys() - _VOLATILE]
        for key in recorded.keys() & answered.keys():
            found += differences(recorded[key], answered[key], f"{path}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            return [f"{path} has {len(answered)} members instead of {len(recorded)}"]
        return [
            problem
            for i, pair in enumerate(zip(recorded, answered, strict=True))
            for problem in differences(*pair, f"{path}[{i}]")
        ]
    return [] if recorded == answered else [f"{path} is {answered!r} instead of {recorded!r}"]


def replay(caller: Caller, calls: list[dict[str, Any]]) -> list[str]:
    """Holds the whole conversation and names every difference."""
    found = []
    for call in calls:
        status, answer = hold(caller, call)
        if status != call["response"]["status"]:
            found.append(f"status {status} instead of {call['response']['status']}: {answer}")
        found += differences(call["response"]["body"], answer)
    return found


def test_a_customer_is_created_as_recorded() -> None:
    calls = conversation("create_customer")
    caller = company_as_recorded(calls)
    caller.vendor.store.raise_counter(f"{REALM} name", 69)
    assert replay(caller, calls) == []


def test_a_taken_name_is_refused_as_recorded() -> None:
    calls = conversation("error_validation")
    caller = company_as_recorded(calls)
    caller.make("Vendor", DisplayName="weiskopf consulting")
    assert replay(caller, calls) == []


def test_a_customer_is_changed_without_sparse_as_recorded() -> None:
    calls = conversation("update_customer")
    caller = company_as_recorded(calls)
    presuppose(caller, "Customer", calls[0]["response"]["body"]["Customer"])
    assert replay(caller, calls) == []


def test_an_invoice_is_created_as_recorded() -> None:
    calls = conversation("create_invoice")
    caller = company_as_recorded(calls)
    presuppose(caller, "Customer", amy())
    caller.vendor.store.raise_counter(f"{REALM} transaction", 265)
    caller.vendor.store.raise_counter(f"{REALM} number sales", 1042)
    assert replay(caller, calls) == []


def test_an_invoice_is_voided_as_recorded() -> None:
    calls = conversation("void_invoice")
    caller = company_as_recorded(calls)
    presuppose(caller, "Customer", amy())
    presuppose(caller, "Invoice", calls[0]["response"]["body"]["Invoice"])
    assert replay(caller, calls) == []


def test_an_invoice_is_deleted_as_recorded() -> None:
    calls = conversation("delete_invoice")
    caller = company_as_recorded(calls)
    presuppose(caller, "Customer", amy())
    presuppose(caller, "Invoice", calls[0]["response"]["body"]["Invoice"])
    assert replay(caller, calls) == []


def test_a_sales_receipt_gets_new_line_ids_when_its_lines_are_sent_without_as_recorded() -> None:
    calls = conversation("update_sales_receipt")
    caller = company_as_recorded(calls)
    presuppose(caller, "SalesReceipt", calls[0]["response"]["body"]["SalesReceipt"])
    assert replay(caller, calls) == []


def test_an_inactive_account_keeps_its_suffix_and_version_as_recorded() -> None:
    calls = conversation("deactivate_account")
    caller = company_as_recorded(calls)
    presuppose(caller, "Account", calls[0]["response"]["body"]["Account"])
    assert replay(caller, calls) == []


def test_a_batch_answers_item_by_item_as_recorded() -> None:
    calls = conversation("batch_basic")
    caller = company_as_recorded(calls)
    presuppose(
        caller, "SalesReceipt", *calls[0]["response"]["body"]["BatchItemResponse"][3]["QueryResponse"]["SalesReceipt"]
    )
    caller.vendor.store.raise_counter(f"{REALM} name", 70)
    assert replay(caller, calls) == []


def test_changes_are_captured_as_recorded() -> None:
    calls = conversation("cdc_basic")
    caller = company_as_recorded(calls)
    presuppose(caller, "Estimate", *calls[0]["response"]["body"]["CDCResponse"][0]["QueryResponse"][0]["Estimate"])
    assert sorted(replay(caller, calls)) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("all_customers", "Customer"),
        ("all_vendors_by_5", "Vendor"),
        ("all_sales_receipts", "SalesReceipt"),
        ("all_alt_select", "Customer"),
        ("get_display_name", "Customer"),
        ("get_inactive_vendors", "Vendor"),
        ("misc_ampersand", "Vendor"),
    ],
)
def test_queries_are_answered_as_recorded(name: str, kind: str) -> None:
    calls = conversation(name)
    caller = company_as_recorded(calls)
    for call in calls:
        presuppose(caller, kind, *listed(call, kind))
    assert replay(caller, calls) == []


def test_a_document_is_read_as_recorded() -> None:
    calls = conversation("get_id")
    caller = company_as_recorded(calls)
    presuppose(caller, "Customer", calls[0]["response"]["body"]["Customer"])
    assert replay(caller, calls) == []


@pytest.mark.parametrize("name", ["error_400", "error_500"])
def test_what_the_vendor_does_not_understand_is_refused_as_recorded(name: str) -> None:
    calls = conversation(name)
    assert codes(company_as_recorded(calls), calls) == [
        (call["response"]["status"], call["response"]["body"]["Fault"]["Error"][0]["code"]) for call in calls
    ]


def test_an_unknown_property_is_refused_in_the_recorded_words() -> None:
    calls = conversation("error_400_json")
    status, answer = hold(company_as_recorded(calls), calls[0])
    (error,) = answer["Fault"]["Error"]
    (recorded,) = calls[0]["response"]["body"]["Fault"]["Error"]
    assert (status, error["code"], error["Message"]) == (400, recorded["code"], recorded["Message"])
    assert error["Detail"].partition("(")[0] == recorded["Detail"].partition("(")[0]


def test_an_expired_token_is_refused_in_the_recorded_envelope() -> None:
    calls = conversation("error_401")
    caller = company_as_recorded(calls)
    caller.vendor.expire_tokens()
    assert replay(caller, calls) == []


def test_a_taken_tax_rate_is_refused_as_recorded() -> None:
    recorded = conversation("error_tax_service_duplicate")
    caller = Caller(QuickBooksOnline(limits=0))
    rate = {"TaxRateName": "california", "RateValue": 7, "TaxAgencyId": "1", "TaxApplicableOn": "Sales"}
    status, answer = caller.ask("POST", "taxservice/taxcode", {"TaxCode": "Another", "TaxRateDetails": [rate]})
    assert status == 400
    assert differences(recorded, answer) == []


def test_attachments_go_up_come_down_and_go_away_as_recorded() -> None:
    created, read, refused, deleted = (
        conversation(f"attachment_{name}")[0]
        for name in ("create_for_invoice", "read_attachment", "error_estimate", "delete_attachment")
    )
    caller = company_as_recorded([created])
    presuppose(caller, "Invoice", {"Id": "75"})
    caller.vendor.store.raise_counter(f"{REALM} attachable", 5000000000000503623)
    assert replay(caller, [created, read, refused, deleted]) == []


def amy() -> dict[str, Any]:
    """The customer whom most recordings bill."""
    return next(customer for customer in listed(conversation("all_customers")[1], "Customer") if customer["Id"] == "1")


def codes(caller: Caller, calls: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Status and code of every refusal."""
    answers = [hold(caller, call) for call in calls]
    return [(status, answer["Fault"]["Error"][0]["code"]) for status, answer in answers]
