"""The SOAP service for the Web Connector: every call is read and every answer written as the vendor's WSDL says."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from integrations.connectors.quickbooks_desktop.connector import CONNECTOR
from integrations.connectors.quickbooks_desktop.quirks import OWNER_ID
from integrations.wire.message import Request
from integrations.wire.polled import (
    Brought,
    Busy,
    GoOn,
    Hello,
    Leaving,
    Malformed,
    Message,
    Next,
    NothingMore,
    NothingNow,
    Reply,
    Said,
    SignIn,
    Take,
    Trouble,
    Turned,
    Welcome,
    WhyNothing,
)
from tests.connectors.quickbooks_desktop import oracle

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE = "http://developer.intuit.com/"
TICKET = "5f0c1f0a-6f5e-4d7a-9c4a-0f7b6c0f9d11"
FILE_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
assert CONNECTOR.reception is not None
RECEPTION = CONNECTOR.reception


def called(method: str, **fields: str) -> Message:
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
        f'<{method} xmlns="{SERVICE}">{inside}</{method}></soap:Body></soap:Envelope>'
    )
    return RECEPTION.read(body.encode(), {"Content-Type": "text/xml; charset=utf-8"})


def answered(message: Message, reply: Reply) -> etree._Element:
    """The one element in the body of our answer."""
    envelope = etree.fromstring(RECEPTION.write(message, reply))
    assert envelope.tag == f"{{{SOAP}}}Envelope"
    ((inside,),) = envelope
    return inside


def result(message: Message, reply: Reply) -> Any:
    texts = [each.text or "" for each in answered(message, reply).iter() if not len(each)]
    return texts[0] if len(texts) == 1 else texts


def host(file_id: str | None = None, *, owner: str = OWNER_ID, more: str = "") -> str:
    """What the Web Connector shows of a company at the beginning of a visit."""
    told = (
        ""
        if file_id is None
        else f"<DataExtRet><OwnerID>{owner}</OwnerID><DataExtName>FileID</DataExtName>"
        f"<DataExtType>STR255TYPE</DataExtType><DataExtValue>{file_id}</DataExtValue></DataExtRet>"
    )
    return (
        '<?xml version="1.0" encoding="windows-1252"?><QBXML><QBXMLMsgsRs>'
        '<HostQueryRs statusCode="0" statusSeverity="Info"><HostRet><Country>CA</Country></HostRet></HostQueryRs>'
        '<CompanyQueryRs statusCode="0" statusSeverity="Info"><CompanyRet><IsSampleCompany>false</IsSampleCompany>'
        f"<CompanyName>Caf\xe9 Okafor</CompanyName>{told}</CompanyRet></CompanyQueryRs>"
        '<PreferencesQueryRs statusCode="0" statusSeverity="Info"><PreferencesRet>'
        f"<MultiCurrencyPreferences><IsMultiCurrencyOn>true</IsMultiCurrencyOn></MultiCurrencyPreferences>{more}"
        "</PreferencesRet></PreferencesQueryRs></QBXMLMsgsRs></QBXML>"
    )


# --- what it says ----------------------------------------------------------------------------------------------------


def test_every_method_is_understood() -> None:
    assert called("serverVersion", strVersion="2.3") == Hello(question="serverVersion", words="2.3")
    assert called("getServerVersion", ticket=TICKET) == Hello(question="getServerVersion")
    assert called("clientVersion", strVersion="2.3") == Hello(question="clientVersion", words="2.3")
    assert called("authenticate", strUserName="me", strPassword=" a<b ") == SignIn(user="me", password=" a<b ")
    assert called("sendRequestXML", ticket=TICKET, strHCPResponse="", strCompanyFileName="c") == Next(ticket=TICKET)
    assert called("connectionError", ticket=TICKET, hresult="0x80040401", message="No  way") == Trouble(
        ticket=TICKET, code="0x80040401", words="No way"
    )
    assert called("getLastError", ticket=TICKET) == WhyNothing(ticket=TICKET)
    assert called("closeConnection", ticket=TICKET) == Leaving(ticket=TICKET)


def test_an_answer_is_brought_as_it_was_written_and_a_failure_with_its_code() -> None:
    document = '<?xml version="1.0" encoding="windows-1252"?><QBXML><a>\xe9 &amp; \u2713</a></QBXML>'
    brought = called("receiveResponseXML", ticket=TICKET, response=document, hresult="", message="")
    assert isinstance(brought, Brought)
    assert brought.answer.status == 200
    assert etree.fromstring(brought.answer.body).findtext("a") == "\xe9 & \u2713"
    failed = called("receiveResponseXML", ticket=TICKET, response="", hresult="0x80040400", message="Parse\nerror")
    assert isinstance(failed, Brought)
    assert (failed.answer.status, dict(failed.answer.headers)) == (500, {"code": "0x80040400", "words": "Parse error"})


def test_the_books_that_are_open_are_told_by_the_first_call() -> None:
    message = called("sendRequestXML", ticket=TICKET, strHCPResponse=host(f"{{{FILE_ID.upper()}}}"))
    assert isinstance(message, Next)
    assert message.place is not None
    assert (message.place.name, message.place.id) == ("Caf\xe9 Okafor", FILE_ID)
    assert message.place.settings == {"edition": "CA", "multicurrency": True, "sales_tax": False}
    assert message.place.locks == []


@pytest.mark.parametrize("shown", [host(), host(FILE_ID, owner="{512349B1-1111-2222-3333-000DE1813D20}"), host("none")])
def test_books_that_are_not_ours_yet_have_no_id(shown: str) -> None:
    message = called("sendRequestXML", ticket=TICKET, strHCPResponse=shown)
    assert isinstance(message, Next)
    assert message.place is not None
    assert message.place.id is None


@oracle.needs_specs
def test_the_recorded_first_call_is_understood() -> None:
    shown = oracle.recorded("host_company_preferences_rs").decode()
    message = called("sendRequestXML", ticket=TICKET, strHCPResponse=shown)
    assert isinstance(message, Next)
    assert message.place is not None
    assert message.place.name == "myCompany"
    assert message.place.settings["edition"] == "US"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        f'<e:Envelope xmlns:e="{SOAP}"/>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><x/></e:Body></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><dropTables xmlns="{SERVICE}"/></e:Body></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><getLastError xmlns="{SERVICE}"/></e:Body></e:Envelope>'.encode(),
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        b"<x>" + b"y" * 10_500_000 + b"</x>",
        b"<x>" + b"y" * 64_000_001 + b"</x>",
    ],
    ids=range(9),
)
def test_what_is_no_call_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        RECEPTION.read(body, {})


def test_books_that_cannot_be_read_are_malformed_and_not_unknown() -> None:
    with pytest.raises(Malformed):
        called("sendRequestXML", ticket=TICKET, strHCPResponse="<QBXML><half>")


# --- what we say -----------------------------------------------------------------------------------------------------

HELLO, SIGN_IN, NEXT = Hello(question="serverVersion"), SignIn(user="a", password="b"), Next(ticket=TICKET)
DOCUMENT = '<?xml version="1.0"?><?qbxml version="13.0"?><QBXML><a>\xe9 &amp; ]]&gt;</a></QBXML>'
SAID: list[tuple[Message, Reply, Any]] = [
    (HELLO, Said(words="7"), "7"),
    (Hello(question="clientVersion"), Said(words="7"), ""),
    (SIGN_IN, Welcome(ticket=TICKET, work=True), [TICKET, ""]),
    (SIGN_IN, Welcome(ticket=TICKET, work=False), [TICKET, "none"]),
    (SIGN_IN, Busy(), ["", "busy"]),
    (SIGN_IN, Turned(why="no"), ["", "nvu"]),
    (NEXT, Take(request=Request(method="QBXML", path="x", body=DOCUMENT.encode())), DOCUMENT),
    (NEXT, NothingNow(), ""),
    (NEXT, NothingMore(), ""),
    (NEXT, Turned(why="no"), ""),
    (called("receiveResponseXML", ticket=TICKET, response="<a/>"), GoOn(percent=40), "40"),
    (called("receiveResponseXML", ticket=TICKET, response="<a/>"), GoOn(percent=100), "100"),
    (called("receiveResponseXML", ticket=TICKET, response="<a/>"), Turned(why="no"), "-1"),
    (Trouble(ticket=TICKET), Said(words="ah"), "done"),
    (WhyNothing(ticket=TICKET), NothingNow(), "NoOp"),
    (WhyNothing(ticket=TICKET), Said(words="All done."), "All done."),
    (WhyNothing(ticket=TICKET), Turned(why="Another company is open."), "Another company is open."),
    (Leaving(ticket=TICKET), Said(words="See you & <soon>"), "See you & <soon>"),
]


@pytest.mark.parametrize(("message", "reply", "text"), SAID, ids=range(len(SAID)))
def test_every_answer_says_what_the_web_connector_understands(message: Message, reply: Reply, text: Any) -> None:
    assert result(message, reply) == text
    if oracle.SPECS.is_dir():
        assert oracle.service().validate(answered(message, reply)), oracle.service().error_log


def test_the_older_name_of_the_version_question_is_answered_by_it() -> None:
    told = answered(Hello(question="getServerVersion"), Said(words="7"))
    assert etree.QName(told).localname == "getServerVersionResponse"


def test_a_fault_is_a_soap_fault() -> None:
    (inside,) = etree.fromstring(RECEPTION.fault("What & <why>"))[0]
    assert inside.tag == f"{{{SOAP}}}Fault"
    assert inside.findtext("faultstring") == "What & <why>"


# --- the invitation --------------------------------------------------------------------------------------------------


def invited(address: str = "https://tieout.example/polled/quickbooks_desktop/") -> etree._Element:
    file = RECEPTION.invitation(
        name="Books & more", address=address, support=address, user="tieout-abc", place_id=FILE_ID, every_minutes=15
    )
    assert file.filename == "books-more.qwc"
    return etree.fromstring(file.body)


def test_the_invitation_is_what_the_web_connector_takes() -> None:
    root = invited()
    assert root.tag == "QBWCXML"
    told = {str(each.tag): each.text or "" for each in root.iter(etree.Element)}
    assert told["AppName"] == "Books & more"
    assert (told["UserName"], told["QBType"], told["RunEveryNMinutes"]) == ("tieout-abc", "QBFS", "15")
    assert (told["OwnerID"], told["FileID"]) == (OWNER_ID, f"{{{FILE_ID.upper()}}}")
    assert not {name for name in told if "assword" in name}


def test_the_invitation_never_leads_over_an_open_line() -> None:
    assert invited("http://localhost:8000/polled/x/") is not None
    with pytest.raises(ValueError, match="https"):
        invited("http://tieout.example/polled/x/")
