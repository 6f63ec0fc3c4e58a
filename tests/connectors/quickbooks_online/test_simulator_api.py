"""The simulated API around the books: queries, batches, captured changes, request ids, tokens, limits, addresses."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from werkzeug.test import Client

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.simulation.clock import Clock
from integrations.simulation.store import from_json

from .judged import Caller, item_line

START = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def us() -> Caller:
    return Caller(QuickBooksOnline(clock=Clock(at=START), limits=0))


@pytest.fixture
def ann(us: Caller) -> dict[str, str]:
    return {"value": us.make("Customer", DisplayName="Ann", CompanyName="Ann's 1%")["Id"]}


def names(answer: dict[str, Any]) -> list[str]:
    return [body["DisplayName"] for body in answer.get("Customer", [])]


# queries


def test_a_query_filters_sorts_and_pages(us: Caller) -> None:
    for name in ("Carl", "ann", "Bea", "Dora"):
        us.make("Customer", DisplayName=name)
    assert names(us.query("select * from Customer")) == ["Bea", "Carl", "Dora", "ann"]
    assert names(us.query("SELECT * FROM customer WHERE DisplayName LIKE '%a%' ORDER BY DisplayName DESC")) == [
        "ann",
        "Dora",
        "Carl",
        "Bea",
    ]
    assert names(us.query("select * from Customer where DisplayName in ('Bea', 'Dora') and Active = true")) == [
        "Bea",
        "Dora",
    ]
    page = us.query("select Id, DisplayName from Customer orderby Id startposition 2 maxresults 2")
    assert (names(page), page["startPosition"], page["maxResults"]) == (["ann", "Bea"], 2, 2)
    assert us.query("select * from Customer startposition 5") == {}
    assert us.query("select count(*) from Customer where DisplayName > 'C'") == {"totalCount": 3}


def test_a_projection_shows_only_what_was_asked(us: Caller, ann: dict[str, str]) -> None:
    (found,) = us.query("select Id, MetaData.LastUpdatedTime from Customer")["Customer"]
    assert set(found) == {"Id", "MetaData", "domain", "sparse"}


def test_quotes_are_escaped_and_percent_is_a_sign(us: Caller, ann: dict[str, str]) -> None:
    assert names(us.query(r"select * from Customer where CompanyName = 'Ann\'s 1%'")) == ["Ann"]
    status, answer = us.ask("GET", "query?query=" + quote(r"select * from Customer where CompanyName = 'Ann\'s 1%'"))
    assert (status, names(answer["QueryResponse"])) == (200, ["Ann"])


def test_inactive_names_hide_unless_asked_for(us: Caller, ann: dict[str, str]) -> None:
    us.make("Customer", Id=ann["value"], SyncToken="0", sparse=True, Active=False)
    assert us.query("select * from Customer") == {}
    assert us.query(f"select * from Customer where Id = '{ann['value']}'") == {}
    assert names(us.query("select * from Customer where Active in (true, false)")) == ["Ann (deleted)"]


def test_changed_since_counts_whole_seconds_and_any_offset(us: Caller, ann: dict[str, str]) -> None:
    us.vendor.move_clock(timedelta(seconds=10, milliseconds=900))
    us.make("Customer", DisplayName="Bea")
    since = "select * from Customer where MetaData.LastUpdatedTime >= '{}'"
    assert names(us.query(since.format("2026-09-01T05:00:10-07:00"))) == ["Bea"]
    assert names(us.query(since.format("2026-09-01T14:00:10+02:00"))) == ["Bea"]
    assert us.query(since.format("2026-09-01T12:00:11Z")) == {}


def test_deleted_documents_never_show_up_in_queries(us: Caller, ann: dict[str, str]) -> None:
    made = us.make("Invoice", CustomerRef=ann, Line=[item_line("1")])
    us.ask("POST", "invoice?operation=delete", {"Id": made["Id"], "SyncToken": "0"})
    assert us.query("select * from Invoice") == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("select * from Custmoer", "4001"),
        ("select * from Customer startposition 0", "4001"),
        ("select * from Customer maxresults 1001", "4001"),
        ("select * from Customer where Notes = 'x'", "4001"),
        ("select * from Invoice where PrivateNote = 'x'", "4001"),
        ("select * from Payment where PaymentRefNum = 'x'", "4001"),
        ("select Colour from Customer", "4001"),
        ("select * from Invoice where TotalAmt > 'a lot'", "4001"),
        ("select * from Invoice where MetaData.LastUpdatedTime > 'yesterday'", "4001"),
        ("select * from Customer where Id = '1' or Id = '2'", "4000"),
        ("select * from Customer where Id != '1'", "4000"),
        ("select * from Customer where DisplayName = 'it's'", "4000"),
        ("select * from Customer where DisplayName = Ann", "4000"),
        ("delete from Customer", "4000"),
        ("select * from", "4000"),
    ],
)
def test_what_the_query_language_has_not_got_is_refused(us: Caller, text: str, code: str) -> None:
    assert us.query_fault(text) == code


def test_looking_a_number_up_does_not_read_the_whole_table(us: Caller) -> None:
    sql = "select * from document where space=? and kind=? and not gone and json_extract(body, '$.DocNumber') = ?"
    plan = us.vendor.store.run(f"explain query plan {sql} order by +changed desc limit 100", us.realm, "Invoice", "7")
    assert any("document_number" in row[3] for row in plan), plan


# batches


def test_a_batch_is_not_atomic_and_answers_by_item(us: Caller, ann: dict[str, str]) -> None:
    good = {"CustomerRef": ann, "Line": [item_line("5")]}
    items = [
        {"bId": "a", "operation": "create", "Invoice": good},
        {"bId": "b", "operation": "create", "Invoice": {"CustomerRef": ann}},
        {"bId": "c", "operation": "create", "Customer": {"DisplayName": "Bea"}},
        {"bId": "d", "operation": "void", "Invoice": {"Id": "1", "SyncToken": "0"}},
        {"bId": "e", "Query": "select count(*) from Invoice"},
    ]
    status, answer = us.ask("POST", "batch", {"BatchItemRequest": items})
    found = {item["bId"]: item for item in answer["BatchItemResponse"]}
    assert status == 200
    assert (found["a"]["Invoice"]["TotalAmt"], found["e"]["QueryResponse"]["totalCount"]) == (5, 1)
    assert [found[name]["Fault"]["Error"][0]["code"] for name in "bd"] == ["2250", "500"]
    assert us.vendor.journal.counts()["create Invoice"] == 1


def test_more_than_thirty_items_are_refused(us: Caller) -> None:
    items = [{"bId": str(n), "operation": "create", "Customer": {"DisplayName": str(n)}} for n in range(31)]
    assert us.refused("Customer", "batch", BatchItemRequest=items) == "1040"
    assert us.vendor.documents("Customer") == []


# request ids


def test_a_request_id_gets_the_first_answer_again(us: Caller, ann: dict[str, str]) -> None:
    body = {"CustomerRef": ann, "Line": [item_line("5")]}
    first = us.ask("POST", "invoice?requestid=one", body)
    us.vendor.move_clock(timedelta(minutes=5))
    assert us.ask("POST", "invoice?requestid=one", body) == first
    assert len(us.vendor.documents("Invoice")) == 1
    assert us.refused("Invoice", "invoice?requestid=one", **{**body, "PrivateNote": "another"}) == "600"
    assert us.refused("Invoice", f"invoice?requestid={'x' * 51}", **body) == "2130"


def test_a_refused_request_id_may_be_used_again(us: Caller, ann: dict[str, str]) -> None:
    assert us.refused("Invoice", "invoice?requestid=one", CustomerRef=ann) == "2250"
    assert us.ask("POST", "invoice?requestid=one", {"CustomerRef": ann, "Line": [item_line("5")]})[0] == 200


def test_a_batch_is_remembered_as_a_whole(us: Caller) -> None:
    items = [{"bId": "a", "operation": "create", "Customer": {"DisplayName": "Bea"}}]
    first = us.ask("POST", "batch?requestid=one", {"BatchItemRequest": items})
    assert us.ask("POST", "batch?requestid=one", {"BatchItemRequest": items}) == first
    us.vendor.forget_request_ids()
    again = us.ask("POST", "batch?requestid=one", {"BatchItemRequest": items})[1]["BatchItemResponse"][0]
    assert again["Fault"]["Error"][0]["code"] == "6240"


# captured changes


def test_captured_changes_look_back_thirty_days(us: Caller, ann: dict[str, str]) -> None:
    us.vendor.move_clock(timedelta(days=31))
    us.token = us.vendor.connect()["access_token"]
    us.make("Customer", DisplayName="Bea")
    _, answer = us.ask("GET", "cdc?entities=Customer,Invoice&changedSince=2026-08-01T00:00:00-07:00")
    customers, invoices = answer["CDCResponse"][0]["QueryResponse"]
    assert (names(customers), invoices) == (["Bea"], {})


def test_captured_changes_end_at_a_thousand_objects(us: Caller) -> None:
    for start in range(0, 1020, 30):
        items = [
            {"bId": str(n), "operation": "create", "Customer": {"DisplayName": f"C{n}"}}
            for n in range(start, start + 30)
        ]
        us.ask("POST", "batch", {"BatchItemRequest": items})
    _, answer = us.ask("GET", "cdc?entities=Customer,Item&changedSince=2026-08-31T00:00:00%2B00:00")
    customers, items = answer["CDCResponse"][0]["QueryResponse"]
    assert (len(customers["Customer"]), items) == (1000, {})


@pytest.mark.parametrize("entities", ["TaxCode", "Nonsense", ""])
def test_what_is_not_captured_is_refused(us: Caller, entities: str) -> None:
    assert us.ask("GET", f"cdc?entities={entities}&changedSince=2026-08-31T00:00:00Z")[0] == 400


# tokens


BASIC = {"Authorization": "Basic " + base64.b64encode(b"my-app:my-secret").decode(), "Accept": "application/json"}
ASKED = {"client_id": "my-app", "response_type": "code", "scope": "com.intuit.quickbooks.accounting", "state": "s",
         "redirect_uri": "http://localhost:8000/back"}  # fmt: skip


def token(vendor: QuickBooksOnline, **form: str) -> tuple[int, dict[str, Any]]:
    answer = Client(vendor).post("/oauth2/v1/tokens/bearer", data=form, headers=BASIC)
    return answer.status_code, from_json(answer.get_data())


def code_of(vendor: QuickBooksOnline) -> str:
    back = Client(vendor).post(
        "/connect/oauth2", data={**ASKED, "realm": next(iter(vendor.companies)), "answer": "connect"}
    )
    return parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]


def test_a_code_is_good_once_and_for_its_redirect_address() -> None:
    vendor = QuickBooksOnline(limits=0)
    code = code_of(vendor)
    assert (
        token(vendor, grant_type="authorization_code", code=code, redirect_uri="http://localhost:1/")[1]["error"]
        == "invalid_grant"
    )
    code = code_of(vendor)
    wanted = {"grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"]}
    assert token(vendor, **wanted)[0] == 200
    assert token(vendor, **wanted)[1]["error"] == "invalid_grant"


def test_another_secret_than_the_first_is_refused() -> None:
    vendor = QuickBooksOnline(limits=0)
    vendor.connect(client="my-app", secret="another")
    assert token(vendor, grant_type="refresh_token", refresh_token="x")[0] == 401


def test_the_refresh_token_changes_after_a_day_and_the_old_one_dies() -> None:
    vendor = QuickBooksOnline(limits=0)
    first = vendor.connect(client="my-app", secret="my-secret")["refresh_token"]
    assert token(vendor, grant_type="refresh_token", refresh_token=first)[1]["refresh_token"] == first
    vendor.move_clock(timedelta(hours=25))
    second = token(vendor, grant_type="refresh_token", refresh_token=first)[1]["refresh_token"]
    assert second != first
    vendor.move_clock(timedelta(minutes=2))
    assert token(vendor, grant_type="refresh_token", refresh_token=first)[1]["error"] == "invalid_grant"
    assert token(vendor, grant_type="refresh_token", refresh_token=second)[0] == 200


def test_two_refreshes_at_once_end_the_consent() -> None:
    vendor = QuickBooksOnline(limits=0)
    first = vendor.connect(client="my-app", secret="my-secret")["refresh_token"]
    vendor.move_clock(timedelta(hours=25))
    second = token(vendor, grant_type="refresh_token", refresh_token=first)[1]["refresh_token"]
    assert token(vendor, grant_type="refresh_token", refresh_token=first)[1]["error"] == "invalid_grant"
    assert token(vendor, grant_type="refresh_token", refresh_token=second)[1]["error"] == "invalid_grant"


def test_a_refresh_token_lives_a_hundred_days_after_its_last_use() -> None:
    vendor = QuickBooksOnline(limits=0)
    value = vendor.connect(client="my-app", secret="my-secret")["refresh_token"]
    vendor.move_clock(timedelta(days=101))
    assert token(vendor, grant_type="refresh_token", refresh_token=value)[1]["error"] == "invalid_grant"


def test_the_page_asks_for_the_company_and_takes_no_for_an_answer() -> None:
    vendor = QuickBooksOnline(limits=0)
    page = Client(vendor).get("/connect/oauth2", query_string=ASKED).get_data(as_text=True)
    assert all(realm in page and name.replace("&", "&amp;") in page for realm, name in vendor.companies.items())
    back = Client(vendor).post("/connect/oauth2", data={**ASKED, "answer": "cancel"})
    assert "error=access_denied" in back.headers["Location"]


def test_the_demo_need_not_click() -> None:
    vendor = QuickBooksOnline(limits=0)
    vendor.auto_consent = list(vendor.companies)[1]
    back = Client(vendor).get("/connect/oauth2", query_string=ASKED)
    assert (back.status_code, f"realmId={vendor.auto_consent}" in back.headers["Location"]) == (302, True)


@pytest.mark.parametrize(
    "wrong", [{"scope": "openid"}, {"state": ""}, {"redirect_uri": "http://evil.example/"}, {"response_type": "token"}]
)
def test_a_wrong_authorise_request_is_explained_to_the_person(wrong: dict[str, str]) -> None:
    page = Client(QuickBooksOnline(limits=0)).get("/connect/oauth2", query_string={**ASKED, **wrong})
    assert (page.status_code, "Location" in page.headers) == (400, False)


def test_an_access_token_lasts_an_hour_and_opens_one_company(us: Caller) -> None:
    assert us.ask("GET", "companyinfo/1")[0] == 200
    other = Caller(us.vendor, list(us.vendor.companies)[1])
    other.token = us.token
    assert other.ask("GET", "companyinfo/1")[0] == 403
    us.vendor.move_clock(timedelta(seconds=3600))
    assert us.ask("GET", "companyinfo/1")[0] == 401
    us.token = us.vendor.connect()["access_token"]
    us.vendor.revoke_consent()
    assert us.ask("GET", "companyinfo/1")[1]["fault"]["error"][0]["code"] == "3200"


def test_no_secret_is_kept_in_the_journal() -> None:
    vendor = QuickBooksOnline(limits=0)
    value = vendor.connect(client="my-app", secret="my-secret")["refresh_token"]
    token(vendor, grant_type="refresh_token", refresh_token=value)
    assert value not in str(vendor.read_journal())


# limits


def test_ten_requests_a_second_and_five_hundred_a_minute_are_enough() -> None:
    us = Caller(QuickBooksOnline(limits=1))
    second = [us.ask("GET", "preferences")[0] for _ in range(11)]
    assert second == [200] * 10 + [429]
    for _ in range(49):
        us.vendor.clock.move(timedelta(seconds=1))
        assert [us.ask("GET", "preferences")[0] for _ in range(10)] == [200] * 10
    us.vendor.clock.move(timedelta(seconds=1))
    status, answer = us.ask("GET", "preferences")
    assert (status, answer["fault"]["error"][0]["code"]) == (429, "3001")
    us.vendor.clock.move(timedelta(seconds=60))
    assert us.ask("GET", "preferences")[0] == 200


def test_forty_batches_a_minute_are_enough() -> None:
    us = Caller(QuickBooksOnline(limits=1))
    body = {"BatchItemRequest": [{"bId": "a", "Query": "select count(*) from Customer"}]}
    statuses = []
    for _ in range(41):
        us.vendor.clock.move(timedelta(seconds=0.5))
        statuses.append(us.ask("POST", "batch", body)[0])
    assert statuses == [200] * 40 + [429]


# addresses and manners


@pytest.mark.parametrize("path", ["customer", "customer/1/5", "invoices/1", "reports/ProfitAndLoss", "query/all"])
def test_other_addresses_are_not_supported(us: Caller, path: str) -> None:
    status, answer = us.ask("GET", path)
    assert (status, answer["Fault"]["Error"][0]["code"]) == (400, "500")


def test_every_answer_can_be_named_to_the_vendors_support(us: Caller) -> None:
    client, headers = Client(us.vendor), {"Authorization": f"Bearer {us.token}", "Accept": "application/json"}
    traces = {
        client.get(f"/v3/company/{us.realm}/preferences", headers=headers).headers["intuit_tid"] for _ in range(3)
    }
    assert len(traces) == 3


def test_a_person_sees_the_document_in_the_web_application(us: Caller, ann: dict[str, str]) -> None:
    made = us.make("Invoice", CustomerRef=ann, DocNumber="INV-<1>", Line=[item_line("5", description="Tea & cake")])
    page = Client(us.vendor).get(f"/app/invoice?txnId={made['Id']}")
    assert page.status_code == 200
    assert "INV-&lt;1&gt;" in page.get_data(as_text=True)
    assert "Tea &amp; cake" in page.get_data(as_text=True)
    assert Client(us.vendor).get("/app/invoice?txnId=99").status_code == 404


def test_a_client_that_does_not_ask_for_json_does_not_get_it(us: Caller) -> None:
    assert us.ask("GET", "preferences", Accept="*/*")[0] == 406


def test_broken_json_is_refused(us: Caller) -> None:
    status, answer = us.ask("POST", "customer", '{"DisplayName": ', **{"Content-Type": "application/json"})
    assert (status, answer["Fault"]["Error"][0]["code"]) == (400, "2010")


# webhooks


def test_a_notice_is_signed_and_names_what_changed_in_both_forms(us: Caller, ann: dict[str, str]) -> None:
    us.vendor.change("Customer", ann["value"], {"Notes": "by hand"})
    for form in ("events", "notifications"):
        notice = us.vendor.notice("verifier", form=form)
        assert notice is not None
        signature = base64.b64encode(hmac.digest(b"verifier", notice.body, "sha256")).decode()
        assert notice.headers["intuit-signature"] == signature
    old, new = (from_json(us.vendor.notice("verifier", form=form).body) for form in ("notifications", "events"))
    assert [event["type"] for event in new] == ["qbo.customer.created.v1", "qbo.customer.updated.v1"]
    assert {event["intuitaccountid"] for event in new} == {us.realm}
    (company,) = old["eventNotifications"]
    assert [entity["operation"] for entity in company["dataChangeEvent"]["entities"]] == ["Create", "Update"]
    assert us.vendor.notice("verifier", since=99) is None
