"""A SOAP client of other people's making plays the Web Connector on the vendor's own WSDL, against a server that listens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zeep
from django.db import transaction
from lxml import etree
from zeep.plugins import HistoryPlugin

from integrations.connections import line
from integrations.connections.callers import caller_of, invitation, new_password
from integrations.connections.models import Connection, Errand, Visit
from integrations.connections.services import save_connection
from integrations.connections.site import site_of
from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from integrations.connectors.registry import connector
from integrations.records.models import Issue
from integrations.wire.message import Answer, Pending
from integrations.wire.stream import Cursor
from tenants.models import Tenant

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs" / "quickbooks_desktop"
WSDL = SPECS / "QBWebConnectorSvc.wsdl"
SERVICE = "{http://developer.intuit.com/}QBWebConnectorSvcSoap"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not WSDL.is_file(), reason="left out: shared/ is not beside the project"),
]


class WebConnector:
    """zeep on the vendor's WSDL; every answer is judged by the schema in it."""

    def __init__(self, url: str) -> None:
        self.history = HistoryPlugin()
        client = zeep.Client(str(WSDL), plugins=[self.history])
        self.service = client.create_service(SERVICE, url)
        types = etree.parse(str(WSDL)).find(".//{http://www.w3.org/2001/XMLSchema}schema")
        self.types = etree.XMLSchema(etree.fromstring(etree.tostring(types)))  # with the namespaces around it

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            answer = getattr(self.service, method)(**arguments)
            envelope = self.history.last_received["envelope"]
            (content,) = envelope.find(f"{SOAP}Body")
            self.types.assertValid(content)
            return answer

        return call

    def ask(self, ticket: str, about: str = "") -> str:
        """sendRequestXML."""
        return self.sendRequestXML(
            ticket=ticket, strHCPResponse=about, strCompanyFileName="C:\\books.qbw", qbXMLCountry="US",
            qbXMLMajorVers=14, qbXMLMinorVers=0,
        ) or ""  # fmt: skip

    def bring(self, ticket: str, response: str = "", hresult: str = "", message: str = "") -> int:
        """receiveResponseXML."""
        return self.receiveResponseXML(ticket=ticket, response=response, hresult=hresult, message=message)


@pytest.fixture
def desktop(tenant: Tenant) -> Connection:
    return save_connection(Connection(name="Desktop", connector="quickbooks_desktop"), by=None)


@pytest.fixture
def signed_in(desktop: Connection) -> tuple[str, str]:
    """User name and password."""
    password = new_password(desktop, by=None)
    with transaction.atomic():
        return caller_of(desktop).user, password


@pytest.fixture
def books() -> QuickBooksDesktop:
    return QuickBooksDesktop()


@pytest.fixture
def soap(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> WebConnector:
    monkeypatch.setattr("integrations.sync.polled.PATIENCE", 0.2)
    return WebConnector(f"{live_server.url}/polled/quickbooks_desktop/")


def about(books: QuickBooksDesktop, owner: str) -> str:
    """What the Web Connector shows of the company file with its first question."""
    asked = f"<HostQueryRq/><CompanyQueryRq><OwnerID>{owner}</OwnerID></CompanyQueryRq><PreferencesQueryRq/>"
    told = books.process(
        '<?xml version="1.0"?><?qbxml version="13.0"?><QBXML>'
        f'<QBXMLMsgsRq onError="continueOnError">{asked}</QBXMLMsgsRq></QBXML>'
    )
    assert told.hresult == ""
    return told.response


def owner_of(connection: Connection) -> str:
    with transaction.atomic():
        file = invitation(connection, address="https://x.example/", support="https://x.example/")
    return str(etree.fromstring(file.body).findtext("OwnerID"))


def test_a_whole_visit_from_the_greeting_to_the_goodbye(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str], books: QuickBooksDesktop
) -> None:
    kind, site = connector(desktop.connector), site_of(desktop)
    stream = kind.stream("account")
    question = kind.dialect.ask(stream, Cursor(), site)
    assert isinstance(line.send(desktop, question), Pending)

    assert soap.serverVersion(strVersion="2.3.0.215")
    assert soap.clientVersion(strVersion="2.3.0.215") in (None, "")
    ticket, file = soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    assert file in (None, ""), "the file that is open"

    percents = []
    document = soap.ask(ticket, about(books, owner_of(desktop)))
    while document:
        done = books.process(document)
        percents.append(soap.bring(ticket, done.response, done.hresult, done.message))
        document = soap.ask(ticket) if percents[-1] < 100 else ""
    assert percents == [50, 100], "the accounts, and which company this is"
    assert soap.closeConnection(ticket=ticket) == "OK"

    answer = line.send(desktop, question)
    assert isinstance(answer, Answer)
    assert len(kind.dialect.read(stream, Cursor(), answer, site).raws) > 10
    with transaction.atomic():
        desktop.refresh_from_db()
    assert (desktop.state, desktop.company["name"]) == ("connected", "Larkspur Trading Co.")


def test_a_wrong_password_is_nvu_and_no_work_is_none(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str]
) -> None:
    assert soap.authenticate(strUserName=signed_in[0], strPassword="wrong")[1] == "nvu"
    with transaction.atomic():
        Connection.objects.update(state="connected", company={"name": "Known"})
    assert soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])[1] == "none"


def test_a_second_one_is_told_that_we_are_busy(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str]
) -> None:
    soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    assert soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])[1] == "busy"


def test_another_company_file_is_told_why_it_gets_nothing(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str], books: QuickBooksDesktop
) -> None:
    owner = owner_of(desktop)
    ticket, _ = soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    assert soap.ask(ticket, about(books, owner))
    soap.closeConnection(ticket=ticket)

    books.open_file()
    ticket, _ = soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    assert soap.ask(ticket, about(books, owner)) == ""
    assert "expected is Larkspur Trading Co." in soap.getLastError(ticket=ticket)
    soap.closeConnection(ticket=ticket)
    with transaction.atomic():
        assert [issue.code for issue in Issue.objects.filter(state="open")] == ["wrong_books"]


def test_a_failure_of_quickbooks_is_an_answer_and_the_visit_goes_on(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str], books: QuickBooksDesktop
) -> None:
    ticket, _ = soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    soap.ask(ticket, about(books, owner_of(desktop)))
    words = "QuickBooks found an error when parsing the provided XML text stream."
    assert soap.bring(ticket, hresult="0x80040400", message=words) == 100
    with transaction.atomic():
        assert Errand.objects.get().state == "answered"
        assert Visit.objects.get().words == words


def test_books_that_cannot_be_reached_end_the_visit_and_are_told(
    soap: WebConnector, desktop: Connection, signed_in: tuple[str, str]
) -> None:
    ticket, _ = soap.authenticate(strUserName=signed_in[0], strPassword=signed_in[1])
    assert soap.connectionError(ticket=ticket, hresult="0x80040401", message="Could not access QuickBooks.") == "done"
    assert "Could not access QuickBooks." in soap.closeConnection(ticket=ticket)
    with transaction.atomic():
        assert Issue.objects.get().words == "0x80040401 Could not access QuickBooks."


def test_a_ticket_that_is_good_for_nothing_is_an_error_that_can_be_asked_for(soap: WebConnector) -> None:
    assert soap.ask("no-ticket") == ""
    assert soap.bring("no-ticket", "<x/>") < 0
    assert "not one of ours" in soap.getLastError(ticket="no-ticket")


def test_no_soap_is_a_soap_fault(live_server: Any) -> None:
    session = zeep.transports.Transport().session
    answer = session.post(f"{live_server.url}/polled/quickbooks_desktop/", b"<nothing/>", timeout=10)
    assert answer.status_code == 500
    assert etree.fromstring(answer.content).find(f"{SOAP}Body/{SOAP}Fault/faultstring") is not None
