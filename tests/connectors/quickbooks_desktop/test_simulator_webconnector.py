"""The simulated web connector against a small web service of these tests, written after the WSDL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import pytest
import requests
from lxml import etree
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop, WebConnector
from integrations.simulation.control import Control
from tests.connectors.quickbooks_desktop.simulated import SPECS, XS, document, problems

OWNER, FILE = "{5F0C1F0A-6F5E-4D7A-9C4A-0F7B6C0F9D11}", "{5F0C1F0A-6F5E-4D7A-9C4A-0F7B6C0F9D12}"
ADD = "<CustomerAddRq><CustomerAdd><Name>{}</Name></CustomerAdd></CustomerAddRq>"
NAMESPACE = "http://developer.intuit.com/"


class Service:
    """A web service with a list of errands; it answers as the WSDL says and keeps what it heard."""

    def __init__(self, *errands: str) -> None:
        self.errands = [document(each) if each else "" for each in errands]
        self.heard: list[tuple[str, dict[str, str]]] = []
        self.sign_in = ["ticket-1", ""]
        self.percents: list[int] = []
        self.last_errors = ["Nothing more"]
        self.version_verdict = ""
        self.status = 200

    def __call__(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        envelope = etree.fromstring(body)
        (asked,) = envelope[0]
        if SPECS.is_dir():
            types = etree.parse(str(SPECS / "QBWebConnectorSvc.wsdl")).find(f".//{XS}schema")
            etree.XMLSchema(etree.fromstring(etree.tostring(types))).assertValid(asked)
        method = etree.QName(asked).localname
        assert headers["SOAPAction"] == f'"{NAMESPACE}{method}"'
        told = {etree.QName(each).localname: each.text or "" for each in asked}
        self.heard.append((method, told))
        answer: Any = getattr(self, f"_{method}")(told)
        inside = (
            "".join(f"<string>{escape(each)}</string>" for each in answer)
            if isinstance(answer, list)
            else escape(str(answer))
        )
        return self.status, (
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
            f'<{method}Response xmlns="{NAMESPACE}"><{method}Result>{inside}</{method}Result></{method}Response>'
            "</soap:Body></soap:Envelope>"
        ).encode()

    def _serverVersion(self, told: dict[str, str]) -> str:
        return "1.0"

    def _clientVersion(self, told: dict[str, str]) -> str:
        return self.version_verdict

    def _authenticate(self, told: dict[str, str]) -> list[str]:
        return self.sign_in if told["strPassword"] == "s3cret" else ["", "nvu"]

    def _sendRequestXML(self, told: dict[str, str]) -> str:
        return self.errands.pop(0) if self.errands else ""

    def _receiveResponseXML(self, told: dict[str, str]) -> int:
        return self.percents.pop(0) if self.percents else 50 if self.errands else 100

    def _connectionError(self, told: dict[str, str]) -> str:
        return "done"

    def _getLastError(self, told: dict[str, str]) -> str:
        return self.last_errors.pop(0)

    def _closeConnection(self, told: dict[str, str]) -> str:
        return "OK"

    def told(self, method: str) -> list[dict[str, str]]:
        return [told for name, told in self.heard if name == method]


@pytest.fixture
def program() -> QuickBooksDesktop:
    return QuickBooksDesktop()


def connector(program: QuickBooksDesktop, service: Callable[..., Any], **options: Any) -> WebConnector:
    return WebConnector(program, service, "acme-books", "s3cret", owner=OWNER, file=FILE, **options)


def test_a_visit_goes_through_all_errands_in_the_vendors_order(program: QuickBooksDesktop) -> None:
    service = Service(ADD.format("A &amp; B"), "<CustomerQueryRq/>")

    seen = connector(program, service).visit()

    exchange = ["sendRequestXML", "receiveResponseXML"]
    assert seen.calls == ["serverVersion", "clientVersion", "authenticate", *exchange, *exchange, "closeConnection"]
    assert (seen.ended, seen.said, seen.percents) == ("done", "OK", [50, 100])
    first, second = service.told("receiveResponseXML")
    assert problems(first["response"]) == problems(second["response"]) == []
    assert "A &amp; B" in second["response"]
    assert first["ticket"] == "ticket-1"


def test_the_first_request_tells_who_is_there_and_from_then_on_which_file(program: QuickBooksDesktop) -> None:
    service = Service(ADD.format("A"), ADD.format("B"))
    connector(program, service).visit()
    service.errands = [document("<HostQueryRq/>")]
    connector(program, service).visit()

    told = [each["strHCPResponse"] for each in service.told("sendRequestXML")]
    assert told[1] == ""
    assert [problems(told[0]), problems(told[2])] == [[], []]
    assert "FileID" not in told[0]
    root = etree.fromstring(told[2].encode())
    (extension,) = root.iter("DataExtRet")
    assert [each.text for each in extension] == [OWNER, "FileID", "STR255TYPE", FILE]
    assert root.findtext(".//CompanyName") == "Larkspur Trading Co."


def test_no_op_waits_and_asks_again(program: QuickBooksDesktop) -> None:
    pauses: list[float] = []
    service = Service("", "", "<CustomerQueryRq/>")
    service.last_errors = ["NoOp", "NoOp"]
    seen = connector(program, service, pace=0.001, sleep=pauses.append).visit()
    assert pauses == [0.005, 0.005]
    assert seen.ended == "done"


def test_nothing_to_do_is_said_and_closed(program: QuickBooksDesktop) -> None:
    seen = connector(program, Service()).visit()
    assert seen.calls[-3:] == ["sendRequestXML", "getLastError", "closeConnection"]
    assert seen.ended == "nothing to do"


def test_a_wrong_password_ends_the_visit_at_once(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerQueryRq/>")
    seen = WebConnector(program, service, "acme-books", "wrong").visit()
    assert (seen.ended, seen.calls[-1]) == ("refused", "authenticate")
    assert "password" in seen.said


def test_no_work_ends_the_visit_at_once(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerQueryRq/>")
    service.sign_in = ["ticket-1", "none"]
    assert connector(program, service).visit().calls[-1] == "authenticate"


def test_a_version_that_is_not_wanted_ends_the_visit(program: QuickBooksDesktop) -> None:
    service = Service()
    service.version_verdict = "E:too old"
    seen = connector(program, service).visit()
    assert (seen.ended, seen.said, seen.calls[-1]) == ("refused", "too old", "clientVersion")


def test_a_closed_program_is_told_as_a_connection_error(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerQueryRq/>")
    program.close_quickbooks()
    seen = connector(program, service).visit()
    assert (seen.ended, seen.calls[-1]) == ("no session", "connectionError")
    assert service.told("connectionError")[0]["hresult"] == "0x80040416"


def test_a_document_that_cannot_be_parsed_is_told_with_its_hresult(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerAddRq/>", "<CustomerQueryRq/>")
    seen = connector(program, service).visit()
    first = service.told("receiveResponseXML")[0]
    assert (first["response"], first["hresult"]) == ("", "0x80040400")
    assert seen.ended == "done"


def test_a_negative_percent_asks_what_is_wrong_and_leaves(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerQueryRq/>", "<CustomerQueryRq/>")
    service.percents, service.last_errors = [-1], ["Something broke"]
    seen = connector(program, service).visit()
    assert (seen.ended, seen.said, seen.calls[-2:]) == ("error", "Something broke", ["getLastError", "closeConnection"])


def test_a_session_that_is_cut_ends_without_a_word(program: QuickBooksDesktop) -> None:
    service = Service(ADD.format("A"), "<CustomerQueryRq/>")
    program.cut_session(on="write")
    seen = connector(program, service).visit()
    assert (seen.ended, seen.calls[-1]) == ("cut", "sendRequestXML")
    assert len(program.documents("Customer")) == 1


def test_a_service_that_fails_ends_the_visit(program: QuickBooksDesktop) -> None:
    service = Service()
    service.status = 500
    assert connector(program, service).visit().ended == "service failed"


QWC = """<?xml version="1.0"?><QBWCXML><AppName>Acme</AppName><AppID></AppID><AppURL>https://books.example/polled/</AppURL>
<AppDescription>Keeps books</AppDescription><AppSupport>https://{support}/help</AppSupport><UserName>acme-books</UserName>
<OwnerID>{owner}</OwnerID><FileID>{file}</FileID><QBType>QBFS</QBType><Scheduler><RunEveryNMinutes>5</RunEveryNMinutes></Scheduler>
</QBWCXML>"""


def test_a_qwc_file_makes_an_application(program: QuickBooksDesktop) -> None:
    service = Service("<CustomerQueryRq/>")
    qwc = QWC.format(support="books.example", owner=OWNER, file=FILE).encode()
    made = WebConnector.from_qwc(program, qwc, "s3cret", post=service)
    assert made.visit().ended == "done"
    assert program.company.settings.file_ids == {OWNER: FILE}


@pytest.mark.parametrize(
    ("support", "owner", "words"), [("elsewhere.example", OWNER, "QBWC1000"), ("books.example", "", "OwnerID")]
)
def test_a_qwc_file_that_is_not_right_cannot_be_added(
    program: QuickBooksDesktop, support: str, owner: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        WebConnector.from_qwc(program, QWC.format(support=support, owner=owner, file=FILE).encode(), "s3cret")


@pytest.fixture
def address() -> Iterator[tuple[str, Service]]:
    """A service that listens on loopback."""
    service = Service(ADD.format("A"))
    service.last_errors = ["Nothing more"] * 100

    @Request.application
    def application(request: Request) -> Response:
        status, body = service(request.get_data(), {"SOAPAction": request.headers["SOAPAction"]})
        return Response(body, status, mimetype="text/xml")

    server = make_server("127.0.0.1", 0, application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/", service
    server.shutdown()
    thread.join()


def test_the_sandbox_visits_an_address_until_it_is_stopped(
    program: QuickBooksDesktop, address: tuple[str, Service]
) -> None:
    url, service = address
    enough = threading.Event()
    real = service._closeConnection

    def close(told: dict[str, str]) -> str:
        if len(service.told("closeConnection")) >= 2:
            enough.set()
        return real(told)

    service._closeConnection = close
    controls = Control(program).simulator.controls()
    controls["start_visits"](url=url, user="acme-books", password="s3cret", every=0.01)
    assert enough.wait(20)
    controls["stop_visits"]()
    assert controls["visits"]()[0]["ended"] == "done"
    assert len(program.documents("Customer")) == 1


def test_over_http_there_is_only_a_page_that_says_what_it_is(program: QuickBooksDesktop) -> None:
    server = make_server("127.0.0.1", 0, program)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = requests.get(f"http://127.0.0.1:{server.port}/", timeout=10)
    finally:
        server.shutdown()
        thread.join()
    assert (page.status_code, "Larkspur Trading Co." in page.text) == (200, True)
