"""Other people's clients drive the simulator over a real connection: python-quickbooks and the vendor's own intuit-oauth."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import (
    AuthorizationException,
    GeneralException,
    ObjectNotFoundException,
    QuickbooksException,
    ValidationException,
)
from quickbooks.objects.account import Account
from quickbooks.objects.attachable import Attachable
from quickbooks.objects.base import AttachableRef, Ref
from quickbooks.objects.bill import Bill
from quickbooks.objects.company_info import CompanyInfo
from quickbooks.objects.creditmemo import CreditMemo
from quickbooks.objects.customer import Customer
from quickbooks.objects.detailline import (
    AccountBasedExpenseLine,
    AccountBasedExpenseLineDetail,
    SalesItemLine,
    SalesItemLineDetail,
)
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.item import Item
from quickbooks.objects.payment import Payment, PaymentLine
from quickbooks.objects.preferences import Preferences
from quickbooks.objects.taxcode import TaxCode
from quickbooks.objects.vendor import Vendor
from werkzeug.serving import WSGIRequestHandler, make_server

from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline

from .judged import Judged

REDIRECT = "http://localhost:8000/back"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def vendor() -> QuickBooksOnline:
    return QuickBooksOnline(limits=0)


@pytest.fixture
def address(vendor: QuickBooksOnline) -> Iterator[str]:
    """The simulator behind a real socket, every answer judged by the contract."""
    judged = Judged(vendor)
    server = make_server("127.0.0.1", 0, judged, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    assert not judged.problems, judged.problems


@pytest.fixture
def auth(address: str) -> AuthClient:
    """The vendor's client, which found its addresses in the discovery document."""
    return AuthClient("my-app", "my-secret", REDIRECT, f"{address}/.well-known/openid_sandbox_configuration/")


@pytest.fixture
def qb(address: str, auth: AuthClient, vendor: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch) -> QuickBooks:
    """A connected python-quickbooks."""
    return _connect(address, auth, vendor, next(iter(vendor.companies)), monkeypatch)


def _connect(
    address: str, auth: AuthClient, vendor: QuickBooksOnline, realm: str, monkeypatch: pytest.MonkeyPatch
) -> QuickBooks:
    consent(auth, realm)
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the simulator speaks plain http
    monkeypatch.setattr(QuickBooks, "api_url_v3", f"{address}/v3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return QuickBooks(auth_client=auth, refresh_token=auth.refresh_token, company_id=realm, minorversion=75)


def consent(auth: AuthClient, realm: str) -> None:
    """The user opens the page, chooses the company and is sent back with a code, which the client changes for tokens."""
    url = auth.get_authorization_url([Scopes.ACCOUNTING], "the-state")
    page = requests.get(url, timeout=10)
    assert page.status_code == 200
    assert f'value="{realm}"' in page.text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    back = requests.post(
        url.partition("?")[0], data={**asked, "realm": realm, "answer": "connect"}, allow_redirects=False, timeout=10
    )
    answer = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["Location"]).query).items()}
    assert back.headers["Location"].startswith(REDIRECT)
    assert (answer["state"], answer["realmId"]) == ("the-state", realm)
    auth.get_bearer_token(answer["code"], realm_id=answer["realmId"])


def sold(amount: float, item: str = "1", tax: str | None = None) -> SalesItemLine:
    line = SalesItemLine()
    line.Amount, line.Description = amount, "As agreed"
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = _ref(item)
    line.SalesItemLineDetail.ServiceDate = None
    if tax:
        line.SalesItemLineDetail.TaxCodeRef = _ref(tax)
    return line


def _ref(value: str) -> Ref:
    ref = Ref()
    ref.value = value
    return ref


def customer(name: str, qb: QuickBooks) -> Customer:
    made = Customer()
    made.DisplayName = name
    return made.save(qb=qb)


def invoice(to: Customer, qb: QuickBooks, amount: float = 100) -> Invoice:
    made = Invoice()
    made.CustomerRef = to.to_ref()
    made.Line = [sold(amount)]
    return made.save(qb=qb)


def test_a_customer_lives_its_life(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    made = customer("O'Neil & Söhne", qb)
    made.Notes = "met at the fair"
    assert made.save(qb=qb).SyncToken == "1"
    (found,) = Customer.where("DisplayName = 'O\\'Neil & Söhne'", qb=qb)
    assert (found.Id, found.Notes) == (made.Id, "met at the fair")
    found.Active = False
    assert found.save(qb=qb).DisplayName == "O'Neil & Söhne (deleted)"
    assert Customer.all(qb=qb) == []
    assert Customer.count("Active = false", qb=qb) == 1


def test_an_invoice_is_made_paid_sent_printed_and_found(qb: QuickBooks) -> None:
    buyer = customer("Ann", qb)
    made = invoice(buyer, qb, 120.5)
    assert Decimal(str(made.TotalAmt)) == Decimal("120.5")
    payment = Payment()
    payment.CustomerRef, payment.TotalAmt = buyer.to_ref(), 20.5
    payment.Line = [PaymentLine()]
    payment.Line[0].Amount = 20.5
    payment.Line[0].LinkedTxn = [made.to_linked_txn()]
    payment.save(qb=qb)
    read = Invoice.get(made.Id, qb=qb)
    assert (read.Balance, read.SyncToken, read.LinkedTxn[0].TxnType) == (100, "1", "Payment")
    read.send(qb=qb, send_to="ann@example.com")
    assert Invoice.get(made.Id, qb=qb).EmailStatus == "EmailSent"
    assert read.download_pdf(qb=qb).startswith(b"%PDF")
    assert [found.Id for found in Invoice.filter(CustomerRef=buyer.Id, qb=qb)] == [made.Id]


def test_an_invoice_is_voided_and_another_deleted(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    buyer = customer("Ann", qb)
    one, two = invoice(buyer, qb), invoice(buyer, qb)
    one.void(qb=qb)
    assert (Invoice.get(one.Id, qb=qb).TotalAmt, Invoice.get(one.Id, qb=qb).PrivateNote) == (0, "Voided")
    two.delete(qb=qb)
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(two.Id, qb=qb)
    assert vendor.trial() == {"accounts": {}, "sum": 0}


def test_a_payment_is_voided(qb: QuickBooks) -> None:
    payment = Payment()
    payment.CustomerRef, payment.TotalAmt = customer("Ann", qb).to_ref(), 50
    made = payment.save(qb=qb)
    made.void(qb=qb)
    assert (Payment.get(made.Id, qb=qb).TotalAmt, Payment.get(made.Id, qb=qb).UnappliedAmt) == (0, 0)


def test_a_stale_version_a_taken_name_and_an_unknown_id_are_told_apart(qb: QuickBooks) -> None:
    made = customer("Ann", qb)
    made.save(qb=qb)
    made.Notes = "once"
    made.save(qb=qb)
    made.Notes = "twice"
    with pytest.raises(QuickbooksException) as stale:
        made.save(qb=qb)
    assert stale.value.error_code == 5010
    with pytest.raises(QuickbooksException) as taken:
        customer("ANN", qb)
    assert taken.value.error_code == 6240
    with pytest.raises(ObjectNotFoundException):
        Customer.get("4711", qb=qb)


def test_a_hundred_customers_are_made_in_batches_of_thirty(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    wanted = []
    for number in range(100):
        one = Customer()
        one.DisplayName = f"Customer {number}"
        wanted.append(one)
    wanted[50].DisplayName = "Customer 0"
    done = batch_create(wanted, qb=qb)
    assert (len(done.successes), [fault.Error[0].code for fault in done.faults]) == (99, ["6240"])
    assert [call.path.rpartition("/")[2] for call in vendor.journal.calls(wrote=True)] == ["batch"] * 4
    assert Customer.count(qb=qb) == 99
    assert len(Customer.all(qb=qb, order_by="DisplayName", start_position=91, max_results=50)) == 9


def test_changes_are_captured_with_deletions(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    buyer = customer("Ann", qb)
    kept, gone = invoice(buyer, qb), invoice(buyer, qb)
    gone.delete(qb=qb)
    since = vendor.clock.now().replace(year=vendor.clock.now().year - 1).isoformat(timespec="seconds")
    changed = change_data_capture([Invoice, Customer], since, qb=qb)
    assert {found.Id: getattr(found, "status", None) for found in changed.Invoice} == {
        kept.Id: None,
        gone.Id: "Deleted",
    }
    assert [found.Id for found in changed.Customer] == [buyer.Id]


def test_the_same_request_id_makes_one_invoice(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    wanted = Invoice()
    wanted.CustomerRef, wanted.Line = customer("Ann", qb).to_ref(), [sold(10)]
    body = wanted.to_json()
    first = qb.create_object("Invoice", body, request_id="3f0e9a34")
    assert qb.create_object("Invoice", body, request_id="3f0e9a34") == first
    assert len(vendor.documents("Invoice")) == 1


def test_purchases_and_lists_are_written_and_read(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    supplier = Vendor()
    supplier.DisplayName = "Timber yard"
    supplier = supplier.save(qb=qb)
    bill = Bill()
    bill.VendorRef = supplier.to_ref()
    line = AccountBasedExpenseLine()
    line.Amount = 70
    line.AccountBasedExpenseLineDetail = AccountBasedExpenseLineDetail()
    line.AccountBasedExpenseLineDetail.AccountRef = _ref(vendor.company().settings.accounts["expense"])
    bill.Line = [line]
    assert bill.save(qb=qb).Balance == 70
    assert Vendor.get(supplier.Id, qb=qb).Balance == 70
    item = Item()
    item.Name, item.Type, item.Sku = "Oak board", "NonInventory", "OAK-1"
    item.IncomeAccountRef = _ref(vendor.company().settings.accounts["income"])
    item.InvStartDate = None
    assert item.save(qb=qb).Sku == "OAK-1"
    assert "Oak board" in {found.Name for found in Item.all(qb=qb)}
    assert {found.Name for found in Account.filter(AccountType="Income", qb=qb)} >= {"Sales", "Discounts given"}
    assert CompanyInfo.get(1, qb=qb).Country == "US"
    assert Preferences.get(qb=qb).CurrencyPrefs.HomeCurrency.value == "USD"


def test_a_credit_memo_and_a_note_at_it_are_written(qb: QuickBooks) -> None:
    memo = CreditMemo()
    memo.CustomerRef, memo.Line = customer("Ann", qb).to_ref(), [sold(30)]
    memo = memo.save(qb=qb)
    assert memo.RemainingCredit == 30
    note = Attachable()
    note.Note = "https://crm.example/credits/9"
    ref = AttachableRef()
    ref.EntityRef = memo.to_ref()
    note.AttachableRef = [ref]
    made = note.save(qb=qb)
    assert Attachable.get(made.Id, qb=qb).Note == "https://crm.example/credits/9"


def test_a_british_invoice_has_a_vat_code_on_every_line(
    address: str, auth: AuthClient, vendor: QuickBooksOnline, monkeypatch: pytest.MonkeyPatch
) -> None:
    uk = _connect(address, auth, vendor, list(vendor.companies)[1], monkeypatch)
    standard = next(code for code in TaxCode.all(qb=uk) if code.Name == "20.0% S")
    wanted = Invoice()
    wanted.CustomerRef, wanted.Line = customer("Ann", uk).to_ref(), [sold(100)]
    with pytest.raises(QuickbooksException) as refused:
        wanted.save(qb=uk)
    assert refused.value.error_code == 6000
    wanted.Line = [sold(100, tax=standard.Id)]
    made = wanted.save(qb=uk)
    assert (made.TotalAmt, made.TxnTaxDetail.TotalTax) == (120, 20)


def test_an_unknown_property_is_refused(qb: QuickBooks) -> None:
    wanted = Customer()
    wanted.DisplayName, wanted.Colour = "Ann", "green"
    with pytest.raises(ValidationException) as refused:
        wanted.save(qb=qb)
    assert refused.value.error_code == 2010


def test_too_many_requests_and_a_broken_server_are_told_apart(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    vendor.fail_next(500)
    with pytest.raises(QuickbooksException) as broken:
        Customer.all(qb=qb)
    assert broken.value.error_code == 10000
    vendor.throttle()
    with pytest.raises((GeneralException, QuickbooksException)) as throttled:
        Customer.all(qb=qb)
    assert "ThrottleExceeded" in throttled.value.message


def test_an_expired_token_is_refreshed_and_a_revoked_consent_is_over(
    qb: QuickBooks, auth: AuthClient, vendor: QuickBooksOnline
) -> None:
    vendor.expire_tokens()
    with pytest.raises(AuthorizationException):
        Customer.all(qb=qb)
    auth.refresh()
    assert (auth.expires_in, auth.x_refresh_token_expires_in) == (3600, 8640000)
    assert auth.revoke()
    with pytest.raises(AuthClientError) as over:
        auth.refresh()
    assert b'"invalid_grant"' in over.value.content


def test_a_cut_connection_leaves_the_invoice_behind(qb: QuickBooks, vendor: QuickBooksOnline) -> None:
    buyer = customer("Ann", qb)
    vendor.drop_reply_after_next_write()
    with pytest.raises(requests.ConnectionError):
        invoice(buyer, qb)
    assert len(vendor.documents("Invoice")) == 1
    assert vendor.journal.counts()["unanswered"] == 1
